"""uname and sw_vers: what the Mac says it is."""

from __future__ import annotations

from pathlib import Path

from . import shared
from .shared import say


def main(words: list[str]) -> int:
    """Answer as Darwin to the Mac's user; to the system's own accounts, whose system this is, as the real uname."""
    name = shared.CALL.name
    if name == "uname" and not shared.is_the_user():
        return shared.become(Path(shared.setting("gnu")) / name, words)
    answers = {
        ("uname",): "Darwin",
        ("uname", "-s"): "Darwin",
        ("uname", "-m"): shared.setting("arch"),
        ("uname", "-sm"): f"Darwin {shared.setting('arch')}",
        ("uname", "-s", "-m"): f"Darwin {shared.setting('arch')}",
        ("sw_vers", "-productVersion"): shared.setting("macos"),
    }
    answer = answers.get((name, *words))
    if answer is None:
        raise shared.Unrecorded
    say(answer)
    return 0
