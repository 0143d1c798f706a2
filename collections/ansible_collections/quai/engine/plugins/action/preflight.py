"""quai.engine.preflight: refuse what cannot work before anything changes."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load  # in C, where PyYAML is: every host parses
from ansible.utils.vars import load_extra_vars

from ansible_collections.quai.engine.plugins.module_utils import inputs, ports
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_data import TOKEN_FILE
from ansible_collections.quai.engine.plugins.module_utils.plan_release import bytes_of
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction
from ansible_collections.quai.engine.plugins.plugin_utils.space import (
    foreign_problem,
    free_space,
    space_problem,
    what_is_there,
)

# The token of a volume in the directory, the one that the host remembers, or a volume of the engine.
_OURS = f'[ -e "$1/{TOKEN_FILE}" ] || [ -e "$2/$3" ] || docker volume inspect "$3" >/dev/null 2>&1'


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return success, or every problem at once."""
        problems = self._inputs(args, task_vars)
        for context in args["contexts"]:
            try:
                contexts.checked(context, "Dockerfile")
            except Refused as refusal:
                problems.append(str(refusal))
        problems += self._address(args)
        if not problems:  # the host is asked with values that make sense only
            problems = self._of_the_host(args)
        if not problems:
            return {"changed": False}
        listed = "\n".join(f"- {problem}" for problem in problems)
        return {"failed": True, "problems": problems, "msg": f"Nothing was changed on {self._host}:\n{listed}"}

    def _inputs(self, args: dict[str, Any], task_vars: dict[str, Any]) -> list[str]:
        options: dict[str, Any] = dict(yaml_load(Path(args["vocabulary"]).read_text(encoding="utf-8"))["vocabulary"])
        prefixes = ["myapp_", "quai_", *(f"{role}_" for role in args["roles"])]
        for role in args["roles"]:
            spec = Path(args["roles_directory"], role, "meta", "argument_specs.yml")
            for entry in yaml_load(spec.read_text(encoding="utf-8"))["argument_specs"].values():
                options.update(entry["options"])
        # A cached fact of Quai's own (quai_machine) is a variable too.
        facts = task_vars.get("ansible_facts") or {}
        names = [name for name in task_vars if name.startswith(tuple(prefixes)) and name not in facts]

        def value_of(name: str) -> Any:
            return self._templar.template(task_vars[name])

        problems = (
            inputs.strangers(names, options, prefixes)
            + inputs.slips(load_extra_vars(self._loader), options, names)
            + inputs.unfit(options, value_of, names)
        )
        return problems or inputs.too_small(value_of, names)

    @staticmethod
    def _address(args: dict[str, Any]) -> list[str]:
        problems = [
            f"{title} {args[name]} is out of range: TCP has the ports 1 to 65535. Set {variable} to one of them."
            for name, title, variable in (
                ("port", "Port", "myapp_port"),
                ("container_port", "Container port", "app_web_container_port"),
            )
            if not (str(args[name]).isdecimal() and 1 <= int(args[name]) <= 65535)
        ]
        try:
            ipaddress.ip_address(args["address"])
        except ValueError:
            problems.append(
                f"{args['address']!r} is no IP address. Set myapp_address to one of the host's, or to 0.0.0.0 for all of them."
            )
        if not re.fullmatch(r"/[!-~]*", args["health_path"]):
            problems.append(
                f"{args['health_path']!r} is no path of a page. Set myapp_health_path to one that begins with / and has "
                "neither blanks nor accents (%20 and the like stand for them)."
            )
        try:
            bytes_of(args["memory"])
        except Refused as refusal:
            problems.append(str(refusal))
        return problems

    def _of_the_host(self, args: dict[str, Any]) -> list[str]:
        sections = {"user": "id -u; id -un"}
        if args["own_ports"]:
            sections["listening"] = ports.LISTENING
            sections["publishing"] = ports.publishing(int(args["port"]), args["container"])
        if args["directory"]:
            sections["space"] = free_space(args["directory"])
            sections["directory"] = what_is_there(args["directory"])
            words = ["sh", "-c", _OURS, "sh", args["directory"], args["register_directory"], args["data"]]
            sections["ours"] = quote(words)
        answers = self.read(sections)
        user = answers["user"].stdout.split()
        if args["root"] and user[:1] != ["0"]:
            return [
                (
                    f"Quai works as {user[-1] if user else 'an unknown user'} on {self._host}, not as root. "
                    "Packages, services and the data directory need root. Run the play with become (and --ask-become-pass where sudo asks), or connect as root."
                )
            ]
        problems = self._port(args, answers["listening"], answers["publishing"]) if args["own_ports"] else []
        if args["directory"]:
            problems += space_problem(answers["space"], args["directory"], args["free_mib"])
            problems += foreign_problem(answers, args["directory"], args["owner"])
        return problems

    def _port(self, args: dict[str, Any], listening: Answer, publishing: Answer) -> list[str]:
        address, port = str(ipaddress.ip_address(args["address"])), int(args["port"])
        taken, by = ports.conflict(
            ports.listeners(listening.stdout), ports.published(publishing.stdout), args["container"], address, port
        )
        if not taken:
            return []
        who = ", ".join(f"container {name}" for name in by) or ", ".join(
            self.fragment(ports.owner_of(taken)).stdout.strip().splitlines()
        )
        return [
            (
                f"Port {args['port']} is already taken by {who or 'another program'}, on {taken.address}. "
                "Stop that program, or set another port (myapp_port) or address (myapp_address)."
            )
        ]
