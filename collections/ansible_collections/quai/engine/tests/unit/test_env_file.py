"""The environment of a container: what `docker create` reads, and what has to stay among its words."""

from __future__ import annotations

import pytest

from ansible_collections.quai.engine.plugins.module_utils.env_file import env_file

READ = ["--env-file", "/dev/stdin"]


@pytest.mark.parametrize(
    ("env", "words", "stdin"),
    [
        ({}, [], ""),
        ({"A": "1", "B": " x = 'y' # z "}, READ, "A=1\nB= x = 'y' # z \n"),
        ({"A": ""}, READ, "A=\n"),
        ({"A": "1", "KEY": "a\nb"}, [*READ, "--env", "KEY=a\nb"], "A=1\n"),
        ({"KEY": "a\r"}, ["--env", "KEY=a\r"], ""),
        ({"#A": "1", "B C": "2"}, ["--env", "#A=1", "--env", "B C=2"], ""),
    ],
)
def test_env_file(env: dict[str, str], words: list[str], stdin: str) -> None:
    assert env_file(env) == (words, stdin)
