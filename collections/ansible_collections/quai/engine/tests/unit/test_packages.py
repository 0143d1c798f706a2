"""Packages by apt-get: what is asked of it, what is said when it fails, and the policy that keeps services from starting."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils import packages
from ansible_collections.quai.engine.tests.unit.harness import Guard

COMMON = "apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"


def run(words: tuple[str, ...], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the command with a policy file of the test's own."""
    policy = str(tmp_path / "policy-rc.d")
    here = [word.replace("/usr/sbin/policy-rc.d", policy).replace("sleep 5", "sleep 0") for word in words]
    return subprocess.run(here, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(autouse=True)
def dpkg(guard: Guard) -> None:
    """A dpkg that has docker.io, what is left of runc, and has never heard of any other."""
    for name, status in (("docker.io", "ii "), ("runc", "rc "), ("containerd", "un ")):
        guard.answer(f"* {name}", status, program="dpkg-query")
    guard.answer("*", "", "dpkg-query: no packages found", 1, program="dpkg-query")


def calls(guard: Guard) -> list[str]:
    """Return what apt-get was asked."""
    return [call for call in guard.calls if call.startswith("apt-get ")]


def test_what_is_asked(guard: Guard, tmp_path: Path) -> None:
    guard.answer("*", program="apt-get")
    assert run(packages.install(["docker.io", "x; rm -rf /"], update=True), tmp_path).returncode == 0
    assert run(packages.remove(["docker.io"]), tmp_path).returncode == 0
    assert calls(guard) == [
        f"{COMMON} update",
        f"{COMMON} --no-install-recommends install docker.io x; rm -rf /",
        f"{COMMON} remove docker.io",
    ]


def test_only_what_is_there_is_removed(guard: Guard, tmp_path: Path) -> None:
    """apt would refuse all of them for one that it does not know."""
    guard.answer("*", program="apt-get")
    assert run(packages.remove(["nosuch", "docker.io", "runc", "containerd", "x; rm -rf /"]), tmp_path).returncode == 0
    assert run(packages.remove(["nosuch"]), tmp_path).returncode == 0
    assert calls(guard) == [f"{COMMON} remove docker.io"]


def test_a_failure_says_what_apt_said(guard: Guard, tmp_path: Path) -> None:
    guard.answer("*", "Reading...\n", "E: Unable to locate package nosuch\n", 100, program="apt-get")
    done = run(packages.install(["nosuch"]), tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Reading...\nE: Unable to locate package nosuch\n"
    assert len(calls(guard)) == 1


def test_without_lists_nothing_is_installed(guard: Guard, tmp_path: Path) -> None:
    guard.answer("* update", stderr="E: no route\n", rc=100, program="apt-get")
    assert run(packages.install(["docker.io"], update=True), tmp_path).returncode == 1
    assert calls(guard) == [f"{COMMON} update"]


@pytest.mark.parametrize(
    "said", ["E: Could not get lock /var/lib/dpkg/lock", "E: Unable to acquire the dpkg frontend lock"]
)
def test_a_lock_is_waited_for(guard: Guard, tmp_path: Path, said: str) -> None:
    guard.answer("*", stderr=said, rc=100, program="apt-get")
    done = run(packages.remove(["docker.io"]), tmp_path)
    assert (done.returncode, said in done.stderr, len(calls(guard))) == (1, True, 61)


@pytest.mark.parametrize("rc", [0, 100])
@pytest.mark.parametrize(
    ("before", "kept", "after"),
    [
        (None, None, None),
        ("theirs", None, "theirs"),
        ("#!/bin/sh\n# Quai installs\n", None, None),  # left over from a run that was killed
        ("#!/bin/sh\n# Quai installs\n", "theirs", "theirs"),
    ],
)
def test_the_policy_of_the_host_is_put_back(
    guard: Guard, tmp_path: Path, before: str | None, kept: str | None, after: str | None, rc: int
) -> None:
    """Meanwhile services are denied."""
    policy, aside = tmp_path / "policy-rc.d", tmp_path / "policy-rc.d.quai"
    for path, text in ((policy, before), (aside, kept)):
        if text is not None:
            path.write_text(text, encoding="utf-8")
    guard.answer("*", program="apt-get")
    program = guard.bin / "apt-get"
    program.write_text(f"#!/bin/sh\n{policy}; echo $? >{tmp_path}/denied; exit {rc}\n", encoding="utf-8")
    run(packages.remove(["docker.io"]), tmp_path)
    assert (tmp_path / "denied").read_text(encoding="utf-8") == "101\n"
    assert (policy.read_text(encoding="utf-8") if policy.exists() else None) == after
    assert not aside.exists()
