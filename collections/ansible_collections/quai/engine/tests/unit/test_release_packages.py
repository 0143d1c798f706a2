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
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

RELEASES: Mapping[str, Mapping[str, Any]] = {
    "8": {"name": "jessie", "engine": ["docker.io"], "helpers": [], "end_of_life": "2020-06-30"},
    "12": {"name": "bookworm", "engine": ["docker.io", "runc"], "helpers": ["ca-certificates"]},
}
# Unit tests run elsewhere than on Debian too.
DEBIAN = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "dpkg-deb", "apt-config"))), reason="needs apt, as a Debian host has it"
)


def script() -> str:
    """Return the script itself, without the shell that hands it to sh."""
    words = subprocess.run(
        [
            "sh",
            "-c",
            f'set -- {release_packages.fetch(RELEASES, "bookworm", "/tmp/x y.tar")}\nprintf %s "$3"; echo "$5" >&2',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert words.stderr == "/tmp/x y.tar\n"
    return words.stdout


def test_the_script_is_complete_posix_shell(tmp_path: Path) -> None:
    path = tmp_path / "fetch.sh"
    path.write_text(script())
    assert not re.search(r"@[A-Z_]+@", script())
    for command in (["sh", "-n", str(path)], ["shellcheck", "--shell=sh", str(path)]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_but_the_hosts_own_mirror_is_named() -> None:
    assert not re.search(r"(https?|ftp)://[a-z0-9]", script())


@pytest.mark.parametrize("name", ["jessie", "sid", "$(id)", ""])
def test_a_release_without_a_bundle_is_refused_with_the_choice(name: str) -> None:
    with pytest.raises(Refused, match=r"no bundle for the Debian release .* Set bundle_release to one of bookworm\."):
        release_packages.fetch(RELEASES, name, "/tmp/x.tar")


def fetched(tmp_path: Path, sources: str) -> subprocess.CompletedProcess[str]:
    """Run the real script on a host whose apt knows only what ``sources`` says."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "sources.list").write_text(sources)
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/parts";\n'
    )
    result = subprocess.run(
        ["sh", "-s", str(tmp_path / "out.tar")],
        input=script(),
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
        command = f"apt-get -s {quote(debian_archive.options(aside))} install quai-a"
        said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert re.findall(r"^Inst (\S+)", said.stdout, re.MULTILINE) == ["quai-b", "quai-a"]
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
    assert result["packages"] == ["quai-a_1_all.deb", "quai-b_1_all.deb"]
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["Packages", *result["packages"]]
