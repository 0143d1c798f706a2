"""A bundle's file: a tar archive of which every byte is determined by its manifest, and read as strictly.

It holds manifest.json, SHA256SUMS, and then the files in the order of their names. So a reader knows each byte between the
files' contents, and the manifest knows these by digest: whatever is changed, missing or more is found.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

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

CODE = ("roles", "playbooks", "collections")
END = bytes(2 * tarfile.BLOCKSIZE)


def made_from(image: Mapping[str, Any]) -> str:
    """Return the digest of all that decides about an image and can be known without an engine.

    image: context, dockerfile, build_args, base, base_source and base_runtime, as quai.engine.image takes them.
    """
    dockerfile = image["dockerfile"]
    root = contexts.checked(image["context"], dockerfile)
    decides = {
        "context": contexts.context_digest(root, contexts.files(root, dockerfile)),
        "dockerfile": dockerfile,
        "build_args": {key: str(value) for key, value in image["build_args"].items()},
        **{key: image[key] for key in ("base", "base_source", "base_runtime")},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def code_digest(project: Path) -> str:
    """Return the SHA-256 (hex) of Quai's own code, whatever git knows of it: paths and bytes of its files."""
    digest = hashlib.sha256()
    for path in sorted(each for name in CODE for each in (project / name).rglob("*")):
        inside = path.relative_to(project)
        if not path.is_file() or path.suffix == ".pyc" or any(_is_left_behind(part) for part in inside.parts):
            continue
        digest.update(file_of(path).sha256.encode() + os.fsencode(inside) + b"\0")
    return digest.hexdigest()


def _is_left_behind(name: str) -> bool:
    """Return whether a file or directory of that name is one that tools make."""
    return name == "__pycache__" or name.startswith(".")


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


def refuse_to_replace(path: Path) -> None:
    """Raise Refused where a file is there that does not begin as a bundle; one that is damaged behind that can be replaced."""
    if not path.exists():
        return
    if path.is_file():
        with contextlib.suppress(OSError), path.open("rb") as source:
            if _entry(source.read(tarfile.BLOCKSIZE)):
                return
    raise Refused(
        f"{path} is there already, and is not a bundle of Quai's.",
        "Writing a bundle would destroy it.",
        "Name another file (bundle_file), or move that one away.",
    )


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
    entry = _entry(source.read(tarfile.BLOCKSIZE))
    if entry is None:
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


def _entry(block: bytes) -> tarfile.TarInfo | None:
    """Return the manifest's entry, with which each bundle begins; None for any other block."""
    try:
        entry = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError):
        return None
    return entry if entry.name == MANIFEST and block == header(MANIFEST, entry.size) else None


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
    """Prove the bundle whole and return a directory below `cache` (on the controller) that holds its files, and these only."""
    manifest = read_manifest(path)
    directory = cache / hashlib.sha256(manifest.text().encode()).hexdigest()[:16]
    if _holds(directory, manifest):
        read(path)
        os.utime(directory)
        return directory
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as near:
        read(path, Path(near, "bundle"))
        if directory.exists():
            with contextlib.suppress(FileNotFoundError):  # another run was faster
                directory.rename(Path(near, "altered"))
        try:
            Path(near, "bundle").rename(directory)
        except OSError:  # another run was faster
            if not _holds(directory, manifest):
                raise
    return directory


def _holds(directory: Path, manifest: Manifest) -> bool:
    """Return whether the directory has the manifest's files as they were, and no other."""
    names = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}
    try:
        return names == set(manifest.files) and all(
            file_of(directory / name) == file for name, file in manifest.files.items()
        )
    except OSError:  # one that cannot be read
        return False
