"""The bed's daemons: containerd, dockerd and a plain http registry, all in its network namespace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import network, settings as s
from .processes import Process
from .shell import docker, run, say

CONTAINERD = Process("containerd")
DOCKERD = Process("dockerd")
REGISTRY = Process("registry")

_CONTAINERD_SOCKET = s.RUN / "containerd" / "containerd.sock"


def answers() -> bool:
    """Whether the bed's daemon answers."""
    return s.SOCKET.exists() and docker("version", "-f", "{{.Server.Version}}", check=False).returncode == 0


def registry_answers() -> bool:
    """Whether the registry answers this machine (nested daemons reach it at the same address)."""
    # No proxy of the environment may stand between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{s.REGISTRY_URL}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _start_containerd() -> None:
    # Its own, always: dockerd would otherwise join a containerd of this machine, and its names.
    config = s.RUN / "containerd.toml"
    config.write_text(
        "version = 2\n"
        f'root = "{s.CACHE}/containerd"\n'
        f'state = "{s.RUN}/containerd"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\n  address = "{_CONTAINERD_SOCKET}"\n'
    )
    CONTAINERD.start(["containerd", "--config", config, "--log-level", "warn"], _CONTAINERD_SOCKET.exists)


def _start_dockerd() -> None:
    config = s.RUN / "daemon.json"
    config.write_text("{}\n")  # instead of /etc/docker/daemon.json, which is this machine's
    options = {
        "config-file": config,
        "host": s.DOCKER_HOST,
        "data-root": s.CACHE / "docker",
        "exec-root": s.RUN / "exec",
        "pidfile": s.RUN / "docker.pid",
        "containerd": _CONTAINERD_SOCKET,
        "bip": f"{s.BRIDGE_ADDRESS}/20",
        "default-address-pool": f"base={s.POOLS_NETWORK},size=24",
        "mtu": network.outward_mtu(),
        "insecure-registry": s.REGISTRY,
        # Works alike under every init, and leaves systemd's own tree alone.
        "exec-opt": "native.cgroupdriver=cgroupfs",
        "cgroup-parent": f"/{s.NETNS}",
        "log-level": "warn",
    }
    words = network.inside("dockerd", *(f"--{name}={value}" for name, value in options.items()))
    DOCKERD.start(words, answers, timeout=120)


def _start_registry() -> None:
    storage = s.CACHE / "registry"
    storage.mkdir(parents=True, exist_ok=True)
    config = s.RUN / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{storage}'}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '{s.REGISTRY}'}}\n"
    )
    REGISTRY.start(network.inside("docker-registry", "serve", config), registry_answers)


def up() -> None:
    """Start what does not run; after a crash, what a dead daemon left behind is cleared first."""
    was_up = network.is_up()
    if not was_up and DOCKERD.pid() is not None:
        say("the network namespace is gone, restarting the daemon in a new one")
        down_daemons()
    network.up()
    if DOCKERD.pid() is None or not answers():
        say("starting a private docker daemon")
        down_daemons()
        _start_containerd()
        _start_dockerd()
    network.open_bridge()
    if REGISTRY.pid() is None or not registry_answers():
        REGISTRY.stop()
        _start_registry()


def remove_containers() -> int:
    """Remove every container of the bed's daemon with its anonymous volumes; returns how many."""
    ids = docker("ps", "-aq").stdout.split()
    if ids:
        docker("rm", "-f", "-v", *ids)
    return len(ids)


def _orphaned_shims() -> list[int]:
    """Shims of OUR containerd, known by its address: they outlive it when it is killed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and str(_CONTAINERD_SOCKET).encode() in words:
            found.append(int(entry.name))
    return found


def down_daemons() -> None:
    """Stop dockerd and containerd, and sweep up what a killed one left."""
    REGISTRY.stop()
    DOCKERD.stop(timeout=60)
    CONTAINERD.stop()
    for pid in _orphaned_shims():
        # Killing the shim's container too: its processes are the shim's children.
        for child in run(["ps", "-o", "pid=", "--ppid", str(pid)], check=False).stdout.split():
            _kill(int(child))
        _kill(pid)
    for leftover in (s.RUN / "docker.pid", s.SOCKET, _CONTAINERD_SOCKET):
        leftover.unlink(missing_ok=True)
    _unmount_leftovers()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _unmount_leftovers() -> None:
    """Mounts below our directories that a killed daemon could not undo."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    ours = [mount for mount in mounts if f"{mount}/".startswith((f"{s.RUN}/", f"{s.CACHE}/docker/"))]
    for mount in sorted(ours, reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def down() -> None:
    """Everything `up` started."""
    if DOCKERD.pid() is not None and answers():
        count = remove_containers()
        if count:
            say(f"removed {count} containers")
    down_daemons()
    network.down()
