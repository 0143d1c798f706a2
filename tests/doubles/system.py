"""uname and sw_vers: what the Mac says it is; lsof: who listens on it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import shared
from .shared import say


def main(words: list[str]) -> int:
    """Answer as Darwin to the Mac's user; to the system's own accounts, whose system this is, as the real uname."""
    name = shared.CALL.name
    if name == "uname" and not shared.is_the_user():
        return shared.become(Path(shared.setting("gnu")) / name, words)
    if name == "lsof":
        return _lsof(*words)
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


def _lsof(*words: str) -> int:
    """Tell of listening sockets: all of them (-Fn), or the processes at a port (-Fpc). The formats are lsof(8)'s.

    Lima listens only where something is published; the relays, which listen all the time, are shown there only.
    """
    *fixed, where, what = words
    match = re.fullmatch(r"-iTCP(?::(\d+))?", where)
    if fixed != ["-nP", "-sTCP:LISTEN"] or not match or what not in ("-Fn", "-Fpc"):
        raise shared.Unrecorded
    published = {str(each["pid"]): _published(each["socket"]) for each in shared.read_json("relays.json").values()}
    table = subprocess.run(["ss", "-Htlnp"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = 0
    for address, port, rest in re.findall(r"^\S+ +\d+ +\d+ +(\S+):(\d+) +(.*)$", table, re.MULTILINE):
        owner = re.search(r'"([^"]+)",pid=(\d+)', rest)
        # A user is told of his own processes only.
        is_open = owner and port in published.get(owner[2], {port})
        if owner and is_open and match[1] in (None, port):
            found += 1
            say(f"p{owner[2]}", *([f"c{owner[1]}"] if what == "-Fpc" else []), "f3")
            if what == "-Fn":
                say(f"n{'*' if address == '0.0.0.0' else address}:{port}")
    return 0 if found else 1


def _published(socket: str) -> set[str]:
    """Return the ports that containers of the engine at a socket publish."""
    words = [shared.setting("cli"), "-H", f"unix://{socket}", "ps", "--format", "{{.Ports}}"]
    told = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout
    return set(re.findall(r":(\d+)->", told))
