"""quai.engine.doctor: what is wrong with a host, why it matters and what cures it; nothing is changed."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import time
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import diagnose, questions
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, display


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ask the host once, judge the answers, tell and return what was found."""
        self._refuse_address(args)
        checks = diagnose.chosen(args["only"])
        names = ("address", "port", "container", "data", "path", "directory", "free_mib")
        wanted = questions.Wanted(
            users=tuple(args["users"]), allow_eol=args["allow_eol"], **{name: args[name] for name in names}
        )
        asked = {name for check in checks for name in check.asks}
        began = time.time()
        answers = self.read(questions.questions(asked, wanted))
        wanted = dataclasses.replace(wanted, began=began, ended=time.time())
        diagnosis = diagnose.diagnose(checks, answers, wanted)
        result: dict[str, Any] = {
            "findings": [dataclasses.asdict(each) for each in diagnosis.findings],
            "left_out": dict(diagnosis.left_out),
            "checks": [check.name for check in checks],
        }
        if args["format"] == "json":  # a line each, that begins with the brace: easily picked out of a play's output
            display.display(json.dumps({"host": self._host} | result))
        else:
            display.display(diagnose.report(self._host, diagnosis, len(checks)))
        return {"changed": False, **result}

    @staticmethod
    def _refuse_address(args: dict[str, Any]) -> None:
        try:
            ipaddress.ip_address(args["address"])
        except ValueError:
            raise Refused(
                f"{args['address']!r} is no IP address.",
                "The doctor looks who else has the address and port of the application.",
                "Set myapp_address to one of the host's, or to 0.0.0.0 for all of them.",
            ) from None
