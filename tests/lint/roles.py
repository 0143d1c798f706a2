"""The rules of the house that no linter knows: every role's files, names, specs and defaults agree.

ansible-docsmith compares names and default values; this adds what it lets pass: the type of a default, the prefix of a
name, the state every role takes, empty dependencies, and the molecule scenario that proves the role.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "dict": dict,
    "float": (int, float),
    "int": int,
    "list": list,
    "path": str,
    "raw": object,
    "str": str,
}
FILES = ("README.md", "defaults/main.yml", "meta/argument_specs.yml", "tasks/main.yml")


def load(path: Path) -> dict[str, Any]:
    """Return the mapping a YAML file holds; an empty file is an empty mapping."""
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(found, dict):
        raise SystemExit(f"{path}: a mapping was expected, it holds a {type(found).__name__}")
    return found


def fits(value: object, declared: str) -> bool:
    """Tell whether a default is of its declared type; a template's type is known only when it runs."""
    if value is None or (isinstance(value, str) and "{{" in value):
        return True
    if isinstance(value, bool) and declared in ("int", "float"):
        return False
    return isinstance(value, TYPES[declared])


def of_option(name: str, option: dict[str, Any], role: str, defaults: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one input."""
    if not name.startswith(f"{role}_"):
        yield f"the input {name} does not begin with {role}_"
    if "type" not in option:
        yield f"the input {name} has no type"
    if not option.get("description"):
        yield f"the input {name} has no description"
    if name not in defaults:
        if "default" in option:
            yield f"{name} has a default in the specs alone, where it sets nothing"
        return
    value = defaults[name]
    if option.get("required"):
        yield f"the input {name} is required and has a default: the specs refuse that at run time"
    if not fits(value, option.get("type", "str")):
        yield f"the default of {name} is {value!r}, which is no {option.get('type', 'str')}"
    if "default" in option and (option["default"] != value or type(option["default"]) is not type(value)):
        yield f"{name} defaults to {value!r}, and to {option['default']!r} in the specs"


def complaints(role: Path, scenarios: Path) -> Iterator[str]:
    """Yield what is wrong with one role, a sentence each."""
    missing = [name for name in FILES if not (role / name).is_file()]
    if missing:
        yield f"lacks {', '.join(missing)}"
        return
    meta = role / "meta/main.yml"
    if meta.is_file() and load(meta).get("dependencies", []) != []:
        yield "meta/main.yml has dependencies; the playbook is the wiring diagram"
    if not (scenarios / role.name / "molecule.yml").is_file():
        yield f"has no molecule scenario {scenarios / role.name}"
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    defaults = load(role / "defaults/main.yml")
    if options.get(f"{role.name}_state", {}).get("choices") != ["present", "absent"]:
        yield f"{role.name}_state must offer the choices present and absent"
    for name, option in options.items():
        yield from of_option(name, option, role.name, defaults)
    for name in defaults.keys() - options.keys():
        yield f"the default {name} is not in the specs"


def main() -> int:
    """Check every role and print what is wrong."""
    roles = sorted(path for path in Path("roles").glob("*") if path.is_dir())
    found = [f"{role}: {complaint}" for role in roles for complaint in complaints(role, Path("molecule"))]
    if not roles:
        found.append("roles/: there is no role here, so nothing was checked")
    print("\n".join(found) or f"{len(roles)} roles agree with their specs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
