"""Who listens where, told by the kernel about real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils.ports import (
    LISTENING,
    Listener,
    bound,
    in_the_way,
    listeners,
    owner_of,
    published,
    strangers,
)

V4, V6 = "0.0.0.0", "::"


def shell(fragment: str) -> str:
    """Return what the fragment prints on this machine."""
    return subprocess.run(["/bin/sh", "-c", fragment], capture_output=True, text=True, check=True).stdout


@contextmanager
def listening(address: str, *, only_v6: bool = True) -> Iterator[tuple[int, str]]:
    """Listen on the address; give the port and the socket's inode."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as opened:
        if family is socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only_v6))
        opened.bind((address, 0))
        opened.listen()
        yield opened.getsockname()[1], str(os.fstat(opened.fileno()).st_ino)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", V4, "::1", V6])
def test_a_socket_is_found(address: str) -> None:
    with listening(address) as (port, inode):
        assert Listener(address, port, inode) in listeners(shell(LISTENING))
    assert not [each for each in listeners(shell(LISTENING)) if each.inode == inode]


def test_an_address_of_the_old_internet_on_a_socket_of_the_new_one() -> None:
    """As Java servers listen: it is the IPv4 address that is taken."""
    with listening("::ffff:127.0.0.1", only_v6=False) as (port, inode):
        assert Listener("127.0.0.1", port, inode) in listeners(shell(LISTENING))


def test_sockets_that_do_not_listen_are_not_told() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(server.getsockname()))
        accepted = stack.enter_context(server.accept()[0])
        idle = stack.enter_context(socket.socket())
        idle.bind(("127.0.0.1", 0))
        inodes = {str(os.fstat(each.fileno()).st_ino) for each in (client, accepted, idle)}
        found = {each.inode for each in listeners(shell(LISTENING))}
        assert str(os.fstat(server.fileno()).st_ino) in found
        assert not inodes & found


def test_a_host_without_the_table_is_silent() -> None:
    assert listeners(shell(LISTENING.replace("/proc/net/", "/nowhere/"))) == []


# What macOS's lsof prints with -Fn and with -Fpc, by lsof(8): a letter names each field.
LSOF = r"""#!/bin/sh
[ "$1 $2" = "-nP -sTCP:LISTEN" ] || exit 64
case "$3 $4" in
    "-iTCP -Fn") printf 'p612\nf9\nn*:5000\nf10\nn*:5000\np700\nf3\nn127.0.0.1:631\nf4\nn[::1]:631\n' ;;
    "-iTCP:5000 -Fpc") printf 'p612\ncControlCe\nf9\nf10\n' ;;
    *) exit 64 ;;
esac
"""


@pytest.fixture
def on_a_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a Mac where AirPlay has port 5000, as it does since macOS 12."""
    for name, text in (("uname", "#!/bin/sh\necho Darwin\n"), ("lsof", LSOF)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("on_a_mac")
def test_who_listens_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///Users/me/.colima/default/docker.sock")
    found = listeners(shell(LISTENING))
    assert found == [
        Listener("0.0.0.0", 5000, ""),
        Listener("0.0.0.0", 5000, ""),
        Listener("127.0.0.1", 631, ""),
        Listener("::1", 631, ""),
    ]
    assert shell(owner_of(found[0])) == "ControlCe (pid 612)\n"


@pytest.mark.parametrize("published", ["0.0.0.0", "127.0.0.1"])
def test_a_macs_machine_listens_for_what_is_published_in_it(published: str) -> None:
    """On all addresses too, where 127.0.0.1 is meant and the port is one that only root may have."""
    found = [Listener(V4, 80, ""), Listener(V4, 5000, "")]
    assert strangers(found, [published], 80) == [Listener(V4, 5000, "")]
    assert strangers(found, [], 80) == found
    on_linux = [Listener(V4, 80, "4711")]
    assert strangers(on_linux, ["127.0.0.1"], 80) == on_linux


@pytest.mark.usefixtures("on_a_mac")
def test_ports_of_a_machine_with_its_own_address_are_not_the_macs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.168.99.100:2376")
    assert listeners(shell(LISTENING)) == []


def test_lines_of_the_kernel() -> None:
    text = (
        "0100007F:1F90 101\n00000000:0050 102\n0101A8C0:FFFF 103\n"
        "00000000000000000000000001000000:0016 104\n00000000000000000000000000000000:01BB 105\n"
        "B80D0120000000000000000001000000:0001 106\n0000000000000000FFFF0000010000 0A:0050 107\nnonsense\n"
    )
    assert listeners(text) == [
        Listener("127.0.0.1", 8080, "101"),
        Listener("0.0.0.0", 80, "102"),
        Listener("192.168.1.1", 65535, "103"),
        Listener("::1", 22, "104"),
        Listener("::", 443, "105"),
        Listener("2001:db8::1", 1, "106"),
    ]
    assert listeners("") == []


@pytest.mark.parametrize(
    ("held", "asked", "taken"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", V4, True),
        ("127.0.0.1", V6, True),
        (V4, "127.0.0.1", True),
        (V4, V4, True),
        (V6, V4, True),
        (V6, "192.0.2.1", True),
        ("::1", "127.0.0.1", False),
        ("::1", "::1", True),
        ("192.0.2.1", "127.0.0.1", False),
    ],
)
def test_what_is_in_the_way(held: str, asked: str, taken: bool) -> None:
    found = [Listener("203.0.113.1", 443, "1"), Listener(held, 80, "2")]
    assert in_the_way(found, asked, 80) == (found[1] if taken else None)
    assert in_the_way(found, asked, 8080) is None
    assert in_the_way([], asked, 80) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", V4])
def test_the_program_is_named(address: str) -> None:
    with listening(address) as (port, inode):
        name = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
        assert shell(owner_of(Listener(address, port, inode))) == f"{name} (pid {os.getpid()})\n"


def test_every_process_that_holds_the_socket_is_named() -> None:
    with listening("127.0.0.1") as (port, inode), ExitStack() as stack:
        descriptor = int(next(p.name for p in Path("/proc/self/fd").iterdir() if _links_to(p, inode)))
        child = stack.enter_context(subprocess.Popen(["sleep", "60"], pass_fds=[descriptor]))
        stack.callback(child.kill)
        told = shell(owner_of(Listener("127.0.0.1", port, inode)))
        assert f"sleep (pid {child.pid})\n" in told
        assert f"(pid {os.getpid()})\n" in told


def _links_to(path: Path, inode: str) -> bool:
    try:
        return path.readlink().name == f"socket:[{inode}]"
    except FileNotFoundError:
        return False


def test_nobody_holds_what_is_gone() -> None:
    assert shell(owner_of(Listener("127.0.0.1", 80, "4294967295"))) == ""


def test_what_is_published_on_all_addresses_may_stand_under_ipv6() -> None:
    assert bound([V4]) == {V4, V6}
    assert bound([V6]) == {V6}
    assert bound(["127.0.0.1"]) == {"127.0.0.1"}
    assert bound([]) == set()


def test_what_containers_publish() -> None:
    text = (
        "web 0.0.0.0:80->5000/tcp, :::80->5000/tcp\n"
        "new 127.0.0.1:80->5000/tcp, [::]:80->5000/tcp, [2001:db8::1]:81->5000/tcp, 9000/tcp\n"
        "many 192.0.2.1:8000-8002->8000-8002/tcp, 0.0.0.0:53->53/udp\n"
        "none \nsilent\n\n"
    )
    assert published(text) == {
        "web": [Listener(V4, 80, ""), Listener(V6, 80, "")],
        "new": [Listener("127.0.0.1", 80, ""), Listener(V6, 80, ""), Listener("2001:db8::1", 81, "")],
        "many": [Listener("192.0.2.1", port, "") for port in (8000, 8001, 8002)],
        "none": [],
        "silent": [],
    }
    assert published("") == {}
