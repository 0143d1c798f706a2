"""The main job on this very machine, by the commands of the README.

The machine is left as it was found: a deployment that was here before stays (and is what the tests redeploy), an engine
that was not here before goes again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path("/var/lib/myapp/data")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run(
    *words: str | Path, check: bool = True, seconds: int = 600, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command from the project's root and return it with its output, stderr merged in."""
    path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "ANSIBLE_NOCOLOR": "1"} | variables
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}"
    return done


def site(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `ansible-playbook site.yml`."""
    return run("ansible-playbook", "site.yml", *arguments, check=check)


def playbook(name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of the playbooks by its name."""
    return run("ansible-playbook", f"playbooks/{name}.yml", *arguments, check=check)


def docker(*words: str, check: bool = True) -> str:
    """Run the host's docker and return what it printed."""
    return run("docker", *words, check=check).stdout.strip()


def page(port: int = 80, path: str = "/") -> tuple[int, str]:
    """Return status and body of a page of this machine; 0 where nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def changes(done: subprocess.CompletedProcess[str]) -> int:
    """Return the number of changed tasks of the recap."""
    recap = next(line for line in done.stdout.splitlines() if line.startswith("localhost ") and "changed=" in line)
    return int(recap.split("changed=")[1].split()[0])


def host_state() -> dict[str, str]:
    """Return all that a refused run may not touch: containers, images, volumes, data and the engine's options."""
    have = engine_answers()

    def listed(*words: str) -> str:  # in an order of its own: the engine's is by second, and chance within one
        return "\n".join(sorted(docker(*words).splitlines())) if have else ""

    return {
        "containers": listed("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"),
        "images": listed("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"),
        "volumes": listed("volume", "ls", "-q"),
        "data": "\n".join(sorted(f"{path} {path.stat().st_mode:o}" for path in DATA.rglob("*"))),
        "engine": run("sh", "-c", "cat /etc/docker/daemon.json", check=False).stdout,
    }


def engine_answers() -> bool:
    """Return whether a Docker daemon answers on this machine's own socket."""
    return run("docker", "version", check=False).returncode == 0


@pytest.fixture(scope="session")
def bare() -> bool:
    """Whether this machine had no running engine before the tests."""
    return not engine_answers()


@pytest.fixture(scope="session", autouse=True)
def own_host(bare: bool) -> Iterator[None]:
    """Leave the machine as it was found."""
    if os.geteuid() != 0:
        pytest.exit(
            "the end-to-end tests deploy on this machine and need root: run ./script/test with sudo", returncode=1
        )
    served = not bare and docker("ps", "-aq", "--filter", "name=^/web$") != ""
    had_data = DATA.exists()
    if served and changes(site("--check")) != 0:
        pytest.exit(
            "this machine serves something that site.yml would replace; these tests would too. "
            "Run them on another machine, or remove it first (playbooks/teardown.yml keeps the data).",
            returncode=1,
        )
    yield
    if served:
        site()
        return
    arguments = [] if had_data else ["-e", "teardown_data=myapp_data"]
    playbook("teardown", *arguments, *(["-e", "teardown_engine=docker"] if bare else []))
    # An engine whose packages were here, but that did not run, is not the role's to remove: stop what the deploy started.
    pidfile = Path("/run/docker.pid")
    if bare and pidfile.exists():
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        assert until(lambda: not pidfile.exists(), 60)  # the last thing it removes


@pytest.fixture(scope="session")
def deployed() -> subprocess.CompletedProcess[str]:
    """The first run of ./script/deploy."""
    return run("script/deploy", seconds=900)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A copy of the application's build context, to change."""
    return Path(shutil.copytree(ROOT / "files/web", tmp_path / "web"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser, installed where it is missing."""
    if not shutil.which("chromium"):
        run("apt-get", "update", "-qq")
        run(
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
        )
    return "chromium"


def until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    """Return whether the condition comes true within the seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return condition()
