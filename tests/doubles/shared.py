"""What the doubles share: the state they live from, the log of calls, refusals, faults and recorded outputs.

The state is one directory, QUAI_DOUBLES or /var/lib/quai-doubles, owned by the Mac's user:

    mac.json       settings: what `uname` says, where the disk's root is, the machines that stand behind
    engines.json   which of those machines is whose, and whether it runs
    calls.log      every call of a program, a line each, the words quoted for a shell
    refusals.log   the calls that nothing is recorded of
    faults/NAME    the faults that are switched on; the text is the value
    id             the key that opens the machines
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOUBLE = HERE / "double.py"
STATE = Path(os.environ.get("QUAI_DOUBLES") or "/var/lib/quai-doubles")

# The recordings were made in this home, of a machine at this address.
RECORDED_HOME, RECORDED_ADDRESS, RECORDED_NAME = "/Users/reader", "192.168.56.101", "dev"

# What GNU's programs can do that those of macOS cannot.
GNU = ("date", "df", "find", "grep", "sed", "stat")
PROGRAMS = {
    "brew": "brew",
    "colima": "colima",
    "docker": "docker",
    "docker-compose": "compose",
    "docker-machine": "docker_machine",
    "doubles": "control",
    "lima": "nothing",
    "limactl": "nothing",
    "lsof": "system",
    "VBoxManage": "nothing",
    "sw_vers": "system",
    "uname": "system",
    **dict.fromkeys(GNU, "userland"),
}

DEFAULTS: dict[str, Any] = {
    "arch": "x86_64",  # or arm64
    "macos": "14.6",
    "colima": "0.8.1",  # or 0.10.3
    "root": "/",  # what stands for the root of the Mac's disk
    "cli": "/usr/lib/quai-mac/docker",  # the real Docker CLI
    "gnu": "/usr/lib/quai-mac/gnu",  # what GNU's programs were moved to
    "ports": [],  # what colima and Docker Desktop forward from the Mac to their machine
    "machines": [],  # {"name", "address"} of the real machines
}


class Unrecorded(Exception):
    """There is no record of what the real program answers to this call."""


@dataclass
class Call:
    """The call that is being answered."""

    name: str = ""
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join([self.name, *self.words])


CALL = Call()


def begin(name: str, words: list[str]) -> None:
    """Remember the call, and log it unless it is the tests' own or a plain tool of the system."""
    CALL.name, CALL.words = name, tuple(words)
    if PROGRAMS[name] not in ("control", "userland"):
        _append("calls.log", str(CALL))


def refuse(what: str = "") -> int:
    """Say that nothing is recorded of the present call, log it, and give the exit code of that."""
    print(f"double: no record of {CALL}" + (f": {what}" if what else ""), file=sys.stderr)
    _append("refusals.log", str(CALL))
    return 64


def _append(log: str, line: str) -> None:
    # Another account has no log, and root would make the user's its own; its call is answered all the same.
    if STATE.exists() and is_the_user():
        with (STATE / log).open("a") as file:
            file.write(line + "\n")


def is_the_user() -> bool:
    """Tell whether the caller is the Mac's user, who alone must not notice that this is no Mac."""
    return not STATE.exists() or STATE.stat().st_uid == os.getuid()


# --- state -----------------------------------------------------------------------------------------------------------


def read_json(name: str) -> dict[str, Any]:
    """Return a JSON file of the state; {} when it is not there."""
    path = STATE / name
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def write_json(name: str, document: dict[str, Any]) -> None:
    """Write a JSON file of the state, whole or not at all."""
    fresh = STATE / f"{name}.{os.getpid()}"
    fresh.write_text(json.dumps(document, indent=2) + "\n")
    fresh.replace(STATE / name)


def setting(name: str) -> Any:
    """Return a setting of mac.json, or its default."""
    return read_json("mac.json").get(name, DEFAULTS[name])


def at(path: str) -> Path:
    """Return where a path of the Mac is on this disk."""
    return Path(setting("root")) / path.lstrip("/")


def prefix() -> Path:
    """Return Homebrew's prefix: it depends on the processor."""
    return at("/opt/homebrew" if setting("arch") == "arm64" else "/usr/local")


def home() -> Path:
    """Return the caller's home."""
    return Path(os.environ["HOME"])


def link(path: Path, target: Path) -> None:
    """Make or remake a symbolic link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def fault(name: str) -> str:
    """Return the value of a fault that is on, "" when it is off."""
    path = STATE / "faults" / name
    return (path.read_text().strip() or "on") if path.exists() else ""


def set_fault(name: str, value: str) -> None:
    """Switch a fault on ("" switches it off)."""
    path = STATE / "faults" / name
    if value:
        path.parent.mkdir(exist_ok=True)
        path.write_text(value + "\n")
    else:
        path.unlink(missing_ok=True)


def become(program: str | Path, words: list[str]) -> int:
    """Give this process over to a real program, under the name of the call."""
    os.execv(program, [CALL.name, *words])


# --- recordings ------------------------------------------------------------------------------------------------------


def recorded(path: str) -> str:
    """Return a recorded text."""
    return (HERE / "recorded" / path).read_text()


def say(*lines: str) -> None:
    """Print lines on standard output."""
    for line in lines:
        print(line, flush=True)


def complain(*lines: str) -> None:
    """Print lines on standard error."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)
