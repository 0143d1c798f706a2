"""One run at a time exchanges a release: a lock on the host for each engine, with who holds it and since when."""

from __future__ import annotations

import datetime
import getpass
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction

STALE_MINUTES = 15
"""A lock this old is a run that died: far longer than an exchange takes."""

# /run is empty after a boot, as is fitting: no run outlives one. Who may not write there has /tmp, and not TMPDIR, which
# a Mac sets in a terminal and not over ssh. One host may lead to several engines, each with its own lock.
_LOCK = """\
base=/run; [ -w "$base" ] || base=/tmp
lock=$base/quai-$1$(printf %s "${DOCKER_HOST:-}" | tr -c A-Za-z0-9 -).lock
"""
# A directory is made by one only.
_TAKE = f"""{_LOCK}\
if [ -n "$(find "$lock" -prune -mmin +"$3" 2>/dev/null)" ]; then
    mv "$lock" "$lock.$$" && rm -rf "$lock.$$"
fi
mkdir "$lock" 2>/dev/null && printf '%s\\n' "$2" > "$lock/holder" && exit 0
cat "$lock/holder"; echo "$lock"; exit 1
"""
_RELEASE = f"""{_LOCK}\
[ "$(cat "$lock/holder")" != "$2" ] || rm -rf "$lock"
"""


@contextmanager
def lock(action: QuaiAction, name: str) -> Iterator[None]:
    """Hold the lock of this name on the host's engine. Raises Refused while another run holds it, with who, since when and where."""
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    holder = f"{getpass.getuser()}@{platform.node()} (pid {os.getpid()}), since {since}"
    answer = action.fragment(quote(["sh", "-c", _TAKE, "sh", name, holder, str(STALE_MINUTES)]))
    if not answer.ok:
        held, _newline, where = answer.stdout.strip().rpartition("\n")
        raise Refused(
            f"Another run is changing {name} on this host: {held or 'unknown'}.",
            "Two at once would take each other's containers away.",
            f"Wait for it. If it died, remove {where} on the host; after {STALE_MINUTES} minutes that is done by itself.",
        )
    try:
        yield
    finally:
        action.fragment(quote(["sh", "-c", _RELEASE, "sh", name, holder]))
