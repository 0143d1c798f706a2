"""A host of Debian 8 with Docker 1.6.2, played by a test host of today.

What is real: apt and dpkg (of the host's own release), the archive with its expired key, the package, systemd or sysvinit,
the daemon, images and containers. What is played: `/etc/os-release`, and `/usr/bin/docker`, a guard (guard.py) that answers as
1.6.2 does and hands on to the real docker beside it (REAL) only what 1.6.2 understood.

    python3 -m tests.legacy guard > docker     the guard alone, to put in the place of /usr/bin/docker
    python3 -m tests.legacy archive DIRECTORY  archives that hold it as docker.io 1.6.2~dfsg1-1~bpo8+1, good and bad ones

How a host becomes such a one: `molecule/docker_engine_eol/prepare.yml`.
"""

REAL = "/usr/lib/quai-real-docker"
"""Where the host's real docker, dockerd, containerd, runc and their helpers have been moved."""

VERSION = "1.6.2~dfsg1-1~bpo8+1"
"""Of the package."""

BUSTER_VERSION = "18.09.1+dfsg1-7.1+deb10u3"
"""Of the package of Debian 10."""
