"""The guard that plays Docker 1.6.2: it lets through what the recorded engine knew, and refuses the rest with its words."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.legacy import REAL, guard
from tests.testbed.settings import FIXTURES

RECORDED: dict[str, list[list[str]]] = json.loads((FIXTURES / "docker-1.6.2/flags.json").read_text(encoding="utf-8"))
CONTAINER = (
    '[\n    {\n        "Id": "1f",\n        "State": {},\n        "Image": "sha256:2f",\n        "Mounts": []\n    }\n]'
)


class Host:
    """A host with the guard, whose real docker and dockerd print their words, one a line."""

    def __init__(self, directory: Path) -> None:
        self.real = directory / "real"
        self.real.mkdir()
        self.path = directory / "docker"
        self.path.write_text(guard.script().replace(REAL, str(self.real)), encoding="utf-8")
        for name in ("docker", "dockerd"):
            self.program(name, 'printf "%s\\n" "${0##*/}" "$@"')

    def program(self, name: str, body: str) -> None:
        """Have the real program do this."""
        path = self.real / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, *words: str, sent: Path = Path("/dev/null")) -> subprocess.CompletedProcess[str]:
        """Run the guard, with the file `sent` on its stdin."""
        with sent.open("rb") as stdin:
            return subprocess.run(
                ["sh", str(self.path), *words], stdin=stdin, capture_output=True, text=True, check=False, timeout=20
            )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with the guard."""
    return Host(tmp_path)


@pytest.mark.parametrize("command", sorted(set(RECORDED) - {"daemon", "main", "inspect", "version"}))
def test_every_recorded_flag_is_let_through(host: Host, command: str) -> None:
    """Each with a value where it takes one, and the words after it untouched."""
    for name in (name for group in RECORDED[command] for name in group):
        switch = name in guard.SWITCHES.get(command, "").split() or name == "--help"
        value = [] if switch else ["label:x" if name == "--security-opt" else "/x"]
        done = host.run(command, name, *value, "it's; $(id)", "--what")
        assert done.returncode == 0, (name, done.stderr)
        kept = [] if (command, name) in {("tag", "-f"), ("tag", "--force")} else [name, *value]
        assert done.stdout.splitlines() == ["docker", command, *kept, "it's; $(id)", "--what"], name


@pytest.mark.parametrize(
    ("words", "rc", "said"),
    [
        (["ps", "--format", "{{.ID}}"], 2, "flag provided but not defined: --format"),
        (["version", "--format", "x"], 2, "flag provided but not defined: --format"),
        (["run", "--mount=type=bind", "x"], 2, "flag provided but not defined: --mount"),
        (["run", "-dz", "x"], 2, "flag provided but not defined: -dz"),
        (["build", "--build-arg", "a=b", "."], 2, "flag provided but not defined: --build-arg"),
        (["inspect", "--type", "container", "web"], 2, "flag provided but not defined: --type"),
        (["--context", "x", "ps"], 2, "flag provided but not defined: --context"),
        (["volume", "ls"], 1, "docker: 'volume' is not a docker command."),
        (["-H", "unix:///x", "network", "ls"], 1, "docker: 'network' is not a docker command."),
        (["daemon"], 1, "docker: 'daemon' is not a docker command."),
        (["run", "-v", "data:/data", "x"], 1, "volume paths must be absolute"),
        (["create", "--name", "x", "sha256:abc"], 1, "Unable to find image 'sha256:abc' locally"),
        (["rmi", "-f", "web", "sha256:abc"], 1, "No such image: sha256:abc"),
        (["run", "--security-opt=no-new-privileges", "x"], 1, "Invalid --security-opt"),
    ],
)
def test_what_came_later_is_refused(host: Host, words: list[str], rc: int, said: str) -> None:
    """With the exit codes of 1.6.2."""
    done = host.run(*words)
    assert (done.returncode, done.stdout) == (rc, "")
    assert said in done.stderr


def test_the_daemon(host: Host) -> None:
    """Becomes the one of today, with a storage driver it still has."""
    done = host.run("-d", "-H", "fd://", "--icc=false", "-g", "/srv/it's", "-s", "aufs", "--dns=192.0.2.1")
    words = ["dockerd", "-H", "fd://", "--icc=false", "--data-root", "/srv/it's", "--storage-driver", "vfs"]
    assert done.stdout.splitlines() == [*words, "--dns=192.0.2.1"]
    assert host.run("-d", "--live-restore").returncode == 2


def test_the_version(host: Host) -> None:
    """In the words of 1.6.2; of the client alone when the daemon is down."""
    assert host.run("--version").stdout == "Docker version 1.6.2, build 7c8fca2\n"
    recorded = (FIXTURES / "docker-1.6.2/version.out").read_text(encoding="utf-8")
    told = host.run("-H", "unix:///x", "version").stdout
    assert [line.split(":")[0] for line in told.splitlines()] == [line.split(":")[0] for line in recorded.splitlines()]
    assert "Server version: 1.6.2\n" in told
    host.program("docker", "exit 1")
    done = host.run("version")
    assert (done.returncode, "Server" in done.stdout) == (1, False)
    assert "Is 'docker -d' running on this host?" in done.stderr


def test_inspect(host: Host) -> None:
    """The container of that name, else the image; volumes as they were; what is unknown is told and the rest shown."""
    host.program(
        "docker",
        f"""case "$*" in
info) ;;
"inspect --type container --format {{{{range"*) echo '"/data": "/var/lib/x"' ;;
"inspect --type container web") printf %s '{CONTAINER}' ;;
"inspect --type image base" | "inspect --type image sha256:2f") printf %s '[\n    {{\n        "Id": "sha256:2f",\n        "RepoTags": []\n    }}\n]' ;;
*) exit 1 ;;
esac""",
    )
    done = host.run("inspect", "web", "nosuch", "base")
    assert (done.returncode, done.stderr) == (1, "Error: No such image or container: nosuch\n")
    container, image = json.loads(done.stdout)
    assert container["Volumes"] == {"/data": "/var/lib/x"}
    assert (container["Image"], "Mounts" in container, image["Id"], "RepoTags" in image) == ("2f", False, "2f", False)
    assert "can't evaluate field RepoTags" in host.run("inspect", "-f", "{{.RepoTags}}", "base").stderr
    assert host.run("inspect", "sha256:2f").stderr == "Error: No such image or container: sha256:2f\n"
    nothing = host.run("inspect", "nosuch")
    assert (nothing.returncode, json.loads(nothing.stdout)) == (1, [])


def test_images_have_digits_for_ids(host: Host) -> None:
    host.program("docker", "printf 'REPOSITORY TAG DIGEST IMAGE\\nbase latest sha256:1e sha256:2f\\n'")
    assert host.run("images", "--digests").stdout == "REPOSITORY TAG DIGEST IMAGE\nbase latest sha256:1e 2f\n"
    host.program("docker", "exit 3")
    assert host.run("images").returncode == 3


OLD_LAYOUT = [
    "1e/",
    "1e/VERSION",
    "1e/json",
    "1e/layer.tar",
    "2f/",
    "2f/VERSION",
    "2f/json",
    "2f/layer.tar",
    "repositories",
]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (OLD_LAYOUT, ""),
        ([f"./{name}" for name in OLD_LAYOUT], ""),
        ([name for name in OLD_LAYOUT if name != "2f/layer.tar"], "/repo/2f/layer.tar: no such file or directory"),
        # As engine 25 and later save: the note's "open .../repo/blobs/json".
        (["blobs/", "blobs/sha256/", "blobs/sha256/1e", "index.json", "manifest.json", "oci-layout", "repositories"],
         "/repo/blobs/json: no such file or directory"),
        # As engines from 1.10 to 24 save: both layouts.
        ([*OLD_LAYOUT, "3a.json", "manifest.json"], "this archive has a manifest.json"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("on_stdin", [False, True])
def test_load_takes_the_old_layout_only(
    host: Host, tmp_path: Path, names: list[str], said: str, on_stdin: bool
) -> None:
    """From a file and from stdin; what is taken reaches the real docker whole."""
    path = tmp_path / "an image.tar"
    with tarfile.open(path, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name.rstrip("/"))
            member.type, member.size = (tarfile.DIRTYPE, 0) if name.endswith("/") else (tarfile.REGTYPE, 4)
            tar.addfile(member, io.BytesIO(b"true"))
    host.program(
        "docker", f'[ "$1" = load ] && if [ "$2" = -i ]; then cat "$3"; else cat; fi | cmp - "{path}" && echo Loaded'
    )
    done = host.run("load", sent=path) if on_stdin else host.run("load", "-i", str(path))
    assert (done.returncode, done.stdout) == ((1, "") if said else (0, "Loaded\n"))
    assert said in done.stderr


def test_load_leaves_what_is_no_archive_to_the_real_docker(host: Host) -> None:
    assert host.run("load", "-i", "/nosuch.tar").stdout.splitlines() == ["docker", "load", "-i", "/nosuch.tar"]
