"""An image as engines before 1.10 keep it: one document a layer, each under an id that names its content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONFIG = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "OnBuild")
"""What an image says of its containers, and engines since 1.6 understand. Health checks, stop signals and shells came later."""

NO_TIME = "0001-01-01T00:00:00Z"
"""The engine's own for "unknown"; an empty text is none of its times."""


@dataclass(frozen=True)
class OldLayer:
    """One layer: its id (64 hex digits), its document, and the digest (`sha256:...`) of the tar that it stands for."""

    id: str
    document: Mapping[str, Any]
    diff_id: str


def old_layers(config: Mapping[str, Any]) -> list[OldLayer]:
    """Return the layers of an image, lowest first, from its configuration; the last one's id is the image's.

    The same layer on the same layers with the same history has the same id in every image, so that hosts keep it once.
    Raises KeyError, TypeError or AttributeError for a document that is no image's configuration.
    """
    diff_ids: list[str] = config["rootfs"]["diff_ids"]
    history = [step for step in config.get("history") or () if not step.get("empty_layer")]
    if len(history) != len(diff_ids):  # it is a comment, and need not fit
        history = [{}] * len(diff_ids)
    found: list[OldLayer] = []
    for at, (diff_id, step) in enumerate(zip(diff_ids, history, strict=True), 1):
        document = {
            "created": step.get("created") or NO_TIME,
            # What `docker history` shows.
            "container_config": {"Cmd": [step.get("created_by") or ""]},
            "architecture": config["architecture"],
            "os": config["os"],
        }
        if found:
            document["parent"] = found[-1].id
        if at == len(diff_ids):
            document |= _top(config)
        layer_id = hashlib.sha256(f"{diff_id}\n{text(document)}".encode()).hexdigest()
        found.append(OldLayer(layer_id, document | {"id": layer_id}, diff_id))
    return found


def _top(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the last layer tells of the whole image."""
    said: Mapping[str, Any] = config.get("config") or {}
    return {
        "created": config.get("created") or NO_TIME,
        "author": config.get("author") or "",
        "docker_version": config.get("docker_version") or "",
        "config": {key: said[key] for key in CONFIG if said.get(key)},
    }


def repositories(reference: str, layers: Sequence[OldLayer]) -> dict[str, dict[str, str]]:
    """Return the document that names the image; reference: name and tag."""
    name, _colon, tag = reference.rpartition(":")
    return {name: {tag: layers[-1].id}}


def text(document: Mapping[str, Any]) -> str:
    """Return the document as the one JSON text that it always is."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
