"""An archive of Debian 8 as it stands today: signed by a key that has expired, valid until a day long past. And forgeries of it.

DIRECTORY/good      the suites jessie and jessie-backports, the latter with docker.io, and what package.py has beside it;
                    and the suite buster, signed alike
DIRECTORY/altered   one byte of what was signed is another one
DIRECTORY/stranger  signed by another key, of the same name
DIRECTORY/swapped   signed well, but a list is not the one that was signed for
DIRECTORY/debian-archive-keyring.gpg, fingerprint, sha256: what to trust, and the digest of the package
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import package

SUITES = ("jessie", "jessie-backports", "buster")
_THEN = "20190101T000000"
_RELEASE = """\
Origin: {origin}
Label: {origin}
Suite: {suite}
Codename: {suite}
Date: Tue, 01 Jan 2019 00:00:00 UTC
Valid-Until: Tue, 08 Jan 2019 00:00:00 UTC
{more}Architectures: {architecture}
Components: main
Description: as played by Quai's tests
SHA256:
"""


@contextmanager
def _key() -> Iterator[tuple[list[str], str]]:
    """A key of one day in 2019: gpg's words to use it, and its fingerprint."""
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--faked-system-time", _THEN, "--passphrase", ""]
        name = "Debian Archive Automatic Signing Key (8/jessie) <ftpmaster@example.org>"
        _run(*gpg, "--quick-generate-key", name, "rsa2048", "sign", "1d")
        listed = _run(*gpg, "--with-colons", "--list-keys").splitlines()
        try:
            yield gpg, next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def make_all(directory: Path) -> None:
    """Make the archives and what goes with them. Needs gpg and dpkg-deb."""
    shutil.rmtree(directory, ignore_errors=True)
    good = directory / "good"
    pool = good / "pool/main/d/docker.io"
    pool.mkdir(parents=True)
    deb = package.build(pool)
    architecture = package.machine()
    debs = {"jessie": package.build_empty(pool), "jessie-backports": [deb], "buster": package.build_buster(pool)}
    for suite in SUITES:
        _lists(good, suite, architecture, debs[suite])
    for name in ("altered", "stranger", "swapped"):
        shutil.copytree(good, directory / name)
    with _key() as (gpg, fingerprint):
        for name in ("good", "altered", "swapped"):
            _sign(directory / name, gpg)
        (directory / "debian-archive-keyring.gpg").write_bytes(
            subprocess.run([*gpg, "--export"], capture_output=True, check=True).stdout
        )
        (directory / "fingerprint").write_text(fingerprint, encoding="utf-8")
    with _key() as (gpg, _other):
        _sign(directory / "stranger", gpg)
    (directory / "sha256").write_text(hashlib.sha256(deb.read_bytes()).hexdigest(), encoding="utf-8")
    signed = directory / "altered/dists/jessie-backports/InRelease"
    signed.write_text(signed.read_text("utf-8").replace("as played", "as plaxed"), encoding="utf-8")
    _packages(directory / "swapped", "jessie-backports", architecture).write_text(
        _packages(good, "jessie-backports", architecture).read_text("utf-8").replace("Priority: optional", "Priority: required"),
        encoding="utf-8",
    )  # fmt: skip
    compressed = _packages(directory / "swapped", "jessie-backports", architecture).with_suffix(".gz")
    compressed.unlink()


def _packages(root: Path, suite: str, architecture: str) -> Path:
    return root / f"dists/{suite}/main/binary-{architecture}/Packages"


def _lists(root: Path, suite: str, architecture: str, debs: list[Path]) -> None:
    """Write Packages and the Release that vouches for it."""
    packages = _packages(root, suite, architecture)
    packages.parent.mkdir(parents=True)
    text = ""
    for deb in debs:
        content = deb.read_bytes()
        text += _run("dpkg-deb", "--field", str(deb))
        text += f"Filename: {deb.relative_to(root)}\nSize: {len(content)}\n"
        text += f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n"
    packages.write_text(text, encoding="utf-8")
    packages.with_suffix(".gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    backports = suite.endswith("-backports")
    release = _RELEASE.format(
        origin="Debian Backports" if backports else "Debian",
        suite=suite,
        architecture=architecture,
        more="NotAutomatic: yes\nButAutomaticUpgrades: yes\n" if backports else "",
    )
    for path in (packages, packages.with_suffix(".gz")):
        content = path.read_bytes()
        name = path.relative_to(root / "dists" / suite)
        release += f" {hashlib.sha256(content).hexdigest()} {len(content):>16} {name}\n"
    (root / "dists" / suite / "Release").write_text(release, encoding="utf-8")


def _sign(root: Path, gpg: list[str]) -> None:
    """Sign each suite, as one file and as a file of its own."""
    for suite in SUITES:
        release = str(root / "dists" / suite / "Release")
        _run(*gpg, "--yes", "--clearsign", "--output", f"{os.path.dirname(release)}/InRelease", release)
        _run(*gpg, "--yes", "--armor", "--detach-sign", "--output", f"{release}.gpg", release)


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
