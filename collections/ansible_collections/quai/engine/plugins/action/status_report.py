"""quai.engine.status_report: the rows of all hosts as a table, a document and a page, on the controller."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.quai.engine.plugins.module_utils import status_history, status_page, status_table
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, display

_COLORS = {"bad": constants.COLOR_ERROR, "warning": constants.COLOR_WARN, "ok": constants.COLOR_OK, "": None}


class ActionModule(QuaiAction):
    """The action."""

    _requires_connection = False

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Print, and write the files asked for."""
        rows = {host: row or status_table.unread(args["results"].get(host)) for host, row in args["rows"].items()}
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        document = status_table.document(rows, at)
        if args["format"] == "json":
            display.display(json.dumps(document))
        else:
            for line, state in status_table.table(rows):
                display.display(line, color=_COLORS[state])
        history = self._remember(args["history"], rows, at) if args["history"] else ""
        if args["file"]:
            self._write(args["file"], json.dumps(document, indent=1) + "\n", "status_file")
        if args["report"]:
            self._write(args["report"], status_page.page(document, history), "status_report")
        verdict = status_table.verdict(rows)
        bad = [host for host, row in rows.items() if row["state"] == "bad"]
        # What the run ends with, after its recap.
        return {
            "verdict": verdict,
            "bad": bad,
            "ansible_stats": {"data": {"status": verdict}, "per_host": False, "aggregate": False},
        }

    def _remember(self, path: str, rows: dict[str, Any], at: str) -> str:
        """Return the history with these rows, after writing it."""
        try:
            before = Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).exists() else ""
        except OSError as error:
            raise _unwritable(path, error, "status_history") from error
        text = status_history.remember(before, rows, at)
        self._write(path, text, "status_history", make_directory=True)
        return text

    def _write(self, path: str, text: str, name: str, *, make_directory: bool = False) -> None:
        """Write a file of the controller at once or not at all; in check mode only say so."""
        if self._task.check_mode:
            display.display(f"would write {path}")
            return
        try:
            if make_directory:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", errors="backslashreplace", dir=Path(path).parent, delete=False
            ) as new:
                new.write(text)
            Path(new.name).chmod(0o644)
            os.replace(new.name, path)
            if name == "status_report":
                display.display(f"wrote {path}")
        except OSError as error:
            raise _unwritable(path, error, name) from error


def _unwritable(path: str, error: OSError, name: str) -> Refused:
    return Refused(
        f"{path} cannot be written on this machine: {error.strerror}.",
        "It was asked for.",
        f"Set {name} to a file in a directory that exists and may be written.",
    )
