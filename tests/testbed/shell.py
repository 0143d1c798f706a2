"""Running commands, and telling what goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import settings

_START = time.monotonic()


class Failure(Exception):
    """Something the person at the terminal must know; shown without a traceback."""


def say(message: str) -> None:
    """Print a line of progress with the seconds since the start."""
    print(f"testbed {time.monotonic() - _START:6.1f}s  {message}", file=sys.stderr, flush=True)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of what the bed runs: its own daemon, the classic builder, plain messages."""
    env = dict(os.environ)
    # The caller's docker settings must not lead a command of the bed to another daemon.
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        env.pop(name, None)
    # The classic builder is in every engine; buildx is a plugin that may be missing.
    env.update(DOCKER_HOST=settings.DOCKER_HOST, DOCKER_BUILDKIT="0", LC_ALL="C")
    # sbin is missing from an ordinary user's PATH under sudo on some systems.
    env["PATH"] = env.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    env.update(extra or {})
    return env


def run(
    words: Sequence[str | Path],
    *,
    check: bool = True,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 900,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; a failure shows the command and what it said."""
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(env),
            timeout=timeout,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no end after {timeout:.0f} s: {' '.join(command)}") from error
    if check and done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise Failure(f"failed with status {done.returncode}: {' '.join(command)}\n{said}")
    return done


def docker(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the docker CLI against the bed's daemon."""
    return run(["docker", *words], **options)  # type: ignore[arg-type]
