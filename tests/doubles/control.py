"""doubles: what the tests themselves call, on the Mac, as its user (`mac` as root).

    doubles mac                     turn this bare Debian host into the Mac; prints the key that its machines must admit
    doubles machines NAME=ADDRESS…  name the machines that stand behind the doubles
    doubles set KEY VALUE           a setting: arch (x86_64, arm64), macos, colima (0.8.1, 0.10.3), ports (80,8080)
    doubles fault NAME VALUE        switch a fault on; the table below says which
    doubles calls [PROGRAM]         the calls that were made, one a line; PROGRAM's alone
    doubles refusals                the calls that nothing is recorded of; it exits with 1 when there are any
    doubles reset                   faults off, both logs empty
    doubles bare                    a Mac with nothing but Homebrew: everything installed, made and logged is gone

Faults that a program asks for when it is called, until VALUE is `off` or `reset`:

    brew missing                    there is no brew
    docker-machine disabled         Homebrew has disabled the formula
    virtualbox missing              VirtualBox is not installed
    create half                     the next `create` dies with its engine, once
    provision failing               `provision` and `regenerate-certs` do not get through
    colima-start failing            `colima start` fails
    desktop-start failing           `docker desktop start` fails

Faults that happen at once to the machine or profile VALUE (colima's first one is `default`, Docker Desktop's `desktop`),
and last until they are repaired:

    engine dev                      its engine is dead
    off dev                         it is switched off
    server-certificate dev          its engine shows a certificate of another authority
    client-certificate dev          the user's client certificate is of another authority
    client-expired dev              the user's client certificate has run out
    client-copy dev                 the machine's copy of it alone is of another authority
    generic dev                     it is a machine of the generic driver
    gone dev                        it was removed behind the program's back
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Callable

from . import docker_machine, engines, mac, shared
from .shared import STATE, complain, say

_ASKED_FOR = {
    "docker-machine": "disabled",
    "virtualbox": "missing",
    "create": "half",
    "provision": "failing",
    "colima-start": "failing",
    "desktop-start": "failing",
}


def main(words: list[str]) -> int:
    """Do what the tests ask for; the exit code."""
    command, *rest = words or [""]
    if command == "mac":
        mac.make()
    elif command == "machines":
        pairs = [word.partition("=") for word in rest]
        _set("machines", [{"name": name, "address": address} for name, _, address in pairs])
    elif command == "set":
        _set_word(*rest)
    elif command == "fault":
        _fault(*rest)
    elif command == "calls":
        lines = _lines("calls.log")
        say(*(line for line in lines if not rest or line.split()[0] == rest[0]))
    elif command == "refusals":
        say(*_lines("refusals.log"))
        return 1 if _lines("refusals.log") else 0
    elif command == "reset":
        _reset()
    elif command == "bare":
        _bare()
    else:
        complain(__doc__)
        return 2
    return 0


def _lines(log: str) -> list[str]:
    path = STATE / log
    return path.read_text().splitlines() if path.exists() else []


# --- settings --------------------------------------------------------------------------------------------------------


def _set(key: str, value: object) -> None:
    if key not in shared.DEFAULTS:
        sys.exit(f"doubles: no setting {key}: {', '.join(shared.DEFAULTS)}")
    shared.write_json("mac.json", {**shared.read_json("mac.json"), key: value})


def _set_word(key: str, value: str) -> None:
    if key == "arch" and shared.read_json("brew.json"):
        sys.exit("doubles: another processor is another Homebrew; `doubles bare` first")
    mac.place_brew(there=False)
    _set(key, [int(port) for port in value.split(",") if port] if key == "ports" else value)
    mac.place_brew(there=True)


# --- faults ----------------------------------------------------------------------------------------------------------


def _fault(name: str, value: str = "on") -> None:
    if name == "brew":
        mac.place_brew(there=value == "off")
    elif name in _ASKED_FOR:
        if value not in (_ASKED_FOR[name], "off"):
            sys.exit(f"doubles: {name} can be {_ASKED_FOR[name]} or off, not {value}")
        shared.set_fault(name, "" if value == "off" else value)
    elif name in _HAPPEN:
        _HAPPEN[name](value)
    else:
        sys.exit(f"doubles: no fault {name}: brew, {', '.join([*_ASKED_FOR, *_HAPPEN])}")


def _machine(name: str) -> engines.Machine:
    for owner in (f"docker-machine:{name}", f"colima:{name}", name):
        machine = engines.find(owner)
        if machine:
            return machine
    sys.exit(f"doubles: no machine {name}")


def _engine(name: str) -> None:
    engines.kill_engine(_machine(name))


def _off(name: str) -> None:
    engines.stop(_machine(name))


def _gone(name: str) -> None:
    engines.release(_machine(name))


def _generic(name: str) -> None:
    document = docker_machine.load(name)
    document["DriverName"] = "generic"
    docker_machine.save(document)


def _server_certificate(name: str) -> None:
    auth = docker_machine.load(name)["HostOptions"]["AuthOptions"]
    machine = _machine(name)
    certificate, key = Path(auth["ServerCertPath"]), Path(auth["ServerKeyPath"])
    engines.make_foreign(certificate, key, names=f"IP:{machine.address},DNS:localhost")
    engines.serve_tls(machine, Path(auth["CaCertPath"]), certificate, key, [])


def _client_files(name: str) -> list[tuple[Path, Path]]:
    """Return the client's certificate and key: the user's, then the machine's copy."""
    auth = docker_machine.load(name)["HostOptions"]["AuthOptions"]
    copies = docker_machine.directory(name)
    return [(Path(auth["ClientCertPath"]), Path(auth["ClientKeyPath"])), (copies / "cert.pem", copies / "key.pem")]


def _client_copy(name: str) -> None:
    engines.make_foreign(*_client_files(name)[1])


def _client_certificate(name: str) -> None:
    ours, copy = _client_files(name)
    engines.make_foreign(*ours)
    shutil.copy(ours[0], copy[0])
    shutil.copy(ours[1], copy[1])


def _client_expired(name: str) -> None:
    auth = docker_machine.load(name)["HostOptions"]["AuthOptions"]
    ours, copy = _client_files(name)
    engines.make_certificate(Path(auth["CaCertPath"]), Path(auth["CaPrivateKeyPath"]), *ours, "expired", days="0")
    shutil.copy(ours[0], copy[0])
    shutil.copy(ours[1], copy[1])


_HAPPEN: dict[str, Callable[[str], None]] = {
    "client-certificate": _client_certificate,
    "client-copy": _client_copy,
    "client-expired": _client_expired,
    "engine": _engine,
    "generic": _generic,
    "gone": _gone,
    "off": _off,
    "server-certificate": _server_certificate,
}


# --- starting over ---------------------------------------------------------------------------------------------------


def _reset() -> None:
    for log in ("calls.log", "refusals.log"):
        (STATE / log).unlink(missing_ok=True)
    shutil.rmtree(STATE / "faults", ignore_errors=True)
    mac.place_brew(there=True)


def _bare() -> None:
    _reset()
    taken = shared.read_json("engines.json")
    for machine in engines.machines():
        if machine.name in taken:
            engines.release(machine)
    for name in ("brew.json", "colima.json"):
        (STATE / name).unlink(missing_ok=True)
    for directory in (*(shared.prefix() / each for each in ("Cellar", "opt", "bin")), shared.at("/Applications")):
        for each in directory.glob("*"):
            if each.is_symlink() or each.is_file():
                each.unlink()
            else:
                shutil.rmtree(each)
    for name in (".docker", ".colima"):
        shutil.rmtree(shared.home() / name, ignore_errors=True)
    mac.place_brew(there=True)
