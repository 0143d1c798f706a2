"""Hosts made for the run: containers of the test bed with systemd, sshd and a Docker of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from tests.testbed import __main__ as testbed, daemon, settings as s
from tests.testbed.hosts import OPTIONS, Host, wait_until_booted
from tests.testbed.shell import Failure, docker

from .figures import say

LABEL = "org.quai.bench"
SHARE = "/bench"


class Fleet:
    """The hosts, the key that opens them, and their removal."""

    def __init__(self, suite: str) -> None:
        """Nothing is made yet: see `__enter__`."""
        self.image = f"quai-host-docker:{suite}"
        self.suite = suite
        self.label = f"{LABEL}={os.getpid()}"
        self.scratch = Path("/nonexistent")

    def __enter__(self) -> Self:
        """Have the bed up, and a directory and an ssh key for the run."""
        self._bed_is_ours = not (daemon.answers() and daemon.registry_answers())
        if self._bed_is_ours or not docker("images", "-q", self.image).stdout.strip():
            say("bringing the test bed up (a few minutes the first time)")
            testbed.up((self.suite,))
        _remove_leftovers()
        # Short: the path of a control socket has 108 characters at most.
        self.scratch = Path(tempfile.mkdtemp(prefix="quai-bench-"))
        for name in ("cp", "share"):
            (self.scratch / name).mkdir()
        self.key = self.scratch / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove all of it, uninterrupted."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("removing the hosts")
        _remove(f"label={self.label}")
        # A master whose host is gone would linger for the rest of its ControlPersist.
        for socket in (self.scratch / "cp").glob("*"):
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "any"], capture_output=True, check=False
            )
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self._bed_is_ours:
            daemon.down()

    def ssh_options(self) -> list[str]:
        """What both sides give to ssh, besides the ControlPersist that ansible.cfg gives to Ansible."""
        known = self.scratch / "known_hosts"
        return ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={known}"]

    def ssh(self, *, multiplexed: bool = True) -> list[str]:
        """The text's ssh: with the same connection sharing as Ansible's."""
        words = ["ssh", "-q", "-i", str(self.key), *self.ssh_options()]
        if multiplexed:
            path = self.scratch / "cp" / "text-%C"
            words += ["-o", "ControlMaster=auto", "-o", "ControlPersist=120s", "-o", f"ControlPath={path}"]
        return words

    def start(self, name: str, *options: str) -> Host:
        """A host, booted, its docker running, open to the key of this run."""
        full = f"quai-bench-{os.getpid()}-{name}"
        share = f"--volume={self.scratch / 'share'}:{SHARE}"
        labels = (f"--label={s.LABEL}", f"--label={self.label}")
        docker("run", "-d", "--name", full, "--hostname", name, *labels, *OPTIONS, share, *options, self.image)
        host = Host(full, docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", full).stdout.strip())
        wait_until_booted(host, timeout=180)
        host.write("/root/.ssh/authorized_keys", self.key.with_suffix(".pub").read_text())
        # VERBOSE: sshd then logs every session, which is how remote calls are counted.
        host.write("/etc/ssh/sshd_config.d/bench.conf", "LogLevel VERBOSE\n")
        host.shell("chmod -R go= /root/.ssh && systemctl restart ssh.service")
        _wait_for_ssh(self.ssh(multiplexed=False), host)
        return host

    def start_many(self, names: Sequence[str]) -> list[Host]:
        """Hosts, two at a time."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(self.start, names))

    def remove(self, host: Host) -> None:
        """Remove one host with its volumes."""
        docker("rm", "-f", "-v", host.name)

    def inventory(self, name: str, hosts: Iterable[Host]) -> Path:
        """Write an inventory of these hosts, as a user would for hosts reached over ssh."""
        path = self.scratch / f"{name}.yml"
        lines = ["debian_hosts:", "  hosts:"]
        for host in hosts:
            lines += [f"    {short(host)}:", f"      ansible_host: {host.address}"]
        lines += [
            "  vars:",
            "    ansible_user: root",
            f"    ansible_ssh_private_key_file: {self.key}",
            f"    ansible_ssh_common_args: {' '.join(self.ssh_options())}",
            *(f"    {line}" for line in variables().splitlines()),
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def variables() -> str:
    """YAML of what differs here from what users get: the bed's mirror stands for Docker Hub."""
    lines = [f"docker_engine_registry_mirrors: [{s.REGISTRY_URL}]"]
    if index := os.environ.get("PIP_INDEX_URL"):
        lines.append(f"myapp_index_url: {index}")
    return "\n".join(lines) + "\n"


def short(host: Host) -> str:
    """The host's name in the inventory."""
    return host.name.rpartition("-")[2]


def controller_mounts() -> list[str]:
    """Options with which a host sees this project and its toolchain: it can run ansible-playbook itself."""
    needed = [s.PROJECT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    # A .venv in the project comes with it; Debian's own Python is on the hosts.
    return [f"--volume={path}:{path}:ro" for path in needed if path not in (s.PROJECT / ".venv", Path("/usr"))]


def _wait_for_ssh(ssh: list[str], host: Host) -> None:
    deadline = time.monotonic() + 30
    while subprocess.run([*ssh, f"root@{host.address}", "true"], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise Failure(f"{host.name}: no ssh after 30 s")
        time.sleep(0.2)


def _remove(*filters: str) -> None:
    words = [f"--filter={each}" for each in filters]
    if ids := docker("ps", "-aq", *words, check=False).stdout.split():
        docker("rm", "-f", "-v", *ids, check=False)


def _remove_leftovers() -> None:
    """Hosts of a benchmark that was killed: their label names its process."""
    listed = docker("ps", "-a", f"--filter=label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}').stdout
    for pid in sorted(set(listed.split())):
        if not Path("/proc", pid).exists():
            say(f"removing the hosts of a benchmark that was killed (pid {pid})")
            _remove(f"label={LABEL}={pid}")
