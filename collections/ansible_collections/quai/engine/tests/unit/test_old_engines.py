"""The application on engines of before 1.10: Debian 8's Docker 1.6.2, with its recorded documents."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import image_take, run as run_action
from ansible_collections.quai.engine.plugins.module_utils import plan_data, plan_release, ports, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused
from ansible_collections.quai.engine.plugins.module_utils.state import Mount
from ansible_collections.quai.engine.plugins.modules.release import DOCUMENTATION
from ansible_collections.quai.engine.plugins.plugin_utils.base import argument_spec
from ansible_collections.quai.engine.plugins.plugin_utils.images import prune
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run, action
from ansible_collections.quai.engine.tests.unit.samples import (
    CONSUMER,
    DATA,
    DATA_BARE,
    DATA_DONE,
    DIRECTORY,
    HEX,
    RELEASE,
    VFS,
    VOLUME_CONTAINER,
    assert_loses_nothing,
    lines,
    release,
)

FIXTURES = Path(__file__).parent / "fixtures"
FRESH = "00000000-0000-4000-8000-000000000000"
KNOWN: dict[str, list[list[str]]] = json.loads((FIXTURES / "docker-1.6.2/flags.json").read_text(encoding="utf-8"))
HELD = "/var/lib/docker/vfs/dir/f9eb746937f9695a6d1e7d1863edefc410158ce1b909aca0ab7c79120bd1f5c6"
"""Where the recorded containers have their data."""

WANTED = dataclasses.replace(DATA, old=True)
ADOPTED = dataclasses.replace(WANTED, directory=VFS.source, adopted=True)
BOUND = Mount("/data", DIRECTORY)
HOLDER = dataclasses.replace(VOLUME_CONTAINER, mounts=(BOUND,))
BY_HAND = dataclasses.replace(VOLUME_CONTAINER, mounts=(VFS,))
DONE = dataclasses.replace(
    DATA_DONE, volume=None, container=HOLDER, consumers=(dataclasses.replace(CONSUMER, mounts=(BOUND,)),)
)
ADOPTED_DONE = dataclasses.replace(
    DONE,
    container=BY_HAND,
    consumers=(dataclasses.replace(CONSUMER, mounts=(VFS,)),),
    recorded=VFS.source,
)


def recorded(name: str) -> str:
    """Return a recorded text of the engine."""
    return (FIXTURES / "docker-1.6.2" / name).read_text(encoding="utf-8")


def but(actual: plan_data.Actual = DONE, **changes: object) -> plan_data.Actual:
    """Return the host as changed."""
    return dataclasses.replace(actual, **changes)  # type: ignore[arg-type]


def plan(actual: plan_data.Actual, wanted: plan_data.Wanted = WANTED) -> Plan:
    """Return the plan, checked to lose nothing and to ask for nothing the engine lacks."""
    made = plan_data.plan_data(actual, wanted, FRESH)
    assert_loses_nothing(made)
    understood(made)
    return made


def understood(made: Plan) -> None:
    """No command of docker, and no flag of one, that 1.6.2 does not know."""
    for each in made.steps:
        for words in (each.words, each.undo):
            if words[:1] == ("docker",):
                known = {name for group in KNOWN[words[1]] for name in group}
                told = words[2:]
                if words[1] == "exec":  # what follows the container's name is the container's
                    told = ()
                elif RELEASE.image_number in words:
                    told = words[2 : words.index(RELEASE.image_number)]
                assert {word for word in told if word.startswith("-")} <= known, words


# --- the release as it can be had ---------------------------------------------------------------------------------------


def test_current_engines_keep_their_releases() -> None:
    """Another digest would replace what serves on every host."""
    assert RELEASE.digest == "e619bf7e59d2"


def test_the_release_as_an_old_engine_can_have_it() -> None:
    had, without = plan_release.on_old_engine(RELEASE, limits_memory=True)
    words = " ".join(had.create("web", serving=True))
    for part in (
        "--user 1000:1000",
        "--memory 536870912",
        "--read-only",
        "-v /var/lib/quai/tmp/web/tmp:/tmp",
        "--cap-drop ALL",
        "--restart always",
        "--volumes-from myapp_data",
        f" {'2' * 64} gunicorn",
    ):
        assert part in words, part
    for part in ("--health", "--stop-timeout", "--pids", "--tmpfs", "--security-opt", "--log-", "sha256:", "unless"):
        assert part not in words, part
    assert " ".join(without) == (
        "health checks by the engine (a deploy still proves that the release answers) a time to stop in "
        "the limit of 256 processes no-new-privileges /tmp in memory (it is /var/lib/quai/tmp/web/tmp instead) "
        "the restart policy unless-stopped (it is always) the log options max-size (its log grows)"
    )


def test_what_was_not_asked_for_is_not_missed() -> None:
    modest = dataclasses.replace(
        RELEASE, pids=0, tmpfs=(), security=("label:disable",), restart_policy="on-failure:3", log_options={}
    )
    had, without = plan_release.on_old_engine(modest, limits_memory=True)
    assert len(without) == 2
    assert (had.security, had.restart_policy, had.binds) == (("label:disable",), "on-failure:3", ())


def test_a_kernel_that_limits_no_memory() -> None:
    """1.6.2 drops the limit, and its inspect tells none: it must not look like a difference for ever."""
    had, without = plan_release.on_old_engine(RELEASE, limits_memory=False)
    assert had.memory == 0
    assert "the limit of 536870912 bytes of memory (see cgroup_enable=memory)" in without


def test_a_release_on_an_old_engine_is_replaced_once() -> None:
    had, _without = plan_release.on_old_engine(RELEASE, limits_memory=True)
    before = release(dataclasses.replace(had, image_id="sha256:" + "9" * 64), health="")
    made = plan_release.plan_release(plan_release.Actual(current=before), had)
    understood(made)
    assert lines(made)[0] == "install -d -m 1777 /var/lib/quai/tmp/web/tmp"
    assert plan_release.plan_release(plan_release.Actual(current=release(had, health="")), had) == Plan()
    first = plan_release.plan_release(plan_release.Actual(), had)
    understood(first)
    assert lines(first)[0] == "install -d -m 1777 /var/lib/quai/tmp/web/tmp"


def test_an_absent_release_leaves_no_scratch_behind() -> None:
    there = plan_release.Actual(current=release())
    assert lines(plan_release.plan_absent(there, "web", 3, old=True))[-1] == "rm -rf -- /var/lib/quai/tmp/web"
    assert lines(plan_release.plan_absent(there, "web", 3))[-1] == "docker rm web"
    assert plan_release.plan_absent(plan_release.Actual(), "web", 3, old=True) == Plan()


# --- the data's state table ---------------------------------------------------------------------------------------------


def test_a_bare_host() -> None:
    made = plan(DATA_BARE)
    assert lines(made)[1] == (
        f"docker create --name myapp_data --label quai.data=myapp_data --net none -v {DIRECTORY}:/data myapp_data:abc true"
    )
    assert lines(made)[-1].endswith(f"{FRESH} /var/lib/quai/volumes/myapp_data 0444")
    assert "volume" not in made.before


def test_nothing_is_done_twice() -> None:
    assert plan(DONE) == Plan()
    assert plan(ADOPTED_DONE, ADOPTED) == Plan()


def test_a_volume_made_by_hand_is_adopted_where_it_is() -> None:
    wanted = plan_data.on_old_engine(DATA, BY_HAND, "", 0, adopt=True)
    assert wanted == ADOPTED
    made = plan(but(ADOPTED_DONE, recorded="", registered="", token=""), wanted)
    assert [words.split()[-3:] for words in lines(made)] == [
        [VFS.source, "/var/lib/quai/volumes/myapp_data.path", "0444"],
        [FRESH, f"{VFS.source}/.quai-volume", "0444"],
        [FRESH, "/var/lib/quai/volumes/myapp_data", "0444"],
    ]


def test_an_adopted_volume_is_attached_again() -> None:
    wanted = plan_data.on_old_engine(DATA, None, VFS.source, 0, adopt=True)
    assert wanted == ADOPTED
    made = plan(but(ADOPTED_DONE, container=None), wanted)
    assert f"-v {VFS.source}:/data" in lines(made)[0]
    again = dataclasses.replace(HOLDER, mounts=(VFS,))
    assert plan(but(ADOPTED_DONE, container=again), wanted) == Plan()


@pytest.mark.parametrize(
    ("actual", "wanted", "expected"),
    [
        (but(ADOPTED_DONE, token=""), ADOPTED, "holds no token, but this host remembers"),
        (but(ADOPTED_DONE, token="", owner="", mode="", entries=0), ADOPTED, "Mount or restore the data"),
        (but(consumers=ADOPTED_DONE.consumers), WANTED, "hold different data"),
        (but(container=None, consumers=ADOPTED_DONE.consumers), WANTED, "data it once held is still mounted"),
        (
            but(container=BY_HAND, consumers=()),
            WANTED,
            f"in an anonymous volume: {VFS.source}. Quai keeps it in {DIRECTORY};",
        ),
        (but(container=dataclasses.replace(HOLDER, mounts=())), WANTED, "hold different data"),
        (but(token="", registered="", owner="0:0"), WANTED, "belongs to 0:0"),
    ],
)
def test_what_is_refused(actual: plan_data.Actual, wanted: plan_data.Wanted, expected: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_data.plan_data(actual, wanted, FRESH)
    assert expected in str(caught.value)


def test_two_candidates_are_refused() -> None:
    with pytest.raises(Refused, match=f"holds /data in {VFS.source}, and {DIRECTORY} holds 3 entries"):
        plan_data.on_old_engine(DATA, BY_HAND, "", 3, adopt=True)
    assert plan_data.on_old_engine(DATA, HOLDER, "", 3, adopt=True) == WANTED


def test_without_a_directory_there_is_no_name_for_the_data() -> None:
    with pytest.raises(Refused, match="Set app_data_directory"):
        plan_data.on_old_engine(dataclasses.replace(DATA, directory=""), None, "", 0, adopt=True)


def test_absent_keeps_what_it_knows_and_refuses_what_it_does_not() -> None:
    kept = plan_data.plan_absent(but(ADOPTED_DONE, consumers=()), ADOPTED, "")
    assert lines(kept) == ["docker rm myapp_data"]
    unknown = plan_data.on_old_engine(DATA, BY_HAND, "", 0, adopt=False)
    with pytest.raises(Refused, match="in an anonymous volume"):
        plan_data.plan_absent(but(ADOPTED_DONE, consumers=(), recorded=""), unknown, "")


def test_purge_by_name() -> None:
    actual = but(ADOPTED_DONE, consumers=())
    made = plan_data.plan_absent(actual, ADOPTED, "myapp_data")
    assert lines(made) == [
        "docker rm myapp_data",
        f"sh -c {plan_data._DESTROY} sh {VFS.source}",
        "rm -f -- /var/lib/quai/volumes/myapp_data",
        "rm -f -- /var/lib/quai/volumes/myapp_data.path",
    ]
    with pytest.raises(Refused, match="somebody else's"):
        plan_data.plan_absent(but(actual, token=""), ADOPTED, "myapp_data")


def test_where_engines_keep_a_volume_that_nobody_named() -> None:
    (found,) = state.containers(recorded("inspect_myapp_data.out"))
    assert found.mounts == (Mount("/data", HELD),)
    assert found.mounts[0].anonymous
    assert Mount("/data", f"/var/lib/docker/volumes/{HEX}/_data").anonymous
    for source in ("/srv/vfs/dir/x", f"/srv/{HEX}", f"/var/lib/docker/volumes/{HEX}/_data/below"):
        assert not Mount("/data", source).anonymous


def test_names_of_images() -> None:
    found = state.with_names(state.images(recorded("inspect_hello-world.out")), recorded("images_--no-trunc.out"))
    assert [each.tags for each in found] == [("hello-world:conv", "hello-world:latest")]


# --- the actions ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def jessie(guard: Guard) -> Guard:
    """A guard that speaks as Docker 1.6.2 with the tutorial's containers."""
    guard.answer("version --format *", "", "flag provided but not defined: --format\n", 2)
    guard.answer("version", recorded("version.out"))
    for word in ("volume", "image", "container"):
        guard.answer(f"{word} *", "", f"docker: '{word}' is not a docker command. See 'docker --help'.\n", 1)
    guard.answer("ps --filter *", "", "flag provided but not defined: --format\n", 2)
    guard.answer("ps -aq --no-trunc", "one\ntwo\n")
    guard.answer("info", recorded("info.out"), recorded("info.err"))
    guard.answer("images *", recorded("images_--no-trunc.out"))
    return guard


def documents(*names: str, **changes: Any) -> str:
    """Return recorded documents as one answer, each changed at its top."""
    return json.dumps([json.loads(recorded(f"inspect_{name}.out"))[0] | changes for name in names])


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A directory as the engine has them for volumes."""
    path = tmp_path / "vfs/dir" / HEX
    path.mkdir(parents=True)
    return path


def test_data_made_by_hand(act: Run, jessie: Guard, tmp_path: Path, held: Path) -> None:
    """The whole way: adopted, then found again by what the host remembers."""
    jessie.answer("inspect one two", documents("myapp_data", "web", Volumes={"/data": str(held)}))
    stat = held.stat()
    args: dict[str, Any] = {
        "name": "myapp_data",
        "image": "myapp_data",
        "directory": str(tmp_path / "data"),
        "register_directory": str(tmp_path / "register"),
        "uid": stat.st_uid,
        "gid": stat.st_gid,
    }
    result = act("data", **args)
    assert not result.get("failed"), result
    assert (held / ".quai-volume").read_text().strip() == result["token"]
    assert (tmp_path / "register/myapp_data.path").read_text().strip() == str(held)
    assert jessie.changes() == []
    assert not act("data", **args)["changed"]
    assert act("data", state="absent", **args)["failed"]  # web is still there
    jessie.forget("docker")
    jessie.answer("version --format *", "", "flag provided but not defined: --format\n", 2)
    jessie.answer("version", recorded("version.out"))
    jessie.answer("volume *", "", "docker: 'volume' is not a docker command.\n", 1)
    jessie.answer("ps *")
    again = act("data", True, **args)
    assert again["plan"][0] == "create the volume container myapp_data"


def test_release_by_hand_is_replaced(act: Run, jessie: Guard, said: list[str]) -> None:
    (image,) = json.loads(recorded("inspect_hello-world.out"))
    jessie.answer("inspect web:latest", json.dumps([image]))
    jessie.answer("inspect web *", documents("web", "myapp_data"), "Error: No such image or container: web-next\n", 1)
    result = act("release", True, name="web", image="web", port=80, volumes_from="myapp_data")
    assert not result.get("failed"), result
    assert result["plan"][0] == "have the directory /var/lib/quai/tmp/web/tmp"
    assert "no-new-privileges" in result["without"]
    assert len([text for text in said if "this engine is old: web does without " in text]) == 1


def test_release_with_other_data_is_replaced(act: Run, jessie: Guard) -> None:
    """Engines without names of volumes: it is the place that differs."""
    (image,) = json.loads(recorded("inspect_hello-world.out"))
    jessie.answer("inspect web:latest", json.dumps([image]))
    web, data = (json.loads(recorded(f"inspect_{name}.out"))[0] for name in ("web", "myapp_data"))
    data["Volumes"] = {"/data": "/srv/another"}
    jessie.answer("inspect web *", json.dumps([web, data]), "Error\n", 1)
    result = act("release", True, name="web", image="web", port=80, volumes_from="myapp_data")
    assert HELD in result["diff"]["before"]


@pytest.mark.parametrize("or_elsewhere", ["never", "old", "lacking"])
def test_images_are_built_elsewhere(act: Run, jessie: Guard, tmp_path: Path, or_elsewhere: str) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE=python:3.13-slim\nFROM ${BASE_IMAGE}\n", encoding="utf-8")
    result = act("image", name="web", context=str(tmp_path), or_elsewhere=or_elsewhere)
    if or_elsewhere == "never":
        assert result["msg"].startswith("Docker 1.6.2 cannot build web.")
    else:
        assert result["elsewhere"].startswith("Docker 1.6.2 cannot build web.")
    assert jessie.changes() == []


def test_images_are_removed_by_their_names(act: Run, guard: Guard) -> None:
    (web,) = json.loads(recorded("inspect_hello-world.out"))
    guard.answer("version --format *", "", "flag provided but not defined: --format\n", 2)
    guard.answer("version", recorded("version.out"))
    guard.answer("images --no-trunc -q *", f"{web['Id']}\n")
    guard.answer("images --no-trunc", recorded("images_--no-trunc.out"))
    guard.answer(f"inspect {web['Id']}", json.dumps([web]))
    guard.answer("ps *")
    guard.answer("rmi *")
    result = act("image", name="hello-world", state="absent")
    assert not result.get("failed"), result
    assert guard.changes() == ["docker rmi hello-world:conv", "docker rmi hello-world:latest"]


def test_old_images_go(guard: Guard) -> None:
    """By names that only the listing tells; those in use stay, and so does the tag."""
    guard.answer("images --no-trunc -q *", f"{HEX}\n{HEX[::-1]}\n")
    guard.answer(
        "images --no-trunc", f"REPOSITORY TAG IMAGE ID\nweb new {HEX}\nweb latest {HEX}\nweb before {HEX[::-1]}\n"
    )
    guard.answer("inspect *", json.dumps([{"Id": HEX}, {"Id": HEX[::-1]}]))
    guard.answer("ps *")
    guard.answer("rmi *")
    ask = action(image_take.ActionModule)
    ask._host, ask._prefix = "quay1", ""
    prune(ask, "web", "new", 0, old=True)
    assert guard.changes() == ["docker rmi web:before"]


def test_the_port_of_the_one_container_is_told(jessie: Guard) -> None:
    jessie.answer("port web", recorded("port_web.out"))
    jessie.answer("port *", "", "Error: No such image or container: it's\n", 1)
    told = subprocess.run(["sh", "-c", ports.publishing(80, "web")], capture_output=True, text=True, check=True).stdout
    assert ports.published(told) == {"web": [ports.Listener("0.0.0.0", 80, "")]}
    nothing = subprocess.run(["sh", "-c", ports.publishing(80, "it's")], capture_output=True, text=True, check=True)
    assert nothing.stdout == ""


def test_a_port_that_is_taken(act: Run, jessie: Guard) -> None:
    (image,) = json.loads(recorded("inspect_hello-world.out"))
    jessie.answer("inspect web:latest", json.dumps([image]))
    jessie.answer("inspect web *", documents("myapp_data"), "Error\n", 1)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        result = act("release", name="web", image="web", port=port, volumes_from="myapp_data")
    assert f"Port {port} of quay1 is already taken by " in result["msg"]


# --- status, logs, doctor, run, tour ---------------------------------------------------------------------------------


def status_of(act: Run, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return the row of a host."""
    asked = {"name": "web", "image": "web", "volumes_from": "myapp_data", "register_directory": str(tmp_path)}
    result = act("status", release=asked, directory=str(tmp_path / "none"), log_files=["/data/access.log"], **changes)
    assert not result.get("failed"), result
    row: dict[str, Any] = result["ansible_facts"]["quai_status"]
    return row


def test_status_tells_what_can_be_told(act: Run, guard: Guard, tmp_path: Path) -> None:
    """A release of Quai's, with data that was there before it."""
    (image,) = json.loads(recorded("inspect_hello-world.out"))
    image["Config"]["Labels"] = {"quai.image": "web", "quai.digest": "abc"}
    (web,) = json.loads(documents("web", Image=image["Id"], RestartCount=1))
    args = argument_spec(DOCUMENTATION)
    given = {key: option.get("default") for key, option in args.items()} | {
        "name": "web",
        "image": "web",
        "volumes_from": "myapp_data",
        "register_directory": str(tmp_path),
    }
    wanted = plan_release.wanted_of(given, state.images(json.dumps([image]))[0])
    wanted, _without = plan_release.on_old_engine(wanted, limits_memory=True)
    web["Config"] |= {"User": wanted.user, "Labels": {"quai.app": "web", "quai.release": wanted.digest}}
    web["HostConfig"] |= {"Memory": wanted.memory, "ReadonlyRootfs": wanted.read_only}
    guard.answer("version --format *", "", "flag provided but not defined: --format\n", 2)
    guard.answer("inspect web:latest", json.dumps([image]))
    guard.answer("inspect one two", json.dumps([web, *json.loads(documents("myapp_data"))]))
    guard.answer(f"inspect {image['Id']}", json.dumps([image]))
    guard.answer("inspect --format *Pid* web", "0\n")
    guard.answer("inspect --format *LogPath* web", "\n")
    guard.answer("images --no-trunc -q --filter label=quai.image", f"{image['Id']}\n")
    jessie_answers(guard)
    (tmp_path / "held").mkdir()
    (tmp_path / "held/.quai-volume").write_text("token-1\n")
    (tmp_path / "held/access.log").write_text("12345")
    (tmp_path / "myapp_data").write_text("token-1\n")
    (tmp_path / "myapp_data.path").write_text(f"{tmp_path / 'held'}\n")
    row = status_of(act, tmp_path)
    assert (row["engine"], row["container"], row["restarts"], row["image"]) == ("1.6.2", "running", 1, "web:abc")
    assert (row["release"], row["drift"], row["address"]) == (wanted.digest, {}, "")
    assert (row["health"], row["oom_kills"], row["volume"]) == ("", None, "token-1")
    assert row["logs"] == {"/data/access.log": 5}
    assert [each["level"] for each in row["findings"]] == ["warning", "warning"]
    told = " ".join(each["text"] for each in row["findings"])
    assert "restarted 1 time" in told
    assert "in an anonymous volume (f9eb746937f9)" in told
    assert guard.changes() == []


def jessie_answers(guard: Guard) -> None:
    """What Docker 1.6.2 answers besides."""
    guard.answer("version", recorded("version.out"))
    for word in ("volume", "image", "container"):
        guard.answer(f"{word} *", "", f"docker: '{word}' is not a docker command. See 'docker --help'.\n", 1)
    guard.answer("ps -aq --no-trunc", "one\ntwo\n")
    guard.answer("info", recorded("info.out"), recorded("info.err"))


def test_status_of_a_release_made_by_hand(act: Run, jessie: Guard, tmp_path: Path) -> None:
    jessie.answer("inspect one two", documents("web", "myapp_data"))
    jessie.answer("inspect *", "", "Error: No such image or container\n", 1)
    row = status_of(act, tmp_path)
    told = " ".join(each["text"] for each in row["findings"])
    assert "web runs web, in a container that Quai did not make." in told
    assert "too old" not in told
    assert row["drift"]["user"] == ["myuser", "1000:1000"]
    assert "pids" not in row["drift"]


def test_the_tour_is_refused_in_plain_words(act: Run, jessie: Guard) -> None:
    jessie.answer("ps *")
    result = act("tour", state="open")
    assert result["failed"]
    assert result["msg"].startswith("quay1 has Docker 1.6.2. ")
    assert "needs an engine since 18.09." in result["msg"]
    assert not [call for call in jessie.calls if call.split()[1] in ("create", "run", "start", "rm", "pull")]


def test_a_one_off_command(act: Run, jessie: Guard, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_action.secrets, "token_hex", lambda _size: "5eed")
    [web] = json.loads(documents("web"))
    ended = {"Name": "/web-run-5eed", "Id": "c1", "State": web["State"] | {"Running": False, "ExitCode": 3}}
    jessie.answer("inspect --format {{.Image}} web", web["Image"])
    jessie.answer(f"inspect {web['Image']}", json.dumps([{"Id": web["Image"], "Config": {"Env": ["LANG=C.UTF-8"]}}]))
    jessie.answer("inspect --format {{.Id}} web-run-5eed", "c1\n")
    jessie.answer("inspect --format * c1", "c1 /web-run-5eed -\n")
    jessie.answer("inspect web", documents("web"))
    jessie.answer("inspect web-run-5eed", json.dumps([ended]))
    jessie.answer("ps -aq --no-trunc --filter label=quai.run=web-run-5eed", "c1\n")
    jessie.answer("logs --timestamps --tail all c1", "2026-01-01T00:00:01.000000000Z it is done\n")
    for change in ("create *", "start *", "rm -f web-run-5eed"):
        jessie.answer(change)
    result = act("run", name="web", command="ls -l")
    assert (result["rc"], result["msg"]) == (3, "quay1: ls -l ended with exit code 3.")
    assert said[1:] == ["quay1 | it is done"]
    create, start, remove = (call.split()[1:] for call in jessie.changes())
    assert create[-3:] == [web["Image"], "ls", "-l"]
    assert (start, remove) == (["start", "web-run-5eed"], ["rm", "-f", "web-run-5eed"])
    told = {word for word in create[:-2] if word.startswith("-")}
    assert told <= {name for group in KNOWN["create"] for name in group}


def test_logs_of_adopted_data_and_of_the_container(
    act: Run, jessie: Guard, tmp_path: Path, held: Path, said: list[str]
) -> None:
    jessie.answer("ps -aq --no-trunc --filter label=quai.app=web", "c1\n")
    jessie.answer("inspect --format {{.Id}} web", "c1\n")
    jessie.answer("inspect --format * c1", "c1 /web r1\n")
    jessie.answer(
        "logs --timestamps --tail * c1",
        "2026-01-01T00:00:01.000000000Z old\n2026-01-02T00:00:01.000000000Z new\n",
    )
    (held / "access.log").write_text("one\ntwo\n")
    (tmp_path / "myapp_data.path").write_text(f"{held}\n")
    args: dict[str, Any] = {
        "name": "web",
        "files": ["/data/access.log"],
        "directory": str(tmp_path / "none"),
        "register": str(tmp_path / "myapp_data"),
    }
    assert act("logs", lines=2, **args)["shown"] == {"/data/access.log": 2, "web r1": 2}
    assert act("logs", since="2026-01-01T12:00:00+00:00", **args)["shown"]["web r1"] == 1
    assert said[:4] == [
        "quay1 /data/access.log | one",
        "quay1 /data/access.log | two",
        "quay1 web r1 | old",
        "quay1 web r1 | new",
    ]
    used = {
        word for call in jessie.calls if call.startswith("docker logs") for word in call.split() if word[:2] == "--"
    }
    assert used <= {name for group in KNOWN["logs"] for name in group}


@pytest.mark.parametrize(("accepted", "severity"), [(True, "warning"), (False, "error")])
def test_the_doctor_warns_of_an_accepted_old_engine(
    act: Run, jessie: Guard, said: list[str], accepted: bool, severity: str
) -> None:
    jessie.answer("inspect one two", documents("web", "myapp_data"))
    jessie.answer("*", "", "flag provided but not defined: --format\n", 2)
    only = ["engine", "volumes", "images", "registry", "live-restore", "data", "logs", "restart-policy", "cgroups"]
    result = act("doctor", only=only, allow_eol=accepted)
    assert {each["check"]: each["severity"] for each in result["findings"]} == {"engine": severity, "data": "warning"}
    assert all("Debian 11" in each["cure"] or "docker volume" not in each["cure"] for each in result["findings"])
    assert set(result["left_out"]) == {"volumes", "images", "registry", "live-restore", "logs", "cgroups"}
    assert all("Docker 1.6.2" in reason for reason in result["left_out"].values())
    assert "Docker 1.6.2" in said[0]
