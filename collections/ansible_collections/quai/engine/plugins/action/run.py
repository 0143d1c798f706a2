"""quai.engine.run: a one-off command in the release that serves."""

from __future__ import annotations

import secrets
import time
from typing import Any

from ansible import context

from ansible_collections.quai.engine.plugins.module_utils import logs, one_off, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Given, is_old
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, printable, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, display
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ANY_VERSION, engine_answers

PAUSE_SECONDS = 0.5
"""Between two looks at the command."""


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the command to its end, showing what it prints."""
        typed = one_off.typed(context.CLIARGS.get("extra_vars") or (), args["variable"]) if args["variable"] else None
        command = one_off.words_of(typed or args["command"])
        name = args["name"]
        # In words that engines of any age know.
        answers = self.read(
            {
                "version": ANY_VERSION,
                "container": quote(["docker", "inspect", name]),
                "image": f'docker inspect "$({quote(["docker", "inspect", "--format", "{{.Image}}", name])})"',
            }
        )
        engine_answers(answers["version"], self._host, may_be_missing=False, check_mode=False)
        self._old = is_old(state.engine_version(answers["version"].stdout))
        found = state.by_name(state.containers(answers["container"].stdout), name)
        serving = one_off.refuse_unserved(found, name)
        image = next(iter(state.images(answers["image"].stdout)), None)
        title = f"run {quote(command)} in the release of {name}"
        result: dict[str, Any] = {"changed": True, "plan": [title]}
        if self._task.check_mode:
            self.say(f"would {title}")
            return result
        self.say(title)
        container = f"{name}-run-{secrets.token_hex(4)}"
        try:
            result["rc"] = self._run(one_off.create(serving, image, container, command, old=self._old), container)
        finally:
            self.command(["docker", "rm", "-f", container])
        if result["rc"]:
            result |= {"failed": True, "msg": f"{self._host}: {quote(command)} ended with exit code {result['rc']}."}
        return result

    def _run(self, create: tuple[list[str], Given], container: str) -> int:
        """Create (words, and what they are given) and start the container, show its output as it comes, and return the command's exit code."""
        self._done(self.command(*create))
        started = self.command(["docker", "start", container])
        if started.rc:  # such as a program that is not there
            display.display(f"{self._host} | {printable(started.stderr)}")
        last = since = ""
        while True:
            # The state first: what is read after it says that it ended is all there is.
            answers = self.read(
                {
                    "container": quote(["docker", "inspect", container]),
                    "output": self._output(container, since),
                }
            )
            self._done(answers["container"])
            for found in logs.read_output(answers["output"].stdout):
                lines, last = logs.fresh(found, last)
                since = last
                for line in lines:
                    display.display(f"{self._host} | {printable(line)}")
            now = state.by_name(state.containers(answers["container"].stdout), container)
            if now and not now.running:
                return one_off.exit_code(now, started.stderr)
            time.sleep(PAUSE_SECONDS)

    def _output(self, container: str, since: str) -> str:
        """Return the fragment that prints the container's output. since: the moment of the last line that was shown, or empty."""
        label = f"{one_off.LABEL_RUN}={container}"
        if self._old:
            return logs.old_output(label, container, state.moment(since), None)
        return logs.output(label, container, since, None)

    def _done(self, answer: Answer) -> None:
        if not answer.ok:
            raise Failure(f"{self._host}: the command could not be run: {answer.stderr}")
