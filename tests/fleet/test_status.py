"""status.yml shows at a glance what is wrong with a host: each fault is made for real, and shown where it is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, run, until
from tests.fleet.conftest import Fleet

HEAD = "HOST  STATE"


class Status:
    """Runs status.yml, and what came of it."""

    def __init__(self, fleet: Fleet, directory: Path) -> None:
        self.fleet, self.directory = fleet, directory
        self.code, self.said = 0, ""

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run it and return the row of quay; the table of the same run is in `said`."""
        file = self.directory / "status.json"
        paths = (f"status_file={file}", f"status_history={self.directory}/history.jsonl")
        self.code, self.said = self.fleet.playbook("status", "-e", paths[0], "-e", paths[1], *arguments)
        self.document = json.loads(file.read_text())
        found: dict[str, Any] = next(row for row in self.document["hosts"] if row["host"] == "quay")
        return found

    @property
    def line(self) -> str:
        """The host's line of the table."""
        return next(line for line in self.said.splitlines() if line.startswith("quay "))

    @property
    def last(self) -> str:
        """What the run ends with."""
        return self.said.strip().splitlines()[-1]


@pytest.fixture
def status(fleet: Fleet, tmp_path: Path) -> Status:
    """The host as it should be, to be broken, and healed with site.yml by the next test."""
    return Status(fleet, tmp_path)


@pytest.fixture
def served(fleet: Fleet) -> Iterator[None]:
    """The release serves before the test, and again after it."""
    yield
    fleet.docker("rm", "-f", "web", check=False)
    code, said = fleet.playbook("app")
    assert code == 0, said


def as_it_was(fleet: Fleet) -> str:
    """Return what a look may not change."""
    listed = (
        "docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort; "
        "docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; docker volume ls; "
        "find /var/lib/quai /var/lib/myapp ! -name '*.log' | sort"
    )
    return fleet.host.shell(listed).stdout


def test_a_host_that_is_well(fleet: Fleet, status: Status) -> None:
    before = as_it_was(fleet)
    row = status.run()
    assert status.code == 0, status.said
    assert as_it_was(fleet) == before
    assert "changed=0" in status.said
    assert (row["state"], row["findings"], row["drift"]) == ("ok", [], {})
    assert status.line.split()[1] == "ok"
    assert row["engine"].startswith("20.10.24")
    assert row["release"] == fleet.docker("inspect", "-f", '{{index .Config.Labels "quai.release"}}', "web")
    assert row["image"] in fleet.docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert row["up_since"] == fleet.docker("inspect", "-f", "{{.State.StartedAt}}", "web")
    assert (row["container"], row["health"], row["restarts"], row["oom_kills"]) == ("running", "healthy", 0, 0)
    assert row["address"] == f"http://{fleet.host.name}:80"
    assert row["disk_bytes"] == 300 << 20
    assert 0 < row["free_bytes"] < 300 << 20
    assert row["logs"]["/data/access.log"] > 0
    assert "RUN:  status: 1 of 1 hosts ok" in status.last


def test_json_is_easy_to_cut_out(status: Status) -> None:
    status.run("-e", "status_format=json")
    (line,) = [line for line in status.said.splitlines() if line.startswith("{")]
    assert json.loads(line) == status.document
    assert HEAD not in status.said


def test_a_host_that_cannot_be_reached_is_a_row(status: Status, tmp_path: Path) -> None:
    more = tmp_path / "more.yml"
    more.write_text(
        "debian_hosts: {hosts: {gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9}}}\n"
    )
    status.run("-i", str(more))
    assert status.code != 0
    assert [(row["host"], row["state"]) for row in status.document["hosts"]] == [("quay", "ok"), ("gone", "bad")]
    assert re.search(r"^gone +BAD +not read", status.said, re.MULTILINE)
    assert "gone: The host could not be reached:" in status.said
    assert "1 of 2 hosts ok, 1 BAD (gone)" in status.last
    assert re.search(r"^gone .*failed=1", status.said, re.MULTILINE)


# --- faults -----------------------------------------------------------------------------------------------------------


def hang(fleet: Fleet) -> None:
    """The workers stop where they are: connections are taken and never answered."""
    fleet.docker("exec", "web", "sh", "-c", "kill -STOP -1")
    assert until(lambda: fleet.docker("inspect", "-f", "{{.State.Health.Status}}", "web") == "unhealthy", 90)


def by_hand(fleet: Fleet, *words: str, image: str = "web") -> None:
    """Have another container in the place of web."""
    fleet.docker("rm", "-f", "web")
    fleet.docker(
        "run",
        "-d",
        "--name",
        "web",
        "--volumes-from",
        "myapp_data",
        "--label",
        "quai.app=web",
        *words[:-1],
        image,
        "sh",
        "-c",
        words[-1],
    )


def eat(fleet: Fleet) -> None:
    """The application takes more memory than it may have, and dies of it.

    A moment before its container does: an engine that hears of both at once forgets the first.
    """
    greedy = "python -c 'x = bytearray(200 << 20)'; code=$?; sleep 2; exit $code"
    by_hand(fleet, "--memory", "32m", "--memory-swap", "32m", greedy)
    assert until(lambda: fleet.docker("inspect", "-f", "{{.State.Running}}", "web") == "false")


def loop(fleet: Fleet) -> None:
    """The container dies as soon as it is started."""
    by_hand(fleet, "--restart", "always", "exit 3")
    assert until(lambda: int(fleet.docker("inspect", "-f", "{{.RestartCount}}", "web")) >= 3, 30)


def fill(fleet: Fleet) -> None:
    """The disk of the data is full but for a few MiB."""
    fleet.host.shell("dd if=/dev/zero of=/var/lib/myapp/data/big bs=1M count=250")


FAULTS: dict[str, tuple[Callable[[Fleet], object], str]] = {
    "unhealthy": (hang, "quay: web is unhealthy: it runs, but its page does not answer 200."),
    "stopped": (lambda fleet: fleet.docker("stop", "web"), "quay: web has stopped (exit code 0)."),
    "killed for want of memory": (eat, "quay: web has stopped (exit code 137, out of memory)."),
    "restarted again and again": (loop, "quay: web dies and is restarted again and again ("),
    "another image": (
        lambda fleet: by_hand(fleet, "sleep 600", image="python:3.13-slim"),
        "quay: web runs python:3.13-slim, an image that Quai did not make.",
    ),
    "paused": (lambda fleet: fleet.docker("pause", "web"), "quay: web is paused"),
    "removed": (lambda fleet: fleet.docker("rm", "-f", "web"), "quay: Nothing is served: there is no container web."),
}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault(fleet: Fleet, status: Status, fault: str) -> None:
    break_it, told = FAULTS[fault]
    break_it(fleet)
    row = status.run()
    assert status.code != 0
    assert told in status.said, status.said
    assert row["state"] == "bad"
    assert status.line.split()[1] == "BAD"
    assert "0 of 1 hosts ok, 1 BAD (quay)" in status.last


def test_a_full_disk(fleet: Fleet, status: Status) -> None:
    fill(fleet)
    try:
        row = status.run()
    finally:
        fleet.host.shell("rm /var/lib/myapp/data/big")
    assert status.code != 0
    assert "quay: The disk of the data is full:" in status.said
    assert row["data_bytes"] > 250 << 20


def test_a_process_killed_for_want_of_memory_is_a_warning(fleet: Fleet, status: Status) -> None:
    fleet.docker("exec", "web", "python", "-c", "x = bytearray(2 << 30)", check=False)
    row = status.run()
    assert status.code == 0
    assert (row["state"], row["oom_kills"]) == ("warning", 1)
    assert "A process of web was killed for want of memory (its limit is 512 MiB)" in status.said
    assert "0 of 1 hosts ok, 1 with warnings (quay)" in status.last
    fleet.docker("restart", "web")


def test_drift_of_settings_and_of_code(status: Status, tmp_path: Path) -> None:
    context = Path(shutil.copytree(ROOT / "files/web", tmp_path / "web"))
    (context / "myapp.py").write_text("# another\n" + (context / "myapp.py").read_text())
    row = status.run("-e", "myapp_memory=256m", "-e", f"myapp_context={context}")
    assert status.code == 0
    assert row["state"] == "warning"
    assert row["drift"]["memory"] == [512 << 20, 256 << 20]
    assert set(row["drift"]) == {"memory", "code"}
    assert status.line.endswith("memory code")


def test_an_image_whose_release_was_refused_is_not_asked_for(fleet: Fleet, status: Status, tmp_path: Path) -> None:
    runs = status.run()["image"].rpartition(":")[2]
    context = Path(shutil.copytree(ROOT / "files/web", tmp_path / "web"))
    (context / "myapp.py").write_text("raise RuntimeError('boom')\n")
    assert fleet.playbook("images", "-e", f"myapp_context={context}")[0] == 0
    row = status.run("-e", f"myapp_context={context}")
    assert set(row["drift"]) == {"code"}
    assert row["drift"]["code"][0] == runs
    assert row["drift"]["code"][1] == fleet.docker(
        "image", "inspect", "-f", '{{index .Config.Labels "quai.digest"}}', "web"
    )
    assert status.run()["drift"] == {}  # with the code put back
    assert "differs from the inventory" not in status.said
    assert fleet.playbook("images")[0] == 0


def test_an_engine_that_is_down(fleet: Fleet, status: Status) -> None:
    fleet.host.shell("systemctl stop docker.socket docker.service")
    try:
        status.run()
    finally:
        fleet.host.shell("systemctl start docker.service")
    assert status.code != 0
    assert "quay: Docker does not answer on quay" in status.said


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("status_fromat=json", "did you mean status_format?"),
        ("status_format=xml", "text, json"),
        ("status_file=/no/such/directory/x", "/no/such/directory/x cannot be written"),
    ],
)
def test_inputs_are_refused_by_name(fleet: Fleet, argument: str, named: str) -> None:
    code, said = fleet.playbook("status", "-e", "status_history=", "-e", argument)
    assert code != 0
    assert named in " ".join(said.split())


# --- the report -------------------------------------------------------------------------------------------------------

# The page in a frame of the width in question: a browser's own window may not be made that narrow.
_FRAME = """<body><iframe style="border: 0; width: {width}px; height: 900px"></iframe><pre></pre><script>
const frame = document.querySelector('iframe');
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const columns = view.getComputedStyle(page.querySelector('main')).gridTemplateColumns.split(' ').length;
  const over = [...page.querySelectorAll('svg text')].filter(t => {{
    const box = t.getBoundingClientRect(), svg = t.closest('svg').getBoundingClientRect();
    return box.right > svg.right + 1;
  }}).map(t => t.textContent);
  document.querySelector('pre').textContent = JSON.stringify({{
    inner: view.innerWidth, scroll: root.scrollWidth, columns, over, scripts: page.scripts.length, title: page.title,
    text: page.body.textContent }});
}};
frame.srcdoc = {page};
</script>"""


def seen(chromium: str, page: str, width: int, directory: Path) -> dict[str, Any]:
    """Return what headless Chromium makes of the page in a frame of this width."""
    file = directory / f"frame-{width}.html"
    # In a script, "</" would end it and "<!--" begin a comment, in a text or not.
    file.write_text(_FRAME.format(width=width, page=json.dumps(page).replace("<", "\\u003c")))
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    words = [*flags.split(), f"--user-data-dir={directory}/browser", "--virtual-time-budget=5000", "--dump-dom"]
    shown = run(chromium, *words, f"file://{file}").stdout
    match = re.search(r"<pre>(\{.*?\})</pre>", shown, re.DOTALL)
    assert match, shown
    found: dict[str, Any] = json.loads(match[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return found


@pytest.mark.parametrize(("width", "columns"), [(390, 1), (599, 1), (1200, 3)])
def test_the_report_in_a_browser(
    fleet: Fleet, status: Status, chromium: str, tmp_path: Path, width: int, columns: int
) -> None:
    more = tmp_path / "more.yml"
    gone = "{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9}"
    more.write_text(
        f"debian_hosts: {{hosts: {{gone: {gone}, a-host-with-a-rather-long-name.in.a.domain.example.org: {gone}}}}}\n"
    )
    evil = "FROM python:3.13-slim\nLABEL quai.image='<script>document.title=1</script>' quai.digest=0 org.opencontainers.image.revision='</svg><b>x'\n"
    fleet.host.shell("docker build -q -t evil -", stdin=evil)
    report = tmp_path / "report.html"
    try:
        status.run("-i", str(more))
        row = status.run("-i", str(more), "-e", f"status_report={report}")
    finally:
        fleet.docker("rmi", "evil")
    page = seen(chromium, report.read_text(), width, tmp_path)
    assert page["inner"] == width
    assert page["scroll"] <= width
    assert (page["columns"], page["over"], page["scripts"]) == (columns, [], 0)
    assert page["title"] == "Status: bad, 3 hosts"
    for words in (
        "quay",
        "myapp_data",
        row["release"],
        row["image"],
        row["engine"],
        "<script>document.title=1</script>:0",
        "Data on the volume",
    ):
        assert words in page["text"], words
