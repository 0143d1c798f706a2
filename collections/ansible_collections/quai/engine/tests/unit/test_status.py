"""What is bad, what is a warning, and what a host's row tells: a test for each line of the judgement."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import state, status
from ansible_collections.quai.engine.plugins.module_utils.status import Disk, Finding, Seen, judge, row
from ansible_collections.quai.engine.tests.unit.samples import (
    ANONYMOUS,
    ANOTHER,
    DIRECTORY,
    HEX,
    RELEASE,
    TOKEN,
    VOLUME,
    VOLUME_CONTAINER,
    container,
    image,
    release,
)

GIB = 1 << 30
NOW = datetime.datetime(2026, 1, 2, 4, 4, 6, tzinfo=datetime.UTC)  # an hour after the sample's start
LABELS = {"quai_image": "web", "quai_digest": "3f2a9b1c2d3e", "org_opencontainers_image_revision": "v1"}
WEB = dataclasses.replace(image(2, "web:3f2a9b1c2d3e", **LABELS), id=RELEASE.image_id, created="2026-01-02T03:04:00Z")
WELL = Seen(
    now=NOW,
    engine="28.5.2",
    containers=(release(created="2026-01-02T03:04:04Z"), VOLUME_CONTAINER),
    images=(WEB,),
    volume=VOLUME,
    disk=Disk(100 * GIB, 60 * GIB, 3 * GIB, {"/data/access.log": GIB}),
    oom_kills=0,
    token=TOKEN,
    registered=TOKEN,
    volumes_from="myapp_data",
    directory=DIRECTORY,
    wanted=RELEASE,
    code=("3f2a9b1c2d3e", "3f2a9b1c2d3e"),
    free_bytes=100 << 20,
)


def but(**changes: Any) -> Seen:
    """Return the host that is well, as changed."""
    return dataclasses.replace(WELL, **changes)


def serving(**changes: Any) -> Seen:
    """Return the host with its serving container as changed."""
    return but(containers=(dataclasses.replace(release(), **changes), VOLUME_CONTAINER))


def told(seen: Seen) -> list[tuple[str, str]]:
    """Return what is wrong, as pairs."""
    return [(each.level, each.text) for each in judge(seen)]


def test_a_host_that_is_well() -> None:
    assert judge(WELL) == []
    assert row(WELL)["state"] == "ok"


BAD = {
    "the engine is down": (but(problem="Docker does not answer"), "Docker does not answer"),
    "nothing is served": (but(containers=(VOLUME_CONTAINER,)), "there is no container web"),
    "stopped": (serving(running=False, exit_code=137), "web has stopped (exit code 137)."),
    "killed": (serving(running=False, exit_code=137, oom_killed=True), "(exit code 137, out of memory)"),
    "never started": (serving(running=False, exit_code=128, error="port is taken"), "(exit code 128). port is taken"),
    "paused": (serving(paused=True), "web is paused"),
    "between two lives": (
        serving(restarting=True, restarts=1, exit_code=1),
        "again and again (1 time, last exit code 1)",
    ),
    "a loop that runs just now": (
        serving(restarts=7, started_at="2026-01-02T04:04:00Z"),
        "again and again (7 times",
    ),
    "unhealthy": (serving(health="unhealthy"), "web is unhealthy"),
    "another image": (serving(image_id="sha256:" + "9" * 64, image="nginx"), "web runs nginx, an image"),
    "made by hand": (serving(labels={}), "in a container that Quai did not make"),
    "the volume's container is gone": (but(containers=(release(),)), "The data's container myapp_data is gone"),
    "other data": (serving(mounts=(ANOTHER,)), "writes to the volume fedcba"),
    "another directory": (but(directory="/srv/data"), f"kept in {DIRECTORY}, and the inventory says /srv/data"),
    "no token": (but(token=""), "holds no token, and this host remembers"),
    "another token": (but(token=HEX), "another volume's token"),
    "a full disk": (
        but(disk=Disk(100 * GIB, 50 << 20)),
        "The disk of the data is full: 50 MiB free of 100 GiB, 100 MiB",
    ),
}


@pytest.mark.parametrize("seen", BAD.values(), ids=BAD)
def test_bad(seen: tuple[Seen, str]) -> None:
    (level, text), *_more = told(seen[0])
    assert level == "bad"
    assert seen[1] in text
    assert row(seen[0])["state"] == "bad"


WARNINGS = {
    "restarted once, long ago": (serving(restarts=1), "web died and was restarted 1 time, last at 2026-01-02T03:04:05Z."),
    "restarted often, long ago": (serving(restarts=5), "was restarted 5 times"),
    "a process killed": (but(oom_kills=2), "2 processes of web were killed for want of memory (its limit is 512 MiB)."),
    "the flag of older engines": (serving(oom_killed=True), "A process of web was killed for want of memory (its limit is 512 MiB)."),
    "another setting": (serving(memory=256 << 20), "memory is 268435456, should be 536870912"),
    "another port": (serving(published=(("0.0.0.0", 81, 5000),)), "published is 0.0.0.0:81->5000, should be 0.0.0.0:80->5000"),
    "an option that only the digest tells": (serving(labels={"quai.app": "web", "quai.release": "old"}), "release is old"),
    "other code": (but(code=("3f2a9b1c2d3e", "000000000000")), "code is 3f2a9b1c2d3e, should be 000000000000"),
    "inputs that make no release": (but(wanted=None, unwanted="port 0 is out of range"), "port 0 is out of range"),
    "an interrupted run": (but(containers=(*WELL.containers, container("web-next"))), "web-next was left"),
    "a disk nearly full": (but(disk=Disk(100 * GIB, 9 * GIB)), "nearly full: 9.0 GiB free of 100 GiB"),
    "logs larger than the rest": (but(disk=Disk(100 * GIB, 20 * GIB, None, {"a": 15 * GIB, "b": 6 * GIB})), "logs (21 GiB)"),
    "an anonymous volume": (
        but(containers=(dataclasses.replace(release(), mounts=(ANONYMOUS,)), dataclasses.replace(VOLUME_CONTAINER, mounts=(ANONYMOUS,)))),
        "anonymous volume (0123456789ab)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("seen", WARNINGS.values(), ids=WARNINGS)
def test_a_warning(seen: tuple[Seen, str]) -> None:
    ((level, text),) = told(seen[0])
    assert level == "warning"
    assert seen[1] in text
    assert row(seen[0])["state"] == "warning"


def test_the_worst_comes_first() -> None:
    found = judge(dataclasses.replace(serving(health="unhealthy", restarts=1), oom_kills=3))
    assert [each.level for each in found] == ["bad", "warning", "warning"]
    assert status.worst([Finding("warning", "x"), Finding("bad", "y")]) == "bad"


def test_what_cannot_be_read_is_no_fault_and_no_number() -> None:
    seen = but(disk=Disk(), oom_kills=None, token="", registered="", volume=None, code=None)
    assert judge(seen) == []
    told = row(seen)
    assert (told["data_bytes"], told["free_bytes"], told["log_bytes"]) == (None, None, None)


def test_drift_names_each_property_and_the_digest_only_alone() -> None:
    seen = serving(memory=1, user="0", labels={"quai.app": "web", "quai.release": "old"})
    assert status.drift(seen) == {"memory": (1, 512 << 20), "user": ("0", "1000:1000")}
    assert list(status.drift(serving(labels={"quai.app": "web", "quai.release": "old"}))) == ["release"]
    assert status.drift(but(wanted=None)) == {}


def test_an_image_that_will_be_made_is_not_called_by_the_name_of_another() -> None:
    seen = but(
        code=("3f2a9b1c2d3e", "000000000000"), wanted=dataclasses.replace(RELEASE, image_id="sha256:" + "9" * 64)
    )
    assert status.drift(seen) == {"code": ("3f2a9b1c2d3e", "000000000000")}


def test_the_row() -> None:
    told = row(WELL, address="http://quay1:80", machine=None)
    assert json.loads(json.dumps(told)) == told
    known = ("engine", "release", "image", "container", "health", "restarts", "oom_kills", "volume", "drift", "address")
    assert [told[key] for key in known] == [
        "28.5.2", RELEASE.digest, "web:3f2a9b1c2d3e", "running", "healthy", 0, 0, TOKEN, {}, "http://quay1:80",
    ]  # fmt: skip
    assert told["up_since"] == "2026-01-02T03:04:05.678Z"
    assert (told["data_bytes"], told["free_bytes"], told["disk_bytes"], told["log_bytes"]) == (
        3 * GIB,
        60 * GIB,
        100 * GIB,
        GIB,
    )
    assert told["containers"][0]["published"] == ["0.0.0.0:80"]
    assert told["containers"][0]["volumes"] == ["myapp_data"]
    assert [(each["kind"], each["name"]) for each in told["releases"]] == [
        ("image", "web:3f2a9b1c2d3e"),
        ("container", f"web {RELEASE.digest}"),
    ]


def test_a_stopped_container_is_not_up() -> None:
    told = row(serving(running=False))
    assert (told["container"], told["up_since"]) == ("stopped", "")


# --- what is read -----------------------------------------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("engine", ["docker-20.10.24", "docker-26.1.5", "docker-28.5.2"])
@pytest.mark.parametrize(
    ("document", "level", "text"),
    [
        ("web_unhealthy", "bad", "is unhealthy"),
        ("web_broken", "bad", "has stopped (exit code 3)"),
        ("web_oom", "bad", "out of memory"),
        ("web_created", "bad", "has stopped (exit code 0)"),
    ],
)
def test_recorded_faults(engine: str, document: str, level: str, text: str) -> None:
    (found,) = state.containers((FIXTURES / engine / f"inspect_{document}.out").read_text(encoding="utf-8"))
    seen = Seen(now=NOW, containers=(dataclasses.replace(found, name="web"),))
    assert any(each.level == level and text in each.text for each in judge(seen)), judge(seen)


def test_the_look() -> None:
    look = status.looked("log 7 output\noom 2\ntoken abc\ndisk 1000 200\ndata 3\nlog 5 /data/a log\n")
    assert look == status.Look(Disk(1000 << 10, 200 << 10, 3 << 10, {"output": 7, "/data/a log": 5}), 2, "abc")


@pytest.mark.parametrize("text", ["", "disk\ndata \noom x\nlog x y\nlog 5\n", "disk 1\n", "sh: not found"])
def test_a_look_that_saw_nothing(text: str) -> None:
    assert status.looked(text) == status.Look(Disk(), None, "")


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 << 10, "10 KiB"), (GIB * 3 // 2, "1.5 GiB"), (1 << 50, "1024 TiB")],
)  # fmt: skip
def test_sizes(count: int | None, text: str) -> None:
    assert status.size(count) == text


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-01-02T04:04:04.123456789Z", "1 s"),
        ("2026-01-02T04:03:00Z", "1 min"),
        ("2026-01-02T01:03:00Z", "3 h"),
        ("2025-12-31T01:03:00Z", "2 d"),
        ("2027-01-01T00:00:00Z", "0 s"),
        ("0001-01-01T00:00:00Z", ""),
        ("", ""),
        ("yesterday", ""),
    ],
)
def test_how_long_ago(since: str, text: str) -> None:
    assert status.ago(since, NOW.isoformat()) == text
