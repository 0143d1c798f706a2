"""What was logged, read in short pieces, so that it can be followed over every connection. Pure.

A file is read from an offset, as bytes; the engine's own output of a container from a moment. Only whole lines are shown,
each once, whatever is rotated, redeployed or still being written between two reads.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.module_utils.state import moment

T = TypeVar("T")

PIECE = 1 << 20
"""Bytes of a file that one read brings at most."""

# Input: file, number of lines. Its inode and size; then its last lines before that size and, where it has fewer, the last
# of those rotated before it (FILE.1, FILE.2.gz, FILE-20260131.gz, ...): a line of base64 a file, the latest first. Of the
# file itself it is one more, which may be still being written.
_TAIL = """\
file=$1 left=$2
pack() { base64 | tr -d '\\n'; echo; }
# The latest first: a file keeps the time of its last line when it is renamed or compressed.
rotated() {
    ls -dt "$1".[0-9]* "$1"-[0-9]* 2>/dev/null |
        grep -E -e '([.][0-9]+|-[0-9]{4}-?[0-9]{2}-?[0-9]{2}[0-9-]*)([.]gz)?$'
}
[ -e "$file" ] || file=$(rotated "$1" | grep -v '[.]gz$' | head -n 1) # moved away, and not there anew
[ -e "$file" ] || exit 0
stat -c '%i %s' "$file" | {
    read -r inode size
    echo "$inode $size"
    head -c "$size" "$file" | tail -n "$((left + 1))" | pack
    left=$((left - $(head -c "$size" "$file" | wc -l)))
    seen=" $inode "
    rotated "$1" | while [ "$left" -gt 0 ] && IFS= read -r file; do
        case $file in *.gz) [ ! -e "${file%.gz}" ] || continue ;; esac # still being compressed
        [ -e "$file" ] || file=$file.gz # compressed since
        inode=$(stat -c %i "$file" 2>/dev/null) || continue
        case $seen in *" $inode "*) continue ;; esac # rotated since it was read
        seen="$seen$inode " print=cat
        case $file in *.gz) print='gzip -dc' ;; esac
        $print "$file" | tail -n "$left" | pack
        left=$((left - $($print "$file" | wc -l)))
    done
}
"""
# Input: file, inode and offset of the last read, bytes at most. What a rotation moved away is read to its end first.
_MORE = """\
file=$1 inode=$2 offset=$3
now=$(stat -c %i "$file" 2>/dev/null) || now=0
if [ "$now" != "$inode" ]; then
    offset=0
    for moved in "$1".[0-9]* "$1"-[0-9]*; do
        case $moved in *[!0-9]) continue ;; esac # compressed, or something else
        is=$(stat -c '%i %s' "$moved" 2>/dev/null)
        if [ "${is% *}" = "$inode" ] && [ "${is#* }" -gt "$3" ]; then file=$moved now=$inode offset=$3; fi
    done
fi
[ "$now" != 0 ] || exit 0
[ "$(stat -c %s "$file")" -ge "$offset" ] || offset=0
echo "$now $offset"
tail -c "+$((offset + 1))" "$file" | head -c "$4" | base64
"""
# Input: label, name, since (RFC 3339, seconds or empty), number of lines. Every container of the application, a line each.
_OUTPUT = """\
format='{{.ID}} {{.Names}} {{.Label "quai.release"}}'
{ docker ps -a --no-trunc --filter "label=$1" --format "$format"
  docker ps -a --no-trunc --filter "name=^/$2\\$" --format "$format"; } | sort -u | while read -r id name release; do
    printf '%s %s %s ' "$id" "$name" "${release:--}"
    docker logs --timestamps ${3:+--since "$3"} --tail "$4" "$id" 2>&1 </dev/null | base64 | tr -d '\\n'
    echo
done
"""
# The same for engines of before 1.10, which know neither formats nor --since. Input: as above, since as the first 19
# characters of an RFC 3339 time in UTC.
_OLD_OUTPUT = """\
format='{{.Id}} {{.Name}} {{if .Config.Labels}}{{with index .Config.Labels "quai.release"}}{{.}}{{else}}-{{end}}{{else}}-{{end}}'
{ docker ps -aq --no-trunc --filter "label=$1"; docker inspect --format '{{.Id}}' "$2" 2>/dev/null; } | sort -u |
  while read -r id; do
    printf '%s ' "$(docker inspect --format "$format" "$id" | tr -d /)"
    docker logs --timestamps --tail "$4" "$id" 2>&1 </dev/null | awk -v since="$3" 'substr($1, 1, 19) >= since' | base64 | tr -d '\\n'
    echo
done
"""
OLD_LINES = 1000
"""Last lines of a container's output that an old engine is asked for while it is followed."""


@dataclass(frozen=True)
class Position:
    """How far a file was read: its inode, and the offset in bytes of the first one that was not shown."""

    inode: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Output:
    """What the engine keeps of a container's output: lines as (moment, text)."""

    id: str
    name: str
    release: str
    lines: tuple[tuple[str, str], ...]


def tail(path: str, count: int) -> list[str]:
    """Return the words that print a file's position and its last lines, those of the files rotated before it included."""
    return ["sh", "-c", _TAIL, "sh", path, str(count)]


def more(path: str, position: Position) -> list[str]:
    """Return the words that print what a file holds beyond the position."""
    return ["sh", "-c", _MORE, "sh", path, str(position.inode), str(position.offset), str(PIECE)]


def output(label: str, name: str, since: str, count: int | None) -> str:
    """Return the fragment that prints what the engine keeps of the application's containers. since: RFC 3339 or seconds; count: None for all."""
    return quote(["sh", "-c", _OUTPUT, "sh", label, name, since, "all" if count is None else str(count)])


def old_output(label: str, name: str, since: datetime.datetime | None, count: int | None) -> str:
    """Return the same fragment for an engine of before 1.10."""
    start = since.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S") if since else ""
    return quote(["sh", "-c", _OLD_OUTPUT, "sh", label, name, start, "all" if count is None else str(count)])


def read_tail(text: str) -> tuple[list[str], Position]:
    """Return the lines that `tail` printed, one more than asked for or not, and where to go on.

    A last line without its end is left for the next read.
    """
    first, _newline, packed = text.partition("\n")
    head, pieces = _position(first), [_decoded(each) for each in packed.splitlines()]
    if head is None or None in pieces:
        return [], Position()
    latest, *older = [piece or b"" for piece in pieces] or [b""]
    # A rotated file may have been cut within a line: it does not go on in the next one.
    before = b"".join(piece if piece.endswith(b"\n") or not piece else piece + b"\n" for piece in reversed(older))
    lines, rest = _whole(before + latest)
    return lines, Position(head.inode, head.offset - len(rest))


def read_more(text: str, before: Position) -> tuple[list[str], Position]:
    """Return the lines that `more` printed, and where to go on."""
    head, body = _taken(text)
    if head is None:
        return [], before
    lines, rest = _whole(body)
    if len(body) >= PIECE and not lines:  # a line longer than a piece is shown in pieces
        lines, rest = [_text(body)], b""
    return lines, replace(head, offset=head.offset + len(body) - len(rest))


def read_output(text: str) -> list[Output]:
    """Return what `output` printed."""
    found = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) == 4 and (body := _decoded(words[3])) is not None:
            stamped = (each.partition(" ") for each in _text(body).splitlines())
            lines = tuple((stamp, said) for stamp, _blank, said in stamped if moment(stamp))
            found.append(Output(words[0], words[1], words[2].strip("-"), lines))
    return found


def fresh(found: Output, last: str) -> tuple[list[str], str]:
    """Return the lines after the moment `last`, and the moment of the last one: the engine repeats those of `since` itself."""
    new = [(stamp, said) for stamp, said in found.lines if not last or _order(stamp) > _order(last)]
    return [said for _stamp, said in new], new[-1][0] if new else last


def _order(stamp: str) -> tuple[str, str]:
    """Engines leave out a fraction's last zeros, which keeps text from being in the order of time."""
    seconds, _dot, fraction = stamp.rstrip("Z").partition(".")
    return seconds, fraction.ljust(9, "0")


# --- a span of time ---------------------------------------------------------------------------------------------------

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STAMPS = (
    (re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\]"), "%Y-%m-%d %H:%M:%S %z"),
    (re.compile(r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] \""), "%d/%b/%Y:%H:%M:%S %z"),
)
"""How gunicorn writes the time in its own log, and in the access log."""


@dataclass(frozen=True)
class Span:
    """What is shown: lines from a moment on, up to another one; None where there is no such limit."""

    start: datetime.datetime | None = None
    end: datetime.datetime | None = None


def span(since: str, until: str, now: datetime.datetime) -> Span:
    """Return the span that logs_since and logs_until mean. Raises Refused for what is no time, or no span."""
    start, end = _moment_of(since, "logs_since", now), _moment_of(until, "logs_until", now)
    if start and end and end < start:
        raise Refused(
            f"logs_until ({until}) lies before logs_since ({since}).",
            "Nothing was logged in between.",
            "Exchange them, or correct one.",
        )
    return Span(start, end)


def _moment_of(text: str, name: str, now: datetime.datetime) -> datetime.datetime | None:
    """Return the moment that `1h`, `30m` or an ISO time means; None for an empty text."""
    if not text:
        return None
    if match := re.fullmatch(r"(\d+)([smhd])", text):
        return now - datetime.timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            f"{text!r} is no time.",
            "Lines before logs_since and after logs_until are left out.",
            f"Set {name} to a number with s, m, h or d, such as 1h, or to a time such as 2026-11-24T06:00:00+00:00.",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def within(lines: Sequence[str], wanted: Span) -> list[str]:
    """Return the lines of the span. One without a time of its own (a traceback) belongs to the line before it.

    Where no line has a time that is known here, none can be left out.
    """
    stamps = [_stamp(line) for line in lines]
    if not any(stamps):
        return list(lines)
    first, behind = 0, len(lines)
    if wanted.start:
        first = next((at for at, stamp in enumerate(stamps) if stamp and stamp >= wanted.start), behind)
    if wanted.end:
        kept = max((at for at, stamp in enumerate(stamps) if stamp and stamp <= wanted.end), default=-1)
        behind = next((at for at in range(kept + 1, behind) if stamps[at]), behind) if kept >= 0 else 0
    return list(lines[first:behind])


def last_within(found: Output, wanted: Span, count: int | None) -> Output:
    """Return the same output with the last lines up to the end of the span only; the engine itself knows `--since`."""
    lines = [line for line in found.lines if not (wanted.end and (at := moment(line[0])) and at > wanted.end)]
    return replace(found, lines=tuple(last(lines, count)))


def last(lines: Sequence[T], count: int | None) -> list[T]:
    """Return the last ones; None for all."""
    return list(lines if count is None else lines[max(0, len(lines) - count) :])


def first_stamp(lines: Sequence[str]) -> datetime.datetime | None:
    """Return the time of the first line that has one."""
    return next((stamp for line in lines if (stamp := _stamp(line))), None)


def _stamp(line: str) -> datetime.datetime | None:
    for pattern, form in _STAMPS:
        if match := pattern.search(line):
            try:
                return datetime.datetime.strptime(match[1], form)  # noqa: DTZ007 - the form has a zone
            except ValueError:
                return None
    return None


# --- bytes ------------------------------------------------------------------------------------------------------------


def _taken(text: str) -> tuple[Position | None, bytes]:
    first, _newline, body = text.partition("\n")
    head, decoded = _position(first), _decoded(body)
    return (head, decoded) if head is not None and decoded is not None else (None, b"")


def _position(text: str) -> Position | None:
    match = re.fullmatch(r"(\d+) (\d+)", text.strip())
    return Position(int(match[1]), int(match[2])) if match else None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:  # the connection or the engine broke off: the next read brings it again
        return None


def _whole(body: bytes) -> tuple[list[str], bytes]:
    """Return the whole lines, and the bytes after them."""
    whole, newline, rest = body.rpartition(b"\n")
    return (_text(whole).split("\n") if newline else []), rest


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")
