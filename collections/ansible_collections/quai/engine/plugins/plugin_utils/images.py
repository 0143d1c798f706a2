"""The images of one name on a host: found by their label, and the old ones removed."""

from __future__ import annotations

import re

from ansible_collections.quai.engine.plugins.module_utils import plan_image as planning, state
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ALL_CONTAINERS


def labelled_images(name: str) -> str:
    """Return the fragment that prints the documents of all images labelled with this name, newest first."""
    listing = quote(["docker", "images", "--no-trunc", "-q", "--filter", f"label={planning.LABEL_NAME}={name}"])
    return f"ids=$({listing} | awk '!seen[$0]++') && {{ [ -z \"$ids\" ] || docker inspect $ids; }}"


NAMES = "docker images --no-trunc"
"""Shell fragment: the images with their names, for `state.with_names`."""


def prune(action: QuaiAction, name: str, tag: str, keep: int, *, old: bool = False) -> None:
    """Remove the oldest images of this name, but for the tag, `keep` of them, and those that containers use.

    old: whether the engine's documents tell no names.
    """
    sections = {"labelled": labelled_images(name), "containers": ALL_CONTAINERS}
    answers = action.read(sections | ({"names": NAMES} if old else {}))
    labelled = state.images(answers["labelled"].stdout)
    if old:
        labelled = state.with_names(labelled, answers["names"].stdout)
    in_use = [container.image_id for container in state.containers(answers["containers"].stdout)]
    for step in planning.plan_prune(name, tag, labelled, in_use, keep).steps:
        action.take([step])


def image_fact(name: str) -> str:
    """Return the name of the fact that tells the wanted image of this name, with its tag."""
    return "quai_image_" + re.sub(r"\W", "_", name)


def archive_fact(name: str) -> str:
    """Return the name of the fact that tells that image and where its archive is."""
    return "quai_archive_" + re.sub(r"\W", "_", name)
