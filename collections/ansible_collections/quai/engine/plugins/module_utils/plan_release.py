"""How a container comes to run the wanted release, the one before serving until the new one has proven itself. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.env_file import env_file
from ansible_collections.quai.engine.plugins.module_utils.plan import Given, Plan, Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.plan_data import TOKEN_FILE
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Image

LABEL_APP = "quai.app"
LABEL_RELEASE = "quai.release"

SCRATCH = "/var/lib/quai/tmp"
"""Directory of the host for what a container may forget, where the engine cannot keep that in memory."""

# Asked inside the container, by the Python that serves: no tool is needed there or on the host, and no address known.
_GET = (
    "import socket,sys\n"
    "s=socket.create_connection(('127.0.0.1',int(sys.argv[1])),5)\n"
    "s.settimeout(5)\n"
    "s.sendall(('GET '+sys.argv[2]+' HTTP/1.0\\r\\nHost: localhost\\r\\nUser-Agent: quai-health\\r\\n\\r\\n').encode())\n"
    "d=b''\n"
    "while len(d)<{most}:\n"
    "    c=s.recv({most})\n"
    "    if not c: break\n"
    "    d+=c\n"
    "print(d.decode('utf-8','replace')[:600])\n"
)
_OK = "d[:5]==b'HTTP/' and d.split()[1:2]==[b'200']"

# The engine's health check: a release is named after it, too, so that another text would replace what serves everywhere.
PROBE = _GET.format(most=4096) + f"sys.exit(0 if {_OK} else 1)\n"

# What a release must show before it serves: the page has the text that is expected of it.
PROOF = (
    _GET.format(most=1 << 20)
    + f"if not ({_OK}): sys.exit(1)\n"
    + "e=sys.argv[3]\n"
    + "w=e if isinstance(e,bytes) else e.encode('utf-8','surrogateescape')\n"
    + "if w not in d.partition(b'\\r\\n\\r\\n')[2].replace(b'\\r\\n',b'\\n'): sys.exit('the page does not contain %r (myapp_expect)'%e)\n"
)

_PYTHON = 'exec "$(command -v python3 || command -v python)" "$@"'
_WAIT = """\
name=$1 end=$(($(date +%s) + $2)); shift 2
while :; do
    state=$(docker inspect --format '{{.State.Running}} {{.State.Restarting}} {{.RestartCount}}' "$name") || exit 3
    [ "$state" = 'true false 0' ] || { echo "the container did not stay up"; exit 4; }
    answer=$("$@" 2>&1) && { echo "$answer"; exit 0; }
    [ "$(date +%s)" -lt "$end" ] || { echo "last probe: $answer"; exit 5; }
    sleep 0.2
done
"""
_SAME_DATA = """\
want=$(cat "$1") && have=$(docker exec "$2" cat "$3") || { echo "the volume's token cannot be read"; exit 1; }
[ "$want" = "$have" ] || { echo "the container sees another volume: its token is $have, this host remembers $want"; exit 1; }
"""
_CAN_WRITE = 'f="$1/.quai-write-$$"; : > "$f" && rm -f "$f"'


@dataclass(frozen=True)
class Wanted:
    """The release: its image and all that the container is created with. memory in bytes; times in whole seconds."""

    name: str
    image: str
    image_id: str
    command: tuple[str, ...]
    container_port: int
    address: str
    port: int
    volumes_from: str
    data_path: str
    token_path: str
    token_register: str
    user: str
    memory: int
    pids: int
    read_only: bool
    tmpfs: tuple[str, ...]
    cap_drop: tuple[str, ...]
    security: tuple[str, ...]
    restart_policy: str
    log_options: Mapping[str, str]
    env: Mapping[str, str]
    health_path: str
    expect: str
    """Text that the page must contain before the release serves; the engine's own health check asks for the path only."""
    health_interval: int
    health_timeout: int
    stop_timeout: int
    old: bool = False
    """Whether the engine has neither health checks nor a time to stop in: see `on_old_engine`."""
    binds: tuple[tuple[str, str], ...] = ()
    """Directories of the host, open to everybody, and where the container has them."""

    @property
    def candidate(self) -> str:
        """Name of the container that proves the release before anything that serves is touched."""
        return f"{self.name}-candidate"

    @property
    def next(self) -> str:
        """Name of the new container until the old one has made room."""
        return f"{self.name}-next"

    @property
    def previous(self) -> str:
        """Name of the old container until the new one has proven itself."""
        return f"{self.name}-previous"

    @property
    def image_number(self) -> str:
        """The image's id as every engine takes it."""
        return self.image_id.removeprefix("sha256:")

    def options(self, environment: Sequence[str]) -> list[str]:
        """Return the options of `docker create` that make the release what it is: all but name, port and restart policy.

        environment: the options that give it its environment.
        """
        health = quote(self.probe())
        words = ["--label", f"{LABEL_APP}={self.name}", "--user", self.user]
        if not self.old:
            words += ["--stop-timeout", str(self.stop_timeout), "--health-cmd", health]
            words += [
                "--health-interval",
                f"{self.health_interval}s",
                "--health-timeout",
                "10s",
                "--health-retries",
                "3",
            ]
        words += ["--memory", str(self.memory)] if self.memory else []
        words += ["--pids-limit", str(self.pids)] if self.pids else []
        words += ["--read-only"] if self.read_only else []
        words += [word for path in self.tmpfs for word in ("--tmpfs", path)]
        words += [word for source, path in self.binds for word in ("-v", f"{source}:{path}")]
        words += [word for name in self.cap_drop for word in ("--cap-drop", name)]
        words += [word for name in self.security for word in ("--security-opt", name)]
        # Without its driver named, an engine that logs elsewhere would refuse the options.
        words += ["--log-driver", "json-file"] if self.log_options else []
        words += [word for key, value in self.log_options.items() for word in ("--log-opt", f"{key}={value}")]
        words += environment
        return words + (["--volumes-from", self.volumes_from] if self.volumes_from else [])

    @property
    def given(self) -> Given:
        """Return how the command of `create` is given the environment."""
        return env_file(self.env)[1]

    def probe(self) -> list[str]:
        """Return the words that ask the application from inside its container."""
        return ["sh", "-c", _PYTHON, "sh", "-c", PROBE, str(self.container_port), self.health_path]

    def proof(self) -> list[str]:
        """Return the words that ask it for the page that is expected of it."""
        return ["sh", "-c", _PYTHON, "sh", "-c", PROOF, str(self.container_port), self.health_path, self.expect]

    @property
    def digest(self) -> str:
        """The release's name: 12 hex digits of its image and all its options."""
        options = self.options([word for key, value in self.env.items() for word in ("--env", f"{key}={value}")])
        made_of: list[Any] = [self.image_id, options, self.command, self.address, self.port, self.restart_policy]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]

    def create(self, name: str, *, serving: bool) -> list[str]:
        """Return the words that create a container of this release; only a serving one takes the port and comes back after a crash."""
        options = self.options(env_file(self.env)[0])
        words = ["docker", "create", "--name", name, "--label", f"{LABEL_RELEASE}={self.digest}", *options]
        if serving:
            host = f"[{self.address}]" if ":" in self.address else self.address
            words += ["--publish", f"{host}:{self.port}:{self.container_port}", "--restart", self.restart_policy]
        return [*words, self.image_number, *self.command]


@dataclass(frozen=True)
class Actual:
    """The containers that bear the release's names; None where there is none."""

    current: Container | None = None
    candidate: Container | None = None
    next: Container | None = None
    previous: Container | None = None


def wanted_of(args: Mapping[str, Any], image: Image | None) -> Wanted:
    """Return the release that the arguments of quai.engine.release ask for, of this image. Raises Refused for bad values."""
    for key in ("port", "container_port"):
        if not 1 <= args[key] <= 65535:
            raise Refused(
                f"{key} {args[key]} is out of range.",
                "TCP has the ports 1 to 65535.",
                f"Set app_web_{key} to one of them.",
            )
    try:
        address = str(ipaddress.ip_address(args["address"]))
    except ValueError:
        raise Refused(
            f"{args['address']!r} is no IP address.",
            "The port is published on one of the host's addresses.",
            "Use 0.0.0.0 for all, 127.0.0.1 for none but the host.",
        ) from None
    volumes_from = args["volumes_from"]
    return Wanted(
        name=args["name"],
        image=args["image"],
        image_id=image.id if image else "",
        command=tuple(args["command"]),
        container_port=args["container_port"],
        address=address,
        port=args["port"],
        volumes_from=volumes_from,
        data_path=args["data_path"],
        token_path=f"{args['data_path'].rstrip('/')}/{TOKEN_FILE}",
        token_register=f"{args['register_directory'].rstrip('/')}/{volumes_from}" if volumes_from else "",
        user=args["user"],
        memory=bytes_of(args["memory"]),
        pids=args["pids"],
        read_only=args["read_only"],
        tmpfs=tuple(args["tmpfs"]),
        cap_drop=tuple(args["cap_drop"]),
        security=tuple(args["security"]),
        restart_policy=args["restart_policy"],
        log_options={key: str(value) for key, value in args["log_options"].items()},
        env={key: str(value) for key, value in args["env"].items()},
        health_path=args["health_path"],
        expect=args["expect"],
        health_interval=args["health_interval_seconds"],
        health_timeout=args["health_timeout_seconds"],
        stop_timeout=args["stop_timeout_seconds"],
    )


def drift(container: Container, wanted: Wanted) -> dict[str, tuple[object, object]]:
    """Return what differs between the container and the release: name of the property to (is, should be)."""
    pairs: dict[str, tuple[object, object]] = {
        "release": (container.labels.get(LABEL_RELEASE, "not of Quai"), wanted.digest),
        "image": (container.image_id, wanted.image_id),
        "published": (container.published, ((wanted.address, wanted.port, wanted.container_port),)),
        "user": (container.user, wanted.user),
        "memory": (container.memory, wanted.memory),
        "pids": (container.pids, wanted.pids),
        "read_only": (container.read_only, wanted.read_only),
        "restart_policy": (container.restart_policy, wanted.restart_policy),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def volume_mismatch(current: Container | None, source: Container | None, wanted: Wanted) -> str:
    """Return the data that the serving container has mounted, where the data volume's container has another."""
    if not (current and source):
        return ""
    has, should = current.mount_at(wanted.data_path), source.mount_at(wanted.data_path)
    # Old engines tell no names.
    named = [(mount.name or mount.source) if mount else "none" for mount in (has, should)]
    return "" if named[0] == named[1] else named[0]


def plan_release(actual: Actual, wanted: Wanted, volume_mismatch: str = "") -> Plan:
    """Return the steps after which `wanted.name` runs the release. volume_mismatch: why its data is not the wanted one, if so."""
    heal, current = _heal(actual, wanted)
    if current is None:
        created = _create(wanted)
        return Plan((*heal, *created), {wanted.name: "absent"}, {wanted.name: wanted.digest})
    differs = drift(current, wanted)
    if volume_mismatch:
        differs["data"] = (volume_mismatch, wanted.volumes_from)
    if differs or current.health == "unhealthy" or current.restarting:
        before = {name: pair[0] for name, pair in differs.items()} or {"health": current.health or "restarting"}
        after = {name: pair[1] for name, pair in differs.items()} or {"health": "healthy"}
        return Plan((*heal, *_replace(wanted, current)), _plain(before), _plain(after))
    if current.paused:
        heal = (*heal, step(f"unpause {wanted.name}", "docker", "unpause", wanted.name))
    elif not current.running:
        heal = (*heal, step(f"start {wanted.name}", "docker", "start", wanted.name), _wait(wanted, wanted.name))
    elif any(each.words[1] == "start" for each in heal):
        heal = (*heal, _wait(wanted, wanted.name))
    return Plan(heal, {wanted.name: "interrupted"}, {wanted.name: "running"}) if heal else Plan()


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, (str, int, bool)) else str(value) for name, value in values.items()}


def _heal(actual: Actual, wanted: Wanted) -> tuple[tuple[Step, ...], Container | None]:
    """Return the steps that put right what an interrupted run left behind, and the container that then is the current one."""
    leftovers = [each.name for each in (actual.candidate, actual.next) if each]
    steps = [step(f"remove {name}, left by an interrupted run", "docker", "rm", "-f", name) for name in leftovers]
    current, previous = actual.current, actual.previous
    if previous is None:
        if current and actual.next and not current.running:  # it was stopped to make room
            steps.append(step(f"start {current.name}, stopped by an interrupted run", "docker", "start", current.name))
            current = replace(current, running=True)
        return tuple(steps), current
    if current is not None and current.running and not current.restarting and current.health in ("healthy", ""):
        steps.append(step(f"remove {previous.name}, left by an interrupted run", "docker", "rm", "-f", previous.name))
        return tuple(steps), current
    if current is not None:
        steps.append(
            step(f"remove {current.name}, which an interrupted run did not prove", "docker", "rm", "-f", current.name)
        )
    steps.append(step(f"bring {previous.name} back", "docker", "rename", previous.name, wanted.name))
    if not previous.running:
        steps.append(step(f"start {wanted.name}", "docker", "start", wanted.name))
    return tuple(steps), replace(previous, name=wanted.name, running=True)


def _wait(wanted: Wanted, name: str) -> Step:
    probe = ["docker", "exec", name, *wanted.proof()]
    return step(f"wait until {name} answers", "sh", "-c", _WAIT, "sh", name, str(wanted.health_timeout), *probe)


def _prove_data(wanted: Wanted, name: str) -> list[Step]:
    if not wanted.volumes_from:
        return []
    write = ["docker", "exec", name, "sh", "-c", _CAN_WRITE, "sh", wanted.data_path]
    steps = [step(f"prove that {name} can write to {wanted.data_path}", *write)]
    if wanted.token_register:
        words = ["sh", "-c", _SAME_DATA, "sh", wanted.token_register, name, wanted.token_path]
        steps.append(step(f"prove that {name} sees the same data as ever", *words))
    return steps


def on_old_engine(wanted: Wanted, *, limits_memory: bool) -> tuple[Wanted, list[str]]:
    """Return the release as an engine of before 1.10 can have it, and what it has to do without, for people.

    limits_memory: whether the host's kernel was booted so that memory can be limited.
    """
    binds = tuple((f"{SCRATCH}/{wanted.name}{path}", path) for path in (each.split(":")[0] for each in wanted.tmpfs))
    known = tuple(each for each in wanted.security if each.startswith(("label:", "apparmor:")))
    had = replace(
        wanted,
        old=True,
        memory=wanted.memory if limits_memory else 0,
        pids=0,
        tmpfs=(),
        binds=binds,
        security=known,
        restart_policy="always" if wanted.restart_policy == "unless-stopped" else wanted.restart_policy,
        log_options={},
    )
    without = ["health checks by the engine (a deploy still proves that the release answers)", "a time to stop in"]
    without += (
        [f"the limit of {wanted.memory} bytes of memory (see cgroup_enable=memory)"]
        if had.memory != wanted.memory
        else []
    )
    without += [f"the limit of {wanted.pids} processes"] if wanted.pids else []
    without += [each for each in wanted.security if each not in known]
    without += [f"{path} in memory (it is {source} instead)" for source, path in binds]
    without += (
        [f"the restart policy {wanted.restart_policy} (it is always)"]
        if had.restart_policy != wanted.restart_policy
        else []
    )
    without += [f"the log options {', '.join(wanted.log_options)} (its log grows)"] if wanted.log_options else []
    return had, without


def _have_binds(wanted: Wanted) -> list[Step]:
    return [
        step(f"have the directory {source}", "install", "-d", "-m", "1777", source) for source, _path in wanted.binds
    ]


def _create(wanted: Wanted) -> list[Step]:
    name = wanted.name
    return [
        *_have_binds(wanted),
        step(
            f"create {name} of {wanted.image}",
            *wanted.create(name, serving=True),
            undo=["docker", "rm", "-f", name],
            given=wanted.given,
        ),
        step(f"start {name} on {wanted.address}:{wanted.port}", "docker", "start", name),
        _wait(wanted, name),
        *_prove_data(wanted, name),
    ]


def _replace(wanted: Wanted, current: Container) -> list[Step]:
    name, candidate, following, previous = wanted.name, wanted.candidate, wanted.next, wanted.previous
    serving = current.running and not current.restarting
    again = ["docker", "start", name] if serving else []
    stop = str(wanted.stop_timeout)
    return [
        *_have_binds(wanted),
        step(
            f"create {candidate} of {wanted.image}",
            *wanted.create(candidate, serving=False),
            undo=["docker", "rm", "-f", candidate],
            given=wanted.given,
        ),
        step(f"start {candidate}", "docker", "start", candidate),
        _wait(wanted, candidate),
        *_prove_data(wanted, candidate),
        step(f"stop {candidate}, which has proven the release", "docker", "stop", "-t", stop, candidate),
        step(f"remove {candidate}", "docker", "rm", candidate),
        step(
            f"create {following}",
            *wanted.create(following, serving=True),
            undo=["docker", "rm", "-f", following],
            given=wanted.given,
        ),
        step(
            f"stop {name}, letting it finish its requests",
            "docker",
            "stop",
            "-t",
            stop,
            name,
            undo=again,
        ),
        step(
            f"rename {name} to {previous}",
            "docker",
            "rename",
            name,
            previous,
            undo=["docker", "rename", previous, name],
        ),
        step(
            f"rename {following} to {name}",
            "docker",
            "rename",
            following,
            name,
            undo=["docker", "rename", name, following],
        ),
        step(
            f"start {name} on {wanted.address}:{wanted.port}",
            "docker",
            "start",
            name,
            undo=["docker", "stop", "-t", "1", name],
        ),
        _wait(wanted, name),
        Step(f"remove {previous}", ("docker", "rm", previous), proven=True),
    ]


def refuse_strangers(actual: Actual, name: str, volumes_from: str) -> None:
    """Raise Refused where a container of one of the names is somebody else's: neither labelled nor on our data."""
    for each in (actual.current, actual.candidate, actual.next, actual.previous):
        ours = (
            each is None or each.labels.get(LABEL_APP) == name or (volumes_from and volumes_from in each.volumes_from)
        )
        if each and not ours:
            raise Refused(
                f"There is a container {each.name}, of the image {each.image}, that Quai did not make.",
                f"Serving {name} would take that name and remove the container.",
                f"Rename or remove it (docker rename {each.name} NEW), or choose another app_web_name.",
            )


def plan_absent(actual: Actual, wanted_name: str, stop_timeout: int, *, old: bool = False) -> Plan:
    """Return the steps after which no container bears any of the release's names. old: the engine's, see `on_old_engine`."""
    steps: list[Step] = []
    for each in (actual.candidate, actual.next, actual.previous, actual.current):
        if each and each.running:
            steps.append(step(f"stop {each.name}", "docker", "stop", "-t", str(stop_timeout), each.name))
        if each:
            steps.append(step(f"remove {each.name}", "docker", "rm", each.name))
    if old and steps:
        scratch = f"{SCRATCH}/{wanted_name}"
        steps.append(step(f"remove {scratch}", "rm", "-rf", "--", scratch))
    return Plan(tuple(steps), {wanted_name: "present"}, {wanted_name: "absent"}) if steps else Plan()


LEAST_MEMORY = 6 << 20
"""The least limit that engines take, in bytes."""


def bytes_of(text: str) -> int:
    """Return a size like Docker's ("512m", "1g", "1048576") in bytes, 0 for none. Raises Refused for anything else."""
    remedy = "Set myapp_memory (app_web_memory of the role) to a number with b, k, m or g, such as 512m."
    match = re.fullmatch(r"(\d+)([bkmg]?)b?", text.strip().lower())
    if not match:
        raise Refused(
            f"{text!r} is no size.",
            "It limits the container's memory.",
            remedy,
        )
    size = int(match[1]) << 10 * "bkmg".index(match[2] or "b")
    if 0 < size < LEAST_MEMORY:
        raise Refused(f"{text!r} is too small.", "Docker limits a container's memory to 6m or more.", remedy)
    return size
