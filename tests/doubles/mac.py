"""Turning a bare Debian host into the Mac: its user, its directories, and the doubles in the place of its programs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from . import shared, userland
from .shared import STATE, at, link, say

USER = "reader"
HOME = Path("/Users/reader")
_ENGINE_PACKAGES = ("docker.io", "docker-cli", "containerd", "runc")


def make() -> None:
    """Make the Mac, as root, once or again; print the public key that its machines must admit."""
    _keep_the_cli()
    if USER not in {each.pw_name for each in pwd.getpwall()}:
        HOME.parent.mkdir(exist_ok=True)
        _run("useradd", "--create-home", "--home-dir", str(HOME), "--gid", "staff", "--shell", "/bin/bash", USER)
    user = pwd.getpwnam(USER)
    for directory in (
        STATE, at("/Applications"), at("/opt/homebrew"), at("/opt/homebrew/bin"),
        *(at(f"/usr/local/{each}") for each in ("bin", "opt", "Cellar")),
    ):  # fmt: skip
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, user.pw_uid, user.pw_gid)
    key = STATE / "id"
    if not key.exists():
        _run("runuser", "-u", USER, "--", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    _replace_programs()
    link(Path("/etc/ssl/cert.pem"), Path("/etc/ssl/certs/ca-certificates.crt"))
    place_brew(there=True)
    say((STATE / "id.pub").read_text().strip())


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def _keep_the_cli() -> None:
    """Keep the real CLI aside and purge the engine: the Mac has neither, until Homebrew brings the CLI."""
    kept, found = Path(shared.setting("cli")), Path("/usr/bin/docker")
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, kept)
    _run("systemctl", "stop", "docker.socket", "docker.service", "containerd.service")
    status = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\n", *_ENGINE_PACKAGES],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    subprocess.run(
        ["apt-get", "-q", "-y", "purge", *status.stdout.split()],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    Path("/run/docker.sock").unlink(missing_ok=True)  # its owner, the socket's unit, is stopped and leaves it


def _replace_programs() -> None:
    """Put GNU's programs aside; doubles take the place of those that macOS has too."""
    aside = Path(shared.setting("gnu"))
    aside.mkdir(parents=True, exist_ok=True)
    for name in ("uname", *shared.GNU, *userland.NOT_ON_MACOS):
        found = Path("/usr/bin") / name
        if not (aside / name).exists():
            shutil.move(str(found), str(aside / name))
        if name not in userland.NOT_ON_MACOS:
            link(found, shared.DOUBLE)
    for name in ("sw_vers", "doubles", "lsof", "VBoxManage"):
        link(Path("/usr/bin") / name, shared.DOUBLE)


def place_brew(*, there: bool) -> None:
    """Put brew where Homebrew has it on this processor, or take it away."""
    brew = shared.prefix() / "bin/brew"
    if there:
        link(brew, shared.DOUBLE)
    else:
        brew.unlink(missing_ok=True)
