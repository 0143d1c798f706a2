"""The command line: see the package's docstring."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import archive, guard


def main() -> None:
    """Parse and dispatch."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.legacy")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("guard", help="print the guard")
    commands.add_parser("archive", help="make the archives").add_argument("directory", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "guard":
        print(guard.script(), end="")
    else:
        archive.make_all(arguments.directory)


main()
