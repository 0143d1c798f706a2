"""quai.engine.logs: show what the application logged, and follow it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import logs
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_release import LABEL_APP
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, printable, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, display

PAUSE_SECONDS = 1
"""Between two reads."""

# A stopped container cannot be entered; one beside it sees the same data, and is gone after the read.
_INSIDE = """\
name=$1; shift
if [ "$(docker container inspect --format '{{.State.Running}}' "$name")" = true ]; then exec docker exec "$name" "$@"; fi
image=$(docker container inspect --format '{{.Image}}' "$name") || exit
program=$1; shift
exec docker run --rm --network none --volumes-from "$name:ro" --entrypoint "$program" "$image" "$@"
"""


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Show the last lines, and those to come until the time is over."""
        self._refuse(args, task_vars)
        self._args = args
        self._positions: dict[str, logs.Position] = {}
        self._moments: dict[str, str] = {}
        self._shown: dict[str, int] = {}
        start = logs.since(args["since"], datetime.datetime.now(datetime.UTC))
        pieces = {path: logs.tail(path, args["lines"]) for path in self._files().values()}
        answers = self._read(pieces, start.isoformat() if start else "", args["lines"])
        for file, path in self._files().items():
            lines, self._positions[path] = logs.read_tail(answers[path].stdout)
            self._show(file, logs.not_before(lines, start))
        self._show_output(answers["output"])
        if args["follow"]:
            self._follow(_seconds(answers["now"]))
        return {"shown": self._shown}

    def _follow(self, read_at: int) -> None:
        """Read again and again, from when it was read last (seconds, by the host's clock). A new container is read from there too."""
        end = time.monotonic() + self._args["seconds"] if self._args["seconds"] else None
        while end is None or time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            pieces = {path: logs.more(path, position) for path, position in self._positions.items()}
            answers = self._read(pieces, str(read_at), None)
            read_at = _seconds(answers["now"], read_at)
            for file, path in self._files().items():
                lines, self._positions[path] = logs.read_more(answers[path].stdout, self._positions[path])
                self._show(file, lines)
            self._show_output(answers["output"])

    def _read(self, files: Mapping[str, list[str]], since: str, count: int | None) -> dict[str, Answer]:
        """Return what the words print for each file, the containers' output and the time, in one round trip."""
        name = self._args["name"]
        pieces = {path: quote(self._words(words)) for path, words in files.items()}
        # The time before what is read: a line that comes between them is read twice, never missed, and shown once.
        return self.read(
            {"now": "date +%s", **pieces, "output": logs.output(f"{LABEL_APP}={name}", name, since, count)}
        )

    def _words(self, words: list[str]) -> list[str]:
        return words if self._args["directory"] else ["sh", "-c", _INSIDE, "sh", self._args["name"], *words]

    def _files(self) -> dict[str, str]:
        """Return each log file, as the container sees it, with the path where it is read."""
        data, directory = self._args["data_path"].rstrip("/"), self._args["directory"].rstrip("/")
        return {
            file: f"{directory}{file.removeprefix(data)}" if directory else file
            for file in self._args["files"]
            if file.startswith(f"{data}/")
        }

    def _show_output(self, answer: Answer) -> None:
        for found in logs.read_output(answer.stdout):
            lines, self._moments[found.id] = logs.fresh(found, self._moments.get(found.id, ""))
            self._show(f"{found.name} {found.release}".strip(), lines)

    def _show(self, source: str, lines: list[str]) -> None:
        self._shown[source] = self._shown.get(source, 0) + len(lines)
        for line in lines:
            display.display(f"{self._host} {source} | {printable(line)}")

    def _refuse(self, args: dict[str, Any], task_vars: dict[str, Any]) -> None:
        if args["lines"] < 0 or args["seconds"] < 0:
            raise Refused(
                "A number below 0 was given.", "It counts lines or seconds.", "Correct logs_lines or logs_seconds."
            )
        hosts, forks = len(task_vars.get("ansible_play_hosts", [])), task_vars.get("ansible_forks") or 1
        if args["follow"] and not args["seconds"] and hosts > forks:
            raise Refused(
                f"{hosts} hosts were to be followed, and only {forks} are worked on at a time.",
                "The others would wait for ever.",
                "Name fewer with --limit, raise --forks, or set logs_seconds.",
            )


def _seconds(answer: Answer, otherwise: int = 0) -> int:
    text = answer.stdout.strip()
    return int(text) if text.isdecimal() else otherwise
