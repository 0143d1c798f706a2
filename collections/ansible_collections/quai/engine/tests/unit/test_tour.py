"""The tour's actions where no daemon is needed: what they show, what they refuse, and what check mode leaves alone."""

from __future__ import annotations

import socket

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.quai.engine.plugins.action import tour_step
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

SENTENCES = {"en": "It says a word.", "fr": "Elle dit un mot."}


def quiet(guard: Guard) -> None:
    """An engine on which nothing is."""
    guard.answer("version *", "28.5.2\n")
    for listing in ("ps *", "volume ls *", "images *"):
        guard.answer(listing)
    guard.answer("volume create *", "tour-record\n")


def changes(guard: Guard) -> list[str]:
    """Return the calls that change an engine."""
    return [
        call for call in guard.calls if call.split()[1] in {"run", "rm", "rmi"} or " create " in call or " rm " in call
    ]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_step_shows_command_output_and_sentence(act: Run, said: list[str], language: str) -> None:
    result = act("tour_step", command="echo word; echo complaint >&2", language=language, **SENTENCES)
    assert (result["exit_code"], result["stdout"]) == (0, "word\ncomplaint")
    (shown,) = said
    assert shown.splitlines()[1:] == [
        "    $ echo word; echo complaint >&2",
        "    word",
        "    complaint",
        "",
        f"    {SENTENCES[language]}",
    ]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_step_that_prints_nothing_says_so(act: Run, said: list[str], language: str) -> None:
    act("tour_step", command="true", language=language, **SENTENCES)
    assert tour_step.NOTHING[language] in said[0]


def test_another_language_is_refused(act: Run, said: list[str]) -> None:
    with pytest.raises(AnsibleActionFail, match="one of: en, fr, got: de"):
        act("tour_step", command="echo word", language="de", **SENTENCES)
    assert said == []


def test_a_step_that_fails_ends_the_tour(act: Run, said: list[str]) -> None:
    result = act("tour_step", command="echo why; exit 7", **SENTENCES)
    assert result["failed"]
    assert result["msg"] == "quay1: `echo why; exit 7` ended with exit code 7: why"
    assert "why" in said[0]


@pytest.mark.usefixtures("said")
def test_a_step_may_fail(act: Run) -> None:
    result = act("tour_step", command="echo why; exit 7", may_fail=True, **SENTENCES)
    assert not result.get("failed")
    assert result["exit_code"] == 7


def test_a_step_is_tried_again_and_shown_once(act: Run, said: list[str], guard: Guard) -> None:
    command = f"echo x >> {guard.log}; test $(wc -l < {guard.log}) = 3"
    result = act("tour_step", command=command, wait_seconds=30, **SENTENCES)
    assert result["exit_code"] == 0
    assert len(guard.calls) == 3
    assert len(said) == 1


def test_check_mode_runs_nothing(act: Run, said: list[str], guard: Guard) -> None:
    quiet(guard)
    act("tour_step", check=True, command="docker run web", **SENTENCES)
    assert "$ docker run web" in said[0]
    act("tour", check=True, state="open", images=["hello-world:latest"])
    assert changes(guard) == []


def test_a_taken_port_is_refused(act: Run, guard: Guard) -> None:
    quiet(guard)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = act("tour", state="open", port=port)
    assert result["failed"]
    assert result["msg"].startswith(f"Port {port} of quay1 is already taken, on 127.0.0.1.")
    assert "tour_port" in result["msg"]
    assert changes(guard) == []


def test_an_old_engine_is_refused(act: Run, guard: Guard) -> None:
    guard.answer("version *", "1.6.2\n")
    guard.answer("*", rc=2)
    result = act("tour", state="open")
    assert result["msg"].startswith("quay1 has Docker 1.6.2. The tour needs an engine since 18.09.")
    assert changes(guard) == []


def test_no_engine_no_tour(act: Run, guard: Guard) -> None:
    guard.answer("*", "", "Cannot connect to the Docker daemon", 1)
    result = act("tour", state="open")
    assert result["failed"]
    assert "playbooks/hosts.yml" in result["msg"]


@pytest.mark.parametrize(
    ("tools", "fetch"), [(["wget", "curl"], "wget -qO-"), (["curl"], "curl -fsS"), ([], "python3 -c ")]
)
def test_the_page_is_asked_with_what_is_there(
    act: Run, guard: Guard, monkeypatch: pytest.MonkeyPatch, tools: list[str], fetch: str
) -> None:
    quiet(guard)
    for tool in tools:
        guard.answer("*", program=tool)
    # Of this machine only what the action itself needs, whatever else it has.
    for tool in ("sh", "env", "cat", "awk", "sort", "rm", "mkdir", "echo"):
        (guard.bin / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(guard.bin))
    result = act("tour", state="open")
    assert result["fetch"].startswith(fetch)
