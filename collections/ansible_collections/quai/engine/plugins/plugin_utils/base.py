"""What every action of the engine room shares: documented arguments, one read, steps, and errors made for people."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from ansible.module_utils.common.yaml import yaml_load  # in C, where PyYAML is: every task of every host parses
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.quai.engine.plugins.module_utils.plan import NOTHING, Failure, Given, Plan, Refused, Step
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, compose, quote, take_apart

HEARTBEAT_SECONDS = 20
display = Display()


def argument_spec(documentation: str) -> dict[str, Any]:
    """Return the argument spec that a module's DOCUMENTATION (YAML text) states, so the two cannot differ."""
    keys = ("type", "required", "default", "choices", "elements")

    def converted(options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: {key: option[key] for key in keys if key in option}
            | ({"options": converted(option["suboptions"])} if "suboptions" in option else {})
            | ({"no_log": False} if "token" in name else {})
            for name, option in options.items()
        }

    return converted(yaml_load(documentation)["options"])


class QuaiAction(ActionBase):  # type: ignore[misc]
    """Read once, plan, act. A subclass says in `outcome` what comes about, given arguments that fit its documentation."""

    _supports_check_mode = True
    _supports_diff = True

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring about what the arguments ask for and return the result. Raises Refused where nothing may change."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the arguments, do the work, and turn a refusal into a failed task with its three sentences."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        module = importlib.import_module(type(self).__module__.replace(".plugins.action.", ".plugins.modules."))
        _validation, args = self.validate_argument_spec(argument_spec(module.DOCUMENTATION))
        args = json.loads(json.dumps(args))  # plain values: ansible-core tags those of variables with their origin
        self._host = str(self._task.delegate_to or (task_vars or {}).get("inventory_hostname", ""))
        self._prefix = self._compute_environment_string()
        try:
            result.update({"changed": False, **self.outcome(args, task_vars or {})})
        except (Refused, Failure) as reason:
            result.update(failed=True, changed=isinstance(reason, Failure), msg=str(reason))
        return result

    def read(self, sections: Mapping[str, str]) -> dict[str, Answer]:
        """Run the sections (name to shell fragment of quoted words) in one round trip and return their answers."""
        script, marker = compose(sections)
        raw = self._shell(script)
        answers = take_apart(raw["stdout"], raw["stderr"], marker)
        if not answers:
            reason = (raw["stderr"] or raw["stdout"]).strip() or f"exit code {raw['rc']}"
            raise Refused(
                f"{self._host}: no command could be run: {reason}.",
                "Quai manages packages, services and containers there, which takes a shell as root.",
                "Check the address and the user, and that the user may become root (ansible_become_password, or --ask-become-pass).",
            )
        return {name: answers.get(name, MISSING) for name in sections}

    def command(self, words: Sequence[str], given: Given = NOTHING) -> Answer:
        """Run one command on the host."""
        before = f"printf %s {quote([given.stdin])} | " if given.stdin else ""
        before += "".join(f"{name}={quote([value])} " for name, value in given.environ.items())
        return self.read({"command": before + quote(words)})["command"]

    def fragment(self, shell: str) -> Answer:
        """Run one shell fragment, made of quoted words, on the host."""
        return self.read({"fragment": shell})["fragment"]

    def _shell(self, script: str) -> dict[str, Any]:
        # The script goes in on stdin: no length limit, and no terminal that would merge the two streams.
        command = " ".join(part for part in (self._prefix, "/bin/sh") if part)
        found: dict[str, Any] = self._low_level_execute_command(command, in_data=script.encode())
        return found

    def say(self, text: str) -> None:
        """Tell the operator what happens now, for this host."""
        display.display(f"  {self._host}: {text}")

    @contextmanager
    def long_step(self, text: str) -> Iterator[None]:
        """Say what starts now and, while it lasts, every twenty seconds that it still goes on."""
        self.say(text)
        started, done = time.monotonic(), threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(f"... still at it after {time.monotonic() - started:.0f} s")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def take(self, steps: Sequence[Step], on_failure: Callable[[Step, Answer], str] | None = None) -> None:
        """Take the steps in order; when one fails, take back those before it, last first, and raise Failure.

        on_failure: called before anything is taken back, returns what else the operator must know.
        """
        taken: list[Step] = []
        for step in steps:
            self.say(step.title)
            answer = self.command(step.words, step.given)
            if not answer.ok:
                try:
                    more = on_failure(step, answer) if on_failure else ""
                except Exception as error:  # noqa: BLE001 - whatever it is, what was done must be taken back
                    more = f"(no evidence: {error})"
                # What could not be created is not ours: its name is somebody else's.
                begun = [] if "create" in step.words[1:3] else [step]
                self.take_back([] if step.proven else [*taken, *begun])
                reason = "\n".join(part for part in (answer.stderr, answer.stdout.strip()) if part)
                raise Failure(
                    f"{self._host}: could not {step.title} (exit code {answer.rc}): {reason}\n{more}".rstrip()
                )
            taken.append(step)

    def take_back(self, taken: Sequence[Step]) -> None:
        """Take the steps back, last first; an undo that fails is reported and does not stop the others."""
        for step in reversed(taken):
            if step.undo and not (answer := self.command(step.undo)).ok:
                self.say(f"could not take back '{step.title}': {answer.stderr}")


def planned(plan: Plan, **more: object) -> dict[str, Any]:
    """Return the result of a task from its plan: changed, the steps by name, the diff, and whatever else it tells."""
    result: dict[str, Any] = {"changed": bool(plan.steps), "plan": plan.titles, **more}
    if plan.steps:
        result["diff"] = {"before": _document(plan.before), "after": _document(plan.after)}
    return result


def _document(values: Mapping[str, object]) -> str:
    return str(yaml.safe_dump(dict(values), default_flow_style=False, sort_keys=True)) if values else ""
