"""An archive of `docker save`: read, proven whole, and written again as engines before 1.10 load it.

Engines since 1.10 load each other's archives as they are, those of engine 25 and later (OCI layout) too. Nothing is ever
unpacked: members are found by name and copied piece by piece, so that neither a name nor a size in an archive can do harm.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import posixpath
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from ansible_collections.quai.engine.plugins.module_utils.old_image import old_layers, repositories, text
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused

PIECE_BYTES = 1 << 20
DOCUMENT_BYTES = 8 << 20
"""No document of an image is larger: what is cannot be read into memory."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
NAMED_BY_DIGEST = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?\Z")
GZIP = b"\x1f\x8b"
OTHERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zX": "xz", b"BZh": "bzip2"}
ATTESTATION = "vnd.docker.reference.type"

Read = TypeVar("Read")


def prove(path: Path) -> None:
    """Raise Refused for an archive that is damaged, as far as its documents and the list of its members tell, or holds several images."""
    with _opened(path) as archive:
        archive.image()


def convert(source: Path, target: Path, reference: str) -> str:
    """Write the one image of an archive to `target` as engines before 1.10 load it, and return the id it will have there.

    reference: the name and tag it will have. The same image makes the same bytes, whichever engine saved it. `target`
    appears when it is whole. Raises Refused for an archive that is damaged or holds several images.
    """
    with _opened(source) as archive, whole(target) as out:
        config, members = archive.image()
        layers = archive.understood("the image's configuration", lambda: old_layers(config))
        for layer, member in zip(layers, members, strict=True):
            _add(out, f"{layer.id}/", b"")
            _add(out, f"{layer.id}/VERSION", b"1.0")
            _add(out, f"{layer.id}/json", text(layer.document).encode())
            _add_stream(out, f"{layer.id}/layer.tar", archive.layer(member, layer.diff_id))
        _add(out, "repositories", text(repositories(reference, layers)).encode())
        out.write(bytes(2 * tarfile.BLOCKSIZE))
    return f"sha256:{layers[-1].id}"


class _Archive:
    """An open archive; its members by name."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        self._path = path
        self._tar = tar
        self._members = {self._inside(member.name): member for member in tar}

    def image(self) -> tuple[Mapping[str, Any], list[str]]:
        """Return the configuration of the one image there is, and the names of its layers, lowest first."""
        config_name, members = self._listed()
        config = self._document(config_name)
        layers = self.understood(config_name, lambda: len(config["rootfs"]["diff_ids"]))
        if not layers:
            raise self.damaged("its image has no layer, so that nothing of it could run")
        if layers != len(members):
            raise self.damaged(f"{config_name} names {layers} layers, and {len(members)} are listed")
        for member in members:
            self._member(member)
        return config, members

    def _listed(self) -> tuple[str, list[str]]:
        """Return the names of the configuration and of the layers, from the list that the archive carries."""
        if "manifest.json" in self._members:  # of every engine since 1.10
            entries = self._document("manifest.json")
            listed = self.understood("manifest.json", lambda: [(str(e["Config"]), list(e["Layers"])) for e in entries])
        elif "index.json" in self._members:  # an OCI layout of other programs
            index = self._document("index.json")
            found = self.understood("index.json", lambda: dict(self._manifests(index["manifests"], top=True)))
            listed = self.understood(
                "its manifest",
                lambda: [
                    (self._blob(m["config"]["digest"]), [self._blob(layer["digest"]) for layer in m["layers"]])
                    for m in found.values()
                ],
            )
        else:
            raise self.damaged("it is cut short, or no archive of `docker save` (neither manifest.json nor index.json)")
        if len(listed) != 1:
            raise self.damaged(f"it holds {len(listed)} images, and one is wanted")
        return listed[0]

    def _manifests(self, descriptors: Sequence[Mapping[str, Any]], top: bool) -> Iterator[tuple[str, Any]]:
        """Yield the manifests of images by their digests; an index may name platforms that were not saved."""
        for descriptor in descriptors:
            name = self._blob(descriptor["digest"])
            if ATTESTATION in (descriptor.get("annotations") or {}) or (not top and name not in self._members):
                continue
            document = self._document(name)
            if "manifests" in document:
                yield from self._manifests(document["manifests"], top=False)
            else:
                yield name, document

    def _blob(self, digest: str) -> str:
        if not DIGEST.match(digest):
            raise self.damaged(f"{digest!r} is no sha256 digest")
        return f"blobs/sha256/{digest.removeprefix('sha256:')}"

    def layer(self, name: str, diff_id: str) -> Iterator[bytes]:
        """Yield a layer's tar in pieces. Raises Refused, after the last one, when it is not what the digest says."""
        member = self._file(name)
        begin = member.read(4)
        member.seek(0)
        for magic, kind in OTHERS.items():
            if begin.startswith(magic):
                raise self.damaged(
                    f"its layer {name} is compressed with {kind}, which old engines and this project cannot read"
                )
        plain = gzip.GzipFile(fileobj=member) if begin.startswith(GZIP) else member
        digest = hashlib.sha256()
        try:
            while piece := plain.read(PIECE_BYTES):
                digest.update(piece)
                yield piece
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self.damaged(f"its layer {name} cannot be read ({error})") from error
        if f"sha256:{digest.hexdigest()}" != diff_id:
            raise self.damaged(f"its layer {name} has the digest sha256:{digest.hexdigest()}, not {diff_id}")

    def _document(self, name: str) -> Any:
        member = self._member(name)
        if member.size > DOCUMENT_BYTES:
            raise self.damaged(f"{name} has {member.size} bytes, more than any document of an image")
        content = self._file(name).read()
        stated = NAMED_BY_DIGEST.match(name)
        if stated and stated[1] != (digest := hashlib.sha256(content).hexdigest()):
            raise self.damaged(f"{name} has the digest {digest}, not the one of its name")
        return self.understood(name, lambda: json.loads(content))

    def _file(self, name: str) -> IO[bytes]:
        return cast("IO[bytes]", self._tar.extractfile(self._member(name)))  # there is one for a regular file

    def _member(self, name: str) -> tarfile.TarInfo:
        """Return the regular file of this name; an engine saves a layer that occurs twice as a link to the first."""
        wanted = name
        for _hop in range(8):
            member = self._members.get(self._inside(wanted))
            if member is None:
                raise self.damaged(f"{name} is missing from it")
            if member.isreg():
                return member
            if not (member.issym() or member.islnk()):
                raise self.damaged(f"{name} is no file in it")
            beside = posixpath.dirname(member.name) if member.issym() else ""
            wanted = posixpath.normpath(posixpath.join(beside, member.linkname))
        raise self.damaged(f"{name} is a link that leads nowhere")

    def _inside(self, name: str) -> str:
        path = posixpath.normpath(name)
        if path.startswith(("/", "..")) or "\0" in path:
            raise self.damaged(f"it names {name!r}, a path outside of itself")
        return path

    def understood(self, name: str, read: Callable[[], Read]) -> Read:
        """Return what `read` makes of a document. Raises Refused where it is not made as such a document is."""
        try:
            return read()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.damaged(f"{name} is not what it should be ({type(error).__name__}: {error})") from error

    def damaged(self, reason: str) -> Refused:
        """Return the refusal of this archive; reason: a sentence's end, without the stop."""
        return _damaged(self._path, reason)


def _damaged(path: Path, reason: str) -> Refused:
    return Refused(
        f"The image archive {path} cannot be used: {reason}.",
        "An image that is not whole would fail on the host, or worse, start there.",
        "Remove it and save the image again (docker save -o FILE NAME:TAG).",
    )


@contextmanager
def _opened(path: Path) -> Iterator[_Archive]:
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield _Archive(path, tar)
    except tarfile.TarError as error:
        raise _damaged(path, f"it is cut short, or no tar archive ({error})") from error


@contextmanager
def whole(target: Path) -> Iterator[IO[bytes]]:
    """Give a file to write that becomes `target` when all has gone well, and otherwise leaves nothing."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as out:
        try:
            yield out.file
            out.flush()
            os.replace(out.name, target)
        except BaseException:
            os.unlink(out.name)
            raise


def _add(out: IO[bytes], name: str, content: bytes) -> None:
    out.write(header(name, len(content)))
    out.write(content + padding(len(content)))


def _add_stream(out: IO[bytes], name: str, pieces: Iterator[bytes]) -> None:
    """Write a member whose size is known only at its end: the header is written again then."""
    start = out.tell()
    out.write(header(name, 0))
    size = 0
    for piece in pieces:
        out.write(piece)
        size += len(piece)
    out.write(padding(size))
    end = out.tell()
    out.seek(start)
    out.write(header(name, size))
    out.seek(end)


def header(name: str, size: int) -> bytes:
    """Return the header of a member, the same for the same name and size (bytes); a name that ends with / is a directory's."""
    entry = tarfile.TarInfo(name.rstrip("/"))
    entry.size = size
    entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if name.endswith("/") else (tarfile.REGTYPE, 0o644)
    return entry.tobuf(tarfile.GNU_FORMAT)  # its sizes have no limit, and every engine reads them


def padding(size: int) -> bytes:
    """Return what follows a member of this size (bytes)."""
    return bytes(-size % tarfile.BLOCKSIZE)
