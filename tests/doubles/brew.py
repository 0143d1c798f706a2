"""Homebrew 4.4.32: the calls that Ansible's modules make, answered from the recorded documents and the double's state.

What is installed is real in one respect: the programs appear below the prefix, and go again.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from . import shared
from .shared import at, complain, fault, link, prefix, recorded, say

_RECORD = "brew-4.4.32"

# Formulae: the programs each brings, and what it depends on. docker-compose and lima, which were not recorded, get
# docker's document under their own name.
_VERSIONS = {"docker": "28.3.1", "docker-compose": "2.38.2", "docker-machine": "0.16.2", "lima": "1.1.1"}
_PROGRAMS = {
    "colima": ["colima"],
    "docker": ["docker"],
    "docker-compose": ["docker-compose"],
    "docker-machine": ["docker-machine"],
    "lima": ["limactl", "lima"],
}
_CASK = "docker-desktop"
_APP = "/Applications/Docker.app"

# brew's message for the reason that the document gives as a word.
_REASON = "it is deprecated upstream"


def main(words: list[str]) -> int:
    """Answer one call; the exit code."""
    if words != ["--prefix"] and os.getuid() == 0 and not shared.is_the_user():
        complain(
            "Error: Running Homebrew as root is extremely dangerous and no longer supported.",
            "As Homebrew does not drop privileges on installation you would be giving all",
            "build scripts full access to your system.",
        )
        return 1
    answer = {
        "--version": _version,
        "--prefix": _prefix,
        "info": _info,
        "install": _install,
        "uninstall": _uninstall,
        "list": _list,
        "update": _update,
        "tap": _tap,
    }.get(words[0] if words else "")
    if answer is None:
        raise shared.Unrecorded("that command")
    return answer(words[1:])


def _none(words: list[str]) -> None:
    if words:
        raise shared.Unrecorded("anything but the bare command")


def _version(words: list[str]) -> int:
    _none(words)
    say("Homebrew 4.4.32")
    return 0


def _prefix(words: list[str]) -> int:
    _none(words)
    say(str(prefix()))
    return 0


def _update(words: list[str]) -> int:
    _none(words)
    say("Already up-to-date.")
    return 0


def _tap(words: list[str]) -> int:
    _none(words)
    return 0


# --- documents -------------------------------------------------------------------------------------------------------


def pretty(value: Any, indent: str = "") -> str:
    """Return JSON as Ruby's pretty_generate writes it, which breaks even an empty list over lines."""
    inner = indent + "  "
    if isinstance(value, dict):
        pairs = ",\n".join(f"{inner}{json.dumps(key)}: {pretty(each, inner)}" for key, each in value.items())
        return f"{{\n{pairs}\n{indent}}}" if value else f"{{\n{indent}}}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + pretty(each, inner) for each in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def version_of(name: str) -> str:
    """Return the version of a formula."""
    return str(shared.setting("colima")) if name == "colima" else _VERSIONS[name]


def _recorded_formulae() -> dict[str, dict[str, Any]]:
    return {
        each["name"]: each
        for file in ("info-installed.json", "info-not-installed.json")
        for each in json.loads(recorded(f"{_RECORD}/{file}"))["formulae"]
    }


def formula(name: str) -> dict[str, Any]:
    """Return the document of a formula, of the recorded shape, with the present state of its installation."""
    known = _recorded_formulae()
    document = known.get(name) or known["docker"]
    was = document["versions"]["stable"]
    if name not in known or was != version_of(name):
        text = json.dumps(document).replace(was, version_of(name))
        document = json.loads(text if name in known else text.replace("docker", name))
    installed = installed_formulae().get(name)
    document["linked_keg"] = version_of(name) if installed else None
    document["installed"] = [installed] if installed else []
    if name == "docker-machine" and fault("docker-machine") == "disabled":
        document.update(disabled=True, disable_date="2027-07-01", disable_reason=document["deprecation_reason"])
    return document


def cask() -> dict[str, Any]:
    """Return the document of the one cask there is."""
    document: dict[str, Any] = json.loads(recorded(f"{_RECORD}/info-cask.json"))["casks"][0]
    if not cask_is_installed():
        document.update(installed=None, installed_time=None)
    return document


def _info(words: list[str]) -> int:
    if not words or words[0] != "--json=v2" or not words[1:] or any(word.startswith("-") for word in words[1:]):
        raise shared.Unrecorded("info but with --json=v2 and names")
    names = words[1:]
    unknown = _unknown(names, casks=True)
    if unknown:
        return unknown
    documents = {
        "formulae": [formula(name) for name in names if name != _CASK],
        "casks": [cask() for name in names if name == _CASK],
    }
    say(pretty(documents))
    return 0


def _unknown(names: list[str], *, casks: bool = False) -> int:
    for name in names:
        if name not in _PROGRAMS and not (casks and name == _CASK):
            complain(f'Error: No available formula with the name "{name}".')
            return 1
    return 0


# --- formulae --------------------------------------------------------------------------------------------------------


def installed_formulae() -> dict[str, Any]:
    """Return what is installed: a formula's name and its `installed` document."""
    return shared.read_json("brew.json")


def _install(words: list[str]) -> int:
    if words[:1] == ["--cask"]:
        return _install_cask(words[1:])
    if not words or any(word.startswith("-") for word in words):
        raise shared.Unrecorded("install but with names")
    unknown = _unknown(words)
    if unknown:
        return unknown
    if "docker-machine" in words and fault("docker-machine") == "disabled":
        complain(f"Error: docker-machine has been disabled because {_REASON}! It was disabled on 2027-07-01.")
        return 1
    for name in words:
        if name in installed_formulae():
            complain(f"Warning: {name} {version_of(name)} is already installed and up-to-date.")
            continue
        if formula(name)["deprecated"]:
            complain(f"Warning: {name} has been deprecated because {_REASON}! It will be disabled on 2027-07-01.")
        for dependency in formula(name)["dependencies"]:
            if dependency not in installed_formulae():
                _pour(dependency, on_request=False)
        _pour(name, on_request=True)
    return 0


def _pour(name: str, *, on_request: bool) -> None:
    keg = prefix() / "Cellar" / name / version_of(name)
    (keg / "bin").mkdir(parents=True, exist_ok=True)
    for program in _PROGRAMS[name]:
        link(keg / "bin" / program, shared.DOUBLE)
        link(prefix() / "bin" / program, keg / "bin" / program)
    link(prefix() / "opt" / name, keg)
    known = _recorded_formulae()
    document = known["docker-machine" if name == "docker-machine" else "docker"]["installed"][0]
    document.update(version=version_of(name), installed_as_dependency=not on_request, installed_on_request=on_request)
    shared.write_json("brew.json", {**installed_formulae(), name: document})
    say(f"==> Pouring {name}--{version_of(name)}.all.bottle.tar.gz", f"🍺  {keg}: 3 files, 1KB")


def _uninstall(words: list[str]) -> int:
    if words[:1] == ["--cask"]:
        return _uninstall_cask(words[1:])
    if words[:1] != ["--force"] or not words[1:] or any(word.startswith("-") for word in words[1:]):
        raise shared.Unrecorded("uninstall but with --force and names")
    unknown = _unknown(words[1:])
    if unknown:
        return unknown
    for name in words[1:]:
        if name in installed_formulae():
            _remove(name)
    # A dependency that nothing needs any more goes too.
    needed = {each for name in installed_formulae() for each in formula(name)["dependencies"]}
    for name, document in installed_formulae().items():
        if document["installed_as_dependency"] and name not in needed:
            _remove(name)
    return 0


def _remove(name: str) -> None:
    keg = prefix() / "Cellar" / name
    say(f"Uninstalling {keg / version_of(name)}... (3 files, 1KB)")
    for program in _PROGRAMS[name]:
        (prefix() / "bin" / program).unlink(missing_ok=True)
    (prefix() / "opt" / name).unlink(missing_ok=True)
    shutil.rmtree(keg)
    shared.write_json("brew.json", {each: document for each, document in installed_formulae().items() if each != name})


# --- the cask --------------------------------------------------------------------------------------------------------


def cask_is_installed() -> bool:
    """Tell whether Docker Desktop is installed."""
    return at(_APP).is_dir()


def _the_cask(words: list[str]) -> None:
    if words != [_CASK]:
        raise shared.Unrecorded(f"another cask than {_CASK}")


def _list(words: list[str]) -> int:
    if words[:1] != ["--cask"]:
        raise shared.Unrecorded("list without --cask")
    _the_cask(words[1:])
    if not cask_is_installed():
        complain(f"Error: Cask '{_CASK}' is not installed.")
        return 1
    say("==> Apps", f"{at(_APP)} (3 files, 1KB)")
    return 0


def _install_cask(words: list[str]) -> int:
    _the_cask(words)
    if cask_is_installed():
        complain(f"Warning: Cask '{_CASK}' is already installed.")
        return 0
    cli = at("/usr/local/bin/docker")
    if os.path.lexists(cli):
        complain(f"Error: It seems there is already a Binary at '{cli}'.")
        return 1
    program = at(f"{_APP}/Contents/Resources/bin/docker")
    link(program, shared.DOUBLE)
    link(cli, program)
    say(f"==> Moving App 'Docker.app' to '{at(_APP)}'", f"🍺  {_CASK} was successfully installed!")
    return 0


def _uninstall_cask(words: list[str]) -> int:
    _the_cask(words)
    if not cask_is_installed():
        complain(f"Error: Cask '{_CASK}' is not installed.")
        return 1
    at("/usr/local/bin/docker").unlink(missing_ok=True)
    say(f"==> Removing App '{at(_APP)}'")
    shutil.rmtree(at(_APP))
    return 0
