"""The environment of a container: what `docker create` reads, and what has to stay among its words."""

from __future__ import annotations

import pytest

from ansible_collections.quai.engine.plugins.module_utils.env_file import env_file
from ansible_collections.quai.engine.plugins.module_utils.plan import Given

READ = ["--env-file", "/dev/stdin"]


@pytest.mark.parametrize(
    ("env", "words", "stdin", "environ"),
    [
        ({}, [], "", {}),
        ({"A": "1", "B": " x = 'y' # z "}, READ, "A=1\nB= x = 'y' # z \n", {}),
        ({"A": ""}, READ, "A=\n", {}),
        # Never among the words, which anyone can list: the key of a certificate, a long document.
        ({"A": "1", "KEY": "a\nb"}, [*READ, "--env", "KEY"], "A=1\n", {"KEY": "a\nb"}),
        ({"KEY": "a\r"}, ["--env", "KEY"], "", {"KEY": "a\r"}),
        ({"LONG": "x" * 65_536}, ["--env", "LONG"], "", {"LONG": "x" * 65_536}),
        # What no shell can set, or means something to docker itself.
        ({"#A": "1", "B C": "2"}, ["--env", "#A=1", "--env", "B C=2"], "", {}),
        ({"PATH": "a\nb", "DOCKER_HOST": "\n"}, ["--env", "PATH=a\nb", "--env", "DOCKER_HOST=\n"], "", {}),
    ],
)
def test_env_file(env: dict[str, str], words: list[str], stdin: str, environ: dict[str, str]) -> None:
    assert env_file(env) == (words, Given(stdin, environ))
