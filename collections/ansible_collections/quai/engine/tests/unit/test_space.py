"""Room for the data, judged on real directories and file systems."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils.script import Answer
from ansible_collections.quai.engine.plugins.plugin_utils.space import (
    foreign_problem,
    free_space,
    space_problem,
    taken_apart,
    what_is_there,
)

HERE_MIB = 1


def ask(directory: str, cwd: Path | None = None) -> Answer:
    """Return what the host says of the directory."""
    done = subprocess.run(
        ["timeout", "5", "/bin/sh", "-c", free_space(directory)], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode != 124, "it never ends"
    return Answer(done.returncode, done.stdout, done.stderr)


def problems(directory: str | Path, free_mib: int = HERE_MIB) -> list[str]:
    """Return what is wrong with the directory on this machine."""
    return space_problem(ask(str(directory)), str(directory), free_mib)


def test_a_directory_that_is_there(tmp_path: Path) -> None:
    free, is_directory, writable, mounted = ask(str(tmp_path)).stdout.split()
    assert abs(int(free) - shutil.disk_usage(tmp_path).free // 1024) < 1 << 20
    assert (is_directory, writable) == ("yes", "yes")
    assert os.path.ismount(mounted)
    assert problems(tmp_path) == []


def test_a_directory_to_come_is_judged_by_where_it_will_be(tmp_path: Path) -> None:
    assert problems(tmp_path / "a" / "b c" / "it's $(d)") == []
    assert ask(str(tmp_path / "a" / "b")).stdout.split()[1:] == ask(str(tmp_path)).stdout.split()[1:]
    assert not (tmp_path / "a").exists()
    assert ask("/quai-no-such-directory/data").stdout.split()[1] == "yes"


@pytest.mark.parametrize("below", ["", "/data", "/deep/down"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("somebody's", encoding="utf-8")
    (sentence,) = problems(f"{tmp_path}/file{below}")
    assert "is, or lies below, something that is no directory" in sentence
    assert "choose another directory (myapp_data_directory)" in sentence


@pytest.mark.parametrize("directory", ["data", "var/lib/data", "./data", "../data", "", "-", "--help", "~/data"])
def test_a_relative_path_is_refused_without_hanging(tmp_path: Path, directory: str) -> None:
    (sentence,) = space_problem(ask(directory, cwd=tmp_path), directory, HERE_MIB)
    assert sentence == f"The data directory {directory!r} is no absolute path. Set it to one like /var/lib/myapp/data."


def test_more_than_there_is(tmp_path: Path) -> None:
    total = shutil.disk_usage(tmp_path).total >> 20
    (sentence,) = problems(tmp_path, total + 1)
    assert f"{total + 1} are asked for" in sentence
    assert "loses its log silently" in sentence
    assert "lower app_data_free_mib" in sentence


def test_no_answer_is_a_problem() -> None:
    (sentence,) = space_problem(Answer(127, "", "sh: df: not found"), "/data", 1)
    assert sentence == "The free space of /data cannot be read (sh: df: not found). Check the path."
    assert "no answer of df" in space_problem(Answer(0, "", ""), "/data", 1)[0]


def test_free_space_is_counted_in_mib() -> None:
    said = Answer(0, f"{100 * 1024} yes yes /mnt\n", "")
    assert space_problem(said, "/mnt/data", 100) == []
    (sentence,) = space_problem(said, "/mnt/data", 101)
    assert "/mnt/data has 100 MiB free on /mnt, 101 are asked for" in sentence


# --- file systems of their own ----------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB in memory."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "quai-test", place], check=False).returncode:
        pytest.skip("mounting takes root")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_small_disk_and_a_full_one(small: Path) -> None:
    assert problems(small / "data", 1) == []
    (sentence,) = problems(small / "data", 3)
    assert f"has 2 MiB free on {small}, 3 are asked for" in sentence
    (small / "filler").write_bytes(b"x" * (3 << 19))
    (sentence,) = problems(small / "data", 1)
    assert f"has 0 MiB free on {small}, 1 are asked for" in sentence


def test_a_disk_that_is_read_only_even_for_root(small: Path) -> None:
    (small / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    for directory in (small, small / "data", small / "to come"):
        (sentence,) = problems(directory)
        assert f"cannot be written (file system {small}). Remount it read-write" in sentence


# --- what is there already --------------------------------------------------------------------------------------------

ME = f"{os.geteuid()}:{os.getegid()}"


def foreign(directory: Path, owner: str, *, ours: bool = False) -> list[str]:
    """Return what is wrong with a directory that is to be the owner's."""
    done = subprocess.run(["/bin/sh", "-c", what_is_there(str(directory))], capture_output=True, text=True, check=False)
    answers = {"directory": Answer(done.returncode, done.stdout, done.stderr), "ours": Answer(0 if ours else 1, "", "")}
    return foreign_problem(answers, str(directory), owner)


def test_what_somebody_keeps_there_is_shown(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"file {number}").touch()
    (problem,) = foreign(tmp_path, "1234:1234")
    assert f"{tmp_path} belongs to {ME} and holds file 0, file 1, file 2, file 3, file 4 and more" in problem
    assert f"chown -R 1234:1234 {tmp_path}" in problem
    assert foreign(tmp_path, ME) == []
    assert foreign(tmp_path, "1234:1234", ours=True) == []


def test_a_directory_in_which_nothing_is_may_be_anybodys(tmp_path: Path) -> None:
    assert foreign(tmp_path, "1234:1234") == []
    assert foreign(tmp_path / "to come", "1234:1234") == []
    (tmp_path / "lost+found").mkdir()  # a file system that was just made
    assert foreign(tmp_path, "1234:1234") == []


def test_names_of_files_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb").touch()
    assert "\x1b" not in foreign(tmp_path, "1234:1234")[0]


def test_a_directory_taken_apart(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    (tmp_path / "one").touch()
    done = subprocess.run(["/bin/sh", "-c", what_is_there(str(tmp_path))], capture_output=True, text=True, check=True)
    assert taken_apart(Answer(0, done.stdout, "")) == (ME, "750", "directory", 1)
    assert taken_apart(Answer(0, "", "")) == ("", "", "directory", 0)
