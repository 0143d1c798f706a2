"""docker desktop: Docker Desktop's commands, after Docker's reference; its engine is a socket in the user's home."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

from . import engines, shared
from .shared import complain, fault, say

_OWNER = "desktop"
_CONTEXT = "desktop-linux"
_NOT_RUNNING = (
    "Could not retrieve status. Is Docker Desktop running?",
    "You can start Docker Desktop by running 'docker desktop start'.",
)


def main(words: list[str]) -> int:
    """Answer one call; the exit code."""
    command = words[0] if words else ""
    known = {
        "start": {"-d", "--detach", "--timeout"},
        "stop": {"-d", "--detach", "--force", "--timeout"},
        "restart": {"-d", "--detach", "--timeout"},
        "status": {"--format"},
    }.get(command)
    if known is None:
        raise shared.Unrecorded("that command")
    rest, values = list(words[1:]), {}
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in known:
            raise shared.Unrecorded(name)
        if name in ("--timeout", "--format"):
            values[name] = value if equals else rest.pop(0)
    if command == "status":
        return _status(values.get("--format", "pretty"))
    if command in ("stop", "restart"):
        _stop()
    return 0 if command == "stop" else _start()


def socket() -> Path:
    """Return where the engine is."""
    return shared.home() / ".docker/run/docker.sock"


def _running() -> bool:
    machine = engines.find(_OWNER)
    return machine is not None and engines.state(machine) == engines.RUNNING


def _start() -> int:
    if fault("desktop-start"):
        complain("Docker Desktop failed to start")
        return 1
    if _running():
        say("Docker Desktop is already running")
        return 0
    machine = engines.find(_OWNER) or engines.take(_OWNER)
    engines.start(machine)
    engines.connect(_OWNER, machine, socket(), shared.setting("ports"))
    for words in (
        ["create", _CONTEXT, "--description", "Docker Desktop", "--docker", f"host=unix://{socket()}"],
        ["use", _CONTEXT],
    ):
        command = [shared.setting("cli"), "context", *words]
        # The context that an earlier start made is still there.
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    say("Starting Docker Desktop")
    return 0


def _stop() -> None:
    machine = engines.find(_OWNER)
    if machine is not None and _running():
        engines.stop(machine)
    say("Stopping Docker Desktop")


def _status(form: str) -> int:
    if form not in ("pretty", "json"):
        raise shared.Unrecorded(f"the format {form}")
    if not _running():
        complain(*_NOT_RUNNING)
        return 1
    session = str(uuid.uuid5(uuid.NAMESPACE_OID, _OWNER))
    if form == "json":
        say(json.dumps({"Status": "running", "SessionID": session}, separators=(",", ":")))
    else:
        say("Name                Value", "Status              running", f"SessionID           {session}")
    return 0
