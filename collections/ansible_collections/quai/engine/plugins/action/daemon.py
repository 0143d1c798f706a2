"""quai.engine.daemon: what the Docker daemon of a Debian host needs, from one read."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import plan_daemon as planning
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what differs; in check mode that is what would be changed."""
        fields = [field.name for field in dataclasses.fields(planning.Wanted)]
        wanted = planning.Wanted(**{name: args[name] for name in fields})
        sections = planning.read_sections(wanted)
        if args["confirm"]:
            sections = {"wait": _until_it_answers(args["wait_seconds"])} | sections
        facts = planning.facts_of(self.read(sections), wanted)
        if args["confirm"]:  # the change of which the record says "pending" is the one being confirmed
            facts = dataclasses.replace(facts, record=dataclasses.replace(facts.record, pending=False))
        changes = planning.plan_daemon(facts, wanted)
        if args["confirm"] and (not facts.answers or (wanted.state == "present" and changes.titles)):
            raise Refused(
                f"The daemon does not answer after {args['wait_seconds']} s."
                if not facts.answers
                else f"Still to do after everything was done: {'; '.join(changes.titles)}.",
                "The host has no Docker as it was asked for.",
                "The daemon's log tells why.",
            )
        if changes.config and facts.dockerd and wanted.state == "present":
            self._validate(changes.config)
        if changes.titles:
            self._announce(facts, changes)
        result: dict[str, Any] = {
            "changed": bool(changes.titles) and self._task.check_mode,
            "differs": bool(changes.titles),
            "act": bool(changes.titles) and not self._task.check_mode,
            "plan": list(changes.titles),
            "mode": changes.mode,
            "version": ".".join(map(str, facts.version)),
            "adopted": changes.adopted,
            "packages": list(changes.packages),
            "update_lists": not facts.fresh_lists,
            "config": changes.config,
            "config_before": facts.config_text,
            "remove_config": changes.remove_config,
            "users": list(changes.users),
            "daemon": changes.daemon,
            "enable": changes.enable,
            "live_restore_command": ["docker", "-H", planning.SOCKET, "info", "--format", "{{.LiveRestoreEnabled}}"],
            "stop_containers_command": ["docker", "-H", planning.SOCKET, "stop", *changes.containers],
            "reload_first": changes.reload_first,
            "arguments": list(changes.arguments or ("-p", planning.PIDFILE)),
            "containers": list(changes.containers),
            "purge": changes.purge,
            "dockerd": facts.dockerd or "/usr/sbin/dockerd",
            "record": changes.record.text(),
            "record_pending": dataclasses.replace(changes.record, pending=bool(changes.daemon)).text(),
            "record_back": changes.record_back(facts.record).text(),
            "files": {
                "config": planning.CONFIG,
                "record": planning.RECORD,
                "pid": planning.PIDFILE,
                "log": planning.LOGFILE,
            },
            "validate": quote(["/bin/sh", "-c", planning.VALIDATE, "validate"]) + " %s",
            "stop_command": ["/bin/sh", "-c", planning.STOP, "stop", planning.PIDFILE],
            "log_command": ["/bin/sh", "-c", planning.complaints(changes.mode)],
        }
        if changes.titles and self._task.check_mode:
            result["diff"] = [
                {"prepared": "".join(f"{line}\n" for line in ["would:", *(f"  {title}" for title in changes.titles)])},
                *([_difference(changes)] if changes.before != changes.after else []),
            ]
        return result

    def _validate(self, config: str) -> None:
        """Have the host's own dockerd judge the new configuration, before anything is changed."""
        judge = quote(["/bin/sh", "-c", planning.VALIDATE, "validate"])
        shell = f'f=$(mktemp -t daemon.json.XXXXXX) && trap "rm -f $f" EXIT && printf "%s" {quote([config])} >"$f" && {judge} "$f"'
        answer = self.fragment(shell)
        if not answer.ok:
            said = re.sub(r"\S+/(daemon\.json|tmp)\.\w+", planning.CONFIG, answer.stderr or answer.stdout).rstrip(".")
            raise Refused(
                f"dockerd does not accept the configuration: {said}.",
                "It would not start with it; nothing was changed.",
                "Correct docker_engine_options.",
            )

    def _announce(self, facts: planning.Facts, changes: planning.Changes) -> None:
        """Tell what was found on this host, where it decides how the daemon is run."""
        if changes.adopted:
            version = ".".join(map(str, facts.version))
            self.say(f"Docker {version} was here before Quai and stays as it is installed")
        if changes.daemon in ("start", "restart"):
            after = ", which will NOT bring it back after a reboot" if changes.mode == "direct" else ""
            self.say(f"the daemon is started by: {changes.mode}{after}")


def _difference(changes: planning.Changes) -> dict[str, str]:
    def text(values: Any) -> str:
        return json.dumps(values, indent=2, sort_keys=True) + "\n" if values else ""

    headers = {"before_header": planning.CONFIG, "after_header": planning.CONFIG}
    return {"before": text(changes.before), "after": text(changes.after)} | headers


def _until_it_answers(seconds: int) -> str:
    # A daemon that gives up removes its pid file: no use in waiting on.
    hopeless = f"{{ [ $i -ge {seconds} ] || {{ [ $i -ge 10 ] && [ ! -e {planning.PIDFILE} ]; }}; }}"
    return f"i=0; until {planning.docker_command()} version >/dev/null 2>&1; do {hopeless} && exit 1; i=$((i + 1)); sleep 1; done"
