"""Documents of `docker inspect`, of every engine from 1.6.2 to today, as small typed values."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

ANONYMOUS = re.compile(r"[0-9a-f]{64}\Z")
"""The name Docker gives a volume nobody named."""


# Engines before 1.8 tell no names: 1.6 kept such a volume in the first place, 1.7 in the second.
_ANONYMOUS_PLACE = re.compile(r"/(vfs/dir/[0-9a-f]{64}|volumes/[0-9a-f]{64}/_data)\Z")

EVERY = "0.0.0.0"  # noqa: S104 - how the engine writes "every address of the host"


@dataclass(frozen=True)
class Mount:
    """One mount of a container: a volume (name set) or a bind of a host directory (name empty)."""

    destination: str
    source: str
    name: str = ""

    @property
    def anonymous(self) -> bool:
        """True for a volume without a name of its own: prunable, and lost once its container is removed with -v."""
        return bool(ANONYMOUS.match(self.name)) or (not self.name and bool(_ANONYMOUS_PLACE.search(self.source)))


@dataclass(frozen=True)
class Container:
    """One container. Memory in bytes and pids as a count, 0 for no limit; published as (address, port, container port)."""

    name: str
    id: str
    image_id: str
    image: str
    running: bool
    paused: bool
    restarting: bool
    exit_code: int
    oom_killed: bool
    error: str
    pid: int
    restarts: int
    started_at: str
    health: str
    user: str
    memory: int
    pids: int
    read_only: bool
    cap_drop: tuple[str, ...]
    security: tuple[str, ...]
    restart_policy: str
    volumes_from: tuple[str, ...]
    published: tuple[tuple[str, int, int], ...]
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    env: tuple[str, ...] = ()
    """The image's own environment included, as `NAME=value`."""
    tmpfs: tuple[str, ...] = ()
    """As `--tmpfs` takes them: a path, or path:options."""

    @property
    def condition(self) -> str:
        """What the container is doing, in one word."""
        if self.restarting:
            return "restarting"
        if self.paused:
            return "paused"
        if self.running:
            return "running"
        return "stopped" if moment(self.started_at) else "created"

    def mount_at(self, path: str) -> Mount | None:
        """Return the mount whose destination is this path of the container, if there is one."""
        return next((mount for mount in self.mounts if mount.destination == path), None)


@dataclass(frozen=True)
class Image:
    """One image: its id (always with `sha256:`), names, labels, size in bytes and the paths it declares as volumes.

    Engines before 1.10 tell neither names nor layers (the digests of their tars, lowest first).
    """

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    size: int
    volumes: tuple[str, ...] = ()
    created: str = ""
    env: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    architecture: str = ""


@dataclass(frozen=True)
class Volume:
    """One named or anonymous volume with the options it was created with."""

    name: str
    driver: str
    options: Mapping[str, str]
    labels: Mapping[str, str]
    mountpoint: str


def documents(text: str) -> list[dict[str, Any]]:
    """Return the documents that an inspect printed; none for an empty answer. Raises ValueError for anything else."""
    text = text.strip()
    if not text:
        return []
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(f"docker inspect printed no list but {text[:80]!r}")  # noqa: TRY004 - it is the text that is wrong
    return [document for document in found if isinstance(document, dict)]


def containers(text: str) -> list[Container]:
    """Return the containers among the inspected documents; old engines answer with an image where no container has the name."""
    return [_container(document) for document in documents(text) if isinstance(document.get("State"), dict)]


def images(text: str) -> list[Image]:
    """Return the images among the inspected documents."""
    return [_image(document) for document in documents(text) if "Id" in document and "State" not in document]


def volumes(text: str) -> list[Volume]:
    """Return the volumes among the inspected documents."""
    return [_volume(document) for document in documents(text) if "Mountpoint" in document]


def with_names(found: Iterable[Image], listing: str) -> list[Image]:
    """Return the images with the names that `docker images --no-trunc` printed: old engines tell them nowhere else."""
    rows = [line.split()[:3] for line in listing.splitlines()[1:]]
    names = [(f"{row[0]}:{row[1]}", _image_id(row[2])) for row in rows if len(row) == 3]
    return [replace(image, tags=tuple(name for name, image_id in names if image_id == image.id)) for image in found]


def by_name(found: Iterable[Container], name: str) -> Container | None:
    """Return the container of exactly this name."""
    return next((container for container in found if container.name == name), None)


def moment(text: str) -> datetime.datetime | None:
    """Return a time as engines write it; None for none, and for the year 1, by which they mean never."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year > 1 and found.tzinfo else None


def engine_version(text: str) -> tuple[int, ...]:
    """Return the engine's version as numbers, (20, 10, 24) for "20.10.24+dfsg1"; empty where the text holds none."""
    match = re.match(r"\s*(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def _image_id(text: str) -> str:
    return f"sha256:{text}" if ANONYMOUS.match(text) else text


def _container(document: Mapping[str, Any]) -> Container:
    state: Mapping[str, Any] = document["State"]
    config: Mapping[str, Any] = document.get("Config") or {}
    host: Mapping[str, Any] = document.get("HostConfig") or {}
    policy: Mapping[str, Any] = host.get("RestartPolicy") or {}
    retries = int(policy.get("MaximumRetryCount") or 0)
    return Container(
        name=str(document.get("Name", "")).lstrip("/"),
        id=str(document.get("Id", "")),
        image_id=_image_id(str(document.get("Image", ""))),
        image=str(config.get("Image", "")),
        running=bool(state.get("Running")),
        paused=bool(state.get("Paused")),
        restarting=bool(state.get("Restarting")),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        pid=int(state.get("Pid") or 0),
        restarts=int(document.get("RestartCount") or 0),
        started_at=str(state.get("StartedAt") or ""),
        health=str((state.get("Health") or {}).get("Status", "")),
        user=str(config.get("User") or ""),
        memory=int(host.get("Memory") or config.get("Memory") or 0),
        pids=max(0, int(host.get("PidsLimit") or 0)),
        read_only=bool(host.get("ReadonlyRootfs")),
        cap_drop=tuple(host.get("CapDrop") or ()),
        security=tuple(host.get("SecurityOpt") or ()),
        restart_policy=f"{policy.get('Name') or 'no'}:{retries}" if retries else str(policy.get("Name") or "no"),
        volumes_from=tuple(str(name).split(":")[0] for name in host.get("VolumesFrom") or ()),
        published=_published(host.get("PortBindings") or {}),
        mounts=_mounts(document),
        labels=dict(config.get("Labels") or {}),
        created=str(document.get("Created") or ""),
        env=tuple(config.get("Env") or ()),
        tmpfs=tuple(f"{path}:{options}" if options else path for path, options in (host.get("Tmpfs") or {}).items()),
    )


def _published(bindings: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for port, hosts in bindings.items():
        for binding in hosts or ():
            first = str(binding.get("HostPort") or 0).split("-")[0]  # of a range such as 8000-8002
            found.append((str(binding.get("HostIp") or EVERY), int(first), int(port.split("/")[0])))
    return tuple(sorted(found))


def _mounts(document: Mapping[str, Any]) -> tuple[Mount, ...]:
    if "Mounts" in document:
        found = [
            Mount(str(mount.get("Destination", "")), str(mount.get("Source", "")), str(mount.get("Name") or ""))
            for mount in document["Mounts"] or ()
        ]
    else:  # engines before 1.8 know paths only
        found = [Mount(str(path), str(source)) for path, source in (document.get("Volumes") or {}).items()]
    return tuple(sorted(found, key=lambda mount: mount.destination))


def _image(document: Mapping[str, Any]) -> Image:
    return Image(
        id=_image_id(str(document["Id"])),
        tags=tuple(document.get("RepoTags") or ()),
        labels=dict((document.get("Config") or {}).get("Labels") or {}),
        size=int(document.get("VirtualSize") or document.get("Size") or 0),
        volumes=tuple(sorted((document.get("Config") or {}).get("Volumes") or ())),
        created=str(document.get("Created") or ""),
        env=tuple((document.get("Config") or {}).get("Env") or ()),
        layers=tuple((document.get("RootFS") or {}).get("Layers") or ()),
        architecture=str(document.get("Architecture") or ""),
    )


def _volume(document: Mapping[str, Any]) -> Volume:
    return Volume(
        name=str(document.get("Name", "")),
        driver=str(document.get("Driver", "")),
        options=dict(document.get("Options") or {}),
        labels=dict(document.get("Labels") or {}),
        mountpoint=str(document.get("Mountpoint", "")),
    )
