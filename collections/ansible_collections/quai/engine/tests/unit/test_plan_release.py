"""How a container comes to run a release: every state it can be in, and the programs of its steps really run."""

from __future__ import annotations

import dataclasses
import http.server
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import plan_release
from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step
from ansible_collections.quai.engine.plugins.module_utils.plan_release import (
    Actual,
    Wanted,
    bytes_of,
    drift,
    plan_absent,
    refuse_strangers,
)
from ansible_collections.quai.engine.plugins.module_utils.state import Container
from ansible_collections.quai.engine.tests.unit.samples import RELEASE as WANTED, assert_loses_nothing, release

OLD = dataclasses.replace(WANTED, image_id="sha256:" + "9" * 64)
SERVES = release(OLD)
"""The container of the release before, serving."""

CREATE, REPLACE = 5, 15


def plan(wanted: Wanted = WANTED, mismatch: str = "", **containers: Container | None) -> Plan:
    """Return the plan for a host with these containers, checked to lose nothing."""
    made = plan_release.plan_release(Actual(**containers), wanted, mismatch)
    assert_loses_nothing(made)
    return made


def named(name: str, **changes: object) -> Container:
    """Return a container of the release before, under another name."""
    return dataclasses.replace(SERVES, name=name, **changes)  # type: ignore[arg-type]


def but(**changes: object) -> Wanted:
    """Return the wanted release as changed."""
    return dataclasses.replace(WANTED, **changes)  # type: ignore[arg-type]


def short(made: Plan | tuple[Step, ...]) -> list[str]:
    """Return the first words of each step's command: what it does to which container."""
    found = []
    for each in made.steps if isinstance(made, Plan) else made:
        words = list(each.words)
        if words[:2] == ["docker", "create"]:
            found.append(f"create {words[words.index('--name') + 1]}")
        elif words[0] == "sh":
            found.append(each.title)
        elif words[1] == "exec":
            found.append(f"exec {words[2]}")
        else:
            found.append(" ".join(words[1:]))
    return found


def taken_back(steps: tuple[Step, ...]) -> list[str]:
    """Return what is done when the last of the steps fails."""
    return [" ".join(each.undo[1:]) for each in reversed(steps) if each.undo]


CREATED = [
    "create web",
    "start web",
    "wait until web answers",
    "exec web",
    "prove that web sees the same data as ever",
]
REPLACED = [
    "create web-candidate",
    "start web-candidate",
    "wait until web-candidate answers",
    "exec web-candidate",
    "prove that web-candidate sees the same data as ever",
    "stop -t 30 web-candidate",
    "rm web-candidate",
    "create web-next",
    "stop -t 30 web",
    "rename web web-previous",
    "rename web-next web",
    "start web",
    "wait until web answers",
    "rm web-previous",
]


# --- what is done -----------------------------------------------------------------------------------------------------


def test_absent_it_is_created() -> None:
    made = plan()
    assert short(made) == CREATED
    assert (made.before, made.after) == ({"web": "absent"}, {"web": WANTED.digest})
    assert taken_back(made.steps) == ["rm -f web"]


def test_the_same_release_is_left_alone() -> None:
    assert plan(current=release()) == Plan()
    assert plan(current=release(health="starting")) == Plan()
    assert plan(current=release(health="")) == Plan()


def test_a_new_release_replaces_the_one_before_after_it_has_proven_itself() -> None:
    made = plan(current=SERVES)
    assert short(made) == REPLACED
    assert made.before["image"] == OLD.image_id
    assert made.after["image"] == WANTED.image_id
    assert made.after["release"] == WANTED.digest
    assert [each.title for each in made.steps if each.proven] == ["remove web-previous"]


def test_the_one_before_is_not_touched_until_the_candidate_is_gone_again() -> None:
    made = plan(current=SERVES)
    first = next(number for number, each in enumerate(made.steps) if each.words[1:] == ("stop", "-t", "30", "web"))
    assert short(made)[:first] == REPLACED[:8]
    for each in made.steps[:first]:
        assert "web" not in each.words[1:4], each.words
        assert "web" not in each.undo


@pytest.mark.parametrize("steps", range(1, len(REPLACED) + 1))
def test_wherever_it_fails_the_one_before_serves_again(steps: int) -> None:
    """The names and states of the containers, followed through the steps and back."""
    made = plan(current=SERVES)
    taken = made.steps[:steps]
    host = {"web": ("old", True)}
    for each in taken[:-1]:  # the last one fails and does nothing
        act(host, each.words)
    for each in reversed(taken):
        if each.undo:
            act(host, each.undo)
    assert host == {"web": ("old", True)}


def act(host: dict[str, tuple[str, bool]], words: tuple[str, ...]) -> None:
    """Do to the names of a host what docker would; what docker would refuse does nothing."""
    verb, rest = words[1], list(words[2:])
    name = rest[-1]
    if words[0] == "sh" or verb == "exec":
        return
    if verb == "create":
        host.setdefault(rest[rest.index("--name") + 1], ("new", False))
    elif verb in ("start", "stop") and name in host:
        if verb == "start":
            assert "--publish" not in rest
        host[name] = (host[name][0], verb == "start")
    elif verb == "rm":
        if name in host and ("-f" in rest or not host[name][1]):
            del host[name]
    elif verb == "rename" and rest[0] in host and rest[1] not in host:
        host[rest[1]] = host.pop(rest[0])


def test_what_is_taken_back_in_which_order() -> None:
    made = plan(current=SERVES)
    assert taken_back(made.steps) == [
        "stop -t 1 web",
        "rename web web-next",
        "rename web-previous web",
        "start web",
        "rm -f web-next",
        "rm -f web-candidate",
    ]
    assert taken_back(made.steps[:5]) == ["rm -f web-candidate"]


def test_a_release_that_did_not_serve_is_not_started_again() -> None:
    for current in (release(OLD, running=False), release(OLD, restarting=True)):
        made = plan(current=current)
        assert short(made) == REPLACED
        assert "start web" not in taken_back(made.steps)


def test_only_the_container_that_serves_takes_the_port_and_comes_back_after_a_crash() -> None:
    creates = {each.words[3]: " ".join(each.words) for each in plan(current=SERVES).steps if each.words[1] == "create"}
    assert set(creates) == {"web-candidate", "web-next"}
    assert "--publish" not in creates["web-candidate"]
    assert "--restart" not in creates["web-candidate"]
    assert "--publish 0.0.0.0:80:5000 --restart unless-stopped" in creates["web-next"]
    assert "--publish 0.0.0.0:80:5000 --restart unless-stopped" in " ".join(plan().steps[0].words)


def test_a_release_without_data_has_none_to_prove() -> None:
    made = plan(but(volumes_from="", token_register=""))
    assert short(made) == CREATED[:3]
    assert "--volumes-from" not in made.steps[0].words
    assert short(plan(but(token_register=""))) == CREATED[:4]


# --- drift ------------------------------------------------------------------------------------------------------------

DRIFT: dict[str, Any] = {
    "image_id": "sha256:" + "3" * 64,
    "user": "0",
    "memory": 0,
    "pids": 0,
    "read_only": False,
    "restart_policy": "no",
    "published": (("127.0.0.1", 80, 5000),),
    "labels": {},
}


@pytest.mark.parametrize("name", DRIFT)
def test_whatever_differs_is_replaced(name: str) -> None:
    current = release(**{name: DRIFT[name]})
    key = {"image_id": "image", "labels": "release"}.get(name, name)
    assert list(drift(current, WANTED)) == [key]
    made = plan(current=current)
    assert short(made) == REPLACED
    assert list(made.before) == list(made.after) == [key]
    assert all(isinstance(value, str | int) for value in (*made.before.values(), *made.after.values()))


def test_a_container_that_is_not_of_quai_is_replaced() -> None:
    assert drift(release(labels={}), WANTED)["release"] == ("not of Quai", WANTED.digest)


@pytest.mark.parametrize(
    "published",
    [(), (("0.0.0.0", 8080, 5000),), (("0.0.0.0", 80, 5001),), (("0.0.0.0", 80, 5000), ("127.0.0.1", 81, 5000))],
)
def test_ports_that_differ(published: tuple[object, ...]) -> None:
    assert list(drift(release(published=published), WANTED)) == ["published"]


def test_other_data_than_the_volume_s_is_replaced() -> None:
    made = plan(current=release(), mismatch="0123abcd")
    assert short(made) == REPLACED
    assert (made.before, made.after) == ({"data": "0123abcd"}, {"data": "myapp_data"})


CHANGES: dict[str, object] = {
    "image_id": "sha256:" + "4" * 64,
    "command": ("gunicorn", "myapp:app"),
    "container_port": 5001,
    "address": "127.0.0.1",
    "port": 8080,
    "volumes_from": "other_data",
    "user": "1001:1001",
    "memory": 256 << 20,
    "pids": 100,
    "read_only": False,
    "tmpfs": ("/tmp", "/run"),
    "cap_drop": ("NET_RAW",),
    "security": (),
    "restart_policy": "always",
    "log_options": {"max-size": "20m"},
    "env": {"GREETING": "Bonjour"},
    "health_path": "/health",
    "health_interval": 10,
    "stop_timeout": 10,
}


def test_all_that_a_container_is_made_of_names_the_release() -> None:
    digests = {name: but(**{name: value}).digest for name, value in CHANGES.items()}
    assert WANTED.digest not in digests.values()
    assert len(set(digests.values())) == len(CHANGES)
    assert all(len(digest) == 12 for digest in digests.values())
    # What only guides the steps, or is a name for the same image, makes no new release.
    same: dict[str, object] = {
        "expect": "Hello",
        "health_timeout": 5,
        "image": "web:latest",
        "token_path": "/x",
        "token_register": "/y",
    }
    assert {but(**{name: value}).digest for name, value in same.items()} == {WANTED.digest}
    everything = {field.name for field in dataclasses.fields(Wanted)}
    assert everything - set(CHANGES) - set(same) == {"name", "data_path", "old", "binds"}


def test_words_of_the_container() -> None:
    words = WANTED.create("web", serving=True)
    text = " ".join(word for word in words if "import socket" not in word)
    assert words[:4] == ["docker", "create", "--name", "web"]
    for part in [
        f"--label quai.release={WANTED.digest}",
        "--label quai.app=web",
        "--user 1000:1000",
        "--stop-timeout 30",
        "--health-interval 30s",
        "--memory 536870912",
        "--pids-limit 256",
        "--read-only",
        "--tmpfs /tmp",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--log-driver json-file --log-opt max-size=10m",
        "--env-file /dev/stdin",
        "--volumes-from myapp_data",
    ]:
        assert part in text, part
    assert "Hello World!" not in text
    assert WANTED.given.stdin == "GREETING=Hello World!\n"
    assert words[-5:] == [WANTED.image_number, "gunicorn", "--bind", "0.0.0.0:5000", "myapp:app"]


def test_what_is_not_wanted_is_not_said() -> None:
    bare = but(
        memory=0, pids=0, read_only=False, tmpfs=(), cap_drop=(), security=(), log_options={}, env={}, volumes_from=""
    )
    words = bare.create("web", serving=True)
    options = {word for word in words[: words.index(bare.image_number)] if word.startswith("--")}
    assert options == {
        "--name",
        "--label",
        "--user",
        "--stop-timeout",
        "--health-cmd",
        "--health-interval",
        "--health-timeout",
        "--health-retries",
        "--publish",
        "--restart",
    }


def test_an_ipv6_address_is_published_in_brackets() -> None:
    words = but(address="::1").create("web", serving=True)
    assert words[words.index("--publish") + 1] == "[::1]:80:5000"


# --- somebody else's containers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web", "web-candidate", "web-next", "web-previous"])
def test_a_container_that_quai_did_not_make_is_refused(name: str) -> None:
    key = {"web": "current"}.get(name, name.removeprefix("web-"))
    for labels in ({}, {"quai.app": "blog"}):
        stranger = named(name, labels=labels, volumes_from=("other_data",), image="nginx")
        actual = Actual(**{key: stranger})
        for source in ("myapp_data", ""):
            with pytest.raises(Refused) as caught:
                refuse_strangers(actual, "web", source)
            assert f"There is a container {name}, of the image nginx, that Quai did not make." in str(caught.value)
            assert f"docker rename {name} NEW" in str(caught.value)


def test_containers_of_the_application_are_no_strangers() -> None:
    """Those with its label, and one made by hand with its data."""
    refuse_strangers(Actual(), "web", "myapp_data")
    refuse_strangers(Actual(current=release(), next=named("web-next"), previous=named("web-previous")), "web", "")
    by_hand = release(labels={}, volumes_from=("myapp_data",))
    refuse_strangers(Actual(current=by_hand), "web", "myapp_data")
    with pytest.raises(Refused):
        refuse_strangers(Actual(current=by_hand), "web", "")


# --- states -----------------------------------------------------------------------------------------------------------


def test_stopped_it_is_started() -> None:
    made = plan(current=release(running=False))
    assert short(made) == ["start web", "wait until web answers"]
    assert (made.before, made.after) == ({"web": "interrupted"}, {"web": "running"})


def test_paused_it_is_unpaused() -> None:
    assert short(plan(current=release(paused=True))) == ["unpause web"]


@pytest.mark.parametrize("change", [{"health": "unhealthy"}, {"restarting": True}])
def test_unwell_it_is_replaced(change: dict[str, Any]) -> None:
    made = plan(current=release(**change))
    assert short(made) == REPLACED
    assert made.before == {"health": change.get("health", "healthy")}
    assert made.after == {"health": "healthy"}


@pytest.mark.parametrize("containers", [{}, {"current": SERVES}])
def test_every_container_gets_its_environment_unlisted(containers: dict[str, Container]) -> None:
    steps = plan(**containers).steps
    created = [each for each in steps if "create" in each.words]
    assert created
    assert all(each.given.stdin == "GREETING=Hello World!\n" for each in created)
    assert not [word for each in steps for word in (*each.words, *each.undo) if "Hello World!" in word]


# --- interrupted runs -------------------------------------------------------------------------------------------------

CURRENTS = {
    "none": None,
    "serving": SERVES,
    "new": release(),
    "starting": release(health="starting"),
    "unhealthy": release(health="unhealthy"),
    "stopped": release(OLD, running=False, health=""),
    "created": release(running=False, health=""),
    "looping": release(restarting=True),
}
LEFT = {"candidate": (None, True, False), "next": (None, True, False), "previous": (None, True, False)}


@pytest.mark.parametrize("candidate", LEFT["candidate"])
@pytest.mark.parametrize("following", LEFT["next"])
@pytest.mark.parametrize("previous", LEFT["previous"])
@pytest.mark.parametrize("current", CURRENTS)
def test_whatever_an_interrupted_run_left_it_ends_well(
    current: str, previous: bool | None, following: bool | None, candidate: bool | None
) -> None:
    """The steps end with the wanted release serving alone; where one fails, what had served or was brought back does."""
    left: dict[str, Any] = {
        "candidate": None if candidate is None else named("web-candidate", running=candidate),
        "next": None if following is None else named("web-next", running=following),
        "previous": None if previous is None else named("web-previous", running=previous),
        "current": CURRENTS[current],
    }
    made = plan(**left)
    start = {
        each.name: (each.labels["quai.release"], each.running and not each.restarting) for each in left.values() if each
    }
    host = dict(start)
    for each in made.steps:
        act(host, each.words)
    assert set(host) == {"web"}
    assert host["web"][0] in ("new", WANTED.digest)
    assert host["web"][1]

    heals = next((n for n, each in enumerate(made.steps) if each.words[1] == "create"), len(made.steps))
    for failing in range(1, len(made.steps) + 1):
        host, served = dict(start), False
        for number, each in enumerate(made.steps[: failing - 1]):  # the last one fails and does nothing
            served = served or (number == heals and host.get("web", ("", False))[1])
            act(host, each.words)
        for each in reversed(made.steps[:failing]):
            if each.undo:
                act(host, each.undo)
        assert not served or host["web"][1], (made.titles[failing - 1], host)
        assert not {"web", "web-previous"} & set(start) or {"web", "web-previous"} & set(host)


def test_leftovers_go_first() -> None:
    made = plan(current=release(), candidate=named("web-candidate"), next=named("web-next", running=False))
    assert short(made) == ["rm -f web-candidate", "rm -f web-next"]
    assert made.titles[0] == "remove web-candidate, left by an interrupted run"


def test_interrupted_before_the_old_one_was_stopped() -> None:
    made = plan(current=SERVES, next=named("web-next", running=False))
    assert short(made) == ["rm -f web-next", *REPLACED]
    assert "start web" in taken_back(made.steps)


def test_interrupted_while_the_old_one_stopped() -> None:
    """It serves again before anything else is tried, and after a failure too."""
    made = plan(current=release(OLD, running=False), next=named("web-next", running=False))
    assert short(made) == ["rm -f web-next", "start web", *REPLACED]
    assert "start web" in taken_back(made.steps)


def test_interrupted_between_the_two_renames() -> None:
    made = plan(previous=named("web-previous", running=False), next=named("web-next", running=False))
    assert short(made) == ["rm -f web-next", "rename web-previous web", "start web", *REPLACED]
    assert "start web" in taken_back(made.steps)


def test_interrupted_and_the_old_release_is_wanted_again() -> None:
    made = plan(OLD, previous=named("web-previous", running=False))
    assert short(made) == ["rename web-previous web", "start web", "wait until web answers"]


def test_interrupted_before_the_new_one_was_started() -> None:
    made = plan(current=release(running=False), previous=named("web-previous", running=False))
    assert short(made)[:3] == ["rm -f web", "rename web-previous web", "start web"]
    assert short(made)[3:] == REPLACED


@pytest.mark.parametrize("change", [{"restarting": True}, {"health": "unhealthy"}, {"health": "starting"}])
def test_interrupted_before_the_new_one_had_proven_itself(change: dict[str, Any]) -> None:
    made = plan(current=release(**change), previous=named("web-previous", running=False))
    assert short(made)[:3] == ["rm -f web", "rename web-previous web", "start web"]
    assert made.titles[0] == "remove web, which an interrupted run did not prove"


def test_interrupted_before_the_old_one_was_removed() -> None:
    assert short(plan(current=release(), previous=named("web-previous", running=False))) == ["rm -f web-previous"]
    made = plan(current=SERVES, previous=named("web-previous", running=False))
    assert short(made) == ["rm -f web-previous", *REPLACED]


# --- absent -----------------------------------------------------------------------------------------------------------


def test_absent_removes_every_name_and_no_data() -> None:
    everything = Actual(
        current=release(),
        candidate=named("web-candidate", running=False),
        next=named("web-next", running=False),
        previous=named("web-previous"),
    )
    made = plan_absent(everything, "web", 7)
    assert short(made) == [
        "rm web-candidate",
        "rm web-next",
        "stop -t 7 web-previous",
        "rm web-previous",
        "stop -t 7 web",
        "rm web",
    ]
    assert_loses_nothing(made)
    assert not any("-f" in each.words for each in made.steps)
    assert plan_absent(Actual(), "web", 7) == Plan()


def test_data_is_lost_by_no_plan_at_all() -> None:
    states = [None, named("x"), named("x", running=False)]
    for current, candidate, following, previous in itertools.product(states, repeat=4):
        actual = Actual(current, candidate, following, previous)
        assert_loses_nothing(plan_release.plan_release(actual, WANTED))
        assert_loses_nothing(plan_absent(actual, "web", 1))


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("8388608", 8 << 20),
        ("7000000b", 7000000),
        ("6144k", 6 << 20),
        ("6144K", 6 << 20),
        ("65536kb", 64 << 20),
        ("6m", 6 << 20),
        ("512m", 512 << 20),
        ("512M", 512 << 20),
        ("512MB", 512 << 20),
        (" 1g ", 1 << 30),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert bytes_of(text) == expected


@pytest.mark.parametrize("text", ["", "m", "512 m", "1.5g", "-1", "512mib", "1t", "lots", "512m; rm -rf /"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(Refused, match=r"is no size.*myapp_memory.*512m"):
        bytes_of(text)


@pytest.mark.parametrize("text", ["1", "1m", "5m", "6143k"])
def test_sizes_that_no_engine_takes(text: str) -> None:
    with pytest.raises(Refused, match=rf"'{text}' is too small.*6m or more.*myapp_memory"):
        bytes_of(text)


# --- the programs of the steps, really run ----------------------------------------------------------------------------


class Application(http.server.BaseHTTPRequestHandler):
    """Answers with the status that its path names, after as many milliseconds as its query names."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        path, _question, wait = self.path.partition("?")
        time.sleep(int(wait or 0) / 1000)
        body = f"Hello from {self.headers['Host']}, déjà vu".encode() + b" \xff" + b"." * 9000
        self.send_response(int(path.strip("/") or 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Port of a real HTTP server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


DOCKER = """\
#!/bin/sh
# Speaks of one container, whose state the test writes; what is run in it runs here.
case $1 in
inspect) cat "$STATE" ;;
exec) shift 2; exec "$@" ;;
*) echo "unexpected: $*" >&2; exit 64 ;;
esac
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment where `docker` is the small program above, and `python` is this one."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    (bin_directory / "docker").write_text(DOCKER, encoding="utf-8")
    (bin_directory / "docker").chmod(0o755)
    (bin_directory / "python").symlink_to(sys.executable)
    (tmp_path / "state").write_text("true false 0\n", encoding="utf-8")
    return os.environ | {"PATH": f"{bin_directory}:{os.environ['PATH']}", "STATE": str(tmp_path / "state")}


def run(words: tuple[str, ...] | list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the words of a step."""
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=20, check=False)


def wait_step(port: int, path: str, seconds: int) -> tuple[str, ...]:
    """Return the words that wait for an answer."""
    made = plan(but(container_port=port, health_path=path, health_timeout=seconds))
    return next(each.words for each in made.steps if each.title == "wait until web answers")


def probe(port: int, path: str) -> subprocess.CompletedProcess[str]:
    """Run the probe as the container would."""
    return run([sys.executable, "-c", plan_release.PROBE, str(port), path], dict(os.environ))


def test_the_probe_shows_what_was_answered(port: int) -> None:
    done = probe(port, "/")
    assert done.returncode == 0
    assert done.stdout.startswith("HTTP/1.1 200 OK")
    assert "Hello from localhost" in done.stdout
    assert len(done.stdout) < 700


@pytest.mark.parametrize("expect", ["", "Hello from localhost", "naïve", "200 OK", "x" * 100_000])
def test_what_is_expected_of_the_page(port: int, environment: dict[str, str], expect: str) -> None:
    done = run(but(container_port=port, expect=expect).proof(), environment)
    if expect in ("", "Hello from localhost"):
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1
        assert f"the page does not contain {expect!r} (myapp_expect)" in done.stderr
    assert run(but(container_port=port, health_path="/503", expect=expect).proof(), environment).returncode == 1


@pytest.mark.parametrize("program", ["python3", "python"])
def test_the_probe_finds_the_python_there_is(port: int, tmp_path: Path, program: str) -> None:
    """Whatever its name, and no other program but sh."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    (tmp_path / program).symlink_to(sys.executable)
    only = {"PATH": str(tmp_path)}
    assert run(but(container_port=port).probe(), only).stdout.startswith("HTTP/1.1 200 OK")
    assert run(but(container_port=port, health_path="/503").probe(), only).returncode == 1
    (tmp_path / program).unlink()
    assert run(but(container_port=port).probe(), only).returncode not in (0, 1)


def test_the_probe_prefers_python3(port: int, tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    (tmp_path / "python3").symlink_to(sys.executable)
    (tmp_path / "python").write_text("#!/bin/sh\nexit 9\n", encoding="utf-8")
    (tmp_path / "python").chmod(0o755)
    assert run(but(container_port=port).probe(), {"PATH": str(tmp_path)}).returncode == 0


@pytest.mark.parametrize("path", ["/500", "/404", "/301", "/204", "/503"])
def test_the_probe_wants_200(port: int, path: str) -> None:
    done = probe(port, path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"HTTP/1.1 {path[1:]}")


def test_the_probe_fails_where_nobody_listens() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Application) as closed:
        free = closed.server_address[1]
    done = probe(free, "/")
    assert done.returncode != 0
    assert "Connection refused" in done.stderr


def test_the_health_check_is_the_probe_as_a_shell_runs_it(port: int, environment: dict[str, str]) -> None:
    words = but(container_port=port).create("web", serving=True)
    command = words[words.index("--health-cmd") + 1]
    assert run(["/bin/sh", "-c", command], environment).returncode == 0
    words = but(container_port=port, health_path="/500?0'; exit 0; '").create("web", serving=True)
    command = words[words.index("--health-cmd") + 1]
    assert run(["/bin/sh", "-c", command], environment).returncode == 1


def test_waiting_ends_with_the_answer(port: int, environment: dict[str, str]) -> None:
    done = run(wait_step(port, "/", 5), environment)
    assert done.returncode == 0
    assert "Hello from localhost" in done.stdout


def test_waiting_ends_with_the_last_answer_when_the_time_is_over(port: int, environment: dict[str, str]) -> None:
    done = run(wait_step(port, "/503", 1), environment)
    assert done.returncode == 5
    assert done.stdout.startswith("last probe: HTTP/1.1 503")


@pytest.mark.parametrize("state", ["false false 0", "true true 1", "true false 1", "true true 0"])
def test_waiting_ends_at_once_for_a_container_that_did_not_stay_up(
    port: int, environment: dict[str, str], state: str
) -> None:
    Path(environment["STATE"]).write_text(state, encoding="utf-8")
    done = run(wait_step(port, "/", 15), environment)
    assert (done.returncode, done.stdout) == (4, "the container did not stay up\n")


def test_waiting_ends_at_once_where_the_container_is_gone(port: int, environment: dict[str, str]) -> None:
    Path(environment["STATE"]).unlink()
    assert run(wait_step(port, "/", 15), environment).returncode == 3


def test_waiting_goes_on_until_there_is_an_answer(environment: dict[str, str]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application) as reserved:
        port = reserved.server_address[1]
    thread = threading.Timer(0.7, lambda: _serve_one(port))
    thread.start()
    done = run(wait_step(port, "/", 10), environment)
    thread.join()
    assert done.returncode == 0, done
    assert "Hello" in done.stdout


def _serve_one(port: int) -> None:
    with http.server.HTTPServer(("127.0.0.1", port), Application) as server:
        server.timeout = 5
        server.handle_request()


def data_steps(wanted: Wanted) -> list[Step]:
    """Return the steps that prove the data."""
    return [each for each in plan(wanted).steps if each.title.startswith("prove")]


def test_the_same_data_is_proven(tmp_path: Path, environment: dict[str, str]) -> None:
    register, token = tmp_path / "it's the register", tmp_path / "token"
    (write, same) = data_steps(but(data_path=str(tmp_path), token_path=str(token), token_register=str(register)))
    before = sorted(tmp_path.iterdir())
    assert run(write.words, environment).returncode == 0
    assert sorted(tmp_path.iterdir()) == before

    done = run(same.words, environment)
    assert (done.returncode, done.stdout) == (1, "the volume's token cannot be read\n")
    register.write_text("one\n", encoding="utf-8")
    assert run(same.words, environment).returncode == 1
    token.write_text("two\n", encoding="utf-8")
    done = run(same.words, environment)
    assert done.returncode == 1
    assert done.stdout == "the container sees another volume: its token is two, this host remembers one\n"
    token.write_text("one\n", encoding="utf-8")
    assert run(same.words, environment).returncode == 0


def test_data_that_cannot_be_written_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    (write, _same) = data_steps(but(data_path=str(tmp_path / "nowhere")))
    assert run(write.words, environment).returncode != 0
