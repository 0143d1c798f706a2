#!/usr/bin/python3 -I
"""Runs the double whose name it is called by: each program of the Mac is a link to this file.

`double.py NAME WORDS...` does the same without a link.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FILE = Path(__file__).resolve()


def main() -> int:
    """Run one program; its exit code."""
    sys.path.insert(0, str(FILE.parents[1]))
    shared = importlib.import_module(f"{FILE.parent.name}.shared")
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    if name == FILE.name:
        name, *words = words
    shared.begin(name, words)
    program = importlib.import_module(f"{FILE.parent.name}.{shared.PROGRAMS[name]}")
    try:
        code: int = program.main(words)
    except shared.Unrecorded as refusal:
        code = shared.refuse(str(refusal))
    return code


if __name__ == "__main__":
    sys.exit(main())
