"""How a host is: what was read there, what is wrong with it, and its row for people and machines. Pure.

Bad is what does not serve, or soon will not, or puts data at risk; a warning is what serves on and wants a look.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ansible_collections.quai.engine.plugins.module_utils import plan_image, plan_release
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Image, Volume, moment

State = Literal["ok", "warning", "bad"]

LOOP_RESTARTS = 3
LOOP_SECONDS = 300
"""A container that was restarted this often, and last within these seconds, is in a loop, whatever it does right now."""
FULL = 0.9
"""Share of the disk from which on a warning is due."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, as a sentence."""

    level: Literal["warning", "bad"]
    text: str


@dataclass(frozen=True)
class Disk:
    """The file system that holds the data, and what is on it, in bytes; None where it could not be read."""

    total: int | None = None
    free: int | None = None
    data: int | None = None
    logs: Mapping[str, int] = field(default_factory=dict)
    """Log file (a path as the container sees it, or `output` for what the engine keeps of it) to its size, rotated ones included."""


@dataclass(frozen=True)
class Seen:
    """What was read on a host, and what the inventory asks for. problem: why the engine could not be read, if so."""

    now: datetime.datetime
    problem: str = ""
    engine: str = ""
    containers: tuple[Container, ...] = ()
    images: tuple[Image, ...] = ()
    """Those that Quai built."""
    volume: Volume | None = None
    disk: Disk = field(default_factory=Disk)
    oom_kills: int | None = None
    """Processes of the running container that the kernel killed for want of memory."""
    token: str = ""
    registered: str = ""
    name: str = "web"
    volumes_from: str = ""
    data_path: str = "/data"
    directory: str = ""
    """Where the inventory wants the data; empty for the engine's own place."""
    wanted: plan_release.Wanted | None = None
    unwanted: str = ""
    """Why the inventory's release cannot be worked out, if so."""
    code: tuple[str, str] | None = None
    """Digest of what the image was made of, and of what it would be made of now."""
    free_bytes: int = 0
    """Least free space."""
    old: bool = False
    """Whether the engine is one of Debian 8, of which less can be told."""

    @property
    def container(self) -> Container | None:
        """The container that serves."""
        return self.named(self.name)

    def named(self, name: str) -> Container | None:
        """Return the container of this name."""
        return next((each for each in self.containers if each.name == name), None)

    def image_of(self, container: Container | None) -> Image | None:
        """Return the image that Quai built and the container runs, if it is one."""
        return next((each for each in self.images if container and each.id == container.image_id), None)


@dataclass(frozen=True)
class Look:
    """What the look at the host's disk and kernel told."""

    disk: Disk
    oom_kills: int | None
    token: str


def looked(text: str) -> Look:
    """Return what the look printed: lines of `oom COUNT`, `token UUID`, `disk KIB KIB`, `data KIB`, `log BYTES FILE`."""
    found: dict[str, list[str]] = {}
    logs: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split(" ", 2)
        if words[0] == "log" and len(words) == 3 and words[1].isdecimal():
            logs[words[2]] = int(words[1])
        elif len(words) > 1:
            found[words[0]] = words[1:]
    total, free = _numbers(found.get("disk", []), 2, 1024)
    (data,) = _numbers(found.get("data", []), 1, 1024)
    (kills,) = _numbers(found.get("oom", []), 1, 1)
    return Look(Disk(total, free, data, logs), kills, "".join(found.get("token", [])))


def _numbers(words: Sequence[str], count: int, unit: int) -> list[int | None]:
    fits = len(words) == count and all(word.isdecimal() for word in words)
    return [int(word) * unit for word in words] if fits else [None] * count


def drift(seen: Seen) -> dict[str, tuple[object, object]]:
    """Return what differs between the host and the inventory: name of the property to (is, should be)."""
    found: dict[str, tuple[object, object]] = {}
    if seen.container and seen.wanted:
        found = plan_release.drift(seen.container, seen.wanted)
        source = seen.named(seen.volumes_from)
        if source and (has := plan_release.volume_mismatch(seen.container, source, seen.wanted)):
            found["data"] = (has, seen.volumes_from)
    if seen.code and seen.code[0] != seen.code[1]:
        found.pop("image", None)  # another one will be made
        found["code"] = seen.code
    if len(found) > 1:
        found.pop("release", None)  # the digest of the others
    kept = seen.volume.options.get("device", "") if seen.volume else ""
    if seen.volume and seen.directory and kept != seen.directory:
        found["directory"] = (kept or seen.volume.mountpoint, seen.directory)
    return found


def judge(seen: Seen) -> list[Finding]:
    """Return what is wrong, the worst first."""
    if seen.problem:
        return [Finding("bad", seen.problem)]
    found = [*_of_the_container(seen), *_of_the_release(seen), *_of_the_data(seen), *_of_the_disk(seen)]
    return sorted(found, key=lambda finding: finding.level)


def _of_the_container(seen: Seen) -> Iterator[Finding]:
    container, name = seen.container, seen.name
    if container is None:
        yield Finding("bad", f"Nothing is served: there is no container {name}. Run site.yml.")
        return
    killed = ", out of memory" if container.oom_killed else ""
    times = f"{container.restarts} time{'s' if container.restarts != 1 else ''}"
    if container.restarting or (container.restarts >= LOOP_RESTARTS and container.running and _young(seen, container)):
        yield Finding(
            "bad",
            f"{name} dies and is restarted again and again ({times}, last exit code {container.exit_code}{killed}).",
        )
    elif container.paused:
        yield Finding("bad", f"{name} is paused: nothing answers. docker unpause {name}, or site.yml, wakes it.")
    elif not container.running:
        error = f" {container.error}" if container.error else ""
        yield Finding("bad", f"{name} has stopped (exit code {container.exit_code}{killed}).{error}")
    elif container.restarts:
        yield Finding("warning", f"{name} died and was restarted {times}, last at {container.started_at[:19]}Z.")
    if container.running and container.health == "unhealthy":
        yield Finding("bad", f"{name} is unhealthy: it runs, but its page does not answer 200.")
    kills = max(seen.oom_kills or 0, int(container.oom_killed))
    if container.running and kills:
        limit = f"its limit is {size(container.memory)}" if container.memory else "it has no limit of its own"
        killed = f"A process of {name} was" if kills == 1 else f"{kills} processes of {name} were"
        yield Finding("warning", f"{killed} killed for want of memory ({limit}).")


def _young(seen: Seen, container: Container) -> bool:
    started = moment(container.started_at)
    return started is not None and (seen.now - started).total_seconds() < LOOP_SECONDS


def _of_the_release(seen: Seen) -> Iterator[Finding]:
    container = seen.container
    if seen.unwanted:
        yield Finding("warning", f"The inventory cannot be compared with the host: {seen.unwanted}")
    made = container is None or container.labels.get(plan_release.LABEL_APP) == seen.name
    if container and not (made and seen.image_of(container)):
        what = "an image" if made else "in a container"
        yield Finding("bad", f"{seen.name} runs {container.image}, {what} that Quai did not make.")
    elif differs := {key: pair for key, pair in drift(seen).items() if key not in ("data", "directory")}:
        told = "; ".join(f"{key} is {_plain(pair[0])}, should be {_plain(pair[1])}" for key, pair in differs.items())
        yield Finding("warning", f"The host differs from the inventory: {told}. site.yml would put it right.")
    left = [each for part in ("candidate", "next", "previous") if seen.named(each := f"{seen.name}-{part}")]
    if left:
        yield Finding("warning", f"{', '.join(left)} was left by an interrupted run. site.yml would put it right.")


def _of_the_data(seen: Seen) -> Iterator[Finding]:
    differs = drift(seen)
    if seen.volumes_from and seen.container and seen.named(seen.volumes_from) is None:
        yield Finding("bad", f"The data's container {seen.volumes_from} is gone. site.yml would make it again.")
    if "data" in differs:
        has, should = differs["data"]
        yield Finding("bad", f"{seen.name} writes to the volume {has}, and {should} holds another.")
    if "directory" in differs:
        is_in, should = differs["directory"]
        yield Finding("bad", f"The data is kept in {is_in}, and the inventory says {should}.")
    mount = seen.container.mount_at(seen.data_path) if seen.container else None
    if mount and mount.anonymous:
        yield Finding(
            "warning",
            f"The data is in an anonymous volume ({(mount.name or mount.source.rpartition('/')[2])[:12]}), which docker rm -v would delete.",
        )
    if seen.registered and seen.token != seen.registered:
        found = "another volume's token" if seen.token else "no token"
        yield Finding(
            "bad", f"The data is not what it was: it holds {found}, and this host remembers {seen.registered}."
        )


def _of_the_disk(seen: Seen) -> Iterator[Finding]:
    disk = seen.disk
    if disk.free is None or not disk.total:
        return
    if disk.free < seen.free_bytes:
        yield Finding(
            "bad",
            f"The disk of the data is full: {size(disk.free)} free of {size(disk.total)}, {size(seen.free_bytes)} are "
            "asked for. The application serves on and its log is lost.",
        )
    elif disk.free < (1 - FULL) * disk.total:
        yield Finding("warning", f"The disk of the data is nearly full: {size(disk.free)} free of {size(disk.total)}.")
    if sum(disk.logs.values()) > disk.free:
        yield Finding("warning", f"The logs ({size(sum(disk.logs.values()))}) are larger than what is free.")


# --- the row ----------------------------------------------------------------------------------------------------------


def row(seen: Seen, **more: object) -> dict[str, Any]:
    """Return the host's row, of plain values, ready for JSON. more: what the caller knows besides (address, machine)."""
    container, found = seen.container, judge(seen)
    image = seen.image_of(container)
    return {
        "state": worst(found),
        "findings": [asdict(finding) for finding in found],
        "engine": seen.engine,
        "release": container.labels.get(plan_release.LABEL_RELEASE, "") if container else "",
        "image": _image_name(image, container),
        "container": container.condition if container else "",
        "health": container.health if container else "",
        "up_since": container.started_at if container and container.running else "",
        "restarts": container.restarts if container else None,
        "oom_kills": _kills(seen, container) if container else None,
        "volume": seen.token,
        "data_bytes": seen.disk.data,
        "free_bytes": seen.disk.free,
        "disk_bytes": seen.disk.total,
        "log_bytes": sum(seen.disk.logs.values()) if seen.disk.logs else None,
        "logs": dict(seen.disk.logs),
        "drift": {key: [_plain(value) for value in pair] for key, pair in drift(seen).items()},
        "containers": [_drawn(each, seen.image_of(each)) for each in seen.containers],
        "releases": _releases(seen),
        "now": seen.now.isoformat(timespec="seconds"),
        **more,
    }


def _kills(seen: Seen, container: Container) -> int | None:
    known = seen.oom_kills is not None or container.oom_killed or not seen.old
    return max(seen.oom_kills or 0, int(container.oom_killed)) if known else None


def worst(found: Sequence[Finding]) -> State:
    """Return the state of a host with these findings."""
    levels = {finding.level for finding in found}
    return "bad" if "bad" in levels else "warning" if levels else "ok"


def _image_name(image: Image | None, container: Container | None) -> str:
    """Return the name that tells the content, where there is one."""
    if image and plan_image.LABEL_DIGEST in image.labels:
        return f"{image.labels.get(plan_image.LABEL_NAME, '')}:{image.labels[plan_image.LABEL_DIGEST]}"
    name = container.image if container else ""
    return name.removeprefix("sha256:")[:12] if name.startswith("sha256:") else name


def _drawn(container: Container, image: Image | None) -> dict[str, Any]:
    return {
        "name": container.name,
        "image": _image_name(image, container),
        "condition": container.condition,
        "health": container.health,
        "published": [f"{address}:{port}" for address, port, _inside in container.published],
        "volumes": [mount.name or mount.source for mount in container.mounts],
    }


def _releases(seen: Seen) -> list[dict[str, Any]]:
    """Return what the host remembers of its releases, oldest first: images built, containers made."""
    found = []
    for image in seen.images:
        labels = image.labels
        name = f"{labels.get(plan_image.LABEL_NAME, '')}:{labels.get(plan_image.LABEL_DIGEST, '')}"
        revision = labels.get(plan_image.LABEL_REVISION, "")
        found.append({"at": image.created, "kind": "image", "name": name, "revision": revision, "bytes": image.size})
    for each in seen.containers:
        if each.labels.get(plan_release.LABEL_APP) == seen.name:
            release = each.labels.get(plan_release.LABEL_RELEASE, "")
            found.append({"at": each.created, "kind": "container", "name": f"{each.name} {release}".strip()})
    return sorted((each for each in found if moment(str(each["at"]))), key=lambda each: str(each["at"]))


def _plain(value: object) -> object:
    """Return a property's value as people write it."""
    if isinstance(value, tuple):  # published ports
        return ", ".join(f"{address}:{port}->{inside}" for address, port, inside in value) or "none"
    return value


def size(count: int | None) -> str:
    """Return a number of bytes as people read it."""
    if count is None:
        return "?"
    amount, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if amount >= 10 or units[0] == "B" else f"{amount:.1f} {units[0]}"


def ago(since: str, now: str) -> str:
    """Return the time between two moments in its largest unit ("3 h"); empty where one of them is none."""
    start, end = moment(since), moment(now)
    if not (start and end):
        return ""
    seconds = max(0, int((end - start).total_seconds()))
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
