"""What commonly breaks a Docker host: a pure function per check, from what the host answered to a finding or none.

A new check is a function, a row of CHECKS and, where it asks for something new, a fragment in `questions`.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import ports, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, is_old, refuse_old_engine
from ansible_collections.quai.engine.plugins.module_utils.questions import (
    NONE_INSTALLED,
    TIMED_OUT,
    TIMEOUT_SECONDS,
    Wanted,
)
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, quote
from ansible_collections.quai.engine.plugins.module_utils.state import EVERY

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")

CLOCK_WARNING_SECONDS, CLOCK_ERROR_SECONDS = 5, 300
SCARCE_PERCENT, SCARCE_GIB = 10, 5
CERTIFICATE_DAYS = 30
AROUND_A_RESTART_SECONDS = 90
LISTED = 10

Answers = Mapping[str, Answer]


@dataclass(frozen=True)
class Finding:
    """What is wrong: the check that found it, how bad it is, what was found, why it matters, what cures it."""

    check: str
    severity: str
    found: str
    why: str
    cure: str


class Unknown(Exception):
    """A check that cannot judge this host, and why."""


@dataclass(frozen=True)
class Check:
    """One check: its name, what it looks for, why that matters, what cures it, the answers it needs and who judges them.

    on_host: it looks at the very host the engine runs on, so it says nothing where the engine is elsewhere.
    cure_elsewhere: what cures it there, where what cures a Debian host would not.
    """

    name: str
    finds: str
    why: str
    cure: str
    asks: tuple[str, ...]
    judge: Callable[[Answers, Wanted], Finding | None]
    on_host: bool = True
    cure_elsewhere: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, the worst first, and the checks that were left out, each with the reason."""

    findings: tuple[Finding, ...]
    left_out: Mapping[str, str]


def chosen(names: Sequence[str]) -> list[Check]:
    """Return the checks of these names, all for none. Raises Refused for a name that no check has."""
    known = [check.name for check in CHECKS]
    if strangers := [name for name in names if name not in known]:
        near = difflib.get_close_matches(strangers[0], known, n=1)
        raise Refused(
            f"There is no check {', '.join(strangers)}{f'; did you mean {near[0]}?' if near else '.'}",
            "A check that is not there finds nothing.",
            f"Choose from {', '.join(known)} (doctor_only).",
        )
    return [check for check in CHECKS if not names or check.name in names]


def diagnose(checks: Iterable[Check], answers: Answers, wanted: Wanted) -> Diagnosis:
    """Return what the checks find."""
    findings, left_out = [], {}
    elsewhere = is_elsewhere(answers)
    for check in checks:
        if check.on_host and elsewhere:
            left_out[check.name] = "the engine runs on another machine"
            continue
        try:
            if finding := check.judge(answers, wanted):
                cure = (elsewhere and check.cure_elsewhere) or finding.cure
                findings.append(dataclasses.replace(finding, cure=cure))
        except Unknown as reason:
            left_out[check.name] = str(reason)
        except ValueError as error:  # one answer that was cut short must not hide what the others tell
            left_out[check.name] = f"an answer cannot be understood ({error})"
    return Diagnosis(tuple(sorted(findings, key=lambda each: SEVERITIES.index(each.severity))), left_out)


def report(host: str, diagnosis: Diagnosis, checks: int) -> str:
    """Return the diagnosis of a host as text for a terminal."""
    counts = [(severity, sum(each.severity == severity for each in diagnosis.findings)) for severity in SEVERITIES]
    told = ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts if count)
    made = checks - len(diagnosis.left_out)
    lines = [f"{host}: {told or 'nothing found'} ({made} check{'' if made == 1 else 's'})"]
    for each in diagnosis.findings:
        lines += [
            f"  {each.severity:<8} {each.check}: {each.found}",
            f"{'why':>10}: {each.why}",
            f"{'cure':>10}: {each.cure}",
        ]
    reasons: dict[str, list[str]] = {}
    for name, reason in diagnosis.left_out.items():
        reasons.setdefault(reason, []).append(name)
    lines += [f"  left out {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "\n".join(lines)


def is_elsewhere(answers: Answers) -> bool:
    """Return whether the engine that docker talks to runs on another machine, as a Mac's always does."""
    system, endpoint = [*(line.strip() for line in answers["where"].stdout.strip().splitlines()), "", ""][:2]
    return system != "Linux" or not (endpoint == "" or endpoint.startswith("unix://"))


def _found(check: str, severity: str, found: str, cure: str) -> Finding:
    why = next(each.why for each in CHECKS if each.name == check)
    return Finding(check, severity, found, why, cure)


# --- what the answers say ---------------------------------------------------------------------------------------------


def _lines(answers: Answers, name: str, lack: str) -> list[str]:
    """Return the lines of an answer. Raises Unknown, with what the host lacks, where there is none."""
    answer = answers.get(name, MISSING)
    if not answer.stdout.strip():
        raise Unknown(lack + (f" ({answer.stderr.splitlines()[-1]})" if answer.stderr else ""))
    return answer.stdout.strip().splitlines()


def _old(answers: Answers) -> str:
    """Return the engine's version where it is one of Debian 8, of before 1.10; empty for any other."""
    version = answers.get("version", MISSING).stdout.strip()
    return version if is_old(state.engine_version(version)) else ""


def _of_the_engine(answers: Answers, name: str) -> str:
    """Return what the engine answered. Raises Unknown where it does not answer, or is too old for the question."""
    if (version := _old(answers)) and name != "containers":
        raise Unknown(f"Docker {version} cannot be asked for it")
    answer = answers.get(name, MISSING)
    if not answer.ok:
        raise Unknown("the engine does not answer")
    return answer.stdout


def _info(answers: Answers) -> dict[str, Any]:
    found = json.loads(_of_the_engine(answers, "info") or "{}")
    if "Driver" not in found:  # a client prints its own part where the engine has just gone
        raise Unknown("the engine does not answer")
    return dict(found)


def _containers(answers: Answers) -> list[tuple[state.Container, dict[str, Any]]]:
    """Return each container, with its document."""
    documents = state.documents(_of_the_engine(answers, "containers"))
    return [(state.containers(json.dumps([document]))[0], document) for document in documents]


def _options(answers: Answers) -> dict[str, Any]:
    """Return the engine's options, of daemon.json and of its flags; a flag without a value is true."""
    try:
        options = json.loads(answers.get("config", MISSING).stdout or "{}")
    except ValueError:
        options = {}  # the engine runs without it, or not at all, which another check tells
    words = answers.get("flags", MISSING).stdout.splitlines()[1:]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options[name] = value if equals else following if following and not following.startswith("-") else True
    return dict(options)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _size(count: float) -> str:
    """Return a number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return ", ".join(items[:LISTED]) + more


# --- the engine -------------------------------------------------------------------------------------------------------


def engine(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge whether a usable engine answers."""
    answer = answers["version"]
    if answer.ok:
        try:
            refuse_old_engine(state.engine_version(answer.stdout), old_will_do=wanted.allow_eol)
        except Refused as refusal:
            return _found("engine", ERROR, str(refusal).split(": ")[0] + ".", "Upgrade the host to Debian 11 or later.")
        if version := _old(answers):
            found = f"Docker {version} is past its end of life, which docker_engine_allow_eol accepts: nobody mends its faults."
            return _found("engine", WARNING, found, "Upgrade the host to Debian 11 or later.")
        return None
    if is_elsewhere(answers):
        cure = "Start the machine (ansible-playbook playbooks/hosts.yml), or point DOCKER_HOST at an engine that runs."
        return _found("engine", ERROR, f"Docker does not answer: {_reason(answer)}.", cure)
    if answer.rc == NONE_INSTALLED:
        return _found(
            "engine", ERROR, "There is no Docker engine.", "Install one: ansible-playbook playbooks/hosts.yml"
        )
    complaints = answers.get("complaints", MISSING).stdout.strip().splitlines()
    last = f" The daemon's last complaint: {complaints[-1]}" if complaints else ""
    # systemd refuses another start to a unit that it tired of starting, until that is forgotten.
    cure = (
        "systemctl reset-failed docker docker.socket; systemctl restart docker; if that fails, correct what the complaint "
        "names and run ansible-playbook playbooks/hosts.yml"
    )
    return _found("engine", ERROR, f"Docker does not answer: {_reason(answer)}.{last}", cure)


def _reason(answer: Answer) -> str:
    if answer.rc == TIMED_OUT:
        return f"it said nothing for {TIMEOUT_SECONDS} s"
    return (answer.stderr.splitlines() or ["no reason given"])[-1].rstrip(".?")


def storage_driver(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge how the engine stores layers."""
    info = _info(answers)
    driver, status = info["Driver"], {str(key): str(value) for key, value in info.get("DriverStatus") or ()}
    cure = (
        'Take "storage-driver" out of /etc/docker/daemon.json and restart the engine: it then takes overlay2, where images '
        "have to be built or pulled again. Volumes stay as they are."
    )
    if driver == "vfs":
        found = "The engine stores layers with vfs, which copies the whole image for every container and every step of a build."
    elif driver == "devicemapper" and (loop := status.get("Data loop file")):
        found = f"The engine stores layers with devicemapper in a file ({loop}), which is slow and can be damaged by a crash."
    elif status.get("Supports d_type") == "false":
        found = "The file system below the engine has no d_type (XFS made with ftype=0): deleted files come back in containers."
        cure = "Put the engine's data (data-root in /etc/docker/daemon.json) on a file system with d_type: ext4, or XFS made with -n ftype=1."
    else:
        return None
    return _found("storage-driver", WARNING, found, cure)


def cgroups(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether the kernel can limit what containers use."""
    info = _info(answers)
    lacking = [name for name, key in (("memory", "MemoryLimit"), ("pids", "PidsLimit")) if info.get(key) is False]
    if not lacking:
        return None
    version = info.get("CgroupVersion") or "1"
    cure = (
        'Add "cgroup_enable=memory swapaccount=1" to GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub and reboot.'
        if version == "1" and "memory" in lacking
        else "Take cgroup_disable= out of the kernel's command line (/etc/default/grub, then update-grub) and reboot; "
        "/proc/cgroups tells which controllers the kernel has."
    )
    return _found(
        "cgroups", ERROR, f"The engine finds no controller for {' and '.join(lacking)} (cgroup v{version}).", cure
    )


def live_restore(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether containers outlive a restart of the engine."""
    info = _info(answers)
    if info.get("LiveRestoreEnabled") or (info.get("Swarm") or {}).get("LocalNodeState") == "active":
        return None
    cure = 'Set {"live-restore": true} in /etc/docker/daemon.json and run systemctl reload docker; playbooks/hosts.yml does both.'
    return _found("live-restore", WARNING, "live-restore is off.", cure)


# --- the host ---------------------------------------------------------------------------------------------------------


def clock(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge the clock against the controller's, by no more than the length of the question can prove."""
    if is_elsewhere(answers):  # a virtual machine's clock stands still while its Mac sleeps
        said = str(_info(answers)["SystemTime"])[:19]
        first = last = datetime.datetime.fromisoformat(said).replace(tzinfo=datetime.UTC).timestamp()
    else:
        first, last = (float(_lines(answers, name, "there is no date")[0]) for name in ("clock", "clock after"))
    # The host read its clock, cut to the second, at a moment between these two of the controller's.
    earliest, latest = wanted.began, max(wanted.began, wanted.ended - max(0.0, last - first - 1))
    least, most = first - latest, first + 1 - earliest
    off, word = (least, "ahead of") if least > 0 else (-most, "behind")
    if off < CLOCK_WARNING_SECONDS:
        return None
    middle, uncertain = abs(least + most) / 2, (most - least) / 2
    return _found(
        "clock",
        ERROR if off >= CLOCK_ERROR_SECONDS else WARNING,
        f"The clock is {middle:.0f} s {word} the controller's (± {uncertain:.1f} s, the time the question took).",
        "apt-get install systemd-timesyncd && timedatectl set-ntp true; or see why the host's NTP service does not reach its server.",
    )


@dataclass(frozen=True)
class _Room:
    place: str
    size_kib: int
    free_kib: int
    inodes: int
    free_inodes: int
    writable: bool
    mount: str

    def __str__(self) -> str:
        return f"{self.place} (file system {self.mount})"


def _rooms(answers: Answers) -> Iterator[_Room]:
    for line in _lines(answers, "room", "df does not answer"):
        parts = line.split("\t")
        if len(parts) == 7:
            size, free, count, free_count = (_number(part) for part in parts[1:5])
            yield _Room(parts[0], size, free, count, free_count, parts[5] == "yes", parts[6])


def disk(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge the space for images and for data."""
    found, severity = [], WARNING
    for room in _rooms(answers):
        free_mib, percent = room.free_kib // 1024, 100 * room.free_kib / max(1, room.size_kib)
        if not room.writable:
            found.append(f"{room} cannot be written.")
        elif free_mib < wanted.free_mib or (percent < SCARCE_PERCENT and free_mib < SCARCE_GIB * 1024):
            found.append(f"{room} has {free_mib} MiB free, {percent:.0f} %.")
        if not room.writable or free_mib < wanted.free_mib:
            severity = ERROR
    cure = (
        "See what fills it: du -xh --max-depth=2 / | sort -h | tail; docker system df. A file system that cannot be written was "
        "often made so by the kernel after an error: see dmesg, then mount -o remount,rw."
    )
    return _found("disk", severity, " ".join(found), cure) if found else None


def inodes(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge the inodes, which run out by many small files."""
    scarce = [room for room in _rooms(answers) if room.free_inodes * 100 < room.inodes * SCARCE_PERCENT]
    if not scarce:
        return None
    worst = ERROR if any(room.free_inodes * 100 < room.inodes for room in scarce) else WARNING
    said = " ".join(f"{room} has {room.free_inodes} inodes left of {room.inodes}." for room in scarce)
    return _found(
        "inodes",
        worst,
        said,
        f"Find the many small files: du -x --inodes --max-depth=3 {scarce[0].mount} | sort -n | tail",
    )


@dataclass(frozen=True)
class _Registry:
    address: str
    is_mirror: bool
    known: str
    code: str
    said: str


def _registries(answers: Answers) -> list[_Registry]:
    found = [line.split("\t") for line in _of_the_engine(answers, "registries").splitlines()]
    return [_Registry(each[0], each[1] == "mirror", *each[2:]) for each in found if len(each) == 5]


def dns(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether the names the engine needs are known."""
    unknown = [each for each in _registries(answers) if each.known == "no"]
    if not unknown:
        return None
    servers = ", ".join(_servers(answers, "")) or "none"
    return _found(
        "dns",
        ERROR if any(each.is_mirror for each in unknown) else WARNING,
        f"The host does not know the name in {_listed([each.address for each in unknown])} (name servers: {servers}).",
        "Correct the name servers in /etc/resolv.conf (or where it is made: resolvectl status), or the name in "
        "docker_engine_registry_mirrors. A host that shall reach no registry needs none: myapp_base_source=debian.",
    )


def registry(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether images can be pulled."""
    asked = [each for each in _registries(answers) if each.known != "no"]
    if untold := [each for each in asked if not each.code]:
        raise Unknown(f"{untold[0].address} cannot be asked: {untold[0].said}")
    insecure = [
        str(each.get("Name"))
        for each in ((_info(answers).get("RegistryConfig") or {}).get("IndexConfigs") or {}).values()
        if not each.get("Secure")
    ]
    silent = [
        each
        for each in asked
        if (each.code == "000" or each.code.startswith("5"))
        and not ("(60)" in each.said and each.address.split("/")[2] in insecure)
    ]
    if not silent:
        return None
    said = "; ".join(f"{each.address}: {each.said.strip() or f'HTTP {each.code}'}" for each in silent)
    return _found(
        "registry",
        ERROR if any(each.is_mirror for each in silent) else WARNING,
        f"No images can be had from {said}.",
        "See whether it runs and lets this host through (curl -v, the firewall, the engine's proxy settings), or correct "
        "docker_engine_registry_mirrors. A host that shall reach no registry needs none: myapp_base_source=debian.",
    )


def _servers(answers: Answers, part: str) -> list[str]:
    own, _heading, resolved = answers.get("resolvers", MISSING).stdout.partition("# systemd-resolved")
    return re.findall(r"^\s*nameserver\s+(\S+)", resolved if part == "resolved" else own, re.MULTILINE)


def container_dns(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether containers inherit a name server that they can reach."""
    if "dns" in _options(answers):
        return None
    servers = _servers(answers, "")
    # Of systemd-resolved the engine reads the file that names the servers behind it.
    given = _servers(answers, "resolved") if servers == ["127.0.0.53"] else servers
    if any(not server.startswith("127.") and server != "::1" for server in given):
        return None
    had = f"only {', '.join(servers)}, the host's own" if servers else "none"
    return _found(
        "container-dns",
        WARNING,
        f"/etc/resolv.conf gives containers no name server: it names {had}.",
        'Set {"dns": ["ADDRESS"]} in docker_engine_options (daemon.json) to a name server of your network.',
    )


def port(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge whether somebody else has the wanted port."""
    text = answers.get("holders", MISSING).stdout
    try:
        containers = [container for container, _document in _containers(answers) if container.running]
    except Unknown:  # a program of the host may hold the port all the same
        containers = []
    published = {
        each.name: [ports.Listener(address, number, "") for address, number, _inside in each.published]
        for each in containers
    }
    address = str(ipaddress.ip_address(wanted.address))
    taken, by = ports.conflict(ports.listeners(text), published, wanted.container, address, wanted.port)
    if not taken:
        return None
    owners = re.findall(rf"^{taken.inode} is held by (.+)$", text, re.MULTILINE) if taken.inode else []
    who = _listed([f"container {name}" for name in by] or owners) or "another program"
    return _found(
        "port",
        ERROR,
        f"Port {wanted.port} is taken by {who}, on {taken.address}.",
        "Stop that program, or set another port (myapp_port) or address (myapp_address).",
    )


def users(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge whether those who shall use Docker may."""
    groups = dict(line.split(": ", 1) for line in answers.get("users", MISSING).stdout.splitlines() if ": " in line)
    strangers = [name for name in wanted.users if groups.get(name, "?") == "?"]
    outside = [name for name in wanted.users if name not in strangers and "docker" not in groups[name].split()]
    found = [f"There is no account {name}." for name in strangers] + [
        f"{name} is not in the group docker." for name in outside
    ]
    cure = "; ".join(
        [f"create {name} first, or correct docker_engine_users" for name in strangers]
        + [quote(["usermod", "-aG", "docker", name]) for name in outside]
    )
    return _found("users", ERROR, " ".join(found), f"{cure}. Whoever is logged in logs in again.") if found else None


def certificates(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge the certificates of the engine's TLS endpoint and of its registries, and those its client uses."""
    from cryptography import x509  # ansible-core brings it

    now = datetime.datetime.fromtimestamp(wanted.ended, datetime.UTC)
    found, severity = [], WARNING
    for part in answers.get("certificates", MISSING).stdout.split("# file ")[1:]:
        file, _newline, text = part.partition("\n")
        if "BEGIN CERTIFICATE" not in text:  # a key
            continue
        try:
            ends = min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(text.encode()))
        except ValueError:
            found.append(f"{file} cannot be understood.")
            severity = ERROR
            continue
        days = (ends - now).total_seconds() / 86400
        if days < CERTIFICATE_DAYS:
            found.append(f"{file} {'expired' if days < 0 else 'expires'} on {ends:%Y-%m-%d}.")
            severity = ERROR if days < 0 else severity
    cure = (
        "Have new ones made by the authority that made these and run systemctl restart docker; of a docker-machine: "
        "docker-machine regenerate-certs -f --client-certs NAME"
    )
    return _found("certificates", severity, " ".join(found), cure) if found else None


def authorities(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether the host knows any certificate authority."""
    if _number(answers.get("authorities", MISSING).stdout):
        return None
    return _found(
        "authorities",
        WARNING,
        "The host trusts no certificate authority: /etc/ssl/certs/ca-certificates.crt is missing or empty.",
        "apt-get install ca-certificates && update-ca-certificates && systemctl restart docker",
    )


def kernel(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge whether the kernel has overlay2."""
    if wanted.allow_eol and (version := _old(answers)):
        raise Unknown(f"Docker {version} has no overlay2")
    running = _lines(answers, "kernels", "there is no uname")[0]
    if _kernel(running)[0] >= (4, 0):
        return None
    return _found(
        "kernel",
        ERROR,
        f"The kernel is {running}; the storage driver overlay2 needs 4.0.",
        "Upgrade the host to Debian 11 or later and boot its kernel.",
    )


# 6.1.0-18-amd64, 6.12.41+deb13-amd64, 6.1.0-0.deb11.21-cloud-amd64: a version, then the kind.
_KERNEL = re.compile(r"([\d.]+(?:[+.-](?:bpo|deb)?[\d.]*\d|\+bpo)*)-?(.*)")


def _kernel(name: str) -> tuple[tuple[int, ...], str]:
    """Return a kernel's version and its kind."""
    match = _KERNEL.match(name)
    return (tuple(int(part) for part in re.findall(r"\d+", match[1])), match[2]) if match else ((), name)


def reboot(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether a newer kernel of the same kind is installed than the one that runs."""
    running, *rest = _lines(answers, "kernels", "there is no uname")
    told = [line.partition(" ")[::2] for line in rest]
    days = next((_number(value) // 86400 for key, value in told if key == "up"), 0)
    installed = [value for key, value in told if key == "installed" and _kernel(value)[1] == _kernel(running)[1]]
    newest = max(installed, key=lambda each: _kernel(each)[0], default=running)
    found = []
    # A kernel that is not installed here came from elsewhere (a container's, a hosting provider's): nothing follows.
    if running in installed and _kernel(newest)[0] > _kernel(running)[0]:
        found.append(f"The kernel {running} runs, up for {days} days, and {newest} is installed.")
    if packages := next((value for key, value in told if key == "required"), ""):
        found.append(f"Debian asks for a reboot{packages.removeprefix('for').rstrip() and ' ' + packages.strip()}.")
    cure = "Reboot at a quiet time: systemctl reboot. The application comes back by its restart policy."
    return _found("reboot", WARNING, " ".join(found), cure) if found else None


# --- the network ------------------------------------------------------------------------------------------------------


def _rules(answers: Answers) -> dict[str, list[str]]:
    """Return the rules by the kind of iptables, as its `save` prints them, each with its table before it."""
    found: dict[str, list[str]] = {}
    kind = table = ""
    for line in _lines(answers, "rules", "there is no iptables-save"):
        if line.startswith("# kind "):
            kind, table = line[7:], ""
            found[kind] = []
        elif line.startswith("*"):
            table = line[1:]
        elif kind and line.startswith((":", "-A")):
            found[kind].append(f"{table} {line}")
    return found


def _programmed(answers: Answers) -> bool:
    """Return whether the engine is to make rules of iptables."""
    backend = (_info(answers).get("FirewallBackend") or {}).get("Driver", "iptables")
    return _options(answers).get("iptables") not in (False, "false") and str(backend).startswith("iptables")


def iptables_kinds(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether rules of the other kind of iptables stand beside Docker's."""
    rules = _rules(answers)
    dockers = [kind for kind, lines in rules.items() if any(" :DOCKER " in line for line in lines)]
    if not dockers:
        return None
    # Docker makes its rules by the command `iptables`, which is of one kind.
    used = "legacy" if "(legacy)" in answers["rules"].stdout else "nft"
    dockers_own = used if used in dockers else dockers[0]
    other = next((kind for kind in rules if kind != dockers_own), "")
    lines = rules.get(other, [])
    blocking = [
        line for line in lines if line.startswith("filter ") and re.search(r":FORWARD DROP|-j (DROP|REJECT)", line)
    ]
    if len(dockers) < 2 and not blocking:
        return None
    forward = any("FORWARD" in line for line in blocking)
    what = (
        "Docker's chains stand in both kinds of iptables, nft and legacy"
        if len(dockers) > 1
        else (f"Docker's rules are of the kind {dockers_own}, and rules of the kind {other} also block packets")
    )
    example = f": {blocking[0].removeprefix('filter ')}" if blocking else ""
    return _found(
        "iptables-kinds",
        ERROR if forward else WARNING,
        f"{what}{example}.",
        f"Keep one kind. If what iptables-{other}-save prints shall not count any more: iptables-{other} -P FORWARD ACCEPT; "
        f"iptables-{other} -F; iptables-{other} -t nat -F; then systemctl restart docker",
    )


def iptables_chains(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether Docker's chains are where it put them when it started."""
    if not _programmed(answers):
        return None
    lines = [line for each in _rules(answers).values() for line in each]
    wanted = {
        "the jump to DOCKER in nat PREROUTING": r"nat -A PREROUTING .*-j DOCKER$",
        "the chain DOCKER in nat": r"nat :DOCKER ",
        "a jump to Docker's chains in filter FORWARD": r"filter -A FORWARD .*-j DOCKER",
        "the chain DOCKER in filter": r"filter :DOCKER ",
    }
    missing = [name for name, pattern in wanted.items() if not any(re.match(pattern, line) for line in lines)]
    if not missing:
        return None
    return _found(
        "iptables-chains",
        ERROR,
        f"Docker's rules are gone from iptables: {', '.join(missing)}.",
        "systemctl restart docker makes them again; start firewalls before Docker, and let nothing flush all rules (nft flush ruleset).",
    )


def ip_forward(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether the kernel passes packets on."""
    if _lines(answers, "forwarding", "the kernel does not tell")[0].strip() != "0":
        return None
    return _found(
        "ip-forward",
        ERROR,
        "The kernel passes no packets on: net.ipv4.ip_forward is 0.",
        "sysctl -w net.ipv4.ip_forward=1, and take the line that sets it to 0 out of /etc/sysctl.conf and /etc/sysctl.d",
    )


def firewall(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether ports are published past a firewall that shall keep them shut."""
    lines = [line for each in _rules(answers).values() for line in each]
    other = answers.get("other firewalls", MISSING).stdout
    guards = _guards(lines, other)
    # Rules in DOCKER-USER come before Docker's: whoever wrote some knows.
    if not guards or any(re.search(r"-A DOCKER-USER .*-j (DROP|REJECT)", line) for line in lines):
        return None
    allowed = "\n".join(
        [line for line in lines if line.endswith("-j ACCEPT") and "-A DOCKER" not in line]
        + [line for table, line in _nftables(other) if "dport" in line and line.endswith("accept")]
    )
    past = [
        f"{number} ({container.name})"
        for container, _document in _containers(answers)
        if container.running
        for address, number, _inside in container.published
        if address in (EVERY, "::") and not re.search(rf"dports? [^\n]*\b{number}\b", allowed)
    ]
    if not past:
        return None
    return _found(
        "firewall",
        WARNING,
        f"{' and '.join(guards)} shall keep ports shut, and Docker publishes past it to everybody: {_listed(past)}.",
        "Publish on one address (myapp_address=127.0.0.1 behind a proxy of the host), or write rules for the chain DOCKER-USER, "
        "which comes before Docker's. If everybody shall reach the port, allow it in the firewall too, and this is silent.",
    )


def _guards(lines: Sequence[str], other: str) -> list[str]:
    """Return the firewalls of the host that shut ports by default."""
    guards = []
    if any(line.startswith("filter :INPUT DROP") for line in lines):
        ufw = any(line.startswith("filter -A INPUT -j ufw-") for line in lines)
        guards.append("ufw" if ufw else "iptables (INPUT drops by default)")
    if "# firewalld" in other:
        guards.append("firewalld")
    guards += [
        f"nftables (table {table})" for table, line in _nftables(other) if re.search(r"hook input .*policy drop", line)
    ]
    return guards


def _nftables(ruleset: str) -> Iterator[tuple[str, str]]:
    """Return each line of a ruleset with its table, without the tables in which iptables keeps its own."""
    table = ""
    for line in ruleset.splitlines():
        if line.startswith("table "):
            table = " ".join(line.split()[1:3])
        elif table and not re.match(r"ip6? (filter|nat|mangle|raw|security)$", table):
            yield table, line.strip()


# --- containers, volumes, images --------------------------------------------------------------------------------------


def logs(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether a container's output may fill the disk."""
    if version := _old(answers):
        raise Unknown(f"Docker {version} knows no limit of a container's output")

    def unbounded(document: Mapping[str, Any]) -> bool:
        log = (document.get("HostConfig") or {}).get("LogConfig") or {}
        return log.get("Type") == "json-file" and "max-size" not in (log.get("Config") or {})

    names = [
        container.name for container, document in _containers(answers) if container.running and unbounded(document)
    ]
    if not names:
        return None
    return _found(
        "logs",
        WARNING,
        f"The output of {_listed(names)} is kept without a limit.",
        "Make the container again with --log-opt max-size=10m --log-opt max-file=3; playbooks/hosts.yml sets such a limit for new ones.",
    )


def restart_policy(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether a container that runs, or ran until the engine was restarted, comes back by itself."""
    began = 0
    if answers.get("engine age", MISSING).ok and answers["clock"].ok:
        began = _number(answers["clock"].stdout) - _number(answers["engine age"].stdout)
    runs, ended = [], []
    for container, document in _containers(answers):
        if container.restart_policy != "no" or (document.get("HostConfig") or {}).get("AutoRemove"):
            continue
        if container.running:
            runs.append(container.name)
        elif began and abs(_ended(document) - began) < AROUND_A_RESTART_SECONDS:
            ended.append(container.name)
    found = [f"{_listed(runs)}: no restart policy; a reboot ends it for good."] if runs else []
    found += [f"{_listed(ended)}: ended with the engine's last restart and was not started again."] if ended else []
    if _old(answers):
        cure = "Make the container again with --restart always; playbooks/app.yml does so for the application's own."
        return _found("restart-policy", WARNING, " ".join(found), cure) if found else None
    cure = quote(["docker", "update", "--restart", "unless-stopped", *runs, *ended])
    cure += f" && {quote(['docker', 'start', *ended])}" if ended else ""
    return _found("restart-policy", WARNING, " ".join(found), cure) if found else None


def _ended(document: Mapping[str, Any]) -> float:
    """Return when the container ended, in seconds since 1970; 0 for one that never ran."""
    text = str((document.get("State") or {}).get("FinishedAt") or "")[:19]
    if not text or text.startswith("0001"):
        return 0.0
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


def data(answers: Answers, wanted: Wanted) -> Finding | None:
    """Judge whether data lies in volumes without a name, or the application and its volume container hold different data."""
    containers = [container for container, _document in _containers(answers)]
    holder, served = state.by_name(containers, wanted.data), state.by_name(containers, wanted.container)
    kept, used = (each.mount_at(wanted.path) if each else None for each in (holder, served))
    if kept and used and kept.source != used.source:
        return _found(
            "data",
            ERROR,
            f"{wanted.container} works on {used.source}, and {wanted.data} keeps {kept.source}: two different {wanted.path}.",
            f"Decide which one is right before anything is removed (ls -la {quote([used.source, kept.source])}); "
            "ansible-playbook playbooks/app.yml refuses to go on and tells how to bring them together.",
        )
    anonymous = [
        f"{container.name} ({mount.destination} in {(mount.name or mount.source.rpartition('/')[2])[:12]})"
        for container in containers
        for mount in container.mounts
        if mount.anonymous
    ]
    if not anonymous:
        return None
    found = f"A volume without a name holds the data of {_listed(anonymous)}."
    if version := _old(answers):
        cure = f"Never remove such a container with -v. Docker {version} knows no names: playbooks/app.yml keeps such data where it is."
        return _found("data", WARNING, found, cure)
    return _found(
        "data",
        WARNING,
        found,
        "Never remove such a container with -v. Make a named volume, copy the data into it with the container stopped "
        "(docker run --rm --volumes-from CONTAINER:ro -v NAME:/new IMAGE cp -a PATH/. /new), and make the container again with it.",
    )


def volumes(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether volumes without a name are left that no container mounts."""
    names: list[str] = []
    sizes: dict[str, str] = {}
    for line in _of_the_engine(answers, "volumes").strip().splitlines():
        if state.ANONYMOUS.match(line):
            names.append(line)
        elif line.startswith("["):
            sizes = {str(each.get("Name")): str(each.get("Size")) for each in json.loads(line)}
    if not names:
        return None
    told = [f"{name[:12]} ({sizes.get(name, 'size unknown')})" for name in names]
    return _found(
        "volumes",
        WARNING,
        f"No container mounts {len(names)} {'volume' if len(names) == 1 else 'volumes'} without a name: {_listed(told)}.",
        f"Look first: docker run --rm -v {names[0]}:/look:ro IMAGE ls -la /look. Then, for those that hold nothing you need: "
        + quote(["docker", "volume", "rm", *names[:LISTED]]),
    )


def images(answers: Answers, _wanted: Wanted) -> Finding | None:
    """Judge whether images without a name are left that no container uses."""
    used = {container.image_id for container, _document in _containers(answers)}
    found = [line.split() for line in _of_the_engine(answers, "images").strip().splitlines()]
    unused = {each[0]: _number(each[1]) for each in found if len(each) == 2 and each[0] not in used}
    if not unused:
        return None
    return _found(
        "images",
        NOTE,
        f"{len(unused)} {'image has' if len(unused) == 1 else 'images have'} no name and no container, "
        f"of {_size(sum(unused.values()))} or less, since they share layers.",
        quote(["docker", "image", "rm", *[each.removeprefix("sha256:")[:12] for each in unused][:LISTED]])
        + f" ({LISTED} at a time; what a container or another image needs is refused; the next build may miss its cache)",
    )


_OPTIONS_ELSEWHERE = (
    "it is an option of the engine's own machine. colima has it below docker: in colima.yaml, Docker Desktop in its settings "
    "(Docker Engine), and docker-machine takes it as --engine-opt when the machine is made (docker_machine_options)"
)

CHECKS: tuple[Check, ...] = (
    Check(
        "engine",
        "an engine that is missing, down, hanging or too old",
        "Everything else goes through the engine.",
        "`systemctl restart docker`, `playbooks/hosts.yml`",
        (),
        engine,
        on_host=False,
    ),
    Check(
        "disk",
        f"less than `app_data_free_mib` free where the engine's or the application's data lies (error), or less than "
        f"{SCARCE_PERCENT} % and {SCARCE_GIB} GiB; a file system that cannot be written",
        "On a full disk the application serves on, but loses its log and its data silently, and no image can be built.",
        "`du`, `docker system df`",
        ("room",),
        disk,
    ),
    Check(
        "inodes",
        f"less than {SCARCE_PERCENT} % of the inodes free there (1 %: error)",
        "Without inodes no file can be made, though df shows free space.",
        "`du --inodes`",
        ("room",),
        inodes,
    ),
    Check(
        "clock",
        f"a clock that differs from the controller's by {CLOCK_WARNING_SECONDS} s ({CLOCK_ERROR_SECONDS} s: error) more than the "
        "time the question took",
        "Certificates, tokens and package lists count as expired or as not valid yet, and logs do not fit together.",
        "`timedatectl set-ntp true`",
        (),
        clock,
        on_host=False,
        cure_elsewhere="Start the engine's machine again: its clock stands still while its Mac sleeps. If that does not help, see "
        "why its NTP service does not reach its server.",
    ),
    Check(
        "dns",
        "a registry (the engine's mirrors, else its default) whose name the host does not know",
        "No image can be pulled.",
        "`/etc/resolv.conf`, `docker_engine_registry_mirrors`",
        ("registries", "resolvers"),
        dns,
    ),
    Check(
        "registry",
        "a registry that does not answer",
        "No image can be pulled; of a mirror, the engine turns to the default registry without a word.",
        "`docker_engine_registry_mirrors`, or `myapp_base_source=debian`",
        ("registries",),
        registry,
    ),
    Check(
        "container-dns",
        "no name server that a container could reach",
        "Containers then ask a public name server on the internet, which does not know your names and may not be reachable.",
        '`docker_engine_options: {dns: ["ADDRESS"]}`',
        ("resolvers", "config", "flags"),
        container_dns,
    ),
    Check(
        "port",
        "somebody else on the port the application wants",
        "The application cannot be published.",
        "stop that program, or `myapp_port`, `myapp_address`",
        ("holders", "containers"),
        port,
    ),
    Check(
        "cgroups",
        "a kernel without the controllers for memory or pids",
        "Limits of containers (app_web_memory, app_web_pids) do not hold, and one container can take the host down.",
        "the kernel's command line: `cgroup_enable=memory`",
        (),
        cgroups,
        on_host=False,
        cure_elsewhere="The kernel is that of the engine's machine: make one of a current image, or with another "
        "docker_machine_provider.",
    ),
    Check(
        "storage-driver",
        "vfs, devicemapper in a file, a file system without d_type",
        "Builds and starts are slow, the disk fills, or files go wrong.",
        "`storage-driver` in `daemon.json`",
        (),
        storage_driver,
        on_host=False,
        cure_elsewhere=f'Choose "overlay2" as "storage-driver", on a file system that can: {_OPTIONS_ELSEWHERE}. Images have to '
        "be built or pulled again; volumes stay as they are.",
    ),
    Check(
        "kernel",
        "a kernel older than 4.0",
        "The engine falls back to a storage driver that is slow or no longer maintained.",
        "upgrade the host",
        ("kernels",),
        kernel,
    ),
    Check(
        "reboot",
        "a newer kernel of the same kind installed than the one that runs; Debian's own word that a reboot is due",
        "What the newer one repairs is not repaired until the host boots it.",
        "`systemctl reboot`",
        ("kernels",),
        reboot,
    ),
    Check(
        "iptables-kinds",
        "rules of both kinds of iptables, nft and legacy, of which one blocks what the other lets through",
        "A packet must pass both; each tool shows its own kind only, so that a port is shut and nobody sees why.",
        "`update-alternatives --config iptables`, then flush the other kind",
        ("rules",),
        iptables_kinds,
    ),
    Check(
        "iptables-chains",
        "Docker's chains, or the jumps to them, gone while the engine runs",
        "Published ports are not reachable, and containers reach nothing.",
        "`systemctl restart docker`",
        ("rules", "config", "flags"),
        iptables_chains,
    ),
    Check(
        "ip-forward",
        "`net.ipv4.ip_forward` at 0",
        "Containers reach nothing and nobody reaches them from outside, though localhost works.",
        "`sysctl -w net.ipv4.ip_forward=1`",
        ("forwarding",),
        ip_forward,
    ),
    Check(
        "firewall",
        "ufw, firewalld, nftables or iptables shutting ports while Docker publishes on all addresses a port that they do not allow",
        "Docker's rules come before the firewall's: the port is open to the world, and `ufw status` says it is not.",
        "`myapp_address=127.0.0.1`, or rules in the chain DOCKER-USER",
        ("rules", "other firewalls", "containers"),
        firewall,
    ),
    Check(
        "users",
        "an account of `docker_engine_users` that is not in the group docker, or does not exist",
        "That person's docker command fails with 'permission denied'.",
        "`usermod -aG docker NAME`, `playbooks/hosts.yml`",
        ("users",),
        users,
    ),
    Check(
        "certificates",
        f"certificates of the engine, its client or its registries that have expired (error), or do within {CERTIFICATE_DAYS} days",
        "From that day on nobody can talk to the engine over TLS, or the engine not to its registry.",
        "new certificates; `docker-machine regenerate-certs`",
        ("certificates",),
        certificates,
        on_host=False,
    ),
    Check(
        "authorities",
        "a host without certificate authorities",
        "Every registry and package index counts as untrusted ('x509: certificate signed by unknown authority').",
        "`apt-get install ca-certificates`",
        ("authorities",),
        authorities,
    ),
    Check(
        "live-restore",
        "live-restore off",
        "Every restart or upgrade of the engine ends all containers.",
        "`docker_engine` sets it: `playbooks/hosts.yml`",
        (),
        live_restore,
        on_host=False,
        cure_elsewhere=f'Set "live-restore" to true: {_OPTIONS_ELSEWHERE}.',
    ),
    Check(
        "logs",
        "running containers whose output is kept without a limit",
        "The log grows until the disk is full.",
        "`--log-opt max-size=10m`",
        ("containers",),
        logs,
        on_host=False,
        cure_elsewhere="Make the container again with --log-opt max-size=10m --log-opt max-file=3.",
    ),
    Check(
        "restart-policy",
        "containers without a restart policy that run, or ran until the engine was restarted",
        "After a reboot or a restart of the engine they stay down.",
        "`docker update --restart unless-stopped NAME`",
        ("containers", "engine age"),
        restart_policy,
        on_host=False,
    ),
    Check(
        "data",
        "containers that keep data in a volume without a name; `web` and `myapp_data` on different data (error)",
        "Once the container is made again its data is out of sight: the new one starts empty, and the old volume is one 'prune' from lost.",
        "a named volume; `playbooks/app.yml`",
        ("containers",),
        data,
        on_host=False,
    ),
    Check(
        "volumes",
        "volumes without a name that no container mounts, with their sizes",
        "They take space, and one of them may hold data that somebody misses.",
        "look, then `docker volume rm NAME`",
        ("volumes",),
        volumes,
        on_host=False,
    ),
    Check(
        "images",
        "images without a name that no container uses, with their size (a note, never a failure)",
        "They take space.",
        "`docker image rm ID`",
        ("images", "containers"),
        images,
        on_host=False,
    ),
)
"""All checks, in the order in which they are told."""
