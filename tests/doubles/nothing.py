"""A program that is there, and that nobody has a reason to call."""

from __future__ import annotations

from . import shared


def main(_words: list[str]) -> int:
    """Refuse."""
    raise shared.Unrecorded("any call of it")
