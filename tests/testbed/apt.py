"""The machine's own Debian mirror and packages."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from .shell import Failure, run, say

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Command that must exist -> package that brings it.
_TOOLS = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "docker": "docker-cli",
    "mmdebstrap": "mmdebstrap",
    "docker-registry": "docker-registry",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
}


def which(command: str) -> str | None:
    """Find a command, in sbin directories too."""
    return shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")


def _missing() -> list[str]:
    missing = [package for command, package in _TOOLS.items() if which(command) is None]
    if not KEYRING.exists():
        missing.append("debian-archive-keyring")
    return missing


def ensure_packages() -> None:
    """Install the Debian packages the bed needs, without starting or enabling a service."""
    # Twice: with apt lists that were empty, the first round cannot know which packages exist.
    for _ in range(2):
        if missing := _missing():
            _install(missing)
    if missing := _missing():
        raise Failure(f"installed, and still not there: {', '.join(missing)}")


def _install(missing: list[str]) -> None:
    if which("apt-get") is None:
        raise Failure(f"missing here, and this is not Debian: {', '.join(missing)}")
    # docker.io contains the CLI before trixie; a separate package does not exist there.
    if "docker-cli" in missing and not run(["apt-cache", "show", "docker-cli"], check=False).stdout:
        missing[missing.index("docker-cli")] = "docker.io"
    packages = sorted(set(missing))
    say(f"installing {' '.join(packages)} (their services stay off)")
    before = _active_services()
    with _NoServiceStarts():
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        options = ["-q", "-o", "DPkg::Lock::Timeout=300"]
        install = ["apt-get", *options, "install", "-y", "--no-install-recommends", *packages]
        if run(install, check=False, env=env).returncode != 0:
            run(["apt-get", *options, "update"], env=env)
            run(install, env=env)
    _switch_off(packages, before)


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


_UNITS = {
    "docker.io": ("docker.service", "docker.socket"),
    "containerd": ("containerd.service",),
    "docker-registry": ("docker-registry.service",),
}


def _active_services() -> set[str]:
    if not _has_systemd():
        return set()
    units = [unit for group in _UNITS.values() for unit in group]
    return {unit for unit in units if run(["systemctl", "is-active", "-q", unit], check=False).returncode == 0}


def _switch_off(packages: list[str], before: set[str]) -> None:
    """Disable what the installation has just enabled: the bed's own daemons are not services."""
    if not _has_systemd():
        return
    for package in packages:
        for unit in _UNITS.get(package, ()):
            if unit not in before:
                run(["systemctl", "disable", "--now", unit], check=False)


class _NoServiceStarts:
    """For the time of an installation, a policy-rc.d that denies every start (unless there is one already)."""

    path = Path("/usr/sbin/policy-rc.d")

    def __enter__(self) -> None:
        self.mine = not self.path.exists()
        if self.mine:
            self.path.write_text("#!/bin/sh\nexit 101\n")
            self.path.chmod(0o755)

    def __exit__(self, *_: object) -> None:
        if self.mine:
            self.path.unlink(missing_ok=True)


@cache
def _addresses() -> tuple[str, ...]:
    """Every archive address of this machine's apt, which names only those whose lists it has."""
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    listed = run(ask, check=False).stdout
    if not listed.strip():
        run(["apt-get", "update"])
        listed = run(ask, check=False).stdout
    return tuple(dict.fromkeys(line.rstrip("/") for line in listed.splitlines() if line.strip()))


@cache
def serves(address: str, suite: str) -> bool:
    """Whether this address is a Debian archive that has this suite, fetched as apt would (its proxies included)."""
    with tempfile.TemporaryDirectory(prefix="quai-apt-") as scratch:
        target = Path(scratch) / "InRelease"
        url = f"{address}/dists/{suite}/InRelease"
        run(["/usr/lib/apt/apt-helper", "download-file", url, target], check=False, timeout=120)
        if not target.exists():
            return False
        lines = target.read_text(errors="replace").splitlines()
        return "Origin: Debian" in lines and f"Codename: {suite}" in lines


@cache
def sources(suite: str) -> tuple[str, ...]:
    """One-line apt sources of a suite: the suite itself, its updates and security where they are still served."""
    found = []
    wanted = [suite] if suite == "sid" else [suite, f"{suite}-updates", f"{suite}-security"]
    for name in wanted:
        address = next((each for each in _addresses() if serves(each, name)), None)
        if address:
            found.append(f"deb {address} {name} main")
        elif name == suite:
            raise Failure(f"no Debian mirror reachable from here serves {suite} (asked: {', '.join(_addresses())})")
        else:
            say(f"{name} is served nowhere: {suite} goes without it")
    return tuple(found)


@cache
def options() -> str:
    """What this machine's apt needs to reach its mirror: proxies, and its leniency about dates."""
    keep = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
    dump = run(["apt-config", "dump"], check=False).stdout
    return "".join(f"{line}\n" for line in dump.splitlines() if line.startswith(keep) and not line.endswith(' "";'))
