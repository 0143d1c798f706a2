"""How the tour leaves an engine as it found it."""

from __future__ import annotations

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan
from ansible_collections.quai.engine.plugins.module_utils.plan_tour import LABEL, RECORD, missing, plan_close, plan_open
from ansible_collections.quai.engine.plugins.module_utils.state import Volume
from ansible_collections.quai.engine.tests.unit.samples import (
    ANONYMOUS,
    BOUND,
    HEX,
    NAMED,
    assert_loses_nothing,
    container,
    image,
    lines,
)

BASE = image(1, "python:3.13-slim")
OURS = image(2, "tour-web:0123abcd", "tour-web:latest", quai_image="tour-web")
FORGET = f"docker volume rm {RECORD}"


def volume(name: str, label: str = "") -> Volume:
    """Return a volume of the tour."""
    return Volume(name, "local", {}, {LABEL: label}, f"/var/lib/docker/volumes/{name}/_data")


def test_an_engine_without_a_tour() -> None:
    assert plan_close([], [], [BASE, OURS], keep=False) == Plan()


def test_what_is_not_here_is_recorded() -> None:
    absent = missing(["python:3.13-slim", "hello-world:latest", "tour-web:latest"], [BASE])
    assert absent == ["hello-world:latest", "tour-web:latest"]
    assert plan_open(absent).steps[0].words == (
        *("docker", "volume", "create", "--label"),
        f"{LABEL}=hello-world:latest tour-web:latest",
        RECORD,
    )


def test_containers_then_volumes_then_images_then_the_record() -> None:
    plan = plan_close(
        [container("tour-web", ANONYMOUS), container("tour-data", ANONYMOUS)],
        [volume(RECORD, "python:3.13-slim tour-web:latest"), volume("tour-kept")],
        [BASE, OURS],
        keep=False,
    )
    assert lines(plan) == [
        f"docker rm -f {'c' * 64}",
        f"docker rm -f {'c' * 64}",
        f"docker volume rm {HEX}",
        "docker volume rm tour-kept",
        "docker rmi tour-web:0123abcd tour-web:latest",
        "docker rmi python:3.13-slim",
        FORGET,
    ]
    assert_loses_nothing(plan)


def test_images_that_were_here_stay() -> None:
    assert lines(plan_close([], [volume(RECORD, "hello-world:latest")], [BASE, OURS], keep=False)) == [FORGET]
    assert lines(plan_close([], [volume(RECORD, "")], [BASE, OURS], keep=False)) == [FORGET]


def test_another_name_of_a_pulled_image_stays() -> None:
    named_twice = image(1, "python:3.13-slim", "mine:latest")
    plan = plan_close([], [volume(RECORD, "python:3.13-slim")], [named_twice], keep=False)
    assert lines(plan) == ["docker rmi python:3.13-slim", FORGET]


def test_images_can_be_kept_and_are_the_host_s_then() -> None:
    assert lines(plan_close([], [volume(RECORD, "tour-web:latest")], [OURS], keep=True)) == [FORGET]


def test_a_volume_with_a_name_and_a_directory_of_the_host_stay() -> None:
    plan = plan_close([container("tour-web", NAMED, BOUND)], [], [], keep=False)
    assert lines(plan) == [f"docker rm -f {'c' * 64}"]
