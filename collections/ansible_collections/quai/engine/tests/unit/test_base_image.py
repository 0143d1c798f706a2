"""Base images made of Debian packages: the script's text, and its parts that run without a host to change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils import base_image
from ansible_collections.quai.engine.plugins.module_utils.base_image import BaseImage


def image(**changes: object) -> BaseImage:
    """Return a valid specification with some fields changed."""
    fields: dict[str, object] = {
        "name": "example/base:1",
        "suite": "trixie",
        "python": "/usr/bin/python3",
        "packages": ("python3",),
    }
    return BaseImage(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "No_Upper:1"}, "No_Upper:1"),
        ({"name": "without-tag"}, "without-tag"),
        ({"name": "a:b; reboot"}, "reboot"),
        ({"suite": "trixie main"}, "trixie main"),
        ({"suite": "$(id)"}, "id"),
        ({"packages": ("python3", "x,--hook=y")}, "hook"),
        ({"packages": ("python3", "a b")}, "a b"),
        ({"python": "python3"}, "python3"),
        ({"python": "/usr/bin/python3;id"}, ";id"),
        ({"imports": ("os\nx",)}, "module"),
    ],
)
def test_refuses_what_would_become_shell(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        image(**changes)


def test_unknown_runtime_is_refused_with_the_choice() -> None:
    with pytest.raises(ValueError, match=r"'python4'.*python2, python3"):
        base_image.script("python4")


@pytest.mark.parametrize("runtime", sorted(base_image.RUNTIMES))
def test_script_is_complete_posix_shell(runtime: str, tmp_path: Path) -> None:
    text = base_image.script(runtime)
    assert text == base_image.script(runtime)
    assert not re.search(r"@[A-Z_]+@", text)
    path = tmp_path / "build.sh"
    path.write_text(text)
    for command in (["sh", "-n", str(path)], ["shellcheck", "--shell=sh", str(path)]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("runtime", sorted(base_image.RUNTIMES))
def test_the_name_tells_where_the_image_comes_from(runtime: str) -> None:
    base = base_image.base_image(runtime)
    assert base.name == f"quai/{runtime}:debian-{base.suite}"
    assert f'docker tag "$id" {base.name}\n' in base_image.render(base)


@pytest.mark.parametrize("runtime", sorted(base_image.RUNTIMES))
def test_nothing_but_the_hosts_own_mirror_is_named(runtime: str) -> None:
    assert not re.search(r"(https?|ftp)://[a-z0-9]", base_image.script(runtime))


def addresses(*files: Path) -> list[str]:
    """Run the program that reads apt's configuration."""
    command = ["awk", base_image.ADDRESSES_AWK, *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.split()


def test_addresses_of_one_line_files(tmp_path: Path) -> None:
    path = tmp_path / "sources.list"
    path.write_text(
        "# deb http://commented.example/debian trixie main\n"
        "deb http://one.example/debian bookworm main # deb http://trailing.example/debian\n"
        "deb-src http://source.example/debian bookworm main\n"
        "\n"
        "  deb  [ arch=amd64 signed-by=/x.gpg ]  https://two.example:8443/d/  bookworm main\n"
        "deb http://one.example/debian bookworm-updates main\n"
        "deb cdrom:[Debian]/ bookworm main\n"
        "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n"
        "deb file:/srv/mirror bookworm main\n"
    )
    assert addresses(path) == [
        "http://one.example/debian",
        "https://two.example:8443/d/",
        "mirror+file:/etc/apt/mirrors/debian.list",
        "file:/srv/mirror",
    ]


def test_addresses_of_stanzas(tmp_path: Path) -> None:
    first, second = tmp_path / "a.sources", tmp_path / "b.sources"
    first.write_text(
        "Types: deb deb-src\n"
        "# URIs: http://commented.example/debian\n"
        "URIs: http://one.example/debian http://two.example/debian\n"
        "  http://three.example/debian\n"
        "Suites: trixie\n"
        "Components: main\n"
        "\n"
        "Types: deb-src\n"
        "URIs: http://source.example/debian\n"
        "\n"
        "Enabled: no\n"
        "Types: deb\n"
        "URIs: http://disabled.example/debian\n"
    )
    second.write_text("types: deb\nuris: http://four.example/debian\nSuites: trixie\n")
    assert addresses(first, second) == [
        "http://one.example/debian",
        "http://two.example/debian",
        "http://three.example/debian",
        "http://four.example/debian",
    ]


# Unit tests run without root too, where these cannot; the same script is also run by molecule (app_image) and e2e.
BUILDER = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "docker", "apt-config"))),
    reason="needs root, mmdebstrap and docker, as a host that builds its base image",
)


def run_with_sources(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run the real script on a host whose apt knows only what ``text`` says."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "sources.list").write_text(text)
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/parts";\n'
    )
    result = subprocess.run(
        ["sh"],
        input=base_image.render(image(name="quai/test:must-not-exist")),
        env={**os.environ, "APT_CONFIG": f"{tmp_path}/apt.conf", "TMPDIR": f"{tmp_path}/work"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert list((tmp_path / "work").iterdir()) == [], "temporary files are left"
    return result


@BUILDER
def test_a_host_without_a_debian_mirror_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "dists/trixie").mkdir(parents=True)
    (tmp_path / "dists/trixie/InRelease").write_text("Origin: Someone else\nCodename: trixie\nDate: x\n")
    result = run_with_sources(tmp_path, f"deb file:{tmp_path} trixie main\n")
    assert result.returncode == 1
    assert f"none of this host's apt addresses serves Debian trixie (asked: copy:{tmp_path})" in result.stderr


@BUILDER
def test_a_mirror_that_only_claims_to_be_debian_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dists/trixie").mkdir(parents=True)
    (tmp_path / "dists/trixie/InRelease").write_text(
        "Origin: Debian\nCodename: trixie\nDate: Sat, 21 Nov 2026 09:15:44 UTC\n"
    )
    tmp_path.chmod(0o755)
    result = run_with_sources(tmp_path, f"deb [trusted=yes] file:{tmp_path} trixie main\n")
    assert result.returncode == 1
    assert "mmdebstrap could not build Debian trixie" in result.stderr
    assert re.search("not signed|NOSPLIT|clearsigned", result.stderr), result.stderr
