"""A bundle's file: a tar archive of which every byte is determined by its manifest, and read as strictly.

It holds manifest.json, SHA256SUMS, and then the files in the order of their names. So a reader knows each byte between the
files' contents, and the manifest knows these by digest: whatever is changed, missing or more is found.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_bundle import (
    MANIFEST,
    SUMS,
    File,
    Manifest,
    damaged,
    manifest_of,
)
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.archive import (
    DOCUMENT_BYTES,
    PIECE_BYTES,
    header,
    padding,
    whole,
)

END = bytes(2 * tarfile.BLOCKSIZE)


def made_from(context: str, dockerfile: str, build_args: Mapping[str, object]) -> str:
    """Return the digest of all that decides about an image and can be known without an engine."""
    root = contexts.checked(context, dockerfile)
    digest = contexts.context_digest(root, contexts.files(root, dockerfile))
    return contexts.image_digest(digest, dockerfile, {key: str(value) for key, value in build_args.items()}, {})


def file_of(path: Path) -> File:
    """Return the digest and the size of a file."""
    with path.open("rb") as source:
        return File(hashlib.file_digest(source, "sha256").hexdigest(), path.stat().st_size)


def write(path: Path, manifest: Manifest, sources: Mapping[str, Path]) -> None:
    """Write the bundle; it appears when it is whole. sources: where the manifest's files are."""
    text = manifest.text()
    with whole(path) as out:
        for name, content in ((MANIFEST, text), (SUMS, manifest.sums(text))):
            out.write(_member(name, content.encode()))
        for name in manifest.ordered:
            size = manifest.files[name].size
            out.write(header(name, size))
            with sources[name].open("rb") as source:
                for piece in _pieces(source, size):
                    out.write(piece)
            out.write(padding(size))
        out.write(END)


def read_manifest(path: Path) -> Manifest:
    """Return what the bundle says of itself. Raises Refused for a file that is none, that is damaged there, or that is newer."""
    with _opened(path) as source:
        return _manifest(path, source)


def read(path: Path, into: Path | None = None) -> Manifest:
    """Prove the bundle whole and return its manifest; into: a directory to write its files to. Raises Refused as above."""
    with _opened(path) as source:
        manifest = _manifest(path, source)
        for name in manifest.ordered:
            file = manifest.files[name]
            expected = header(name, file.size)
            if source.read(len(expected)) != expected:
                raise damaged(str(path), f"{name} is not where it should be")
            if _copy(source, file.size, into / name if into else None) != file.sha256:
                raise damaged(str(path), f"{name} is not what its SHA-256 says")
            if source.read(len(padding(file.size))) != padding(file.size):
                raise damaged(str(path), f"{name} does not end as it should")
        if source.read(len(END) + 1) != END:
            raise damaged(str(path), "it does not end as it should")
    return manifest


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise Refused(
            f"The bundle {path} cannot be read: {error.strerror}.",
            "All that the hosts need is in it.",
            "Set quai_bundle to a file that playbooks/bundle.yml has written; a relative path counts from where the command is run.",
        ) from None


def _manifest(path: Path, source: IO[bytes]) -> Manifest:
    """Read the bundle's own two files and return what the first says."""
    block = source.read(tarfile.BLOCKSIZE)
    try:
        entry = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError):
        entry = tarfile.TarInfo()
    if entry.name != MANIFEST or block != header(MANIFEST, entry.size):
        raise Refused(
            f"{path} is not a bundle of Quai's.",
            f"One begins with {MANIFEST}; this is something else, or was damaged there.",
            "Set quai_bundle to a file that playbooks/bundle.yml has written.",
        )
    if entry.size > DOCUMENT_BYTES:
        raise damaged(str(path), f"its {MANIFEST} has {entry.size} bytes")
    content = source.read(entry.size)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise damaged(str(path), f"its {MANIFEST} cannot be read ({error})") from None
    manifest = manifest_of(text, str(path))
    rest = padding(entry.size) + _member(SUMS, manifest.sums(text).encode())
    if len(content) != entry.size or source.read(len(rest)) != rest:
        raise damaged(str(path), f"its {MANIFEST} is not what {SUMS} says")
    return manifest


def _member(name: str, content: bytes) -> bytes:
    return header(name, len(content)) + content + padding(len(content))


def _pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield so many bytes in pieces; fewer where there are no more."""
    while size and (piece := source.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        yield piece


def _copy(source: IO[bytes], size: int, target: Path | None) -> str:
    """Read so many bytes, write them to the file where one is named, and return their SHA-256."""
    digest = hashlib.sha256()
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
    with (target or Path(os.devnull)).open("wb") as out:
        for piece in _pieces(source, size):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def unpacked(path: Path, cache: Path) -> Path:
    """Prove the bundle whole and return a directory below `cache` (on the controller) that holds its files."""
    directory = cache / hashlib.sha256(read_manifest(path).text().encode()).hexdigest()[:16]
    if directory.is_dir():
        read(path)
        os.utime(directory)
        return directory
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as near:
        read(path, Path(near, "bundle"))
        Path(near, "bundle").rename(directory)
    return directory
