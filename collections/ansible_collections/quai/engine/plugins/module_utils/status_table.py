"""The rows of all hosts as one table, one document and one line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.script import printable
from ansible_collections.quai.engine.plugins.module_utils.status import ago, size

Row = Mapping[str, Any]


def unread(result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the row of a host that gave none. result: what its task came to, where one came to anything."""
    result = result or {}
    reason = str(result.get("msg") or "see its error above").strip()
    said = "could not be reached" if result.get("unreachable") else "could not be read"
    return {"state": "bad", "unreachable": True, "findings": [{"level": "bad", "text": f"The host {said}: {reason}"}]}


def document(rows: Mapping[str, Row], at: str) -> dict[str, Any]:
    """Return all rows as one document. at: when they were read, in ISO form."""
    return {
        "at": at,
        "state": _worst(rows),
        "hosts": [{"host": host, **row} for host, row in rows.items()],
    }


def verdict(rows: Mapping[str, Row]) -> str:
    """Return the last line: how many hosts are well, and which are not."""
    bad = [host for host, row in rows.items() if row["state"] == "bad"]
    warned = [host for host, row in rows.items() if row["state"] == "warning"]
    ok = len(rows) - len(bad) - len(warned)
    parts = [f"{ok} of {len(rows)} hosts ok"]
    parts += [f"{len(warned)} with warnings ({', '.join(warned)})"] if warned else []
    parts += [f"{len(bad)} BAD ({', '.join(bad)})"] if bad else []
    return ", ".join(parts)


def table(rows: Mapping[str, Row]) -> list[tuple[str, str]]:
    """Return the lines for people, each with its state (`ok`, `warning`, `bad`, or empty for the head)."""
    cells = [_HEAD] + [_cells(host, row) for host, row in rows.items()]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_HEAD))]
    states = ["", *(row["state"] for row in rows.values())]
    lines = [
        ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), state)
        for line, state in zip(cells, states, strict=True)
    ]
    for host, row in rows.items():
        lines += [(printable(f"{host}: {each['text']}"), each["level"]) for each in row["findings"]]
        if told := machine(row):
            lines.append((f"{host}: the machine {told}", ""))
    return lines


def machine(row: Row) -> str:
    """Return where a Mac's machine is and the words that open a shell in it, if it has one; empty for one that is nowhere."""
    found = row.get("machine") or {"address": ""}
    shell = f": {found['shell']}" if found.get("shell") else ""
    return f"{found['name']} is at {found['address']}{shell}" if found["address"] else ""


_HEAD = (
    "HOST", "STATE", "ENGINE", "RELEASE", "IMAGE", "UP SINCE", "RESTARTS", "OOM", "HEALTH", "ADDRESS", "DATA", "FREE", "LOGS",
    "DRIFT",
)  # fmt: skip


def _cells(host: str, row: Row) -> tuple[str, ...]:
    if row.get("unreachable"):
        return (host, "BAD", "not read", *["-"] * (len(_HEAD) - 3))
    up = row["up_since"]
    cells = (
        host,
        row["state"].upper() if row["state"] == "bad" else row["state"],
        row["engine"],
        row["release"],
        row["image"],
        f"{up[:16].replace('T', ' ')}Z ({ago(up, row['now'])})" if up else row["container"],
        _count(row["restarts"]),
        _count(row["oom_kills"]),
        row["health"],
        row["address"],
        size(row["data_bytes"]),
        size(row["free_bytes"]),
        size(row["log_bytes"]),
        " ".join(row["drift"]),
    )
    return tuple(printable(cell) or "-" for cell in cells)


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _worst(rows: Mapping[str, Row]) -> str:
    states: Sequence[str] = [row["state"] for row in rows.values()]
    return next((state for state in ("bad", "warning") if state in states), "ok")
