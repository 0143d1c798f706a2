"""The environment of a container, which may hold passwords: given to `docker create` so that nobody can list it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.quai.engine.plugins.module_utils.plan import Given

_LINE_BYTES = 60_000
"""An engine's client reads lines of less than 64 KiB from such a file."""

# What the client itself, or the shell that runs it, would take for its own.
_THE_CLIENTS = re.compile(r"PATH|HOME|IFS|TMPDIR|(LD|DOCKER|GO|SSH|SSL|XDG)\w*|\w+_PROXY", re.IGNORECASE)


def env_file(env: Mapping[str, str]) -> tuple[list[str], Given]:
    """Return the options that give a container this environment, by lines of a file, and what the command must have for them.

    What no line can say, of which there are several or which is very long, is a variable of the command, named to it. Only
    one of a name that means something to the command itself, or that no shell can set, stands among its words.
    """
    lines = {key: f"{key}={value}" for key, value in env.items() if _is_a_line(key, value)}
    named = {key: value for key, value in env.items() if key not in lines and _can_be_set(key)}
    words = ["--env-file", "/dev/stdin"] if lines else []
    for key, value in env.items():
        if key not in lines:
            words += ["--env", key if key in named else f"{key}={value}"]
    return words, Given("".join(f"{line}\n" for line in lines.values()), named)


def _is_a_line(key: str, value: str) -> bool:
    fits = len(f"{key}={value}".encode()) < _LINE_BYTES
    return fits and not re.search(r"[\r\n]", value) and bool(re.fullmatch(r"[^\s#=][^\s=]*", key))


def _can_be_set(key: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII)) and not _THE_CLIENTS.fullmatch(key)
