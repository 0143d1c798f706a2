"""Which Python a host must have: the table, and what ansible-core itself says."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible.module_utils import basic

from ansible_collections.quai.engine.plugins.module_utils.python import PROBE, least_python, modules_run


def test_the_table_says_what_the_running_core_demands() -> None:
    """What a module of this very ansible-core ends with on anything older."""
    assert least_python() == basic._PY_MIN


@pytest.mark.parametrize(
    ("core", "least"),
    [("2.19.14", (3, 8)), ("2.20.0rc1", (3, 9)), ("2.21.5", (3, 9)), ("2.30.0", (3, 9)), ("2.18.1", (3, 8))],
)
def test_the_least_python(core: str, least: tuple[int, int]) -> None:
    """By the version of the core."""
    assert least_python(core) == least


@pytest.mark.parametrize(
    ("python", "fit"), [((), False), ((2, 7, 9), False), ((3, 7, 3), False), ((3, 10, 0), True), ((3, 13, 5), True)]
)
def test_modules_run(python: tuple[int, ...], fit: bool) -> None:
    """No Python is as bad as one too old."""
    assert modules_run(python) is fit


def test_the_probe() -> None:
    """It tells version and path, and nothing in it is newer than Python 2.6."""
    done = subprocess.run([sys.executable, "-S", "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout == f"{'.'.join(map(str, sys.version_info[:3]))} {sys.executable}\n"
