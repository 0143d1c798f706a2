"""What earlier runs of status saw, a JSON object a line, so that growth can be told. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

KEPT = 400
"""Lines kept for each host and volume: a year of daily runs, and then some."""


def remember(text: str, rows: Mapping[str, Mapping[str, Any]], at: str) -> str:
    """Return the history with this run's rows added, and the oldest lines of each volume left out."""
    lines = [*parse(text), *(_line(host, row, at) for host, row in rows.items() if not row.get("unreachable"))]
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for line in reversed(lines):
        seen[_key(line)] = seen.get(_key(line), 0) + 1
        if seen[_key(line)] <= KEPT:
            kept.append(json.dumps(line))
    return "".join(f"{line}\n" for line in reversed(kept))


def growth(text: str, host: str, volume: str) -> list[dict[str, Any]]:
    """Return what is remembered of a host's volume (its token), oldest first. Another volume of the same name is another."""
    return [line for line in parse(text) if _key(line) == (host, volume) and isinstance(line.get("data_bytes"), int)]


def releases(text: str, host: str) -> list[dict[str, str]]:
    """Return the releases that a host was seen to serve, `name` and `at` (when first seen), oldest first.

    One that came back is told again; the engine itself forgets a container with its removal.
    """
    found: list[dict[str, str]] = []
    for line in parse(text):
        name = line.get("release")
        if line["host"] == host and name and isinstance(name, str) and (not found or found[-1]["name"] != name):
            found.append({"name": name, "at": str(line["at"])})
    return found


def parse(text: str) -> list[dict[str, Any]]:
    """Return the lines that are objects of ours; what a crash or a hand left between them is passed over."""
    return list(_objects(text.splitlines()))


def _objects(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and {"at", "host", "volume"} <= found.keys():
            yield found


def _line(host: str, row: Mapping[str, Any], at: str) -> dict[str, Any]:
    kept = ("state", "release", "data_bytes", "free_bytes", "log_bytes")
    return {"at": at, "host": host, "volume": row["volume"], **{key: row[key] for key in kept}}


def _key(line: Mapping[str, Any]) -> tuple[str, str]:
    return str(line["host"]), str(line["volume"])
