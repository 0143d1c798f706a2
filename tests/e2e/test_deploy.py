"""From this machine as it is to a served application, changed, broken and brought back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import DATA, ROOT, changes, docker, host_state, page, playbook, run, site, until

HELLO = (200, "Hello World!")


def test_check_mode_predicts_and_changes_nothing() -> None:
    before = host_state()
    predicted = site("--check", "--diff")
    assert host_state() == before
    if not before["containers"]:
        assert changes(predicted) >= 4


def test_deploy_serves_and_says_where(deployed: subprocess.CompletedProcess[str]) -> None:
    assert page() == HELLO
    last = deployed.stdout.strip().splitlines()[-1]
    assert "http://127.0.0.1:80/" in last
    assert '"Hello World!"' in last


@pytest.mark.usefixtures("deployed")
def test_second_run_changes_nothing() -> None:
    before = host_state()
    assert changes(run("script/deploy")) == 0
    assert changes(site("--check", "--diff")) == 0
    assert host_state() == before


@pytest.mark.usefixtures("deployed")
def test_page_in_a_browser(chromium: str, tmp_path: Path) -> None:
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = "--disable-component-update --disable-sync"
    shown = run(
        chromium, *flags.split(), *more.split(), f"--user-data-dir={tmp_path}", "--dump-dom", "http://127.0.0.1/"
    )
    assert "Hello World!" in shown.stdout


@pytest.mark.usefixtures("deployed")
def test_container_is_confined() -> None:
    assert docker("exec", "web", "id", "-u") == "1000"
    assert run("docker", "exec", "web", "touch", "/home/myuser/www/x", check=False).returncode != 0
    status = docker("exec", "web", "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


@pytest.mark.usefixtures("deployed")
def test_stops_at_once_and_is_served_again() -> None:
    # A shell as PID 1 would never pass the signal on: 10 s and exit code 137.
    docker("stop", "-t", "20", "web")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "web") == "0"
    assert playbook("verify", check=False).returncode != 0
    assert changes(site()) == 1
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_one_line_change_redeploys_only_web(context: Path) -> None:
    source = context / "myapp.py"
    source.write_text(source.read_text().replace("Hello World!", "Hello Quai!"))
    before = docker("inspect", "-f", "{{.Id}}", "myapp_data")
    assert changes(site("--check", "-e", f"myapp_context={context}")) == 2  # the image and the release
    done = site("-e", f"myapp_context={context}")
    assert page() == (200, "Hello Quai!")
    assert changes(done) == 2
    assert docker("inspect", "-f", "{{.Id}}", "myapp_data") == before
    assert docker("ps", "-a", "--filter", "name=web", "--format", "{{.Names}}") == "web"
    site()
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_broken_application_leaves_the_old_one_serving(context: Path) -> None:
    site()
    serving = docker("inspect", "-f", "{{.Id}}", "web")
    source = context / "myapp.py"
    source.write_text(source.read_text() + "\nraise RuntimeError('broken on purpose')\n")
    done = site("-e", f"myapp_context={context}", check=False)
    assert done.returncode != 0
    assert "RuntimeError: broken on purpose" in done.stdout
    assert "exit code" in done.stdout
    assert "out of memory: no" in done.stdout
    assert "the one before serves on" in done.stdout
    assert docker("inspect", "-f", "{{.Id}}", "web") == serving
    assert page() == HELLO
    assert docker("ps", "-a", "--filter", "name=web", "--format", "{{.Names}}") == "web"


@pytest.mark.usefixtures("deployed")
def test_application_that_answers_500_is_refused(context: Path) -> None:
    source = context / "myapp.py"
    source.write_text(source.read_text().replace('return "Hello World!"', 'return "out of order", 500'))
    done = site("-e", f"myapp_context={context}", "-e", "app_web_health_timeout_seconds=3", check=False)
    assert done.returncode != 0
    assert "out of order" in done.stdout
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_page_without_the_expected_text_is_refused(context: Path) -> None:
    source = context / "myapp.py"
    source.write_text(source.read_text().replace("Hello World!", "Oops"))
    arguments = ("-e", f"myapp_context={context}", "-e", "app_web_health_timeout_seconds=3")
    done = site(*arguments, "-e", json.dumps({"myapp_expect": "Hello World"}), check=False)
    assert done.returncode != 0
    assert "the page does not contain 'Hello World' (myapp_expect)" in " ".join(done.stdout.split())
    assert "the one before serves on" in done.stdout
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_removal_is_predicted_and_predicting_it_changes_nothing() -> None:
    before = host_state()
    done = playbook("teardown", "--check", "--diff", "-e", "teardown_data=myapp_data", "-e", "teardown_engine=docker")
    assert changes(done) >= 4  # the application, its volume and two images
    assert "-data: kept\n+container: absent\n+data: absent" in done.stdout
    assert host_state() == before
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_application_that_eats_its_memory_is_named(context: Path) -> None:
    source = context / "myapp.py"
    source.write_text("import os\nif os.getpid():\n    x = bytearray(200 * 1024 * 1024)\n" + source.read_text())
    done = site(
        "-e",
        f"myapp_context={context}",
        "-e",
        "myapp_memory=64m",
        "-e",
        "app_web_health_timeout_seconds=8",
        check=False,
    )
    assert done.returncode != 0
    assert "the one before serves on" in done.stdout
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_failure_after_the_exchange_brings_the_old_one_back(context: Path) -> None:
    """A release that answers without its port and dies with it: only the exchange itself can show that."""
    site()
    serving = docker("inspect", "-f", "{{.Id}}", "web")
    source = context / "myapp.py"
    # Its candidate leaves a mark in the data; a container that finds the mark of another one gives up. (Not of its own:
    # a worker may start after the first answer.)
    source.write_text(
        source.read_text()
        + "\nimport glob, os, socket\nMARK = '/data/e2e-mark-' + socket.gethostname()\n"
        + "if set(glob.glob('/data/e2e-mark-*')) - {MARK}:\n    os._exit(3)\n"
        + "\n@app.after_request\ndef leave_mark(response):\n    open(MARK, 'w').close()\n    return response\n"
    )
    try:
        done = site("-e", f"myapp_context={context}", check=False)
    finally:
        for mark in DATA.glob("e2e-mark-*"):
            mark.unlink()
    assert done.returncode != 0
    assert "rename web-next to web" in done.stdout
    assert docker("inspect", "-f", "{{.Id}}", "web") == serving
    assert until(lambda: page() == HELLO)
    assert docker("ps", "-a", "--filter", "name=web", "--format", "{{.Names}}") == "web"


@pytest.mark.usefixtures("deployed")
def test_data_outlives_its_container_and_image() -> None:
    page(path="/?before=the-removal")
    log = DATA / "access.log"
    assert until(lambda: "before=the-removal" in log.read_text())  # written once the answer is out
    lines = log.read_text().splitlines()
    docker("rm", "-f", "myapp_data")
    docker("rmi", "-f", "myapp_data")
    site()
    assert log.read_text().splitlines()[: len(lines)] == lines
    assert docker("exec", "web", "head", "-n", "1", "/data/access.log") == lines[0]


@pytest.mark.parametrize(
    "interrupted", ["before the new one was named", "after the new one was named", "while it was proven"]
)
@pytest.mark.usefixtures("deployed")
def test_interrupted_run_is_healed(interrupted: str) -> None:
    site()
    if interrupted == "while it was proven":
        docker("create", "--name", "web-candidate", "--label", "quai.app=web", "web")
    else:
        docker("stop", "web")
        docker("rename", "web", "web-previous")
        if interrupted == "after the new one was named":
            docker("create", "--name", "web", "--label", "quai.app=web", "web")
    site()
    assert page() == HELLO
    assert docker("ps", "-a", "--filter", "name=web", "--format", "{{.Names}}") == "web"


@pytest.mark.usefixtures("deployed")
def test_python2_runtime_serves() -> None:
    site("-e", "myapp_runtime=python2")
    assert page() == HELLO
    assert "Python 2.7" in docker("exec", "web", "python", "--version")
    assert "eventlet" in docker("inspect", "-f", "{{.Config.Cmd}}", "web")
    assert int(docker("image", "inspect", "-f", "{{.Size}}", "web")) <= 200_000_000
    site()
    assert page() == HELLO


@pytest.mark.usefixtures("deployed")
def test_second_application_by_one_variable() -> None:
    second = ROOT / "tests/fixtures/second_app"
    done = site("-e", f"myapp_context={second}", "-e", "myapp_module=service:application", check=False)
    assert done.returncode == 0, done.stdout
    status, body = page()
    assert status == 200
    assert body != "Hello World!"
    site()


@pytest.mark.usefixtures("deployed")
def test_image_is_lean_and_keeps_no_secret_of_the_host() -> None:
    assert int(docker("image", "inspect", "-f", "{{.Size}}", "web")) <= 200_000_000
    inside = ["run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh", "web", "-c"]
    tools = docker(*inside, "for tool in gcc cc g++ make; do command -v $tool; done; echo looked")
    assert tools == "looked"
    compiled = docker(*inside, "find /home/myuser -name '*.pyc'")
    assert "/myapp." in compiled
    added = [path.read_text().splitlines()[1] for path in Path("/usr/local/share/ca-certificates").rglob("*.crt")]
    for line in added:
        found = docker(*inside, 'grep -rlF --exclude-dir=proc --exclude-dir=sys -- "$1" /; echo looked', "sh", line)
        assert found == "looked"
    assert "PIP_INDEX_URL=" not in docker("history", "--no-trunc", "web")
