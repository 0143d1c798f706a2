"""inventory/mixed.yml, typed: two Debian hosts and two machines of one Mac, all of them hosts of the test bed.

The Mac's programs are doubles that know the recorded calls only (tests/doubles); the engines behind them are real, and
the Mac is reached over ssh.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, run
from tests.fleet.test_tour import shown
from tests.testbed import hosts, settings
from tests.testbed.shell import docker

DOUBLES = "/usr/lib/quai_doubles"
DEPLOY = "ansible-playbook site.yml -i inventory/mixed.yml"


@dataclass(frozen=True)
class Fleet:
    """The hosts, and the inventory that leads to them."""

    inventory: Path
    mac: hosts.Host

    def typed(self, command: str, *more: str, check: bool = True) -> str:
        """Run a command of the README with this inventory and return its output."""
        words = command.replace("inventory/mixed.yml", str(self.inventory)).split()
        return run(*words, *more, check=check, seconds=1500).stdout

    def as_reader(self, command: str) -> str:
        """Run a command on the Mac, as its user in a new shell."""
        return docker("exec", "-u", "reader", self.mac.name, "bash", "--login", "-c", command).stdout.strip()


def make_mac(mac: hosts.Host, machines: dict[str, hosts.Host]) -> None:
    """Turn a host into the Mac, and others into what its virtual machines are."""
    docker("cp", f"{ROOT}/tests/doubles/.", f"{mac.name}:{DOUBLES}")
    key = mac.shell(f"{DOUBLES}/double.py doubles mac").stdout.strip()
    for machine in machines.values():
        machine.shell(
            "id docker >/dev/null 2>&1 || useradd --create-home --gid docker --shell /bin/sh docker\n"
            "install -d -o docker -g docker -m 700 /home/docker/.ssh\n"
            "cat >/home/docker/.ssh/authorized_keys\n"
            "echo 'docker ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/docker",
            stdin=f"{key}\n",
        )
    named = " ".join(f"{name}={machine.address}" for name, machine in machines.items())
    mac.shell(f"runuser -u reader -- doubles machines {named}")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The hosts of inventory/mixed.yml."""
    scratch = tmp_path_factory.mktemp("mixed")
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = settings.DOCKER_HOST
    try:
        with contextlib.ExitStack() as stack:

            def host(suite: str, name: str) -> hosts.Host:
                return stack.enter_context(hosts.start(f"quai-host-docker:{suite}", name))

            host("bookworm", "one.example.org")
            host("trixie", "two.example.org")
            mac = host("bookworm", "mac.example.org")
            make_mac(mac, {"first": host("bookworm", "machine-first"), "second": host("trixie", "machine-second")})
            inventory = scratch / "mixed.yml"
            text = (ROOT / "inventory/mixed.yml").read_text()
            reached = (
                '    ansible_connection: community.docker.docker\n    ansible_host: "quai-{{ inventory_hostname }}"\n'
            )
            text = text.replace("    ansible_user: admin\n", reached)
            text = text.replace("    ansible_host: mac.example.org\n", over_ssh(mac, scratch))
            inventory.write_text(text)
            yield Fleet(inventory, mac)
    finally:
        os.environ.pop("DOCKER_HOST")
        if before:
            os.environ["DOCKER_HOST"] = before


def over_ssh(mac: hosts.Host, scratch: Path) -> str:
    """Return the variables by which Ansible reaches the Mac over ssh, its user having admitted a key."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch / "key")
    mac.shell(
        "install -d -o reader -m 700 /Users/reader/.ssh && cat >/Users/reader/.ssh/authorized_keys",
        stdin=(scratch / "key.pub").read_text(),
    )
    options = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={scratch}/known_hosts"
    return (
        f"    ansible_host: {mac.address}\n"
        f"    ansible_ssh_private_key_file: {scratch}/key\n"
        f"    ansible_ssh_common_args: {options}\n"
    )


def recap(said: str) -> dict[str, int]:
    """Return the number of changed tasks by host."""
    return {name: int(changed) for name, changed in re.findall(r"^(\S+) +: ok=.*?changed=(\d+)", said, re.MULTILINE)}


DEV = "dev.mac.example.org"
MACS = {DEV, "test.mac.example.org"}
NAMES = {"one.example.org", "two.example.org", "dev.mac.example.org", "test.mac.example.org"}


def test_the_mixed_inventory_is_served(fleet: Fleet) -> None:
    predicted = fleet.typed(DEPLOY, "--check", "--diff")
    assert set(recap(predicted)) == NAMES
    assert all(recap(predicted).values())
    assert "would create the machine dev" in predicted
    served = fleet.typed(DEPLOY)
    for name in NAMES:
        assert re.search(rf'^\s+{re.escape(name)}: +answers: http://\S+ "Hello World!"$', served, re.MULTILINE), served
    machines = {name: fleet.as_reader(f"docker-machine ip {name}") for name in ("dev", "test")}
    assert len(set(machines.values())) == 2
    for name, address in machines.items():
        port = {"dev": 80, "test": 8080}[name]
        assert f'{name}.mac.example.org:  answers: http://{address}:{port}/ "Hello World!"' in served


def test_again_nothing_changes(fleet: Fleet) -> None:
    assert recap(fleet.typed(DEPLOY)) == dict.fromkeys(NAMES, 0)
    assert recap(fleet.typed(DEPLOY, "--check", "--diff")) == dict.fromkeys(NAMES, 0)
    assert recap(fleet.typed("ansible-playbook playbooks/app.yml -i inventory/mixed.yml")) == dict.fromkeys(NAMES, 0)


def test_limit_picks_one(fleet: Fleet) -> None:
    assert recap(fleet.typed(f"{DEPLOY} --limit dev.mac.example.org")) == {"dev.mac.example.org": 0}


def playbook(name: str, *limit: str) -> str:
    """Return the command of a playbook for these hosts, all for none."""
    return f"ansible-playbook playbooks/{name}.yml -i inventory/mixed.yml" + (
        f" --limit {','.join(limit)}" if limit else ""
    )


def rows(fleet: Fleet, file: Path, *limit: str) -> dict[str, dict[str, Any]]:
    """Return what status.yml tells by host; it fails where one is bad."""
    fleet.typed(playbook("status", *limit), "-e", f"status_file={file}", "-e", "status_history=")
    return {row["host"]: row for row in json.loads(file.read_text())["hosts"]}


def test_status_tells_of_all_hosts_alike(fleet: Fleet, tmp_path: Path) -> None:
    told = rows(fleet, tmp_path / "status.json")
    assert set(told) == NAMES
    assert {(row["state"], row["container"], *row["drift"]) for row in told.values()} == {("ok", "running")}
    assert all(row["data_bytes"] and row["free_bytes"] and row["logs"]["/data/access.log"] for row in told.values())
    for name, port in {"dev": 80, "test": 8080}.items():
        row, address = told[f"{name}.mac.example.org"], fleet.as_reader(f"docker-machine ip {name}")
        assert row["address"] == f"http://{address}:{port}"
        shell = f"docker-machine ssh {name}"
        assert row["machine"] == {"name": name, "state": "running", "address": address, "shell": shell}
        assert address in fleet.as_reader(f"{row['machine']['shell']} hostname -I").split()


def test_an_operator_sees_into_the_machine(fleet: Fleet) -> None:
    fleet.as_reader("docker exec web sh -c 'echo told by the application >/proc/1/fd/1'")
    logged = fleet.typed(playbook("logs", DEV))
    assert re.search(rf"^{DEV} /data/myapp\.log \| .* Booting worker", logged, re.MULTILINE)
    assert re.search(rf'^{DEV} /data/access\.log \| .* "GET / HTTP/1\.[01]" 200 ', logged, re.MULTILINE)
    assert re.search(rf"^{DEV} web [0-9a-f]{{12}} \| told by the application$", logged, re.MULTILINE)
    ran = fleet.typed(playbook("run", DEV), "-e", "run_command=sh -c 'ls /data; id -u; exit 7'", check=False)
    assert f"{DEV} | access.log\n{DEV} | myapp.log\n{DEV} | 1000\n" in ran
    assert f"{DEV}:  run_exit_code: 7" in ran
    found = fleet.typed(playbook("doctor", DEV), "-e", "doctor_format=json")
    (diagnosis,) = [json.loads(line) for line in found.splitlines() if line.startswith("{")]
    # Of the engine, what its machine's release of Debian has; of the Mac itself, which is none, nothing.
    assert {each["check"] for each in diagnosis["findings"]} <= {"live-restore", "images"}
    (cure,) = [each["cure"] for each in diagnosis["findings"] if each["check"] == "live-restore"]
    assert "--engine-opt" in cure
    assert set(diagnosis["left_out"].values()) == {"the engine runs on another machine"}


def everything(fleet: Fleet) -> set[str]:
    """Return all that the engine of the machine dev has."""
    return set(fleet.as_reader("docker ps -aq --no-trunc; docker images -aq --no-trunc; docker volume ls -q").split())


def test_the_tour_leads_into_the_machine_and_leaves_nothing(fleet: Fleet) -> None:
    before = everything(fleet)
    steps = shown(fleet.typed(playbook("tour", DEV), "--tags", "browser,log"))
    assert everything(fleet) == before
    address = fleet.as_reader("docker-machine ip dev")
    (asked,) = [step for step in steps if step.command == "docker-machine ssh dev curl -fsS http://localhost:8099/"]
    assert asked.printed == "Hello World!"
    sentence = " ".join(asked.sentence.split())
    assert f"a browser on the Mac opens http://{address}:8099/: the address is that of the machine" in sentence
    (read,) = [step for step in steps if step.command.startswith("docker-machine ssh dev sudo tail")]
    assert "Booting worker" in read.printed


def test_what_the_text_has_a_person_type_on_a_mac(fleet: Fleet) -> None:
    assert fleet.as_reader("docker ps --format '{{.Names}}'") == "web"  # a new shell, nothing evaluated
    address = fleet.as_reader("docker-machine ip dev")
    assert fleet.as_reader(f"curl -sS http://{address}/") == "Hello World!"
    assert fleet.as_reader("docker --context test ps --format '{{.Names}}'") == "web"
    assert "Hello World!" in fleet.as_reader("docker-machine ssh dev curl -sS http://localhost:80")
    assert "gunicorn" in fleet.as_reader(
        "docker-machine ssh dev sudo cat /var/lib/docker/volumes/myapp_data/_data/myapp.log"
    )


def test_data_is_a_volume_in_the_machine_and_outlives_its_container(fleet: Fleet) -> None:
    (volume,) = json.loads(fleet.as_reader("docker volume inspect myapp_data"))
    assert volume["Driver"] == "local"
    assert not volume["Options"]
    before = fleet.as_reader("docker exec web cat /data/access.log").splitlines()
    fleet.as_reader("docker rm -f myapp_data && docker rmi -f myapp_data")
    fleet.typed(f"{DEPLOY} --limit dev.mac.example.org")
    assert fleet.as_reader("docker exec web cat /data/access.log").splitlines()[: len(before)] == before


def test_a_machine_that_was_made_anew_is_not_served_empty(fleet: Fleet) -> None:
    """The Mac remembers which data the machine had: another one's would pass for it."""
    cidr = "--virtualbox-hostonly-cidr 192.168.56.1/24"
    fleet.as_reader(f"docker-machine rm -y test && docker-machine create -d virtualbox {cidr} test")
    said = fleet.typed(f"{DEPLOY} --limit test.mac.example.org", check=False)
    assert "is not where it was" in " ".join(said.split())
    fleet.as_reader("rm ~/.quai/machines/test/volumes/myapp_data")
    fleet.typed(f"{DEPLOY} --limit test.mac.example.org")


def test_removal(fleet: Fleet) -> None:
    teardown = "ansible-playbook playbooks/teardown.yml -i inventory/mixed.yml --limit macos_hosts"
    fleet.typed(teardown)
    assert fleet.as_reader("docker ps -aq") == ""
    assert fleet.as_reader("docker volume ls -q") == "myapp_data"
    fleet.typed(f"{teardown} -e teardown_engine=docker")
    assert fleet.as_reader("docker-machine status dev") == "Stopped"
    assert recap(fleet.typed(f"{teardown} -e teardown_engine=docker")) == dict.fromkeys(NAMES & set(MACS), 0)
    refused = fleet.typed(f"{teardown} -e teardown_engine=docker -e docker_machine_purge=dev", check=False)
    assert 'machine "dev"' in " ".join(refused.split())
    assert fleet.as_reader("cat .bash_profile .zshrc 2>/dev/null; :") == ""
    for name in ("dev", "test"):
        fleet.typed(
            f"{teardown} --limit {name}.mac.example.org -e teardown_engine=docker -e docker_machine_purge={name}"
        )
    assert fleet.as_reader("ls -A .quai/machines; command -v docker docker-machine; :") == ""


def test_a_mac_with_apple_silicon(fleet: Fleet, tmp_path: Path) -> None:
    """The same inventory line, and colima, whose machine's ports are the Mac's."""
    assert fleet.as_reader("doubles refusals") == ""
    fleet.as_reader("doubles bare && doubles set arch arm64 && doubles set ports 80,8080,8099")
    deploy = f"{DEPLOY} --limit dev.mac.example.org"
    assert f'dev.mac.example.org:  answers: http://{fleet.mac.address}:80/ "Hello World!"' in fleet.typed(deploy)
    assert recap(fleet.typed(deploy)) == {"dev.mac.example.org": 0}
    assert fleet.as_reader("curl -sS http://127.0.0.1/") == "Hello World!"
    assert (
        fleet.as_reader("PATH=/opt/homebrew/bin:$PATH; docker --context colima-dev ps --format '{{.Names}}'") == "web"
    )
    assert rows(fleet, tmp_path / "status.json", DEV)[DEV]["address"] == f"http://{fleet.mac.address}:80"
    steps = shown(fleet.typed(playbook("tour", DEV), "--tags", "browser"))
    (asked,) = [step for step in steps if step.command.startswith("colima ssh --profile dev -- curl")]
    assert asked.printed == "Hello World!"
    assert "opens http://127.0.0.1:8099/: the machine's ports lead on" in " ".join(asked.sentence.split())
    pid = fleet.as_reader("nohup python3 -m http.server 5000 >/dev/null 2>&1 & echo $!")  # as macOS's AirPlay does
    refused = " ".join(fleet.typed(deploy, "-e", "myapp_port=5000", check=False).split())
    assert f"Port 5000 is already taken by python3 (pid {pid}), on 0.0.0.0." in refused
    fleet.as_reader(f"kill {pid}")
    assert fleet.as_reader("curl -sS http://127.0.0.1/") == "Hello World!"
    fleet.typed(
        "ansible-playbook playbooks/teardown.yml -i inventory/mixed.yml --limit dev.mac.example.org "
        "-e teardown_engine=docker -e docker_machine_purge=dev"
    )
    assert fleet.as_reader("ls -A .quai/machines; ls /opt/homebrew/bin") == "brew"


def test_no_call_was_unknown_to_the_real_programs(fleet: Fleet) -> None:
    assert fleet.as_reader("doubles refusals") == ""


def test_deploy_on_a_mac_takes_its_inventory(tmp_path: Path) -> None:
    uname = tmp_path / "uname"
    uname.write_text("#!/bin/sh\necho Darwin\n")
    uname.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    listing = ("env", f"PATH={path}", "script/deploy", "--list-hosts", "--limit", "macos_hosts")
    assert hosts_of_first_play(run(*listing).stdout) == {"localhost"}
    for option in ("-i", "-Ci"):
        listed = run(*listing, option, "inventory/mixed.yml").stdout
        assert hosts_of_first_play(listed) == {"dev.mac.example.org", "test.mac.example.org"}


def hosts_of_first_play(listed: str) -> set[str]:
    """The names in what --list-hosts prints; a set, since ansible-playbook lists a set, in another order each time."""
    play = listed.split("play #")[1]
    return set(play[play.index("hosts (") :].split()[2:])
