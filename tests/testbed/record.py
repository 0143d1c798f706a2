"""Fixtures for the parsers: documents and messages of real engines, running nested in a host of the bed.

What is created resembles what Quai creates, with every limit set, so that a parser meets each field filled.
"""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

from . import settings as s
from .hosts import Host, start
from .shell import Failure, docker, say

_IMAGE = "python:3.13-slim"
_DIRECTORY = "/var/lib/myapp/data"

# As a host gets it from the roles, so that `docker info` shows these settings.
_DAEMON_JSON = {
    "registry-mirrors": [s.REGISTRY_URL],
    "live-restore": True,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
}

_WEB_DOCKERFILE = f"""\
FROM {_IMAGE}
LABEL org.opencontainers.image.title=web quai.revision=r1 quai.digest=sha256-0123abcd
ENV HOME=/home/myuser
RUN useradd --uid 1000 --create-home myuser
WORKDIR /home/myuser/www
USER myuser
EXPOSE 5000
CMD ["python", "-m", "http.server", "5000"]
"""
_DATA_DOCKERFILE = f"""\
FROM {_IMAGE}
LABEL quai.revision=r1
RUN useradd --uid 1000 myuser && mkdir -p /data && chown 1000:1000 /data
VOLUME ["/data"]
"""

_RUN_WEB = (
    "docker run -d --name web --label quai.app=myapp --label quai.release=r1 --volumes-from myapp_data -p 80:5000"
    " --memory 256m --memory-swap 256m --pids-limit 100 --cpu-shares 512 --read-only --tmpfs /tmp --cap-drop ALL"
    " --security-opt no-new-privileges --restart on-failure:5 --user 1000:1000"
    " --log-driver json-file --log-opt max-size=10m --log-opt max-file=3"
    ' --health-cmd \'python -c "import urllib.request; urllib.request.urlopen(\\"http://127.0.0.1:5000/\\")"\''
    " --health-interval 1s --health-timeout 5s --health-retries 3 web"
)
# Run in this order. Failures are expected where noted; a status that differs ends the recording.
_SETUP = (
    f"mkdir -p {_DIRECTORY} && chown 1000:1000 {_DIRECTORY} && chmod 750 {_DIRECTORY}",
    f"docker pull {_IMAGE}",
    f"printf %s {shlex.quote(_WEB_DOCKERFILE)} | docker build -t web -t web:r1 -",
    f"printf %s {shlex.quote(_DATA_DOCKERFILE)} | docker build -t myapp_data -",
    f"docker volume create --label quai.app=myapp --driver local -o type=none -o o=bind -o device={_DIRECTORY} myapp_data",
    "docker create --name myapp_data --label quai.app=myapp -v myapp_data:/data myapp_data",
    _RUN_WEB,
    # As the text has it: an anonymous volume, and a release that mounts it.
    "docker create --name hand_data myapp_data",
    "docker run -d --name hand_web --volumes-from hand_data web",
    # Ends at once with a status of its own.
    "docker run -d --name web_broken web python -c 'import sys; print(\"cannot start\", file=sys.stderr); sys.exit(3)'",
    # Killed for want of memory.
    "docker run -d --name web_oom --memory 32m --memory-swap 32m web python -c 'x = bytearray(256 << 20)'",
    # Running, never healthy.
    "docker run -d --name web_unhealthy --health-cmd 'echo no answer; exit 1' --health-interval 1s --health-retries 1 web",
    "docker create --name web_created web",
)

_DOCUMENTS: dict[str, tuple[str, int]] = {
    "version": ("docker version", 0),
    "version_json": ("docker version --format '{{json .}}'", 0),
    "info": ("docker info", 0),
    "info_json": ("docker info --format '{{json .}}'", 0),
    "inspect_web": ("docker inspect web", 0),
    "inspect_container_web": ("docker inspect --type container web", 0),
    "inspect_myapp_data": ("docker inspect --type container myapp_data", 0),
    "inspect_hand_web": ("docker inspect --type container hand_web", 0),
    "inspect_hand_data": ("docker inspect --type container hand_data", 0),
    "inspect_web_broken": ("docker inspect --type container web_broken", 0),
    "inspect_web_oom": ("docker inspect --type container web_oom", 0),
    "inspect_web_unhealthy": ("docker inspect --type container web_unhealthy", 0),
    "inspect_web_created": ("docker inspect --type container web_created", 0),
    "inspect_image_web": ("docker inspect --type image web", 0),
    "inspect_image_base": (f"docker inspect --type image {_IMAGE}", 0),
    "inspect_volume_myapp_data": ("docker volume inspect myapp_data", 0),
    "inspect_nosuch": ("docker inspect nosuch", 1),
    "inspect_container_nosuch": ("docker inspect --type container nosuch", 1),
    "inspect_image_nosuch": ("docker inspect --type image nosuch:r1", 1),
    "inspect_volume_nosuch": ("docker volume inspect nosuch", 1),
    "inspect_mixed": ("docker inspect --type container web nosuch myapp_data nosuch_either", 1),
    "inspect_image_mixed": ("docker inspect --type image web:r1 nosuch:r1 myapp_data", 1),
    "ps_a": ("docker ps -a --no-trunc", 0),
    "ps_a_json": ("docker ps -a --no-trunc --format '{{json .}}'", 0),
    "images": ("docker images --no-trunc", 0),
    "images_json": ("docker images --no-trunc --format '{{json .}}'", 0),
    "volume_ls_json": ("docker volume ls --format '{{json .}}'", 0),
    "port_web": ("docker port web", 0),
    "logs_web_broken": ("docker logs web_broken", 0),
    "history_web": ("docker history --no-trunc web", 0),
    "df_json": ("docker system df -v --format '{{json .}}'", 0),
    # What people meet when something is in the way.
    "run_name_taken": ("docker run -d --name web web", 125),
    "run_port_taken": ("docker run -d --name taken -p 80:5000 web", 125),
    "run_no_image": ("docker run -d --name none nosuch.invalid/image:r1", 125),
    "rm_running": ("docker rm web", 1),
    "rmi_in_use": ("docker rmi web:r1 web", 1),
    "volume_rm_in_use": ("docker volume rm myapp_data", 1),
    "stop_nosuch": ("docker stop nosuch", 1),
    "version_no_daemon": ("docker -H unix:///run/nowhere.sock version", 1),
    "inspect_no_daemon": ("docker -H unix:///run/nowhere.sock inspect web", 1),
}


def record(suite: str, directory: Path) -> None:
    """Create the containers on a nested engine of a suite and write DIRECTORY/docker-<version>/NAME.{out,err,rc}."""
    # forky's systemd refuses the cgroups v1 that this machine may have; the engine does without systemd.
    with start(f"quai-host-docker:{suite}", f"record-{suite}", systemd=False) as host:
        host.write("/etc/docker/daemon.json", json.dumps(_DAEMON_JSON, indent=2))
        docker("exec", "-d", host.name, "sh", "-c", "exec dockerd >/var/log/docker.log 2>&1")
        host.shell(
            "for i in $(seq 100); do docker version >/dev/null 2>&1 && exit; sleep 0.3; done; tail /var/log/docker.log; exit 1"
        )
        version = host.shell("docker version -f '{{.Server.Version}}'").stdout.strip().split("+")[0]
        target = directory / f"docker-{version}"
        target.mkdir(parents=True, exist_ok=True)
        say(f"recording {target.name} from {suite}")
        for command in _SETUP:
            # The builder of every engine; buildx is a plugin that hosts may lack.
            host.shell(f"export DOCKER_BUILDKIT=0; {command}")
        _wait_for_states(host)
        for name, (command, status) in _DOCUMENTS.items():
            done = host.shell(command, check=False)
            # Which of several failures decides differs a little between engines: zero or not is what counts.
            if (done.returncode == 0) != (status == 0):
                raise Failure(f"{suite}: `{command}` ended with {done.returncode}, not {status}: {done.stderr}")
            for suffix, text in (("out", done.stdout), ("err", done.stderr), ("rc", f"{done.returncode}\n")):
                (target / f"{name}.{suffix}").write_text(host.scrub(text))
        say(f"{target}: {len(_DOCUMENTS)} commands recorded")


def _wait_for_states(host: Host) -> None:
    """The recorded states must have come about: healthy, unhealthy, out of memory, ended."""
    wanted = {
        "web": ("{{.State.Health.Status}}", "healthy"),
        "web_unhealthy": ("{{.State.Health.Status}}", "unhealthy"),
        "web_oom": ("{{.State.OOMKilled}}", "true"),
        "web_broken": ("{{.State.ExitCode}}", "3"),
    }
    deadline = time.monotonic() + 60
    for name, (field, value) in wanted.items():
        while (found := host.shell(f"docker inspect -f '{field}' {name}").stdout.strip()) != value:
            if time.monotonic() > deadline:
                raise Failure(f"{name} is {found or 'unknown'}, wanted {value}")
            time.sleep(0.3)
