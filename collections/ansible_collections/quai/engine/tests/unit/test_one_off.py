"""A one-off command: its words, the container it runs in, and what becomes of it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import run as run_action
from ansible_collections.quai.engine.plugins.module_utils import one_off
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run
from ansible_collections.quai.engine.tests.unit.samples import container, image, release


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ls -l /data", ["ls", "-l", "/data"]),
        ("sh -c 'ls; exit 3'", ["sh", "-c", "ls; exit 3"]),
        (["sh", "-c", "ls; exit 3"], ["sh", "-c", "ls; exit 3"]),
        (["seq", 3], ["seq", "3"]),
        ("echo $HOME ; `id`", ["echo", "$HOME", ";", "`id`"]),
    ],
)
def test_words(command: object, words: list[str]) -> None:
    assert one_off.words_of(command) == words


@pytest.mark.parametrize("command", ["", "  ", [], [""], None])
def test_no_command(command: object) -> None:
    with pytest.raises(Refused, match=r"^No command is given\."):
        one_off.words_of(command)


def test_an_open_quote() -> None:
    with pytest.raises(Refused, match="cannot be split into words: No closing quotation"):
        one_off.words_of("echo 'a")


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        (["run_command=python manage.py migrate"], "python manage.py migrate"),
        (['run_command=sh -c "ls; exit 3"'], 'sh -c "ls; exit 3"'),
        (["run_command='python manage.py migrate'"], None),  # Ansible keeps all of it
        (["run_command=ls"], None),
        (['{"run_command": ["ls"]}', "@vars.yml", "other=run_command=a b"], None),
        (["run_command=first one", "run_command=second one"], "second one"),
        ([], None),
    ],
)
def test_what_was_typed_is_not_cut_at_its_first_blank(given: list[str], typed: str | None) -> None:
    assert one_off.typed(given, "run_command") == typed


@pytest.mark.parametrize("given", ["run_command=ls app_web_name=blog", "run_command=ls -l  ansible_user='a b'"])
def test_another_variable_is_not_taken_for_a_word(given: str) -> None:
    with pytest.raises(Refused, match=r"may set (app_web_name|ansible_user), .* as JSON"):
        one_off.typed([given], "run_command")


@pytest.mark.parametrize("text", ["env A=1 sh", "ls 'app_web_name=blog'", "tool --app_web_name=blog"])
def test_words_of_the_command_may_have_equals_signs(text: str) -> None:
    assert one_off.typed([f"run_command={text}"], "run_command") == text


@pytest.mark.parametrize(
    ("found", "how"),
    [
        (None, "There is no container web"),
        (container("web", running=False), "The container web is stopped"),
        (container("web", restarting=True), "The container web is restarting"),
        (container("web", paused=True), "The container web is paused"),
    ],
)
def test_where_nothing_is_served_nothing_is_run(found: Any, how: str) -> None:
    with pytest.raises(Refused, match=f"^{how}: nothing is served."):
        one_off.refuse_unserved(found, "web")


OWN = dataclasses.replace(image(1), env=("PATH=/bin", "HOME=/home/myuser"))
SERVING = dataclasses.replace(
    release(),
    env=("PATH=/bin", "HOME=/root", "GREETING=Hello; World"),
    tmpfs=("/tmp:size=1m",),
    cap_drop=("ALL",),
    security=("no-new-privileges",),
)


def test_a_container_like_the_one_that_serves_without_its_port() -> None:
    words, given = one_off.create(SERVING, OWN, "web-run-1", ["ls", "-l"])
    assert given.stdin == "HOME=/root\nGREETING=Hello; World\n"
    assert words == [
        "docker", "create", "--name", "web-run-1", "--label", "quai.run=web-run-1", "--no-healthcheck",
        "--log-driver", "json-file", "--user", "1000:1000", "--env-file", "/dev/stdin",
        "--volumes-from", "web", "--memory", str(512 << 20), "--pids-limit", "256", "--read-only",
        "--tmpfs", "/tmp:size=1m", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", SERVING.image_id, "ls", "-l",
    ]  # fmt: skip
    assert not {"--publish", "-p", "--restart", "--rm"} & set(words)


def test_a_container_made_by_hand_has_no_limits_to_keep() -> None:
    words, given = one_off.create(dataclasses.replace(container("web"), env=("UNSET",)), None, "web-run-1", ["ls"])
    assert given.stdin == ""
    assert words[9:] == ["--volumes-from", "web", "sha256:" + "1" * 64, "ls"]


@pytest.mark.parametrize(
    ("ran", "code", "said", "expected"),
    [
        (True, 0, "", 0),
        (True, 7, "", 7),
        (True, 0, "the answer was lost on its way", 0),
        (False, 127, "executable file not found in $PATH", 127),  # of today
        (False, -1, 'exec: "x": executable file not found in $PATH', 127),
        (False, 0, "no space left on device", 125),
    ],
)
def test_the_exit_code(ran: bool, code: int, said: str, expected: int) -> None:
    started = "2026-01-01T00:00:00Z" if ran else "0001-01-01T00:00:00Z"
    ended = dataclasses.replace(SERVING, running=False, started_at=started, exit_code=code)
    assert one_off.exit_code(ended, said) == expected


# --- the action -------------------------------------------------------------------------------------------------------

WEB = {
    "Name": "/web",
    "Id": "c1",
    "Image": "sha256:1",
    "State": {"Running": True},
    "Config": {"User": "1000:1000", "Env": ["A=1"]},
    "HostConfig": {},
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed."""
    told: list[str] = []
    monkeypatch.setattr(run_action.display, "display", lambda text, *_args, **_more: told.append(text))
    return told


def serves(guard: Guard, code: int = 0) -> None:
    """The engine serves, and runs a command that ends with this exit code."""
    ended = WEB | {"State": {"Running": False, "ExitCode": code, "StartedAt": "2026-01-01T00:00:00Z"}}
    guard.answer("version *", "28.5.2\n")
    guard.answer("inspect web", json.dumps([WEB]))
    guard.answer("inspect --format *Image* web", "sha256:1\n")
    guard.answer("inspect sha256:1", json.dumps([{"Id": "sha256:1", "Config": {"Env": ["A=1"]}}]))
    guard.answer("inspect web-run-*", json.dumps([ended]).replace("/web", "/web-run-5eed"))
    guard.answer("create *", "c2\n")
    guard.answer("start *")
    guard.answer("ps * name=^/web-run-* *", "c2 web-run-5eed \n")
    guard.answer("ps *")
    guard.answer("logs * c2", "2026-01-01T00:00:01Z it is done\x1b[2J\n")
    guard.answer("rm -f web-run-*")


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_is_run_shown_and_removed(
    act: Run, guard: Guard, monkeypatch: pytest.MonkeyPatch, shown: list[str], code: int
) -> None:
    monkeypatch.setattr(run_action.secrets, "token_hex", lambda _size: "5eed")
    serves(guard, code)
    result = act("run", name="web", command="ls -l")
    assert result["rc"] == code
    assert bool(result.get("failed")) is bool(code)
    assert result.get("msg") == (f"quay1: ls -l ended with exit code {code}." if code else None)
    assert shown == ["  quay1: run ls -l in the release of web", "quay1 | it is done\\x1b[2J"]
    create, start, remove = (call.split()[1:] for call in guard.changes())
    assert create[-3:] == ["sha256:1", "ls", "-l"]
    assert (start, remove) == (["start", "web-run-5eed"], ["rm", "-f", "web-run-5eed"])


def test_check_mode_only_tells(act: Run, guard: Guard, shown: list[str]) -> None:
    serves(guard)
    result = act("run", True, name="web", command=["ls"])
    assert (result["changed"], result["plan"]) == (True, ["run ls in the release of web"])
    assert shown == ["  quay1: would run ls in the release of web"]
    assert guard.changes() == []


@pytest.mark.usefixtures("shown")
def test_a_container_that_cannot_be_made_is_told_and_removed(act: Run, guard: Guard) -> None:
    guard.answer("create *", "", "Error response from daemon: no space left on device", 1)
    serves(guard)
    result = act("run", name="web", command=["ls"])
    assert result["failed"]
    assert "could not be run: Error response from daemon: no space left on device" in result["msg"]
    assert [call.split()[1] for call in guard.changes()] == ["create", "rm"]


def test_nothing_is_run_where_nothing_is_served(act: Run, guard: Guard) -> None:
    guard.answer("version *", "28.5.2\n")
    guard.answer("inspect *", "[]\n", "Error: No such object: web", 1)
    result = act("run", name="web", command=["ls"])
    assert result["msg"].startswith("There is no container web: nothing is served.")
    assert guard.changes() == []
