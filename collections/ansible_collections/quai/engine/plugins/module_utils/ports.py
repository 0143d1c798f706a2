"""Who listens where: the kernel's table of listening TCP sockets, read without any tool. Pure but for the fragments."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.quai.engine.plugins.module_utils.script import HERE, quote

_LSOF = "lsof -nP -sTCP:LISTEN -iTCP"

LISTENING = (
    f"if {HERE}; then cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == \"0A\" {{ print $2, $10 }}'; "
    f"else case ${{DOCKER_HOST:-}} in tcp://*|ssh://*) ;; *) {_LSOF} -Fn 2>/dev/null | sed -n 's/^n//p' ;; esac; fi"
)
"""Shell fragment: address and inode of each listening socket; on a Mac, whose ports lead into its machine, the addresses alone.
Silent where the engine is on another host: its ports are not ours."""

PUBLISHED = "{{.Names}} {{.Ports}}"
"""Format of `docker ps` that `published` reads."""

_PORTS_OF = """docker port "$1" | awk -v name="$1" -F ' -> ' '{ print name, $2 "->" $1 }'"""

_OWNER_ON_A_MAC = """ -Fpc | awk '/^p/ { pid = substr($0, 2) } /^c/ { print substr($0, 2) " (pid " pid ")" }'"""

_OWNER = 'for fd in $(find /proc/[0-9]*/fd -lname "socket:\\[$1\\]" 2>/dev/null); do p=${fd#/proc/}; p=${p%%/*}; echo "$(cat /proc/$p/comm) (pid $p)"; done'


@dataclass(frozen=True)
class Listener:
    """A listening socket: its address as the system writes it, its port and its inode ("" on a Mac)."""

    address: str
    port: int
    inode: str


def listeners(text: str) -> list[Listener]:
    """Return the sockets that `LISTENING` printed."""
    found = []
    for match in re.finditer(r"^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (\d+)$", text, re.MULTILINE):
        # Each group of four bytes is in the processor's order: the little endian one, where Docker runs.
        raw = b"".join(bytes.fromhex(match[1][at : at + 8])[::-1] for at in range(0, len(match[1]), 8))
        address = ipaddress.ip_address(raw)
        # Java listens on IPv4 by way of IPv6: it is the IPv4 address that is taken.
        address = getattr(address, "ipv4_mapped", None) or address
        found.append(Listener(str(address), int(match[2], 16), match[3]))
    on_a_mac = re.finditer(r"^(\*|[0-9.]+|\[[0-9a-f:]+\]):(\d+)$", text, re.MULTILINE)
    found += [Listener(match[1].strip("[]").replace("*", "0.0.0.0"), int(match[2]), "") for match in on_a_mac]  # noqa: S104 - compared, not bound
    return found


def publishing(port: int, container: str) -> str:
    """Return the fragment that prints, for `published`, who publishes this port; old engines tell of the one container only."""
    words = ["docker", "ps", "--filter", f"publish={port}", "--format", PUBLISHED]
    return f"{quote(words)} 2>/dev/null || {quote(['sh', '-c', _PORTS_OF, 'sh', container])}"


def published(text: str) -> dict[str, list[Listener]]:
    """Return by container the addresses and TCP ports it publishes, as `docker ps --format PUBLISHED` printed them."""
    found: dict[str, list[Listener]] = {}
    for line in text.splitlines():
        name, _blank, where = line.strip().partition(" ")
        # "0.0.0.0:80->5000/tcp, [::]:8000-8002->8000-8002/tcp, 9000/tcp"; older engines write :::80 for [::]:80.
        matches = re.finditer(r"([0-9A-Fa-f.:\[\]]+):(\d+)(?:-(\d+))?->[\d-]+/tcp", where)
        found.setdefault(name, []).extend(
            Listener(match[1].strip("[]"), port, "")
            for match in matches
            for port in range(int(match[2]), int(match[3] or match[2]) + 1)
        )
    found.pop("", None)
    return found


def bound(addresses: Iterable[str]) -> set[str]:
    """Return the addresses as the system may write them: what is published on all of IPv4 may stand under `::` too."""
    found = set(addresses)
    return found | {"::"} if "0.0.0.0" in found else found  # noqa: S104 - compared, not bound


def strangers(listening: Iterable[Listener], ours: Iterable[str], port: int) -> list[Listener]:
    """Return the sockets that are not those by which a container publishes the port on these addresses.

    A Mac's machine may listen on all addresses for one of them.
    """
    own = bound(ours)
    return [each for each in listening if each.port != port or not (each.address in own or (own and not each.inode))]


def in_the_way(found: list[Listener], address: str, port: int) -> Listener | None:
    """Return the socket that keeps this address (an IP address; 0.0.0.0 or :: for all) and port from being published."""
    every = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    return next(
        (each for each in found if each.port == port and (address in every or each.address in {address, *every})), None
    )


def conflict(
    listening: Iterable[Listener],
    published: Mapping[str, list[Listener]],
    container: str,
    address: str,
    port: int,
) -> tuple[Listener | None, list[str]]:
    """Return the socket that keeps the container from this address and port, and the other containers that publish it."""
    ours = [each.address for each in published.get(container, []) if each.port == port]
    taken = in_the_way(strangers(listening, ours, port), address, port)
    # A container's port has no listening socket where the engine runs without its userland proxy.
    by = {
        name: held
        for name, found in published.items()
        if name != container and (held := in_the_way(found, address, port))
    }
    return taken or next(iter(by.values()), None), list(by)


def holders(port: int) -> str:
    """Return the fragment that prints the sockets that listen on the port, as LISTENING does, each with who holds it."""
    owner = quote(["sh", "-c", _OWNER, "sh"])
    each = f'echo "$where $inode"; {owner} "$inode" | sed "s/^/$inode is held by /"'
    return f"{{ {LISTENING}; }} | grep ':{port:04X} ' | while read -r where inode; do {each}; done"


def owner_of(listener: Listener) -> str:
    """Return the fragment that prints the name and pid of each process that holds the socket."""
    if not listener.inode:
        return f"{_LSOF}:{listener.port}{_OWNER_ON_A_MAC}"
    return quote(["sh", "-c", _OWNER, "sh", listener.inode])
