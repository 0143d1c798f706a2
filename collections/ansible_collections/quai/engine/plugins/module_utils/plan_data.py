"""The data volume's state table: what is on the host, what is wanted, and the only steps that lose nothing. Pure.

The rows are those of the project's guarantee: (a) nothing here, (b) the volume without its container, (c) all right,
(d) a container with an anonymous volume, (e) a consumer that still holds an anonymous volume, (f) several of them,
(g) container and consumer on different data. Rows d to g are refused with the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Mount, Volume

TOKEN_FILE = ".quai-volume"  # noqa: S105 - a file's name
"""File in the volume that holds the volume's token; every user may read it, none but root may write it."""

LABEL_DATA = "quai.data"


# A directory that is a mount point is emptied; its file system stays.
_DESTROY = 'find "$1" -xdev -mindepth 1 -delete && { rmdir "$1" 2>/dev/null || mountpoint -q "$1"; }'


@dataclass(frozen=True)
class Wanted:
    """The data volume and its container: one name for both, kept in a host directory, seen at `path` by its consumers."""

    name: str
    image: str
    directory: str
    path: str
    uid: int
    gid: int
    register: str
    """File on the host, outside the volume, that remembers the volume's token."""


@dataclass(frozen=True)
class Actual:
    """What was read on the host. owner and mode are those of the directory ("1000:1000", "750"), empty where it is missing."""

    container: Container | None
    volume: Volume | None
    consumers: tuple[Container, ...]
    owner: str
    mode: str
    token: str
    """Token found in the directory, empty without one."""
    registered: str
    """Token the host remembers, empty without one."""
    entries: int = 0
    """Number of entries in the directory."""


def plan_data(actual: Actual, wanted: Wanted, token: str) -> Plan:
    """Return the steps to the wanted state. token: a fresh one, used where the volume has none. Raises Refused for rows d to g."""
    _refuse_other_data(actual, wanted)
    _refuse_other_volume(actual.volume, wanted)
    _refuse_lost_directory(actual, wanted)
    _refuse_foreign_directory(actual, wanted)

    steps: list[Step] = []
    own = ["install", "-d", "-m", "0750", "-o", str(wanted.uid), "-g", str(wanted.gid), wanted.directory]
    if (actual.owner, actual.mode) != (f"{wanted.uid}:{wanted.gid}", "750"):
        steps.append(step(f"have the directory {wanted.directory}, owned by {wanted.uid}:{wanted.gid}", *own))
    if actual.volume is None:
        options = [word for pair in _options(wanted).items() for word in ("--opt", "=".join(pair))]
        words = [
            "docker",
            "volume",
            "create",
            "--driver",
            "local",
            *options,
            "--label",
            f"{LABEL_DATA}={wanted.name}",
            wanted.name,
        ]
        steps.append(
            step(
                f"create the volume {wanted.name} in {wanted.directory}",
                *words,
                undo=["docker", "volume", "rm", wanted.name],
            )
        )
    if actual.container is None:
        words = ["docker", "create", "--name", wanted.name, "--label", f"{LABEL_DATA}={wanted.name}"]
        words += ["--network", "none", "-v", f"{wanted.name}:{wanted.path}", wanted.image, "true"]
        steps.append(step(f"create the volume container {wanted.name}", *words, undo=["docker", "rm", wanted.name]))
        # The engine copies the image's content, owner and mode into an empty volume when a container first takes it.
        steps.append(step(f"keep {wanted.directory} to {wanted.uid}:{wanted.gid}", *own))
    current = actual.token or actual.registered or token
    if not actual.token:
        steps.append(
            _write(
                f"write the volume's token into {wanted.directory}", current, f"{wanted.directory}/{TOKEN_FILE}", "0444"
            )
        )
    if actual.registered != current:
        steps.append(_write(f"remember the volume's token in {wanted.register}", current, wanted.register, "0444"))
    before = {
        "container": "present" if actual.container else "absent",
        "directory": f"{wanted.directory} {actual.owner} {actual.mode}".strip() if actual.owner else "absent",
        "token": "present" if actual.token else "absent",
        "volume": "present" if actual.volume else "absent",
    }
    after = {
        "container": "present",
        "directory": f"{wanted.directory} {wanted.uid}:{wanted.gid} 750",
        "token": "present",
        "volume": "present",
    }
    return Plan(tuple(steps), before, after) if steps else Plan()


def plan_absent(actual: Actual, wanted: Wanted, purge: str) -> Plan:
    """Return the steps that remove the container and, only when `purge` is the volume's very name, the data too.

    Raises Refused while a consumer is there, for another name, and for a directory that holds something else.
    """
    if purge and purge != wanted.name:
        raise Refused(
            f"Asked to destroy the data of {purge!r}, but this volume is {wanted.name!r}.",
            "Data is destroyed only when asked by its name.",
            f"Say {wanted.name}, or leave it out to keep the data.",
        )
    if actual.consumers:
        raise Refused(
            f"{wanted.name} is still mounted by {', '.join(container.name for container in actual.consumers)}.",
            "Removing it would leave the data without a name that leads to it.",
            "Remove the application first (app_web_state: absent, or playbooks/teardown.yml).",
        )
    steps: list[Step] = []
    if actual.container:
        mount = actual.container.mount_at(wanted.path)
        if mount is None or mount.name != wanted.name:
            raise _refuse_foreign(actual.container, mount, wanted)
        steps.append(step(f"remove the volume container {wanted.name} (its data stays)", "docker", "rm", wanted.name))
    if purge:
        _refuse_other_volume(actual.volume, wanted)
        if actual.owner and actual.entries and (not actual.token or actual.token != actual.registered):
            found = f"the token {actual.token}" if actual.token else "no token of Quai"
            raise Refused(
                f"{wanted.directory} holds {actual.entries} entries and {found}, "
                f"and this host remembers {actual.registered or 'none'} for {wanted.name}.",
                "It may be somebody else's directory.",
                "Look at it, and remove it by hand if it may go.",
            )
        if actual.volume:
            steps.append(step(f"remove the volume {wanted.name}", "docker", "volume", "rm", wanted.name))
        if actual.owner:
            words = ["sh", "-c", _DESTROY, "sh", wanted.directory]
            steps.append(step(f"destroy the data in {wanted.directory}", *words))
        if actual.registered:
            steps.append(step(f"forget the volume's token in {wanted.register}", "rm", "-f", "--", wanted.register))
    before = {"container": "present" if actual.container else "absent", "data": "kept" if actual.owner else "absent"}
    after = {"container": "absent", "data": "absent" if purge else before["data"]}
    return Plan(tuple(steps), before, after) if steps else Plan()


def _options(wanted: Wanted) -> dict[str, str]:
    return {"type": "none", "o": "bind", "device": wanted.directory}


def _write(title: str, text: str, path: str, mode: str) -> Step:
    script = (
        'umask 022; mkdir -p "${2%/*}" && printf "%s\\n" "$1" > "$2.new" && chmod "$3" "$2.new" && mv "$2.new" "$2"'
    )
    return step(title, "sh", "-c", script, "sh", text, path, mode, undo=["rm", "-f", "--", path])


def _refuse_other_data(actual: Actual, wanted: Wanted) -> None:
    """Rows d to g: data that is reached in another way than by the volume of this name."""
    ours = actual.container.mount_at(wanted.path) if actual.container else None
    mounted = [(container, mount) for container in actual.consumers if (mount := container.mount_at(wanted.path))]
    astray = [(container, mount) for container, mount in mounted if mount.name != wanted.name]
    if actual.container and (ours is None or ours.name != wanted.name):
        others = {mount.source for _container, mount in mounted} - {ours.source if ours else ""}
        if others:
            raise _refuse_split(actual.container, ours, mounted, wanted)
        raise _refuse_foreign(actual.container, ours, wanted)
    if not astray:
        return
    if actual.container:
        raise _refuse_split(actual.container, ours, mounted, wanted)
    sources = {mount.source for _container, mount in astray}
    if len(sources) > 1:
        raise Refused(
            f"There is no container {wanted.name}, and its consumers mount different data: {_evidence(astray)}.",
            "Only one of them can be the application's data, and Quai does not guess.",
            f"Decide which is right, copy it into {wanted.directory} (owner {wanted.uid}:{wanted.gid}) while its writers are stopped, "
            "remove those containers without -v, and run again.",
        )
    raise Refused(
        f"There is no container {wanted.name}, but data it once held is still mounted: {_evidence(astray)}.",
        "A new volume would start empty beside it, and `docker rm -v` of that container would then delete the old data.",
        f"Copy {next(iter(sources))} into {wanted.directory} (cp -a, owner {wanted.uid}:{wanted.gid}) while the writer is stopped, "
        "remove that container without -v, and run again.",
    )


def _refuse_foreign(container: Container, mount: Mount | None, wanted: Wanted) -> Refused:
    if mount is None:
        return Refused(
            f"The container {container.name} has no volume at {wanted.path}.",
            "It is not the volume container that consumers expect.",
            "Rename or remove it, or choose another app_data_name or app_data_path.",
        )
    kind = (
        "an anonymous volume" if mount.anonymous else f"the volume {mount.name}" if mount.name else "a host directory"
    )
    return Refused(
        f"The container {container.name} holds {wanted.path} in {kind}: {mount.source}.",
        f"Quai keeps it in the volume {wanted.name} in {wanted.directory}; a new volume beside it would start empty.",
        f"Stop its writers, copy the data (cp -a {mount.source}/. {wanted.directory}/, owner {wanted.uid}:{wanted.gid}), rename the container "
        f"(docker rename {container.name} {container.name}-old), and run again; remove the old one, without -v, when all is well.",
    )


def _refuse_split(
    container: Container, ours: Mount | None, mounted: Sequence[tuple[Container, Mount]], wanted: Wanted
) -> Refused:
    own = f"{container.name}: {ours.source if ours else 'nothing'}"
    return Refused(
        f"{container.name} and its consumers hold different data at {wanted.path}: {own}; {_evidence(mounted)}.",
        "One writes where the other does not read, and the next redeploy would drop one of them.",
        f"Decide which is right, copy it into {wanted.directory} while the writers are stopped, rename or remove the others without -v, and run again.",
    )


def _refuse_other_volume(volume: Volume | None, wanted: Wanted) -> None:
    if volume and {key: volume.options.get(key, "") for key in _options(wanted)} != _options(wanted):
        where = volume.options.get("device") or volume.mountpoint
        raise Refused(
            f"The volume {volume.name} exists and keeps its data in {where}, not in {wanted.directory}.",
            "Another volume beside it would start empty.",
            f"Set app_data_directory to {where}, or copy the data to {wanted.directory} and remove the volume {volume.name}.",
        )


def _refuse_lost_directory(actual: Actual, wanted: Wanted) -> None:
    if actual.registered and actual.token != actual.registered:
        found = f"another volume's token ({actual.token})" if actual.token else "no token"
        raise Refused(
            f"{wanted.directory} holds {found}, but this host remembers {actual.registered} for {wanted.name}.",
            "The application's data is not where it was: a disk that is not mounted, a restored host, a changed directory.",
            f"Mount or restore the data; if it is gone for good, remove {wanted.register} and run again.",
        )


def _refuse_foreign_directory(actual: Actual, wanted: Wanted) -> None:
    unknown = not (actual.token or actual.registered or actual.volume)
    if unknown and actual.entries and actual.owner != f"{wanted.uid}:{wanted.gid}":
        raise Refused(
            f"{wanted.directory} holds {actual.entries} entries and belongs to {actual.owner}.",
            f"Quai would give it to {wanted.uid}:{wanted.gid} and close it to everybody else.",
            "Choose a directory of the application's own (myapp_data_directory); "
            f"if this is its data, give it over first: chown -R {wanted.uid}:{wanted.gid} {wanted.directory}",
        )


def _evidence(mounted: Sequence[tuple[Container, Mount]]) -> str:
    return "; ".join(
        f"{container.name} ({'running' if container.running else 'stopped'}) mounts {mount.source}"
        for container, mount in mounted
    )
