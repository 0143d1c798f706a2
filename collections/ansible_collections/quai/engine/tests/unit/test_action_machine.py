"""The action on a Mac whose programs are guards: what it asks, in which order it repairs, and that a refusal changes nothing.

The whole life of a machine, with a real engine behind it, is the molecule scenario docker_machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan_machine import blocks
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

RECORDED = Path(__file__).parents[6] / "tests/doubles/recorded"
NOSUCH = (RECORDED / "docker-machine-0.16.2/inspect-nosuch.err").read_text()
FOUND = (RECORDED / "docker-machine-0.16.2/inspect-dev.out").read_text()
URL = "tcp://192.168.56.101:2376\n"
CLIENT = "docker --host tcp://192.168.56.101:2376 --tlsverify --tlscacert={0}/ca.pem --tlscert={0}/cert.pem --tlskey={0}/key.pem version"
ASKED = ("inspect", "status", "url", "version", "env")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the Mac's user."""
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    for name in ("ZDOTDIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "MACHINE_STORAGE_PATH"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def mac(guard: Guard, home: Path) -> Guard:  # noqa: ARG001 - nothing may reach this machine's own home
    """An Intel Mac with all tools, on which docker knows no context."""
    answer = guard.answer
    answer("-s", "Darwin\n", program="uname")
    answer("-m", "x86_64\n", program="uname")
    answer("-productVersion", "14.6\n", program="sw_vers")
    answer("-u", "501\n", program="id")
    answer("--host tcp://192.168.56.101:2376 --tlsverify *", "Server: 20.10.24\n")
    answer("compose version", "Docker Compose version v2.38.1\n")
    answer("context inspect *", "[]\n", "context not found", 1)
    answer("context create *", "dev\n")
    answer("list --json", program="colima")
    answer("--version", "7.1\n", program="VBoxManage")
    return guard


def running(guard: Guard, version_rc: int = 0, env_stderr: str = "") -> None:
    """A machine dev runs; its engine answers, or what `env` says of it."""
    guard.answer("inspect dev", FOUND, program="docker-machine")
    guard.answer("status dev", "Running\n", program="docker-machine")
    guard.answer("url dev", URL, program="docker-machine")
    said = "" if not version_rc else "Unable to query docker version"
    guard.answer("version dev", "20.10.24\n" if not version_rc else "", said, version_rc, program="docker-machine")
    guard.answer("env --shell bash dev", "", env_stderr, 1 if env_stderr else 0, program="docker-machine")


def done(guard: Guard) -> list[str]:
    """Return the calls of the machine's tools that are not mere questions."""
    calls = [call.split(" ", 1) for call in guard.calls if call.split(" ")[0] in ("docker-machine", "colima", "brew")]
    return [words for program, words in calls if words.split(" ")[0] not in (*ASKED, "list", "info")]


def machine(act: Run, **args: Any) -> dict[str, Any]:
    return act("machine", **({"name": "dev", "provider": "docker-machine", "wait_seconds": 1} | args))


@pytest.mark.parametrize("name", ["", "a b", "../x", "$(id)", "-f", "dev/x"])
def test_a_name_that_is_none(act: Run, mac: Guard, name: str) -> None:
    result = machine(act, name=name)
    assert result["failed"]
    assert "docker_machine_name" in result["msg"]
    assert mac.calls == []


@pytest.mark.usefixtures("home")
def test_a_host_that_is_no_mac(act: Run, guard: Guard) -> None:
    guard.answer("-s", "Linux\n", program="uname")
    guard.answer("-m", "x86_64\n", program="uname")
    guard.answer("*", program="docker-machine", rc=1)
    guard.answer("*", rc=1)
    result = machine(act)
    assert result["failed"]
    assert "quay1 runs Linux, not macOS" in result["msg"]
    assert "debian_hosts" in result["msg"]


def test_root_is_refused(act: Run, mac: Guard) -> None:
    mac.forget("id")
    mac.answer("-u", "0\n", program="id")
    running(mac)
    assert "ansible_become: false" in machine(act)["msg"]
    assert done(mac) == []


def test_everything_is_there_after_one_run(act: Run, mac: Guard, home: Path) -> None:
    running(mac)
    (home / ".zshrc").write_bytes(b"setopt")
    result = machine(act)
    assert result["changed"]
    assert not result.get("failed")
    assert blocks((home / ".zshrc").read_bytes()) == ["dev"]
    assert 'DOCKER_HOST="tcp://192.168.56.101:2376"' in (home / ".quai/machines/dev/env.sh").read_text()
    assert not (home / ".quai/machines/dev/created").exists()  # it was here before
    fact = result["ansible_facts"]["quai_machine"]
    assert fact["environment"] == {
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_HOST": "tcp://192.168.56.101:2376",
        "DOCKER_CERT_PATH": "/Users/reader/.docker/machine/machines/dev",
        "DOCKER_MACHINE_NAME": "dev",
    }
    assert fact["address"] == "192.168.56.101"
    assert fact["ca"] == "/Users/reader/.docker/machine/machines/dev/ca.pem"
    assert fact["shell"] == "docker-machine ssh dev"
    assert fact["register"] == f"{home}/.quai/machines/dev/volumes"
    gone = machine(act, state="absent")
    assert gone["changed"]
    assert (home / ".zshrc").read_bytes() == b"setopt"
    assert not (home / ".bash_profile").exists()
    assert done(mac) == []


@pytest.mark.parametrize("how", [{"check": True}, {"plan_only": True}])
def test_a_plan_changes_nothing(act: Run, mac: Guard, home: Path, how: dict[str, bool]) -> None:
    running(mac)
    result = machine(act, **how)
    assert "have zsh find dev, in" in "".join(result["plan"])
    assert result["changed"] == ("check" in how)
    assert result["act"] == ("plan_only" in how)
    assert list(home.iterdir()) == []
    store = f"{home}/.docker/machine/machines/dev"
    assert sorted(mac.changes()) == [CLIENT.format(store), "docker compose version", "docker context inspect dev"]


def test_read_tells_only(act: Run, mac: Guard, home: Path) -> None:
    running(mac)
    result = machine(act, state="read")
    assert not result["changed"]
    assert result["ansible_facts"]["quai_machine"]["state"] == "running"
    assert list(home.iterdir()) == []


def test_a_stopped_machine_is_no_engine_either(act: Run, mac: Guard, home: Path) -> None:
    """Another machine may have its address by now."""
    mac.answer("inspect dev", FOUND, program="docker-machine")
    mac.answer("status dev", "Stopped\n", program="docker-machine")
    mac.answer("* dev", "", "Host is not running", 1, program="docker-machine")
    fact = machine(act, state="read")["ansible_facts"]["quai_machine"]
    assert fact["state"] == "stopped"
    assert fact["environment"]["DOCKER_HOST"] == f"unix://{home}/.quai/machines/dev/not-there.sock"


def test_no_machine_is_never_the_default_engine(act: Run, mac: Guard, home: Path) -> None:
    mac.answer("* dev", "", NOSUCH, 1, program="docker-machine")
    fact = machine(act, state="read")["ansible_facts"]["quai_machine"]
    assert fact["state"] == "absent"
    assert fact["environment"]["DOCKER_HOST"] == f"unix://{home}/.quai/machines/dev/not-there.sock"


# --- tools ------------------------------------------------------------------------------------------------------------


def brew(guard: Guard, text: str = "", stderr: str = "", rc: int = 0) -> None:
    guard.answer("info --json=v2 *", text, stderr, rc, program="brew")


def bare(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the machine's tools away, wherever this machine has them; brew's guard comes back with `brew`."""
    for name in ("docker-machine", "docker"):
        (guard.bin / name).unlink(missing_ok=True)
    tools = (
        "sh",
        "env",
        "awk",
        "base64",
        "basename",
        "cat",
        "cksum",
        "cp",
        "date",
        "dirname",
        "mkdir",
        "mv",
        "printf",
        "readlink",
        "rm",
        "sed",
        "sleep",
    )
    places = tmp_path / "tools"
    places.mkdir()
    for tool in tools:
        found = next((Path(place, tool) for place in ("/usr/bin", "/bin") if Path(place, tool).exists()), None)
        if found:
            (places / tool).symlink_to(found)
    monkeypatch.setenv("PATH", f"{guard.bin}:{places}")


def info(**changes: Any) -> str:
    formula = {"name": "docker-machine", "deprecated": True, "deprecation_date": "2026-07-01", "disabled": False}
    return json.dumps({"formulae": [formula | changes, {"name": "docker"}], "casks": []})


def test_missing_tools_are_named_with_what_homebrew_says(
    act: Run, mac: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(mac, tmp_path, monkeypatch)
    brew(mac, info())
    result = machine(act, plan_only=True)
    assert "docker-machine" in result["formulae"]
    assert "docker-machine is deprecated since 2026-07-01" in result["warnings"][0]
    assert json.loads(result["record"])["formulae"] == result["formulae"]
    assert json.loads(result["record"])["link"]


def test_a_disabled_formula_is_refused(act: Run, mac: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(mac, tmp_path, monkeypatch)
    brew(mac, info(disabled=True, disable_date="2027-07-01"))
    result = machine(act)
    assert "disabled docker-machine since 2027-07-01" in result["msg"]
    assert not result["changed"]


def test_auto_goes_to_colima_where_docker_machine_is_disabled(
    act: Run, mac: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(mac, tmp_path, monkeypatch)
    (mac.bin / "colima").unlink()
    brew(mac, info(disabled=True))
    result = machine(act, provider="auto", plan_only=True)
    assert result["provider"] == "colima"
    assert "colima" in result["formulae"]


def test_no_homebrew(act: Run, mac: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(mac, tmp_path, monkeypatch)
    result = machine(act)
    assert "no Homebrew on quay1" in result["msg"]
    assert "docker-machine" in result["msg"]


def test_a_formula_that_homebrew_lost(act: Run, mac: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(mac, tmp_path, monkeypatch)
    brew(mac, "", 'Error: No available formula with the name "docker-machine".', 1)
    assert "No available formula" in machine(act)["msg"]


# --- repair -----------------------------------------------------------------------------------------------------------

REFUSED = "Error checking TLS connection: dial tcp 192.168.56.101:2376: connect: connection refused"


def test_repairs_go_on_until_it_answers(act: Run, mac: Guard, said: list[str], tmp_path: Path) -> None:
    cured = tmp_path / "cured"
    mac.answer("ssh dev *", "", "exit status 1", 1, program="docker-machine")
    mac.answer("regenerate-certs -f --client-certs dev", program="docker-machine")
    running(mac, 1, REFUSED)
    # The guard's version answers once the certificates are new.
    script = (mac.bin / "docker-machine").read_text()
    lines = script.splitlines()
    lines.insert(
        3,
        f'[ "$1" != regenerate-certs ] || : > {cured}; [ "$1" != version ] || [ ! -e {cured} ] || {{ echo 20.10.24; exit 0; }}',
    )
    (mac.bin / "docker-machine").write_text("\n".join(lines) + "\n")
    result = machine(act)
    assert not result.get("failed"), result.get("msg")
    assert [words.split(" ")[0] for words in done(mac)] == ["ssh", "regenerate-certs"]
    assert any("that did not help: exit status 1" in text for text in said)


def test_when_no_repair_helps_nothing_is_made_anew(act: Run, mac: Guard) -> None:
    mac.answer("ssh dev *", program="docker-machine")
    mac.answer("regenerate-certs *", program="docker-machine")
    mac.answer("provision dev", "", "60 retries", 1, program="docker-machine")
    running(mac, 1, REFUSED)
    result = machine(act)
    assert result["failed"]
    assert REFUSED in result["msg"]
    assert "untouched" in result["msg"]
    assert "docker_machine_recreate: dev" in result["msg"]
    assert [words.split(" ")[0] for words in done(mac)] == ["ssh", "regenerate-certs", "provision"]


def test_when_no_repair_helps_a_new_one_is_made_where_its_name_allows_it(act: Run, mac: Guard) -> None:
    for pattern in ("ssh dev *", "regenerate-certs *", "provision dev", "rm -y dev"):
        mac.answer(pattern, program="docker-machine")
    mac.answer("create *", "", 'Error with pre-create check: "VBoxManage not found"', 3, program="docker-machine")
    running(mac, 1, REFUSED)
    result = machine(act, recreate="dev")
    assert "VBoxManage not found" in result["msg"]
    assert [words.split(" ")[0] for words in done(mac)][-2:] == ["rm", "create"]


def test_a_creation_that_leaves_nothing_tells_why(act: Run, mac: Guard, home: Path) -> None:
    mac.answer(
        "create *",
        "",
        (RECORDED / "docker-machine-0.16.2/create-virtualbox.err").read_text(),
        3,
        program="docker-machine",
    )
    mac.answer("* dev", "", NOSUCH, 1, program="docker-machine")
    result = machine(act)
    assert "VBoxManage not found" in result["msg"]
    assert [words.split(" ")[0] for words in done(mac)] == ["create"]
    assert not (home / ".quai/machines/dev/created").exists()


def test_a_removal_that_removes_nothing_is_told(act: Run, mac: Guard) -> None:
    mac.answer("rm -y dev", program="docker-machine")
    running(mac)
    result = machine(act, state="absent", purge="dev")
    assert result["failed"]
    assert "still there" in result["msg"]
