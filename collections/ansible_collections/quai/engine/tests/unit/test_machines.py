"""What docker-machine, colima and Docker Desktop say of a machine, and the words by which they are told what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils.machines import (
    PROVIDERS,
    Mac,
    Machine,
    Wanted,
    choose,
    is_disabled,
    judge_formulae,
    mac_of,
    missing,
)
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer

RECORDED = Path(__file__).parents[6] / "tests/doubles/recorded"
INTEL = Mac("Darwin", "x86_64", (14, 6), "/Users/reader", 501, {"brew": "/usr/local/bin/brew", "VBoxManage": "/x"})
SILICON = Mac("Darwin", "arm64", (15, 1), "/Users/reader", 501, {"brew": "/opt/homebrew/bin/brew"})
OLD = Mac("Darwin", "x86_64", (10, 15, 7), "/Users/reader", 501, {"VBoxManage": "/x"})
WITHOUT = Mac("Darwin", "x86_64", (14,), "/Users/reader", 501, {})
DOCKER_MACHINE, COLIMA, DESKTOP = (PROVIDERS[name] for name in ("docker-machine", "colima", "docker-desktop"))
NOT_THERE = Answer(127, "", "sh: docker-machine: not found")


def recorded(name: str) -> Answer:
    """Return an answer of the real docker-machine."""
    texts = {
        suffix: (RECORDED / f"docker-machine-0.16.2/{name}.{suffix}").read_text() for suffix in ("rc", "out", "err")
    }
    return Answer(int(texts["rc"]), texts["out"], texts["err"].strip())


def answers(**changes: Answer) -> dict[str, Answer]:
    """Return the answers about a running machine `dev`, some of them changed (status=..., version=...)."""
    if "version" in changes:  # nothing more is asked then
        changes = {"client": Answer(1, "", "")} | changes
    found = {
        "machine": recorded("inspect-dev"),
        "machine status": recorded("status-dev"),
        "machine url": recorded("url-dev"),
        "machine version": recorded("version-dev"),
        "machine client": Answer(0, "", ""),
        "machine env": MISSING,
    }
    return found | {("machine" if key == "inspect" else f"machine {key}"): answer for key, answer in changes.items()}


def failed(text: str, rc: int = 1) -> Answer:
    return Answer(rc, "", text)


# --- docker-machine ---------------------------------------------------------------------------------------------------


def test_a_running_machine() -> None:
    assert DOCKER_MACHINE.machine(answers(), "dev") == Machine(
        "running",
        driver="generic",
        url="tcp://192.168.56.101:2376",
        address="192.168.56.101",
        cert_path="/Users/reader/.docker/machine/machines/dev",
    )


def test_a_machine_of_virtualbox_has_sizes() -> None:
    document = json.loads(recorded("inspect-dev").stdout)
    document["DriverName"] = "virtualbox"
    document["Driver"] |= {"CPU": 2, "Memory": 2048, "DiskSize": 20480}
    machine = DOCKER_MACHINE.machine(answers(inspect=Answer(0, json.dumps(document), "")), "dev")
    assert (machine.driver, machine.cpus, machine.memory_mib, machine.disk_gib) == ("virtualbox", 2, 2048, 20)


@pytest.mark.parametrize("inspect", [recorded("inspect-nosuch"), NOT_THERE])
def test_no_machine(inspect: Answer) -> None:
    nothing = failed("")
    found = answers(inspect=inspect, status=nothing, url=nothing, version=nothing, env=recorded("inspect-nosuch"))
    assert DOCKER_MACHINE.machine(found, "dev") == Machine("absent")


@pytest.mark.parametrize("status", ["Stopped", "Saved", "Paused"])
def test_a_stopped_machine_is_where_it_was(status: str) -> None:
    off = failed("Host is not running")
    machine = DOCKER_MACHINE.machine(answers(status=Answer(0, f"{status}\n", ""), url=off, version=failed("")), "dev")
    assert (machine.state, machine.url, machine.problem) == ("stopped", "tcp://192.168.56.101:2376", "")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        # Running, says status, whatever its engine does.
        (
            {
                "version": failed("Unable to query docker version: refused"),
                "env": failed("Error checking TLS connection: x"),
            },
            "Error checking TLS connection: x",
        ),
        # A wrong client certificate: env sees nothing.
        (
            {"version": failed("Unable to query docker version: bad certificate"), "env": recorded("env-bash")},
            "Unable to query docker version: bad certificate",
        ),
        # The machine's own copy of it, which `version` never reads.
        ({"client": failed("remote error: tls: bad certificate")}, "remote error: tls: bad certificate"),
        ({"status": Answer(0, "Error\n", ""), "version": failed("")}, "its status is Error"),
        ({"status": failed(""), "url": failed(""), "version": failed("")}, "its status is unknown"),
        ({"status": Answer(0, "Starting\n", "")}, "its status is Starting"),
    ],
)
def test_only_an_engine_that_answers_is_health(changes: dict[str, Answer], problem: str) -> None:
    machine = DOCKER_MACHINE.machine(answers(**changes), "dev")
    assert (machine.state, machine.problem) == ("unhealthy", problem)


def test_a_machine_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Refused, match=r"dev cannot be read: open config.json: permission denied"):
        DOCKER_MACHINE.machine(answers(inspect=failed("open config.json: permission denied")), "dev")


def test_creation_on_an_intel_mac() -> None:
    words = DOCKER_MACHINE.create(Wanted("dev", cpus=2, memory_mib=2048, disk_gib=20), INTEL).words
    assert " ".join(words) == (
        "docker-machine create --driver virtualbox --virtualbox-cpu-count 2 --virtualbox-memory 2048"
        " --virtualbox-disk-size 20480 --virtualbox-hostonly-cidr 192.168.56.1/24 dev"
    )


def test_creation_as_the_text_has_it() -> None:
    assert DOCKER_MACHINE.create(Wanted("dev"), OLD).words == (
        *("docker-machine", "create", "--driver", "virtualbox", "dev"),
    )


def test_creation_with_a_network_of_ones_own() -> None:
    options = ("--virtualbox-hostonly-cidr", "192.168.60.1/24")
    words = DOCKER_MACHINE.create(Wanted("dev", options=options), INTEL).words
    assert words.count("--virtualbox-hostonly-cidr") == 1
    assert words[-3:] == (*options, "dev")


def test_virtualbox_on_apple_silicon_is_refused() -> None:
    with pytest.raises(Refused, match="docker_machine_provider: colima"):
        DOCKER_MACHINE.create(Wanted("dev"), SILICON)
    words = DOCKER_MACHINE.create(
        Wanted("dev", driver="generic", options=("--generic-ip-address", "192.0.2.7")), SILICON
    ).words
    assert words[2:] == ("--driver", "generic", "--generic-ip-address", "192.0.2.7", "dev")


def test_without_virtualbox_nothing_is_begun() -> None:
    with pytest.raises(Refused, match="brew install --cask virtualbox"):
        DOCKER_MACHINE.create(Wanted("dev"), WITHOUT)


@pytest.mark.parametrize(
    ("name", "context"), [("dev", "dev"), ("default", "docker-machine-default"), ("d", "docker-machine-d")]
)
def test_contexts_of_docker_machine(name: str, context: str) -> None:
    assert DOCKER_MACHINE.context(name) == context


@pytest.mark.parametrize("mib", [1500, 2000, 2048, 3000, 5000, 12345])
def test_memory_that_colima_is_told_is_what_it_then_has(mib: int) -> None:
    words = COLIMA.create(Wanted("dev", memory_mib=mib), SILICON).words
    assert int(float(words[words.index("--memory") + 1]) * 1024) == mib


def test_sizes_of_another_driver_are_refused() -> None:
    with pytest.raises(Refused, match="docker_machine_options"):
        DOCKER_MACHINE.create(Wanted("dev", driver="generic", cpus=2), INTEL)


@pytest.mark.parametrize(
    ("problem", "first"),
    [
        (
            "Error checking TLS connection: dial tcp 192.0.2.7:2376: connect: connection refused",
            "restart Docker in dev",
        ),
        (
            "Error checking TLS connection: Error checking and/or regenerating the certs",
            "make the certificates of dev anew",
        ),
        ("Unable to query docker version: remote error: tls: bad certificate", "make the certificates of dev anew"),
    ],
)
def test_repairs_begin_with_the_likeliest(problem: str, first: str) -> None:
    steps = DOCKER_MACHINE.repairs(Machine("unhealthy", problem=problem), "dev")
    assert steps[0].title == first
    assert {step.title for step in steps} == {
        "make the certificates of dev anew",
        "restart Docker in dev",
        "provision dev again",
    }


def test_no_command_can_wait_for_a_prompt() -> None:
    assert "-y" in DOCKER_MACHINE.remove("dev").words
    repairs = DOCKER_MACHINE.repairs(Machine("unhealthy"), "dev")
    assert "regenerate-certs -f" in "".join(word for each in repairs for word in each.words)
    assert "--force" in " ".join(COLIMA.remove("dev").words)
    assert "--shell" in DOCKER_MACHINE.read("dev")["machine env"]


# --- colima -----------------------------------------------------------------------------------------------------------


def listing(**changes: Any) -> Answer:
    document = {
        "name": "dev",
        "status": "Running",
        "arch": "aarch64",
        "cpus": 2,
        "memory": 2 << 30,
        "disk": 100 << 30,
        "runtime": "docker",
    } | changes
    other = json.dumps({"name": "default", "status": "Stopped", "cpus": 1})
    return Answer(0, f"{other}\n{json.dumps(document)}\n", "")


STATUS = {
    "display_name": "colima [profile=dev]",
    "driver": "macOS Virtualization.Framework",
    "arch": "aarch64",
    "runtime": "docker",
    "mount_type": "virtiofs",
    "docker_socket": "unix:///Users/reader/.colima/dev/docker.sock",
    "kubernetes": False,
    "cpu": 2,
    "memory": 2 << 30,
    "disk": 100 << 30,
}


def colima(listed: Answer, status: Any = STATUS, version: Answer = Answer(0, "28.3.1\n", "")) -> Machine:  # noqa: B008 - frozen
    said = status if isinstance(status, Answer) else Answer(0, json.dumps(status), "")
    return COLIMA.machine({"machine": listed, "machine status": said, "machine version": version}, "dev")


NOT_RUNNING = failed('time="2026-11-24T06:00:00Z" level=fatal msg="colima [profile=dev] is not running"')


def test_a_running_profile() -> None:
    assert colima(listing()) == Machine(
        "running",
        driver="vz",
        cpus=2,
        memory_mib=2048,
        disk_gib=100,
        url="unix:///Users/reader/.colima/dev/docker.sock",
        address="127.0.0.1",
    )
    assert colima(listing(), STATUS | {"ip_address": "192.168.64.7"}).address == "192.168.64.7"


def test_no_profile() -> None:
    assert colima(Answer(0, "", ""), NOT_RUNNING, failed("")) == Machine("absent")
    assert colima(listing(name="other"), NOT_RUNNING, failed("")) == Machine("absent")
    assert colima(Answer(127, "", "not found"), MISSING, MISSING) == Machine("absent")


@pytest.mark.parametrize(
    ("listed", "status", "version", "state"),
    [
        (listing(status="Stopped"), NOT_RUNNING, failed(""), "stopped"),
        (listing(status="Broken"), NOT_RUNNING, failed(""), "unhealthy"),
        (listing(), STATUS, failed("Cannot connect to the Docker daemon"), "unhealthy"),
    ],
)
def test_states_of_a_profile(listed: Answer, status: Any, version: Answer, state: str) -> None:
    machine = colima(listed, status, version)
    assert machine.state == state
    assert bool(machine.problem) == (state == "unhealthy")


def test_another_runtime_is_refused() -> None:
    with pytest.raises(Refused, match="runs containerd"):
        colima(listing(runtime="containerd"))
    assert colima(listing(runtime="docker+k3s")).state == "running"


def test_colima_that_cannot_list_is_refused() -> None:
    with pytest.raises(Refused, match="lima not found"):
        colima(failed("dependency check failed for VM: lima not found"))


def test_creation_of_a_profile() -> None:
    wanted = Wanted("dev", driver="vz", cpus=2, memory_mib=1536, disk_gib=60, options=("--network-address",))
    assert " ".join(COLIMA.create(wanted, SILICON).words) == (
        "colima start --profile dev --runtime docker --activate=false --cpu 2 --memory 1.5 --disk 60 --vm-type vz --network-address"
    )
    assert " ".join(COLIMA.create(Wanted("dev"), SILICON).words) == (
        "colima start --profile dev --runtime docker --activate=false"
    )


@pytest.mark.parametrize(
    ("differs", "possible"),
    [
        ({"cpus": (2, 4)}, True),
        ({"memory_mib": (4096, 2048)}, True),
        ({"disk_gib": (60, 100)}, True),
        ({"disk_gib": (100, 60)}, False),
        ({"driver": ("vz", "qemu")}, False),
    ],
)
def test_what_a_restart_of_colima_changes(differs: dict[str, tuple[object, object]], possible: bool) -> None:
    assert COLIMA.adjusts(differs) is possible
    assert not DOCKER_MACHINE.adjusts(differs)


@pytest.mark.parametrize(("name", "context"), [("dev", "colima-dev"), ("default", "colima"), ("colima", "colima")])
def test_contexts_of_colima(name: str, context: str) -> None:
    assert COLIMA.context(name) == context


# --- Docker Desktop ---------------------------------------------------------------------------------------------------

SOCKET = Answer(0, "unix:///Users/reader/.docker/run/docker.sock\n", "")


@pytest.mark.parametrize(
    ("app", "version", "status", "state"),
    [
        (failed(""), MISSING, MISSING, "absent"),
        (SOCKET, Answer(0, "28.3.1\n", ""), MISSING, "running"),
        (SOCKET, failed("Cannot connect"), Answer(0, '{"Status":"stopped"}', ""), "stopped"),
        (SOCKET, failed("Cannot connect"), Answer(0, '{"Status":"running"}', ""), "unhealthy"),
        # An older one has no such command.
        (SOCKET, failed("Cannot connect"), failed("docker: 'desktop' is not a docker command."), "stopped"),
    ],
)
def test_states_of_docker_desktop(app: Answer, version: Answer, status: Answer, state: str) -> None:
    found = {"machine": app, "machine version": version, "machine status": status}
    machine = DESKTOP.machine(found, "dev")
    assert machine.state == state
    assert machine.url == ("" if state == "absent" else "unix:///Users/reader/.docker/run/docker.sock")


def test_what_docker_desktop_cannot_do_is_refused() -> None:
    with pytest.raises(Refused, match="chosen in its Settings"):
        DESKTOP.create(Wanted("dev", cpus=4), SILICON)
    with pytest.raises(Refused, match="Troubleshoot"):
        DESKTOP.remove("dev")


# --- the Mac ----------------------------------------------------------------------------------------------------------


def test_the_mac_is_read() -> None:
    tools = "brew /opt/homebrew/bin/brew\ndocker /opt/homebrew/bin/docker\n"
    found = mac_of(
        {"mac": Answer(0, "Darwin\narm64\n14.6.1\n/Users/a reader\n501\n", ""), "tools": Answer(0, tools, "")}
    )
    assert found == Mac(
        "Darwin",
        "arm64",
        (14, 6, 1),
        "/Users/a reader",
        501,
        {"brew": "/opt/homebrew/bin/brew", "docker": "/opt/homebrew/bin/docker"},
    )


@pytest.mark.parametrize(
    ("mac", "machine", "profile", "disabled", "expected"),
    [
        # Who has the machine provides it, whatever else is there.
        (SILICON, True, False, True, "docker-machine"),
        (INTEL, False, True, False, "colima"),
        (INTEL, True, True, False, "docker-machine"),
        # Else what works here.
        (SILICON, False, False, False, "colima"),
        (INTEL, False, False, False, "docker-machine"),
        (INTEL, False, False, True, "colima"),
        (WITHOUT, False, False, False, "colima"),
    ],
)
def test_auto(mac: Mac, machine: bool, profile: bool, disabled: bool, expected: str) -> None:
    absent = answers(inspect=recorded("inspect-nosuch"))
    running = {
        "machine": listing() if profile else Answer(0, "", ""),
        "machine status": Answer(0, json.dumps(STATUS), ""),
        "machine version": Answer(0, "28", ""),
    }
    found = {"docker-machine": answers() if machine else absent, "colima": running}
    assert choose(found, mac, "dev", lambda: disabled).name == expected


def test_a_docker_machine_that_is_installed_is_used_though_disabled() -> None:
    has = Mac(
        "Darwin",
        "x86_64",
        (14,),
        "/Users/reader",
        501,
        {"docker-machine": "/usr/local/bin/docker-machine", "VBoxManage": "/x"},
    )
    nothing = {"docker-machine": answers(inspect=recorded("inspect-nosuch")), "colima": {"machine": Answer(0, "", "")}}
    assert choose(nothing, has, "dev", lambda: True).name == "docker-machine"


@pytest.mark.parametrize(
    ("provider", "tools", "compose", "expected"),
    [
        ("docker-machine", [], False, ("docker-machine", "docker", "docker-compose")),
        ("docker-machine", ["docker-machine"], False, ("docker", "docker-compose")),
        ("colima", ["docker"], True, ("colima",)),
        # Toolbox's or pip's, an old one.
        ("colima", ["colima", "docker", "docker-compose"], False, ("docker-compose",)),
        ("docker-desktop", [], False, ()),
    ],
)
def test_what_is_missing(provider: str, tools: list[str], compose: bool, expected: tuple[str, ...]) -> None:
    mac = Mac("Darwin", "arm64", (15,), "/Users/reader", 501, dict.fromkeys(tools, "/somewhere"))
    assert missing(PROVIDERS[provider], mac, compose) == expected


# --- Homebrew ---------------------------------------------------------------------------------------------------------


def brew(name: str) -> str:
    return (RECORDED / f"brew-4.4.32/{name}.json").read_text()


def changed(text: str, **changes: Any) -> str:
    document = json.loads(text)
    for formula in document["formulae"]:
        formula.update(changes)
    return json.dumps(document)


def test_a_deprecated_formula_is_warned_of() -> None:
    (warning,) = judge_formulae(brew("info-installed"), ["docker-machine", "docker"])
    assert "docker-machine is deprecated since 2026-07-01" in warning
    assert "colima" in warning
    assert judge_formulae(brew("info-installed"), ["docker"]) == []
    assert judge_formulae(brew("info-not-installed"), ["colima"]) == []
    assert judge_formulae(brew("info-cask"), ["docker-desktop"]) == []


def test_a_disabled_formula_is_refused_with_the_way_out() -> None:
    text = changed(brew("info-installed"), disabled=True, disable_date="2027-07-01", disable_reason="unmaintained")
    with pytest.raises(Refused, match=r"disabled docker-machine since 2027-07-01 \(unmaintained\).*provider: colima"):
        judge_formulae(text, ["docker-machine"])
    with pytest.raises(Refused, match=r"disabled docker since 2027-07-01 .*by hand"):
        judge_formulae(text, ["docker"])


def test_whether_docker_machine_can_be_had() -> None:
    text = brew("info-installed")
    assert not is_disabled(Answer(0, text, ""))
    assert is_disabled(Answer(0, changed(text, disabled=True), ""))
    assert is_disabled(failed('Error: No available formula with the name "docker-machine".'))
