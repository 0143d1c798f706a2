"""The options of a Docker from before daemon.json: as flags, and through what its service manager reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils import daemon_flags as flags
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused

RECORDED = Path(__file__).parent / "fixtures/docker-1.6.2/flags.json"
WORDS = ["--icc=false", "--storage-driver=overlay"]


def test_the_flags_are_those_of_the_real_engine() -> None:
    """As recorded, without those that are no options."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["daemon"]
    names = {name[2:] for group in recorded for name in group if name.startswith("--")}
    assert names - {"daemon", "help", "version"} == flags.FLAGS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"debug": True, "icc": False, "mtu": 1400}, ["--debug=true", "--icc=false", "--mtu=1400"]),
        ({"data-root": "/srv/docker"}, ["--graph=/srv/docker"]),
        ({"dns": ["192.0.2.1", "192.0.2.2"]}, ["--dns=192.0.2.1", "--dns=192.0.2.2"]),
        ({"labels": ["a=b"], "hosts": ["tcp://[::1]:2375"]}, ["--host=tcp://[::1]:2375", "--label=a=b"]),
        ({"registry-mirrors": ["http://m"]}, ["--registry-mirror=http://m"]),
        ({"insecure-registries": ["r:5000"]}, ["--insecure-registry=r:5000"]),
        ({"debug": None, "live-restore": True, "log-opts": {"max-size": "10m"}}, []),
    ],
)
def test_options_as_flags(options: dict[str, object], words: list[str]) -> None:
    """Those that 1.6.2 knows, under the names it knows."""
    assert flags.flags(options) == words


@pytest.mark.parametrize("value", ["a b", "$(id)", "`id`", 'x"y', "x'y", "a;b", "50%", "a\nb", "", {"nofile": {}}])
def test_a_value_that_is_no_plain_word_is_refused(value: object) -> None:
    """Nothing that a shell or a unit's file would read something into."""
    with pytest.raises(Refused, match="bridge"):
        flags.flags({"bridge": value})


def test_what_is_lacking_is_told_in_plain_words() -> None:
    """Not what was taken out."""
    options = {"live-restore": True, "log-opts": {}, "init": True, "features": None, "debug": True}
    told = ["init", "live-restore (containers end when the daemon does)"]
    assert flags.lacking(options) == [*told, "log-opts (the log of a container grows without a limit)"]


@pytest.mark.parametrize(
    ("kernel", "filesystems", "in_use", "driver", "warns"),
    [
        ("3.16.0-4-amd64", {"aufs"}, (), "aufs", False),
        (
            "3.16.0-4-amd64",
            {"overlay", "aufs"},
            (),
            "aufs",
            False,
        ),  # the overlay of a backported module is not the kernel's
        ("3.18.0", {"overlay", "aufs"}, (), "overlay", False),
        ("4.9.0-0.bpo.12-amd64", {"overlay"}, (), "overlay", False),
        ("6.1", {"overlay"}, (), "overlay", False),
        ("4.9.0", {"aufs"}, (), "aufs", False),
        ("3.16.0-4-amd64", {"devicemapper"}, (), "devicemapper", True),
        ("3.16.0-4-amd64", set(), (), "vfs", True),
        ("4.9.0", {"overlay", "aufs"}, ("aufs",), "aufs", False),  # where the images are
    ],
)
def test_the_storage_driver(
    kernel: str, filesystems: set[str], in_use: tuple[str, ...], driver: str, warns: bool
) -> None:
    """By what the kernel can, unless there is data already."""
    chosen, warning = flags.storage_driver(kernel, filesystems, in_use)
    assert (chosen, bool(warning)) == (driver, warns)


def test_the_drop_in_keeps_the_command_of_the_unit() -> None:
    """Whatever it is, variables included."""
    text = flags.drop_in("/usr/bin/docker -d -H fd:// $DOCKER_OPTS", WORDS)
    assert text.splitlines()[1:] == [
        "[Service]",
        "ExecStart=",
        "ExecStart=/usr/bin/docker -d -H fd:// $DOCKER_OPTS --icc=false --storage-driver=overlay",
    ]
    assert flags.drop_in("/usr/bin/docker -d", []) == ""


@pytest.mark.parametrize("theirs", ["", "# a comment\nDOCKER_OPTS='-D'\n", "DOCKER_OPTS=-D"])
def test_the_file_of_the_init_script(theirs: str) -> None:
    """What the shell makes of it: their options, then ours; written again it is the same, and taken out nothing is left."""
    text = flags.defaults(theirs, WORDS)
    done = subprocess.run(["/bin/sh", "-c", f'{text}\necho "$DOCKER_OPTS"'], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["-D"] if theirs else []) + WORDS
    assert flags.defaults(text, WORDS) == text
    assert flags.defaults(text + "# later\n", ["--debug=true"]).count("BEGIN Quai") == 1
    assert flags.defaults(text, []).rstrip("\n") == theirs.rstrip("\n")
