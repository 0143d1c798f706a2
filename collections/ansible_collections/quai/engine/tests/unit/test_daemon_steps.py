"""The plan of a Docker daemon as steps: their order, what takes them back, and the shell of the files really run."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.action import daemon as action_module
from ansible_collections.quai.engine.plugins.module_utils import daemon_steps, plan_daemon as planning
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, Step
from ansible_collections.quai.engine.plugins.module_utils.plan_daemon import CONFIG, RECORD, Changes, Facts
from ansible_collections.quai.engine.tests.unit import test_plan_daemon as given
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

USER = dataclasses.replace(given.WANTED, users=["deploy"])
NO_PYTHON = given.NO_PYTHON
SERVED = given.host(given.SERVED, python=())


def titles(steps: Sequence[Step]) -> list[str]:
    """Return what the steps do."""
    return [step.title for step in steps]


def shell(step: Step, undo: bool = False) -> str:
    """Return a step's words, or those that take it back, as one text."""
    return " ".join(step.undo if undo else step.words)


def test_a_bare_host() -> None:
    """Packages and members first; then, planned anew, what the daemon runs with."""
    changes = given.plan(NO_PYTHON, USER)
    steps = daemon_steps.installation(NO_PYTHON, changes)
    assert titles(steps) == [
        "record what is about to change",
        "install docker.io, docker-cli, containerd, ca-certificates",
        "add deploy to the group docker",
    ]
    assert all(step.undo for step in steps)
    assert steps[0].undo == ("rm", "-f", RECORD)
    assert json.loads(steps[0].words[-1])["daemon_json_keys"] == []  # not ours before they are written
    assert steps[1].words[4] == "update"
    installed = given.host(NO_PYTHON, packages=frozenset(changes.packages), dockerd="/usr/sbin/dockerd", enabled=True)
    then = given.plan(given.host(installed, record=dataclasses.replace(changes.record, keys=(), pending=True)), USER)
    steps = daemon_steps.configuration(installed, then, 60)
    assert titles(steps) == [
        "record what is about to change",
        f"write {CONFIG}",
        "start the daemon (systemd)",
        "wait until the daemon answers",
    ]
    assert steps[1].undo == ("rm", "-f", CONFIG)  # nothing ran before: nothing is started again
    assert json.loads(steps[0].undo[-1])["packages"] == list(changes.packages)  # they stay, and on record


def test_a_restart_goes_back_to_the_daemon_that_worked() -> None:
    """The former file, and then the restart with it."""
    changes = given.plan(SERVED, icc=False)
    steps = daemon_steps.configuration(SERVED, changes, 60)
    undo = shell(steps[1], undo=True)
    assert SERVED.config_text in undo.replace("'\"'\"'", "'")
    assert undo.rstrip("}\n ").endswith("systemctl daemon-reload && systemctl restart docker.service")
    assert "reset-failed" in undo


def test_live_restore_comes_first() -> None:
    """Before a daemon that would take its containers along is started again."""
    facts = given.host(given.FOREIGN, python=())
    found = titles(daemon_steps.configuration(facts, given.plan(facts), 60))
    assert found[2:5] == [
        "have the daemon read its configuration again",
        "wait until live-restore is in force",
        "restart the daemon (systemd)",
    ]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("systemd", "systemctl daemon-reload && systemctl start docker.service"),
        ("sysvinit", "/etc/init.d/docker start"),
        ("direct", f"--exec /usr/sbin/dockerd -- -p {planning.PIDFILE} >>{planning.LOGFILE} 2>&1"),
    ],
)
def test_what_starts_the_daemon(mode: str, words: str) -> None:
    """And has it started at boot, where that is possible."""
    facts = given.host(SERVED, answers=False, enabled=False)
    steps = daemon_steps.configuration(facts, given.plan(facts, dataclasses.replace(given.WANTED, service=mode)), 60)
    start = next(step for step in steps if step.title == f"start the daemon ({mode})")
    assert shell(start).endswith(words)
    assert (f"have {mode} start the daemon at boot" in titles(steps)) is (mode != "direct")


def test_an_old_daemon_is_started_directly() -> None:
    """By its own program, with its flags."""
    wanted = dataclasses.replace(given.OLD, service="direct")
    facts = given.host(given.OLD_SERVED, answers=False, drop_in="")
    steps = daemon_steps.configuration(facts, given.plan(facts, wanted), 60)
    start = next(shell(step) for step in steps if step.title == "start the daemon (direct)")
    assert f"--exec /usr/bin/docker -- -d -p {planning.PIDFILE} --storage-driver=aufs >>" in start


def test_an_old_daemon_started_directly_goes_back_by_its_arguments() -> None:
    """No file has them."""
    wanted = dataclasses.replace(given.OLD, service="direct", options={"icc": False})
    former = dataclasses.replace(given.OLD_SERVED.record, arguments=("-d", "-p", planning.PIDFILE))
    facts = given.host(given.OLD_SERVED, drop_in="", record=former)
    restart = daemon_steps.configuration(facts, given.plan(facts, wanted), 60)[1]
    assert "--icc=false" in shell(restart)
    assert shell(restart, undo=True) == shell(restart).replace(" --icc=false --storage-driver=aufs", "")


def test_the_archive_comes_with_its_files() -> None:
    """Before the packages, and from nowhere but the directory that was proven."""
    changes = given.plan(given.OLD_BARE, given.OLD)
    steps = daemon_steps.installation(given.OLD_BARE, changes, "/var/tmp/aside")
    assert titles(steps)[1:] == [*(f"write {path}" for path in changes.record.files), "install docker.io"]
    assert [step.undo for step in steps[1:4]] == [("rm", "-f", path) for path in changes.record.files]
    install = shell(steps[-1])
    assert "Dir::State::Lists=/var/tmp/aside/lists" in install
    assert install.endswith("--no-download install docker.io=1.6.2~dfsg1-1~bpo8+1")


def test_packages_that_were_sent() -> None:
    """From the directory that they were sent to, and without reading the lists of a network first."""
    wanted = dataclasses.replace(given.WANTED, packages_directory="/cache/packages")
    changes = given.plan(given.BARE, wanted)
    assert changes.by_steps  # whatever Python the host has: its modules know no such directory
    assert "python3-requests" not in changes.packages
    assert changes.titles[0] == "install docker.io, docker-cli, containerd, ca-certificates from files"
    install = daemon_steps.installation(given.BARE, changes, "/var/tmp/aside")[1]
    assert install.words[4] == ""
    assert "Dir::Etc::SourceList=/var/tmp/aside/sources.list" in install.words
    assert "--no-download" in install.words


def test_removal() -> None:
    """Once the packages are gone, a failure takes nothing back: there is nothing to go back to."""
    facts = given.host(
        SERVED,
        record=dataclasses.replace(given.OURS, users=("deploy",)),
        members=frozenset({"deploy"}),
        containers=("1f web",),
        purge_target="/var/lib/docker",
    )
    wanted = dataclasses.replace(given.ABSENT, stop_containers=True, purge_data="/var/lib/docker")
    steps = daemon_steps.removal(facts, given.plan(facts, wanted))
    assert titles(steps) == [
        "stop 1 containers",
        "stop the daemon (systemd)",
        "remove docker.io, docker-cli, containerd",
        f"remove {CONFIG}",
        "take deploy out of the group docker",
        "make sure that nothing is mounted in Docker's data",
        "delete /var/lib/docker",
        "forget the record",
    ]
    assert [step.proven for step in steps] == [False] * 3 + [True] * 5
    assert all(step.undo for step in steps[:2])


def test_removal_from_an_engine_that_was_here() -> None:
    """Its configuration as it was, with a way back."""
    facts = given.host(given.FOREIGN, python=(), config_text=json.dumps({**given.SAFE, "icc": True}))
    ours = given.host(given.after(facts, given.plan(facts, icc=False)), python=())
    steps = daemon_steps.removal(ours, given.plan(ours, given.ABSENT))
    assert titles(steps) == [f"write {CONFIG}", "restart the daemon (systemd)", "forget the record"]
    assert not any(step.proven for step in steps)
    assert "systemctl restart" in shell(steps[0], undo=True)


def test_a_file_is_written_whole_and_removed(tmp_path: Path) -> None:
    """With its directory and its mode, whatever the text is; nothing else is left beside it."""
    path = tmp_path / "new" / "file"
    text = "%s $(id) `id` 'quoted' \\n\n\nend\n"
    subprocess.run(daemon_steps.put(str(path), text), check=True)
    assert path.read_text(encoding="utf-8") == text
    assert path.stat().st_mode & 0o777 == 0o644
    subprocess.run(daemon_steps.put(str(path), "other"), check=True)
    assert path.read_text(encoding="utf-8") == "other"
    assert [each.name for each in path.parent.iterdir()] == ["file"]
    subprocess.run(daemon_steps.put(str(path), ""), check=True)
    assert list(path.parent.iterdir()) == []


# --- the action -------------------------------------------------------------------------------------------------------


def run(
    act: Run, monkeypatch: pytest.MonkeyPatch, plans: Sequence[tuple[Facts, Changes] | Refused]
) -> dict[str, object]:
    """Run the action on a host that is read as these, one after the other, with steps that do nothing."""
    reads = iter(plans)

    def plan(_self: object, _wanted: object, **_confirm: bool) -> tuple[Facts, Changes]:
        found = next(reads)
        if isinstance(found, Refused):
            raise found
        return found

    monkeypatch.setattr(action_module.ActionModule, "_plan", plan)
    monkeypatch.setattr(action_module.ActionModule, "_validate", lambda _self, _config: None)
    monkeypatch.setattr(daemon_steps, "put", lambda _path, _text: ("true",))
    monkeypatch.setattr(daemon_steps.packages, "install", lambda _packages, **_more: ("true",))
    monkeypatch.setattr(planning, "until_it_answers", lambda _seconds: "exit 0")
    return act("daemon", releases=given.RELEASES)


BARE_CHANGES = (NO_PYTHON, given.plan(NO_PYTHON))
STARTING = given.host(SERVED, answers=False)


@pytest.fixture
def systemctl(guard: Guard) -> Guard:
    """A host whose systemd does as it is told, and keeps a log."""
    guard.answer("*", program="systemctl")
    guard.answer("*", "its last words\n", program="journalctl")
    return guard


def test_the_action_acts(act: Run, monkeypatch: pytest.MonkeyPatch, systemctl: Guard) -> None:
    """And leaves nothing to the role."""
    result = run(act, monkeypatch, [BARE_CHANGES, (STARTING, given.plan(STARTING)), (SERVED, given.plan(SERVED))])
    assert (result["changed"], result["differs"], result["act"]) == (True, True, False)
    assert "systemctl start docker.service" in systemctl.calls


def test_it_goes_back_where_something_is_still_to_do(
    act: Run, monkeypatch: pytest.MonkeyPatch, systemctl: Guard
) -> None:
    """A daemon that answers is not yet one that does what was asked for."""
    restart = (SERVED, given.plan(SERVED, icc=False))
    result = run(act, monkeypatch, [restart, restart])
    assert result["failed"]
    assert f"Still to do after everything was done: write {CONFIG} (icc)" in str(result["msg"])
    assert f"{CONFIG} is again what it was before" in str(result["msg"])
    assert "its last words" in str(result["msg"])
    assert systemctl.calls.count("systemctl restart docker.service") == 2


def test_it_shows_the_log_of_a_daemon_that_does_not_start(
    act: Run, monkeypatch: pytest.MonkeyPatch, systemctl: Guard
) -> None:
    """As rescue.yml does."""
    systemctl.forget("systemctl")
    systemctl.answer("* docker.service", stderr="Job for docker.service failed", rc=1, program="systemctl")
    systemctl.answer("*", program="systemctl")
    result = run(act, monkeypatch, [(SERVED, given.plan(SERVED, icc=False))])
    assert "could not restart the daemon (systemd) (exit code 1): Job for docker.service failed" in str(result["msg"])
    assert "The Docker daemon does not work after: write" in str(result["msg"])
    assert "its last words" in str(result["msg"])


@pytest.mark.usefixtures("systemctl")
def test_a_refusal_after_the_packages_is_no_refusal(act: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something was changed by then, and it is said what."""
    result = run(act, monkeypatch, [BARE_CHANGES, Refused("No.", "Because.", "Do.")])
    assert (result["failed"], result["changed"]) == (True, True)
    assert str(result["msg"]).startswith("No. Because. Do. So far: install docker.io")
