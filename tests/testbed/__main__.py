"""The command line: `python3 -m tests.testbed up|down|status|env|molecule|record`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from . import apt, daemon, images, network, settings as s
from .shell import Failure, docker, say


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One at a time: a second `up` waits for the first and then finds everything there."""
    s.RUN.mkdir(parents=True, exist_ok=True)
    s.CACHE.mkdir(parents=True, exist_ok=True)
    with (s.RUN / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is preparing the test bed, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(suites: tuple[str, ...]) -> None:
    """Packages, network, daemons, images."""
    with _locked():
        apt.ensure_packages()
        daemon.up()
        images.up(suites)


def exports() -> dict[str, str]:
    """What the tests are told."""
    return {"DOCKER_HOST": s.DOCKER_HOST, "QUAI_TEST_REGISTRY_MIRROR": s.REGISTRY_URL}


def _status() -> int:
    running = {process.name: process.pid() for process in (daemon.CONTAINERD, daemon.DOCKERD, daemon.REGISTRY)}
    print(f"network namespace {s.NETNS}: {'up' if network.is_up() else 'down'}")
    for name, pid in running.items():
        print(f"{name}: {f'running, pid {pid}' if pid else 'down'}")
    print(f"cache: {s.CACHE}")
    if not (running["dockerd"] and daemon.answers()):
        return 3
    print(f"registry mirror {s.REGISTRY_URL}: {'answers' if daemon.registry_answers() else 'does not answer'}")
    print(docker("images").stdout, docker("ps", "-a").stdout, sep="\n", end="")
    return 0


def molecule(arguments: list[str]) -> int:
    """Molecule of the project's .venv on the test bed, which is brought up first where the command needs it."""
    python = s.PROJECT / ".venv/bin/python"
    if not python.exists():
        raise Failure("no .venv here: run ./script/bootstrap first")
    words = set(arguments)
    if words & _NEEDS_BED and not words & {"--help", "-h"}:
        _need_root()
        up(s.wanted_suites())
        for scenario in _scenarios(arguments):
            _lock_scenario(scenario)
    os.environ.update(exports())
    # Boxes 80 columns wide around the output of Ansible make its messages unreadable.
    os.environ.setdefault("MOLECULE_COMMAND_BORDERS", "false")
    # Molecule dies with a traceback when ansible-playbook is not on PATH.
    os.environ["PATH"] = f"{python.parent}:{os.environ['PATH']}"
    # -P: the directory molecule/ of the project is not the package.
    os.execv(python, [str(python), "-P", "-m", "molecule", *arguments])


_NEEDS_BED = {
    "check", "cleanup", "converge", "create", "destroy", "idempotence", "login", "prepare", "side-effect", "test", "verify",
}  # fmt: skip


def _scenarios(arguments: list[str]) -> list[str]:
    """The scenarios a molecule command is about."""
    if "--all" in arguments:
        return sorted(path.parent.name for path in (s.PROJECT / "molecule").glob("*/molecule.yml"))
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-s", "--scenario-name", action="append", default=[])
    return sorted(set(parser.parse_known_args(arguments)[0].scenario_name)) or ["default"]


def _lock_scenario(name: str) -> None:
    """Wait for another run of the scenario: its hosts have the same names. The lock lasts as long as this process."""
    lock = os.open(s.RUN / f"molecule-{name.replace('/', '_')}.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another molecule is at work on the scenario {name}, waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)  # through exec


def molecule_command(arguments: list[str]) -> int:
    """The same with failures shown without a traceback."""
    try:
        return molecule(arguments)
    except Failure as failure:
        sys.exit(f"testbed: {failure}")


def _need_root() -> None:
    if os.geteuid() != 0:
        raise Failure("the test bed makes network namespaces and runs a Docker daemon: run this as root (sudo)")


def main() -> int:
    """Parse and dispatch."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.testbed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="prepare everything (a few seconds when nothing is missing)")
    commands.add_parser("down", help="stop everything and remove its containers; images stay cached")
    commands.add_parser("status", help="what runs")
    commands.add_parser("env", help="shell exports of the running bed")
    commands.add_parser("molecule", help="molecule on the bed, with its own arguments", add_help=False)
    record = commands.add_parser("record", help="record documents of real engines as test fixtures")
    record.add_argument("directory", nargs="?", type=Path, default=s.FIXTURES)
    record.add_argument("--suite", action="append", choices=s.RECORD_SUITES)
    if sys.argv[1:2] == ["molecule"]:  # its options are not ours
        return molecule(sys.argv[2:])
    options = parser.parse_args()
    if options.command == "env":
        for name, value in exports().items():
            print(f"export {name}={value}")
        return 0
    _need_root()
    match options.command:
        case "up":
            up(s.wanted_suites())
            say(f"ready: DOCKER_HOST={s.DOCKER_HOST}, registry mirror {s.REGISTRY_URL}")
        case "down":
            with _locked():
                daemon.down()
            say("down")
        case "status":
            return _status()
        case "record":
            from . import record as recorder

            for suite in options.suite or s.RECORD_SUITES:
                up((suite,))
                recorder.record(suite, options.directory)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"testbed: {failure}")
