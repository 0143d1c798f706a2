"""The real machines behind the doubles: hosts with a Docker engine, reached over ssh.

A machine is free, or belongs to one owner: `docker-machine:dev`, `colima:default`, `desktop`. Whoever takes it makes its
engine listen, whoever lets it go wipes it: a virtual machine that is removed takes its data along.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import shared

PORT = 2376
RUNNING, STOPPED = "Running", "Stopped"

_DROP_IN = "/etc/systemd/system/docker.service.d/10-machine.conf"
_SSH = (
    "ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10",
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A real machine: its name on the test bed, and its address."""

    name: str
    address: str


# --- whose is which --------------------------------------------------------------------------------------------------


def machines() -> list[Machine]:
    """Return all the machines there are, in order."""
    return [Machine(each["name"], each["address"]) for each in shared.setting("machines")]


def take(owner: str) -> Machine:
    """Give the next free machine to an owner."""
    taken = shared.read_json("engines.json")
    for machine in machines():
        if machine.name not in taken:
            shared.write_json("engines.json", {**taken, machine.name: {"owner": owner, "state": RUNNING}})
            return machine
    raise shared.Unrecorded("no real machine is free")


def find(owner: str) -> Machine | None:
    """Return the machine of an owner."""
    taken = shared.read_json("engines.json")
    return next((each for each in machines() if taken.get(each.name, {}).get("owner") == owner), None)


def state(machine: Machine) -> str:
    """Return whether a machine runs."""
    return str(shared.read_json("engines.json")[machine.name]["state"])


def set_state(machine: Machine, value: str) -> None:
    """Note whether a machine runs."""
    taken = shared.read_json("engines.json")
    taken[machine.name]["state"] = value
    shared.write_json("engines.json", taken)


def release(machine: Machine) -> None:
    """Wipe a machine and make it free."""
    _disconnect(machine)
    as_root(machine, _WIPE)
    taken = shared.read_json("engines.json")
    del taken[machine.name]
    shared.write_json("engines.json", taken)


# --- over ssh --------------------------------------------------------------------------------------------------------


def ssh(machine: Machine, *words: str) -> list[str]:
    """Return the command that runs words on a machine as its user."""
    key = shared.STATE / "id"
    return [*_SSH, "-i", str(key), f"docker@{machine.address}", *words]


def as_root(machine: Machine, script: str) -> str:
    """Run a shell script on a machine as root; its output. CalledProcessError when it fails."""
    done = subprocess.run(
        ssh(machine, "sudo", "sh", "-es"), input=script, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def start(machine: Machine) -> None:
    """Start a machine: its engine, for the machine itself never stops."""
    as_root(machine, f"{_UNTIRE}systemctl start docker.socket docker.service")
    set_state(machine, RUNNING)


def stop(machine: Machine) -> None:
    """Stop a machine: its engine answers no more, by no way."""
    _disconnect(machine)
    kill_engine(machine)
    set_state(machine, STOPPED)


def kill_engine(machine: Machine) -> None:
    """Stop the engine alone."""
    as_root(machine, "systemctl stop docker.socket docker.service")


def lives(machine: Machine) -> bool:
    """Tell whether the engine answers on the machine itself."""
    return as_root(machine, "systemctl is-active docker.service || true").strip() == "active"


def listens(machine: Machine) -> bool:
    """Tell whether the engine listens on the network."""
    return f":{PORT} " in as_root(machine, "ss -tln")


# Debian's unit does not start more than three times a minute; tests do.
_UNTIRE = "systemctl reset-failed docker.socket docker.service 2>/dev/null || true\n"
_WIPE = f"""{_UNTIRE}systemctl stop docker.socket docker.service
rm -rf /var/lib/docker/* {_DROP_IN} /etc/docker/ca.pem /etc/docker/server.pem /etc/docker/server-key.pem
[ ! -e /etc/docker/daemon.json.bed ] || mv /etc/docker/daemon.json.bed /etc/docker/daemon.json
systemctl daemon-reload
systemctl start docker.socket docker.service
"""


def serve_tls(machine: Machine, authority: Path, certificate: Path, key: Path, options: list[str]) -> None:
    """Make the engine listen on the network, to those who show a certificate of the authority."""
    script = "mkdir -p /etc/docker /etc/systemd/system/docker.service.d\n"
    for target, source in (("ca.pem", authority), ("server.pem", certificate), ("server-key.pem", key)):
        script += f"cat >/etc/docker/{target} <<'END'\n{source.read_text()}END\n"
    if any(option.startswith("--registry-mirror") for option in options):
        # The daemon refuses an option that its file has too.
        script += "[ ! -e /etc/docker/daemon.json ] || mv /etc/docker/daemon.json /etc/docker/daemon.json.bed\n"
    words = [
        "/usr/sbin/dockerd", "-H", f"tcp://0.0.0.0:{PORT}", "-H", "fd://", "--containerd=/run/containerd/containerd.sock",
        "--tlsverify", "--tlscacert=/etc/docker/ca.pem", "--tlscert=/etc/docker/server.pem",
        "--tlskey=/etc/docker/server-key.pem", *options,
    ]  # fmt: skip
    script += f"cat >{_DROP_IN} <<'END'\n[Service]\nExecStart=\nExecStart={' '.join(words)}\nEND\n"
    as_root(
        machine,
        f"{_UNTIRE}systemctl stop docker.socket docker.service\n{script}systemctl daemon-reload\nsystemctl start docker.socket docker.service\n",
    )


# --- relays ----------------------------------------------------------------------------------------------------------


def connect(owner: str, machine: Machine, socket: Path, ports: list[int]) -> None:
    """Serve a machine's engine at a socket of the Mac, and its ports at the Mac's, as Lima does: by ssh."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    forwards = ["-L", f"{socket}:/run/docker.sock"]
    for port in ports:
        forwards += ["-L", f"0.0.0.0:{port}:127.0.0.1:{port}"]
    words = ssh(machine)
    words[1:1] = ["-N", "-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", *forwards]
    relay = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not socket.exists():
        if relay.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"double: the relay to {machine.name} does not come up: {' '.join(words)}")
        time.sleep(0.05)
    relays = {**shared.read_json("relays.json"), owner: {"pid": relay.pid, "socket": str(socket)}}
    shared.write_json("relays.json", relays)


def _disconnect(machine: Machine) -> None:
    """End the relay of a machine's owner, that process and no other."""
    owner = shared.read_json("engines.json")[machine.name]["owner"]
    relays = shared.read_json("relays.json")
    relay = relays.pop(owner, None)
    if relay is None:
        return
    # A pid that another process has by now is not ours.
    if os.fsencode(relay["socket"]) in _command_of(relay["pid"]):
        os.kill(relay["pid"], signal.SIGTERM)
        # Its last act is to remove its socket: the next relay's, if that were there by then.
        deadline = time.monotonic() + 20
        while os.fsencode(relay["socket"]) in _command_of(relay["pid"]):
            if time.monotonic() > deadline:
                raise SystemExit(f"double: the relay {relay['pid']} does not end")
            time.sleep(0.05)
    Path(relay["socket"]).unlink(missing_ok=True)
    shared.write_json("relays.json", relays)


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


# --- certificates ----------------------------------------------------------------------------------------------------


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], stderr=subprocess.DEVNULL, check=True)


def make_authority(certificate: Path, key: Path, organization: str) -> None:
    """Make a certificate authority."""
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1080", "-subj", f"/O={organization}",
        "-keyout", key, "-out", certificate,
    )  # fmt: skip


def make_certificate(
    authority: Path, authority_key: Path, certificate: Path, key: Path, organization: str, **more: str
) -> None:
    """Make a certificate of an authority: a server's with `names`, else a client's; `days` it is valid."""
    usage = f"serverAuth\nsubjectAltName={more['names']}" if "names" in more else "clientAuth"
    with tempfile.TemporaryDirectory() as scratch:
        request, extensions = Path(scratch, "request"), Path(scratch, "extensions")
        extensions.write_text(f"extendedKeyUsage={usage}\n")
        _openssl(
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/O={organization}",
            "-keyout",
            key,
            "-out",
            request,
        )
        _openssl(
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-set_serial", str(time.time_ns()),
            "-days", more.get("days", "1080"), "-extfile", extensions, "-out", certificate,
        )  # fmt: skip


def is_current(certificate: Path) -> bool:
    """Tell whether a certificate has not run out."""
    words = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", "0"]
    return subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode == 0


def make_foreign(certificate: Path, key: Path, **more: str) -> None:
    """Make a certificate of an authority that nobody knows."""
    with tempfile.TemporaryDirectory() as scratch:
        authority, authority_key = Path(scratch, "ca.pem"), Path(scratch, "ca-key.pem")
        make_authority(authority, authority_key, "stranger")
        made, made_key = Path(scratch, "cert.pem"), Path(scratch, "key.pem")
        make_certificate(authority, authority_key, made, made_key, "stranger", **more)
        shutil.copy(made, certificate)
        shutil.copy(made_key, key)
