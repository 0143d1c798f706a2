"""The tour: what the text states is what is shown, nothing of it is left, and docs/tour.md says what works.

On hosts of the test bed, each with an engine of its own: this machine's serves what the other tests deploy.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, run, until
from tests.testbed import hosts, settings
from tests.testbed.hosts import Host
from tests.testbed.shell import docker

CHAPTERS = (
    *("pull", "first_container", "shell", "first_image", "browser"),
    *("gunicorn", "data_volume", "log", "data_survives"),
)
FETCH = "http://localhost:8099/"
# What a chapter comes to, by the command that shows it.
PROOF = {
    "pull": ("docker images", r"^python +3\.13-slim "),
    "first_container": ("docker ps -a", r" Exited \(0\) .* tour-hello$"),
    "shell": ("/comm", r"^/proc/1/comm:bash$"),
    "first_image": (FETCH, r"\AHello World!\Z"),
    "browser": ("hostname -I", r"^\d+\.\d+\.\d+\.\d+"),
    "gunicorn": ("docker exec tour-web id", r"\Auid=1000\(myuser\)"),
    "data_volume": (FETCH, r"\AHello World!\Z"),
    "log": ("tail -n 3", "Booting worker"),
    "data_survives": ("touch /data/kept", r"^kept\Z"),
}
IN_FRENCH = re.compile(r"[éèà]|\b(le|la|les|du|de|une?|est)\b")


@dataclass(frozen=True)
class Shown:
    """One step as it was shown: the command, what it printed and the sentence."""

    command: str
    printed: str
    sentence: str


def shown(output: str) -> list[Shown]:
    """Return the steps of a tour in order."""
    found = re.findall(r"^    \$ (.*)\n((?:    .*\n)+)\n((?:    .*\n)+)", output, re.MULTILINE)
    return [Shown(command, _plain(printed), _plain(sentence)) for command, printed, sentence in found]


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def printed(steps: list[Shown], command: str) -> list[str]:
    """Return what the commands that contain this text printed."""
    found = [step.printed for step in steps if command in step.command]
    assert found, f"no step has {command}"
    return found


def state(host: Host) -> str:
    """Return all that an engine has: containers, images (those without a name too) and volumes."""
    listings = (
        "docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'",
        "docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'",
        "docker volume ls -q",
    )
    return "\n".join(line for listing in listings for line in sorted(host.shell(listing).stdout.splitlines()))


def inventory_of(directory: Path, host: Host) -> Path:
    """Return an inventory of this host, reached as a container of the bed."""
    path = directory / "hosts.yml"
    path.write_text(f"debian_hosts: {{hosts: {{{host.name}: {{ansible_connection: community.docker.docker}}}}}}\n")
    return path


@dataclass(frozen=True)
class Tour:
    """Tours of one host."""

    host: Host
    inventory: Path

    def words(self, *arguments: str) -> list[str]:
        """Return the command."""
        return ["ansible-playbook", "playbooks/tour.yml", "-i", str(self.inventory), *arguments]

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Take it."""
        return run(*self.words(*arguments), check=check, DOCKER_HOST=settings.DOCKER_HOST)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A host that serves something under the names and with the base that a deployment has."""
    with hosts.start("quai-host-docker:bookworm", "tour") as host:
        host.shell(
            "docker volume create myapp_data && docker run -d --name web -v myapp_data:/data -p 80:5000 "
            "python:3.13-slim python -m http.server 5000"
        )
        yield Tour(host, inventory_of(tmp_path_factory.mktemp("tour"), host))


@pytest.fixture(autouse=True)
def nothing_changes(tour: Tour) -> Iterator[None]:
    """Whatever a tour does, the host is then as it was."""
    before = state(tour.host)
    yield
    assert state(tour.host) == before


def test_the_whole_tour_shows_what_the_text_states(tour: Tour) -> None:
    end = "{{.Actor.Attributes.name}}={{.Actor.Attributes.exitCode}}"
    docker("exec", "-d", tour.host.name, "sh", "-c", f"docker events -f event=die --format '{end}' > /tmp/ends")
    steps = shown(tour().stdout)
    # The base was here, and is not pulled anew: another may have come since.
    assert not [step for step in steps if "docker pull python" in step.command]
    assert "python       3.13-slim" in printed(steps, "docker images")[0]
    (hello,) = printed(steps, "docker run --label quai.tour --name tour-hello")
    assert "Hello from Docker!" in hello
    assert "No registry gave hello-world" in hello  # the bed's mirror has none
    assert re.search(r"^hello-world +latest ", printed(steps, "docker images hello-world")[0], re.MULTILINE)
    nothing, shell, first = printed(steps, "docker ps --filter")
    assert len(nothing.splitlines()) == 1
    assert nothing.startswith("CONTAINER ID")
    assert re.search(r" Exited \(0\) .* tour-hello$", printed(steps, "docker ps -a")[0])
    assert re.search(r" Up .* tour-shell$", shell)
    assert re.search(r" Up .* tour-first$", first)
    processes = dict(line.removeprefix("/proc/").split("/comm:") for line in printed(steps, "/comm")[0].splitlines())
    assert processes.pop("1") == "bash"
    assert list(processes.values()) == ["grep"]
    assert printed(steps, "docker port tour-first") == ["(prints nothing)"]
    assert printed(steps, FETCH) == ["Hello World!"] * 3
    assert tour.host.address in printed(steps, "hostname -I")[0]
    assert printed(steps, "docker exec tour-web id")[0].startswith("uid=1000(myuser)")
    assert re.fullmatch(r"/var/lib/docker/volumes/[0-9a-f]{64}/_data", printed(steps, "{{end}}' tour-data")[0])
    log, survived = printed(steps, "tail -n 3")
    assert "Booting worker" in log
    assert "Shutting down: Master" in survived
    assert len(printed(steps, "--volumes-from=tour-data tour-data ls -A /data")[0].splitlines()) == 1  # only its id
    assert printed(steps, "touch /data/kept")[0].splitlines()[-1] == "kept"
    assert not [step.sentence for step in steps if re.search(r"[éèà]", step.sentence)]
    # Whoever does not hear `docker stop` is killed in the end, with the exit code 137.
    ends = tour.host.shell("cat /tmp/ends").stdout.split()
    assert sorted(end.split("=")[0] for end in ends if end.startswith(("tour-first=", "tour-web="))) == [
        *("tour-first", "tour-first", "tour-web", "tour-web")
    ]
    assert not [end for end in ends if end.endswith("=137") and not end.startswith("tour-shell=")]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_alone_in_french(tour: Tour, chapter: str) -> None:
    done = tour("--tags", chapter, "-e", "tour_language=fr")
    steps = shown(done.stdout)
    assert steps
    assert all(IN_FRENCH.search(step.sentence) for step in steps)
    command, pattern = PROOF[chapter]
    assert re.search(pattern, printed(steps, command)[-1], re.MULTILINE), steps


def test_every_chapter_is_tested() -> None:
    tags = run("ansible-playbook", "playbooks/tour.yml", "--list-tags").stdout
    listed = re.search(r"TASK TAGS: \[(.*)\]", tags)
    assert listed
    assert set(listed[1].split(", ")) == {*CHAPTERS, "always"}


def test_a_chapter_that_fails_leaves_nothing_and_touches_nobody(tour: Tour) -> None:
    """A container of somebody else has one of the tour's names."""
    tour.host.shell("docker create --name tour-web -v theirs:/data python:3.13-slim")
    before = state(tour.host)
    try:
        done = tour("--tags", "data_volume", check=False)
        assert done.returncode != 0
        assert 'The container name "/tour-web" is already in use' in done.stdout
        assert "remove the container tour-data" in done.stdout
        assert state(tour.host) == before
    finally:
        tour.host.shell("docker rm tour-web && docker volume rm theirs")


def test_an_interrupted_tour_is_removed_by_the_next(tour: Tour) -> None:
    before = state(tour.host)
    environment = os.environ | {"PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", "DOCKER_HOST": settings.DOCKER_HOST}
    interrupted = subprocess.Popen(
        tour.words("--tags", "data_volume"),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert until(lambda: "tour-web" in tour.host.shell("docker ps --format '{{.Names}}'").stdout, 180)
    finally:
        os.killpg(interrupted.pid, signal.SIGKILL)
        interrupted.wait()
    assert "tour-record" in state(tour.host)
    refused = tour("-e", "tour_language=de", check=False)
    assert refused.returncode != 0
    assert "tour-record" in state(tour.host)
    done = tour("--tags", "shell")
    assert "remove the container tour-web" in done.stdout
    assert state(tour.host) == before


def test_another_language_is_refused(tour: Tour) -> None:
    done = tour("-e", "tour_language=de", check=False)
    assert done.returncode != 0
    assert "value of tour_language must be one of: en, fr, got: de" in " ".join(done.stdout.split())
    misspelt = tour("-e", "tour_languege=fr", check=False)
    assert "did you mean tour_language?" in " ".join(misspelt.stdout.split())
    assert "Open the tour" not in done.stdout


def test_check_mode_shows_the_commands(tour: Tour) -> None:
    only_shown(tour("--check"))


def test_check_mode_on_a_host_without_docker(tmp_path: Path) -> None:
    with hosts.start("quai-host:trixie", "tour-bare") as host:
        bare = Tour(host, inventory_of(tmp_path, host))
        only_shown(bare("--check"))
        assert host.shell("command -v docker mmdebstrap", check=False).stdout == ""
        refused = bare(check=False)
        assert "Run playbooks/hosts.yml" in " ".join(refused.stdout.split())


def only_shown(done: subprocess.CompletedProcess[str]) -> None:
    """Check that all commands were shown and none was run."""
    steps = shown(done.stdout)
    assert {step.printed for step in steps} == {"(not run in check mode)"}
    assert len(steps) > 25


def test_images_can_be_kept(tour: Tour) -> None:
    tour("--tags", "shell", "-e", "tour_keep=true")
    assert "tour-debian:latest" in state(tour.host)
    tour("--tags", "shell")
    kept = "docker images -q tour-debian | sort -u | xargs docker rmi -f"
    assert "tour-debian:latest" in tour.host.shell(kept).stdout


MACHINE = """\
- name: Lead to a machine
  hosts: debian_hosts
  tasks:
    - name: Tell of it, as quai.engine.machine does
      tags: always
      ansible.builtin.set_fact: # the action itself would need a Mac
        cacheable: true
        quai_machine: {machine}
- name: Take the tour
  ansible.builtin.import_playbook: {playbook}
"""


def through(tour: Tour, directory: Path, machine: Mapping[str, object], *arguments: str) -> list[Shown]:
    """Return the steps of a tour of the engine of this machine."""
    playbook = directory / "machine.yml"
    playbook.write_text(MACHINE.format(machine=json.dumps(machine), playbook=ROOT / "playbooks/tour.yml"))
    said = run("ansible-playbook", playbook, "-i", tour.inventory, *arguments, DOCKER_HOST=settings.DOCKER_HOST).stdout
    return shown(said)


def test_the_engine_of_another_machine(tour: Tour, tmp_path: Path) -> None:
    """As on a Mac, where the engine and its files are in a virtual machine."""
    with hosts.start("quai-host-docker:trixie", "tour-machine") as machine:
        unit = "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:2375 --tls=false\n"
        machine.write("/etc/systemd/system/docker.service.d/tcp.conf", unit)
        machine.shell("systemctl daemon-reload && systemctl restart docker && systemctl start ssh")
        tour.host.shell("[ -f ~/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
        machine.write("/root/.ssh/authorized_keys", tour.host.shell("cat ~/.ssh/id_ed25519.pub").stdout)
        fact = {
            "name": "dev",
            "provider": "docker-machine",
            "address": machine.address,
            "shell": f"ssh -q -o StrictHostKeyChecking=no root@{machine.address}",
            "environment": {"DOCKER_HOST": f"tcp://{machine.address}:2375"},
        }
        before = state(machine)
        steps = through(tour, tmp_path, fact, "--tags", "browser,log,data_survives")
        assert state(machine) == before
    assert printed(steps, f"http://{machine.address}:8099/") == ["Hello World!"] * 2
    assert printed(steps, f"root@{machine.address} curl") == ["Hello World!"]
    assert "Booting worker" in printed(steps, f"root@{machine.address} sudo tail")[0]
    assert "Shutting down" in printed(steps, f"root@{machine.address} sudo tail")[1]
    assert not [step for step in steps if "hostname -I" in step.command]


@pytest.mark.parametrize(("language", "elsewhere"), [("en", "one elsewhere"), ("fr", "un autre ailleurs")])
def test_a_machine_without_a_shell(tour: Tour, tmp_path: Path, language: str, elsewhere: str) -> None:
    """As Docker Desktop's: the address to open is told all the same."""
    fact = {"name": "dev", "provider": "docker-desktop", "address": "127.0.0.1", "shell": "", "environment": {}}
    arguments = ("--check", "--tags", "browser", "-e", f"tour_language={language}")
    *_steps, told, stopped = through(tour, tmp_path, fact, *arguments)
    assert told.command == "docker port tour-first"
    assert "http://127.0.0.1:8099/" in told.sentence
    assert elsewhere in told.sentence
    assert stopped.command.startswith("docker stop tour-first")


# --- where no registry answers: docs/tour.md, typed, and the whole tour ------------------------------------------------


def blocks(document: str) -> list[tuple[str, str]]:
    """Return the code blocks with their language, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / document).read_text(), re.MULTILINE | re.DOTALL)


INSTALL, PULL, ALONE, *REST = (text for language, text in blocks("tour.md") if language == "sh")


def test_french_readers_type_the_same() -> None:
    assert blocks("tour.fr.md") == blocks("tour.md")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Host]:
    """A Debian that a reader has installed Docker on, wherever this machine may get to: no registry answers."""
    with hosts.start("quai-host:trixie", "tour-reader") as host:
        host.shell("echo 127.0.0.1 registry-1.docker.io >> /etc/hosts")
        docker("cp", f"{ROOT}/files", f"{host.name}:/root/files")
        host.shell(f"export DEBIAN_FRONTEND=noninteractive\nset -e\n{INSTALL}")
        yield host


def test_what_the_document_has_people_type(fresh: Host) -> None:
    refused = fresh.shell(PULL.splitlines()[0], check=False)
    assert refused.stderr.startswith("Error response from daemon: ")
    # The archive of the bed is another one, which is named as the document says.
    named = " /etc/apt/sources.list"
    fresh.shell("cd\nset -e\n" + ALONE.replace("base.tar\n", f"base.tar{named}\n", 1))
    assert {"hello-world:latest", "python:3.13-slim"} <= {line.split()[-1] for line in state(fresh).splitlines()}
    typed_to_the_end(fresh)
    assert [line.split()[-1] for line in state(fresh).splitlines()] == ["python:3.13-slim"]


def test_what_it_has_people_type_where_a_registry_answers(tour: Tour) -> None:
    tour.host.shell(f"set -e\nexport DEBIAN_FRONTEND=noninteractive\n{INSTALL}")
    docker("cp", f"{ROOT}/files", f"{tour.host.name}:/root/files")
    tour.host.shell("docker rmi -f python:3.13-slim && docker build -q -t hello-world /root/files/tour/hello")
    assert re.search(r"^python +3\.13-slim ", tour.host.shell(f"set -e\n{PULL}").stdout, re.MULTILINE)
    # The tests' network may have a certificate authority of its own, which no image from elsewhere knows.
    known = "FROM python:3.13-slim\nCOPY ca-certificates.crt /etc/ssl/certs/\n"
    tour.host.shell("docker build -q -t python:3.13-slim -f - /etc/ssl/certs", stdin=known)
    typed_to_the_end(tour.host)
    tour.host.shell("docker rmi -f python:3.13-slim && docker pull -q python:3.13-slim")


def typed_to_the_end(host: Host) -> None:
    """Type what follows the images, and compare with what the document says of it."""
    host.write("/root/typed", "set -ex\ncd /root\n" + "".join(REST))
    # With a terminal, as `docker run -ti` wants; what is typed inside waits in it.
    (inside,) = [text for language, text in blocks("tour.md") if not language]
    said = host.shell("script -qec 'bash /root/typed' /dev/null", stdin=inside).stdout.replace("\r", "")
    assert "Hello from Docker!" in said
    assert "/proc/1/comm:bash\n" in said
    assert len(re.findall("^Hello World!", said, re.MULTILINE)) == 3
    assert "uid=1000(myuser)" in said
    assert "Booting worker" in said
    assert "Shutting down: Master" in said
    assert re.search(
        r"^\+ docker run --name tour-look .*\n\+ docker volume create", said, re.MULTILINE
    )  # lists nothing
    assert re.search(r"^\+ docker run --name tour-read .*\nkept\n", said, re.MULTILINE)


def test_the_whole_tour_without_any_registry(fresh: Host, tmp_path: Path) -> None:
    fresh.shell("docker rmi python:3.13-slim", check=False)  # the reader's
    before, lists = state(fresh), fresh.shell("ls /var/lib/apt/lists").stdout
    steps = shown(Tour(fresh, inventory_of(tmp_path, fresh))().stdout)
    assert state(fresh) == before
    assert "_Packages" in lists
    assert fresh.shell("ls /var/lib/apt/lists").stdout == lists
    assert "Error response from daemon" in printed(steps, "docker pull python:3.13-slim")[0]
    assert re.search(r"^quai/python3 +debian-trixie ", printed(steps, "docker images")[0], re.MULTILINE)
    assert "No registry gave hello-world" in printed(steps, "--name tour-hello")[0]
    assert printed(steps, FETCH) == ["Hello World!"] * 3
    assert "Shutting down: Master" in printed(steps, "tail -n 3")[1]
    assert printed(steps, "touch /data/kept")[0].splitlines()[-1] == "kept"
