"""Images brought along: what is offered, what is taken by engines of any age, what is refused, and what is left behind.

The guard in docker's place speaks with the words of real engines; molecule (app_image_delivery) does it with real ones.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import image_offer, image_take
from ansible_collections.quai.engine.plugins.module_utils import plan_delivery as planning
from ansible_collections.quai.engine.plugins.module_utils.old_image import old_layers
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import Answer
from ansible_collections.quai.engine.plugins.module_utils.state import images
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ANY_ARCHITECTURE, ANY_VERSION
from ansible_collections.quai.engine.plugins.plugin_utils.space import room, room_problem
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run, action
from ansible_collections.quai.engine.tests.unit.test_actions import DOWN, ENGINES, recorded
from ansible_collections.quai.engine.tests.unit.test_archive import LAYERS, classic, config_of, in_file, sha256

TAG = "0123456789ab"
IMAGE = f"web:{TAG}"
CONFIG = json.loads(config_of(LAYERS))
ID = f"sha256:{sha256(config_of(LAYERS))}"
OLD_ID = old_layers(CONFIG)[-1].id
DIFF_IDS = CONFIG["rootfs"]["diff_ids"]
OFFER = {"image_id": ID, "layers": DIFF_IDS, "architecture": "amd64"}
NO_FLAG = "flag provided but not defined: --format\n"


def document(image_id: str = ID, layers: list[str] | None = None, **labels: str) -> str:
    """Return what an engine says of the image; without layers where it tells none."""
    found: dict[str, Any] = {
        "Id": image_id,
        "RepoTags": [IMAGE],
        "Architecture": "amd64",
        "Size": 5 << 20,
        "Config": {"Labels": {"quai.digest": TAG, "quai.image": "web"} | labels},
    }
    return json.dumps([found | ({"RootFS": {"Layers": layers}} if layers is not None else {})])


def before_all(guard: Guard, shell: str) -> None:
    """Let docker run this first."""
    docker = guard.bin / "docker"
    docker.write_text(docker.read_text(encoding="utf-8").replace("case ", f"{shell}\ncase ", 1), encoding="utf-8")


def comes(guard: Guard, how: str, said: str) -> Path:
    """Let the image be there, as said, after `docker load` or `pull`; returns where what was loaded is kept."""
    kept, words = guard.directory / "loaded.tar", guard.directory / "said"
    words.write_text(said, encoding="utf-8")
    before_all(
        guard,
        f'[ "$1" != load ] || cp "$3" {kept}\n[ "$1" != {how} ] || : > {kept}.here\n'
        f'if [ "$*" = "inspect {IMAGE}" ] && [ -e {kept}.here ]; then cat {shlex.quote(str(words))}; exit 0; fi',
    )
    return kept


def speaks(guard: Guard, version: str = "28.5.2") -> None:
    """Let the guard speak as an engine that has no image of the name, and loads, pulls and tags."""
    if version == "1.6.2":
        guard.answer("version --format *", "", NO_FLAG, 2)
        guard.answer("version", recorded("docker-1.6.2", "version.out"))
        guard.answer("info", recorded("docker-1.6.2", "info.out"))
    else:
        guard.answer("version --format *Arch*", "amd64\n")
        guard.answer("version *", f"{version}\n")
        guard.answer("info", recorded("docker-20.10.24", "info.out"))
    guard.answer("inspect *", "[]\n", "Error: No such object: web", 1)
    guard.answer("images *")
    for words in ("load *", "pull *", "push *", "tag *", "rmi *", "ps *"):
        guard.answer(words)


def taken(act: Run, tmp_path: Path, check: bool = False, **change: Any) -> dict[str, Any]:
    archive = in_file(tmp_path, classic())
    arguments = {"name": "web", "image": IMAGE, "offer": OFFER | {"archive": str(archive)}} | change
    return act("image_take", check, **arguments)


def nothing_left(tmp_path: Path) -> bool:
    """Return whether no archive lies around but the one that is offered."""
    kept = {"image.tar", "loaded.tar"}
    found = [path for path in tmp_path.rglob("*.tar") if path.parent != tmp_path and path.name not in kept]
    return not found and not list((tmp_path / "remote").rglob("image.tar"))


# --- taken ------------------------------------------------------------------------------------------------------------


def test_an_image_that_is_missing_is_sent(act: Run, guard: Guard, tmp_path: Path, said: list[str]) -> None:
    speaks(guard)
    loaded = comes(guard, "load", document(layers=DIFF_IDS))
    result = taken(act, tmp_path)
    assert not result.get("failed"), result["msg"]
    assert result["changed"]
    assert result["lacking"]
    assert result["plan"] == [f"load {IMAGE}", f"let web mean {IMAGE}"]
    assert result["image_id"] == ID
    load, tag = guard.changes()
    assert load.startswith("docker load -i ")
    assert tag == f"docker tag {IMAGE} web"
    assert loaded.read_bytes() == (tmp_path / "image.tar").read_bytes()
    assert nothing_left(tmp_path)
    assert said == [
        f"  quay1: sending {IMAGE} (0 MiB)",
        f"  quay1: loading {IMAGE}",
        f"  quay1: let web mean {IMAGE}",
    ]


@pytest.mark.usefixtures("said")
def test_an_engine_before_1_10_gets_the_layout_of_its_time(
    act: Run, guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, real = [], image_take.archives.convert

    def convert(source: Path, target: Path, reference: str) -> str:
        where.append(target)
        return real(source, target, reference)

    monkeypatch.setattr(image_take.archives, "convert", convert)
    speaks(guard, "1.6.2")
    loaded = comes(guard, "load", document(OLD_ID))
    result = taken(act, tmp_path)
    assert not result.get("failed"), result["msg"]
    assert result["image_id"] == f"sha256:{OLD_ID}"
    with tarfile.open(loaded) as tar:
        assert f"{OLD_ID}/layer.tar" in tar.getnames()
    load, tag = guard.changes()
    assert load.startswith("docker load -i ")
    assert tag == f"docker tag -f {IMAGE} web"
    # Not one command that it does not know.
    known = json.loads(recorded("docker-1.6.2", "flags.json"))
    assert {call.split()[1] for call in guard.calls} <= set(known)
    assert nothing_left(tmp_path)
    assert not where[0].is_relative_to(tmp_path)  # where a bundle's directory would be, in which nothing else may be


@pytest.mark.parametrize("version", ["28.5.2", "1.6.2"])
def test_what_is_there_is_not_sent(act: Run, guard: Guard, tmp_path: Path, version: str) -> None:
    guard.answer(f"inspect {IMAGE}", document("a" * 64))
    guard.answer("inspect web:latest", document("a" * 64))
    speaks(guard, version)
    result = taken(act, tmp_path, offer={})
    assert result["changed"] is False
    assert result["lacking"] is False
    assert result["plan"] == []
    assert guard.changes() == []


@pytest.mark.usefixtures("said")
def test_a_name_that_means_another_image_is_moved(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer(f"inspect {IMAGE}", document())
    guard.answer("inspect web:latest", document("sha256:" + "a" * 64))
    speaks(guard)
    result = taken(act, tmp_path, offer={})
    assert result["changed"]
    assert not result["lacking"]
    assert guard.changes() == [f"docker tag {IMAGE} web"]


def test_somebody_s_own_image_under_the_tag_is_none(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer(f"inspect {IMAGE}", document(**{"quai.digest": "another"}))
    speaks(guard)
    assert taken(act, tmp_path, check=True)["lacking"]


@pytest.mark.parametrize("check_version", ["28.5.2", "1.6.2", ""])
def test_check_mode_predicts(act: Run, guard: Guard, tmp_path: Path, check_version: str) -> None:
    if check_version:
        speaks(guard, check_version)
    else:
        guard.answer("*", "\n", DOWN, 1)
    result = taken(act, tmp_path, check=True, offer={})
    assert result["changed"]
    assert result["plan"] == [f"load {IMAGE}", f"let web mean {IMAGE}"]
    assert guard.changes() == []


def test_check_mode_before_the_builder_knows_the_tag(act: Run, guard: Guard, tmp_path: Path) -> None:
    result = taken(act, tmp_path, check=True, image="web", way="pull")
    assert (result["changed"], result["lacking"], result["plan"]) == (True, True, ["pull web"])
    assert guard.calls == []


@pytest.mark.usefixtures("said")
def test_an_engine_that_numbers_images_otherwise_is_asked_for_the_layers(
    act: Run, guard: Guard, tmp_path: Path
) -> None:
    speaks(guard)
    comes(guard, "load", document("sha256:" + "b" * 64, layers=DIFF_IDS))
    assert taken(act, tmp_path)["image_id"] == "sha256:" + "b" * 64


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize(
    ("version", "came"),
    [
        ("28.5.2", document("sha256:" + "b" * 64, layers=DIFF_IDS[:1])),
        ("28.5.2", document("sha256:" + "b" * 64, layers=DIFF_IDS, **{"quai.digest": "another"})),
        ("1.6.2", document("b" * 64)),
        ("28.5.2", "[]"),
    ],
)
def test_another_image_than_the_one_meant_goes_again(
    act: Run, guard: Guard, tmp_path: Path, version: str, came: str
) -> None:
    speaks(guard, version)
    comes(guard, "load", came)
    result = taken(act, tmp_path)
    assert result["failed"]
    assert f"what came as {IMAGE} is " in result["msg"]
    assert "nothing that runs was touched" in result["msg"]
    assert guard.changes()[1:] == [f"docker rmi {IMAGE}"]
    assert nothing_left(tmp_path)


@pytest.mark.usefixtures("said")
def test_a_load_that_fails_leaves_nothing(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("load *", "", "Error processing tar file(exit status 1): unexpected EOF", 1)
    speaks(guard)
    result = taken(act, tmp_path)
    assert result["failed"]
    assert "could not be loaded; nothing that runs was touched: Error processing tar file" in result["msg"]
    assert len(guard.changes()) == 1
    assert nothing_left(tmp_path)


@pytest.mark.usefixtures("said")
def test_a_damaged_archive_is_not_sent_to_an_old_engine(act: Run, guard: Guard, tmp_path: Path) -> None:
    speaks(guard, "1.6.2")
    archive = in_file(tmp_path, classic() | {f"{1:064x}/layer.tar": b"damaged"}, "damaged.tar")
    result = taken(act, tmp_path, offer=OFFER | {"archive": str(archive)})
    assert result["failed"]
    assert not result["changed"]
    assert f"{archive} cannot be used: its layer" in result["msg"]
    assert guard.changes() == []


@pytest.mark.usefixtures("said")
def test_a_host_without_room(act: Run, guard: Guard, tmp_path: Path) -> None:
    speaks(guard)
    guard.answer("*", "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/x 9 9 7 99% /var\n", program="df")
    result = taken(act, tmp_path)
    assert result["failed"]
    assert not result["changed"]
    assert f"quay1 cannot take {IMAGE}: /var has 0 MiB free" in result["msg"]
    assert guard.changes() == []
    assert nothing_left(tmp_path)


def test_nobody_offers_it(act: Run, guard: Guard, tmp_path: Path) -> None:
    speaks(guard)
    result = taken(act, tmp_path, offer={})
    assert result["failed"]
    assert f"{IMAGE} is not on quay1" in result["msg"]


# --- pulled -----------------------------------------------------------------------------------------------------------

REFERENCE = f"registry.example.org/team/{IMAGE}"
PULLED = {"way": "pull", "offer": OFFER | {"reference": REFERENCE}}


@pytest.mark.usefixtures("said")
def test_an_image_is_pulled_and_loses_the_registry_s_name(act: Run, guard: Guard, tmp_path: Path) -> None:
    speaks(guard)
    comes(guard, "pull", document(layers=DIFF_IDS))
    result = taken(act, tmp_path, **PULLED)
    assert not result.get("failed"), result["msg"]
    assert guard.changes() == [
        f"docker pull {REFERENCE}",
        f"docker tag {REFERENCE} {IMAGE}",
        f"docker rmi {REFERENCE}",
        f"docker tag {IMAGE} web",
    ]


@pytest.mark.usefixtures("said")
def test_a_name_that_was_pulled_before_stays(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer(f"inspect --format {{{{.Id}}}} {REFERENCE}", "sha256:before\n")
    speaks(guard)
    comes(guard, "pull", document(layers=DIFF_IDS))
    assert not taken(act, tmp_path, **PULLED).get("failed")
    assert f"docker tag sha256:before {REFERENCE}" in guard.changes()
    assert not [call for call in guard.changes() if "rmi" in call]


@pytest.mark.usefixtures("said")
def test_a_pull_that_fails(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("pull *", "", "Error response from daemon: no basic auth credentials", 1)
    speaks(guard)
    result = taken(act, tmp_path, **PULLED)
    assert result["failed"]
    assert f"{REFERENCE} could not be pulled; nothing that runs was touched" in result["msg"]
    assert "app_image_delivery: load" in result["msg"]
    assert guard.changes() == [f"docker pull {REFERENCE}"]


def test_an_engine_that_no_registry_understands(act: Run, guard: Guard, tmp_path: Path) -> None:
    speaks(guard, "1.6.2")
    result = taken(act, tmp_path, **PULLED)
    assert result["failed"]
    assert not result["changed"]
    assert result["msg"].startswith(f"Docker 1.6.2 cannot pull {IMAGE} from a registry of today.")
    assert "app_image_delivery: load" in result["msg"]
    assert guard.changes() == []


# --- offered ----------------------------------------------------------------------------------------------------------


def offered(act: Run, tmp_path: Path, check: bool = False, **change: Any) -> dict[str, Any]:
    return act("image_offer", check, **({"image": IMAGE, "cache": str(tmp_path / "cache")} | change))


def saves(guard: Guard, archive: Path) -> None:
    """Let the guard speak as an engine that has the image, and saves this archive of it."""
    before_all(guard, f'if [ "$1" = save ]; then cp {archive} "$3"; fi')


@pytest.fixture
def builder(guard: Guard, tmp_path: Path) -> Guard:
    """An engine that has the image, under no name of a registry's, and saves it."""
    guard.answer(f"image inspect *{REFERENCE}", "", "Error: No such image", 1)
    guard.answer("image inspect *", document(layers=DIFF_IDS))
    guard.answer("save *")
    speaks(guard)
    saves(guard, in_file(tmp_path, classic()))
    return guard


def test_an_image_is_saved_once(act: Run, builder: Guard, tmp_path: Path, said: list[str]) -> None:
    archive = tmp_path / "cache" / "web" / f"{ID[7:]}.tar"
    result = offered(act, tmp_path)
    assert not result.get("failed"), result["msg"]
    assert result["changed"]
    assert result["offer"] == OFFER | {"archive": str(archive)}
    assert archive.read_bytes() == (tmp_path / "image.tar").read_bytes()
    assert archive.parent.stat().st_mode & 0o77 == 0
    assert said == [f"  quay1: saving {IMAGE} (5 MiB)", f"  quay1: fetching {IMAGE}"]
    again = offered(act, tmp_path)
    assert again["changed"] is False
    assert again["offer"] == result["offer"]
    assert len(builder.changes()) == 1
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    assert not list((tmp_path / "remote").rglob("image.tar"))


@pytest.mark.usefixtures("said", "builder")
def test_the_cache_keeps_the_last_ones(act: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "web"
    cache.mkdir(parents=True)
    for age in range(4):
        (cache / f"{age}.tar").touch()
        os.utime(cache / f"{age}.tar", (1000 - age, 1000 - age))
    offered(act, tmp_path, keep=3)
    assert sorted(path.name for path in cache.iterdir()) == ["0.tar", "1.tar", f"{ID[7:]}.tar"]


@pytest.mark.usefixtures("said", "builder")
def test_a_damaged_archive_is_not_kept(act: Run, tmp_path: Path) -> None:
    whole = tmp_path / "image.tar"
    whole.write_bytes(whole.read_bytes()[:3000])
    result = offered(act, tmp_path)
    assert result["failed"]
    assert "cannot be used: it is cut short" in result["msg"]
    assert list((tmp_path / "cache" / "web").iterdir()) == []
    assert not list((tmp_path / "remote").rglob("image.tar"))


@pytest.mark.usefixtures("said")
def test_a_save_that_fails(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("image inspect *", document(layers=DIFF_IDS))
    guard.answer("save *", "", "write /tmp/image.tar: no space left on device", 1)
    result = offered(act, tmp_path)
    assert result["failed"]
    assert f"{IMAGE} could not be saved: write /tmp/image.tar: no space left" in result["msg"]
    assert list((tmp_path / "cache" / "web").iterdir()) == []


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("full", ["controller", "builder"])
def test_no_room_for_the_archive(
    act: Run, builder: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    if full == "controller":
        monkeypatch.setattr(image_offer.shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(9, 8, 4 << 20))
    else:
        builder.answer("*", "Filesystem Available\n/dev/x 9 9 4096 99% /var\n", program="df")
    result = offered(act, tmp_path)
    assert result["failed"]
    assert "has 4 MiB free, and the image's archive takes 5 MiB" in result["msg"]
    assert (f"{tmp_path}/cache/web on the controller" if full == "controller" else " on quay1 has") in result["msg"]
    assert builder.changes() == []


def test_an_image_that_the_builder_does_not_have(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("image inspect *", "[]\n", f"Error: No such image: {IMAGE}", 1)
    result = offered(act, tmp_path)
    assert result["failed"]
    assert f"There is no image {IMAGE} on quay1: Error: No such image" in result["msg"]


@pytest.mark.usefixtures("said")
def test_an_image_is_pushed_and_loses_the_registry_s_name(act: Run, builder: Guard, tmp_path: Path) -> None:
    result = offered(act, tmp_path, way="pull", registry="registry.example.org/team/")
    assert result["offer"] == OFFER | {"reference": REFERENCE}
    assert builder.changes() == [
        f"docker tag {IMAGE} {REFERENCE}",
        f"docker push {REFERENCE}",
        f"docker rmi {REFERENCE}",
    ]
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("rc", [0, 1])
def test_a_name_of_the_registry_s_that_was_there_stays(act: Run, guard: Guard, tmp_path: Path, rc: int) -> None:
    guard.answer(f"image inspect --format *{REFERENCE}", "sha256:theirs\n")
    guard.answer("image inspect *", document(layers=DIFF_IDS))
    guard.answer("push *", rc=rc)
    speaks(guard)
    offered(act, tmp_path, way="pull", registry="registry.example.org/team")
    assert guard.changes()[1:] == [f"docker push {REFERENCE}", f"docker tag sha256:theirs {REFERENCE}"]


@pytest.mark.usefixtures("said")
def test_a_name_that_cannot_be_given(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer(f"image inspect *{REFERENCE}", "", "Error: No such image", 1)
    guard.answer("image inspect *", document(layers=DIFF_IDS))
    guard.answer("tag *", "", "invalid reference format", 1)
    speaks(guard)
    result = offered(act, tmp_path, way="pull", registry="registry.example.org/team")
    assert f"{REFERENCE} could not be pushed: invalid reference format" in result["msg"]
    assert guard.changes() == [f"docker tag {IMAGE} {REFERENCE}"]


@pytest.mark.usefixtures("said")
def test_a_push_that_fails(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer(f"image inspect *{REFERENCE}", "", "Error: No such image", 1)
    guard.answer("image inspect *", document(layers=DIFF_IDS))
    guard.answer("push *", "", "denied: requested access to the resource is denied", 1)
    speaks(guard)
    result = offered(act, tmp_path, way="pull", registry="registry.example.org/team")
    assert result["failed"]
    assert f"{REFERENCE} could not be pushed: denied" in result["msg"]
    assert guard.changes()[-1] == f"docker rmi {REFERENCE}"


@pytest.mark.parametrize("check", [False, True])
def test_no_registry_to_push_to(act: Run, guard: Guard, tmp_path: Path, check: bool) -> None:
    result = offered(act, tmp_path, check, way="pull")
    assert result["failed"]
    assert "There is no registry for" in result["msg"]
    assert "app_image_registry" in result["msg"]
    assert guard.calls == []


def test_check_mode_without_the_image(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("image inspect *", "[]\n", f"Error: No such image: {IMAGE}", 1)
    for change in ({}, {"way": "pull", "registry": "registry.example.org/team"}):
        result = offered(act, tmp_path, check=True, **change)
        assert result["changed"]
        assert "offer" not in result
    assert guard.changes() == []
    assert not (tmp_path / "cache").exists()


def test_check_mode_before_the_tag_is_known(act: Run, guard: Guard, tmp_path: Path) -> None:
    assert offered(act, tmp_path, check=True, image="web")["changed"]
    assert guard.calls == []


@pytest.mark.usefixtures("said")
def test_check_mode_looks_for_the_archive(act: Run, builder: Guard, tmp_path: Path) -> None:
    assert offered(act, tmp_path, check=True)["changed"]
    assert not (tmp_path / "cache").exists()
    assert builder.changes() == []
    archive = Path(offered(act, tmp_path)["offer"]["archive"])
    os.utime(archive, (0, 0))
    result = offered(act, tmp_path, check=True)
    assert not result["changed"]
    assert result["plan"] == []
    assert archive.stat().st_mtime == 0


@pytest.mark.parametrize("check", [False, True])
def test_an_image_that_the_registry_has(act: Run, builder: Guard, tmp_path: Path, check: bool) -> None:
    builder.answer("manifest inspect *", json.dumps({"OCIManifest": {"config": {"digest": ID}}}))
    result = offered(act, tmp_path, check, way="pull", registry="registry.example.org/team")
    assert not result["changed"]
    assert result["offer"] == OFFER | {"reference": REFERENCE}
    assert builder.changes() == []


def test_check_mode_with_another_image_in_the_registry(act: Run, builder: Guard, tmp_path: Path) -> None:
    builder.answer("manifest inspect *", json.dumps({"OCIManifest": {"config": {"digest": f"sha256:{'b' * 64}"}}}))
    assert offered(act, tmp_path, check=True, way="pull", registry="registry.example.org/team")["changed"]
    assert builder.changes() == []


def test_the_builder_is_named_by_its_own_name(guard: Guard) -> None:
    guard.answer("image inspect *", "[]\n", "Error", 1)
    delegated = action(image_offer.ActionModule, args={"image": IMAGE, "cache": "/nowhere"})
    delegated._task.delegate_to = "builder"
    assert "on builder" in delegated.run(task_vars={"inventory_hostname": "quay1"})["msg"]


# --- what is asked, and what is made of it ----------------------------------------------------------------------------


def test_a_processor_that_cannot_run_it() -> None:
    offer = planning.Offer.of(OFFER)
    planning.refuse_delivery("load", (1, 6, 2), "amd64", IMAGE, offer)
    planning.refuse_delivery("pull", (1, 10), "", IMAGE, offer)
    with pytest.raises(Refused, match=r"was built for amd64, and this host's engine runs arm64\..*app_image_builder"):
        planning.refuse_delivery("load", (28, 5, 2), "arm64", IMAGE, offer)


def test_an_engine_of_unknown_version_is_a_current_one() -> None:
    assert [planning.is_old(version) for version in ((), (1, 6, 2), (1, 9, 1), (1, 10, 0), (28, 5, 2))] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_what_is_meant() -> None:
    offer = planning.Offer.of(OFFER)
    assert planning.is_meant(images(document())[0], offer, TAG)
    assert planning.is_meant(images(document("sha256:" + "b" * 64, DIFF_IDS))[0], offer, TAG)
    assert not planning.is_meant(images(document("sha256:" + "b" * 64))[0], offer, TAG)
    assert not planning.is_meant(images(document("sha256:" + "b" * 64, DIFF_IDS))[0], offer, "another")
    assert not planning.is_meant(None, offer, TAG)


@pytest.mark.parametrize("engine_name", ["docker-1.6.2", *ENGINES])
def test_engines_of_any_age_tell_version_and_processor(guard: Guard, engine_name: str) -> None:
    if engine_name == "docker-1.6.2":
        speaks(guard, "1.6.2")
    else:
        guard.answer("version --format *Arch*", "amd64\n")
        guard.answer("version *", f"{engine_name.removeprefix('docker-')}\n")
    ask = action(image_offer.ActionModule)
    ask._host, ask._prefix = "quay1", ""
    assert ask.fragment(ANY_VERSION).stdout.strip() == engine_name.removeprefix("docker-")
    assert ask.fragment(ANY_ARCHITECTURE).stdout.strip() == "amd64"


def test_an_engine_of_any_age_that_is_down(act: Run, guard: Guard, tmp_path: Path) -> None:
    guard.answer("*", "\n", DOWN, 1)
    guard.answer("*", program="dockerd")
    result = taken(act, tmp_path)
    assert result["failed"]
    assert result["msg"].startswith(f"Docker does not answer on quay1: {DOWN.strip()}")


def test_room_is_counted_for_each_file_system(guard: Guard, tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.mkdir()
    guard.answer("info", f"Storage Driver: overlay2\n Docker Root Dir: {engine}\n")
    ask = action(image_offer.ActionModule)
    ask._host, ask._prefix = "quay1", ""
    both = ask.fragment(room(str(tmp_path)))
    (first, second) = both.stdout.splitlines()
    assert first.split()[1] == second.split()[1]
    free = int(first.split()[0]) * 1024
    assert room_problem(both, free // 4) == ""
    assert "are needed to load it" in room_problem(both, free // 2)
    engine.rmdir()  # an engine that is elsewhere
    assert len(ask.fragment(room(str(tmp_path))).stdout.splitlines()) == 1
    apart = Answer(0, "300000 /tmp\n500000 /var/lib/my docker\n", "")
    assert room_problem(apart, 200 << 20) == ""
    assert room_problem(apart, 250 << 20) == ("/var/lib/my docker has 488 MiB free, and 500 MiB are needed to load it.")
    assert room_problem(apart, 300 << 20).startswith("/tmp has 292 MiB free, and 300 MiB")


# --- auto: built here, or else elsewhere ------------------------------------------------------------------------------


def test_where_the_base_cannot_be_had_it_is_built_elsewhere(
    act: Run, guard: Guard, tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n", encoding="utf-8")
    arguments = {"name": "web", "context": str(tmp_path), "base": "python:3.13-slim", "or_elsewhere": "lacking"}
    guard.answer("version *", "28.5.2\n")
    guard.answer("image inspect *", "[]\n", "Error: No such image", 1)
    guard.answer("pull *", "", "Error response from daemon: dial tcp: connect: network is unreachable", 1)
    result = act("image", **arguments)
    assert result["changed"] is False
    assert result["elsewhere"].startswith("The base image python:3.13-slim could not be pulled")
    assert said[-1].startswith("  quay1: web is not built here: The base image")
    failed = act("image", **(arguments | {"or_elsewhere": "old"}))
    assert failed["failed"]


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("base_is_here", [False, True])
def test_what_was_brought_once_is_brought_again_without_asking_for_its_base(
    act: Run, guard: Guard, tmp_path: Path, base_is_here: bool
) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n", encoding="utf-8")
    guard.answer("version *", "28.5.2\n")
    guard.answer("image inspect web", document(**{"quai.base.id": "sha256:base"}))
    if base_is_here:  # it was built here, from another base than now
        guard.answer("image inspect sha256:base", document())
    guard.answer("image inspect *", "[]\n", "Error: No such image", 1)
    guard.answer("pull *", "", "Error response from daemon: dial tcp: connect: network is unreachable", 1)
    result = act("image", name="web", context=str(tmp_path), base="python:3.13-slim", or_elsewhere="lacking")
    assert guard.changes() == (["docker pull -q python:3.13-slim"] if base_is_here else [])
    assert ("was brought" in result["elsewhere"]) is not base_is_here
