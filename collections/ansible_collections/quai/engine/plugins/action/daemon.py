"""quai.engine.daemon: what the Docker daemon of a Debian host needs, from one read; brought about where no module runs."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.quai.engine.plugins.module_utils import daemon_steps, plan_daemon as planning, release_packages
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what differs; in check mode that is what would be changed."""
        fields = [field.name for field in dataclasses.fields(planning.Wanted)]
        wanted = planning.Wanted(**{name: args[name] for name in fields})
        self._sections = planning.read_sections(wanted, self._interpreters(task_vars))
        if args["confirm"]:
            self._sections = {"wait": planning.until_it_answers(args["wait_seconds"])} | self._sections
        facts, changes = self._plan(wanted, confirm=args["confirm"])
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
        if changes.titles and changes.by_steps and not self._task.check_mode:
            self._act(facts, changes, wanted, args["wait_seconds"])
        result: dict[str, Any] = {
            "changed": bool(changes.titles) and (self._task.check_mode or changes.by_steps),
            "differs": bool(changes.titles),
            "act": bool(changes.titles) and not self._task.check_mode and not changes.by_steps,
            "plan": list(changes.titles),
            "mode": changes.mode,
            "version": ".".join(map(str, facts.version)),
            "python": " ".join([".".join(map(str, facts.python)), facts.python_path]).strip(),
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
            "warnings": [f"{self._host}: {warning}" for warning in changes.warnings],
            "validate": quote(["/bin/sh", "-c", planning.VALIDATE, "validate"]) + " %s",
            "stop_command": ["/bin/sh", "-c", planning.STOP, "stop", planning.PIDFILE],
            "log_command": ["/bin/sh", "-c", planning.complaints(changes.mode)],
        }
        if changes.titles and self._task.check_mode:
            result["diff"] = [
                {"prepared": "".join(f"{line}\n" for line in ["would:", *(f"  {title}" for title in changes.titles)])},
                *([_difference(changes)] if changes.before != changes.after else []),
                *(
                    {"before": file.before, "after": file.after, "before_header": file.path, "after_header": file.path}
                    for file in changes.files
                ),
            ]
        return result

    def _plan(self, wanted: planning.Wanted, *, confirm: bool) -> tuple[planning.Facts, planning.Changes]:
        """Read the host and plan. confirm: the change of which the record says "pending" is the one being confirmed."""
        facts = planning.facts_of(self.read(self._sections), wanted)
        if confirm:
            facts = dataclasses.replace(facts, record=dataclasses.replace(facts.record, pending=False))
        return facts, planning.plan_daemon(facts, wanted)

    def _interpreters(self, task_vars: dict[str, Any]) -> list[str]:
        """Return the Pythons that Ansible's modules would run on there: the configured one, or those it looks for."""
        found = str(
            self._templar.template(constants.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars)) or ""
        )
        if found and not found.startswith("auto"):
            return [found]
        return list(constants.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=task_vars))

    def _act(
        self, facts: planning.Facts, changes: planning.Changes, wanted: planning.Wanted, wait_seconds: int
    ) -> None:
        """Carry the plan out as steps. Raises Failure, after going back, where the daemon does not work with it."""
        python = f"its Python is {'.'.join(map(str, facts.python))}" if facts.python else "it has no Python"
        why = "its packages are sent" if wanted.packages_directory else python
        self.say(f"{why}: everything is done through its shell")
        if wanted.state == "absent":
            self.take(daemon_steps.removal(facts, changes))
            return
        titles = changes.titles
        if changes.packages or changes.users:
            aside = ""
            if changes.archive:
                aside = self._fetch(changes.archive, changes.packages)
            elif changes.packages and wanted.packages_directory:
                aside = self._send(Path(wanted.packages_directory))
            try:
                self.take(daemon_steps.installation(facts, changes, aside))
            finally:
                if aside:
                    self.command(["rm", "-rf", aside])
            try:
                facts, changes = self._plan(wanted, confirm=False)  # what came with the packages decides the rest
                if changes.config:
                    self._validate(changes.config)
            except Refused as reason:
                raise Failure(f"{reason} So far: {'; '.join(titles[:1])}.") from None
        steps = daemon_steps.configuration(facts, changes, wait_seconds)
        self.take(steps, on_failure=lambda _step, _answer: self._last_words(titles, changes))
        left = self._plan(wanted, confirm=True)[1].titles
        if left:
            words = self._last_words(titles, changes)
            self.take_back(steps)
            raise Failure(f"{self._host}: Still to do after everything was done: {'; '.join(left)}.\n{words}")
        self.take([daemon_steps.record(changes.record)])

    def _fetch(self, archive: Archive, packages: Sequence[str]) -> str:
        """Fetch the packages from the archive and prove that they are Debian's; return the directory where they are."""
        with self.long_step(f"fetching {', '.join(packages)} from {archive.url}, and its proof"):
            answer = self.fragment(archive.fetch(packages))
        if not answer.ok:
            raise archive.refused(", ".join(packages), answer.stderr)
        return answer.stdout.strip()

    def _send(self, packages: Path) -> str:
        """Send the packages of a directory of the controller; return the host's directory where apt finds them."""
        names = sorted(path.name for path in packages.iterdir())
        directory = self._make_tmp_path()
        try:
            remote = self._connection._shell.join_path(directory, "packages.tar")
            with tempfile.NamedTemporaryFile(suffix=".tar") as local:
                contexts.write_tar(packages, names, local.file)
                local.flush()
                with self.long_step(f"sending {len(names)} files of packages ({local.tell() >> 20} MiB)"):
                    self._transfer_file(local.name, remote)
            answer = self.fragment(release_packages.receive(remote))
        finally:
            self._remove_tmp_path(directory)
        if not answer.ok:
            raise Refused(
                f"The packages that were sent to {self._host} cannot be used: {answer.stderr}.",
                "The engine would be installed from them.",
                f"Nothing was installed. Check {packages}, and the free space of /var/tmp on the host.",
            )
        return answer.stdout.strip()

    def _last_words(self, titles: Sequence[str], changes: planning.Changes) -> str:
        """Return what the operator must know of a daemon that does not work."""
        log = self.fragment(planning.complaints(changes.mode)).stdout
        files = [planning.CONFIG] if changes.config else [file.path for file in changes.files]
        back = f"{' and '.join(files)} is again what it was before. " if files else ""
        return f"The Docker daemon does not work after: {'; '.join(titles)}.\n{back}Its last log lines:\n{log}"

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
