"""The bed's own network namespace: a veth pair to this machine, NAT outwards, a route to the containers.

The bed's daemon does its bridges and iptables in there and never meets those of this machine.
"""

from __future__ import annotations

import json
from pathlib import Path

from . import settings as s
from .shell import Failure, run

_NAMESPACE = Path("/run/netns") / s.NETNS
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARD_WAS_OFF = s.RUN / "ip_forward_was_off"


def inside(*words: str | Path) -> list[str | Path]:
    """The command, in the bed's network namespace. Not `ip netns exec`, which hides /sys/fs/cgroup."""
    return ["nsenter", f"--net={_NAMESPACE}", "--", *words]


def _host_rules() -> list[tuple[str, str, list[str]]]:
    """(table, chain, rule) on this machine. First in FORWARD: a docker of this machine sets its policy to DROP."""
    mark = ["-m", "comment", "--comment", s.NETNS]
    return [
        ("filter", "FORWARD", ["-i", s.LINK_HOST, *mark, "-j", "ACCEPT"]),
        ("filter", "FORWARD", ["-o", s.LINK_HOST, *mark, "-j", "ACCEPT"]),
        ("nat", "POSTROUTING", ["-s", s.NETWORK, "!", "-o", s.LINK_HOST, *mark, "-j", "MASQUERADE"]),
    ]


def outward_mtu() -> int:
    """The MTU of the way out; larger packets of the containers would be lost on some networks."""
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "default"], check=False).stdout or "[]")
    if not routes:
        return 1500
    return int(json.loads(run(["ip", "-j", "link", "show", routes[0]["dev"]]).stdout)[0]["mtu"])


def _refuse_taken_addresses() -> None:
    """Another interface in our range would make half of the packets go astray."""
    for link in json.loads(run(["ip", "-j", "-4", "address"]).stdout):
        for address in link.get("addr_info", []):
            taken = str(address.get("local", "")).startswith(f"{s.PREFIX}.")
            if taken and link.get("ifname") != s.LINK_HOST:
                raise Failure(
                    f"{link['ifname']} has {address['local']}, in the range of the test bed ({s.NETWORK}): "
                    f"set QUAI_TEST_NET to another one, such as QUAI_TEST_NET=10.214"
                )


def is_up() -> bool:
    """Whether the namespace and the link are as they should be."""
    if not _NAMESPACE.exists():
        return False
    link = run(["ip", "-j", "-4", "address", "show", s.LINK_HOST], check=False)
    return (
        link.returncode == 0
        and s.LINK_HOST_ADDRESS in link.stdout
        and run(inside("ip", "-4", "address", "show", s.LINK_BED), check=False).stdout.find(s.LINK_BED_ADDRESS) > 0
    )


def up() -> None:
    """Make what is missing; a half-made network is made anew."""
    if not is_up():
        _refuse_taken_addresses()
        _remove_links()
        run(["ip", "netns", "add", s.NETNS])
        run(["ip", "link", "add", s.LINK_HOST, "type", "veth", "peer", "name", s.LINK_BED, "netns", s.NETNS])
        mtu = str(outward_mtu())
        run(["ip", "address", "add", f"{s.LINK_HOST_ADDRESS}/30", "dev", s.LINK_HOST])
        run(["ip", "link", "set", s.LINK_HOST, "mtu", mtu, "up"])
        run(inside("ip", "link", "set", "lo", "up"))
        run(inside("ip", "address", "add", f"{s.LINK_BED_ADDRESS}/30", "dev", s.LINK_BED))
        run(inside("ip", "link", "set", s.LINK_BED, "mtu", mtu, "up"))
        run(inside("ip", "route", "add", "default", "via", s.LINK_HOST_ADDRESS))
    # This machine reaches the registry and the containers by their addresses.
    run(["ip", "route", "replace", s.BRIDGE_NETWORK, "via", s.LINK_BED_ADDRESS])
    if _FORWARD.read_text().strip() == "0":
        _FORWARD_WAS_OFF.touch()
        _FORWARD.write_text("1")
    for table, chain, rule in _host_rules():
        if run(["iptables", "-w", "-t", table, "-C", chain, *rule], check=False).returncode != 0:
            run(["iptables", "-w", "-t", table, "-I", chain, *rule])


def open_bridge() -> None:
    """Let this machine connect to the containers, through the forwarding chain that docker leaves to its user."""
    rule = ["-i", s.LINK_BED, "-j", "ACCEPT"]
    if run(inside("iptables", "-w", "-C", "DOCKER-USER", *rule), check=False).returncode != 0:
        run(inside("iptables", "-w", "-I", "DOCKER-USER", *rule), check=False)
    # Containers within containers assume 1500 bytes whatever the way out carries.
    clamp = ["-p", "tcp", "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu"]
    if run(inside("iptables", "-w", "-t", "mangle", "-C", "FORWARD", *clamp), check=False).returncode != 0:
        run(inside("iptables", "-w", "-t", "mangle", "-A", "FORWARD", *clamp), check=False)


def _remove_links() -> None:
    run(["ip", "link", "delete", s.LINK_HOST], check=False)
    run(["ip", "netns", "delete", s.NETNS], check=False)


def down() -> None:
    """Remove the namespace, the link and the rules."""
    for table, chain, rule in _host_rules():
        while run(["iptables", "-w", "-t", table, "-D", chain, *rule], check=False).returncode == 0:
            pass
    _remove_links()
    # A docker of this machine, started meanwhile, needs forwarding as much as the bed did.
    if _FORWARD_WAS_OFF.exists() and not Path("/sys/class/net/docker0").exists():
        _FORWARD.write_text("0")
    _FORWARD_WAS_OFF.unlink(missing_ok=True)
