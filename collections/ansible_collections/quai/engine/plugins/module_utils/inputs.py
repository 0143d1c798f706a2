"""The variables an operator sets, against the names and types that the roles document. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

NEAR = 0.8
"""Likeness of two names of which one may have been meant by the other. They share a prefix, which is not enough."""
SLIP = 0.9
"""Likeness of two names of which one is the other's misspelling: one letter too few, too many, or two exchanged."""
ROLES = ("app_", "docker_")
"""What the names of the roles' inputs begin with."""
KEYS = ("type", "choices", "elements")
LEAST = {
    "workers": 1,
    "worker_connections": 1,
    "backlog": 1,
    "pids": 0,
    "health_interval_seconds": 1,
    "health_timeout_seconds": 1,
    "stop_timeout_seconds": 0,
}
"""The least numbers that make sense, of inputs of the role app_web."""


def strangers(names: Iterable[str], known: Iterable[str], prefixes: Iterable[str]) -> list[str]:
    """Return a sentence for each name that has one of the prefixes and is not known, with the name it is nearest to."""
    known, prefixes = sorted(known), tuple(prefixes)
    return [
        _unknown(name, difflib.get_close_matches(name, known, n=1, cutoff=NEAR))
        for name in sorted(names)
        if name.startswith(prefixes) and name not in known
    ]


def _unknown(name: str, near: Sequence[str]) -> str:
    return f"There is no variable {name}{f'; did you mean {near[0]}?' if near else '.'} Remove it or correct its name."


def meant(names: Iterable[str], known: Collection[str], prefix: str, given: Collection[str]) -> list[str]:
    """Return a sentence for each stranger among the names that was meant for the playbook with this prefix.

    given: the names from the command line, which can only be meant for it. Any other may be a site's own: it is refused
    only where it differs by a slip from a known one.
    """
    own = [
        name
        for name in names
        if name.startswith(prefix) and (name in given or difflib.get_close_matches(name, known, n=1, cutoff=SLIP))
    ]
    return strangers(own, known, [prefix])


def slips(given: Iterable[str], known: Iterable[str], told: Iterable[str]) -> list[str]:
    """Return a sentence for each name from the command line that differs by a slip from a known one, whatever its prefix.

    told: names of which another sentence tells. Inputs of roles are judged where the roles are run.
    """
    known = sorted(known)
    return [
        _unknown(name, near)
        for name in sorted(set(given) - set(known) - set(told))
        if not name.startswith(ROLES) and (near := difflib.get_close_matches(name, known, n=1, cutoff=SLIP))
    ]


def unfit(options: Mapping[str, Mapping[str, Any]], value_of: Callable[[str], Any], names: Iterable[str]) -> list[str]:
    """Return a sentence for each of the names whose value is not of the type or among the choices of its option.

    options: name to {type, choices, elements, ...}; value_of: gives a variable's value and may raise for one that cannot be had.
    """
    sentences: list[str] = []
    follow: list[str] = []  # most often from another one's value, which tells more
    for name in sorted(set(options) & set(names)):
        try:
            value = value_of(name)
        except Exception as error:  # noqa: BLE001 - whatever a template raises is the operator's to read
            follow.append(f"{name} cannot be worked out: {error}")
            continue
        option = {key: options[name][key] for key in KEYS if key in options[name]}
        result = ArgumentSpecValidator({name: option}).validate({name: value})
        if not result.error_messages:
            continue
        if isinstance(value, (str, int, float)):
            sentences += [f"{name} is {value!r}: {message}." for message in result.error_messages]
        else:  # Ansible's message repeats the value, and a list or a mapping may hold a password
            sentences.append(f"{name} is a {type(value).__name__}: it must be {_described(option)}.")
    return sentences + follow


def too_small(value_of: Callable[[str], Any], names: Collection[str]) -> list[str]:
    """Return a sentence for each of the names that is a number below the least that makes sense; see `unfit`."""
    sentences = []
    for key, least in LEAST.items():
        name = f"app_web_{key}"
        if name not in names:
            continue
        value = value_of(name)
        try:
            small = int(value) < least
        except (TypeError, ValueError):
            continue  # `unfit` tells
        own = f"myapp_{key}" if f"myapp_{key}" in names else name
        sentences += [f"{own} is {value}: set it to {least} or more."] if small else []
    return sentences


def _described(option: Mapping[str, Any]) -> str:
    text = f"of type {option.get('type', 'str')}"
    text += f" with elements of type {option['elements']}" if "elements" in option else ""
    return text + (f", one of {', '.join(map(str, option['choices']))}" if "choices" in option else "")
