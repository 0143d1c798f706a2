"""Background processes of the bed: started once, recorded, stopped by record and never by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import settings as s
from .shell import Failure, environment, say

LOGS = s.CACHE / "logs"


def _started(pid: int) -> str | None:
    """When a process started (clock ticks since boot), or None when there is no such process alive."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


@dataclass(frozen=True)
class Process:
    """A daemon of the bed. The record holds its start time too: a number alone may be somebody else's by now."""

    name: str

    @property
    def record(self) -> Path:
        """Where its pid and start time are written."""
        return s.RUN / f"{self.name}.process"

    @property
    def log(self) -> Path:
        """Its output."""
        return LOGS / f"{self.name}.log"

    def pid(self) -> int | None:
        """The pid, when the very process that was started is alive."""
        try:
            pid, started = self.record.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if _started(int(pid)) == started else None

    def start(self, words: Sequence[str | Path], ready: Callable[[], bool], timeout: float = 60) -> None:
        """Start it and wait until it is ready; its log's end is shown when it is not."""
        LOGS.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            child = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment(),
            )
        self.record.write_text(f"{child.pid} {_started(child.pid)}")
        deadline = time.monotonic() + timeout
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                why = f"ended with status {child.returncode}" if child.poll() is not None else "does not answer"
                end = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise Failure(f"{self.name} {why}; the end of {self.log}:\n{end}")
            time.sleep(0.1)

    def stop(self, timeout: float = 30) -> None:
        """SIGTERM, and SIGKILL after the time-out."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + timeout
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.05)
            if self.pid() is not None:
                say(f"{self.name} ({pid}) ignores SIGTERM, killing it")
                os.kill(pid, signal.SIGKILL)
        self.record.unlink(missing_ok=True)
