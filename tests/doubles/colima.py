"""colima 0.8.1 and 0.10.3, after their sources: a profile is a machine, its engine a socket of the Mac.

The flags are those of the sources (recorded/colima-*/flags.json); messages go to standard error as its logger writes them
where there is no terminal.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

from . import engines, shared
from .shared import fault, recorded, say

_REVISIONS = {
    "0.8.1": "96598cc5b64e5e9e1e64891642b91edc8ac49d16",
    "0.10.3": "00f6c297e92a82c04a4ab507db0a61435650d7e8",
}
_COMMON = {"-p": "value", "--profile": "value", "-v": "switch", "--verbose": "switch", "--very-verbose": "switch"}
_GIB = 1024**3
# The flags whose work the double does; the others exist, and nothing is recorded of what they do.
_ANSWERED = {
    "--activate", "--arch", "--cpu", "--cpus", "--data", "--disk", "--force", "--json", "--memory", "--mount-type",
    "--network-address", "--profile", "--runtime", "--save-config", "--ssh-config", "--template", "--vm-type",
}  # fmt: skip
_LONG = {
    "-a": "--arch", "-c": "--cpus", "-f": "--force", "-j": "--json", "-m": "--memory", "-p": "--profile",
    "-r": "--runtime", "-t": "--vm-type",
}  # fmt: skip


class ColimaError(Exception):
    """What is said at level fatal before it exits with 1."""


def log(level: str, message: str, context: str = "") -> None:
    """Write a message as logrus does."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    more = f" context={context}" if context else ""
    print(f'time="{now[:-2]}:{now[-2:]}" level={level} msg={json.dumps(message)}{more}', file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Answer one call; the exit code."""
    command, *rest = words or [""]
    answer = _COMMANDS.get(command)
    if answer is None:
        raise shared.Unrecorded("that command")
    options, arguments = parse(command, rest)
    positional = arguments[0] if arguments and command != "ssh" else ""
    profile = _profile(options.get("--profile") or positional or "default")
    try:
        _dependencies("VM", "lima")
        return answer(profile, options, arguments)
    except ColimaError as error:
        log("fatal", str(error))
        return 1


def parse(command: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return a command's options by their long names, and its arguments."""
    flags = json.loads(recorded(f"colima-{shared.setting('colima')}/flags.json"))[command]
    known = {**_COMMON, **flags}
    # -d is --disk of start and --data of delete.
    long = {**_LONG, "-d": "--disk" if command == "start" else "--data", "-f": "--force"}
    options: dict[str, str] = {}
    arguments: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known or long.get(name, name) not in _ANSWERED:
            raise shared.Unrecorded(f"{name} of {command} in {shared.setting('colima')}")
        if known[name] == "switch":
            options[long.get(name, name)] = value or "true"
            continue
        if not equals and not rest:
            raise shared.Unrecorded(f"{name} without a value")
        options[long.get(name, name)] = value if equals else rest.pop(0)
    if len(arguments) > 1 and command != "ssh":
        raise shared.Unrecorded("more than one profile")
    return options, arguments


# --- profiles --------------------------------------------------------------------------------------------------------


def _profile(name: str) -> str:
    return "default" if name in ("", "colima", "default") else re.sub("^colima-", "", name)


def identity(profile: str) -> str:
    """Return the name of a profile's docker context and virtual machine."""
    return "colima" if profile == "default" else f"colima-{profile}"


def title(profile: str) -> str:
    """Return how messages call a profile."""
    return "colima" if profile == "default" else f"colima [profile={profile}]"


def directory(profile: str) -> Path:
    """Return the directory of a profile."""
    return shared.home() / ".colima" / profile


def socket(profile: str) -> Path:
    """Return where a profile's engine is."""
    return directory(profile) / "docker.sock"


def machine_of(profile: str) -> engines.Machine | None:
    """Return the real machine behind a profile."""
    return engines.find(f"colima:{profile}")


def running(profile: str) -> bool:
    """Tell whether a profile is up."""
    machine = machine_of(profile)
    return machine is not None and engines.state(machine) == engines.RUNNING


def settings(profile: str) -> dict[str, Any]:
    """Return what a profile was started with."""
    known: dict[str, Any] = shared.read_json("colima.json").get(profile, {})
    return known


def _dependencies(what: str, package: str) -> None:
    if shutil.which(package) is None:
        raise ColimaError(
            f"{'Error: ' if what == 'VM' else ''}dependency check failed for {what}: {package} not found, "
            f"run 'brew install {package}' to install"
        )


def _docker(*words: str) -> int:
    return subprocess.run(
        ["docker", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode


# --- commands --------------------------------------------------------------------------------------------------------


def start(profile: str, options: dict[str, str], _arguments: list[str]) -> int:
    """Make a profile or start it again; nothing when it runs."""
    if running(profile):
        log("warning", "already running, ignoring")
        return 0
    wanted = _wanted(profile, options)
    log("info", f"starting {title(profile)}")
    log("info", "runtime: docker")
    _dependencies("docker", "docker")
    machine = machine_of(profile)
    stage = "starting" if settings(profile) else "creating and starting"
    log("info", f"{stage} ...", "vm")
    if fault("colima-start"):
        raise ColimaError(f"error starting vm: error at '{stage}': exit status 1")
    machine = machine or engines.take(f"colima:{profile}")
    engines.start(machine)
    engines.connect(f"colima:{profile}", machine, socket(profile), shared.setting("ports"))
    shared.write_json("colima.json", {**shared.read_json("colima.json"), profile: wanted})
    (directory(profile) / "colima.yaml").write_text(json.dumps(wanted, indent=2) + "\n")
    log("info", "provisioning ...", "docker")
    if _docker("context", "inspect", identity(profile)):
        _docker(
            "context", "create", identity(profile), "--description", title(profile),
            "--docker", f"host=unix://{socket(profile)}",
        )  # fmt: skip
    if wanted["autoActivate"]:
        _docker("context", "use", identity(profile))
    log("info", "starting ...", "docker")
    log("info", "done")
    return 0


def _wanted(profile: str, options: dict[str, str]) -> dict[str, Any]:
    """Return a profile's settings: its old ones, and what the flags say."""
    macos = int(shared.setting("macos").split(".")[0])
    arch = "aarch64" if shared.setting("arch") == "arm64" else "x86_64"
    old = {
        "cpu": 2,
        "disk": 100,
        "memory": 2,
        "arch": arch,
        "runtime": "docker",
        "autoActivate": True,
        "vmType": "vz" if macos >= 13 else "qemu",  # it came with 13
        "network": {"address": False},
        **settings(profile),
    }
    new = dict(old)
    for flag, key in (("--cpu", "cpu"), ("--cpus", "cpu"), ("--disk", "disk")):
        new[key] = int(options.get(flag, new[key]))
    new["memory"] = float(options.get("--memory", new["memory"]))
    for flag, key in (("--arch", "arch"), ("--runtime", "runtime"), ("--vm-type", "vmType")):
        new[key] = options.get(flag, new[key])
    new["autoActivate"] = options.get("--activate", "true" if new["autoActivate"] else "false") == "true"
    new["network"] = {"address": options.get("--network-address", str(new["network"]["address"]).lower()) == "true"}
    new["mountType"] = options.get("--mount-type", "virtiofs" if new["vmType"] == "vz" else "sshfs")
    if new["runtime"] != "docker" or new["arch"] != arch:
        raise shared.Unrecorded("another runtime than docker, or a foreign processor")
    if new["vmType"] not in ("vz", "qemu"):
        raise ColimaError(f"error in config: invalid vmType: '{new['vmType']}'")
    if settings(profile):
        for name, key in (("virtual machine type", "vmType"), ("volume mount type", "mountType")):
            if new[key] != old[key]:
                log("warning", f"'{name}' cannot be updated after initial setup, discarded")
                new[key] = old[key]
    return new


def stop(profile: str, options: dict[str, str], _arguments: list[str]) -> int:
    """Stop a profile; its docker context goes."""
    log("info", f"stopping {title(profile)}")
    machine = machine_of(profile)
    if machine is not None and running(profile):
        log("info", "stopping ...", "docker")
        _docker("context", "rm", "--force", identity(profile))
        log("info", "stopping ...", "vm")
        engines.stop(machine)
    elif "--force" not in options:
        log("info", "not running", "vm")
    log("info", "done")
    return 0


def restart(profile: str, options: dict[str, str], arguments: list[str]) -> int:
    """Stop and start a profile."""
    if not settings(profile):
        raise ColimaError(f"instance '{title(profile)}' does not exist")
    stop(profile, options, arguments)
    return start(profile, {}, arguments)


def delete(profile: str, options: dict[str, str], _arguments: list[str]) -> int:
    """Remove a profile with its machine."""
    if "--force" not in options:
        # Asked without a terminal, it takes silence for a no.
        sys.stdout.write(f"are you sure you want to delete {title(profile)} and all settings? [y/N] \033[0m")
        return 0
    log("info", f"deleting {title(profile)}")
    machine = machine_of(profile)
    if machine is not None:
        if running(profile):
            log("info", "deleting ...", "docker")
            _docker("context", "rm", "--force", identity(profile))
        if "--data" in options or not shared.setting("colima").startswith("0.10"):
            engines.release(machine)
        else:
            # From 0.9 on the data's disk outlives the machine, for the next one of that name.
            engines.stop(machine)
    shutil.rmtree(directory(profile), ignore_errors=True)
    shared.write_json(
        "colima.json", {name: each for name, each in shared.read_json("colima.json").items() if name != profile}
    )
    log("info", "done")
    return 0


def status(profile: str, options: dict[str, str], _arguments: list[str]) -> int:
    """Tell what runs."""
    machine = machine_of(profile)
    if machine is None or not running(profile):
        raise ColimaError(f"{title(profile)} is not running")
    if "--json" not in options:
        raise shared.Unrecorded("status without --json")
    known = settings(profile)
    document = {
        "display_name": title(profile),
        "driver": "macOS Virtualization.Framework" if known["vmType"] == "vz" else "QEMU",
        "arch": known["arch"],
        "runtime": known["runtime"],
        "mount_type": known["mountType"],
        "ip_address": machine.address if known["network"]["address"] else "",
        "docker_socket": f"unix://{socket(profile)}",
        "containerd_socket": f"unix://{directory(profile)}/containerd.sock",
        "kubernetes": False,
        "cpu": known["cpu"],
        "memory": int(known["memory"] * _GIB),
        "disk": known["disk"] * _GIB,
    }
    if shared.setting("colima") == "0.8.1":
        del document["containerd_socket"]
    elif not document["ip_address"]:
        del document["ip_address"]
    say(json.dumps(document, separators=(",", ":")))
    return 0


def list_(profile: str, options: dict[str, str], arguments: list[str]) -> int:
    """Print a line for each profile, running or not."""
    if "--json" not in options:
        raise shared.Unrecorded("list without --json")
    wanted = [profile] if arguments or "--profile" in options else sorted(shared.read_json("colima.json"))
    for name in wanted:
        machine, known = machine_of(name), settings(name)
        if machine is None or not known:
            continue
        document = {
            "name": name,
            "status": engines.state(machine),
            "arch": known["arch"],
            "cpus": known["cpu"],
            "memory": int(known["memory"] * _GIB),
            "disk": known["disk"] * _GIB,
            **({"address": machine.address} if known["network"]["address"] and running(name) else {}),
            "runtime": known["runtime"],
        }
        say(json.dumps(document, separators=(",", ":")))
    return 0


def ssh(profile: str, _options: dict[str, str], arguments: list[str]) -> int:
    """Run a command on the machine; its exit code is lost."""
    machine = machine_of(profile)
    if machine is None or not running(profile):
        raise ColimaError(f"{title(profile)} not running")
    if not arguments:
        raise shared.Unrecorded("ssh without a command")
    code = subprocess.run(engines.ssh(machine, shlex.join(arguments)), check=False).returncode
    if code:
        raise ColimaError(f"exit status {code}")
    return 0


def version(profile: str, _options: dict[str, str], _arguments: list[str]) -> int:
    """Tell the version, and the engine's when it runs."""
    now = shared.setting("colima")
    say(f"colima version {now}", f"git commit: {_REVISIONS[now]}")
    if running(profile):
        form = 'client: v{{.Client.Version}}{{printf "\\n"}}server: v{{.Server.Version}}'
        words = ["docker", "--context", identity(profile), "version", "--format", form]
        said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        say("", "runtime: docker", f"arch: {settings(profile)['arch']}", said)
    return 0


_COMMANDS: dict[str, Callable[[str, dict[str, str], list[str]], int]] = {
    "delete": delete,
    "list": list_,
    "restart": restart,
    "ssh": ssh,
    "start": start,
    "status": status,
    "stop": stop,
    "version": version,
}
