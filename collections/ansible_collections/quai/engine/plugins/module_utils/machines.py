"""Where a Mac's Docker machines come from: docker-machine, colima or Docker Desktop, each read and told what to do. Pure.

A provider knows its tool's words: the shell fragments that read one machine, how their answers mean a `Machine`, and the
commands that create, start, stop, repair and remove it. What was measured of docker-machine 0.16.2 shows in the details:
its `status` says Running of a machine without a working engine, so only `version NAME`, a real TLS call, is health; its
`env` needs `--shell`; its `rm` without `-y` removes nothing and ends well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, if_ok, quote, unless_ok

State = Literal["absent", "stopped", "running", "unhealthy"]

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True)
class Machine:
    """One machine as it is. Sizes are 0 and texts empty where the provider does not tell.

    driver: what runs the virtual machine; cert_path: directory of the client's ca.pem, cert.pem and key.pem, empty where
    the engine is reached by a socket; problem: why it is unhealthy, in the tool's own words.
    """

    state: State
    driver: str = ""
    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    url: str = ""
    address: str = ""
    cert_path: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Wanted:
    """The machine that is asked for. Sizes of 0 and an empty driver leave the choice to the provider.

    options: more words for its creation; recreate and purge: the machine's very name, where that is allowed.
    """

    name: str
    driver: str = ""
    cpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    options: tuple[str, ...] = ()
    recreate: str = ""
    purge: str = ""


@dataclass(frozen=True)
class Mac:
    """The Mac itself: `uname -s` and `-m`, macOS's version as numbers, the user's home and id, the tools' paths by name."""

    system: str
    processor: str
    macos: tuple[int, ...]
    home: str
    uid: int
    tools: Mapping[str, str]

    @property
    def apple_silicon(self) -> bool:
        """True for the processors on which VirtualBox's machines do not run."""
        return self.processor == "arm64"


class Provider:
    """What all providers share; the methods of one that differ are its own."""

    name: ClassVar[str]
    tool: ClassVar[str]
    formulae: ClassVar[tuple[str, ...]]
    """Homebrew's formulae by the command each brings, in this order; the command has the formula's name."""
    cask: ClassVar[str] = ""
    makes_context: ClassVar[bool] = True
    """Whether the tool makes a docker context of its own for each machine."""

    def read(self, name: str) -> dict[str, str]:
        """Return the fragments, in order, that read the machine of this name."""
        raise NotImplementedError

    def machine(self, answers: Mapping[str, Answer], name: str) -> Machine:
        """Return what the fragments of `read` answered. Raises Refused for an answer nobody can act upon."""
        raise NotImplementedError

    def health(self, name: str) -> str:
        """Return the fragment that ends well where the machine's engine really answers."""
        raise NotImplementedError

    def context(self, name: str) -> str:
        """Return the name of the machine's docker context."""
        raise NotImplementedError

    def shell(self, name: str) -> tuple[str, ...]:
        """Return the words that open a shell in the machine; none where there is no such thing."""
        raise NotImplementedError

    def create(self, wanted: Wanted, mac: Mac) -> Step:
        """Return the step that creates the machine. Raises Refused where this Mac cannot have it."""
        raise NotImplementedError

    def start(self, wanted: Wanted) -> Step:
        """Return the step that starts a machine that is there."""
        raise NotImplementedError

    def stop(self, name: str) -> Step:
        """Return the step that stops it."""
        raise NotImplementedError

    def remove(self, name: str) -> Step:
        """Return the step that removes it with all that is in it."""
        raise NotImplementedError

    def repairs(self, machine: Machine, name: str) -> tuple[Step, ...]:
        """Return what may cure an unhealthy machine without losing anything, the likeliest first."""
        raise NotImplementedError

    def adjusts(self, differs: Mapping[str, tuple[object, object]]) -> bool:
        """Return whether a restart can bring about these differences (name to (is, should be))."""
        return False


class DockerMachine(Provider):
    """docker-machine 0.16: on Intel Macs, and on any Mac for machines made by its other drivers."""

    name = "docker-machine"
    tool = "docker-machine"
    formulae = ("docker-machine", "docker", "docker-compose")
    makes_context = False

    # boot2docker has its own init; a unit that docker-machine wrote for another place of dockerd than Debian's is cured.
    _RESTART = (
        "sudo sh -c '[ -e /usr/bin/dockerd ] || [ ! -x /usr/sbin/dockerd ] || ln -s /usr/sbin/dockerd /usr/bin/dockerd; "
        "systemctl restart docker 2>/dev/null || /etc/init.d/docker restart'"
    )

    # A client's certificate is made anew only where there is none, or it has run out; one of another authority stays.
    _CERTIFICATES = """\
certs=${MACHINE_STORAGE_PATH:-$HOME/.docker/machine}/certs
if command -v openssl >/dev/null && ! openssl verify -CAfile "$certs/ca.pem" "$certs/cert.pem" >/dev/null 2>&1; then
    for each in cert key; do [ ! -e "$certs/$each.pem" ] || mv "$certs/$each.pem" "$certs/$each.pem.quai-old"; done
fi
exec docker-machine regenerate-certs -f --client-certs "$1"
"""

    def read(self, name: str) -> dict[str, str]:
        """Return the fragments: each only where the one before it says that there is something to ask."""

        def words(*more: str) -> str:
            return quote(["docker-machine", *more, name])

        return {
            "machine": words("inspect"),
            "machine status": if_ok(words("status")),
            "machine url": if_ok(words("url")),
            "machine version": if_ok(words("version")),
            "machine client": if_ok(self._client(name)),
            "machine env": unless_ok(words("env", "--shell", "bash")),
        }

    @staticmethod
    def _client(name: str) -> str:
        """Return the fragment that asks as docker will: with the machine's own copies of the certificates, which `version` never reads."""
        copies = f'"${{MACHINE_STORAGE_PATH:-$HOME/.docker/machine}}"/machines/{quote([name])}'
        tls = " ".join(
            f'--{flag}="$copies"/{file}.pem'
            for flag, file in (("tlscacert", "ca"), ("tlscert", "cert"), ("tlskey", "key"))
        )
        ask = f'docker --host "$(docker-machine url {quote([name])})" --tlsverify {tls} version'
        return f"copies={copies}; ! command -v docker >/dev/null || {ask}"

    def machine(self, answers: Mapping[str, Answer], name: str) -> Machine:
        """Return the machine."""
        inspected = answers["machine"]
        if not inspected.ok:
            if inspected.rc == NOT_FOUND or "does not exist" in inspected.stderr:
                return Machine("absent")
            raise _unreadable(name, inspected)
        document: dict[str, Any] = json.loads(inspected.stdout)
        driver: dict[str, Any] = document.get("Driver") or {}
        paths: dict[str, Any] = (document.get("HostOptions") or {}).get("AuthOptions") or {}
        status = answers["machine status"].stdout.strip()
        url, address = answers["machine url"].stdout.strip(), str(driver.get("IPAddress") or "")
        if not url and address:  # of a stopped machine: where it was
            url = f"tcp://{address}:{driver.get('EnginePort') or 2376}"
        said = [answers[f"machine {key}"].stderr for key in ("env", "client", "version", "url")]
        state: State = "unhealthy"
        if status in ("Stopped", "Saved", "Paused"):
            state = "stopped"
        elif status == "Running" and answers["machine client"].ok:
            state = "running"
        problem = next((text for text in said if text), f"its status is {status or 'unknown'}")
        return Machine(
            state=state,
            driver=str(document.get("DriverName") or ""),
            cpus=int(driver.get("CPU") or 0),
            memory_mib=int(driver.get("Memory") or 0),
            disk_gib=int(driver.get("DiskSize") or 0) // 1024,
            url=url,
            address=urlsplit(url).hostname or "",
            cert_path=str(paths.get("StorePath") or ""),
            problem="" if state in ("running", "stopped") else problem,
        )

    def health(self, name: str) -> str:
        """Return the one call of docker-machine that asks the engine, and docker's own."""
        return f"{quote(['docker-machine', 'version', name])} && {{ {self._client(name)}; }}"

    def context(self, name: str) -> str:
        """Return the machine's own name, but for those that docker does not take."""
        return f"docker-machine-{name}" if name == "default" or len(name) == 1 else name

    def shell(self, name: str) -> tuple[str, ...]:
        """Return the words."""
        return ("docker-machine", "ssh", name)

    def create(self, wanted: Wanted, mac: Mac) -> Step:
        """Return the step. Sizes are known for the driver virtualbox; others take theirs as options."""
        driver = wanted.driver or "virtualbox"
        words = ["docker-machine", "create", "--driver", driver]
        sizes = {
            "--virtualbox-cpu-count": wanted.cpus,
            "--virtualbox-memory": wanted.memory_mib,
            "--virtualbox-disk-size": wanted.disk_gib * 1024,
        }
        if driver == "virtualbox":
            if mac.apple_silicon:
                raise Refused(
                    "docker-machine's VirtualBox driver does not work on Apple Silicon.",
                    f"The machine {wanted.name} could not be created.",
                    "Set docker_machine_provider: colima, or docker_machine_driver to one that works here.",
                )
            if "VBoxManage" not in mac.tools:
                raise Refused(
                    f"VirtualBox is not installed, in which docker-machine would run {wanted.name}.",
                    "docker-machine does not bring it along.",
                    "Install it (brew install --cask virtualbox), or set docker_machine_provider: colima.",
                )
            words += [word for flag, size in sizes.items() if size for word in (flag, str(size))]
            # VirtualBox on macOS 11 and later refuses the range that docker-machine takes by itself.
            if mac.macos >= (11,) and "--virtualbox-hostonly-cidr" not in " ".join(wanted.options):
                words += ["--virtualbox-hostonly-cidr", "192.168.56.1/24"]
        elif any(sizes.values()):
            raise Refused(
                f"The sizes of a machine of the driver {driver} cannot be set by docker_machine_cpus, _memory_mib or _disk_gib.",
                "Each driver has flags of its own for them.",
                f"Set them to 0, and give the driver's flags in docker_machine_options (docker-machine create --driver {driver} --help).",
            )
        return step(f"create the machine {wanted.name}", *words, *wanted.options, wanted.name)

    def start(self, wanted: Wanted) -> Step:
        """Return the step."""
        return step(f"start the machine {wanted.name}", "docker-machine", "start", wanted.name)

    def stop(self, name: str) -> Step:
        """Return the step."""
        return step(f"stop the machine {name}", "docker-machine", "stop", name)

    def remove(self, name: str) -> Step:
        """Return the step; without -y nothing would be removed, and the exit code would be 0."""
        return step(f"remove the machine {name} with all that is in it", "docker-machine", "rm", "-y", name)

    def repairs(self, machine: Machine, name: str) -> tuple[Step, ...]:
        """Return the steps: the engine first where nothing listens, the certificates first otherwise."""
        certificates = step(f"make the certificates of {name} anew", "sh", "-c", self._CERTIFICATES, "sh", name)
        engine = step(f"restart Docker in {name}", "docker-machine", "ssh", name, self._RESTART)
        first = (engine, certificates) if "connection refused" in machine.problem else (certificates, engine)
        return (*first, step(f"provision {name} again", "docker-machine", "provision", name))


class Colima(Provider):
    """colima: one machine is one profile. Facts from its sources, 0.8 to 0.10."""

    name = "colima"
    tool = "colima"
    formulae = ("colima", "docker", "docker-compose")

    # Before 0.9 the data went with the machine, and there was no flag for it.
    _DELETE = (
        'case $(colima version) in *" 0."[0-8].* | *" v0."[0-8].*) data= ;; *) data=--data ;; esac\n'
        'exec colima delete --force $data --profile "$1"'
    )
    _AGAIN = 'colima stop --force --profile "$1"; exec colima start --profile "$1" --runtime docker --activate=false </dev/null'

    @staticmethod
    def _profile(name: str) -> str:
        return "default" if name == "colima" else name.removeprefix("colima-")

    def read(self, name: str) -> dict[str, str]:
        """Return the fragments; the list is read whole, for asked for one that is not there it fails."""
        return {
            "machine": "colima list --json",
            "machine status": if_ok(quote(["colima", "status", "--json", "--profile", name])),
            "machine version": if_ok(self.health(name)),
        }

    def machine(self, answers: Mapping[str, Answer], name: str) -> Machine:
        """Return the machine."""
        listed = answers["machine"]
        if not listed.ok:
            if listed.rc == NOT_FOUND:
                return Machine("absent")
            raise _unreadable(name, listed)
        found = [json.loads(line) for line in listed.stdout.splitlines() if line.startswith("{")]
        listing = next((one for one in found if one.get("name") == self._profile(name)), None)
        if listing is None:
            return Machine("absent")
        if (listing.get("runtime") or "docker").partition("+")[0] != "docker":
            raise Refused(
                f"The colima profile {name} runs {listing['runtime']}, not docker.",
                "There is no Docker engine in it.",
                "Choose another docker_machine_name, or delete that profile (colima delete), with what it holds.",
            )
        status: dict[str, Any] = {}
        if answers["machine status"].ok:
            status = json.loads(answers["machine status"].stdout)
        healthy = answers["machine version"].ok
        running = listing.get("status") == "Running"
        said = [answers[key].stderr for key in ("machine version", "machine status")]
        problem = next((text for text in said if text), f"its status is {listing.get('status') or 'unknown'}")
        state: State = "unhealthy"
        if running and healthy:
            state = "running"
        elif listing.get("status") == "Stopped":
            state = "stopped"
        return Machine(
            state=state,
            driver=_VM_TYPES.get(str(status.get("driver") or ""), str(status.get("driver") or "")),
            cpus=int(listing.get("cpus") or 0),
            memory_mib=int(listing.get("memory") or 0) // MIB,
            disk_gib=int(listing.get("disk") or 0) // GIB,
            url=str(status.get("docker_socket") or ""),
            # Without an address of its own, its published ports are forwarded to the Mac.
            address=str(status.get("ip_address") or "127.0.0.1"),
            problem="" if state in ("running", "stopped") else problem,
        )

    def health(self, name: str) -> str:
        """Return the fragment that asks the engine at the socket which colima names."""
        status = quote(["colima", "status", "--json", "--profile", name])
        socket = f'socket=$({status} | sed -n \'s/.*"docker_socket":"\\([^"]*\\)".*/\\1/p\')'
        return f'{socket}; [ -n "$socket" ] && docker -H "$socket" version --format \'{{{{.Server.Version}}}}\''

    def context(self, name: str) -> str:
        """Return the name that colima gives it."""
        profile = self._profile(name)
        return "colima" if profile == "default" else f"colima-{profile}"

    def shell(self, name: str) -> tuple[str, ...]:
        """Return the words."""
        return ("colima", "ssh", "--profile", name)

    def _started(self, wanted: Wanted) -> list[str]:
        # Not activated: the user's own choice of a docker context stays; --cpu is understood by all versions.
        words = ["colima", "start", "--profile", wanted.name, "--runtime", "docker", "--activate=false"]
        words += ["--cpu", str(wanted.cpus)] if wanted.cpus else []
        words += ["--memory", f"{wanted.memory_mib / 1024:.17g}"] if wanted.memory_mib else []
        words += ["--disk", str(wanted.disk_gib)] if wanted.disk_gib else []
        return words

    def create(self, wanted: Wanted, mac: Mac) -> Step:
        """Return the step."""
        driver = ["--vm-type", wanted.driver] if wanted.driver else []
        return step(f"create the machine {wanted.name}", *self._started(wanted), *driver, *wanted.options)

    def start(self, wanted: Wanted) -> Step:
        """Return the step."""
        return step(f"start the machine {wanted.name}", *self._started(wanted))

    def stop(self, name: str) -> Step:
        """Return the step."""
        return step(f"stop the machine {name}", "colima", "stop", "--profile", name)

    def remove(self, name: str) -> Step:
        """Return the step; without --data a newer colima keeps the containers' disk for the next machine of the name."""
        return step(f"remove the machine {name} with all that is in it", "sh", "-c", self._DELETE, "sh", name)

    def repairs(self, machine: Machine, name: str) -> tuple[Step, ...]:
        """Return the steps."""
        restart = ["colima", "ssh", "--profile", name, "--", "sudo", "systemctl", "restart", "docker"]
        return (
            step(f"restart Docker in {name}", *restart),
            step(f"stop and start {name}", "sh", "-c", self._AGAIN, "sh", name),
        )

    def adjusts(self, differs: Mapping[str, tuple[object, object]]) -> bool:
        """Return whether a restart does it: processors and memory change with it, a disk only grows."""
        has, wants = differs.get("disk_gib", (0, 0))
        return "driver" not in differs and int(str(wants)) >= int(str(has))


class DockerDesktop(Provider):
    """Docker Desktop, the official package: one machine, whose sizes are set in its own window. Facts from its reference."""

    name = "docker-desktop"
    tool = "docker"
    formulae = ()
    cask = "docker-desktop"

    _SOCKET = '"unix://$HOME/.docker/run/docker.sock"'

    def read(self, name: str) -> dict[str, str]:
        """Return the fragments."""
        return {
            "machine": f"[ -d /Applications/Docker.app ] && echo {self._SOCKET}",
            "machine version": if_ok(self.health(name)),
            "machine status": unless_ok("docker desktop status --format json"),
        }

    def machine(self, answers: Mapping[str, Answer], name: str) -> Machine:
        """Return the machine."""
        if not answers["machine"].ok:
            return Machine("absent")
        url = answers["machine"].stdout.strip()
        if answers["machine version"].ok:
            return Machine("running", url=url, address="127.0.0.1")
        # Whatever else it is, starting it is the way; `status` tells a start that failed from one never tried.
        if '"running"' in answers["machine status"].stdout:
            problem = answers["machine version"].stderr
            return Machine("unhealthy", url=url, address="127.0.0.1", problem=problem)
        return Machine("stopped", url=url, address="127.0.0.1")

    def health(self, name: str) -> str:
        """Return the fragment."""
        return f"docker -H {self._SOCKET} version --format '{{{{.Server.Version}}}}'"

    def context(self, name: str) -> str:
        """Return the name that Docker Desktop gives it."""
        return "desktop-linux"

    def shell(self, name: str) -> tuple[str, ...]:
        """Return nothing: there is no shell in its machine."""
        return ()

    def create(self, wanted: Wanted, mac: Mac) -> Step:
        """Return the step: the application makes its machine when it first starts."""
        if wanted.driver or wanted.cpus or wanted.memory_mib or wanted.disk_gib or wanted.options:
            raise Refused(
                "Driver, sizes and options of Docker Desktop's machine cannot be set from outside.",
                "They are chosen in its Settings.",
                "Leave docker_machine_driver, _cpus, _memory_mib, _disk_gib and _options empty, or use the provider colima.",
            )
        return self.start(wanted)

    def start(self, wanted: Wanted) -> Step:
        """Return the step."""
        # Until its first launch the command is not there.
        return step("start Docker Desktop", "sh", "-c", "docker desktop start || exec open -g -a Docker")

    def stop(self, name: str) -> Step:
        """Return the step."""
        return step("stop Docker Desktop", "docker", "desktop", "stop")

    def remove(self, name: str) -> Step:
        """Refuse: only its own window removes its data."""
        raise Refused(
            "The data of Docker Desktop cannot be removed from outside.",
            "It belongs to the application.",
            "Leave docker_machine_purge empty, and remove it in Docker Desktop's window (Troubleshoot).",
        )

    def repairs(self, machine: Machine, name: str) -> tuple[Step, ...]:
        """Return the step."""
        return (step("restart Docker Desktop", "docker", "desktop", "restart"),)


PROVIDERS: Mapping[str, Provider] = {each.name: each for each in (DockerMachine(), Colima(), DockerDesktop())}

NOT_FOUND = 127
"""How a shell ends that does not find the command."""

# How `colima status` calls what `colima start --vm-type` takes.
_VM_TYPES = {"QEMU": "qemu", "macOS Virtualization.Framework": "vz", "Krunkit": "krunkit"}


def _unreadable(name: str, answer: Answer) -> Refused:
    return Refused(
        f"The machine {name} cannot be read: {answer.stderr or answer.stdout or f'exit code {answer.rc}'}.",
        "Whether it must be created, started or repaired is unknown.",
        "Put that right on the Mac, and run again.",
    )


MAC = {
    # Of a shell that Rosetta translates, uname says x86_64.
    "mac": 'uname -s; [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ] && echo arm64 || uname -m; '
    'sw_vers -productVersion 2>/dev/null || echo 0; echo "$HOME"; id -u',
    "tools": "for tool in brew docker docker-compose docker-machine colima VBoxManage; do "
    'path=$(command -v "$tool") && echo "$tool $path"; done; :',
}
"""Fragments that read the Mac itself."""


def mac_of(answers: Mapping[str, Answer]) -> Mac:
    """Return the Mac, from the answers of `MAC`."""
    system, processor, version, home, uid = (answers["mac"].stdout.splitlines() + [""] * 5)[:5]
    tools = dict(line.split(" ", 1) for line in answers["tools"].stdout.splitlines())
    macos = tuple(int(part) for part in version.split(".") if part.isdecimal())
    return Mac(system, processor, macos, home, int(uid or 0), tools)


def choose(answers: Mapping[str, Mapping[str, Answer]], mac: Mac, name: str, disabled: Callable[[], bool]) -> Provider:
    """Return the provider that `auto` stands for: the one that has the machine, else the one that works on this Mac.

    answers: of `read`, by provider; disabled: asks whether Homebrew no longer installs docker-machine, which takes a second.
    """
    for each in ("docker-machine", "colima"):
        if PROVIDERS[each].machine(answers[each], name).state != "absent":
            return PROVIDERS[each]
    if mac.apple_silicon or "VBoxManage" not in mac.tools or ("docker-machine" not in mac.tools and disabled()):
        return PROVIDERS["colima"]
    return PROVIDERS["docker-machine"]


def missing(provider: Provider, mac: Mac, compose: bool) -> tuple[str, ...]:
    """Return the formulae whose command this Mac lacks.

    compose: the plugin is there, whatever brings it; an old docker-compose on PATH is not it.
    """
    here = {*mac.tools} - {"docker-compose"} | ({"docker-compose"} if compose else set())
    return tuple(formula for formula in provider.formulae if formula not in here)


def judge_formulae(text: str, names: Sequence[str]) -> list[str]:
    """Return a warning for each deprecated one of the names, given what `brew info --json=v2` printed of them.

    Raises Refused for a disabled one: Homebrew would not install it.
    """
    document: dict[str, Any] = json.loads(text) if text.strip() else {}
    warnings = []
    for formula in [*(document.get("formulae") or ()), *(document.get("casks") or ())]:
        name = str(formula.get("name") if isinstance(formula.get("name"), str) else formula.get("token"))
        if name not in names:
            continue
        reason = f" ({why})" if (why := formula.get("disable_reason") or formula.get("deprecation_reason")) else ""
        if formula.get("disabled"):
            raise Refused(
                f"Homebrew has disabled {name}{_since(formula.get('disable_date'))}{reason}.",
                "It cannot be installed any more.",
                "Set docker_machine_provider: colima; a docker-machine that you install by hand is used as it is."
                if name == "docker-machine"
                else f"Install {name} by hand: what is there is used as it is.",
            )
        if formula.get("deprecated"):
            until = f", to be disabled on {date}" if (date := formula.get("disable_date")) else ""
            warnings.append(
                f"Homebrew's {name} is deprecated{_since(formula.get('deprecation_date'))}{reason}{until}. "
                "The way out is docker_machine_provider: colima, with a machine of another name beside this one first."
                if name == "docker-machine"
                else f"Homebrew's {name} is deprecated{_since(formula.get('deprecation_date'))}{reason}{until}."
            )
    return warnings


def is_disabled(answer: Answer) -> bool:
    """Return whether Homebrew no longer installs the one formula that it was asked about (`brew info --json=v2`)."""
    if answer == MISSING or answer.rc == NOT_FOUND:
        return False
    if not answer.ok:  # it no longer knows the name
        return True
    return any(bool(formula.get("disabled")) for formula in json.loads(answer.stdout).get("formulae") or ())


def _since(date: object) -> str:
    return f" since {date}" if date else ""
