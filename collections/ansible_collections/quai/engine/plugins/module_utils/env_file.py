"""The environment of a container, which may hold passwords: read by `docker create`, whose words anyone can list. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping


def env_file(env: Mapping[str, str]) -> tuple[list[str], str]:
    """Return the options that give a container its environment, and the text that the command must read for them.

    What no line of such a file can say (a value of several lines, a name that begins with #) is among the options.
    """
    lines = {key: f"{key}={value}" for key, value in env.items() if _is_a_line(key, value)}
    words = ["--env-file", "/dev/stdin"] if lines else []
    words += [word for key, value in env.items() if key not in lines for word in ("--env", f"{key}={value}")]
    return words, "".join(f"{line}\n" for line in lines.values())


def _is_a_line(key: str, value: str) -> bool:
    return not re.search(r"[\r\n]", value) and bool(re.fullmatch(r"[^\s#=][^\s=]*", key))
