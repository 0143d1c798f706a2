"""docker.io of Debian 8's backports as a real package: the guard, its units and its init script, which do what those did.

Beside it, as empty packages: what it depends on, what the role installs with it, and what every Debian has. And docker.io of
Debian 10: the host's real programs, with the unit that it had.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from . import BUSTER_VERSION, REAL, VERSION, guard

EMPTY = {
    "base-files": "Essential: yes\nVersion: 8+deb8u11\n",
    "apt": "Version: 1.0.9.8.6\n",
    "ca-certificates": "Version: 20141019+deb8u4\nDepends: openssl\n",
    "openssl": "Version: 1.0.1t-1+deb8u8\n",
    "docker.io-played": "Version: 1\n",
}
"""Name to what else its control file says. apt is no dependency of anything, and yet on every host."""

EMPTY_OF_BUSTER = {
    "ca-certificates": "Version: 20200601~deb10u2\n",
    "containerd": "Version: 1.2.6~ds1-5~\n",
    "runc": "Version: 1.0.0~rc6+dfsg1-3\n",
}
"""The same of Debian 10. What containerd and runc hold is among what docker.io takes from the host."""

_UNIT = """\
[Unit]
Description=Docker Application Container Engine
Documentation=http://docs.docker.com
After=network.target docker.socket
Requires=docker.socket

[Service]
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/bin/docker -d -H fd:// $DOCKER_OPTS
LimitNOFILE=1048576
LimitNPROC=1048576
LimitCORE=infinity

[Install]
WantedBy=multi-user.target
"""

_UNIT_OF_BUSTER = """\
[Unit]
Description=Docker Application Container Engine
Documentation=https://docs.docker.com
After=network-online.target docker.socket firewalld.service
Wants=network-online.target
Requires=docker.socket

[Service]
Type=notify
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Delegate=yes
KillMode=process
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

_SOCKET = """\
[Unit]
Description=Docker Socket for the API
PartOf=docker.service

[Socket]
ListenStream=/var/run/docker.sock
SocketMode=0660
SocketUser=root
SocketGroup=docker

[Install]
WantedBy=sockets.target
"""

_DEFAULTS = """\
# Use DOCKER_OPTS to modify the daemon startup options.
#DOCKER_OPTS="--dns 192.0.2.1"
"""

_INIT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:           docker
# Required-Start:     $syslog $remote_fs
# Required-Stop:      $syslog $remote_fs
# Default-Start:      2 3 4 5
# Default-Stop:       0 1 6
# Short-Description:  Create lightweight, portable, self-sufficient containers.
### END INIT INFO
BASE=docker
DOCKER=/usr/bin/$BASE
DOCKER_PIDFILE=/var/run/$BASE.pid
DOCKER_SSD_PIDFILE=/var/run/$BASE-ssd.pid
DOCKER_LOGFILE=/var/log/$BASE.log
DOCKER_OPTS=
. /lib/lsb/init-functions
if [ -f /etc/default/$BASE ]; then
	. /etc/default/$BASE
fi
case "$1" in
	start)
		touch "$DOCKER_LOGFILE"
		chgrp docker "$DOCKER_LOGFILE"
		ulimit -n 1048576
		log_begin_msg "Starting $BASE"
		start-stop-daemon --start --background --no-close --exec "$DOCKER" --pidfile "$DOCKER_SSD_PIDFILE" --make-pidfile \\
			-- -d -p "$DOCKER_PIDFILE" $DOCKER_OPTS >>"$DOCKER_LOGFILE" 2>&1
		log_end_msg $?
		;;
	stop)
		log_begin_msg "Stopping $BASE"
		start-stop-daemon --stop --pidfile "$DOCKER_SSD_PIDFILE" --retry 10
		log_end_msg $?
		;;
	restart)
		$0 stop
		$0 start
		;;
	status)
		status_of_proc -p "$DOCKER_SSD_PIDFILE" "$DOCKER" docker
		;;
	*)
		echo "Usage: service docker {start|stop|restart|status}"
		exit 1
		;;
esac
"""

_POSTINST = """\
#!/bin/sh
set -e
getent group docker >/dev/null || groupadd --system docker
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl enable docker.service docker.socket >/dev/null 2>&1
fi
update-rc.d docker defaults >/dev/null
invoke-rc.d docker start || true
"""

_PRERM = """\
#!/bin/sh
set -e
invoke-rc.d docker stop || true
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl disable docker.service docker.socket >/dev/null 2>&1; fi
"""

_POSTRM = """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then update-rc.d docker remove >/dev/null; fi
"""


def build(directory: Path) -> Path:
    """Build the package for this machine's architecture in the directory and return its path. Needs dpkg-deb."""
    files = {
        "DEBIAN/control": (_control(VERSION, "docker.io-played"), 0o644),
        "DEBIAN/conffiles": ("/etc/default/docker\n/etc/init.d/docker\n", 0o644),
        "DEBIAN/postinst": (_POSTINST, 0o755),
        "DEBIAN/prerm": (_PRERM, 0o755),
        "DEBIAN/postrm": (_POSTRM, 0o755),
        "usr/bin/docker": (guard.script(), 0o755),
        "lib/systemd/system/docker.service": (_UNIT, 0o644),
        "lib/systemd/system/docker.socket": (_SOCKET, 0o644),
        "etc/default/docker": (_DEFAULTS, 0o644),
        "etc/init.d/docker": (_INIT, 0o755),
    }
    return _build(directory / f"docker.io_{VERSION}_{machine()}.deb", files)


def build_buster(directory: Path) -> list[Path]:
    """Build the packages of Debian 10, for this machine's architecture, and return their paths. Needs dpkg-deb."""
    files = {
        "DEBIAN/control": (_control(BUSTER_VERSION, "containerd, runc"), 0o644),
        "DEBIAN/conffiles": ("/etc/default/docker\n", 0o644),
        "DEBIAN/postinst": (_without_init_script(_POSTINST), 0o755),
        "DEBIAN/prerm": (_PRERM, 0o755),
        "DEBIAN/postrm": (_without_init_script(_POSTRM), 0o755),
        "lib/systemd/system/docker.service": (_UNIT_OF_BUSTER, 0o644),
        "lib/systemd/system/docker.socket": (_SOCKET, 0o644),
        "etc/default/docker": (_DEFAULTS, 0o644),
    }
    for path in ("usr/bin/docker", "usr/sbin/dockerd"):
        program = f'#!/bin/sh\nPATH={REAL}:$PATH\nexport PATH\nexec {REAL}/{Path(path).name} "$@"\n'
        files[path] = (program, 0o755)
    docker = _build(directory / f"docker.io_{BUSTER_VERSION}_{machine()}.deb", files)
    return [docker, *build_empty(directory, EMPTY_OF_BUSTER, "buster")]


def build_empty(directory: Path, packages: Mapping[str, str] = EMPTY, suite: str = "jessie") -> list[Path]:
    """Build the packages and return their paths."""
    debs = []
    for name, more in packages.items():
        control = f"Package: {name}\nArchitecture: all\nMaintainer: Quai's tests <root@localhost>\n{more}Description: played\n"
        debs.append(_build(directory / f"{name}_{suite}_all.deb", {"DEBIAN/control": (control, 0o644)}))
    return debs


def _control(version: str, depends: str) -> str:
    return (
        f"Package: docker.io\nVersion: {version}\nArchitecture: {machine()}\nSection: admin\nPriority: optional\n"
        f"Depends: {depends}\n"
        "Maintainer: Quai's tests <root@localhost>\nDescription: Linux container runtime, as played by Quai's tests\n"
    )


def _without_init_script(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "update-rc.d" not in line)


def machine() -> str:
    """Return this machine's architecture, in Debian's words."""
    return _run("dpkg", "--print-architecture").strip()


def _build(target: Path, files: Mapping[str, tuple[str, int]]) -> Path:
    """Build a package of the files (path to text and mode) and return its path."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, (text, mode) in files.items():
            path = Path(scratch) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)
        for path in Path(scratch).rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        Path(scratch).chmod(0o755)
        _run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", scratch, str(target))
    return target


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
