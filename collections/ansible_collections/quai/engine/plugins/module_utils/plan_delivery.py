"""An image that was built elsewhere: can it come here, and is what came the one that was meant. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.plan_image import LABEL_DIGEST
from ansible_collections.quai.engine.plugins.module_utils.state import Image

Way = Literal["load", "pull"]


@dataclass(frozen=True)
class Offer:
    """An image as the builder has it: id, layers (digests of their tars, lowest first), and the processor it runs on.

    It comes as an archive (path on the controller) or from a registry (reference).
    """

    image_id: str
    layers: tuple[str, ...]
    architecture: str
    archive: str = ""
    reference: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Offer:
        """Return the offer of a task's values."""
        return cls(**{**values, "layers": tuple(values["layers"])})


def refuse_delivery(way: Way, version: Sequence[int], architecture: str, image: str, offer: Offer) -> None:
    """Raise Refused where the image cannot come this way, or could not run. architecture: the engine's own, empty if unknown."""
    if way == "pull" and is_old(version):
        raise Refused(
            f"Docker {'.'.join(map(str, version))} cannot pull {image} from a registry of today.",
            "It asks for manifests of schema 1, which registries no longer have, and could not tell what it got.",
            "Have the image sent: app_image_delivery: load.",
        )
    if architecture and offer.architecture and architecture != offer.architecture:
        raise Refused(
            f"{image} was built for {offer.architecture}, and this host's engine runs {architecture}.",
            "None of its programs could start.",
            f"Name a builder with an engine for {architecture} (app_image_builder).",
        )


def is_meant(found: Image | None, offer: Offer, tag: str) -> bool:
    """Return whether an image that came is the one offered: by its id, or by all it is made of.

    An engine that keeps its images in containerd numbers them in another way.
    """
    if found is None:
        return False
    return found.id == offer.image_id or (found.layers == offer.layers and found.labels.get(LABEL_DIGEST) == tag)
