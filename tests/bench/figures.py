"""Measured figures and the table they end in."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_START = time.monotonic()


def say(message: str) -> None:
    """Print a line of progress with the seconds since the start."""
    print(f"bench {time.monotonic() - _START:7.1f}s  {message}", file=sys.stderr, flush=True)


def load() -> str:
    """The machine's load averages."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


@dataclass(frozen=True)
class Figures:
    """What a row measured on one side."""

    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """`median (min-max)`, the range where there is one."""
        digits = {"s": 2, "MB": 0, "calls": 0}[self.unit]
        text = f"{self.median:.{digits}f} {self.unit}"
        low, high = min(self.values), max(self.values)
        return text if low == high else f"{text} ({low:.{digits}f}-{high:.{digits}f})"


@dataclass
class Row:
    """One line of the table."""

    title: str
    text: Figures | None = None
    quai: Figures | None = None
    target: float | None = None
    note: str = ""
    load: str = field(default_factory=load)

    def cells(self) -> list[str]:
        """The line's cells, the target with its verdict."""
        runs = len(self.quai.values) if self.quai else 0
        ratio = ""
        if self.text and self.quai and self.text.median:
            ratio = f"x {self.quai.median / self.text.median:.2f}"
        verdict = ""
        if self.target is not None and self.quai:
            reached = "reached" if self.quai.median <= self.target else "NOT reached"
            verdict = f"{self.target:g} {self.quai.unit}: {reached}"
        return [
            self.title,
            str(runs or ""),
            str(self.text or "-"),
            str(self.quai or self.note or "-"),
            ratio,
            verdict,
            self.load.split()[0],
        ]


HEAD = ["", "runs", "the text's commands", "Quai", "Quai/text", "target", "load"]


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
