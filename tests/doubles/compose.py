"""docker-compose: a plugin of the CLI, enough of it for the CLI to list it and to tell its version."""

from __future__ import annotations

import json

from . import brew, shared
from .shared import say


def main(words: list[str]) -> int:
    """Answer as the plugin, which the CLI calls by its path."""
    version = brew.version_of("docker-compose")
    if words == ["docker-cli-plugin-metadata"]:
        what = {
            "SchemaVersion": "0.1.0",
            "Vendor": "Docker Inc.",
            "Version": version,
            "ShortDescription": "Docker Compose",
        }
        say(json.dumps(what))
        return 0
    if words[-1:] == ["version"]:
        say(f"Docker Compose version {version}")
        return 0
    raise shared.Unrecorded("Compose's work")
