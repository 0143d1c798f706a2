"""requirements.txt pins what is installed, so that a release of tomorrow cannot break an installation of today."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

LOCK = (Path(__file__).parents[2] / "requirements.txt").read_text(encoding="utf-8")
WITH_EXTRAS = re.compile(r"([A-Za-z0-9._-]+)\[([a-z0-9_,-]+)\]")


def test_extras_that_packages_ask_for_are_pinned_too() -> None:
    """pip takes `coverage[toml]` for another thing than `coverage`, and looks for the newest one, of which it has no hash."""
    pinned = set(re.findall(r"^([a-z0-9._-]+\[[a-z0-9_,-]+\])==", LOCK, re.MULTILINE))
    asked = {
        match[0].lower()
        for package in importlib.metadata.distributions()
        for requirement in package.requires or []
        if "extra ==" not in requirement and (match := WITH_EXTRAS.match(requirement))
    }
    assert "coverage[toml]" in asked
    assert asked <= pinned
