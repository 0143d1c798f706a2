"""Which Python a host must have for Ansible's modules to run there. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible.release import __version__ as core

LEAST = {(2, 19): (3, 8), (2, 20): (3, 9), (2, 21): (3, 9)}
"""ansible-core's version to the oldest Python on which its modules run."""

PROBE = 'import sys; sys.stdout.write("%d.%d.%d %s\\n" % (sys.version_info[:3] + (sys.executable,)))'
"""Prints a Python's version and path; understood by every Python from 2.6 on."""


def least_python(version: str = core) -> tuple[int, ...]:
    """Return the oldest Python that this version of ansible-core accepts on a host; of a newer core, what the last known one does."""
    major, minor = version.split(".")[:2]
    return max((row for row in LEAST.items() if row[0] <= (int(major), int(minor))), default=min(LEAST.items()))[1]


def modules_run(python: Sequence[int]) -> bool:
    """Return whether Ansible's modules run on a host whose Python is of this version (empty: it has none)."""
    return tuple(python) >= least_python()
