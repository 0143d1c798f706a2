"""What the tests of the plans start from: a host where everything is as it should be, to be changed one thing at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from ansible_collections.quai.engine.plugins.module_utils import plan_data, plan_release
from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Step
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Image, Mount, Volume

HEX = "0123456789abcdef" * 4
DIRECTORY = "/var/lib/myapp/data"
TOKEN = "5a7f1c52-5d6c-4b0a-9a3d-0c8d3f6c2e11"  # noqa: S105 - names a volume, opens nothing
VOLUMES = "/var/lib/docker/volumes"
NAMED = Mount("/data", f"{VOLUMES}/myapp_data/_data", "myapp_data")
ANONYMOUS = Mount("/data", f"{VOLUMES}/{HEX}/_data", HEX)
ANOTHER = Mount("/data", f"{VOLUMES}/{HEX[::-1]}/_data", HEX[::-1])
BOUND = Mount("/data", "/srv/somewhere")
VFS = Mount("/data", "/var/lib/docker/vfs/dir/" + HEX)

_BARE = Container(
    name="web",
    id="c" * 64,
    image_id="sha256:" + "1" * 64,
    image="web",
    running=True,
    paused=False,
    restarting=False,
    exit_code=0,
    oom_killed=False,
    error="",
    pid=4711,
    restarts=0,
    started_at="2026-01-02T03:04:05.678Z",
    health="healthy",
    user="",
    memory=0,
    pids=0,
    read_only=False,
    cap_drop=(),
    security=(),
    restart_policy="no",
    volumes_from=(),
    published=(),
)


def container(name: str, *mounts: Mount, **changes: object) -> Container:
    """Return a running container of this name with these mounts, as changed."""
    return dataclasses.replace(_BARE, name=name, mounts=mounts, **changes)  # type: ignore[arg-type]


VOLUME = Volume(
    name="myapp_data",
    driver="local",
    options={"type": "none", "o": "bind", "device": DIRECTORY},
    labels={"quai.data": "myapp_data"},
    mountpoint=f"{VOLUMES}/myapp_data/_data",
)
PLAIN_VOLUME = dataclasses.replace(VOLUME, options={})
VOLUME_CONTAINER = container("myapp_data", NAMED, running=False, health="")
CONSUMER = container("web", NAMED, volumes_from=("myapp_data",))

DATA = plan_data.Wanted(
    name="myapp_data",
    image="myapp_data:abc",
    directory=DIRECTORY,
    path="/data",
    uid=1000,
    gid=1000,
    register="/var/lib/quai/volumes/myapp_data",
)
KEPT = dataclasses.replace(DATA, directory="", register="/home/me/.quai/volumes/myapp_data")
"""The same where the engine keeps the data itself."""

DATA_BARE = plan_data.Actual(None, None, (), owner="", mode="", token="", registered="")
DATA_DONE = plan_data.Actual(
    VOLUME_CONTAINER, VOLUME, (CONSUMER,), owner="1000:1000", mode="750", token=TOKEN, registered=TOKEN, entries=3
)
KEPT_DONE = dataclasses.replace(DATA_DONE, volume=PLAIN_VOLUME, entries=0)

RELEASE = plan_release.Wanted(
    name="web",
    image="web",
    image_id="sha256:" + "2" * 64,
    command=("gunicorn", "--bind", "0.0.0.0:5000", "myapp:app"),
    container_port=5000,
    address="0.0.0.0",
    port=80,
    volumes_from="myapp_data",
    data_path="/data",
    token_path="/data/.quai-volume",  # noqa: S106 - a path
    token_register="/var/lib/quai/volumes/myapp_data",  # noqa: S106 - a path
    user="1000:1000",
    memory=512 << 20,
    pids=256,
    read_only=True,
    tmpfs=("/tmp",),
    cap_drop=("ALL",),
    security=("no-new-privileges",),
    restart_policy="unless-stopped",
    log_options={"max-size": "10m"},
    env={"GREETING": "Hello World!"},
    health_path="/",
    expect="",
    health_interval=30,
    health_timeout=60,
    stop_timeout=30,
)


def release(wanted: plan_release.Wanted = RELEASE, **changes: object) -> Container:
    """Return the container that serves the wanted release, as changed."""
    served: dict[str, object] = {
        "image_id": wanted.image_id,
        "image": wanted.image_id,
        "user": wanted.user,
        "memory": wanted.memory,
        "pids": wanted.pids,
        "read_only": wanted.read_only,
        "restart_policy": wanted.restart_policy,
        "published": ((wanted.address, wanted.port, wanted.container_port),),
        "labels": {"quai.app": wanted.name, "quai.release": wanted.digest},
        "volumes_from": ("myapp_data",),
    }
    return container(wanted.name, NAMED, **(served | changes))


def image(number: int, *tags: str, **labels: str) -> Image:
    """Return an image whose id is the number, with these tags and labels (`_` for the dot of a key)."""
    return Image(
        f"sha256:{number:064x}", tags, {key.replace("_", "."): value for key, value in labels.items()}, size=1 << 20
    )


def lines(steps: Plan | Iterable[Step]) -> list[str]:
    """Return each step's words on one line, programs of several lines left out."""
    found = steps.steps if isinstance(steps, Plan) else steps
    return [" ".join(word for word in each.words if "\n" not in word) for each in found]


LOSES_DATA = ("prune", "--volumes", "-v", "--rm-volumes", "system", "down")


def assert_loses_nothing(steps: Plan | Iterable[Step]) -> None:
    """No command and no undo of it removes a volume with its container, or prunes."""
    for each in steps.steps if isinstance(steps, Plan) else steps:
        for words in (each.words, each.undo):
            if words[:2] == ("docker", "create"):
                assert "prune" not in words
                continue  # -v is a mount there
            assert not set(words) & set(LOSES_DATA), words
            assert not any(word.startswith("-") and not word.startswith("--") and "v" in word for word in words), words
