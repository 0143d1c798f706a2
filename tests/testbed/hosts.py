"""A single test host by hand, for recordings and for tests that are not molecule's."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import settings as s
from .shell import Failure, docker

# A host needs every capability to run a Docker of its own, but machines that are containers themselves cannot give
# SYS_RESOURCE; --privileged would ask for it. molecule/shared/create.yml has the same list.
OPTIONS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=private",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
)


@dataclass(frozen=True)
class Host:
    """A running host container."""

    name: str
    address: str

    def shell(self, command: str, *, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a shell command in it as root."""
        return docker("exec", "-i", self.name, "sh", "-c", command, check=check, stdin=stdin or "")

    def write(self, path: str, text: str) -> None:
        """Write a file of it, with its directory."""
        self.shell(f"mkdir -p {Path(path).parent} && cat > {path}", stdin=text)

    def scrub(self, text: str) -> str:
        """The text without what belongs to this machine: addresses of the bed, resolvers, kernel, host name."""
        for resolver in re.findall(r"^nameserver\s+(\S+)", Path("/etc/resolv.conf").read_text(), re.MULTILINE):
            text = text.replace(resolver, "192.0.2.53")
        text = text.replace(s.BRIDGE_ADDRESS, "192.0.2.1").replace(self.address, "192.0.2.10")
        kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
        text = text.replace(kernel, "6.1.0-generic")
        return re.sub(re.escape(self.name), "host", text)


@contextlib.contextmanager
def start(image: str, name: str, *options: str, systemd: bool = True) -> Iterator[Host]:
    """A host, booted (or, without systemd, idle); removed with its volumes at the end."""
    name = f"quai-{name}"
    docker("rm", "-f", "-v", name, check=False)
    command = () if systemd else ("/sbin/quai-init", "sleep", "infinity")
    docker("run", "-d", "--name", name, "--hostname", "host", "--label", s.LABEL, *OPTIONS, *options, image, *command)
    try:
        document = json.loads(docker("inspect", name).stdout)[0]
        host = Host(name, document["NetworkSettings"]["IPAddress"])
        if systemd:
            wait_until_booted(host)
        yield host
    finally:
        docker("rm", "-f", "-v", name, check=False)


def wait_until_booted(host: Host, timeout: float = 60) -> None:
    """Until systemd says `running`; asked again, for it cannot answer before its bus is up."""
    deadline = time.monotonic() + timeout
    while True:
        state = host.shell("systemctl is-system-running --wait", check=False).stdout.strip()
        if state == "running":
            return
        if state == "degraded":
            failed = host.shell("systemctl --failed --plain --no-legend; journalctl -b -p err --no-pager | tail -20")
            raise Failure(f"{host.name} booted with failed units:\n{failed.stdout}")
        if time.monotonic() > deadline:
            raise Failure(f"{host.name} does not boot ({state or 'no answer'}):\n{docker('logs', host.name).stdout}")
        time.sleep(0.2)
