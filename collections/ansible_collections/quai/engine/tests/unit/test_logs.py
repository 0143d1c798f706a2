"""What was logged is shown once and whole, whatever happens to the file between two reads: its programs really run."""

from __future__ import annotations

import base64
import datetime
import gzip
import os
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import logs as logs_action
from ansible_collections.quai.engine.plugins.module_utils import logs
from ansible_collections.quai.engine.plugins.module_utils.logs import Position, Span
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import printable
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run


def ran(words: list[str]) -> str:
    """Run the words and return what they print."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


class Reader:
    """Follows a file as the action does."""

    def __init__(self, path: Path, lines: int = 100) -> None:
        self.path = path
        read, self.position = logs.read_tail(ran(logs.tail(str(path), lines)))
        self.first = logs.last(read, lines)

    def more(self) -> list[str]:
        """Return what came since the last read."""
        lines, self.position = logs.read_more(ran(logs.more(str(self.path), self.position)), self.position)
        return lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three lines, in a place that shells dislike."""
    path = tmp_path / "a $(log) 'of' mine"
    path.write_text("one\ntwo\nthree\n")
    return path


def append(path: Path, text: str | bytes) -> None:
    """Add to a log, as gunicorn does."""
    with path.open("ab") as file:
        file.write(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(("count", "lines"), [(2, ["two", "three"]), (9, ["one", "two", "three"]), (0, [])])
def test_the_last_lines(log: Path, count: int, lines: list[str]) -> None:
    reader = Reader(log, count)
    assert reader.first == lines
    assert reader.position == Position(log.stat().st_ino, 14)
    assert reader.more() == []


def rotate(log: Path, dated: bool, day: int = 1) -> None:
    """Rotate as logrotate does, with delaycompress: FILE.1, FILE.2.gz, FILE.3.gz, or with dateext FILE-20260103, FILE-20260102.gz.

    day: of January, when the log was written last; several may not have the same.
    """
    written = datetime.datetime(2026, 1, day, tzinfo=datetime.UTC).timestamp()
    os.utime(log, (written, written))
    previous, following = Path(f"{log}.1"), Path(f"{log}.2.gz")
    if dated:
        previous, following = (Path(f"{log}-202601{day - 1:02}{suffix}") for suffix in ("", ".gz"))
    elif following.exists():
        following.rename(f"{log}.3.gz")
    if previous.exists():
        following.write_bytes(gzip.compress(previous.read_bytes()))
        shutil.copystat(previous, following)
        previous.unlink()
    log.rename(f"{log}-202601{day:02}" if dated else previous)


WHOLE = list("1234567")


def three_rotated(log: Path, dated: bool, first_day: int = 1) -> None:
    """Have a log of seven lines in three rotated files."""
    for day, text in enumerate(("1\n2\n3\n", "4\n", "5\n6\n7\n"), first_day):
        log.write_text(text)
        rotate(log, dated, day)


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20])
@pytest.mark.parametrize("new", ["", "8\n", "8\n9"])
def test_the_last_lines_reach_into_the_files_rotated_before(log: Path, count: int, new: str, dated: bool) -> None:
    three_rotated(log, dated)
    log.write_text(new)
    reader = Reader(log, count)
    whole = WHOLE + [each for each in "8" if each in new]
    assert reader.first == (whole[-count:] if count else [])
    assert reader.position == Position(log.stat().st_ino, len("8\n" if new else ""))


@pytest.mark.parametrize("dated", [False, True])
def test_a_log_that_is_rotated_in_another_way_than_it_was(log: Path, dated: bool) -> None:
    three_rotated(log, not dated, first_day=1)
    three_rotated(log, dated, first_day=11)
    assert Reader(log, 8).first == ["7", *WHOLE]


@pytest.mark.parametrize("suffix", [".1.bak", "-20260131.xz", "-8080.log", "-8080", ".old"])
def test_what_lies_beside_a_log_is_not_it(log: Path, suffix: str) -> None:
    Path(f"{log}{suffix}").write_text("something else\n")
    assert Reader(log).first == ["one", "two", "three"]
    log.unlink()
    assert Reader(log).first == []


@pytest.mark.parametrize("dated", [False, True])
def test_a_rotated_log_before_the_new_one_is_there(log: Path, dated: bool) -> None:
    rotate(log, dated)
    [rotated] = log.parent.iterdir()
    Path(f"{rotated}.gz").write_bytes(b"half of it")
    reader = Reader(log)
    assert reader.first == ["one", "two", "three"]
    append(rotated, "four\n")
    assert reader.more() == ["four"]
    log.write_text("new\n")
    assert reader.more() == ["new"]


@pytest.mark.parametrize("dated", [False, True])
def test_a_rotated_log_that_is_being_compressed(log: Path, dated: bool) -> None:
    half = gzip.compress(log.read_bytes())[:-4]
    rotate(log, dated)
    [rotated] = log.parent.iterdir()
    Path(f"{rotated}.gz").write_bytes(half)
    log.write_text("new\n")
    assert Reader(log).first == ["one", "two", "three", "new"]


def test_a_rotated_log_that_is_compressed_while_it_is_looked_for(log: Path, tmp_path: Path) -> None:
    rotate(log, dated=True)
    log.write_text("new\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ls").write_text(f'#!/bin/sh\n/bin/ls "$@"\ngzip {shlex.quote(f"{log}-20260101")}\n')
    (programs / "ls").chmod(0o755)
    told = ran(["env", f"PATH={programs}:{os.environ['PATH']}", *logs.tail(str(log), 100)])
    assert logs.read_tail(told)[0] == ["one", "two", "three", "new"]


def test_a_rotated_log_that_was_cut_within_a_line(log: Path) -> None:
    append(log, "cut of")
    rotate(log, dated=False)
    log.write_text("new\n")
    assert Reader(log).first == ["one", "two", "three", "cut of", "new"]


def test_a_file_under_two_names_is_read_once(log: Path) -> None:
    """As where it is rotated between two steps of a read."""
    Path(f"{log}.1").hardlink_to(log)
    Path(f"{log}.2").write_text("zero\n")
    assert Reader(log).first == ["zero", "one", "two", "three"]


def test_what_is_added_is_read_once(log: Path) -> None:
    reader = Reader(log)
    append(log, "four\nfive\n")
    assert reader.more() == ["four", "five"]
    assert reader.more() == []
    append(log, "\nsix\n")
    assert reader.more() == ["", "six"]


def test_a_line_being_written_is_shown_when_it_is_whole(log: Path) -> None:
    append(log, "fo")
    reader = Reader(log)
    assert reader.first == ["one", "two", "three"]
    append(log, "ur caf\xc3".encode("latin-1"))  # in the middle of a letter
    assert reader.more() == []
    append(log, b"\xa9\nfive")
    assert reader.more() == ["four café"]
    append(log, "!\n")
    assert reader.more() == ["five!"]


@pytest.mark.parametrize("suffix", [".1", "-20260131"])
def test_a_log_that_is_moved_away_is_read_to_its_end(log: Path, suffix: str) -> None:
    reader = Reader(log)
    append(log, "last of the old\n")
    log.rename(f"{log}{suffix}")
    log.write_text("first of the new\nwhich is longer than the old one was\n")
    assert reader.more() == ["last of the old"]
    assert reader.more() == ["first of the new", "which is longer than the old one was"]
    assert reader.more() == []


@pytest.mark.parametrize("suffix", [".1", "-20260131"])
def test_a_log_that_is_moved_away_and_not_there_yet(log: Path, suffix: str) -> None:
    reader = Reader(log)
    log.rename(f"{log}{suffix}")
    append(Path(f"{log}{suffix}"), "the old release still writes here\n")
    assert reader.more() == ["the old release still writes here"]
    assert reader.more() == []
    log.write_text("new\n")
    assert reader.more() == ["new"]


def test_a_log_that_is_emptied_is_read_from_its_beginning(log: Path) -> None:
    reader = Reader(log)
    log.write_text("anew\n")
    assert reader.more() == ["anew"]


def test_a_log_that_comes_later(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "later")
    assert (reader.first, reader.position) == ([], Position())
    assert reader.more() == []
    append(tmp_path / "later", "here\n")
    assert reader.more() == ["here"]


def test_more_than_a_piece_comes_in_pieces(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(log)
    monkeypatch.setattr(logs, "PIECE", 10)
    append(log, "1234567\nabcdefg\n" + "x" * 25 + "\n")
    assert [reader.more() for _ in range(5)] == [["1234567"], ["abcdefg"], ["x" * 10], ["x" * 10], ["x" * 5]]
    assert reader.more() == []


def test_bytes_that_are_no_text(log: Path) -> None:
    reader = Reader(log)
    append(log, b"GET /\xff\r\n\x1b[2J\n")
    assert [printable(line) for line in reader.more()] == ["GET /\\xff\\r", "\\x1b[2J"]


@pytest.mark.parametrize("text", ["", "\n", "12\n", "12 34\n*broken*", "stat: no such file", "1 2 3\n"])
def test_a_read_that_broke_off_loses_nothing(text: str) -> None:
    assert logs.read_more(text, Position(7, 3)) == ([], Position(7, 3))
    assert logs.read_tail(text) == ([], Position())


# --- the containers' output -------------------------------------------------------------------------------------------


def stamped(*lines: str) -> str:
    """Return the engine's words, as `output` prints them."""
    return base64.b64encode("".join(f"{line}\n" for line in lines).encode()).decode()


def test_output_of_each_container_once() -> None:
    text = (
        f"c1 web abc {stamped('2026-01-01T00:00:01.5Z one', '2026-01-01T00:00:02Z two  words')}\nc2 old - {stamped()}\n"
    )
    first, second = logs.read_output(text)
    assert (first.id, first.name, first.release, second.release) == ("c1", "web", "abc", "")
    assert second.lines == ()
    lines, last = logs.fresh(first, "")
    assert (lines, last) == (["one", "two  words"], "2026-01-01T00:00:02Z")
    assert logs.fresh(first, last) == ([], last)
    assert logs.fresh(first, "2026-01-01T00:00:01.500000001Z") == (["two  words"], last)
    assert logs.fresh(first, "2026-01-01T00:00:01.4Z")[0] == ["one", "two  words"]


def test_output_that_is_none() -> None:
    text = f"c1 web abc *broken*\nc1 web\n\nc2 web r {stamped('Error response from daemon: no such container')}\n"
    assert [each.lines for each in logs.read_output(text)] == [()]


def test_the_engine_is_asked_for_the_application_s_containers(guard: Guard) -> None:
    guard.answer("ps * label=quai.app=web *", "c1 web r2\nc2 web-previous r1\n")
    guard.answer("ps * name=^/web$ *", "c1 web r2\n")
    guard.answer(
        "logs --timestamps --since 7 --tail all c1", "2026-01-01T00:00:01Z out\n", "2026-01-01T00:00:02Z err\n"
    )
    guard.answer("logs * c2", "2026-01-01T00:00:00Z old\n")
    text = ran(["sh", "-c", logs.output("quai.app=web", "web", "7", None)])
    found = logs.read_output(text)
    assert [(each.name, each.release, [said for _at, said in each.lines]) for each in found] == [
        ("web", "r2", ["out", "err"]),
        ("web-previous", "r1", ["old"]),
    ]


# --- a span of time ---------------------------------------------------------------------------------------------------

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
LINES = [
    "[2026-01-02 01:00:00 +0000] [1] [INFO] Starting gunicorn",
    "[2026-01-02 02:30:00 +0000] [7] [ERROR] Exception in worker process",
    "Traceback (most recent call last):",
    '172.17.0.1 - - [02/Jan/2026:05:00:00 +0200] "GET / HTTP/1.0" 200 12 "-" "-"',
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("90s", NOW - datetime.timedelta(seconds=90)),
        ("1h", NOW - datetime.timedelta(hours=1)),
        ("2d", NOW - datetime.timedelta(days=2)),
        ("2026-01-01", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
        ("2026-01-01T01:00:00+01:00", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
    ],
)
def test_a_moment(text: str, expected: datetime.datetime | None) -> None:
    assert logs.span(text, "", NOW) == Span(expected)
    assert logs.span("", text, NOW) == Span(None, expected)


@pytest.mark.parametrize("text", ["yesterday", "1 h", "-1h", "h", "1w", "2026-13-01"])
def test_no_moment(text: str) -> None:
    with pytest.raises(Refused, match=rf"^'{text}' is no time.*Set logs_since to"):
        logs.span(text, "", NOW)
    with pytest.raises(Refused, match=rf"^'{text}' is no time.*Set logs_until to"):
        logs.span("1h", text, NOW)


@pytest.mark.parametrize(("since", "until"), [("1h", "2h"), ("2026-01-02", "2026-01-01"), ("30m", "2026-01-02")])
def test_an_end_before_the_beginning(since: str, until: str) -> None:
    with pytest.raises(Refused, match=rf"^logs_until \({until}\) lies before logs_since \({since}\)\."):
        logs.span(since, until, NOW)
    assert logs.span(until, since, NOW)
    assert logs.span(since, since, NOW)


HOURS = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), LINES),
        (Span(NOW - HOURS), LINES[1:]),
        (Span(NOW - HOURS / 6), LINES[3:]),
        (Span(NOW), []),
        (Span(None, NOW), LINES),
        (Span(None, NOW - HOURS / 6), LINES[:3]),  # the traceback belongs to its error
        (Span(None, NOW - HOURS), LINES[:1]),
        (Span(None, NOW - 9 * HOURS), []),
        (Span(NOW - HOURS, NOW - HOURS / 6), LINES[1:3]),
        (Span(NOW - 2 * HOURS, NOW - HOURS), []),
        (Span(None, datetime.datetime(2026, 1, 2, 1, tzinfo=datetime.UTC)), LINES[:1]),  # the moment itself is in it
    ],
)
def test_lines_of_a_span(span: Span, expected: list[str]) -> None:
    assert logs.within(LINES, span) == expected
    strange = ["no time", '[99/Xyz/2026:05:00:00 +0200] "']
    assert logs.within(strange, span) == strange


def test_a_request_that_took_long_is_not_after_the_end() -> None:
    """The access log has the time of the request, and is in the order of the answers."""
    late = [LINES[0], LINES[3], LINES[1]]
    assert logs.within(late, Span(None, NOW - HOURS / 6)) == late


# --- the action -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed."""
    told: list[str] = []
    monkeypatch.setattr(logs_action.display, "display", lambda text, *_args, **_more: told.append(text))
    return told


def asked(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Return the action's arguments for a log in the directory."""
    return {"name": "web", "files": ["/data/access.log", "-", "/elsewhere/x.log"], "directory": str(tmp_path)} | more


def test_logs_are_followed_until_the_time_is_over(act: Run, guard: Guard, tmp_path: Path, shown: list[str]) -> None:
    guard.answer("ps *", "c1 web r1\n")
    guard.answer("logs * --tail 2 c1", "2026-01-01T00:00:01Z printed\n")
    guard.answer("logs * --tail all c1", "2026-01-01T00:00:01Z printed\n2026-01-01T00:00:02Z later\n")
    log = tmp_path / "access.log"
    log.write_text("one\ntwo\nthree\x1b[2J\n")

    def write() -> None:
        time.sleep(1.2)
        append(log, "four\n")

    writer = threading.Thread(target=write)
    writer.start()
    result = act("logs", lines=2, follow=True, seconds=3, **asked(tmp_path))
    writer.join()
    assert shown[:3] == [
        "quay1 /data/access.log | two",
        "quay1 /data/access.log | three\\x1b[2J",
        "quay1 web r1 | printed",
    ]
    assert sorted(shown[3:]) == ["quay1 /data/access.log | four", "quay1 web r1 | later"]
    assert result["shown"] == {"/data/access.log": 3, "web r1": 2}
    assert not result["changed"]
    assert guard.changes() == []


def test_where_only_containers_see_the_data_one_is_asked(act: Run, guard: Guard, shown: list[str]) -> None:
    guard.answer("container inspect *State.Running* web", "true\n")
    guard.answer("exec web sh -c *", "12 4\n" + base64.b64encode(b"one\n").decode())
    guard.answer("ps *")
    act("logs", **asked(Path("x"), directory=""))
    assert shown == ["quay1 /data/access.log | one"]


def test_a_stopped_container_s_data_is_seen_by_one_beside_it(act: Run, guard: Guard, shown: list[str]) -> None:
    guard.answer("container inspect *State.Running* web", "false\n")
    guard.answer("container inspect *Image* web", "sha256:1\n")
    guard.answer("run --rm --network none --volumes-from web:ro --entrypoint sh sha256:1 -c *", "12 4\nb25lCg==\n")
    guard.answer("ps *")
    act("logs", **asked(Path("x"), directory=""))
    assert shown == ["quay1 /data/access.log | one"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lines": -1}, "logs_lines"),
        ({"seconds": -1}, "logs_seconds"),
        ({"since": "soon"}, "'soon' is no time"),
        ({"up_to": "soon"}, "'soon' is no time"),
        ({"since": "1h", "up_to": "2h"}, "logs_until (2h) lies before logs_since (1h)"),
        ({"up_to": "1h", "follow": True}, "logs_follow and logs_until"),
    ],
)
def test_what_cannot_be_meant(act: Run, guard: Guard, tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    result = act("logs", **asked(tmp_path, **change))
    assert result["failed"]
    assert expected in result["msg"]
    assert guard.calls == []


def test_more_hosts_than_can_be_followed_at_once(act: Run, tmp_path: Path) -> None:
    variables = {"ansible_play_hosts": ["a", "b", "c"], "ansible_forks": 2}
    result = act("logs", variables=variables, follow=True, **asked(tmp_path))
    assert "3 hosts were to be followed, and only 2" in result["msg"]


def stamped_log(first: int, count: int) -> str:
    """Return a line of gunicorn's a second, from that second of a day on."""
    start = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    moments = (start + datetime.timedelta(seconds=first + each) for each in range(count))
    return "".join(f"[{each:%Y-%m-%d %H:%M:%S +0000}] [1] [INFO] {each:%s}\n" for each in moments)


@pytest.mark.parametrize(
    ("span", "lines", "expected"),
    [
        ({"since": "00:40:00"}, None, (2400, 3000)),  # in the file, beyond the last 100 lines
        ({"since": "00:20:00"}, None, (1200, 3000)),  # in the one before it
        ({"since": "00:05:00"}, None, (300, 3000)),  # in the one before that, which is compressed
        ({"since": "00:00:00"}, None, (0, 3000)),
        ({"since": "00:20:00"}, 7, (2993, 3000)),
        ({"since": "00:20:00", "up_to": "00:21:00"}, None, (1200, 1261)),
        ({"since": "00:20:00", "up_to": "00:21:00"}, 7, (1254, 1261)),
        ({"up_to": "00:21:00"}, None, (1161, 1261)),
        ({"up_to": "00:21:00"}, 900, (361, 1261)),
        ({}, None, (2900, 3000)),
        ({}, 300, (2700, 3000)),
        ({}, 2500, (500, 3000)),
        ({}, 9999, (0, 3000)),
    ],
)
@pytest.mark.parametrize("rotated_at", [1800, 2995, 3000])
def test_all_of_a_span_is_shown(
    act: Run,
    guard: Guard,
    tmp_path: Path,
    shown: list[str],
    span: dict[str, str],
    lines: int | None,
    expected: tuple[int, int],
    rotated_at: int,
) -> None:
    guard.answer("version *", "28.5.2\n")
    guard.answer("ps *")
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(stamped_log(0, 900).encode()))
    (tmp_path / "access.log.1").write_text(stamped_log(900, rotated_at - 900))
    (tmp_path / "access.log").write_text(stamped_log(rotated_at, 3000 - rotated_at))
    more = {} if lines is None else {"lines": lines}
    act("logs", **more, **{key: f"2026-01-02T{time}" for key, time in span.items()}, **asked(tmp_path))
    told = [line.partition(" | ")[2] for line in shown]
    assert told == stamped_log(0, 3000).splitlines()[slice(*expected)]


@pytest.mark.parametrize(
    ("more", "lines"), [({}, ["2", "3"]), ({"lines": 1}, ["3"]), ({"since": "2026-01-01T00:00:03"}, ["3"])]
)
def test_the_output_ends_at_the_moment_too(
    act: Run, guard: Guard, tmp_path: Path, shown: list[str], more: dict[str, Any], lines: list[str]
) -> None:
    output = "".join(f"2026-01-01T00:00:0{second}.5Z {second}\n" for second in range(2, 9))
    guard.answer("version *", "28.5.2\n")
    guard.answer("ps *", "c1 web r1\n")
    guard.answer("logs --timestamps --since * --tail all c1", "2026-01-01T00:00:03.5Z 3\n2026-01-01T00:00:04.5Z 4\n")
    guard.answer("logs --timestamps --tail all c1", output)
    act("logs", up_to="2026-01-01T00:00:04", **more, **asked(tmp_path))
    assert shown == [f"quay1 web r1 | {each}" for each in lines]


@pytest.mark.usefixtures("shown")
def test_of_a_log_without_times_the_last_lines_are_shown(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("version *", "28.5.2\n")
    guard.answer("ps *")
    (tmp_path / "access.log.1").write_text("older\n")
    (tmp_path / "access.log").write_text("x\n" * 500)
    assert act("logs", since="1h", **asked(tmp_path))["shown"] == {"/data/access.log": 100}


def test_output_that_cannot_be_had_is_said_to_be_missing(
    act: Run, guard: Guard, tmp_path: Path, shown: list[str]
) -> None:
    guard.answer("*", "", "Cannot connect to the Docker daemon\n", 1)
    (tmp_path / "access.log").write_text("one\n")
    act("logs", **asked(tmp_path))
    assert shown == [
        "quay1 /data/access.log | one",
        "quay1 web | (the containers' output cannot be had: Cannot connect to the Docker daemon)",
    ]
