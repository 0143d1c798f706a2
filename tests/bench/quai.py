"""Running Quai's playbooks as a user does, and counting what they ask of a host."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.testbed import settings as s
from tests.testbed.hosts import Host
from tests.testbed.shell import Failure

_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
VENV = Path(sys.prefix)


def changed(output: str, hosts: int) -> int:
    """The number of changed tasks of a run in which all went well on that many hosts. Raises Failure otherwise."""
    recap = _RECAP.findall(output)
    bad = [name for name, _changed, unreachable, failed in recap if unreachable != "0" or failed != "0"]
    if bad or len(recap) != hosts:
        raise Failure(f"the playbook failed on {', '.join(bad) or 'hosts that are missing'}:\n{output[-6000:]}")
    return sum(int(changes) for _name, changes, _unreachable, _failed in recap)


def play(inventory: Path, *words: str, hosts: int, scratch: Path, no_op: bool = False) -> tuple[float, str]:
    """Run ansible-playbook from this machine; return its seconds and its output. A no-op must have changed nothing."""
    # The caller's settings of docker and Ansible are none of a user's.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "ANSIBLE_"))}
    env |= {
        "ANSIBLE_CONFIG": str(s.PROJECT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch / "cp"),
        "PATH": f"{VENV / 'bin'}:{env['PATH']}",
    }
    started = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "-i", str(inventory), *words],
        cwd=s.PROJECT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3600,
        check=False,
    )
    seconds = time.monotonic() - started
    _judge(done.stdout, hosts, no_op)
    return seconds, done.stdout


def play_on(host: Host, *words: str, no_op: bool = False) -> tuple[float, str]:
    """The same typed on the host itself, with the default inventory (localhost, connection local)."""
    command = shlex.join([str(VENV / "bin" / "ansible-playbook"), *words])
    seconds, output = timed(host, f"cd {s.PROJECT} && ANSIBLE_NOCOLOR=1 {command}")
    _judge(output, 1, no_op)
    return seconds, output


def _judge(output: str, hosts: int, no_op: bool) -> None:
    changes = changed(output, hosts)
    if no_op and changes:
        raise Failure(f"this was to change nothing and changed {changes}:\n{output[-6000:]}")


def timed(host: Host, command: str) -> tuple[float, str]:
    """Run a shell command on the host, timed there: what it takes to get there does not count."""
    script = f"start=$(date +%s%N); ( {command}\n) 2>&1; rc=$?; echo; echo $(( $(date +%s%N) - start )) $rc"
    output, _newline, last = host.shell(script).stdout.rstrip("\n").rpartition("\n")
    nanoseconds, code = last.split()
    if code != "0":
        raise Failure(f"exit code {code} on {host.name}: {command[:200]}\n{output[-6000:]}")
    return int(nanoseconds) / 1e9, output


class Sessions:
    """Counts the remote calls between its making and `count`: the sessions each host's own sshd says it has started.

    Ansible starts one ssh session per exec_command and per file transfer; sshd at LogLevel VERBOSE logs each, shared
    connection or not. Nothing on the controller's side could hide one from it.
    """

    def __init__(self, hosts: list[Host]) -> None:
        """Remember where each journal ends now."""
        self._cursors = {
            host: host.shell("journalctl --sync; journalctl -n 0 --show-cursor -o cat")
            .stdout.split("cursor: ")[1]
            .strip()
            for host in hosts
        }

    def count(self) -> list[int]:
        """The number of sessions of each host since then."""
        counts = []
        for host, cursor in self._cursors.items():
            log = host.shell(f"journalctl --sync; journalctl -o cat --after-cursor='{cursor}'").stdout
            counts.append(len(re.findall(r"^Starting session: ", log, re.MULTILINE)))
        return counts
