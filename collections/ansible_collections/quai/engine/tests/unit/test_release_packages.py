"""The packages of a release: the script's text, what it refuses, and what apt makes of packages that were sent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import debian_archive, release_packages
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

ARCHIVE = {"suites": ["old"], "fingerprints": ["1" * 40], "keyrings": ["/nosuch/keyring.gpg", "/nosuch/removed.gpg"]}
RELEASES: Mapping[str, Mapping[str, Any]] = {
    "8": {
        "name": "jessie",
        "engine": ["docker.io"],
        "helpers": ["ca-certificates"],
        "end_of_life": "2020-06-30",
        "version": "1.6.2~dfsg1-1~bpo8+1",
        "archive": ARCHIVE | {"suites": ["jessie", "jessie-backports"], "pins": {"docker.io": "jessie-backports"}},
    },
    "9": {
        "name": "stretch",
        "engine": [],
        "helpers": ["ca-certificates"],
        "end_of_life": "2022-06-30",
        "archive": ARCHIVE | {"suites": ["stretch"]},
    },
    "10": {
        "name": "buster",
        "engine": ["docker.io", "runc"],
        "helpers": ["ca-certificates"],
        "end_of_life": "2024-06-30",
        "archive": ARCHIVE | {"suites": ["buster"]},
    },
    "12": {"name": "bookworm", "engine": ["docker.io", "runc"], "helpers": ["ca-certificates"]},
}
# Unit tests run elsewhere than on Debian too.
DEBIAN = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "dpkg-deb", "apt-config"))), reason="needs apt, as a Debian host has it"
)


URL = "http://archive.example/debian"


def script(name: str = "bookworm", url: str = URL, sha256: str = "") -> str:
    """Return the script itself, without the shell that hands it to sh."""
    row = release_packages.row(RELEASES, name)
    archive = Archive.of(row, url, "", [], sha256) if "archive" in row else None
    words = subprocess.run(
        ["sh", "-c", f'set -- {release_packages.fetch(row, archive, "/tmp/x y.tar")}\nprintf %s "$3"; echo "$5" >&2'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert words.stderr == "/tmp/x y.tar\n"
    return words.stdout


@pytest.mark.parametrize("name", ["bookworm", "jessie"])
def test_the_script_is_complete_posix_shell(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fetch.sh"
    path.write_text(script(name, sha256="0" * 64))
    assert not re.search(r"@[A-Z_]+@", path.read_text())
    for command in (["sh", "-n", str(path)], ["shellcheck", "--shell=sh", str(path)]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_but_the_hosts_own_mirror_is_named() -> None:
    assert not re.search(r"(https?|ftp)://[a-z0-9]", script())


def test_apt_trusts_debians_keys_and_nothing_else() -> None:
    assert re.findall(r"\[(signed-by|trusted|allow)\S*\]", script()) == ["signed-by"]
    assert "unauthenticated" not in script().lower()


@pytest.mark.parametrize(
    ("name", "suites", "packages", "preferences"),
    [
        (
            "jessie",
            ["jessie", "jessie-backports"],
            "'docker.io=1.6.2~dfsg1-1~bpo8+1' ca-certificates",
            "Package: docker.io\nPin: release n=jessie-backports\nPin-Priority: 990\n",
        ),
        ("stretch", ["stretch"], "ca-certificates", ""),
        ("buster", ["buster"], "docker.io runc ca-certificates", ""),
    ],
)
def test_past_its_end_of_life_a_release_comes_from_the_archive(
    name: str, suites: list[str], packages: str, preferences: str
) -> None:
    """Its lists are proven before anything is made of them, and the engine's package before it is packed."""
    text = script(name, sha256="0" * 64)
    assert re.findall(r"deb (\S+) (\S+) (\S+) main", text) == [("[trusted=yes]", URL, suite) for suite in suites]
    assert f"would \"$work/all\" '?essential' apt {packages}\n" in text
    assert f"printf %s '{preferences}' >\"$work/preferences\"" in text
    steps = ["apt update", "InRelease of $suite", "apt download", "has the SHA-256", "tar -cf"]
    assert sorted(map(text.index, steps)) == [text.index(each) for each in steps]


@pytest.mark.parametrize("name", ["sid", "$(id)", ""])
def test_an_unknown_release_is_refused_with_the_choice(name: str) -> None:
    with pytest.raises(
        Refused, match=r"no bundle for .* Set bundle_release to one of jessie, stretch, buster, bookworm\."
    ):
        release_packages.row(RELEASES, name)


def fetched(tmp_path: Path, sources: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the real script (text: another one) on a host whose apt knows only what ``sources`` says."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "sources.list").write_text(sources)
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/parts";\n'
    )
    result = subprocess.run(
        ["sh", "-s", str(tmp_path / "out.tar")],
        input=text or script(),
        env={**os.environ, "APT_CONFIG": f"{tmp_path}/apt.conf", "TMPDIR": f"{tmp_path}/work"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert list((tmp_path / "work").iterdir()) == [], "temporary files are left"
    assert not (tmp_path / "out.tar").exists()
    return result


@DEBIAN
def test_a_host_without_a_mirror_of_the_release_is_told_so(tmp_path: Path) -> None:
    result = fetched(tmp_path, f"deb file:{tmp_path} bookworm main\n")
    assert result.returncode == 1
    assert f"none of this host's apt addresses serves Debian bookworm (asked: copy:{tmp_path})" in result.stderr
    assert "or name a host that has one (bundle_builder)" in result.stderr


@DEBIAN
def test_a_mirror_that_only_claims_to_be_debian_is_refused(tmp_path: Path) -> None:
    """Whatever the host's own apt trusts."""
    (tmp_path / "dists/bookworm").mkdir(parents=True)
    text = "Origin: Debian\nCodename: bookworm\nDate: Sat, 21 Nov 2026 09:15:44 UTC\n"
    (tmp_path / "dists/bookworm/InRelease").write_text(text)
    tmp_path.chmod(0o755)
    result = fetched(tmp_path, f"deb [trusted=yes] file:{tmp_path} bookworm main\n")
    assert result.returncode == 1
    assert re.search("lists of Debian bookworm could not be read|proven to be Debian", result.stderr), result.stderr


@DEBIAN
def test_an_archive_that_nobody_has_signed_is_refused(tmp_path: Path) -> None:
    """Although apt is told to trust it; molecule (docker_engine_eol) has forged ones refused, and (legacy) a good one used."""
    (tmp_path / "dists/stretch/main/binary-amd64").mkdir(parents=True)
    (tmp_path / "dists/stretch/main/binary-amd64/Packages").touch()
    tmp_path.chmod(0o755)
    result = fetched(tmp_path, "", script("stretch", f"copy:{tmp_path}"))
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.search("no keyring is there: /nosuch/keyring.gpg|gpgv is missing|could not be read", result.stderr)


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """An archive of two packages, one of which the other needs, and of apt's list of them."""
    directory = tmp_path / "packages"
    index = ""
    for name, more in (("quai-a", "Depends: quai-b\n"), ("quai-b", "")):
        control = (
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\n{more}Description: x\n"
        )
        (tmp_path / name / "DEBIAN").mkdir(parents=True)
        (tmp_path / name / "DEBIAN/control").write_text(control)
        directory.mkdir(exist_ok=True)
        deb = directory / f"{name}_1_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tmp_path / name, deb], check=True, capture_output=True)
        digest = subprocess.run(["sha256sum", deb], check=True, capture_output=True, text=True).stdout.split()[0]
        index += f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n"
    (directory / release_packages.INDEX).write_text(index)
    subprocess.run(["tar", "-cf", tmp_path / "sent.tar", "-C", directory, "."], check=True)
    return tmp_path / "sent.tar"


@DEBIAN
def test_apt_installs_what_was_sent_with_all_it_needs(sent: Path) -> None:
    received = subprocess.run(
        ["sh", "-c", release_packages.receive(str(sent))], capture_output=True, text=True, check=True
    )
    aside = received.stdout
    try:
        assert re.fullmatch(r"/var/tmp/quai-apt\.\w+", aside)
        command = f"apt-get {quote(debian_archive.options(aside))} -y --print-uris install quai-a"
        said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert re.findall(r"^'file:(\S+)'", said.stdout, re.MULTILINE) == [
            f"{aside}/packages/./quai-{name}_1_all.deb" for name in "ba"
        ]
    finally:
        shutil.rmtree(aside)


@DEBIAN
def test_what_was_cut_short_leaves_nothing(sent: Path) -> None:
    sent.write_bytes(sent.read_bytes()[:700])
    before = set(Path("/var/tmp").glob("quai-apt.*"))
    received = subprocess.run(["sh", "-c", release_packages.receive(str(sent))], capture_output=True, check=False)
    assert received.returncode == 1
    assert set(Path("/var/tmp").glob("quai-apt.*")) <= before


@DEBIAN
def test_they_come_to_the_controller(act: Run, guard: Guard, tmp_path: Path, sent: Path) -> None:
    """What was there before is gone: the directory holds what the archive of packages held."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there/old.deb").touch()
    subprocess.run(["sh", "-c", f"cd {tmp_path}/packages && tar -cf {sent} -- *"], check=True)
    guard.answer("*", program="sh")
    (guard.bin / "sh").write_text(f'#!/bin/sh\ncp {sent} "$4"; echo amd64\n')  # sh -c SCRIPT fetch ARCHIVE
    result = act("release_packages", releases=dict(RELEASES), release="bookworm", directory=str(tmp_path / "there"))
    assert not result.get("failed"), result
    assert (result["changed"], result["architecture"]) == (False, "amd64")
    assert not result.get("warnings")
    assert result["packages"] == ["quai-a_1_all.deb", "quai-b_1_all.deb"]
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["Packages", *result["packages"]]


def test_what_cannot_be_proven_is_refused(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("*", "", "InRelease of buster: it was tampered with", 1, program="sh")
    result = act(
        "release_packages",
        releases=dict(RELEASES),
        release="buster",
        directory=str(tmp_path / "there"),
        archive_url=URL,
    )
    assert (result["failed"], result["changed"]) == (True, False)
    assert (
        f"There is no set of packages of Debian buster at {URL} that is proven to be Debian's: InRelease"
        in result["msg"]
    )
    assert not (tmp_path / "there").exists()


def test_an_archive_without_a_digest_is_warned_of(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("*", program="sh")
    (guard.bin / "sh").write_text('#!/bin/sh\ntar -cf "$4" -T /dev/null; echo amd64\n')
    arguments: dict[str, Any] = {"releases": dict(RELEASES), "release": "jessie", "directory": str(tmp_path / "there")}
    warnings = [
        act("release_packages", **arguments, archive_url=URL, archive_sha256=each)["warnings"]
        for each in ("", "0" * 64)
    ]
    assert len(warnings[0]) == 1
    assert "docker_engine_archive_sha256 is not set" in warnings[0][0]
    assert warnings[1] == []
