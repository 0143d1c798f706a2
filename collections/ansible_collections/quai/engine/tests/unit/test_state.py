"""Documents of real engines, as recorded, and what is read from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import state
from ansible_collections.quai.engine.plugins.module_utils.state import Mount

FIXTURES = Path(__file__).parent / "fixtures"
ENGINES = sorted(path.name for path in FIXTURES.glob("docker-[0-9]*"))
CURRENT = [name for name in ENGINES if name != "docker-1.6.2"]
VFS = "/var/lib/docker/vfs/dir/f9eb746937f9695a6d1e7d1863edefc410158ce1b909aca0ab7c79120bd1f5c6"


def recorded(engine: str, name: str) -> str:
    """Return what the engine printed."""
    return (FIXTURES / engine / f"{name}.out").read_text(encoding="utf-8")


def test_the_engines_of_the_promise_are_recorded() -> None:
    majors = {name.removeprefix("docker-").split(".")[0] for name in ENGINES}
    assert majors >= {"1", "20", "26", "28"}


# --- 1.6.2: no Mounts, no health, image ids without their algorithm ---------------------------------------------------


def test_jessie_s_web() -> None:
    (web,) = state.containers(recorded("docker-1.6.2", "inspect_web"))
    assert web == state.Container(
        name="web",
        id="3dab90de82a7a214821d9363b950d5dd45cb297a4b342765ad0225edc4e14865",
        image_id="sha256:7f5ca24f93c6b39f9661ec8218ae3c443a4eced931d34fe3f97bf2002590820e",
        image="web",
        running=True,
        paused=False,
        restarting=False,
        exit_code=0,
        oom_killed=False,
        error="",
        pid=3144,
        restarts=0,
        started_at="2026-11-23T20:42:59.377041315Z",
        health="",
        user="myuser",
        memory=0,
        pids=0,
        read_only=False,
        cap_drop=(),
        security=(),
        restart_policy="always",
        volumes_from=("myapp_data",),
        published=(("0.0.0.0", 80, 5000),),
        mounts=(Mount("/data", VFS),),
        labels={},
        created="2026-11-23T20:42:59.226287319Z",
        env=web.env,
    )
    assert "USER=myuser" in web.env
    assert web.mounts[0].anonymous


def test_jessie_s_volume_container() -> None:
    (data,) = state.containers(recorded("docker-1.6.2", "inspect_myapp_data"))
    assert (data.name, data.running, data.pid, data.user) == ("myapp_data", False, 0, "")
    assert data.restart_policy == "no"
    assert data.mount_at("/data") == Mount("/data", VFS)
    assert data.mount_at("/other") is None


def test_jessie_answers_with_an_image_where_there_is_no_container() -> None:
    text = recorded("docker-1.6.2", "inspect_hello-world")
    assert state.containers(text) == []
    (image,) = state.images(text)
    assert image == state.Image(
        id="sha256:d3ffdac93d5729c1d9121e887c788a42d0dfbec979f52073515605552a4baf98", tags=(), labels={}, size=682_696,
        created="2026-11-23T19:33:05.887072757Z", env=image.env, architecture="amd64",
    )  # fmt: skip


def test_jessie_knows_no_such_name() -> None:
    text = recorded("docker-1.6.2", "inspect_nosuch")
    assert not [*state.containers(text), *state.images(text), *state.volumes(text)]


# --- the engines of Debian 11 and later, and a current one ------------------------------------------------------------


@pytest.fixture(params=CURRENT)
def engine(request: pytest.FixtureRequest) -> str:
    """Name of a recorded engine that has volumes."""
    return str(request.param)


def one(engine: str, name: str) -> state.Container:
    """Return the one container of a recorded answer."""
    (found,) = state.containers(recorded(engine, name))
    return found


def test_a_container_with_every_limit(engine: str) -> None:
    web = one(engine, "inspect_container_web")
    assert web == one(engine, "inspect_web")
    (document,) = json.loads(recorded(engine, "inspect_web"))
    (image,) = state.images(recorded(engine, "inspect_image_web"))
    assert web == state.Container(
        name="web",
        id=document["Id"],
        image_id=image.id,
        image="web",
        running=True,
        paused=False,
        restarting=False,
        exit_code=0,
        oom_killed=False,
        error="",
        pid=document["State"]["Pid"],
        restarts=0,
        started_at=document["State"]["StartedAt"],
        health="healthy",
        user="1000:1000",
        memory=256 << 20,
        pids=100,
        read_only=True,
        cap_drop=("ALL",),
        security=("no-new-privileges",),
        restart_policy="on-failure:5",
        volumes_from=("myapp_data",),
        published=(("0.0.0.0", 80, 5000),),
        mounts=(Mount("/data", "/var/lib/docker/volumes/myapp_data/_data", "myapp_data"),),
        labels={
            "org.opencontainers.image.title": "web",
            "quai.app": "myapp",
            "quai.digest": "sha256-0123abcd",
            "quai.release": "r1",
            "quai.revision": "r1",
        },
        created=document["Created"],
        env=tuple(document["Config"]["Env"]),
        tmpfs=("/tmp",),
    )
    assert not web.mounts[0].anonymous
    assert web.pid > 1
    assert len(web.id) == 64


def test_a_named_volume_and_its_container(engine: str) -> None:
    data = one(engine, "inspect_myapp_data")
    assert (data.running, data.pid, data.health, data.memory, data.pids) == (False, 0, "", 0, 0)
    assert data.mount_at("/data") == Mount("/data", "/var/lib/docker/volumes/myapp_data/_data", "myapp_data")
    assert state.volumes(recorded(engine, "inspect_volume_myapp_data")) == [
        state.Volume(
            name="myapp_data",
            driver="local",
            options={"type": "none", "o": "bind", "device": "/var/lib/myapp/data"},
            labels={"quai.app": "myapp"},
            mountpoint="/var/lib/docker/volumes/myapp_data/_data",
        )
    ]


def test_a_host_built_by_hand(engine: str) -> None:
    data, web = one(engine, "inspect_hand_data"), one(engine, "inspect_hand_web")
    (mount,) = data.mounts
    assert mount.anonymous
    assert len(mount.name) == 64
    assert mount.source == f"/var/lib/docker/volumes/{mount.name}/_data"
    assert web.mounts == data.mounts
    assert web.volumes_from == ("hand_data",)
    assert (web.published, web.memory, web.pids, web.read_only) == ((), 0, 0, False)
    assert (web.restart_policy, web.cap_drop, web.security, web.user) == ("no", (), (), "myuser")


def test_containers_in_trouble(engine: str) -> None:
    broken, oom = one(engine, "inspect_web_broken"), one(engine, "inspect_web_oom")
    unhealthy, created = one(engine, "inspect_web_unhealthy"), one(engine, "inspect_web_created")
    assert (broken.running, broken.exit_code, broken.oom_killed, broken.pid) == (False, 3, False, 0)
    assert (oom.running, oom.exit_code, oom.oom_killed, oom.memory) == (False, 137, True, 32 << 20)
    assert (unhealthy.running, unhealthy.health) == (True, "unhealthy")
    assert (created.running, created.exit_code, created.started_at) == (False, 0, "0001-01-01T00:00:00Z")
    assert created.mounts == ()


def test_images(engine: str) -> None:
    (image,) = state.images(recorded(engine, "inspect_image_web"))
    assert image.id.startswith("sha256:")
    assert set(image.tags) == {"web:latest", "web:r1"}
    assert image.labels["quai.digest"] == "sha256-0123abcd"
    assert image.size > 10 << 20
    assert image.volumes == ()
    assert len(image.layers) > 1
    assert image.layers[0].startswith("sha256:")
    assert image.architecture == "amd64"
    (data,) = state.images(json.dumps([{"Id": image.id, "Config": {"Volumes": {"/srv": {}, "/data": {}}}}]))
    assert data.volumes == ("/data", "/srv")
    assert state.containers(recorded(engine, "inspect_image_web")) == []
    assert state.volumes(recorded(engine, "inspect_image_web")) == []


@pytest.mark.parametrize("name", ["nosuch", "container_nosuch", "image_nosuch", "volume_nosuch"])
def test_what_is_not_there_is_nothing(engine: str, name: str) -> None:
    text = recorded(engine, f"inspect_{name}")
    assert state.documents(text) == []


def test_those_of_many_that_are_there(engine: str) -> None:
    found = state.containers(recorded(engine, "inspect_mixed"))
    assert [each.name for each in found] == ["web", "myapp_data"]
    assert state.by_name(found, "web") == one(engine, "inspect_web")
    assert state.by_name(found, "we") is None
    assert state.by_name(found, "/web") is None
    assert [set(each.tags) for each in state.images(recorded(engine, "inspect_image_mixed"))] == [
        {"web:latest", "web:r1"},
        {"myapp_data:latest"},
    ]


def test_its_version(engine: str) -> None:
    version = json.loads(recorded(engine, "version_json"))["Server"]["Version"]
    assert state.engine_version(version) == tuple(int(part) for part in engine.removeprefix("docker-").split("."))


# --- what no recording holds ------------------------------------------------------------------------------------------


def document(**changes: Any) -> dict[str, Any]:
    """Return the recorded web of a current engine, with sections changed key by key."""
    (found,) = json.loads(recorded(CURRENT[0], "inspect_web"))
    for section, values in changes.items():
        found[section] = found[section] | values if isinstance(values, dict) else values
    return dict(found)


def read(**changes: Any) -> state.Container:
    (found,) = state.containers(json.dumps([document(**changes)]))
    return found


def test_a_range_of_ports_of_somebody_s_container_is_no_obstacle() -> None:
    bindings = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000-8002"}],
        "53/udp": [{"HostIp": "::1", "HostPort": "53"}, {"HostIp": "", "HostPort": ""}],
        "9/tcp": None,
    }
    found = read(HostConfig={"PortBindings": bindings}).published
    assert found == (
        ("0.0.0.0", 0, 53),
        ("127.0.0.1", 8000, 80),
        ("::1", 53, 53),
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, "no"),
        ({"Name": ""}, "no"),
        ({"Name": "no", "MaximumRetryCount": 0}, "no"),
        ({"Name": "always", "MaximumRetryCount": 0}, "always"),
        ({"Name": "unless-stopped"}, "unless-stopped"),
        ({"Name": "on-failure", "MaximumRetryCount": 0}, "on-failure"),
        ({"Name": "on-failure", "MaximumRetryCount": 3}, "on-failure:3"),
    ],
)
def test_restart_policies(policy: object, expected: str) -> None:
    assert read(HostConfig={"RestartPolicy": policy}).restart_policy == expected


@pytest.mark.parametrize(("pids", "expected"), [(None, 0), (0, 0), (-1, 0), (256, 256)])
def test_no_limit_of_processes_is_zero(pids: object, expected: int) -> None:
    assert read(HostConfig={"PidsLimit": pids}).pids == expected


def test_paused_restarting_and_refused_containers() -> None:
    assert read(State={"Paused": True}).paused
    assert read(State={"Restarting": True}).restarting
    assert read(State={"Error": "driver failed programming external connectivity"}).error.startswith("driver failed")
    assert read(RestartCount=7).restarts == 7


def test_options_of_volumes_from_are_not_its_name() -> None:
    assert read(HostConfig={"VolumesFrom": ["myapp_data:ro", HEX_NAME]}).volumes_from == ("myapp_data", HEX_NAME)


HEX_NAME = "ab" * 32


def test_mounts_in_order_of_their_destination() -> None:
    mounts = [
        {"Type": "bind", "Source": "/srv", "Destination": "/z"},
        {"Type": "volume", "Name": HEX_NAME, "Source": "/v", "Destination": "/data"},
        {"Type": "volume", "Name": "media", "Source": "/w", "Destination": "/data/media"},
    ]
    found = read(Mounts=mounts).mounts
    assert [mount.destination for mount in found] == ["/data", "/data/media", "/z"]
    assert [mount.anonymous for mount in found] == [True, False, False]
    assert read(Mounts=None).mounts == ()


@pytest.mark.parametrize(
    "name", [HEX_NAME.upper(), HEX_NAME[:-1], HEX_NAME + "a", HEX_NAME + "\n", "myapp_data", "g" * 64]
)
def test_only_64_hex_digits_are_nobody_s_name(name: str) -> None:
    assert not Mount("/data", "/v", name).anonymous


@pytest.mark.parametrize("text", ["{}", "null", '"web"', "3", "Error: No such object: web", "[", "<html></html>"])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"docker inspect printed no list|Expecting value"):
        state.containers(text)


def test_an_empty_answer_is_nothing() -> None:
    assert state.documents("") == state.documents(" \n") == state.documents("[]\n") == []
    assert state.documents('[null, 3, "web"]') == []


def test_a_document_of_bare_bones_is_read() -> None:
    (found,) = state.containers('[{"State": {}}]')
    assert (found.name, found.running, found.restart_policy, found.published, found.mounts) == ("", False, "no", (), ())
    (volume,) = state.volumes('[{"Mountpoint": "/v", "Options": null, "Labels": null}]')
    assert (volume.options, volume.labels) == ({}, {})
    (image,) = state.images('[{"Id": "sha256:1", "RepoTags": null, "Config": null}]')
    assert image == state.Image("sha256:1", (), {}, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20.10.24+dfsg1\n", (20, 10, 24)),
        ("1.6.2", (1, 6, 2)),
        (" 28.2.2", (28, 2, 2)),
        ("26.1", (26, 1, 0)),
        ("29.0.0-rc.1", (29, 0, 0)),
        ("", ()),
        ("\n", ()),
        ("<no value>", ()),
        ("v20.10", ()),
        ("dev", ()),
    ],
)
def test_versions(text: str, expected: tuple[int, ...]) -> None:
    assert state.engine_version(text) == expected
