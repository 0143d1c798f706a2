"""quai.engine.tour_step: run a command on the host and show it, what it printed and a sentence of explanation."""

from __future__ import annotations

import textwrap
import time
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.plan import Failure
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction

INDENT = " " * 4
WIDTH = 110
NOTHING = {"en": "(prints nothing)", "fr": "(n'affiche rien)"}
NOT_RUN = {"en": "(not run in check mode)", "fr": "(n'est pas lancé en mode de vérification)"}


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the command, show it, and raise Failure where it fails and may not."""
        language, command = args["language"], args["command"].strip()
        if self._task.check_mode:
            self._show(command, NOT_RUN[language], args[language])
            return {"changed": False}
        end = time.monotonic() + args["wait_seconds"]
        # The two streams as a terminal shows them.
        while not (answer := self.fragment(f"{{ {command}\n}} 2>&1")).ok and time.monotonic() < end:
            time.sleep(0.5)
        printed = answer.stdout.strip()
        self._show(command, printed or NOTHING[language], args[language])
        if not answer.ok and not args["may_fail"]:
            raise Failure(f"{self._host}: `{command}` ended with exit code {answer.rc}: {printed}")
        return {"changed": False, "exit_code": answer.rc, "stdout": printed}

    def _show(self, command: str, printed: str, sentence: str) -> None:
        lines = [f"$ {command}", *printed.splitlines(), "", *textwrap.wrap(sentence, WIDTH, break_on_hyphens=False)]
        self.say("\n" + "\n".join(f"{INDENT}{line}".rstrip() for line in lines) + "\n")
