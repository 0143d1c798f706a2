"""The options of a Docker from before daemon.json and dockerd (1.6.2 in Debian 8): flags of `docker -d`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused

DROP_IN = "/etc/systemd/system/docker.service.d/quai.conf"
DEFAULTS = "/etc/default/docker"
_BEGIN, _END = "# BEGIN Quai (role docker_engine)\n", "# END Quai (role docker_engine)\n"

FIRST_DOCKERD = (1, 12)
"""The first engine whose daemon is a program of its own, dockerd, and is configured by daemon.json (from 1.10 on)."""

_ALL = (
    "api-cors-header bip bridge debug default-ulimit dns dns-search exec-driver fixed-cidr fixed-cidr-v6 graph group host icc "
    "insecure-registry ip ip-forward ip-masq iptables ipv6 label log-driver log-level mtu pidfile registry-mirror "
    "selinux-enabled storage-driver storage-opt tls tlscacert tlscert tlskey tlsverify"
)
FLAGS = frozenset(_ALL.split())
"""What the daemon of 1.6.2 can be told (its own --help)."""

# Keys of daemon.json that had another name as flags; lists lose their plural besides (registry-mirrors).
_NAMES = {"data-root": "graph", "insecure-registries": "insecure-registry"}
_WHAT_IT_MEANS = {
    "live-restore": "containers end when the daemon does",
    "log-opts": "the log of a container grows without a limit",
}
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./\[\]-]+")


def flag(key: str) -> str:
    """Return the flag's name for a key of daemon.json; empty where 1.6.2 has none."""
    name = _NAMES.get(key, key)
    return name if name in FLAGS else key[:-1] if key.endswith("s") and key[:-1] in FLAGS else ""


def flags(options: Mapping[str, Any]) -> list[str]:
    """Return the options that 1.6.2 knows as flags, in a settled order. Raises Refused for values that cannot be one plain word."""
    words = []
    for key, value in sorted(options.items()):
        if value is None or not flag(key):
            continue
        for each in value if isinstance(value, list) else [value]:
            text = json.dumps(each) if isinstance(each, (bool, dict)) else str(each)
            if not _PLAIN.fullmatch(text):
                raise Refused(
                    f"docker_engine_options has {key}: {text!r}.",
                    "This old Docker takes its options as words of a command line, and an init script knows no quotes there.",
                    "Use letters, digits and _@+=:,./[]- only, or leave the option out.",
                )
            words.append(f"--{flag(key)}={text}")
    return words


def lacking(options: Mapping[str, Any]) -> list[str]:
    """Return the options that 1.6.2 does not know, with what that means in plain words."""
    names = [key for key, value in sorted(options.items()) if value is not None and not flag(key)]
    return [f"{key} ({_WHAT_IT_MEANS[key]})" if key in _WHAT_IT_MEANS else key for key in names]


def storage_driver(kernel: str, filesystems: Iterable[str], in_use: Sequence[str]) -> tuple[str, str]:
    """Return the storage driver for a host, and a warning where it is a poor one (else empty).

    kernel: its release, as "3.16.0-4-amd64". filesystems: those it has or can load. in_use: drivers that have data there already;
    another one would not see the images and containers.
    """
    known = set(filesystems)
    version = tuple(map(int, re.findall(r"\d+", kernel)[:2]))
    if in_use:
        return in_use[0], ""
    if version >= (3, 18) and "overlay" in known:
        return "overlay", ""
    if "aufs" in known:
        return "aufs", ""
    if "devicemapper" in known:
        return (
            "devicemapper",
            f"kernel {kernel} has neither overlay nor aufs: images are kept by devicemapper on loop devices, slowly",
        )
    return (
        "vfs",
        f"kernel {kernel} has no storage driver fit for containers: with vfs each container takes a full copy of its image",
    )


def drop_in(command: str, words: Sequence[str]) -> str:
    """Return the unit's drop-in by which its own command (as its file says it) also gets these flags; empty for none."""
    if not words:
        return ""
    return f"# Written by Quai (role docker_engine).\n[Service]\nExecStart=\nExecStart={command} {' '.join(words)}\n"


def defaults(text: str, words: Sequence[str]) -> str:
    """Return the file that the init script sources, with these flags added to its DOCKER_OPTS; without our part for none."""
    before, _begin, rest = text.partition(_BEGIN)
    _ours, _end, after = rest.partition(_END)
    theirs = before + after
    if not words:
        return theirs
    theirs += "" if theirs.endswith("\n") or not theirs else "\n"
    return f'{theirs}{_BEGIN}DOCKER_OPTS="$DOCKER_OPTS {" ".join(words)}"\n{_END}'
