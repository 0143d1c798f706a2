"""Actions made by Ansible's own classes, to run in this process; and a guard in docker's place."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar, trust_as_template

from ansible_collections.quai.engine.plugins.plugin_utils import base

PLUGINS = "ansible_collections.quai.engine.plugins"
EMPTY = "''"
QUESTIONS = (
    "version",
    "ps",
    "inspect",
    "container inspect",
    "image inspect",
    "image ls",
    "manifest inspect",
    "images",
    "port",
    "volume inspect",
    "logs",
    "cp",
    "info",
)
Run = Callable[..., dict[str, Any]]


class Guard:
    """Programs first on PATH, that answer what a test told them to, refuse all else, and keep a record of their calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "calls"
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True)
        self._answers: dict[str, list[str]] = {}

    def answer(
        self, pattern: str, stdout: str | Path = "", stderr: str = "", rc: int = 0, program: str = "docker"
    ) -> None:
        """Answer calls whose arguments, joined by blanks, match the shell pattern; the first one that matches counts.

        stdout: a text, or a file whose bytes are the answer.
        """
        glob = "*".join(shlex.quote(part) if part else "" for part in pattern.split("*"))
        says = f"cat {shlex.quote(str(stdout))}" if isinstance(stdout, Path) else f"printf %s {shlex.quote(stdout)}"
        self._answers.setdefault(program, []).append(
            f"{glob or EMPTY}) {says}; printf %s {shlex.quote(stderr)} >&2; exit {rc} ;;"
        )
        script = [
            "#!/bin/sh",
            f'printf "%s\\n" "{program} $*" >> {shlex.quote(str(self.log))}',
            f'printf "%s\\n" "${{DOCKER_HOST:-}}" >> {shlex.quote(str(self.log))}.host',
            'case "$*" in',
            *self._answers[program],
            'esac\necho "the guard has no answer for: $*" >&2; exit 64',
        ]
        path = self.bin / program
        path.write_text("\n".join(script) + "\n", encoding="utf-8")
        path.chmod(0o755)

    def forget(self, program: str) -> None:
        """Answer no call of the program any more, until told again."""
        del self._answers[program]

    @property
    def calls(self) -> list[str]:
        """The calls so far, one a line; programs of several lines are cut to their first."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def changes(self) -> list[str]:
        """Return the calls that are not mere questions."""
        return [call for call in self.calls if call.startswith("docker ") and not call.startswith(_words(QUESTIONS))]


def _words(questions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"docker {question}" for question in questions)


def action(
    kind: type[base.QuaiAction],
    check: bool = False,
    environment: Mapping[str, str] | None = None,
    variables: Mapping[str, Any] | None = None,
    args: Mapping[str, Any] | None = None,
) -> base.QuaiAction:
    """Return an action as a play would make it, ready to run."""
    loader = DataLoader()
    task = Task()
    task.args = dict(args or {})
    task.environment = [dict(environment)] if environment else []
    task.check_mode = check
    context = PlayContext()
    known = trusted(variables or {})
    return kind(
        task=task,
        connection=connection_loader.get("local", context),
        play_context=context,
        loader=loader,
        templar=Templar(loader=loader, variables=known),
        shared_loader_obj=None,
    )


def trusted(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables as an inventory's: their texts may be templates."""
    return {name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()}
