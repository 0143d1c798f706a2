"""logs.yml shows what was logged, across releases and while it is; run.yml runs a command in the release that serves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, until
from tests.fleet.conftest import Fleet
from tests.testbed import settings


def shown(said: str) -> list[str]:
    """Return the lines of logs."""
    return [line for line in said.splitlines() if line.startswith("quay ") and " | " in line]


def ask(fleet: Fleet, mark: str) -> None:
    """Ask the application for a page, with a mark that it logs."""
    fleet.host.shell(f"curl -sf 'http://127.0.0.1/?{mark}'")


def test_every_log_is_shown(fleet: Fleet) -> None:
    ask(fleet, "seen-in-the-log")
    fleet.docker("exec", "web", "sh", "-c", "echo said to nobody > /proc/1/fd/1")
    release = fleet.docker("inspect", "-f", '{{index .Config.Labels "quai.release"}}', "web")
    code, said = fleet.playbook("logs")
    assert code == 0, said
    lines = shown(said)
    assert any(line.startswith("quay /data/myapp.log | ") and "Booting worker" in line for line in lines)
    assert any(line.startswith("quay /data/access.log | ") and "seen-in-the-log" in line for line in lines)
    assert f"quay web {release} | said to nobody" in lines
    assert "changed=0" in said


def test_lines_and_since(fleet: Fleet) -> None:
    time.sleep(2)
    ask(fleet, "the-latest")
    lines = shown(fleet.playbook("logs", "-e", "logs_lines=1")[1])
    assert len([line for line in lines if "/data/access.log" in line]) == 1
    fleet.host.shell("systemctl is-active docker")
    lines = shown(fleet.playbook("logs", "-e", "logs_since=1h", "-e", "logs_lines=1000")[1])
    assert any("the-latest" in line for line in lines)
    assert any("Starting gunicorn" in line for line in lines)
    assert shown(fleet.playbook("logs", "-e", "logs_since=2100-01-01")[1]) == []


def test_a_span_reaches_into_what_logrotate_made(fleet: Fleet) -> None:
    fleet.host.shell("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y logrotate")
    log = "/var/lib/myapp/data/access.log"
    rules = "rotate 5\ncompress\ndelaycompress\npostrotate\ndocker kill -s USR1 web\nendscript\n"
    fleet.host.write("/root/rotation", f"{log} {{\n{rules}}}\n")

    def logged(mark: str) -> bool:  # in the file before, where a worker has not opened the new one yet
        return until(lambda: mark in fleet.host.shell(f"cat {log} {log}.1", check=False).stdout)

    for mark in ("turned-1", "turned-2", "turned-3"):
        ask(fleet, mark)
        assert logged(mark)
        fleet.host.shell("logrotate -f -s /root/rotated /root/rotation")
        assert until(lambda: fleet.host.shell(f"test -e {log}", check=False).returncode == 0)
    assert fleet.host.shell(f"ls {log}.1 {log}.2.gz {log}.3.gz").returncode == 0
    ask(fleet, "turned-4")
    assert logged("turned-4")

    def turned(*arguments: str) -> list[str]:
        lines = shown(fleet.playbook("logs", *(word for each in arguments for word in ("-e", each)))[1])
        return [found[0] for line in lines if "access.log | " in line and (found := re.findall(r"turned-\d", line))]

    everything = [f"turned-{number}" for number in range(1, 5)]
    assert turned("logs_lines=1000") == everything
    assert turned("logs_since=1h") == everything
    assert turned("logs_since=1h", "logs_until=30m") == []
    assert turned("logs_until=2100-01-01", "logs_lines=1000") == everything


def test_logs_are_followed_through_a_redeploy_and_a_rotation_until_interrupted(fleet: Fleet, tmp_path: Path) -> None:
    output = tmp_path / "output"
    words = [
        "ansible-playbook",
        "playbooks/logs.yml",
        "-i",
        str(fleet.inventory),
        "-e",
        "logs_follow=true",
        "-e",
        "logs_lines=1",
    ]
    variables = {
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
        "DOCKER_HOST": settings.DOCKER_HOST,
        "PYTHONUNBUFFERED": "1",
    }
    with output.open("w") as file:
        follower = subprocess.Popen(words, cwd=ROOT, env=os.environ | variables, stdout=file, stderr=file)

    def told(mark: str) -> bool:
        return until(lambda: mark in output.read_text(), 120)

    try:
        assert told("access.log | ")
        ask(fleet, "before-the-redeploy")
        assert told("before-the-redeploy")
        code, deployed = fleet.playbook("app", "-e", '{"app_web_env": {"GREETING": "new"}}')
        assert code == 0, deployed
        ask(fleet, "after-the-redeploy")
        assert fleet.docker("exec", "web", "printenv", "GREETING") == "new"
        assert "quay | new" in fleet.playbook("run", "-e", "run_command=printenv GREETING")[1].splitlines()
        spanned = "\n".join(shown(fleet.playbook("logs", "-e", "logs_since=1h", "-e", "logs_lines=1000")[1]))
        assert spanned.index("?before-the-redeploy") < spanned.index("?after-the-redeploy")
        data = "/var/lib/myapp/data"
        fleet.host.shell(f"mv {data}/access.log {data}/access.log.1")
        ask(fleet, "after-the-move")  # gunicorn still writes to the old file
        assert told("after-the-move")
        fleet.docker("kill", "-s", "USR1", "web")
        assert until(lambda: fleet.host.shell(f"test -e {data}/access.log", check=False).returncode == 0)
        ask(fleet, "in-the-new-file")
        assert told("in-the-new-file")
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(timeout=60)
    lines = shown(output.read_text())
    marks = [found[0] for line in lines if (found := re.findall(r"(?:before|after|in)-the-[a-z-]+", line))]
    assert marks == ["before-the-redeploy", "after-the-redeploy", "after-the-move", "in-the-new-file"]
    assert any("Starting gunicorn" in line for line in lines)
    # Every line once, and in its order: what was shown is one piece of what was written.
    source = "quay /data/access.log | "
    access = [line.removeprefix(source) for line in lines if line.startswith(source)]
    assert "\n".join(access) in fleet.host.shell(f"cat {data}/access.log.1 {data}/access.log").stdout
    assert fleet.playbook("app")[0] == 0


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("logs_folow=true", "did you mean logs_follow?"),
        ("logs_lines=some", "logs_lines"),
        ("logs_since=soon", "'soon' is no time"),
        ("logs_until=soon", "'soon' is no time"),
    ],
)
def test_inputs_of_logs_are_refused_by_name(fleet: Fleet, argument: str, named: str) -> None:
    code, said = fleet.playbook("logs", "-e", argument)
    assert code != 0
    assert named in " ".join(said.split())
    assert shown(said) == []


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_command_runs_as_the_release_does(fleet: Fleet) -> None:
    serving = fleet.docker("inspect", "-f", "{{.Id}}", "web")
    before = fleet.docker("ps", "-a", "--format", "{{.Names}}")
    limit = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null"
    look = f"id -u; cat /data/.quai-volume; echo $PYTHONUSERBASE; {limit}; touch /x; touch /data/left && echo wrote"
    code, said = fleet.playbook("run", "-e", f'run_command=sh -c "{look}"')
    assert code == 0, said
    lines = [line.removeprefix("quay | ") for line in said.splitlines() if line.startswith("quay | ")]
    token = fleet.host.shell("cat /var/lib/quai/volumes/myapp_data").stdout.strip()
    assert {"1000", token, "/home/myuser/.local", str(512 << 20), "wrote"} <= set(lines)
    assert any("Read-only file system" in line for line in lines)
    assert fleet.docker("exec", "web", "ls", "/data/left") == "/data/left"
    assert fleet.docker("inspect", "-f", "{{.Id}}", "web") == serving
    assert fleet.docker("ps", "-a", "--format", "{{.Names}}") == before


def test_a_command_that_fails_is_named_with_its_exit_code(fleet: Fleet) -> None:
    code, said = fleet.playbook("run", "-e", '{"run_command": ["sh", "-c", "echo out; echo err >&2; exit 7"]}')
    assert code != 0
    assert {"quay | out", "quay | err"} <= set(said.splitlines())
    assert "ended with exit code 7." in said
    assert "\tquay:  run_exit_code: 7" in said.splitlines()[-3:]
    code, said = fleet.playbook("run", "-e", "run_command=no-such-program --help")
    assert code != 0
    assert "no-such-program --help ended with exit code 127." in said
    assert "run" not in fleet.docker("ps", "-a", "--format", "{{.Names}}")


def test_a_command_leaves_no_volume_behind(fleet: Fleet) -> None:
    """An image may declare one without a name: the command shares that of the container that serves."""
    fleet.host.shell("printf 'FROM web\\nVOLUME /cache\\n' | docker build -q -t caching -")
    try:
        fleet.docker("run", "-d", "--name", "caching", "--volumes-from", "myapp_data", "caching", "sleep", "600")
        before = fleet.docker("volume", "ls", "-q")
        code, said = fleet.playbook("run", "-e", "app_web_name=caching", "-e", "run_command='ls -d /cache'")
        assert code == 0, said
        assert "quay | /cache" in said.splitlines()
        assert "\tquay:  run_exit_code: 0" in said.splitlines()[-3:]
        assert fleet.docker("volume", "ls", "-q") == before
    finally:
        fleet.host.shell("docker rm -f -v caching; docker rmi caching")


def test_check_mode_only_tells(fleet: Fleet) -> None:
    code, said = fleet.playbook("run", "--check", "-e", "run_command=touch /data/checked")
    assert code == 0
    assert "quay: would run touch /data/checked in the release of web" in said
    assert "checked" not in fleet.docker("exec", "web", "ls", "/data")


@pytest.mark.parametrize("argument", ["run_command=", "run_comand=ls"])
def test_no_command(fleet: Fleet, argument: str) -> None:
    code, said = fleet.playbook("run", "-e", argument)
    assert code != 0
    assert ("No command is given." if argument == "run_command=" else "did you mean run_command?") in " ".join(
        said.split()
    )


def test_nothing_is_run_where_nothing_is_served(fleet: Fleet) -> None:
    fleet.docker("stop", "web")
    try:
        code, said = fleet.playbook("run", "-e", "run_command=ls")
    finally:
        fleet.docker("start", "web")
    assert code != 0
    assert "The container web is stopped: nothing is served." in " ".join(said.split())
