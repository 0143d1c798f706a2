"""How the tour leaves an engine as it found it. Pure.

What a tour makes is known by a label, and the images it brings by a record: an empty volume whose label names those that
were not there before. Both are the engine's, so an interrupted tour is found again, wherever the engine runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Step, step
from ansible_collections.quai.engine.plugins.module_utils.plan_image import LABEL_NAME
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Image, Volume

LABEL = "quai.tour"
RECORD = "tour-record"


def missing(wanted: Sequence[str], images: Iterable[Image]) -> list[str]:
    """Return those of the wanted references that no image has."""
    there = {tag for image in images for tag in image.tags}
    return [reference for reference in wanted if reference not in there]


def plan_open(absent: Sequence[str]) -> Plan:
    """Return the step that records which images are not there yet."""
    words = ("docker", "volume", "create", "--label", f"{LABEL}={' '.join(absent)}", RECORD)
    return Plan((step("note which images are here", *words),))


def plan_close(containers: Sequence[Container], volumes: Sequence[Volume], images: Sequence[Image], keep: bool) -> Plan:
    """Return the steps that remove what a tour made.

    containers, volumes: those with the tour's label; images: any; keep: leave the images that the tour brought.
    """
    # The volumes nobody named, which no label can mark, go by the containers that mount them.
    nameless = [mount.name for container in containers for mount in container.mounts if mount.anonymous]
    names = [*dict.fromkeys(nameless), *(volume.name for volume in volumes if volume.name != RECORD)]
    record = [volume for volume in volumes if volume.name == RECORD]
    brought = [reference for volume in record for reference in volume.labels[LABEL].split()]
    steps = [
        *(step(f"remove the container {each.name}", "docker", "rm", "-f", each.id) for each in containers),
        *(step(f"remove the volume {name}", "docker", "volume", "rm", name) for name in names),
        # What is made from another goes before it.
        *(() if keep else (_removal(each) for each in reversed(_of(brought, images)))),
        # Last: as long as something of the tour may be there, the record is.
        *(step("forget which images were here", "docker", "volume", "rm", RECORD) for _ in record),
    ]
    return Plan(tuple(steps))


def _of(references: Iterable[str], images: Sequence[Image]) -> list[tuple[str, ...]]:
    """Return by image the names that go: all of one that Quai built, which has its content's tag too, else the reference."""
    return [
        image.tags if LABEL_NAME in image.labels else (reference,)
        for reference in references
        for image in images
        if reference in image.tags
    ]


def _removal(names: tuple[str, ...]) -> Step:
    return step(f"remove the image {names[-1]}", "docker", "rmi", *names)
