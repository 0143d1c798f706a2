"""A build context as Docker sees it: the files after .dockerignore, in a tar that is the same for the same content."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from docker.utils.build import exclude_paths  # .dockerignore as the engine reads it, kept by Docker

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused

ARG = re.compile(r"\s*ARG\s+(.*)", re.IGNORECASE)
DECLARED = re.compile(r"""([A-Za-z_]\w*)(?:=("[^"]*"|'[^']*'|\S*))?(?:\s+|\Z)""")
FROM = re.compile(r"\s*FROM\s+(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*\Z", re.IGNORECASE)
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile needs from outside: its build arguments with their defaults, and the images it starts from."""

    arguments: Mapping[str, str]
    bases: tuple[str, ...]


def checked(context: str, dockerfile: str) -> Path:
    """Return the context's directory. Raises Refused where it, or the Dockerfile in it, is missing."""
    root = Path(context)
    remedy = (
        "Point myapp_context (app_image_context of the role) at a directory with a Dockerfile; a relative path counts "
        "from where the command is run."
    )
    if not root.is_dir():
        raise Refused(
            f"The build context {context} is not a directory.", "There is nothing to build the image from.", remedy
        )
    if not (root / dockerfile).is_file():
        raise Refused(f"The build context {context} has no {dockerfile}.", "It says how the image is built.", remedy)
    return root


def read_dockerfile(text: str, arguments: Mapping[str, str]) -> Dockerfile:
    """Return the declared arguments and the outside images of a Dockerfile, the given arguments put in."""
    declared: dict[str, str] = {}
    values: dict[str, str] = {}
    stages: set[str] = set()
    bases: list[str] = []

    def filled(text: str) -> str:
        return VARIABLE.sub(lambda found: values.get(found[1] or found[3], "") or found[2] or "", text)

    started = False
    # The engine drops comments before it joins lines, so one may stand between the parts of an instruction.
    for line in re.sub(r"\\\r?\n", " ", re.sub(r"(?m)^[ \t]*#.*\n?", "", text)).splitlines():
        if match := ARG.match(line):
            for name, default in DECLARED.findall(match[1]):
                declared.setdefault(name, default.strip("\"'"))
                if not started:  # only arguments before the first FROM count in FROM lines
                    values[name] = arguments.get(name, filled(default.strip("\"'")))
        elif match := FROM.match(line):
            started = True
            base = filled(match[1])
            if base.lower() not in stages and base != "scratch" and base not in bases:
                bases.append(base)
            if match[2]:
                stages.add(match[2].lower())
    return Dockerfile(declared, tuple(bases))


def files(root: Path, dockerfile: str) -> list[str]:
    """Return the context's paths relative to its root, sorted: what .dockerignore leaves, always with the Dockerfile."""
    ignore = root / ".dockerignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    paths = sorted(set(exclude_paths(str(root), patterns, dockerfile=dockerfile)))
    return [path for path in paths if not (root / path).is_socket()]  # as the engine's own client does


def write_tar(root: Path, paths: list[str], target: IO[bytes] | io.RawIOBase) -> None:
    """Write the paths as an uncompressed tar without times or owners, so that the same content makes the same bytes."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            entry = archive.gettarinfo(str(root / path), arcname=path)
            if entry.islnk():  # a hard link is a matter of this checkout
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", (root / path).stat().st_size
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.isreg():
                with (root / path).open("rb") as source:
                    archive.addfile(entry, source)
            else:
                archive.addfile(entry)


class _Hashing(io.RawIOBase):
    """A file that keeps only the digest of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._size = 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size


def context_digest(root: Path, paths: list[str]) -> str:
    """Return the sha256 (hex) of the context's tar, without writing it anywhere."""
    target = _Hashing()
    write_tar(root, paths, target)
    return target.digest.hexdigest()


def image_digest(context: str, dockerfile: str, arguments: Mapping[str, str], bases: Mapping[str, str]) -> str:
    """Return the tag of an image: 12 hex digits of all it is made from.

    context: digest of its tar; dockerfile: its path in the context; bases: image name to id (`sha256:...`).
    """
    made_from = {
        "context": context,
        "dockerfile": dockerfile,
        "arguments": dict(arguments),
        "bases": sorted(bases.values()),
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:12]


def revision(root: Path) -> str:
    """Return what git says of a directory, or `unknown` outside of a checkout."""
    command = ["git", "-C", os.fspath(root), "describe", "--always", "--dirty", "--tags"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip() or "unknown"
