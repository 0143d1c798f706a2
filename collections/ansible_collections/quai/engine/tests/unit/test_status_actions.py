"""The status as it is asked for and told: one read of a host, one report of all, and inputs refused by name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.quai.engine.plugins.action import status as status_action, status_report
from ansible_collections.quai.engine.plugins.module_utils import status
from ansible_collections.quai.engine.plugins.modules.release import DOCUMENTATION
from ansible_collections.quai.engine.plugins.plugin_utils.base import argument_spec
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run
from ansible_collections.quai.engine.tests.unit.test_status_table import ROWS

FIXTURES = Path(__file__).parent / "fixtures"
ENGINES = sorted(path.name for path in FIXTURES.glob("docker-[2-9]*"))


def recorded(engine: str, name: str) -> str:
    """Return a recorded text of an engine."""
    return (FIXTURES / engine / f"{name}.out").read_text(encoding="utf-8")


def serves(guard: Guard, engine: str) -> None:
    """The guard speaks as an engine that was recorded while it served by hand."""
    guard.answer("version *", recorded(engine, "version_json").strip() and "26.1.5\n")
    guard.answer("ps -aq *", "c1\n")
    guard.answer("inspect c1", recorded(engine, "inspect_web"))
    guard.answer("inspect --format *Pid* web", "0\n")
    guard.answer("inspect --format *LogPath* web")
    guard.answer("image ls *")
    guard.answer("image inspect web", recorded(engine, "inspect_image_web"))
    guard.answer("volume inspect --format * myapp_data", "\n")
    guard.answer("volume inspect myapp_data", recorded(engine, "inspect_volume_myapp_data"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a token and logs, some of them rotated."""
    directory = tmp_path / "da ta"
    directory.mkdir()
    (directory / ".quai-volume").write_text("token-1\n")
    (directory / "access.log").write_text("x" * 10)
    (directory / "access.log.1").write_text("x" * 3)
    (directory / "access.log-20260131").write_text("x" * 2)
    return directory


def asked(directory: Path, **more: Any) -> dict[str, Any]:
    """Return the arguments for a host that serves."""
    release = {"name": "web", "image": "web", "volumes_from": "myapp_data", "register_directory": str(directory.parent)}
    return {
        "release": release,
        "directory": str(directory),
        "log_files": ["/data/access.log", "/data/none.log", "-"],
    } | more


def row(result: dict[str, Any]) -> dict[str, Any]:
    """Return the host's row."""
    found: dict[str, Any] = result["ansible_facts"]["quai_status"]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_is_read_once_and_nothing_is_changed(
    act: Run, guard: Guard, data: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    serves(guard, engine)
    (data.parent / "myapp_data").write_text("token-1\n")
    reads: list[str] = []
    plain = status_report.QuaiAction._shell
    monkeypatch.setattr(
        status_report.QuaiAction, "_shell", lambda self, script: reads.append(script) or plain(self, script)
    )
    result = act("status", reached="quay1", **asked(data))
    assert len(reads) == 1
    assert guard.changes() == []
    assert not result["changed"]
    told = row(result)
    assert (told["container"], told["health"], told["address"]) == ("running", "healthy", "http://quay1:80")
    assert told["volume"] == "token-1"
    assert told["logs"] == {"/data/access.log": 15}
    assert told["data_bytes"] > 0
    assert told["disk_bytes"] > told["free_bytes"] > 0
    # It was made by hand: what it is, is told, and that it is not what the inventory asks for.
    assert any("that Quai did not make" in each["text"] for each in told["findings"])


@pytest.mark.parametrize("file", ["memory.events", "memory/memory.oom_control"])
def test_killed_processes_are_counted_in_both_kinds_of_control_groups(tmp_path: Path, data: Path, file: str) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / file).write_text("oom 3\nunder_oom 0\noom_kill 2\n")
    words = ["sh", "-c", status_action._LOOK, "sh", str(tmp_path), str(data), "/data"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert status.looked(said).oom_kills == 2


def test_an_engine_that_is_down_is_a_row_and_no_failure(act: Run, guard: Guard, data: Path) -> None:
    guard.answer("*", "", "Cannot connect to the Docker daemon", 1)
    guard.answer("*", program="dockerd")
    result = act("status", **asked(data))
    assert not result.get("failed")
    assert row(result)["state"] == "bad"
    assert row(result)["findings"][0]["text"].startswith("Docker does not answer on quay1: Cannot connect")
    assert row(result)["volume"] == "token-1"


def test_a_mac_is_looked_at_from_inside_its_container(act: Run, guard: Guard, data: Path) -> None:
    serves(guard, ENGINES[-1])
    guard.answer("exec web sh -c *", "oom 1\ntoken token-2\ndisk 1000 400\ndata 7\nlog 3 /data/access.log\n")
    machine = {
        "name": "dev",
        "state": "running",
        "address": "192.168.56.101",
        "shell": "docker-machine ssh dev",
        "x": "y",
    }
    told = row(act("status", machine=machine, reached="192.168.56.101", **asked(data)))
    assert (told["oom_kills"], told["volume"], told["disk_bytes"], told["data_bytes"]) == (
        1,
        "token-2",
        1000 << 10,
        7 << 10,
    )
    assert told["machine"] == {key: machine[key] for key in ("name", "state", "address", "shell")}
    assert "directory" not in told["drift"]
    assert row(act("status", machine=machine | {"address": ""}, reached="", **asked(data)))["address"] == ""


def test_data_in_the_engine_s_own_volume_is_looked_at_from_inside(act: Run, guard: Guard, data: Path) -> None:
    serves(guard, ENGINES[-1])
    guard.answer("exec web sh -c *", "token token-2\ndisk 1000 400\ndata 7\nlog 3 /data/access.log\n")
    told = row(act("status", **(asked(data) | {"directory": ""})))
    assert (told["volume"], told["data_bytes"], told["logs"]) == ("token-2", 7 << 10, {"/data/access.log": 3})
    assert told["machine"] is None


def test_a_machine_that_is_off(act: Run, guard: Guard, data: Path) -> None:
    guard.answer("*", "", "Cannot connect to the Docker daemon", 1)
    guard.answer("*", program="dockerd")
    machine = {"name": "dev", "state": "stopped", "address": "", "shell": "docker-machine ssh dev"}
    told = row(act("status", machine=machine, **asked(data)))
    assert [each["text"] for each in told["findings"]] == ["The machine dev is stopped. Run playbooks/hosts.yml."]


def test_a_release_that_cannot_be_meant(act: Run, guard: Guard, data: Path) -> None:
    serves(guard, ENGINES[-1])
    result = act("status", **asked(data, release={"name": "web", "port": "eighty"}))
    assert result["failed"]
    assert "eighty" in result["msg"]
    told = row(act("status", **asked(data, release={"name": "web", "image": "web", "port": 0})))
    assert any("port 0 is out of range" in each["text"] for each in told["findings"])


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("0.0.0.0", "http://quay1:80"),
        ("::", "http://quay1:80"),
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address(act: Run, guard: Guard, data: Path, address: str, url: str) -> None:
    serves(guard, ENGINES[-1])
    release = {"name": "web", "image": "web", "volumes_from": "myapp_data", "address": address}
    assert row(act("status", **asked(data, release=release, reached="quay1")))["address"] == url


def test_the_status_takes_what_the_release_takes() -> None:
    """The role gives both the same value."""
    role = Path(__file__).parents[6] / "roles/app_web/vars/main.yml"
    text = role.read_text(encoding="utf-8").partition("__app_web_release:\n")[2]
    assert {line.split(":")[0].strip() for line in text.splitlines() if line.strip()} <= set(
        argument_spec(DOCUMENTATION)
    )


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is displayed, with its color."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        status_report.display, "display", lambda text, color=None, **_more: told.append((text, color or ""))
    )
    return told


ALL = {host: {} if each.get("unreachable") else each for host, each in ROWS.items()}
RESULTS = {"quay4": {"unreachable": True, "msg": "no route"}}


def test_a_table_in_the_colors_of_its_states(act: Run, shown: list[tuple[str, str]]) -> None:
    result = act("status_report", rows=ALL, results=RESULTS)
    assert [text.split()[0] for text, _color in shown[:5]] == ["HOST", "quay1", "quay2", "quay3", "quay4"]
    assert len({color for _text, color in shown[:4]}) == 4
    assert shown[3][1] == shown[4][1]
    assert result["bad"] == ["quay3", "quay4"]
    assert result["ansible_stats"]["data"] == {"status": result["verdict"]}
    assert result["verdict"] == "1 of 4 hosts ok, 1 with warnings (quay2), 2 BAD (quay3, quay4)"
    assert not result["changed"]


def test_one_line_of_json_and_the_same_in_a_file(act: Run, tmp_path: Path, shown: list[tuple[str, str]]) -> None:
    act("status_report", rows=ALL, results=RESULTS, format="json", file=str(tmp_path / "s.json"))
    ((line, _color),) = shown
    assert line.startswith("{")
    assert "\n" not in line
    assert json.loads(line) == json.loads((tmp_path / "s.json").read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.usefixtures("shown")
def test_files_are_written_and_runs_remembered(act: Run, tmp_path: Path, shown: list[tuple[str, str]]) -> None:
    files = {"report": str(tmp_path / "r.html"), "history": str(tmp_path / "new/directory/h.jsonl")}
    act("status_report", rows=ALL, results=RESULTS, **files)
    assert [text for text, _color in shown if text.startswith("wrote")] == [f"wrote {tmp_path}/r.html"]
    assert "Data on the volume" not in (tmp_path / "r.html").read_text()
    act("status_report", rows=ALL, results=RESULTS, **files)
    assert len((tmp_path / "new/directory/h.jsonl").read_text().splitlines()) == 6
    assert "Data on the volume" in (tmp_path / "r.html").read_text()


def test_check_mode_writes_nothing(act: Run, tmp_path: Path, shown: list[tuple[str, str]]) -> None:
    act("status_report", True, rows=ALL, file=str(tmp_path / "s.json"), history=str(tmp_path / "h/h.jsonl"))
    assert list(tmp_path.iterdir()) == []
    assert (f"would write {tmp_path}/s.json", "") in shown


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("name", ["file", "report", "history"])
def test_a_file_that_cannot_be_written(act: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    result = act("status_report", rows=ALL, **{name: str(tmp_path / "file/x")})
    assert result["failed"]
    assert f"{tmp_path}/file/x cannot be written on this machine: " in result["msg"]
    assert f"Set status_{name}" in result["msg"]


def test_the_status_compares_with_what_the_images_are_built_from() -> None:
    play = yaml.safe_load((Path(__file__).parents[6] / "playbooks/status.yml").read_text(encoding="utf-8"))[0]
    (given,) = [each["vars"]["app_web_status"] for each in play["tasks"][1]["block"] if "vars" in each]
    assert play["vars_files"] == "vars/images.yml"
    for name in ("context", "dockerfile", "build_args"):
        assert given[name] == f"{{{{ __images.web.{name} }}}}"
