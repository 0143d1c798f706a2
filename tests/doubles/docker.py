"""docker: the real CLI, and before it Docker Desktop's own commands, which are no part of it."""

from __future__ import annotations

from . import brew, desktop, shared


def main(words: list[str]) -> int:
    """Answer `docker desktop`; everything else is the real CLI's, which takes this process over."""
    if words[:1] == ["desktop"] and brew.cask_is_installed():
        return desktop.main(words[1:])
    return shared.become(shared.setting("cli"), words)
