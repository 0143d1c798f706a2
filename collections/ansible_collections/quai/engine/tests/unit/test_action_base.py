"""What every action shares: its documented arguments, one read, steps taken and taken back, errors made for people."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.quai.engine.plugins.module_utils.plan import Given, Plan, Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils import base
from ansible_collections.quai.engine.plugins.plugin_utils.engine import NONE_INSTALLED, VERSION, engine_answers
from ansible_collections.quai.engine.tests.unit.harness import PLUGINS, Guard, Run

ROOT = Path(__file__).parents[2] / "plugins"
MODULES = sorted(path.stem for path in (ROOT / "modules").glob("*.py"))
COLLECTIONS = Path(__file__).parents[5]


# --- documentation ----------------------------------------------------------------------------------------------------


def documentation(module: str) -> str:
    """Return a module's DOCUMENTATION."""
    return str(importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)


def test_every_action_is_documented_and_every_module_acts() -> None:
    assert [path.stem for path in sorted((ROOT / "action").glob("*.py"))] == MODULES
    assert len(MODULES) >= 11


@pytest.mark.parametrize("module", MODULES)
def test_the_documented_options_are_the_argument_spec(module: str) -> None:
    options = yaml.safe_load(documentation(module))["options"]
    spec = base.argument_spec(documentation(module))
    assert set(spec) == set(options)
    required = {name: _sample(option) for name, option in spec.items() if option.get("required")}
    result = ArgumentSpecValidator(spec).validate(required)
    assert result.error_messages == []
    for name, option in spec.items():
        assert option["type"] == options[name]["type"]
        assert not ("required" in option and "default" in option), name
        assert isinstance(options[name]["description"], str), name
        if "default" in option:
            default = option["default"]
            expected = os.path.expanduser(default) if option["type"] == "path" else default
            assert result.validated_parameters[name] == expected, name
        if "choices" in option and "default" in option:
            several = option["default"] if isinstance(option["default"], list) else [option["default"]]
            assert set(several) <= set(option["choices"]), name
        assert option.get("elements") or option["type"] != "list", name


def _sample(option: dict[str, Any]) -> object:
    if "choices" in option:
        return option["choices"][0]
    return {"str": "x", "path": "/x", "int": 1, "raw": "1", "bool": True, "dict": {}, "list": []}[option["type"]]


@pytest.mark.parametrize("module", MODULES)
def test_the_action_asks_for_what_is_documented_and_for_all_of_it(module: str) -> None:
    source = (ROOT / "action" / f"{module}.py").read_text(encoding="utf-8")
    if module == "release":  # its arguments become what is wanted there, for status to share
        source += (ROOT / "module_utils/plan_release.py").read_text(encoding="utf-8").partition("annotations\n")[2]
    asked = {
        node.slice.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "args"
        and isinstance(node.slice, ast.Constant)
    }
    options = set(base.argument_spec(documentation(module)))
    assert asked <= options
    # A name may also stand in a list of names, as `for key in ("port", ...)`, or be a field of what is wanted.
    strings = {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    if module == "daemon":
        plan = (ROOT / "module_utils/plan_daemon.py").read_text(encoding="utf-8")
        strings |= {n.target.id for n in ast.walk(ast.parse(plan)) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}  # fmt: skip
    assert options - asked <= strings, f"documented and never asked for: {options - asked - strings}"


def test_suboptions_and_tokens() -> None:
    text = """
options:
  token: {type: str, description: x, required: true}
  entries:
    type: list
    elements: dict
    description: x
    suboptions:
      size: {type: int, default: 3, choices: [3, 4], description: x, version_added: "1"}
"""
    assert base.argument_spec(text) == {
        "token": {"type": "str", "required": True, "no_log": False},
        "entries": {
            "type": "list",
            "elements": "dict",
            "options": {"size": {"type": "int", "default": 3, "choices": [3, 4]}},
        },
    }


def test_ansible_doc_shows_every_module(tmp_path: Path) -> None:
    names = [f"quai.engine.{module}" for module in MODULES]
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-doc"), "--json", "-t", "module", *names],
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = json.loads(done.stdout)
    assert set(shown) == set(names)
    for name, module in shown.items():
        assert module["doc"]["options"], name
        assert yaml.safe_load(module["examples"])[0][name], name
        assert module["return"], name


# --- an action of the tests' own --------------------------------------------------------------------------------------

DOCUMENTATION = """
options:
  count: {type: int, default: 1, description: x}
  does: {type: str, default: nothing, description: x}
  names: {type: list, elements: str, default: [], description: x}
"""
DOES: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {"nothing": lambda _self, args: {"args": args}}


class ActionModule(base.QuaiAction):
    """Does what the test put into DOES."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do it."""
        return DOES[args["does"]](self, args)


@pytest.fixture
def does(act: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run an action that does what the given function does."""

    def run(what: Callable[[Any], dict[str, Any]], **more: Any) -> dict[str, Any]:
        monkeypatch.setitem(DOES, "this", lambda self, _args: what(self))
        return act(__name__, does="this", **more)

    return run


Does = Callable[..., dict[str, Any]]


def test_arguments_are_of_their_types_with_their_defaults(act: Run) -> None:
    result = act(__name__, count="7", names="a,b")
    assert result == {"changed": False, "args": {"count": 7, "does": "nothing", "names": ["a", "b"]}}
    assert type(result["args"]["names"]) is list
    assert type(result["args"]["does"]) is str


@pytest.mark.parametrize("args", [{"count": "many"}, {"cuont": 1}, {"names": {"a": 1}}])
def test_arguments_that_do_not_fit_are_an_error(act: Run, args: dict[str, Any]) -> None:
    with pytest.raises(AnsibleError, match=r"count|cuont|names"):
        act(__name__, **args)


def test_a_refusal_is_a_failed_task_that_changed_nothing(does: Does) -> None:
    def refuse(_self: object) -> dict[str, Any]:
        raise Refused("Found.", "Why.", "Remedy.")

    assert does(refuse) == {"failed": True, "changed": False, "msg": "Found. Why. Remedy."}


def test_a_read_is_one_round_trip(does: Does, monkeypatch: pytest.MonkeyPatch) -> None:
    trips = []
    shell = base.QuaiAction._shell

    def counting(self: base.QuaiAction, script: str) -> dict[str, Any]:
        trips.append(script)
        return shell(self, script)

    monkeypatch.setattr(base.QuaiAction, "_shell", counting)
    result = does(lambda self: {"answers": self.read({"one": "echo 1", "base image:1": "echo 2; exit 4"})})
    assert result["answers"] == {"one": Answer(0, "1\n", ""), "base image:1": Answer(4, "2\n", "")}
    assert len(trips) == 1


def test_commands_and_fragments(does: Does) -> None:
    def run(self: base.QuaiAction) -> dict[str, Any]:
        return {"a": self.command(["printf", "%s", "$HOME `id`"]), "b": self.fragment("printf %s 1; exit 2")}

    result = does(run)
    assert (result["a"], result["b"]) == (Answer(0, "$HOME `id`", ""), Answer(2, "1", ""))


def test_the_environment_of_the_play_reaches_the_host(does: Does) -> None:
    environment = {"DOCKER_HOST": "tcp://192.0.2.7:2376", "GREETING": "it's $(id)"}
    result = does(lambda self: {"answer": self.fragment('printf %s "$DOCKER_HOST $GREETING"')}, environment=environment)
    assert result["answer"].stdout == "tcp://192.0.2.7:2376 it's $(id)"


def test_sections_that_never_ran_are_missing(does: Does) -> None:
    result = does(lambda self: {"answers": self.read({"one": "echo 1", "two": "kill -9 $$", "three": "echo 3"})})
    assert result["answers"] == {"one": Answer(0, "1\n", ""), "two": MISSING, "three": MISSING}


def test_a_host_on_which_nothing_runs_is_told(does: Does) -> None:
    # What stands before the shell ends, as sudo does where it wants a password.
    before = {"echo sudo: a password is required >&2; exit 1; x": "1"}
    result = does(lambda self: {"answer": self.command(["true"])}, environment=before)
    assert result["failed"]
    assert not result["changed"]
    assert result["msg"].startswith("quay1: no command could be run: sudo: a password is required.")
    assert "may become root (ansible_become_password, or --ask-become-pass)" in result["msg"]


def test_a_shell_that_is_killed_is_told(does: Does) -> None:
    result = does(lambda self: {"answer": self.fragment("kill -9 $$")})
    assert result["failed"]
    assert "no command could be run" in result["msg"]


# --- steps ------------------------------------------------------------------------------------------------------------


def log_step(tmp_path: Path, name: str, fails: bool = False) -> Step:
    """Return a step that writes its name into a log, as does its undo."""
    line = f'echo "$1" >> {quote([str(tmp_path / "log")])}; echo "out $1"; echo "err $1" >&2; exit '
    words = ["sh", "-c", line + ("3" if fails else "0"), "sh", name]
    return step(f"do {name}", *words, undo=["sh", "-c", line + "0", "sh", f"undo {name}"])


def log(tmp_path: Path) -> list[str]:
    """Return what was done."""
    path = tmp_path / "log"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def take(does: Does, steps: list[Step], **more: Any) -> dict[str, Any]:
    """Take the steps; the task's result."""

    def run(self: base.QuaiAction) -> dict[str, Any]:
        self.take(steps, **more)
        return {}

    return does(run)


def failure(does: Does, steps: list[Step], **more: Any) -> str:
    """Take the steps, of which one fails; what the operator reads."""
    result = take(does, steps, **more)
    assert result["failed"]
    assert result["changed"]
    return str(result["msg"])


def test_steps_are_taken_in_order_and_told(does: Does, tmp_path: Path, said: list[str]) -> None:
    assert take(does, [log_step(tmp_path, "one"), log_step(tmp_path, "two")]) == {"changed": False}
    assert log(tmp_path) == ["one", "two"]
    assert said == ["  quay1: do one", "  quay1: do two"]


def test_what_a_step_reads_is_not_among_its_words(does: Does, tmp_path: Path, said: list[str]) -> None:
    file = quote([str(tmp_path / "log")])
    words = ["sh", "-c", f'[ -r /dev/stdin ] && cat /dev/stdin >> {file} && printf %s "$KEY" >> {file}']
    take(does, [step("read", *words, given=Given("A='1' $(id)\nB=%s\\\n", {"KEY": "-----'$(id)\n%s"}))])
    assert log(tmp_path) == ["A='1' $(id)", "B=%s\\", "-----'$(id)", "%s"]
    assert said == ["  quay1: read"]


def test_when_a_step_fails_all_is_taken_back_last_first(does: Does, tmp_path: Path, said: list[str]) -> None:
    steps = [
        log_step(tmp_path, "one"),
        step("look", "true"),
        log_step(tmp_path, "two"),
        log_step(tmp_path, "three", fails=True),
        log_step(tmp_path, "never"),
    ]
    text = failure(does, steps)
    assert log(tmp_path) == ["one", "two", "three", "undo three", "undo two", "undo one"]
    assert text == "quay1: could not do three (exit code 3): err three\nout three"
    assert said == ["  quay1: do one", "  quay1: look", "  quay1: do two", "  quay1: do three"]


def test_what_is_proven_is_not_taken_back(does: Does, tmp_path: Path) -> None:
    clean_up = Step("clean up", ("false",), proven=True)
    assert "could not clean up" in failure(does, [log_step(tmp_path, "one"), clean_up])
    assert log(tmp_path) == ["one"]


def test_an_undo_that_fails_does_not_stop_the_others(does: Does, tmp_path: Path, said: list[str]) -> None:
    broken = Step("do two", ("true",), ("sh", "-c", "echo cannot >&2; exit 1"))
    text = failure(does, [log_step(tmp_path, "one"), broken, step("do three", "false")])
    assert text.startswith("quay1: could not do three (exit code 1)")
    assert log(tmp_path) == ["one", "undo one"]
    assert said[-1] == "  quay1: could not take back 'do two': cannot"


def test_the_evidence_is_gathered_before_anything_is_taken_back(does: Does, tmp_path: Path) -> None:
    seen: list[object] = []

    def evidence(failed: Step, answer: Answer) -> str:
        seen.extend([failed.title, answer.rc, log(tmp_path)])
        return "It was the disk."

    text = failure(does, [log_step(tmp_path, "one"), log_step(tmp_path, "two", fails=True)], on_failure=evidence)
    assert text.endswith("\nIt was the disk.")
    assert seen == ["do two", 3, ["one", "two"]]
    assert log(tmp_path)[2:] == ["undo two", "undo one"]


@pytest.mark.parametrize("error", [ValueError("no JSON"), Refused("It", "is", "gone."), AnsibleError("gone")])
def test_all_is_taken_back_even_where_there_is_no_evidence(does: Does, tmp_path: Path, error: Exception) -> None:
    def evidence(_step: Step, _answer: Answer) -> str:
        raise error

    text = failure(does, [log_step(tmp_path, "one"), log_step(tmp_path, "two", fails=True)], on_failure=evidence)
    assert text.startswith("quay1: could not do two (exit code 3): err two")
    assert text.endswith(f"(no evidence: {error})")
    assert log(tmp_path)[2:] == ["undo two", "undo one"]


@pytest.mark.parametrize("words", [["docker", "create", "--name", "web"], ["docker", "volume", "create", "web"]])
def test_what_could_not_be_created_is_not_removed(does: Does, tmp_path: Path, guard: Guard, words: list[str]) -> None:
    """The name is taken: by another run, or by somebody's container. It is not ours to remove."""
    guard.answer("create *", stderr='Conflict. The container name "/web" is already in use', rc=1)
    guard.answer("volume create *", stderr="exists with different driver opts", rc=1)
    create = step("create web", *words, undo=["docker", "rm", "-f", "web"])
    assert "could not create web (exit code 1): " in failure(does, [log_step(tmp_path, "one"), create])
    assert guard.calls == [" ".join(words)]
    assert log(tmp_path) == ["one", "undo one"]


def test_long_steps_say_that_they_go_on(does: Does, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "HEARTBEAT_SECONDS", 0.05)

    def run(self: base.QuaiAction) -> dict[str, Any]:
        with self.long_step("building"):
            time.sleep(0.3)
        return {}

    does(run)
    assert said[0] == "  quay1: building"
    assert len(said) >= 3
    assert all(line.startswith("  quay1: ... still at it after ") for line in said[1:])
    count = len(said)
    time.sleep(0.15)
    assert len(said) == count


def test_a_long_step_that_fails_falls_silent_too(does: Does, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "HEARTBEAT_SECONDS", 0.05)

    def run(self: base.QuaiAction) -> dict[str, Any]:
        with self.long_step("building"):
            raise Refused("It", "did", "not.")

    assert does(run)["failed"]
    count = len(said)
    time.sleep(0.15)
    assert len(said) == count


def test_the_result_of_a_plan() -> None:
    made = Plan((step("do it", "true"),), {"web": "old", "a": 1}, {"web": "new"})
    assert base.planned(made, image="x") == {
        "changed": True,
        "plan": ["do it"],
        "image": "x",
        "diff": {"before": "a: 1\nweb: old\n", "after": "web: new\n"},
    }
    assert base.planned(Plan((step("do it", "true"),)))["diff"] == {"before": "", "after": ""}
    assert base.planned(Plan()) == {"changed": False, "plan": []}


# --- the engine -------------------------------------------------------------------------------------------------------


def ask(answer: Answer, *, may_be_missing: bool = False, check_mode: bool = False) -> bool:
    """Ask whether the engine answers."""
    return engine_answers(answer, "quay1", may_be_missing=may_be_missing, check_mode=check_mode)


@pytest.mark.parametrize("flags", [{}, {"may_be_missing": True}, {"check_mode": True}])
def test_an_engine_that_answers(flags: dict[str, bool]) -> None:
    assert ask(Answer(0, "20.10.24+dfsg1\n", ""), **flags)
    with pytest.raises(Refused, match=r"Docker 1\.13\.1 is too old"):
        ask(Answer(0, "1.13.1\n", ""), **flags)


def test_an_engine_that_is_down_or_missing() -> None:
    down = Answer(1, "\n", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    missing = Answer(NONE_INSTALLED, "", "docker: not found")
    for answer in (down, missing):
        with pytest.raises(Refused, match=r"^Docker does not answer on quay1: .*role docker_engine"):
            ask(answer)
        assert not ask(answer, check_mode=True)
    with pytest.raises(Refused, match="Cannot connect"):
        ask(down, may_be_missing=True)
    assert not ask(missing, may_be_missing=True)
    with pytest.raises(Refused, match="it is not installed"):
        ask(Answer(NONE_INSTALLED, "", ""))


@pytest.mark.parametrize(
    ("programs", "docker_host", "rc"),
    [
        ([], "", 127),
        (["docker"], "", 127),
        (["docker", "dockerd"], "", 3),
        (["docker"], "tcp://192.0.2.1:2376", 3),
        ([], "tcp://192.0.2.1:2376", 127),
    ],
)
def test_a_client_alone_is_no_engine(tmp_path: Path, programs: list[str], docker_host: str, rc: int) -> None:
    for name in programs:
        (tmp_path / name).write_text("#!/bin/sh\necho no daemon >&2\nexit 3\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    environment = {"PATH": str(tmp_path)} | ({"DOCKER_HOST": docker_host} if docker_host else {})
    done = subprocess.run(["/bin/sh", "-c", VERSION], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == rc


# --- in a play --------------------------------------------------------------------------------------------------------


def test_in_a_real_play(guard: Guard, tmp_path: Path) -> None:
    """Found without installation, documented arguments, the play's environment, a refusal as the task's error."""
    guard.answer("version *", "17.12.1\n")
    guard.answer("*", "", "Error: No such object", rc=1)
    (tmp_path / "play.yml").write_text(
        """
- hosts: localhost
  connection: local
  gather_facts: false
  environment: {DOCKER_HOST: "tcp://192.0.2.9:2376"}
  tasks:
    - quai.engine.data: {name: myapp_data, directory: /nowhere/at/all, state: absent}
""",
        encoding="utf-8",
    )
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "play.yml"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Docker 17.12.1 is too old: 18.09 is the least." in done.stdout + done.stderr
    assert "changed=0" in done.stdout
    assert guard.changes() == []
    hosts = Path(f"{guard.log}.host").read_text(encoding="utf-8").split()
    assert set(hosts) == {"tcp://192.0.2.9:2376"}
    assert len(hosts) == len(guard.calls)
