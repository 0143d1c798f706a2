"""quai.engine.logs: show what the application logged, and follow it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import logs, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.plan_release import LABEL_APP
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, printable, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, display
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ANY_VERSION

PAUSE_SECONDS = 1
"""Between two reads."""
LINES = 100
"""Last lines that are shown where neither a count nor a time is given."""
REACH = 1000
"""Last lines that are read first where a time is given; more where they do not reach it."""

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
        self._span = logs.span(args["since"], args["up_to"], datetime.datetime.now(datetime.UTC))
        recorded = quote(["cat", f"{args['register']}.path"]) if args["register"] and args["directory"] else "true"
        first = self.read({"version": ANY_VERSION, "recorded": recorded})
        self._old = is_old(state.engine_version(first["version"].stdout))
        # A volume that was there before Quai, on an old engine: see roles/app_data.
        self._directory = first["recorded"].stdout.strip() or args["directory"]
        count = args["lines"] if args["lines"] is not None else None if self._span.start else LINES
        # No engine ends at a moment: all is asked for where only the last before it are shown.
        engine_count = None if self._span.end else count
        paths = list(self._files().values())
        # Without a moment to reach, the count is all that is needed.
        reach = REACH if count is None or self._span.end else count
        answers = self._read({path: logs.tail(path, reach) for path in paths}, self._span.start, engine_count)
        read_at = _seconds(answers["now"])
        while lacking := [path for path in paths if not self._suffices(answers[path], reach, count)]:
            reach *= 8
            answers |= self.read({path: quote(self._words(logs.tail(path, reach))) for path in lacking})
        for file, path in self._files().items():
            lines, self._positions[path] = logs.read_tail(answers[path].stdout)
            known = logs.first_stamp(lines) is not None  # else none can be told to be outside
            self._show(file, logs.last(logs.within(lines, self._span), count if known or count is not None else LINES))
        self._show_output(answers["output"], count)
        if answers["output"].stderr and not answers["output"].stdout.strip():
            reason = answers["output"].stderr.splitlines()[-1]
            display.display(
                f"{self._host} {args['name']} | (the containers' output cannot be had: {printable(reason)})"
            )
        if args["follow"]:
            self._follow(read_at)
        return {"shown": self._shown}

    def _suffices(self, answer: Answer, reach: int, count: int | None) -> bool:
        """Return whether no more lines than these last ones need to be read."""
        lines, _position = logs.read_tail(answer.stdout)
        if len(lines) < reach:  # there are no more
            return True
        stamp = logs.first_stamp(lines)
        if stamp is None or (self._span.start and stamp < self._span.start):
            return True
        return count is not None and len(logs.within(lines, self._span)) >= count

    def _follow(self, read_at: int) -> None:
        """Read again and again, from when it was read last (seconds, by the host's clock). A new container is read from there too."""
        end = time.monotonic() + self._args["seconds"] if self._args["seconds"] else None
        count = logs.OLD_LINES if self._old else None
        while end is None or time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)
            pieces = {path: logs.more(path, position) for path, position in self._positions.items()}
            answers = self._read(pieces, datetime.datetime.fromtimestamp(read_at, datetime.UTC), count)
            read_at = _seconds(answers["now"], read_at)
            for file, path in self._files().items():
                lines, self._positions[path] = logs.read_more(answers[path].stdout, self._positions[path])
                self._show(file, lines)
            self._show_output(answers["output"])

    def _read(
        self, files: Mapping[str, list[str]], since: datetime.datetime | None, count: int | None
    ) -> dict[str, Answer]:
        """Return what the words print for each file, the containers' output and the time, in one round trip."""
        name = self._args["name"]
        pieces = {path: quote(self._words(words)) for path, words in files.items()}
        # The time before what is read: a line that comes between them is read twice, never missed, and shown once.
        label = f"{LABEL_APP}={name}"
        output = (
            logs.old_output(label, name, since, count)
            if self._old
            else logs.output(label, name, since.isoformat() if since else "", count)
        )
        return self.read({"now": "date +%s", **pieces, "output": output})

    def _words(self, words: list[str]) -> list[str]:
        return words if self._directory else ["sh", "-c", _INSIDE, "sh", self._args["name"], *words]

    def _files(self) -> dict[str, str]:
        """Return each log file, as the container sees it, with the path where it is read."""
        data, directory = self._args["data_path"].rstrip("/"), self._directory.rstrip("/")
        return {
            file: f"{directory}{file.removeprefix(data)}" if directory else file
            for file in self._args["files"]
            if file.startswith(f"{data}/")
        }

    def _show_output(self, answer: Answer, count: int | None = None) -> None:
        for each in logs.read_output(answer.stdout):
            found = logs.last_within(each, self._span, count)
            lines, self._moments[found.id] = logs.fresh(found, self._moments.get(found.id, ""))
            self._show(f"{found.name} {found.release}".strip(), lines)

    def _show(self, source: str, lines: list[str]) -> None:
        self._shown[source] = self._shown.get(source, 0) + len(lines)
        for line in lines:
            display.display(f"{self._host} {source} | {printable(line)}")

    def _refuse(self, args: dict[str, Any], task_vars: dict[str, Any]) -> None:
        if (args["lines"] or 0) < 0 or args["seconds"] < 0:
            raise Refused(
                "A number below 0 was given.", "It counts lines or seconds.", "Correct logs_lines or logs_seconds."
            )
        if args["follow"] and args["up_to"]:
            raise Refused(
                "logs_follow and logs_until were both given.",
                "What is yet to be logged lies after any end.",
                "Leave out one; logs_seconds ends what is followed.",
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
