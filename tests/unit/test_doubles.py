"""The doubles of a Mac's programs answer as recorded, refuse the rest, and fail as the real ones fail.

Real machines are the scenario docker_machine's; here ssh, openssl and the docker CLI are stand-ins.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles import brew, shared

DOUBLES = Path(__file__).parents[1] / "doubles"
MACHINE = DOUBLES / "recorded/docker-machine-0.16.2"
BREW = DOUBLES / "recorded/brew-4.4.32"

SSH = r"""#!/bin/sh
# Takes every script, answers what is asked of a machine, and serves a socket when told to.
for word; do
  case $word in
    *:/run/docker.sock) : >"${word%:/run/docker.sock}"; while :; do sleep 0.2; done ;;
    'exit 7' | *"'exit 7'"*) exit 7 ;;
    sudo) script=$(cat); echo "$script" >>"$FAKES/scripts" ;;
  esac
done
case $script in
  *'is-active'*) if [ -e "$FAKES/dead" ]; then echo inactive; else echo active; fi ;;
  *'ss -tln'*) if [ -e "$FAKES/dead" ]; then echo; else echo 'LISTEN 0 4096 *:2376 *:*'; fi ;;
esac
"""
OPENSSL = r"""#!/bin/sh
# Makes the files it is told to make; nothing runs out.
while [ $# -gt 0 ]; do
  case $1 in -out | -keyout) echo made >"$2"; shift ;; esac
  shift
done
"""
DOCKER = r"""#!/bin/sh
echo "$@" >>"$FAKES/docker.log"
if [ -e "$FAKES/cli" ]; then cat "$FAKES/cli" >&2; exit 1; fi
case $* in
  *Server.Version*) echo 20.10.24+dfsg1 ;;
  'context inspect '*) exit 1 ;;
esac
"""


@dataclass
class Mac:
    """A Mac in a directory."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def run(self, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": f"{self.root}/usr/local/bin:{self.root}/fakes:{os.environ['PATH']}",
            "HOME": str(self.home),
            "USER": "reader",
            "FAKES": str(self.root / "fakes"),
            "QUAI_DOUBLES": str(self.state),
            **environment,
        }
        command = [sys.executable, "-IS", str(DOUBLES / "double.py"), *words]
        return subprocess.run(command, input=stdin, env=env, capture_output=True, text=True, check=False)

    def ok(self, *words: str, **environment: str) -> str:
        done = self.run(*words, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fake(self, name: str, text: str = "") -> None:
        (self.root / "fakes" / name).write_text(text)

    def logged(self, log: str) -> list[str]:
        path = self.state / log
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[Mac]:
    """A Mac with docker-machine, without a machine; two real ones are free."""
    made = Mac(tmp_path)
    for directory in (made.home, made.state, tmp_path / "fakes", tmp_path / "gnu"):
        directory.mkdir()
    for name, text in (("ssh", SSH), ("openssl", OPENSSL), ("docker", DOCKER), ("lima", "")):
        made.fake(name, text)
        (tmp_path / "fakes" / name).chmod(0o755)
    for name in ("uname", *shared.GNU):
        (tmp_path / "gnu" / name).symlink_to(str(shutil.which(name)))
    settings = {
        "root": str(tmp_path),
        "cli": str(tmp_path / "fakes/docker"),
        "gnu": str(tmp_path / "gnu"),
        "machines": [
            {"name": "bookworm", "address": "192.168.56.101"},
            {"name": "trixie", "address": "192.168.56.102"},
        ],
    }
    (made.state / "mac.json").write_text(json.dumps(settings))
    (made.state / "id").write_text("key\n")
    yield made
    if (made.state / "relays.json").exists():
        made.ok("doubles", "bare")


@pytest.fixture
def dev(mac: Mac) -> Mac:
    """The same with the machine that was recorded."""
    directory = mac.home / ".docker/machine/machines/dev"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(as_here((MACHINE / "inspect-dev.out").read_text(), mac))
    engine = {"owner": "docker-machine:dev", "state": "Running"}
    (mac.state / "engines.json").write_text(json.dumps({"bookworm": engine}))
    return mac


def as_here(text: str, mac: Mac) -> str:
    return text.replace("/Users/reader", str(mac.home))


# --- docker-machine --------------------------------------------------------------------------------------------------

CALLS = {
    "config-dev": "config dev",
    "create-taken": "create --driver virtualbox dev",
    "create-virtualbox": "create -d virtualbox other",
    "env-bash": "env --shell bash dev",
    "env-fish": "env --shell fish dev",
    "env-noshell": "env dev",
    "env-powershell": "env --shell powershell dev",
    "env-tcsh": "env --shell tcsh dev",
    "env-zsh": "env --shell zsh dev",
    "inspect-dev": "inspect dev",
    "inspect-nosuch": "inspect nosuch",
    "ip-dev": "ip dev",
    "ls": "ls",
    "status-dev": "status dev",
    "url-dev": "url dev",
    "version": "version",
    "version-dev": "version dev",
}


def test_every_recording_is_tested() -> None:
    assert {each.stem for each in MACHINE.glob("*.rc")} == set(CALLS)


@pytest.mark.parametrize("recording", CALLS)
def test_docker_machine_answers_what_was_recorded(dev: Mac, recording: str) -> None:
    if recording == "create-virtualbox":  # on a Mac that has its certificates
        dev.ok("doubles", "fault", "virtualbox", "missing")
        for name in ("ca.pem", "ca-key.pem", "cert.pem", "key.pem"):
            (dev.home / ".docker/machine/certs").mkdir(exist_ok=True)
            (dev.home / ".docker/machine/certs" / name).touch()
    done = dev.run("docker-machine", *CALLS[recording].split())
    assert done.stdout == as_here((MACHINE / f"{recording}.out").read_text(), dev), done.stderr
    assert done.stderr == (MACHINE / f"{recording}.err").read_text()
    assert done.returncode == int((MACHINE / f"{recording}.rc").read_text())
    assert dev.logged("refusals.log") == []


def test_docker_machine_speaks_of_the_machine_it_is_asked_of(mac: Mac) -> None:
    mac.ok("doubles", "set", "macos", "10.15")
    mac.ok("docker-machine", "create", "--driver", "virtualbox", "default")
    mac.ok("docker-machine", "create", "--driver", "virtualbox", "developer")
    said = mac.ok("docker-machine", "env", "--shell", "zsh", "developer")
    assert 'DOCKER_HOST="tcp://192.168.56.102:2376"' in said
    assert f'DOCKER_CERT_PATH="{mac.home}/.docker/machine/machines/developer"' in said
    assert 'DOCKER_MACHINE_NAME="developer"' in said
    assert said.endswith("docker-machine env --shell zsh developer)\n")
    assert "192.168.56.101 " not in said


NO_SUCH = (MACHINE / "inspect-nosuch.err").read_text()
# What is wrong, the call, what it prints on both outputs, its exit code.
FAILURES = [
    ("", "create dev", 'Docker machine "dev" already exists\n', 1),
    ("", "status nosuch", NO_SUCH, 1),
    ("", "ip nosuch", NO_SUCH, 1),
    ("", "env --shell bash nosuch", NO_SUCH, 1),
    ("", "ssh nosuch true", NO_SUCH, 1),
    ("dead", "status dev", "Running\n", 0),
    ("off dev", "status dev", "Stopped\n", 0),
    (
        "dead",
        "env --shell bash dev",
        "Error checking TLS connection: Error checking and/or regenerating the certs: ",
        1,
    ),
    (
        "x509",
        "env --shell bash dev",
        "Error checking TLS connection: Error checking and/or regenerating the certs: ",
        1,
    ),
    ("off dev", "env --shell bash dev", "Error checking TLS connection: Host is not running\n", 1),
    ("client", "env --shell bash dev", "export DOCKER_TLS_VERIFY", 0),
    ("dead", "version dev", "Unable to query docker version: Cannot connect to the docker engine endpoint\n", 1),
    (
        "x509",
        "version dev",
        "Unable to query docker version: Get https://192.168.56.101:2376/v1.15/version: x509: cer",
        1,
    ),
    (
        "client",
        "version dev",
        "Unable to query docker version: Get https://192.168.56.101:2376/v1.15/version: remote",
        1,
    ),
    ("off dev", "version dev", "Unable to query docker version: Host is not running\n", 1),
    ("", "ssh dev exit\\ 7", "exit status 7\n", 1),
    ("off dev", "ssh dev true", 'Error: Cannot run SSH command: Host "dev" is not running\n', 1),
    ("", "start dev", 'Starting "dev"...\nMachine "dev" is already running.\n', 1),
    ("generic dev", "stop dev", 'Stopping "dev"...\ngeneric driver does not support stop\n', 1),
    ("generic dev+off dev", "start dev", 'Starting "dev"...\ngeneric driver does not support start\n', 1),
    ("", "regenerate-certs dev", "Regenerate TLS machine certs?  Warning: this is irreversible. (y/n): EOF\n", 1),
    (
        "",
        "rm dev",
        "About to remove dev\nWARNING: This action will delete both local reference and remote instance.\n",
        0,
    ),
    ("", "rm -f nosuch", "About to remove nosuch\nWARNING", 0),
    (
        "dead",
        "provision dev",
        "Waiting for SSH to be available...\nDetecting the provisioner...\nMaximum number of retr",
        1,
    ),
    (
        "provision failing",
        "provision dev",
        "Waiting for SSH to be available...\nDetecting the provisioner...\nMaximum",
        1,
    ),
    ("gone dev", "status dev", "error getting state for host dev: machine does not exist\n", 1),
]
CLI = {
    "dead": "Cannot connect to the Docker daemon at tcp://192.168.56.101:2376. Is the docker daemon running?",
    "x509": 'error during connect: Get "https://192.168.56.101:2376/v1.24/version": x509: certificate signed by unknown authority',
    "client": 'error during connect: Get "https://192.168.56.101:2376/v1.24/version": remote error: tls: bad certificate',
}


@pytest.mark.parametrize(("wrong", "call", "said", "code"), FAILURES)
def test_docker_machine_fails_as_it_does(dev: Mac, wrong: str, call: str, said: str, code: int) -> None:
    if wrong in CLI:
        dev.fake("cli", CLI[wrong])
    if wrong == "dead":
        dev.fake("dead")
    for fault in wrong.split("+") if wrong not in CLI else ():
        if fault:
            dev.ok("doubles", "fault", *fault.split())
    words = [word.replace("\\", " ") for word in call.replace("\\ ", "\\").split()]
    done = dev.run("docker-machine", *words)
    assert (done.stdout + done.stderr).startswith(said)
    assert done.returncode == code


def test_rm_without_an_answer_removes_nothing(dev: Mac) -> None:
    assert dev.run("docker-machine", "rm", "dev").returncode == 0
    assert dev.ok("docker-machine", "ls", "-q") == "dev\n"
    assert "Successfully removed dev" in dev.ok("docker-machine", "rm", "-y", "dev")
    assert dev.ok("docker-machine", "ls", "-q") == ""
    assert dev.ok("docker-machine", "rm", "-f", "dev").endswith("remote instance.\n")
    assert dev.run("docker-machine", "rm", "-y", "dev").returncode == 1


def test_removing_a_machine_wipes_the_real_one(dev: Mac) -> None:
    dev.ok("docker-machine", "rm", "-y", "dev")
    assert "rm -rf /var/lib/docker/*" in (dev.root / "fakes/scripts").read_text()
    assert json.loads((dev.state / "engines.json").read_text()) == {}


def test_create_knows_what_the_driver_was_told(mac: Mac) -> None:
    words = "--virtualbox-cpu-count 2 --virtualbox-memory=2048 --virtualbox-disk-size 30000"
    said = mac.ok(
        "docker-machine", "create", "-d", "virtualbox", *words.split(), "--virtualbox-hostonly-cidr", "192.168.56.1/24", "dev"
    )  # fmt: skip
    assert said.endswith("virtual machine, run: docker-machine env dev\n")
    driver = json.loads(mac.ok("docker-machine", "inspect", "dev"))["Driver"]
    assert (driver["CPU"], driver["Memory"], driver["DiskSize"]) == (2, 2048, 30000)
    assert (driver["HostOnlyCIDR"], driver["IPAddress"]) == ("192.168.56.1/24", "192.168.56.101")
    directory = mac.home / ".docker/machine/machines/dev"
    assert {"ca.pem", "cert.pem", "key.pem", "server.pem", "config.json"} <= {each.name for each in directory.iterdir()}
    assert "--tlsverify" in (mac.root / "fakes/scripts").read_text()


def test_create_is_refused_virtualbox_networks_on_a_current_mac(mac: Mac) -> None:
    done = mac.run("docker-machine", "create", "-d", "virtualbox", "dev")
    assert done.returncode == 1
    assert "Error setting up host only network on machine start" in done.stderr
    assert mac.ok("docker-machine", "status", "dev") == "Stopped\n"


def test_without_a_free_machine_nothing_is_made(dev: Mac) -> None:
    dev.ok("doubles", "set", "macos", "10.15")
    dev.ok("docker-machine", "create", "-d", "virtualbox", "two")
    assert dev.run("docker-machine", "create", "-d", "virtualbox", "three").returncode == 64
    assert dev.run("docker-machine", "status", "three").stderr == NO_SUCH.replace("nosuch", "three")


def test_create_dies_half_way_once(mac: Mac) -> None:
    mac.ok("doubles", "set", "macos", "10.15")
    mac.ok("doubles", "fault", "create", "half")
    done = mac.run("docker-machine", "create", "-d", "virtualbox", "dev")
    assert (done.returncode, done.stderr[:62]) == (1, "Error creating machine: Error running provisioning: Unable to ")
    assert mac.ok("docker-machine", "status", "dev") == "Running\n"
    mac.ok("docker-machine", "rm", "-y", "dev")
    mac.ok("docker-machine", "create", "-d", "virtualbox", "dev")


def test_a_stopped_machine_has_no_address_and_gets_it_back(dev: Mac) -> None:
    document = json.loads((dev.home / ".docker/machine/machines/dev/config.json").read_text())
    document["DriverName"] = "virtualbox"
    (dev.home / ".docker/machine/machines/dev/config.json").write_text(json.dumps(document))
    dev.ok("docker-machine", "stop", "dev")
    assert json.loads(dev.ok("docker-machine", "inspect", "dev"))["Driver"]["IPAddress"] == ""
    assert dev.run("docker-machine", "url", "dev").stderr == "Host is not running\n"
    assert 'Machine "dev" was started.' in dev.ok("docker-machine", "start", "dev")
    assert dev.ok("docker-machine", "url", "dev") == "tcp://192.168.56.101:2376\n"


UNRECORDED = [
    "docker-machine upgrade dev",
    "docker-machine scp a dev:b",
    "docker-machine --debug ls",
    "docker-machine inspect --nonsense dev",
    "docker-machine inspect -f {{.Driver}} dev",
    "docker-machine ls --filter name=dev",
    "docker-machine env --shell elvish dev",
    "docker-machine create -d generic dev2",
    "docker-machine create --generic-ip-address 192.0.2.1 dev2",
    "docker-machine create --virtualbox-memory",
    "docker-machine status",
    "brew upgrade docker",
    "brew info docker",
    "brew install --formula docker",
    "brew uninstall docker",
    "brew install --cask virtualbox",
    "brew list docker",
    "colima template",
    "colima start --edit",
    "colima start --nonsense",
    "colima delete --force --data",
    "lima uname",
    "limactl list",
    "docker-compose up",
    "uname -a",
    "sw_vers",
    "stat -f %Su /",
    "date -r 0",
]


@pytest.mark.parametrize("call", UNRECORDED)
def test_what_was_not_recorded_is_refused(dev: Mac, call: str) -> None:
    done = dev.run(*call.split())
    assert done.returncode == 64
    assert done.stderr.startswith("double: no record of ")
    assert dev.logged("refusals.log") == [shlex.join(call.split())]


def test_refusals_are_told(mac: Mac) -> None:
    assert mac.run("doubles", "refusals").returncode == 0
    mac.run("brew", "upgrade")
    done = mac.run("doubles", "refusals")
    assert (done.returncode, done.stdout) == (1, "brew upgrade\n")
    mac.ok("doubles", "reset")
    assert mac.run("doubles", "refusals").returncode == 0


def test_calls_are_logged_as_they_could_be_typed(dev: Mac) -> None:
    dev.run("docker-machine", "ssh", "dev", "echo 'a b'")
    dev.run("uname", "-s")
    assert dev.ok("doubles", "calls") == """docker-machine ssh dev 'echo '"'"'a b'"'"''\nuname -s\n"""
    assert dev.ok("doubles", "calls", "uname") == "uname -s\n"


# --- Homebrew --------------------------------------------------------------------------------------------------------


def test_brew_prints_the_recorded_documents(mac: Mac) -> None:
    assert mac.ok("brew", "info", "--json=v2", "colima") == (BREW / "info-not-installed.json").read_text()
    mac.ok("brew", "install", "docker-machine", "docker")
    assert mac.ok("brew", "info", "--json=v2", "docker-machine", "docker") == (BREW / "info-installed.json").read_text()
    mac.ok("brew", "uninstall", "--force", "docker")
    mac.ok("brew", "install", "--cask", "docker-desktop")
    assert mac.ok("brew", "info", "--json=v2", "docker-desktop") == (BREW / "info-cask.json").read_text()


def test_brew_answers_every_call_that_ansible_was_seen_to_make(mac: Mac) -> None:
    calls = [line.split() for line in (BREW / "ansible-calls.log").read_text().splitlines() if line.startswith("brew")]
    mac.ok("brew", "install", "docker", "docker-machine")
    codes: list[int] = []
    for words in calls:
        if words[1:3] == ["list", "--cask"] and not codes:
            mac.ok("brew", "uninstall", "--force", "docker")
        if words[1] == "uninstall" and words[2] == "--cask":
            mac.ok("brew", "uninstall", "--force", "docker")
            mac.ok("brew", "install", "--cask", "docker-desktop")
        codes.append(mac.run(*words).returncode)
    assert 64 not in codes
    assert mac.logged("refusals.log") == []


def test_brew_brings_programs_and_takes_them_away(mac: Mac) -> None:
    prefix = mac.root / "usr/local"
    mac.ok("brew", "install", "docker-compose", "colima")
    assert (prefix / "opt/docker-compose/bin/docker-compose").exists()
    assert (prefix / "bin/colima").exists()
    assert (prefix / "bin/limactl").exists()
    again = mac.run("brew", "install", "colima")
    assert (again.returncode, again.stderr) == (0, "Warning: colima 0.8.1 is already installed and up-to-date.\n")
    mac.ok("brew", "uninstall", "--force", "colima", "docker-compose")
    assert [each.name for each in (prefix / "bin").iterdir()] == []
    assert list((prefix / "opt").iterdir()) == []


def test_brew_is_elsewhere_on_another_processor(mac: Mac) -> None:
    mac.ok("doubles", "set", "arch", "arm64")
    assert mac.ok("brew", "--prefix") == f"{mac.root}/opt/homebrew\n"
    assert (mac.root / "opt/homebrew/bin/brew").exists()
    assert mac.ok("uname", "-m") == "arm64\n"
    mac.ok("doubles", "fault", "brew", "missing")
    assert not os.path.lexists(mac.root / "opt/homebrew/bin/brew")


def test_brew_tells_a_deprecated_formula_from_a_disabled_one(mac: Mac) -> None:
    done = mac.run("brew", "install", "docker-machine")
    assert (done.returncode, done.stderr[:54]) == (0, "Warning: docker-machine has been deprecated because it")
    mac.ok("brew", "uninstall", "--force", "docker-machine")
    mac.ok("doubles", "fault", "docker-machine", "disabled")
    done = mac.run("brew", "install", "docker-machine")
    assert (done.returncode, done.stderr[:54]) == (1, "Error: docker-machine has been disabled because it is ")
    document = json.loads(mac.ok("brew", "info", "--json=v2", "docker-machine"))["formulae"][0]
    assert (document["disabled"], document["disable_date"], document["installed"]) == (True, "2027-07-01", [])


def test_brew_refuses_the_whole_call_for_one_unknown_name(mac: Mac) -> None:
    for command in (["info", "--json=v2"], ["install"], ["uninstall", "--force"]):
        done = mac.run("brew", *command, "docker", "nosuch")
        assert (done.returncode, done.stderr) == (1, 'Error: No available formula with the name "nosuch".\n')
    assert not (mac.state / "brew.json").exists()


def test_brew_refuses_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(shared, "is_the_user", lambda: False)
    assert brew.main(["update"]) == 1
    assert "Running Homebrew as root is extremely dangerous" in capsys.readouterr().err
    assert brew.main(["--prefix"]) == 0


def test_docker_desktop_does_not_replace_another_docker(mac: Mac) -> None:
    assert mac.run("brew", "list", "--cask", "docker-desktop").returncode == 1
    mac.ok("brew", "install", "docker")
    assert "already a Binary" in mac.run("brew", "install", "--cask", "docker-desktop").stderr
    mac.ok("brew", "uninstall", "--force", "docker")
    mac.ok("brew", "install", "--cask", "docker-desktop")
    assert (mac.root / "Applications/Docker.app").is_dir()
    assert (mac.root / "usr/local/bin/docker").exists()


# --- colima and Docker Desktop ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "more"), [("0.8.1", {"ip_address": ""}), ("0.10.3", {"containerd_socket": "unix"})]
)
def test_colima_serves_a_profile(mac: Mac, version: str, more: dict[str, str]) -> None:
    mac.ok("doubles", "set", "colima", version)
    done = mac.run("colima", "status", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith('level=fatal msg="colima is not running"\n')
    started = mac.run("colima", "start", "--profile", "dev", "--cpu", "4", "--memory", "8", "--disk", "60")
    assert started.returncode == 0
    assert 'level=info msg="starting colima [profile=dev]"' in started.stderr
    assert 'msg="creating and starting ..." context=vm' in started.stderr
    again = mac.run("colima", "start", "dev")
    assert (again.returncode, again.stderr[-46:]) == (0, 'level=warning msg="already running, ignoring"\n')
    status = json.loads(mac.ok("colima", "status", "--json", "-p", "dev"))
    assert status["docker_socket"] == f"unix://{mac.home}/.colima/dev/docker.sock"
    assert (status["display_name"], status["cpu"], status["memory"]) == ("colima [profile=dev]", 4, 8 << 30)
    assert {key: str(status[key])[:4] for key in more} == more
    assert (mac.home / ".colima/dev/docker.sock").exists()
    used = (mac.root / "fakes/docker.log").read_text()
    assert (
        f"context create colima-dev --description colima [profile=dev] --docker host=unix://{mac.home}/.colima/dev"
        in used
    )
    assert "context use colima-dev" in used
    relay = Path("/proc", str(json.loads((mac.state / "relays.json").read_text())["colima:dev"]["pid"]), "cmdline")
    assert b"docker.sock" in relay.read_bytes()
    mac.ok("colima", "stop", "dev")
    deadline = time.monotonic() + 10
    while relay.exists() and relay.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (mac.home / ".colima/dev/docker.sock").exists()
    (line,) = mac.ok("colima", "list", "--json").splitlines()
    assert line == (
        '{"name":"dev","status":"Stopped","arch":"x86_64","cpus":4,"memory":8589934592,"disk":64424509440,"runtime":"docker"}'
    )
    mac.ok("colima", "delete", "--force", "dev")
    assert mac.ok("colima", "list", "--json") == ""


def test_colima_wants_docker_on_its_path(mac: Mac) -> None:
    (mac.root / "bin").mkdir()
    (mac.root / "bin/lima").symlink_to("/bin/sh")
    done = mac.run("colima", "start", PATH=str(mac.root / "bin"))
    assert done.returncode == 1
    assert "dependency check failed for docker: docker not found, run 'brew install docker' to install" in done.stderr
    done = mac.run("colima", "start", PATH="/nonexistent")
    assert "dependency check failed for VM: lima not found" in done.stderr


def test_colima_loses_the_exit_code_of_a_command(mac: Mac) -> None:
    mac.ok("colima", "start")
    assert mac.ok("colima", "ssh", "--", "true") == ""
    assert 'level=fatal msg="exit status 7"' in mac.run("colima", "ssh", "--", "sh", "-c", "exit 7").stderr
    assert 'msg="colima [profile=x] not running"' in mac.run("colima", "ssh", "-p", "x", "--", "true").stderr


def test_colima_asked_without_a_terminal_deletes_nothing(mac: Mac) -> None:
    mac.ok("colima", "start")
    assert "are you sure" in mac.ok("colima", "delete")
    assert mac.ok("colima", "list", "--json") != ""


def test_docker_desktop_serves_its_socket(mac: Mac) -> None:
    mac.ok("docker", "desktop", "status")  # the CLI alone takes it for a command of its own
    assert (mac.root / "fakes/docker.log").read_text() == "desktop status\n"
    mac.ok("brew", "install", "--cask", "docker-desktop")
    done = mac.run("docker", "desktop", "status", "--format", "json")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "Could not retrieve status. Is Docker Desktop running?",
    )
    mac.ok("docker", "desktop", "start", "--timeout", "60")
    assert json.loads(mac.ok("docker", "desktop", "status", "--format", "json"))["Status"] == "running"
    assert (mac.home / ".docker/run/docker.sock").exists()
    mac.ok("docker", "desktop", "stop")
    assert not (mac.home / ".docker/run/docker.sock").exists()
    assert mac.run("docker", "desktop", "logs").returncode == 64


def test_compose_is_a_plugin(mac: Mac) -> None:
    assert json.loads(mac.ok("docker-compose", "docker-cli-plugin-metadata"))["SchemaVersion"] == "0.1.0"
    assert mac.ok("docker-compose", "compose", "version").startswith("Docker Compose version ")


# --- the system ------------------------------------------------------------------------------------------------------


def test_the_system_is_darwin(mac: Mac) -> None:
    assert (mac.ok("uname"), mac.ok("uname", "-sm")) == ("Darwin\n", "Darwin x86_64\n")
    assert mac.ok("sw_vers", "-productVersion") == "14.6\n"


@pytest.mark.parametrize(
    "call",
    [
        "stat -c %U /",
        "date -d @0",
        "find / -printf x",
        "grep -oP a /etc/passwd",
        "df --output=avail /",
        "sed -i s/a/b/ x",
    ],
)
def test_what_only_gnu_has_fails_and_is_told(mac: Mac, call: str) -> None:
    assert mac.run(*call.split()).returncode == 1
    assert len(mac.logged("refusals.log")) == 1


def test_what_both_systems_have_works(mac: Mac) -> None:
    file = mac.home / "file"
    file.write_text("one\ntwo\n")
    mac.ok("sed", "-i", "", "s/one/1/", str(file))
    mac.ok("sed", "-i.bak", "s/two/2/", str(file))
    assert (file.read_text(), (mac.home / "file.bak").read_text()) == ("1\n2\n", "1\ntwo\n")
    assert mac.ok("grep", "-c", "2", str(file)) == "1\n"
    assert mac.ok("date", "-u", "+%Z") == "UTC\n"
    assert mac.logged("refusals.log") == []


def test_a_mac_can_be_made_bare_again(dev: Mac) -> None:
    dev.ok("brew", "install", "colima", "docker")
    dev.ok("colima", "start")
    dev.ok("doubles", "fault", "virtualbox", "missing")
    dev.ok("doubles", "bare")
    assert sorted(each.name for each in dev.state.iterdir()) == ["engines.json", "id", "mac.json", "relays.json"]
    assert [each.name for each in (dev.root / "usr/local/bin").iterdir()] == ["brew"]
    assert list(dev.home.iterdir()) == []
    assert dev.run("doubles", "fault", "nonsense").returncode != 0
