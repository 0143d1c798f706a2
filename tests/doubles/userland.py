"""macOS's date, df, find, grep, sed and stat: the real ones, without what only GNU's can do.

This is a fence, not an emulation: what both can do is GNU's work, what only GNU's can do is refused as macOS refuses
it, and what only macOS's can do has no record here.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import shared
from .shared import complain

# The arguments that only GNU's program has, and those that only macOS's has.
_GNU_ONLY = {
    "date": r"-d.*|--.*",
    "df": r"--.*",
    "find": r"-printf",
    "grep": r"-[a-zA-Z]*P.*|--perl-regexp",
    "sed": r"--.*|-z",
    "stat": r"-c.*|--.*",
}
_MACOS_ONLY = {"date": r"-[jvrf].*", "stat": r"-[fFtxsnrq].*"}
NOT_ON_MACOS = ("flock", "mountpoint", "sha256sum", "timeout")


def main(words: list[str]) -> int:
    """Run the real program, or refuse."""
    name = shared.CALL.name
    if shared.is_the_user():
        refusal = _fence(name, words)
        if refusal:
            complain(f"{name}: {refusal}")
            return 1
    return shared.become(Path(shared.setting("gnu")) / name, words)


def _fence(name: str, words: list[str]) -> str:
    """Return how macOS refuses what only GNU's program does, "" for what both do; words become GNU's."""
    for word in words:
        if re.fullmatch(_GNU_ONLY[name], word):
            shared.refuse(f"macOS's {name} has no {word}")
            return f"illegal option -- {word.lstrip('-')}"
        if re.fullmatch(_MACOS_ONLY.get(name, r"(?!)"), word):
            raise shared.Unrecorded(word)
    if name == "sed" and "-i" in words:
        # macOS's takes the suffix as a word of its own, which may be empty; GNU's takes it attached.
        place = words.index("-i")
        suffix = words[place + 1] if place + 1 < len(words) else "-"
        if suffix and not suffix.startswith("."):
            shared.refuse("macOS's sed -i wants a suffix")
            return f'1: "{words[-1]}": invalid command code {words[-1][:1]}'
        words[place : place + 2] = [f"-i{suffix}"]
    return ""
