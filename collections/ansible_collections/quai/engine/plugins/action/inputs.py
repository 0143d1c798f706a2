"""quai.engine.inputs: what a playbook is given with -e, refused by name where it cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.utils.vars import load_extra_vars

from ansible_collections.quai.engine.plugins.module_utils import inputs
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction


class ActionModule(QuaiAction):
    """The action."""

    _requires_connection = False  # it is the same for a host that cannot be reached

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return success, or every problem at once."""
        options, prefix = args["options"], args["prefix"]
        names = [name for name in task_vars if name.startswith(prefix)]
        given = load_extra_vars(self._loader)
        words = yaml_load(Path(args["vocabulary"]).read_text(encoding="utf-8"))["vocabulary"]
        problems = (
            inputs.meant(names, options, prefix, given)
            + inputs.slips(given, {**options, **words}, names)
            + inputs.unfit(options, lambda name: self._templar.template(task_vars[name]), names)
        )
        if not problems:
            return {}
        return {"failed": True, "problems": problems, "msg": " ".join(["Nothing was done.", *problems])}
