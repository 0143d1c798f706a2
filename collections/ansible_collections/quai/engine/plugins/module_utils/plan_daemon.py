"""What a host's Docker daemon needs: one read of the host as typed facts, and what differs from what is wanted.

Pure. The read is a handful of shell sections; the changes are booleans and lists that the role docker_engine hands to
stock modules or, where those do not run, the action to the steps of daemon_steps.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import daemon_flags, debian_archive, python
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive
from ansible_collections.quai.engine.plugins.module_utils.plan import (
    LEAST_ENGINE,
    LEAST_ENGINE_AT_END_OF_LIFE,
    Refused,
    refuse_old_engine,
)
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, quote
from ansible_collections.quai.engine.plugins.module_utils.state import engine_version

CONFIG = "/etc/docker/daemon.json"
RECORD = "/var/lib/quai/docker_engine.json"
SOCKET = "unix:///var/run/docker.sock"
PIDFILE = "/var/run/docker.pid"
LOGFILE = "/var/log/docker.log"
DATA_ROOT = "/var/lib/docker"

# "Configuration reload behavior" of dockerd's reference, those of 20.10 and of 28 alike: the rest wants a restart.
RELOADABLE = frozenset(
    {
        "authorization-plugins",
        "debug",
        "default-runtime",
        "features",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    }
)
# Drivers that know max-size and max-file; the others refuse them, container by container.
ROTATING_DRIVERS = ("json-file", "local")
SHORT_FLAGS = {
    "-D": "debug",
    "-G": "group",
    "-H": "host",
    "-b": "bridge",
    "-g": "data-root",
    "-l": "log-level",
    "-p": "pidfile",
    "-s": "storage-driver",
}

# Prints nothing and ends with 0 when dockerd accepts the file $1. Engines before 23.0 have no --validate: without root they
# read their configuration, complain about it or about not being root, and end. (No percent sign: copy's `validate` has its own.)
VALIDATE = (
    'said=$(dockerd --validate --config-file "$1" 2>&1) && exit 0\n'
    'case $said in *"unknown flag: --validate"*) ;; *) echo "$said" >&2; exit 1 ;; esac\n'
    'copy=$(mktemp) || exit 1\ntrap "rm -f $copy" EXIT\nchmod 0644 "$copy"\ncat "$1" >"$copy"\n'
    'said=$(cd / && runuser -u nobody -- dockerd --config-file "$copy" 2>&1)\n'
    'case $said in *"needs to be started with root"* | *"permission denied"*) exit 0 ;; esac\n'
    'echo "$said" >&2\nexit 1'
)

# Ends the daemon of the pid file $1 and waits for it. Not start-stop-daemon: it takes a process that ended for one that
# does not want to, where PID 1 is no init and buries nobody. Pid files left over go too, the init script's own among them:
# dockerd would not start over one, nor would the script (and so the package's removal) get over the other.
STOP = (
    'pid=$(cat "$1" 2>/dev/null) || exit 0\n'
    "gone() { ! grep -qs '^State:.[^ZX]' \"/proc/$pid/status\"; }\n"
    'gone || kill -TERM "$pid"\n'
    "tries=0\n"
    "until gone; do\n"
    "  tries=$((tries + 1))\n"
    '  [ $tries -lt 300 ] || { echo "process $pid does not end" >&2; exit 1; }\n'
    "  sleep 0.2\n"
    "done\n"
    'rm -f "$1" "${1%.pid}-ssd.pid"'
)


# Before dockerd, the docker command was the daemon too. A newer one alone is no engine.
_OLD_VERSION = "docker --version | grep -E '^Docker version (0|1\\.([0-9]|1[01]))\\.'"

# What decides about the flags of such a daemon. Of several ExecStart the last one counts, which may be an administrator's.
_OLD_HOST = f"""
echo "kernel $(uname -r)"
for each in overlay aufs; do
  if grep -qw $each /proc/filesystems || modprobe -nq $each; then echo "filesystem $each"; fi
done
[ ! -e /dev/mapper/control ] || echo "filesystem devicemapper"
for each in overlay aufs devicemapper btrfs; do [ ! -d {DATA_ROOT}/$each ] || echo "storage $each"; done
unit=$(systemctl show docker.service --property=FragmentPath | cut -d = -f 2-)
for each in "$unit" {daemon_flags.DROP_IN.rpartition("/")[0]}/*.conf; do
  [ "$each" = {daemon_flags.DROP_IN} ] || sed -n 's/^ExecStart= *\\(.\\)/command \\1/p' "$each"
done
if grep -q DOCKER_OPTS /etc/init.d/docker && grep -q /etc/default/ /etc/init.d/docker; then echo reads-defaults; fi
"""


@dataclass(frozen=True)
class Wanted:
    """What the role was asked for.

    releases: Debian version to its `name`, `engine` packages, `helpers`, and `python`, what is of use only to modules that run
    on the host. Of one past its end of life also `end_of_life` (its date), `version` (of docker.io) and `archive` (see Archive).
    packages_directory: on the controller, with the packages; empty for those of the host's own sources.
    """

    state: str = "present"
    options: Mapping[str, Any] = field(default_factory=dict)
    safe_options: Mapping[str, Any] = field(default_factory=dict)
    registry_mirrors: Sequence[str] = ()
    users: Sequence[str] = ()
    service: str = "auto"
    releases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    purge_data: str = ""
    stop_containers: bool = False
    allow_eol: bool = False
    archive_url: str = ""
    archive_keyring: str = ""
    archive_fingerprints: Sequence[str] = ()
    archive_sha256: str = ""
    packages_directory: str = ""

    def all_packages(self) -> list[str]:
        """Return the packages of all releases, each once."""
        kinds = ("engine", "helpers", "python")
        return list(dict.fromkeys(name for row in self.releases.values() for kind in kinds for name in row[kind]))


@dataclass(frozen=True)
class Record:
    """What Quai did on this host, kept there: packages it installed, keys it wrote, values these keys had, users it added.

    pending: a change of the configuration was begun and not seen through. arguments: those of a daemon that no service manager
    looks after, without which it would come back as another one. files: of apt, for the archive.
    """

    exists: bool = False
    packages: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    pending: bool = False
    files: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the record as the text of its file."""
        document = {
            "about": "Written by Quai (role docker_engine): what it changed on this host, so that it can be undone.",
            "packages": list(self.packages),
            "daemon_json_keys": list(self.keys),
            "daemon_json_before": dict(self.before),
            "users": list(self.users),
            "arguments": list(self.arguments),
            "files": list(self.files),
            "pending": self.pending,
        }
        return json.dumps(document, indent=2) + "\n"


@dataclass(frozen=True)
class Facts:
    """The host as it was read.

    version: of the answering daemon, else of the installed one; empty without an engine. python, python_path: of the
    interpreter that Ansible's modules would have here; empty without one. kernel to init_reads_defaults: only of a host that has
    no dockerd. filesystems: those it has or can load. storage: drivers that have data there. unit_command: ExecStart of
    docker.service without our drop-in.
    """

    distribution: str
    release: str
    pretty_name: str
    architecture: str
    systemd: bool
    sysvinit: bool
    packages: frozenset[str]
    fresh_lists: bool
    dockerd: str
    answers: bool
    version: tuple[int, ...]
    pid: int
    arguments: tuple[str, ...]
    config_text: str
    members: frozenset[str]
    accounts: frozenset[str]
    unit_active: bool
    enabled: bool
    record: Record
    python: tuple[int, ...] = ()
    python_path: str = ""
    kernel: str = ""
    filesystems: frozenset[str] = frozenset()
    storage: tuple[str, ...] = ()
    unit_command: str = ""
    init_reads_defaults: bool = False
    drop_in: str = ""
    defaults: str = ""
    containers: tuple[str, ...] = ()
    purge_target: str = ""


@dataclass(frozen=True)
class File:
    """A file of the host as it is and as it shall be. Empty: it is not there."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """What differs. config: the new text of daemon.json, empty for none; remove_config: it goes altogether.

    daemon: "", "start", "reload", "restart" or "stop". by_steps: no module of Ansible runs there, the action itself acts; files
    and archive are for that case only. warnings: what the operator must know, whatever is done.
    """

    titles: tuple[str, ...]
    mode: str
    adopted: bool
    record: Record
    packages: tuple[str, ...] = ()
    config: str = ""
    remove_config: bool = False
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    daemon: str = ""
    reload_first: bool = False
    enable: bool = False
    arguments: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    purge: str = ""
    by_steps: bool = False
    files: tuple[File, ...] = ()
    archive: Archive | None = None
    warnings: tuple[str, ...] = ()

    def record_back(self, former: Record) -> Record:
        """Return the record of a change whose daemon.json had to be put back: packages and users stay, keys do not."""
        arguments = former.arguments if self.old_arguments else self.record.arguments
        return replace(self.record, keys=former.keys, before=former.before, arguments=arguments)

    @property
    def old_arguments(self) -> bool:
        """Whether the arguments are the configuration, as of an engine from before daemon.json."""
        return self.arguments[:1] == ("-d",)


def docker_command() -> str:
    """Return the start of a docker command to the host's own daemon, wherever the play points DOCKER_HOST."""
    # The client of an engine that hangs does not end for less than KILL.
    return "env -u DOCKER_HOST -u DOCKER_CONTEXT -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH timeout -s KILL 30 " + quote(
        ["docker", "-H", SOCKET]
    )


def complaints(mode: str) -> str:
    """Return the shell that prints what the daemon complained of, the most recent last."""
    # systemd starts a failing daemon again and again: routine would crowd out the reason.
    log = "journalctl -u docker -n 400 --no-pager -o cat" if mode == "systemd" else f"tail -n 400 {LOGFILE}"
    return f"{log} | grep -v -E 'level=(info|debug)' | tail -n 20"


def until_it_answers(seconds: int) -> str:
    """Return the shell that waits until the daemon answers, at most so many seconds."""
    # By the clock: a socket of systemd's takes each question, and starts a daemon that gives up again and again. One that
    # nobody starts again removes its pid file when it gives up: no use in waiting on.
    hopeless = f'{{ [ "$(date +%s)" -ge $end ] || {{ [ $i -ge 10 ] && [ ! -e {PIDFILE} ]; }}; }}'
    return (
        f"i=0; end=$(($(date +%s) + {seconds})); until {docker_command()} version >/dev/null 2>&1; do "
        f"{hopeless} && exit 1; i=$((i + 1)); sleep 1; done"
    )


def read_sections(wanted: Wanted, interpreters: Sequence[str] = ("/usr/bin/python3",)) -> dict[str, str]:
    """Return the shell sections that tell all there is to know, for one round trip.

    interpreters: the Pythons that Ansible's modules would run on, the first that is there.
    """
    docker = docker_command()
    sections = {
        "python": f"for each in {quote(interpreters)}; do $each -S -c {quote([python.PROBE])} && exit; done",
        "os": "cat /etc/os-release && printf 'ARCHITECTURE=%s\\n' \"$(uname -m)\"",
        "init": "cat /proc/1/comm; [ -d /run/systemd/system ] && echo has-systemd; [ -f /etc/inittab ] && echo has-inittab; "
        # What Debian's init script asks for before anything else, and does not survive without.
        "ulimit -n 1048576 2>/dev/null && echo has-limit",
        "packages": quote(
            [
                "dpkg-query",
                "-W",
                "-f",
                "${db:Status-Abbrev} ${Package}\\n",
                "docker-ce",
                "docker-ce-cli",
                *wanted.all_packages(),
            ]
        )
        + " 2>/dev/null",
        # An empty directory of package lists can be of this very minute; the lists themselves carry the mirror's dates.
        "lists": "find /var/lib/apt/lists -maxdepth 0 -mmin -1440 | grep -q . && ls /var/lib/apt/lists | grep -q _Packages",
        "dockerd": f"command -v dockerd || {{ {_OLD_VERSION} >/dev/null && command -v docker; }}",
        "version": f"v=$({docker} version --format '{{{{.Server.Version}}}}') || v=$({docker} version | sed -n 's/^Server version: //p')\n"
        f'if [ -n "$v" ]; then echo "answers $v"; else dockerd --version || {_OLD_VERSION}; fi',
        "process": f'pid=$(cat {PIDFILE}) && grep -qxE "dockerd?" /proc/$pid/comm && ! grep -q "^State:.Z" /proc/$pid/status && '
        'echo "$pid" && tr "\\0" "\\n" </proc/$pid/cmdline',
        "config": f"cat {CONFIG}",
        "group": "getent group docker",
        "unit": "systemctl show docker.service --property=ActiveState,UnitFileState",
        "links": "ls /etc/rc2.d | grep -q '^S[0-9]*docker$'",
        "record": f"cat {RECORD}",
        "old": f"command -v dockerd >/dev/null || {{ {_OLD_HOST}\n}}",
        "drop_in": f"cat {daemon_flags.DROP_IN}",
        "defaults": f"cat {daemon_flags.DEFAULTS}",
    }
    if wanted.users:
        sections["accounts"] = quote(["getent", "passwd", *wanted.users])
    if wanted.state == "absent":
        sections["containers"] = docker + " ps | awk 'NR > 1 { print $1, $NF }'"  # 1.6.2 knows no --format here
        if wanted.purge_data:
            root = quote([wanted.purge_data])
            sections["purge"] = (
                f'[ -n "$(ls -A {root} 2>/dev/null)" ] && echo directory && [ -d {root}/containers ] && [ -d {root}/volumes ] && echo docker'
            )
    return sections


def facts_of(answers: Mapping[str, Answer], wanted: Wanted) -> Facts:
    """Return the facts that the answers of `read_sections` tell. Raises Refused for files that cannot be understood."""

    def lines(name: str) -> list[str]:
        return answers.get(name, MISSING).stdout.split("\n")

    release = dict(line.split("=", 1) for line in lines("os") if "=" in line)
    release = {key: value.strip().strip('"') for key, value in release.items()}
    init = [line.strip() for line in lines("init") if line.strip()]
    process = [line for line in lines("process") if line]
    unit = dict(line.split("=", 1) for line in lines("unit") if "=" in line)
    version = re.search(r"(answers|version) (\d\S*)", answers["version"].stdout)
    group = answers["group"].stdout.strip().split(":")
    systemd = "has-systemd" in init
    purge = answers.get("purge", MISSING).stdout.split()
    interpreter = answers["python"].stdout.split()
    old = [line.partition(" ") for line in lines("old")]
    if purge == ["directory"]:
        raise Refused(
            f"{wanted.purge_data} holds no `containers` and `volumes`: it is not a directory of Docker's data.",
            "Only Docker's own data may be deleted.",
            f"Set docker_engine_purge_data to the daemon's data root (by default {DATA_ROOT}), or leave it empty.",
        )
    return Facts(
        distribution=release.get("ID", ""),
        release=release.get("VERSION_ID", ""),
        pretty_name=release.get("PRETTY_NAME", "an unknown system"),
        architecture=release.get("ARCHITECTURE", ""),
        systemd=systemd,
        sysvinit=init[:1] == ["init"] and "has-inittab" in init and "has-limit" in init,
        packages=frozenset(line.split()[1] for line in lines("packages") if line.startswith("ii ")),
        fresh_lists=answers["lists"].ok,
        dockerd=answers["dockerd"].stdout.strip(),
        answers=version is not None and version[1] == "answers",
        version=engine_version(version[2]) if version else (),
        pid=int(process[0]) if process else 0,
        arguments=tuple(process[2:]),
        config_text=answers["config"].stdout,
        members=frozenset(name for name in (group[3] if len(group) > 3 else "").split(",") if name),
        accounts=frozenset(line.split(":")[0] for line in lines("accounts") if ":" in line),
        unit_active=unit.get("ActiveState") in ("active", "reloading", "activating"),
        enabled=unit.get("UnitFileState") == "enabled" if systemd else answers["links"].ok,
        record=_record(answers["record"].stdout),
        python=tuple(map(int, interpreter[0].split("."))) if interpreter else (),
        python_path=" ".join(interpreter[1:]),
        kernel=" ".join(value for key, _blank, value in old if key == "kernel"),
        filesystems=frozenset(value for key, _blank, value in old if key == "filesystem"),
        storage=tuple(value for key, _blank, value in old if key == "storage"),
        unit_command=([value for key, _blank, value in old if key == "command"] or [""])[-1],
        init_reads_defaults="reads-defaults" in lines("old"),
        drop_in=answers["drop_in"].stdout,
        defaults=answers["defaults"].stdout,
        containers=tuple(line.strip() for line in lines("containers") if line.strip()),
        purge_target=wanted.purge_data if purge else "",
    )


def plan_daemon(facts: Facts, wanted: Wanted) -> Changes:
    """Return what differs. Raises Refused where the host or what is wanted is not one this role can serve."""
    _refuse_stranger(facts, wanted)
    mode = service_mode(facts, wanted.service)
    changes = _absent(facts, wanted, mode) if wanted.state == "absent" else _present(facts, wanted, mode)
    if wanted.releases[facts.release].get("end_of_life"):
        changes = replace(changes, warnings=(f"{_end_of_life(facts, wanted)} {_NO_FIXES}", *changes.warnings))
    return replace(changes, by_steps=_by_steps(facts, wanted))


def service_mode(facts: Facts, asked: str) -> str:
    """Return how the daemon is started: as asked, or by what PID 1 is. Raises Refused for systemd where it does not run."""
    if asked == "systemd" and not facts.systemd:
        raise Refused(
            "docker_engine_service is systemd, and systemd does not run on this host.",
            "Nothing would start the daemon.",
            "Leave docker_engine_service at auto, or set it to sysvinit or direct.",
        )
    if asked != "auto":
        return asked
    return "systemd" if facts.systemd else "sysvinit" if facts.sysvinit else "direct"


def wanted_config(
    current: Mapping[str, Any], record: Record, wanted: Wanted, arguments: Sequence[str] = ()
) -> tuple[dict[str, Any], Record]:
    """Return the new daemon.json and the record of what in it is ours.

    Safe options give way to what the host already says, that gives way to the user's; an option of null takes its key out.
    Keys that nobody asked for any more go back to the value they had before Quai.
    """
    options = _options(wanted)
    flags = flag_names(arguments)
    for key, value in options.items():
        if value is not None and flags & _flags_of(key):
            raise Refused(
                f"The daemon of this host is started with the flag --{min(flags & _flags_of(key))}, and docker_engine_options sets {key}.",
                "dockerd refuses an option that is given both as a flag and in daemon.json.",
                "Take the flag out of /etc/default/docker or docker.service, or the key out of docker_engine_options.",
            )
    foreign = {key: value for key, value in current.items() if key not in record.keys}
    foreign |= {key: value for key, value in record.before.items() if key in record.keys}
    known = foreign | options
    driver = known.get("log-driver") or "json-file"
    safe = {
        key: value
        for key, value in wanted.safe_options.items()
        if key not in known
        and not flags & _flags_of(key)
        and not (key == "log-opts" and (driver not in ROTATING_DRIVERS or flags & _flags_of("log-driver")))
        and not (key == "log-driver" and "log-opts" in foreign)
    }
    new = {key: value for key, value in {**safe, **known}.items() if value is not None}
    before = {key: value for key, value in foreign.items() if key in options and options[key] != value}
    keys = sorted(
        (set(new) - set(foreign)) | set(before) | {key for key in options if key in new and key not in foreign}
    )
    return new, replace(record, exists=True, keys=tuple(keys), before=before)


def _options(wanted: Wanted) -> dict[str, Any]:
    """Return the options asked for, mirrors among them."""
    options = dict(wanted.options)
    if wanted.registry_mirrors:
        if "registry-mirrors" in options:
            raise Refused(
                "Registry mirrors are given twice: docker_engine_registry_mirrors and registry-mirrors in docker_engine_options.",
                "Only one of them can be meant.",
                "Keep docker_engine_registry_mirrors.",
            )
        options["registry-mirrors"] = list(wanted.registry_mirrors)
    return options


def flag_names(arguments: Iterable[str]) -> set[str]:
    """Return the long names of the flags among a daemon's arguments."""
    found = set()
    for word in arguments:
        name = word.split("=", 1)[0]
        if name.startswith("--"):
            found.add(name[2:])
        elif name[:2] in SHORT_FLAGS:
            found.add(SHORT_FLAGS[name[:2]])
    return found


def _flags_of(key: str) -> set[str]:
    singular = {key[:-1]} if key.endswith("s") else set()
    return {key} | singular | ({f"{key[:-3]}y"} if key.endswith("ies") else set())


def _refuse_stranger(facts: Facts, wanted: Wanted) -> None:
    if facts.distribution != "debian" or facts.release not in wanted.releases:
        supported = ", ".join(f"{version} ({release['name']})" for version, release in wanted.releases.items())
        raise Refused(
            f"This host runs {facts.pretty_name}.",
            f"Quai installs and looks after Docker on Debian {supported}.",
            "Upgrade the host to one of them, or take it out of the inventory's Debian hosts.",
        )
    if strangers := [name for name in wanted.users if name not in facts.accounts]:
        raise Refused(
            f"docker_engine_users names {', '.join(strangers)}, unknown on this host.",
            "Only an account that exists can join the group docker.",
            "Create the account first (module ansible.builtin.user), or correct the name.",
        )


def _current(facts: Facts) -> dict[str, Any]:
    if not facts.config_text.strip():
        return {}
    try:
        found = json.loads(facts.config_text)
    except ValueError as error:
        raise Refused(
            f"{CONFIG} on this host is not JSON: {error}.",
            "Docker cannot start with it, and Quai keeps what others wrote there.",
            "Correct or remove the file.",
        ) from None
    if not isinstance(found, dict):
        raise Refused(
            f"{CONFIG} on this host is not a JSON object.",
            "Docker cannot start with it.",
            "Correct or remove the file.",
        )
    return found


_NO_FIXES = "It gets no security fixes any more, and neither does the Docker it has."


def _end_of_life(facts: Facts, wanted: Wanted) -> str:
    release = wanted.releases[facts.release]
    return f"Debian {facts.release} ({release['name']}) reached its END OF LIFE on {release['end_of_life']}."


def _by_steps(facts: Facts, wanted: Wanted) -> bool:
    """Whether the action acts by itself: the host has no Python for modules, or the packages take more than they know."""
    from_elsewhere = "end_of_life" in wanted.releases[facts.release] or bool(wanted.packages_directory)
    return from_elsewhere or not python.modules_run(facts.python)


def _refuse_end_of_life(facts: Facts, wanted: Wanted) -> None:
    release = wanted.releases[facts.release]
    if "end_of_life" in release and not wanted.allow_eol:
        raise Refused(
            _end_of_life(facts, wanted),
            _NO_FIXES,
            "Upgrade the host. If it must stay as it is, set docker_engine_allow_eol: true once, in its inventory.",
        )
    if not release["engine"] and not (facts.dockerd or facts.answers):
        raise Refused(
            f"Debian {facts.release} ({release['name']}) never had a docker.io.",
            "There is no package that Quai could install.",
            "Install another Docker there, which Quai then adopts, or upgrade the host.",
        )


def _archive(wanted: Wanted, release: Mapping[str, Any]) -> Archive | None:
    """Return where the packages of a release past its end of life come from; None for any other."""
    if "archive" not in release or wanted.packages_directory:
        return None
    return Archive.of(
        release, wanted.archive_url, wanted.archive_keyring, wanted.archive_fingerprints, wanted.archive_sha256
    )


@dataclass(frozen=True)
class _Configuration:
    """The daemon's configuration as it shall be: daemon.json (text; empty for no change), or files with flags, or arguments."""

    titles: tuple[str, ...]
    daemon: str
    record: Record
    text: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    reload_first: bool = False
    files: tuple[File, ...] = ()
    warnings: tuple[str, ...] = ()


def _json_configuration(facts: Facts, wanted: Wanted, mode: str) -> _Configuration:
    current = _current(facts)
    new, record = wanted_config(current, facts.record, wanted, facts.arguments)
    _refuse_no_socket(new)
    changed = _differing(current, new)
    arguments = (facts.arguments or record.arguments) if mode == "direct" else ()
    daemon = ("reload" if RELOADABLE.issuperset(changed) else "restart") if changed else ""
    return _Configuration(
        titles=(f"write {CONFIG} ({', '.join(changed)})",) if changed else (),
        daemon=daemon,
        record=replace(record, arguments=() if arguments == ("-p", PIDFILE) else tuple(arguments)),  # empty: as ever
        text=json.dumps(new, indent=2, sort_keys=True) + "\n" if changed else "",
        before=current,
        after=new,
        # With live-restore in force, containers outlive the restart; a reload puts it in force first.
        reload_first="live-restore" in changed and bool(new.get("live-restore")),
    )


def _flag_configuration(facts: Facts, wanted: Wanted, mode: str, adopted: bool) -> _Configuration:
    """The same for an engine that knows no daemon.json. One that was here before gets only what is asked for.

    Flags that its unit or its administrator gives it come first: of two that contradict each other, the engine takes the last.
    """
    options = _options(wanted)
    if mode != "systemd":  # which hands the socket on
        _refuse_no_socket(options)
    warnings = []
    if not adopted and "storage-driver" not in options:
        options["storage-driver"], warning = daemon_flags.storage_driver(facts.kernel, facts.filesystems, facts.storage)
        warnings += [warning] if warning else []
    words = daemon_flags.flags(options)
    if lacking := daemon_flags.lacking({**wanted.safe_options, **options}):
        warnings.append(f"this Docker is too old for {', '.join(lacking)}: it goes without")
    command = facts.unit_command
    if words and facts.dockerd:
        _refuse_deaf_service(facts, mode, adopted)
    elif not facts.dockerd:  # what the unit says is known once it is installed
        command = "(the command of docker.service)"
    files = (
        File(daemon_flags.DROP_IN, facts.drop_in, daemon_flags.drop_in(command, words if mode == "systemd" else [])),
        File(
            daemon_flags.DEFAULTS,
            facts.defaults,
            daemon_flags.defaults(facts.defaults, words if mode == "sysvinit" else []),
        ),
    )
    changed = tuple(file for file in files if file.before != file.after)
    arguments = ("-d", "-p", PIDFILE, *words) if mode == "direct" and not adopted else ()
    titles = [f"write {file.path} ({' '.join(words)})" if file.after else f"remove {file.path}" for file in changed]
    if arguments != facts.record.arguments:
        titles.append(f"give the daemon {' '.join(arguments) or 'no arguments of ours'}")
    return _Configuration(
        titles=tuple(titles),
        daemon="restart" if titles else "",
        record=replace(facts.record, exists=True, arguments=arguments),
        files=changed,
        warnings=tuple(warnings),
    )


def _refuse_deaf_service(facts: Facts, mode: str, adopted: bool) -> None:
    """Refuse flags where what starts the daemon would not hand them on."""
    deaf = {
        "systemd": not facts.unit_command and "docker.service has no ExecStart",
        "sysvinit": not facts.init_reads_defaults
        and f"/etc/init.d/docker does not use DOCKER_OPTS of {daemon_flags.DEFAULTS}",
        "direct": adopted and "Its Docker is started by hand",
    }[mode]
    if deaf:
        raise Refused(
            f"{deaf}, and docker_engine_options would have to reach it as flags.",
            "This old Docker knows no daemon.json.",
            "Give them where it is started, and leave docker_engine_options empty.",
        )


def is_old(facts: Facts, release: Mapping[str, Any]) -> bool:
    """Return whether the engine of this host, or the one it would get, is older than dockerd and daemon.json."""
    version = facts.version or engine_version(release.get("version", ""))
    return bool(version) and version < daemon_flags.FIRST_DOCKERD


def _present(facts: Facts, wanted: Wanted, mode: str) -> Changes:
    _refuse_end_of_life(facts, wanted)
    release = wanted.releases[facts.release]
    refuse_old_engine(facts.version, LEAST_ENGINE_AT_END_OF_LIFE if "end_of_life" in release else LEAST_ENGINE)
    if mode == "systemd" and facts.answers and facts.pid and not facts.unit_active:
        raise Refused(
            f"A Docker daemon runs on this host (pid {facts.pid}) that docker.service did not start.",
            "systemd would start a second one, which cannot work.",
            f"Stop it (kill {facts.pid}), or set docker_engine_service to direct.",
        )
    record = facts.record
    has_engine = bool(facts.dockerd) or facts.answers
    ours = bool(set(record.packages) & set(release["engine"]))
    adopted = has_engine and not ours
    needed = [
        *([] if adopted else release["engine"]),
        *release["helpers"],
        *([] if _by_steps(facts, wanted) else release["python"]),
    ]
    packages = tuple(package for package in needed if package not in facts.packages)
    archive = _archive(wanted, release) if packages else None
    old = is_old(facts, release)
    configuration = (
        _flag_configuration(facts, wanted, mode, adopted) if old else _json_configuration(facts, wanted, mode)
    )
    users = tuple(name for name in wanted.users if name not in facts.members)
    enable = mode != "direct" and not facts.enabled

    daemon = configuration.daemon
    if not facts.answers:
        daemon = "start"
    elif set(packages) & set(release["engine"]) or record.pending:
        daemon = "restart"

    titles = []
    if packages:
        origin = f" from {archive.url}, once proven" if archive else ""
        titles.append(f"install {', '.join(packages)}{origin or (' from files' if wanted.packages_directory else '')}")
    titles += configuration.titles
    if users:
        titles.append(f"add {', '.join(users)} to the group docker")
    if daemon:
        titles.append(f"{daemon} the daemon ({mode})")
    if enable:
        titles.append(f"have {mode} start the daemon at boot")
    return Changes(
        titles=tuple(titles),
        mode=mode,
        adopted=adopted,
        record=replace(
            configuration.record,
            packages=tuple(dict.fromkeys([*record.packages, *packages])),
            users=tuple(dict.fromkeys([*(name for name in record.users if name in facts.members), *users])),
            files=tuple(dict.fromkeys([*record.files, *(archive.texts if archive else ())])),
            pending=False,
        ),
        packages=packages,
        config=configuration.text,
        before=configuration.before,
        after=configuration.after,
        users=users,
        daemon=daemon,
        reload_first=daemon == "restart" and configuration.reload_first,
        enable=enable,
        arguments=configuration.record.arguments,
        files=configuration.files,
        archive=archive,
        warnings=(*configuration.warnings, *(archive.warnings if archive else ())) if titles else (),
    )


def _absent(facts: Facts, wanted: Wanted, mode: str) -> Changes:
    record = facts.record
    engine = [package for package in record.packages if package in wanted.releases[facts.release]["engine"]]
    ours = bool(engine)
    has_engine = bool(facts.dockerd) or facts.answers
    _refuse_removal(facts, wanted, ours)
    current = _current(facts)
    rest = {key: value for key, value in current.items() if key not in record.keys} | dict(record.before)
    changed = record.exists and bool(_differing(current, rest))
    packages = tuple(package for package in engine if package in facts.packages)
    users = tuple(name for name in record.users if name in facts.members)
    files = _files_back(facts) if record.exists else ()
    daemon = ""
    if ours and (facts.answers or facts.pid):
        daemon = "stop"
    elif files and facts.answers:
        daemon = "restart"
    elif changed and facts.answers:
        daemon = "reload" if RELOADABLE.issuperset(_differing(current, rest)) else "restart"
    titles = []
    if ours and facts.containers:
        titles.append(f"stop {len(facts.containers)} containers")
    if daemon:
        titles.append(f"{daemon} the daemon ({mode})")
    if packages:
        titles.append(f"remove {', '.join(packages)}")
    if changed:
        titles.append(f"write {CONFIG} as it was before" if rest else f"remove {CONFIG}")
    titles += [f"write {file.path} as it was before" if file.after else f"remove {file.path}" for file in files]
    titles += [f"remove {path}" for path in record.files]
    if users:
        titles.append(f"take {', '.join(users)} out of the group docker")
    if facts.purge_target:
        titles.append(f"delete {facts.purge_target} with all images, containers and volumes in it")
    if record.exists:
        titles.append(f"remove {RECORD}")
    return Changes(
        titles=tuple(titles),
        mode=mode,
        adopted=has_engine and not ours,
        record=Record(),
        packages=packages,
        config=json.dumps(rest, indent=2, sort_keys=True) + "\n" if changed and rest else "",
        remove_config=changed and not rest,
        before=current,
        after=rest,
        users=users,
        daemon=daemon,
        arguments=record.arguments,
        containers=tuple(line.split()[0] for line in facts.containers) if ours else (),
        purge=facts.purge_target,
        files=files,
    )


def _refuse_removal(facts: Facts, wanted: Wanted, ours: bool) -> None:
    if wanted.purge_data and (facts.dockerd or facts.answers) and not ours:
        raise Refused(
            "docker_engine_purge_data is set, and the Docker of this host was not installed by Quai.",
            "An engine that was here before keeps its data.",
            "Leave docker_engine_purge_data empty, or remove that engine first.",
        )
    if ours and facts.containers and not wanted.stop_containers:
        names = ", ".join(line.split()[-1] for line in facts.containers)
        raise Refused(
            f"Containers still run on this host: {names}.",
            "Removing Docker would end what they serve.",
            "Remove them first (playbooks/teardown.yml), or set docker_engine_stop_containers to true.",
        )


def _files_back(facts: Facts) -> tuple[File, ...]:
    """Return the files that give an old daemon its flags, as they were without Quai."""
    files = (
        File(daemon_flags.DROP_IN, facts.drop_in, ""),
        File(daemon_flags.DEFAULTS, facts.defaults, daemon_flags.defaults(facts.defaults, [])),
    )
    return tuple(file for file in files if file.before != file.after)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys that differ as JSON, where true is not 1."""

    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {key: json.dumps(value, sort_keys=True) for key, value in values.items()}

    former, later = texts(before), texts(after)
    return sorted(key for key in {*former, *later} if former.get(key) != later.get(key))


def _refuse_no_socket(config: Mapping[str, Any]) -> None:
    hosts = config.get("hosts")
    if isinstance(hosts, list) and not any(
        str(host) in (SOCKET, SOCKET.replace("/var/run", "/run"), "fd://", "unix://") for host in hosts
    ):
        raise Refused(
            f"`hosts` in {CONFIG} would be {hosts}, without {SOCKET}.",
            "The host's own docker command, and so everything Quai does there, goes through that socket.",
            f"Add {SOCKET} to `hosts` in docker_engine_options.",
        )


def _record(text: str) -> Record:
    if not text.strip():
        return Record()
    try:
        found = json.loads(text)
        return Record(
            exists=True,
            packages=tuple(found["packages"]),
            keys=tuple(found["daemon_json_keys"]),
            before=dict(found["daemon_json_before"]),
            users=tuple(found["users"]),
            arguments=tuple(found.get("arguments", ())),
            files=tuple(path for path in found.get("files", ()) if path in debian_archive.FILES),
            pending=bool(found["pending"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"{RECORD} on this host cannot be understood ({error!r}).",
            "It tells what on this host is Quai's and what is not.",
            "Correct it, or remove it: the engine then counts as one that was here before.",
        ) from None
