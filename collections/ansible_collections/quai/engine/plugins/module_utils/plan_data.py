"""The data volume's state table: what is on the host, what is wanted, and the only steps that lose nothing. Pure.

The rows are those of the project's guarantee: (a) nothing here, (b) the volume without its container, (c) all right,
(d) a container with an anonymous volume, (e) a consumer that still holds an anonymous volume, (f) several of them,
(g) container and consumer on different data. Rows d to g are refused with the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Mount, Volume

TOKEN_FILE = ".quai-volume"  # noqa: S105 - a file's name
"""File in the volume that holds the volume's token; every user may read it, none but root may write it."""

LABEL_DATA = "quai.data"
LABEL_HELPER = "quai.helper"
"""On a container that helps for a moment: the name of the volume it helps with."""

# A directory that is a mount point is emptied; its file system stays.
_DESTROY = 'find "$1" -xdev -mindepth 1 -delete && { rmdir "$1" 2>/dev/null || mountpoint -q "$1"; }'
# By root in a container: what the engine keeps is no file of the host.
_HAND_OVER = """\
chown "$2" "$1" && chmod 0750 "$1" || exit
[ -s "$1/$3" ] || { printf '%s\n' "$4" > "$1/$3.new" && chmod 0444 "$1/$3.new" && mv "$1/$3.new" "$1/$3"; }
"""


@dataclass(frozen=True)
class Wanted:
    """The data volume and its container: one name for both, seen at `path` by its consumers.

    directory: of the host, that holds the data; empty where the engine keeps the volume itself, wherever it runs.
    """

    name: str
    image: str
    directory: str
    path: str
    uid: int
    gid: int
    register: str
    """File on the host, outside the volume, that remembers the volume's token."""
    old: bool = False
    """Whether the engine has no volumes of a name: the container is bound to the directory itself."""
    adopted: bool = False
    """Whether the directory is a volume without a name, from a container made by hand, that only the host remembers."""

    @property
    def record(self) -> str:
        """File on the host that remembers the directory of an adopted volume."""
        return f"{self.register}.path"

    def is_ours(self, mount: Mount | None) -> bool:
        """Return whether this is the volume."""
        return mount is not None and (mount.source == self.directory if self.old else mount.name == self.name)

    @property
    def place(self) -> str:
        """Where the data is, for people."""
        return self.directory or f"the volume {self.name}"

    @property
    def keeping(self) -> str:
        """What the data is kept in, for people."""
        return self.directory if self.old else f"the volume {self.name}{self.directory and f' in {self.directory}'}"

    @property
    def options(self) -> dict[str, str]:
        """What the volume is created with."""
        return {"type": "none", "o": "bind", "device": self.directory} if self.directory else {}


@dataclass(frozen=True)
class Actual:
    """What was read on the host. owner and mode are those of the data's top ("1000:1000", "750"), empty where it is missing."""

    container: Container | None
    volume: Volume | None
    consumers: tuple[Container, ...]
    owner: str
    mode: str
    token: str
    """Token found in the data, empty without one."""
    registered: str
    """Token the host remembers, empty without one."""
    entries: int = 0
    """Number of entries in the directory of the host."""
    helpers: tuple[Container, ...] = ()
    """Helping containers that an interrupted run left."""
    recorded: str = ""
    """Directory of an adopted volume that the host remembers, empty without one."""


def on_old_engine(wanted: Wanted, container: Container | None, recorded: str, entries: int, *, adopt: bool) -> Wanted:
    """Return what is wanted of an engine without volumes of a name: the directory is the one that holds the data already.

    recorded: the directory that the host remembers; entries: how many the directory asked for has; adopt: whether the
    volume of a container made by hand becomes ours. Raises Refused where it is not plain which data is meant.
    """
    wanted = replace(wanted, old=True)
    if not wanted.directory:
        raise Refused(
            "This engine keeps no volume by a name.",
            "The data would have no name that leads to it.",
            "Set app_data_directory to a directory of the host.",
        )
    if recorded:
        return replace(wanted, directory=recorded, adopted=True)
    mount = container.mount_at(wanted.path) if container else None
    if not (adopt and mount and mount.anonymous):
        return wanted
    if entries:
        raise Refused(
            f"The container {wanted.name} holds {wanted.path} in {mount.source}, and {wanted.directory} holds {entries} entries.",
            "Only one of them can be the application's data, and Quai does not guess.",
            f"Look at both. To go on with the container's, move {wanted.directory} away; to go on with the directory's, "
            f"rename the container (docker rename {wanted.name} {wanted.name}-old), and its consumers' too.",
        )
    return replace(wanted, directory=mount.source, adopted=True)


def plan_data(actual: Actual, wanted: Wanted, token: str) -> Plan:
    """Return the steps to the wanted state. token: a fresh one, used where the volume has none. Raises Refused for rows d to g."""
    _refuse_other_data(actual, wanted)
    _refuse_other_volume(actual.volume, wanted)
    _refuse_lost_directory(actual, wanted)
    _refuse_foreign_directory(actual, wanted)

    steps = _sweep(actual)
    current = actual.token or actual.registered or token
    owner = f"{wanted.uid}:{wanted.gid}"
    ready = (actual.owner, actual.mode) == (owner, "750")
    own = ["install", "-d", "-m", "0750", "-o", str(wanted.uid), "-g", str(wanted.gid), wanted.directory]
    if wanted.directory and not ready:
        steps.append(step(f"have the directory {wanted.directory}, owned by {owner}", *own))
    if actual.volume is None and not wanted.old:
        options = [word for pair in wanted.options.items() for word in ("--opt", "=".join(pair))]
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
                f"create the volume {wanted.name}" + (f" in {wanted.directory}" if wanted.directory else ""),
                *words,
                undo=["docker", "volume", "rm", wanted.name],
            )
        )
    if actual.container is None:
        words = ["docker", "create", "--name", wanted.name, "--label", f"{LABEL_DATA}={wanted.name}"]
        source = wanted.directory if wanted.old else wanted.name
        words += ["--net", "none", "-v", f"{source}:{wanted.path}", wanted.image, "true"]
        steps.append(step(f"create the volume container {wanted.name}", *words, undo=["docker", "rm", wanted.name]))
    # The engine copies the image's content, owner and mode into an empty volume when a container first takes it.
    if wanted.directory:
        if actual.container is None:
            steps.append(step(f"keep {wanted.directory} to {owner}", *own))
        if wanted.adopted and actual.recorded != wanted.directory:
            title = f"remember in {wanted.record} that the data of {wanted.name} is in {wanted.directory}"
            steps.append(_write(title, wanted.directory, wanted.record, "0444"))
        if not actual.token:
            title = f"write the volume's token into {wanted.directory}"
            steps.append(_write(title, current, f"{wanted.directory}/{TOKEN_FILE}", "0444"))
    elif not (ready and actual.token and actual.container):
        steps.append(_hand_over(wanted, owner, current))
    if actual.registered != current:
        steps.append(_write(f"remember the volume's token in {wanted.register}", current, wanted.register, "0444"))
    before = {
        "container": "present" if actual.container else "absent",
        "directory": f"{wanted.place} {actual.owner} {actual.mode}".strip() if actual.owner else "absent",
        "token": "present" if actual.token else "absent",
    }
    after = {"container": "present", "directory": f"{wanted.place} {owner} 750", "token": "present"}
    if not wanted.old:
        before["volume"], after["volume"] = "present" if actual.volume else "absent", "present"
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
    steps = _sweep(actual)
    if actual.container:
        mount = actual.container.mount_at(wanted.path)
        if not wanted.is_ours(mount):
            raise _refuse_foreign(actual.container, mount, wanted)
        steps.append(step(f"remove the volume container {wanted.name} (its data stays)", "docker", "rm", wanted.name))
    if purge:
        _refuse_other_volume(actual.volume, wanted)
        holds_something = actual.owner and actual.entries if wanted.directory else actual.volume
        if holds_something and (not actual.token or actual.token != actual.registered):
            found = f"the token {actual.token}" if actual.token else "no token of Quai"
            raise Refused(
                f"{_capital(wanted.place)} holds {f'{actual.entries} entries and ' if wanted.directory else ''}{found}, "
                f"and this host remembers {actual.registered or 'none'} for {wanted.name}.",
                "It may be somebody else's.",
                "Look at it, and remove it by hand if it may go.",
            )
        if actual.volume:
            steps.append(step(f"remove the volume {wanted.name}", "docker", "volume", "rm", wanted.name))
        if wanted.directory and actual.owner:
            words = ["sh", "-c", _DESTROY, "sh", wanted.directory]
            steps.append(step(f"destroy the data in {wanted.directory}", *words))
        if actual.registered:
            steps.append(step(f"forget the volume's token in {wanted.register}", "rm", "-f", "--", wanted.register))
        if actual.recorded:
            steps.append(step(f"forget where the data was, in {wanted.record}", "rm", "-f", "--", wanted.record))
    there = actual.owner if wanted.directory else actual.volume
    before = {"container": "present" if actual.container else "absent", "data": "kept" if there else "absent"}
    after = {"container": "absent", "data": "absent" if purge else before["data"]}
    return Plan(tuple(steps), before, after) if steps else Plan()


def _sweep(actual: Actual) -> list[Step]:
    return [
        step(f"remove {each.name}, left by an interrupted run", "docker", "rm", "-f", each.name)
        for each in actual.helpers
    ]


def _hand_over(wanted: Wanted, owner: str, token: str) -> Step:
    words = ["docker", "run", "--rm", "--name", f"{wanted.name}-helper", "--label", f"{LABEL_HELPER}={wanted.name}"]
    words += ["--network", "none", "--user", "0", "--volumes-from", wanted.name, "--entrypoint", "sh", wanted.image]
    words += ["-c", _HAND_OVER, "sh", wanted.path, owner, TOKEN_FILE, token]
    return step(f"have the data in {wanted.place} owned by {owner}, with its token", *words)


def _write(title: str, text: str, path: str, mode: str) -> Step:
    script = (
        'umask 022; mkdir -p "${2%/*}" && printf "%s\\n" "$1" > "$2.new" && chmod "$3" "$2.new" && mv "$2.new" "$2"'
    )
    return step(title, "sh", "-c", script, "sh", text, path, mode, undo=["rm", "-f", "--", path])


def _refuse_other_data(actual: Actual, wanted: Wanted) -> None:
    """Rows d to g: data that is reached in another way than by the volume of this name."""
    ours = actual.container.mount_at(wanted.path) if actual.container else None
    mounted = [(container, mount) for container in actual.consumers if (mount := container.mount_at(wanted.path))]
    astray = [(container, mount) for container, mount in mounted if not wanted.is_ours(mount)]
    if actual.container and not wanted.is_ours(ours):
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
            f"Decide which is right, copy it into {wanted.place} (owner {wanted.uid}:{wanted.gid}) while its writers are stopped, "
            "remove those containers without -v, and run again.",
        )
    raise Refused(
        f"There is no container {wanted.name}, but data it once held is still mounted: {_evidence(astray)}.",
        "A new volume would start empty beside it, and `docker rm -v` of that container would then delete the old data.",
        f"Copy {next(iter(sources))} into {wanted.place} ({_copying(astray[0][0], next(iter(sources)), wanted)}) while the writer is stopped, "
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
        f"Quai keeps it in {wanted.keeping}; a new volume beside it would start empty.",
        f"Stop its writers, copy the data ({_copying(container, mount.source, wanted)}), rename the container "
        f"(docker rename {container.name} {container.name}-old), and run again; remove the old one, without -v, when all is well.",
    )


def _copying(container: Container, source: str, wanted: Wanted) -> str:
    """Return how an operator copies what the container has mounted to where Quai keeps it."""
    if wanted.directory:
        return f"cp -a {source}/. {wanted.directory}/, owner {wanted.uid}:{wanted.gid}"
    return (
        f"docker run --rm --user 0 --volumes-from {container.name} -v {wanted.name}:/quai {wanted.image} "
        f"cp -a {wanted.path}/. /quai/"
    )


def _refuse_split(
    container: Container, ours: Mount | None, mounted: Sequence[tuple[Container, Mount]], wanted: Wanted
) -> Refused:
    own = f"{container.name}: {ours.source if ours else 'nothing'}"
    return Refused(
        f"{container.name} and its consumers hold different data at {wanted.path}: {own}; {_evidence(mounted)}.",
        "One writes where the other does not read, and the next redeploy would drop one of them.",
        f"Decide which is right, copy it into {wanted.place} while the writers are stopped, rename or remove the others without -v, and run again.",
    )


def _refuse_other_volume(volume: Volume | None, wanted: Wanted) -> None:
    if volume is None:
        return
    where = volume.options.get("device") or volume.mountpoint
    if not wanted.directory and (volume.options or volume.driver != "local"):
        raise Refused(
            f"The volume {volume.name} exists and keeps its data in {where}, not in the engine's own keeping.",
            "Another volume beside it would start empty.",
            f"Set app_data_directory to {where}, or copy the data to a plain volume and give that the name {volume.name}.",
        )
    if {key: volume.options.get(key, "") for key in wanted.options} != wanted.options:
        raise Refused(
            f"The volume {volume.name} exists and keeps its data in {where}, not in {wanted.directory}.",
            "Another volume beside it would start empty.",
            f"Set app_data_directory to {where}, or copy the data to {wanted.directory} and remove the volume {volume.name}.",
        )


def _refuse_lost_directory(actual: Actual, wanted: Wanted) -> None:
    if actual.registered and actual.token != actual.registered:
        found = f"another volume's token ({actual.token})" if actual.token else "no token"
        raise Refused(
            f"{_capital(wanted.place)} holds {found}, but this host remembers {actual.registered} for {wanted.name}.",
            "The application's data is not where it was: a disk that is not mounted, a restored host, a machine made anew, "
            "a changed directory.",
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


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _evidence(mounted: Sequence[tuple[Container, Mount]]) -> str:
    return "; ".join(
        f"{container.name} ({'running' if container.running else 'stopped'}) mounts {mount.source}"
        for container, mount in mounted
    )
