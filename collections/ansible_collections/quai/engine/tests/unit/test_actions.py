"""The actions where a real daemon cannot be used: what is refused, what fails, and that nothing is changed then.

The guard in docker's place speaks with the recorded words of real engines. What works is tested on real daemons (molecule).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import release as release_action
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

FIXTURES = Path(__file__).parent / "fixtures"
ENGINES = sorted(path.name for path in FIXTURES.glob("docker-[2-9]*"))
DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
UNREACHABLE = (
    'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on '
    "192.0.2.53:53: no such host\n"
)
DENIED = (
    "Error response from daemon: pull access denied for pyhton, repository does not exist or may require 'docker login': "
    "denied: requested access to the resource is denied\n"
)


def recorded(engine: str, name: str) -> str:
    """Return a recorded text of an engine."""
    return (FIXTURES / engine / name).read_text(encoding="utf-8")


def documents(engine: str, name: str, **changes: Any) -> str:
    """Return a recorded document, changed at its top."""
    (found,) = json.loads(recorded(engine, f"inspect_{name}.out"))
    return json.dumps([found | changes])


def args_of(module: str, tmp_path: Path) -> dict[str, Any]:
    """Return arguments with which the action would work."""
    context = tmp_path / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(
        "ARG BASE_IMAGE=python:3.13-slim\nFROM ${BASE_IMAGE}\nARG QUAI_CA_BUNDLE\n", encoding="utf-8"
    )
    register = str(tmp_path / "register")
    known: dict[str, dict[str, Any]] = {
        "image": {"name": "web", "context": str(context), "base": "python:3.13-slim", "base_runtime": "python3"},
        "data": {
            "name": "myapp_data",
            "image": "myapp_data",
            "directory": str(tmp_path / "data"),
            "register_directory": register,
        },
        "release": {
            "name": "web",
            "image": "web",
            "port": 1,
            "volumes_from": "myapp_data",
            "register_directory": register,
        },
    }
    return known[module]


@pytest.fixture
def engine(guard: Guard) -> Guard:
    """A guard that speaks as a current engine on which nothing is."""
    guard.answer("version *", "28.5.2\n")
    guard.answer("ps -aq *")
    guard.answer("ps --filter *")
    return guard


def nothing_there(guard: Guard) -> None:
    """Whatever else is asked for is not there."""
    guard.answer("container inspect *", "[]\n", "Error response from daemon: No such container: x", 1)
    guard.answer("image inspect *", "[]\n", "Error response from daemon: No such image: x", 1)
    guard.answer("volume inspect *", "[]\n", "Error response from daemon: get x: no such volume", 1)
    guard.answer("images *")


# --- every action, on an engine that will not do ----------------------------------------------------------------------


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("module", ["image", "data", "release"])
@pytest.mark.parametrize("check", [False, True])
def test_an_engine_too_old(act: Run, guard: Guard, tmp_path: Path, module: str, state: str, check: bool) -> None:
    guard.answer("version *", "17.12.1-ce\n")
    nothing_there(guard)
    guard.answer("ps *")
    result = act(module, check, state=state, **args_of(module, tmp_path))
    assert result["failed"]
    assert not result["changed"]
    assert result["msg"].startswith("Docker 17.12.1 is too old: 18.09 is the least.")
    assert guard.changes() == []


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("module", ["image", "data", "release"])
@pytest.mark.parametrize("engine_name", ENGINES)
def test_an_engine_that_is_down(
    act: Run, guard: Guard, tmp_path: Path, module: str, state: str, engine_name: str
) -> None:
    said = recorded(engine_name, "version_no_daemon.err")
    guard.answer("*", "\n", said, 1)
    guard.answer("*", "", "", 1, program="dockerd")
    result = act(module, state=state, **args_of(module, tmp_path))
    assert result["failed"]
    assert result["msg"].startswith(f"Docker does not answer on quay1: {said.strip().splitlines()[-1]}") or (
        said.strip().splitlines()[0] in result["msg"]
    )
    assert "role docker_engine" in result["msg"]
    assert guard.changes() == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("module", ["image", "data", "release"])
def test_check_mode_before_there_is_an_engine(act: Run, guard: Guard, tmp_path: Path, module: str) -> None:
    """On a bare host, check mode predicts what will come about once the engine is installed."""
    guard.answer("*", "\n", DOWN, 1)
    result = act(module, True, **args_of(module, tmp_path))
    assert not result.get("failed"), result
    assert result["changed"]
    assert result["plan"]
    assert guard.changes() == []


# --- image ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"context": None}, "No context is given."),
        ({"context": "/nowhere/at/all"}, "The build context /nowhere/at/all is not a directory."),
        ({"dockerfile": "Dockerfile.web"}, "has no Dockerfile.web."),
        ({"base_source": "debian", "base_runtime": ""}, "cannot be made from Debian packages"),
    ],
)
def test_image_refuses(act: Run, engine: Guard, tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    nothing_there(engine)
    result = act("image", **(args_of("image", tmp_path) | change))
    assert result["failed"]
    assert not result["changed"]
    assert expected in result["msg"]
    assert engine.changes() == []


def no_debian(guard: Guard) -> None:
    """The recipe ends where it looks for the host's Debian mirror."""
    guard.answer("*", program="mmdebstrap")
    guard.answer("*", "", "E: no configuration\n", 1, program="apt-config")


@pytest.mark.parametrize("source", ["auto", "pull"])
def test_a_base_that_a_registry_does_not_have_is_not_made_of_something_else(
    act: Run, engine: Guard, tmp_path: Path, said: list[str], source: str
) -> None:
    nothing_there(engine)
    no_debian(engine)
    engine.answer("pull *", "", DENIED, 1)
    result = act("image", **(args_of("image", tmp_path) | {"base": "pyhton:3.13", "base_source": source}))
    assert result["failed"]
    assert not result["changed"]
    assert result["msg"].startswith(f"The base image pyhton:3.13 could not be pulled: {DENIED.strip()}.")
    assert engine.changes() == ["docker pull -q pyhton:3.13"]
    assert said == ["  quay1: pulling the base image pyhton:3.13"]


@pytest.mark.usefixtures("said")
def test_a_base_that_must_be_pulled_is_not_made_where_no_registry_is_reached(
    act: Run, engine: Guard, tmp_path: Path
) -> None:
    nothing_there(engine)
    no_debian(engine)
    engine.answer("pull *", "", UNREACHABLE, 1)
    result = act("image", **(args_of("image", tmp_path) | {"base_source": "pull"}))
    assert result["failed"]
    assert "could not be pulled: Error response from daemon: Get" in result["msg"]
    assert "myapp_base_source: debian" in result["msg"]
    assert engine.changes() == ["docker pull -q python:3.13-slim"]


def test_where_no_registry_is_reached_the_base_is_made_of_debian_packages(
    act: Run, engine: Guard, tmp_path: Path, said: list[str]
) -> None:
    nothing_there(engine)
    engine.answer("pull *", "", f"Using default tag\n{UNREACHABLE}", 1)
    no_debian(engine)
    result = act("image", **args_of("image", tmp_path))
    assert said[0] == "  quay1: pulling the base image python:3.13-slim"
    assert said[1] == (
        f"  quay1: no registry can be reached ({UNREACHABLE.strip()}): quai/python3:debian-trixie is made from Debian packages"
    )
    assert result["failed"]
    assert result["msg"].startswith("quai/python3:debian-trixie could not be made: ")
    assert engine.changes() == ["docker pull -q python:3.13-slim"]
    if os.geteuid() == 0:  # else the recipe ends before: it needs root
        assert any(call.startswith("apt-config shell ") for call in engine.calls)


def test_debian_can_be_asked_for(act: Run, engine: Guard, tmp_path: Path, said: list[str]) -> None:
    nothing_there(engine)
    no_debian(engine)
    result = act("image", **(args_of("image", tmp_path) | {"base_source": "debian"}))
    assert said[0] == "  quay1: quai/python3:debian-trixie is made from Debian packages"
    assert result["failed"]
    assert engine.changes() == []


def test_an_unknown_recipe_is_refused_by_name(act: Run, engine: Guard, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"base_runtime must be one of: .*python3, python2, got: perl"):
        act("image", **(args_of("image", tmp_path) | {"base_runtime": "perl"}))
    assert engine.calls == []


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize("error", [UNREACHABLE, DENIED])
def test_a_build_that_fails_leaves_everything(
    act: Run, engine: Guard, tmp_path: Path, said: list[str], engine_name: str, error: str
) -> None:
    """The base is on the host and cannot be refreshed: it goes on with that one, is built, and the build fails."""
    base = recorded(engine_name, "inspect_image_base.out")
    engine.answer("image inspect python:3.13-slim", base)
    engine.answer("pull *", "", error, 1)
    output = "".join(f"Step {number}/50\n" for number in range(1, 51))
    engine.answer("build *", output, "The command '/bin/sh -c false' returned a non-zero code: 1", 1)
    nothing_there(engine)
    given = tmp_path / "given"
    docker = engine.bin / "docker"
    shown = f"""[ "$1" != build ] || printf '%s\\n' "$A" "$BASE_IMAGE" "$INDEX" "$QUAI_CA_BUNDLE" > {given}\n"""
    docker.write_text(docker.read_text(encoding="utf-8").replace("case ", f"{shown}case ", 1), encoding="utf-8")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("a certificate", encoding="utf-8")
    arguments = args_of("image", tmp_path) | {
        "base_source": "pull",
        "base_refresh": True,
        "build_args": {"A": 1},
        "transient_args": {"INDEX": "https://it's/$(id)"},
        "ca_bundle": str(bundle),
    }
    result = act("image", **arguments)
    assert f"python:3.13-slim could not be pulled again ({error.strip()}); going on with the one on the host" in said[1]
    assert result["failed"]
    assert result["msg"].startswith("quay1: the image web:")
    assert "could not be built; nothing that runs was touched. The last lines:\nStep 21/50\n" in result["msg"]
    assert result["msg"].endswith("returned a non-zero code: 1")
    (pull, build) = engine.changes()
    assert pull == "docker pull -q python:3.13-slim"
    for part in [
        "-f Dockerfile",
        "--label quai.image=web",
        "--label quai.base=python:3.13-slim",
        f"--label quai.base.id={json.loads(base)[0]['Id']}",
        "--build-arg A ",
        "--build-arg BASE_IMAGE ",
        "--build-arg INDEX ",
        "--build-arg QUAI_CA_BUNDLE ",
    ]:
        assert part in build, part
    assert "it's" not in build, "whoever lists the processes reads it"
    assert given.read_text(encoding="utf-8").splitlines() == [
        "1",
        "python:3.13-slim",
        "https://it's/$(id)",
        ".quai/ca-certificates.crt",
    ]
    assert not list((tmp_path / "remote").rglob("context.tar")), "the archive stays on the host"


def test_secrets_of_the_build_do_not_name_the_image(act: Run, engine: Guard, tmp_path: Path) -> None:
    engine.answer("image inspect python:3.13-slim", recorded(ENGINES[0], "inspect_image_base.out"))
    nothing_there(engine)

    def tag(**change: Any) -> str:
        return str(act("image", True, **(args_of("image", tmp_path) | change))["image"])

    assert (
        tag() == tag(transient_args={"INDEX": "https://other"}) == tag(ca_bundle="/etc/ssl/certs/ca-certificates.crt")
    )
    assert tag() != tag(build_args={"A": "1"})


def test_the_image_is_a_fact_under_its_name(act: Run, engine: Guard, tmp_path: Path) -> None:
    engine.answer("image inspect python:3.13-slim", recorded(ENGINES[0], "inspect_image_base.out"))
    nothing_there(engine)
    for name, fact in {"web": "quai_image_web", "my-app/web.x": "quai_image_my_app_web_x"}.items():
        result = act("image", True, **(args_of("image", tmp_path) | {"name": name}))
        assert result["ansible_facts"] == {fact: result["image"]}
        assert result["image"].startswith(f"{name}:")


def test_images_in_use_are_not_removed(act: Run, guard: Guard) -> None:
    guard.answer("version *", "28.5.2\n")
    guard.answer("images *", "sha256:1\n")
    guard.answer("inspect sha256:1", recorded("docker-28.5.2", "inspect_image_web.out"))
    guard.answer("ps *", "web\n")
    guard.answer("inspect web", recorded("docker-28.5.2", "inspect_web.out"))
    result = act("image", name="web", state="absent")
    assert result["failed"]
    assert "Images of web are in use by: web (" in result["msg"]
    assert guard.changes() == []


def test_a_revision_is_git_s_or_unknown(tmp_path: Path) -> None:
    assert contexts.revision(tmp_path) == "unknown"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.test", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    assert contexts.revision(tmp_path) == "v1"


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("source", ["auto", "debian"])
@pytest.mark.parametrize("apt", [True, False])
def test_an_engine_elsewhere_gets_no_base_of_this_host_s_packages(
    act: Run, engine: Guard, tmp_path: Path, source: str, apt: bool
) -> None:
    """Nor does a host that has no packages of Debian: there, auto means pull."""
    nothing_there(engine)
    engine.answer("pull *", "", UNREACHABLE, 1)
    environment = ELSEWHERE if apt else {"PATH": without_apt(tmp_path, engine)}
    result = act("image", environment=environment, **(args_of("image", tmp_path) | {"base_source": source}))
    assert result["failed"]
    if source == "debian":
        assert "The base image python:3.13-slim cannot be made from Debian packages here." in result["msg"]
        assert "myapp_base_source" in result["msg"]
        assert engine.changes() == []
    else:
        assert "The base image python:3.13-slim could not be pulled" in result["msg"]
        assert engine.changes() == ["docker pull -q python:3.13-slim"]


def without_apt(tmp_path: Path, guard: Guard) -> str:
    """Return a PATH on which there is what a host has, but no apt-get."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "rm", "mkdir"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return f"{guard.bin}:{tools}"


# --- data -------------------------------------------------------------------------------------------------------------


def test_data_knows_what_it_is_given(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    result = act("data", **(args_of("data", tmp_path) | {"image": ""}))
    assert result["failed"]
    assert "No image is given" in result["msg"]


@pytest.mark.parametrize("directory", ["data", "../data"])
def test_data_refuses_a_relative_directory(act: Run, engine: Guard, tmp_path: Path, directory: str) -> None:
    nothing_there(engine)
    result = act("data", **(args_of("data", tmp_path) | {"directory": directory}))
    assert result["failed"]
    assert "is no absolute path" in result["msg"]
    assert engine.changes() == []


def _file(path: Path) -> None:
    path.write_text("somebody's", encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (_file, "is a regular file"),
        (lambda path: path.symlink_to("/tmp"), "is a symbolic link"),
        (os.mkfifo, "is a fifo"),
    ],
    ids=["file", "link", "fifo"],
)
def test_data_refuses_what_is_no_directory(
    act: Run, engine: Guard, tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    nothing_there(engine)
    make(tmp_path / "data")
    result = act("data", **args_of("data", tmp_path))
    assert result["failed"]
    assert kind in result["msg"]
    assert engine.changes() == []


def test_data_refuses_a_full_disk(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    result = act("data", **(args_of("data", tmp_path) | {"free_mib": 1 << 40}))
    assert result["failed"]
    assert "MiB free" in result["msg"]
    assert not (tmp_path / "data").exists()


def test_data_refuses_to_go_on_without_knowing_who_uses_it(act: Run, guard: Guard, tmp_path: Path) -> None:
    """A consumer's old data would be overlooked."""
    guard.answer("version *", "28.5.2\n")
    guard.answer("ps *", "", "Error response from daemon: context deadline exceeded\n", 1)
    nothing_there(guard)
    for state in ("present", "absent"):
        result = act("data", state=state, **args_of("data", tmp_path))
        assert result["failed"], result
        assert "context deadline exceeded" in result["msg"]
    assert guard.changes() == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("engine_name", ENGINES)
def test_data_of_a_host_built_by_hand_is_refused(act: Run, guard: Guard, tmp_path: Path, engine_name: str) -> None:
    guard.answer("version *", f"{engine_name.removeprefix('docker-')}\n")
    guard.answer("ps *", "one\ntwo\n")
    both = [
        *json.loads(documents(engine_name, "hand_data", Name="/myapp_data")),
        *json.loads(documents(engine_name, "hand_web", Name="/web")),
    ]
    both[1]["HostConfig"]["VolumesFrom"] = ["myapp_data"]
    guard.answer("inspect one two", json.dumps(both))
    nothing_there(guard)
    result = act("data", **args_of("data", tmp_path))
    assert result["failed"]
    assert "The container myapp_data holds /data in an anonymous volume: /var/lib/docker/volumes/" in result["msg"]
    # Its container is gone, and only the application, asked for by name, still knows where the data is.
    guard.answer("inspect two", json.dumps(both[1:]))
    assert guard.changes() == []


@pytest.mark.parametrize("engine_name", ENGINES)
@pytest.mark.parametrize(("consumers", "found"), [(["web"], True), ([], True), (["other"], True)])
def test_data_that_only_a_consumer_holds_is_found(
    act: Run, guard: Guard, tmp_path: Path, engine_name: str, consumers: list[str], found: bool
) -> None:
    guard.answer("version *", f"{engine_name.removeprefix('docker-')}\n")
    guard.answer("ps *", "two\n")
    (web,) = json.loads(documents(engine_name, "hand_web", Name="/web"))
    web["HostConfig"]["VolumesFrom"] = ["myapp_data:rw"]
    guard.answer("inspect two", json.dumps([web]))
    nothing_there(guard)
    result = act("data", consumers=consumers, **args_of("data", tmp_path))
    assert bool(result.get("failed")) is found
    assert "data it once held is still mounted: web (running) mounts" in result["msg"]
    assert guard.changes() == []


def test_data_is_purged_by_its_name_only(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".quai-volume").write_text("t\n", encoding="utf-8")
    arguments = args_of("data", tmp_path) | {"state": "absent"}
    assert act("data", **arguments) == {"changed": False, "plan": []}
    refused = act("data", **arguments, purge="yes")
    assert refused["failed"]
    assert "Asked to destroy the data of 'yes'" in refused["msg"]
    foreign = act("data", **arguments, purge="myapp_data")
    assert foreign["failed"]
    assert "holds 1 entries and the token t, and this host remembers none for myapp_data." in foreign["msg"]
    (tmp_path / "register").mkdir()
    (tmp_path / "register" / "myapp_data").write_text("t\n", encoding="utf-8")
    predicted = act("data", True, **arguments, purge="myapp_data")
    assert predicted["changed"]
    assert (tmp_path / "data" / ".quai-volume").exists()
    done = act("data", **arguments, purge="myapp_data")
    assert (
        done["plan"]
        == predicted["plan"]
        == [
            f"destroy the data in {tmp_path}/data",
            f"forget the volume's token in {tmp_path}/register/myapp_data",
        ]
    )
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "register" / "myapp_data").exists()
    assert act("data", **arguments, purge="myapp_data") == {"changed": False, "plan": []}


@pytest.mark.usefixtures("said")
def test_a_volume_that_cannot_be_created_is_taken_back(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    engine.answer("volume create *", "myapp_data\n")
    engine.answer("create *", "", "Error: No such image: myapp_data", 1)
    engine.answer("volume rm *", "myapp_data\n")
    result = act("data", **(args_of("data", tmp_path) | {"uid": os.getuid(), "gid": os.getgid()}))
    assert result["failed"]
    assert result["msg"].startswith(
        "quay1: could not create the volume container myapp_data (exit code 1): Error: No such"
    )
    assert [call.split(" ")[:3] for call in engine.changes()] == [
        ["docker", "volume", "create"],
        ["docker", "create", "--name"],
        ["docker", "volume", "rm"],
    ]
    assert not (tmp_path / "register").exists()


# --- data that the engine keeps itself, elsewhere ---------------------------------------------------------------------

ELSEWHERE = {"DOCKER_HOST": "tcp://192.0.2.7:2376"}
HELD = "5a7f1c52-5d6c-4b0a-9a3d-0c8d3f6c2e11"
NO_TOKEN = {  # as engines 20.10 and 26 say it
    "docker-20.10.24": "Error: No such container:path: myapp_data:/data/.quai-volume\n",
    "docker-26.1.5": "Error response from daemon: Could not find the file /data/.quai-volume in container myapp_data\n",
}


def archive(path: Path, name: str, text: str = "", **about: int) -> Path:
    """Return a file with what `docker cp NAME:PATH -` prints: a directory with more in it than is read, or a file."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as made:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size = (tarfile.REGTYPE, len(text)) if text else (tarfile.DIRTYPE, 0)
        for key, value in about.items():
            setattr(entry, key, value)
        made.addfile(entry, io.BytesIO(text.encode()))
        if not text:
            more = tarfile.TarInfo("data/access.log")
            more.size = 1 << 20
            made.addfile(more, io.BytesIO(b"7" * more.size))
    return path


@pytest.fixture
def keeper(guard: Guard, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Let the guard speak as an engine elsewhere with a plain volume; returns the arguments of the action."""

    def made(
        container: str = "present", token: str = HELD, no_token: str = NO_TOKEN["docker-26.1.5"]
    ) -> dict[str, Any]:
        guard.answer("volume inspect *", json.dumps([{"Name": "myapp_data", "Driver": "local", "Mountpoint": "/x"}]))
        if container == "present":
            mounts = [{"Type": "volume", "Name": "myapp_data", "Source": "/x", "Destination": "/data"}]
            guard.answer("ps -aq *", "one\n")
            guard.answer("inspect one", documents("docker-28.5.2", "myapp_data", Mounts=mounts))
        guard.answer("ps -aq *")
        directory = archive(tmp_path / "directory.tar", "data/", mode=0o40750, uid=1000, gid=1000)
        guard.answer("cp *:/data -", directory)
        if token:
            guard.answer("cp *:/data/.quai-volume -", archive(tmp_path / "token.tar", ".quai-volume", f"{token}\n"))
        guard.answer("cp *", "", no_token, 1)
        guard.answer("import -", "sha256:empty\n")
        guard.answer("create --name myapp_data-helper-*", "helper\n")
        guard.answer("rm helper")
        guard.answer("rmi sha256:empty")
        (tmp_path / "register").mkdir()
        (tmp_path / "register" / "myapp_data").write_text(f"{HELD}\n", encoding="utf-8")
        return args_of("data", tmp_path) | {"directory": "", "environment": ELSEWHERE}

    return made


def test_kept_data_that_is_all_right_costs_five_questions(act: Run, guard: Guard, keeper: Callable[..., Any]) -> None:
    assert act("data", **keeper()) == {"changed": False, "plan": [], "token": HELD}
    assert [call.split()[1] for call in guard.calls] == ["volume", "ps", "inspect", "cp", "cp"]
    assert set(Path(f"{guard.log}.host").read_text(encoding="utf-8").split()) == {ELSEWHERE["DOCKER_HOST"]}


def test_kept_data_comes_into_being(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    engine.answer("cp *", "", "Error response from daemon: No such container: myapp_data\n", 1)
    result = act("data", True, environment=ELSEWHERE, **(args_of("data", tmp_path) | {"directory": ""}))
    assert result["plan"][:2] == ["create the volume myapp_data", "create the volume container myapp_data"]
    assert engine.changes() == []


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_container_made_by_hand_is_no_keeper(act: Run, guard: Guard, tmp_path: Path, engine_name: str) -> None:
    """It is the plan that refuses it, with how to bring its data in, not the look into it."""
    guard.answer("volume inspect *", json.dumps([{"Name": "myapp_data", "Driver": "local", "Mountpoint": "/x"}]))
    guard.answer("ps -aq *", "one\n")
    guard.answer("inspect one", documents(engine_name, "hand_data", Name="/myapp_data"))
    result = act("data", environment=ELSEWHERE, **(args_of("data", tmp_path) | {"directory": ""}))
    assert result["failed"]
    assert "The container myapp_data holds /data in an anonymous volume" in result["msg"]
    assert "docker run --rm --user 0 --volumes-from myapp_data -v myapp_data:/quai" in result["msg"]
    assert guard.changes() == []


@pytest.mark.parametrize("no_token", NO_TOKEN.values(), ids=NO_TOKEN)
def test_kept_data_without_the_token_that_is_remembered(
    act: Run, guard: Guard, keeper: Callable[..., Any], no_token: str
) -> None:
    result = act("data", **keeper(token="", no_token=no_token))
    assert result["failed"]
    assert "The volume myapp_data holds no token, but this host remembers" in result["msg"]
    assert guard.changes() == []


@pytest.mark.parametrize("check", [False, True])
def test_a_volume_without_its_container_is_looked_into(
    act: Run, guard: Guard, keeper: Callable[..., Any], check: bool
) -> None:
    """By way of an empty image, which with its container is gone again."""
    another = HELD.replace("5", "6")
    result = act("data", check, **keeper(container="absent", token=another))
    assert result["failed"]
    assert f"another volume's token ({another})" in result["msg"]
    (made,) = [call for call in guard.changes() if call.startswith("docker create")]
    assert "--label quai.helper=myapp_data --network none -v myapp_data:/data:ro sha256:empty true" in made
    assert [call.split()[1] for call in guard.changes()] == ["import", "create", "rm", "rmi"]
    assert "docker cp helper:/data -" in guard.calls


def test_kept_data_is_purged_by_its_name(act: Run, guard: Guard, keeper: Callable[..., Any], tmp_path: Path) -> None:
    arguments = keeper(container="absent")
    guard.answer("volume rm myapp_data", "myapp_data\n")
    result = act("data", state="absent", purge="myapp_data", **arguments)
    assert result["plan"] == [
        "remove the volume myapp_data",
        f"forget the volume's token in {tmp_path}/register/myapp_data",
    ]
    assert not (tmp_path / "register" / "myapp_data").exists()


@pytest.mark.parametrize("printed", ["", "0040750 0001750", "garbage"])
def test_kept_data_that_cannot_be_looked_into_is_left_alone(
    act: Run, guard: Guard, keeper: Callable[..., Any], printed: str
) -> None:
    guard.answer("cp *:/data -", " " * 100 + printed, "unexpected EOF\n")
    result = act("data", **keeper())
    assert result["failed"]
    assert "The volume myapp_data could not be looked into: unexpected EOF" in result["msg"]
    assert guard.changes() == []


def test_a_token_that_cannot_be_read_is_not_taken_for_none(act: Run, keeper: Callable[..., Any]) -> None:
    said = "Error response from daemon: context canceled\n"
    result = act("data", **keeper(token="", no_token=said))
    assert result["failed"]
    assert "could not be looked into: Error response from daemon: context canceled" in result["msg"]


def test_check_mode_while_the_machine_is_off_does_not_call_its_data_lost(
    act: Run, guard: Guard, tmp_path: Path
) -> None:
    guard.answer("*", "", "Cannot connect to the Docker daemon at tcp://192.0.2.7:2376.\n", 1)
    (tmp_path / "register").mkdir()
    (tmp_path / "register" / "myapp_data").write_text(f"{HELD}\n", encoding="utf-8")
    result = act("data", True, environment=ELSEWHERE, **(args_of("data", tmp_path) | {"directory": ""}))
    assert result["plan"][0] == "create the volume myapp_data"


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_directory_of_this_host_is_none_of_an_engine_elsewhere(
    act: Run, engine: Guard, tmp_path: Path, state: str
) -> None:
    nothing_there(engine)
    result = act("data", state=state, environment=ELSEWHERE, **args_of("data", tmp_path))
    assert result["failed"]
    assert "The engine is on another machine" in result["msg"]
    assert "Leave app_data_directory empty" in result["msg"]
    assert engine.changes() == []


# --- release ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shipyard(guard: Guard) -> Guard:
    """A guard that speaks as an engine with the image and the data, and without the application."""
    guard.answer("version *", "28.5.2\n")
    there = recorded("docker-28.5.2", "inspect_myapp_data.out")
    guard.answer("container inspect web web-*", there, "Error response from daemon: No such container: web", 1)
    guard.answer("image inspect web", recorded("docker-28.5.2", "inspect_image_web.out"))
    guard.answer("ps --filter *")
    return guard


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image": "nosuch"}, "There is no image 'nosuch' on the host."),
        ({"volumes_from": "nosuch"}, "There is no container 'nosuch' on the host."),
        ({"port": 0}, "port 0 is out of range."),
        ({"port": 65536}, "port 65536 is out of range."),
        ({"container_port": -1}, "container_port -1 is out of range."),
        ({"address": "localhost"}, "'localhost' is no IP address."),
        ({"address": "10.0.0"}, "'10.0.0' is no IP address."),
        ({"memory": "lots"}, "'lots' is no size."),
    ],
)
def test_release_refuses(act: Run, shipyard: Guard, tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    nothing_there(shipyard)
    result = act("release", **(args_of("release", tmp_path) | change))
    assert result["failed"]
    assert not result["changed"]
    assert expected in result["msg"]
    assert shipyard.changes() == []


@pytest.mark.parametrize(("held", "asked"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("::1", "::1")])
@pytest.mark.parametrize("check", [False, True])
def test_release_refuses_a_port_that_is_taken(
    act: Run, shipyard: Guard, tmp_path: Path, held: str, asked: str, check: bool
) -> None:
    family = socket.AF_INET6 if ":" in held else socket.AF_INET
    with socket.socket(family) as opened:
        opened.bind((held, 0))
        opened.listen()
        port = opened.getsockname()[1]
        result = act("release", check, **(args_of("release", tmp_path) | {"port": port, "address": asked}))
    assert result["failed"]
    assert f"Port {port} of quay1 is already taken by " in result["msg"]
    assert f"(pid {os.getpid()})" in result["msg"]
    assert shipyard.changes() == []


@pytest.mark.usefixtures("shipyard")
def test_release_leaves_the_ports_of_an_engine_elsewhere_to_it(act: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        result = act("release", True, environment=ELSEWHERE, **(args_of("release", tmp_path) | {"port": port}))
    assert not result.get("failed"), result


def test_release_names_the_container_that_holds_the_port(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("ps --filter publish=* --format container {{.Names}}", "container blog\n")
    guard.answer("version *", "28.5.2\n")
    guard.answer("container inspect web web-*", recorded("docker-28.5.2", "inspect_myapp_data.out"))
    guard.answer("image inspect web", recorded("docker-28.5.2", "inspect_image_web.out"))
    nothing_there(guard)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        result = act("release", **(args_of("release", tmp_path) | {"port": port}))
    assert f"Port {port} of quay1 is already taken by container blog, on 127.0.0.1." in result["msg"]


@pytest.fixture
def served(guard: Guard) -> Callable[..., None]:
    """Let the guard speak as an engine with image, data, and a container web that publishes these addresses on a port."""

    def made(port: int, *addresses: str, running: bool = True, labels: dict[str, str] | None = None) -> None:
        (web,) = json.loads(recorded("docker-28.5.2", "inspect_web.out"))
        bindings = [{"HostIp": address, "HostPort": str(port)} for address in addresses]
        web["HostConfig"]["PortBindings"] = {"5000/tcp": bindings}
        web["State"]["Running"] = running
        if labels is not None:
            web["Config"]["Labels"] = labels
            web["HostConfig"]["VolumesFrom"] = None
        guard.answer("version *", "28.5.2\n")
        guard.answer("ps --filter *")
        guard.answer("container inspect web *", json.dumps([web]))
        guard.answer("container inspect myapp_data", recorded("docker-28.5.2", "inspect_myapp_data.out"))
        guard.answer("image inspect web", recorded("docker-28.5.2", "inspect_image_web.out"))

    return made


@pytest.mark.parametrize(
    ("addresses", "running", "passes"),
    [
        (["127.0.0.1"], True, True),
        (["127.0.0.2", "127.0.0.1"], True, True),
        (["127.0.0.2"], True, False),
        ([], True, False),
        (["127.0.0.1"], False, False),
    ],
)
def test_release_forgives_its_own_addresses_only(
    act: Run, served: Callable[..., None], tmp_path: Path, addresses: list[str], running: bool, passes: bool
) -> None:
    """What listens on another address than ours, or while ours is stopped, is somebody else."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        served(port, *addresses, running=running)
        result = act("release", True, **(args_of("release", tmp_path) | {"port": port}))
    assert bool(result.get("failed")) is not passes, result
    if not passes:
        assert f"Port {port} of quay1 is already taken by " in result["msg"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_release_leaves_somebody_else_s_container_alone(
    act: Run, guard: Guard, served: Callable[..., None], tmp_path: Path, state: str
) -> None:
    served(1, "127.0.0.1", labels={"org.opencontainers.image.title": "web"})
    result = act("release", state=state, **args_of("release", tmp_path))
    assert result["failed"]
    assert "There is a container web, of the image web, that Quai did not make." in result["msg"]
    assert guard.changes() == []


@pytest.mark.parametrize(
    ("volumes", "change", "lost"),
    [
        (["/data"], {}, ""),
        (["/data/"], {}, ""),
        (["/data"], {"data_path": "/data/"}, ""),
        (["/var/lib/x", "/data", "/srv"], {}, "/srv, /var/lib/x"),
        (["/data/logs"], {}, "/data/logs"),
        (["/data"], {"volumes_from": ""}, "/data"),
    ],
)
def test_release_refuses_an_image_that_keeps_data_where_nothing_keeps_it(
    act: Run, guard: Guard, shipyard: Guard, tmp_path: Path, volumes: list[str], change: dict[str, Any], lost: str
) -> None:
    (image,) = json.loads(recorded("docker-28.5.2", "inspect_image_web.out"))
    image["Config"]["Volumes"] = {path: {} for path in volumes}
    guard.answer("image inspect declares", json.dumps([image]))
    guard.answer("container inspect web", "[]\n", "Error response from daemon: No such container: web", 1)
    guard.answer("create *", "", "no further", 1)
    result = act("release", **(args_of("release", tmp_path) | {"image": "declares"} | change))
    assert result["failed"]
    if lost:
        assert f"The image declares declares the volume {lost}." in result["msg"]
        assert shipyard.changes() == []
    else:
        assert "no further" in result["msg"]


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_release_that_cannot_start_is_removed_with_its_evidence(
    act: Run, shipyard: Guard, tmp_path: Path, engine_name: str
) -> None:
    """The engine's own words, where the port is taken by what no table of sockets shows."""
    taken = recorded(engine_name, "run_port_taken.err")
    shipyard.answer("inspect web", documents(engine_name, "web_broken", Name="/web"))
    shipyard.answer("create *", "id\n")
    shipyard.answer("start web", "", taken, 1)
    shipyard.answer(
        "logs *", recorded(engine_name, "logs_web_broken.out"), recorded(engine_name, "logs_web_broken.err")
    )
    shipyard.answer("run --rm *", "the last line of the log\n")
    shipyard.answer("rm -f web", "web\n")
    result = act("release", log_file="/data/myapp.log", **args_of("release", tmp_path))
    assert result["failed"]
    text = result["msg"]
    assert text.startswith("quay1: could not start web on 0.0.0.0:1 (exit code 1): ")
    assert "port is already allocated" in text
    assert "of web is removed again." in text
    assert "the one before serves on" not in text
    assert "web: exit code 3, out of memory: no, running: False." in text
    assert "Its last output:\n  cannot start" in text
    assert "The end of /data/myapp.log:\n  the last line of the log" in text
    verbs = [call.split(" ")[1] for call in shipyard.changes()]
    assert verbs == ["create", "start", "run", "rm"]
    (look,) = [call for call in shipyard.changes() if call.startswith("docker run ")]
    assert "--net none --volumes-from web --entrypoint sh " in look
    assert look.endswith(' -c [ -f "$1" ] && exec tail -n 15 "$1" sh /data/myapp.log')
    assert shipyard.calls[-1] == "docker rm -f web"


@pytest.mark.parametrize(
    ("sleeps", "program", "rc", "output"), [("60", "echo said; exit 7", 7, "said\n"), ("0", "exec sleep 60", 137, "")]
)
def test_a_look_that_hangs_is_given_up(sleeps: str, program: str, rc: int, output: str) -> None:
    """The watch's sleep ends at once, or not before the look itself, which must not wait for it."""
    script = release_action._FOR_20_SECONDS.replace("sleep 20", f"sleep {sleeps}")
    began = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", "sh", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (rc, output)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_name_taken_meanwhile_is_left_alone(act: Run, shipyard: Guard, tmp_path: Path, engine_name: str) -> None:
    """Two runs at once: the second one must not remove the first one's container."""
    shipyard.answer("create *", "", recorded(engine_name, "run_name_taken.err"), 1)
    shipyard.answer("container inspect web", "garbage")
    shipyard.answer("logs *", "", "No such container", 1)
    result = act("release", **args_of("release", tmp_path))
    assert result["failed"]
    assert 'The container name "/web" is already in use' in result["msg"]
    assert [call.split(" ")[1] for call in shipyard.changes()] == ["create"]


def test_release_predicts_without_image_and_data(act: Run, engine: Guard, tmp_path: Path) -> None:
    nothing_there(engine)
    result = act("release", True, **args_of("release", tmp_path))
    assert result["changed"]
    assert result["plan"][:2] == ["create web of web", "start web on 0.0.0.0:1"]
    assert result["diff"]["before"] == "web: absent\n"
    assert engine.changes() == []


# --- preflight --------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path, guard: Guard) -> dict[str, Any]:
    """Arguments of a preflight in a house of two roles, on a host where all is well and one is root."""
    guard.answer("-u", "0\n", program="id")
    guard.answer("-un", "root\n", program="id")
    for role, options in {
        "app_web": "app_web_name: {type: str}\n      app_web_pids: {type: int}",
        "app_data": "app_data_directory: {type: path}",
    }.items():
        meta = tmp_path / "roles" / role / "meta"
        meta.mkdir(parents=True)
        (meta / "argument_specs.yml").write_text(
            f"argument_specs:\n  main:\n    options:\n      {options}\n", encoding="utf-8"
        )
    (tmp_path / "vocabulary.yml").write_text(
        "vocabulary:\n  myapp_port: {type: int}\n  myapp_runtime: {type: str, choices: [python3, python2]}\n",
        encoding="utf-8",
    )
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "Dockerfile").touch()
    with socket.create_server(("127.0.0.1", 0)) as opened:
        free = opened.getsockname()[1]
    return {
        "roles_directory": str(tmp_path / "roles"),
        "roles": ["app_web", "app_data"],
        "vocabulary": str(tmp_path / "vocabulary.yml"),
        "contexts": [str(tmp_path / "web")],
        "address": "127.0.0.1",
        "port": free,
        "container": "web",
        "directory": str(tmp_path / "data"),
        "free_mib": 1,
    }


def problems(result: dict[str, Any]) -> list[str]:
    """Return the problems that the operator reads."""
    assert result["failed"]
    assert result["msg"] == "Nothing was changed on quay1:\n" + "\n".join(f"- {each}" for each in result["problems"])
    return list(result["problems"])


def test_preflight_lets_pass_what_works(act: Run, engine: Guard, house: dict[str, Any]) -> None:
    variables = {
        "myapp_port": "{{ 40 * 2 }}",
        "myapp_runtime": "python2",
        "app_web_name": "web",
        "webserver_x": 1,
        "ansible_host": "quay1.test",
    }
    assert act("preflight", variables=variables, **house) == {"changed": False}
    assert act("preflight", True, variables=variables, **house) == {"changed": False}
    assert act("preflight", **(house | {"port": str(house["port"])})) == {"changed": False}
    assert engine.changes() == []


def test_preflight_tells_all_problems_at_once(act: Run, engine: Guard, house: dict[str, Any]) -> None:
    variables = {
        "myapp_prot": 80,
        "myapp_runtime": "python4",
        "app_web_naem": "web",
        "app_web_pids": "{{ myapp_prto }}",
        "myapp_port": "eighty",
    }
    changed = {"port": 70000, "address": "localhost", "contexts": ["/nowhere/at/all", house["roles_directory"]]}
    found = problems(act("preflight", variables=variables, **(house | changed)))
    beginnings = [
        "There is no variable app_web_naem; did you mean app_web_name?",
        "There is no variable myapp_prot; did you mean myapp_port?",
        "myapp_port is 'eighty': ",
        "myapp_runtime is 'python4': value of myapp_runtime must be one of: python3, python2, got: python4",
        "app_web_pids cannot be worked out: ",
        "The build context /nowhere/at/all is not a directory.",
        f"The build context {house['roles_directory']} has no Dockerfile.",
        "Port 70000 is out of range: TCP has the ports 1 to 65535.",
        "'localhost' is no IP address.",
    ]
    assert len(found) == len(beginnings)
    for sentence, beginning in zip(found, beginnings, strict=True):
        assert sentence.startswith(beginning)
    assert "myapp_prto" in found[4]
    assert engine.calls == [], "the host is not asked with values that make no sense"


def test_preflight_refuses_a_number_below_the_least(act: Run, engine: Guard, house: dict[str, Any]) -> None:
    variables = {"app_web_pids": "{{ 0 - 1 }}"}
    assert problems(act("preflight", variables=variables, **house)) == ["app_web_pids is -1: set it to 0 or more."]
    assert engine.calls == []


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("port", [0, -1, 65536, "eighty", "80.5", "", "-1", " 80"])
def test_preflight_refuses_ports_that_are_none(act: Run, house: dict[str, Any], port: object) -> None:
    (sentence,) = problems(act("preflight", **(house | {"port": port})))
    assert f"Port {port} is out of range" in sentence


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("asked", ["127.0.0.1", "0.0.0.0", "::"])
def test_preflight_names_who_holds_the_port(act: Run, house: dict[str, Any], asked: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        (sentence,) = problems(act("preflight", **(house | {"port": port, "address": asked})))
        assert f"Port {port} is already taken by " in sentence
        assert f"(pid {os.getpid()}), on 127.0.0.1." in sentence
        assert act("preflight", **(house | {"port": port, "address": "127.9.9.9"})) == {"changed": False}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("asked", ["0:0:0:0:0:0:0:1", "::0001", "::1"])
def test_preflight_knows_an_address_however_it_is_written(act: Run, house: dict[str, Any], asked: str) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as opened:
        port = opened.getsockname()[1]
        (sentence,) = problems(act("preflight", **(house | {"port": port, "address": asked})))
    assert f"Port {port} is already taken" in sentence


@pytest.mark.parametrize(
    ("published", "who"),
    [
        ("web 127.0.0.1:{}->5000/tcp\n", ""),
        ("blog 127.9.9.9:{0}->80/tcp\nweb 127.0.0.1:{0}->5000/tcp\n", ""),
        ("blog 127.0.0.1:{}->80/tcp\n", "container blog, on 127.0.0.1."),
        ("web2 127.0.0.1:{}->80/tcp\n", "container web2, on 127.0.0.1."),
        ("web 127.9.9.9:{}->5000/tcp\n", "{}, on 127.0.0.1."),
        ("web 127.0.0.1:1->5000/tcp\n", "{}, on 127.0.0.1."),
    ],
)
def test_preflight_knows_its_own_container(
    act: Run, guard: Guard, house: dict[str, Any], published: str, who: str
) -> None:
    """Of what listens, only the addresses are its own that it publishes."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        guard.answer("ps --filter *", published.format(port))
        result = act("preflight", **(house | {"port": port}))
    if not who:
        assert result == {"changed": False}
        return
    myself = f"{Path('/proc/self/comm').read_text(encoding='utf-8').strip()} (pid {os.getpid()})"
    assert f"Port {port} is already taken by {who.format(myself)}" in problems(result)[0]


@pytest.mark.parametrize(
    ("where", "passes"),
    [("127.0.0.1", False), ("0.0.0.0", False), (":::", False), ("[::]", False), ("127.9.9.9", True), ("[::1]", True)],
)
def test_preflight_refuses_a_port_that_a_container_publishes_without_listening(
    act: Run, guard: Guard, house: dict[str, Any], where: str, passes: bool
) -> None:
    """An engine without its userland proxy; on another address than ours it is in nobody's way."""
    colon = "" if where == ":::" else ":"
    guard.answer("ps --filter *", f"blog {where}{colon}{house['port']}->80/tcp\n")
    result = act("preflight", **house)
    if passes:
        assert result == {"changed": False}
    else:
        assert f"Port {house['port']} is already taken by container blog, on " in problems(result)[0]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("port", [0, 65536, "five", ""])
def test_preflight_refuses_container_ports_that_are_none(act: Run, house: dict[str, Any], port: object) -> None:
    (sentence,) = problems(act("preflight", **(house | {"container_port": port})))
    assert sentence.startswith(f"Container port {port} is out of range")
    assert "app_web_container_port" in sentence


@pytest.mark.usefixtures("engine")
def test_preflight_refuses_memory_that_is_no_size(act: Run, house: dict[str, Any]) -> None:
    (sentence,) = problems(act("preflight", **(house | {"memory": "lots"})))
    assert sentence.startswith("'lots' is no size.")
    assert act("preflight", **(house | {"memory": "0"})) == {"changed": False}


def test_preflight_without_docker_asks_the_kernel(act: Run, guard: Guard, house: dict[str, Any]) -> None:
    guard.answer("*", "", "docker: not found", 127)
    assert act("preflight", **house) == {"changed": False}


def test_preflight_wants_root(act: Run, engine: Guard, house: dict[str, Any]) -> None:
    engine.forget("id")
    engine.answer("-u", "1000\n", program="id")
    engine.answer("-un", "deploy\n", program="id")
    (sentence,) = problems(act("preflight", **house))
    assert sentence.startswith("Quai works as deploy on quay1, not as root.")
    assert "--ask-become-pass" in sentence


@pytest.mark.usefixtures("engine")
def test_preflight_of_a_host_that_is_an_ordinary_user_s(act: Run, engine: Guard, house: dict[str, Any]) -> None:
    """With an engine of his own, elsewhere: neither root nor a directory nor this host's ports are its affair."""
    engine.forget("id")
    engine.answer("-u", "501\n", program="id")
    engine.answer("-un", "me\n", program="id")
    ours = {"root": False, "directory": "", "free_mib": 1 << 40, "environment": ELSEWHERE}
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        assert act("preflight", **(house | ours | {"port": port})) == {"changed": False}
        del ours["environment"]
        (sentence,) = problems(act("preflight", **(house | ours | {"port": port})))
        assert f"Port {port} is already taken" in sentence


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("directory", ["data", "/proc/version/data"])
def test_preflight_refuses_directories_that_cannot_be(act: Run, house: dict[str, Any], directory: str) -> None:
    (sentence,) = problems(act("preflight", **(house | {"directory": directory})))
    assert f"The data directory {directory if directory[0] == '/' else repr(directory)} is" in sentence


@pytest.mark.usefixtures("engine")
def test_preflight_tells_of_port_and_disk_together(act: Run, house: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        found = problems(act("preflight", **(house | {"port": port, "free_mib": 1 << 40})))
    assert len(found) == 2
    assert "MiB free" in found[1]
