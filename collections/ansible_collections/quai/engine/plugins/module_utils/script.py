"""Many commands, one round trip: a POSIX shell script of named sections, and its answer taken apart.

Every command is a list of words until `quote` turns it into shell, here and nowhere else, so no input can become shell.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What one section printed: its exit code (0 to 255) and its two streams as text."""

    rc: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """True when the section's command ended with exit code 0."""
        return self.rc == 0


MISSING = Answer(rc=-1, stdout="", stderr="")
"""The answer of a section that never ran."""

HERE = (
    "case ${DOCKER_HOST:-} in ssh://*) false ;; tcp://localhost*|tcp://127.*|tcp://\\[::1\\]*) ;; tcp://*) false ;; "
    '*) [ "$(uname -s)" = Linux ] ;; esac'
)
"""Shell fragment: succeeds where the engine runs on the very host: not beyond TCP or ssh, and not on macOS, where
it runs in a virtual machine. Files, ports and packages of the host are the engine's only there."""


def quote(words: Sequence[str]) -> str:
    """Return the words as one shell command in which nothing but the words has a meaning."""
    return shlex.join(words)


def printable(text: str) -> str:
    """Return text of a host (a label, a line of a log) as one that cannot steer the terminal it is shown on."""
    return "".join(each if each.isprintable() or each == "\t" else repr(each)[1:-1] for each in text)


def compose(sections: Mapping[str, str], marker: str | None = None) -> tuple[str, str]:
    """Return (script, marker): a script that runs each section by itself and fences its output with the marker.

    sections: name to a shell fragment made of `quote`d words. The marker is random, so no output can imitate it.
    """
    fence = marker or secrets.token_hex(12)
    lines = ["LC_ALL=C; export LC_ALL", 'PATH="$PATH:/usr/local/bin:/opt/homebrew/bin:/usr/sbin:/sbin"; export PATH']
    for name, fragment in sections.items():
        begin = f"printf '\\n%s %s\\n' {fence} {quote([name])}"
        # `rc` stays for the next section: see unless_ok.
        lines += [
            begin,
            f"{begin} >&2",
            f"( {fragment}\n) </dev/null",
            "rc=$?",
            f"printf '\\n%s= %s\\n' {fence} \"$rc\"",
        ]
    return "\n".join(lines) + "\nexit 0\n", fence


def unless_ok(fragment: str) -> str:
    """Return the fragment as one that runs only where the section before it failed; otherwise it is silent, and ok."""
    return f'[ "$rc" = 0 ] || {{ {fragment}\n}}'


def if_ok(fragment: str) -> str:
    """Return the fragment as one that runs only where the section before it ended well; otherwise it fails, silently."""
    return f'[ "$rc" = 0 ] && {{ {fragment}\n}}'


def take_apart(stdout: str, stderr: str, marker: str) -> dict[str, Answer]:
    """Return the answer of each section of a script that `compose` made with this marker."""
    errors = _streams(stderr, marker)
    answers: dict[str, Answer] = {}
    for name, text in _streams(stdout, marker).items():
        body, found, code = text.rpartition(f"\n{marker}= ")
        if found:
            answers[name] = Answer(int(code.strip()), body, errors.get(name, "").strip())
    return answers


def _streams(text: str, marker: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.replace("\r\n", "\n").split(f"\n{marker} ")[1:]:
        name, _newline, body = part.partition("\n")
        found[name] = body
    return found
