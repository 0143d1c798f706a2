"""What to do so that an image exists under the tag of what it is made from. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.state import Image

Source = Literal["auto", "pull", "debian"]

UNREACHABLE = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|TLS handshake timeout|network is unreachable|no route to host"
    r"|Client\.Timeout|request canceled|server misbehaving|temporary failure|x509|proxyconnect|EOF$",
    re.IGNORECASE | re.MULTILINE,
)
"""How an engine says that no registry could be reached, as against one that answered and has no such image."""

LABEL_NAME = "quai.image"
LABEL_DIGEST = "quai.digest"
LABEL_BASE = "quai.base"
LABEL_BASE_ID = "quai.base.id"
LABEL_REVISION = "org.opencontainers.image.revision"


@dataclass(frozen=True)
class Base:
    """Where the base image comes from: one that is here (`image` set), or the ways to get it, tried in order."""

    reference: str
    image: Image | None
    ways: tuple[Literal["pull", "debian"], ...] = ()


def choose_base(
    source: Source, reference: str, pulled: Image | None, fallback: str, built: Image | None, refresh: bool
) -> Base:
    """Return where the base comes from.

    reference: the name a registry has it under; fallback: the name of the image made of Debian packages, empty where
    there is no recipe; refresh: ask the registry even when an image is here. Raises Refused when no way is left.
    """
    if source == "debian":
        if not fallback:
            raise Refused(
                f"The base image {reference} cannot be made from Debian packages.",
                "There is a recipe for the project's own runtimes only.",
                "Use the source pull, or name a runtime.",
            )
        return Base(fallback, built, () if built and not refresh else ("debian",))
    if pulled and not refresh:
        return Base(reference, pulled)
    if source == "pull" or not fallback:
        return Base(reference, pulled, ("pull",))
    if built and not refresh:
        return Base(fallback, built)
    return Base(reference, pulled, ("pull", "debian"))


def plan_image(
    name: str, tag: str, friendly: Image | None, tagged: Image | None, way: str = "build", forced: bool = False
) -> Plan:
    """Return the steps that make `name:tag` exist and `name` mean it; a step without words stands for the build itself.

    friendly: the image now called `name`; tagged: the one called `name:tag`; way: the verb for how it comes about;
    forced: whether the engine moves a name only when forced to, as those before 1.10.
    """
    reference = f"{name}:{tag}"
    before = {name: _described(friendly)}
    after = {name: tag}
    move = step(f"let {name} mean {reference}", "docker", "tag", *(["-f"] if forced else []), reference, name)
    if tagged is None:
        return Plan((step(f"{way} {reference}"), move), before, after)
    if friendly is None or friendly.id != tagged.id:
        return Plan((move,), before, after)
    return Plan()


def _described(image: Image | None) -> str:
    return image.labels.get(LABEL_DIGEST, image.id) if image else "absent"


def plan_prune(name: str, current: str, labelled: Sequence[Image], in_use: Sequence[str], keep: int) -> Plan:
    """Return the steps that remove the oldest images labelled with this name.

    labelled: newest first; in_use: ids of images with containers; keep: how many to retain besides those in use.
    """
    retained = {image.id for image in labelled[:keep]} | set(in_use)
    names = [
        tag
        for image in labelled
        if image.id not in retained
        for tag in image.tags
        if tag.startswith(f"{name}:") and tag not in (f"{name}:latest", f"{name}:{current}")
    ]
    return Plan(tuple(step(f"remove the old image {tag}", "docker", "rmi", tag) for tag in names))


def plan_absent(name: str, labelled: Sequence[Image], in_use: Mapping[str, str]) -> Plan:
    """Return the steps that remove every image of this name. in_use: image id to the name of a container made of it.

    Raises Refused while a container still needs one of them.
    """
    held = [f"{in_use[image.id]} ({', '.join(image.tags) or image.id})" for image in labelled if image.id in in_use]
    if held:
        raise Refused(
            f"Images of {name} are in use by: {'; '.join(held)}.",
            "A container without its image cannot be made again.",
            "Remove those containers first (the app roles with state absent, or playbooks/teardown.yml).",
        )
    tags = [tag for image in labelled for tag in image.tags if tag.startswith(f"{name}:")]
    steps: list[Step] = [step(f"remove the image {tag}", "docker", "rmi", tag) for tag in tags]
    return Plan(tuple(steps), {name: sorted(tags)}, {name: "absent"})
