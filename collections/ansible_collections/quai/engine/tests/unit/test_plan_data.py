"""The data volume's state table, row by row."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_data import (
    _DESTROY,
    _HAND_OVER,
    Actual,
    plan_absent,
    plan_data,
)
from ansible_collections.quai.engine.tests.unit.samples import (
    ANONYMOUS,
    ANOTHER,
    BOUND,
    CONSUMER,
    DATA as WANTED,
    DATA_BARE as BARE,
    DATA_DONE as DONE,
    DIRECTORY,
    KEPT,
    KEPT_DONE,
    NAMED,
    PLAIN_VOLUME,
    TOKEN,
    VFS,
    VOLUME,
    assert_loses_nothing,
    container,
    lines,
)

FRESH = "00000000-0000-4000-8000-000000000000"
OWN = f"install -d -m 0750 -o 1000 -g 1000 {DIRECTORY}"
CREATE_VOLUME = (
    f"docker volume create --driver local --opt type=none --opt o=bind --opt device={DIRECTORY} "
    "--label quai.data=myapp_data myapp_data"
)
CREATE_CONTAINER = (
    "docker create --name myapp_data --label quai.data=myapp_data --net none -v myapp_data:/data myapp_data:abc true"
)


def but(actual: Actual = DONE, **changes: object) -> Actual:
    """Return the host as changed."""
    return dataclasses.replace(actual, **changes)  # type: ignore[arg-type]


def plan(actual: Actual) -> Plan:
    """Return the plan for the host, checked to lose nothing."""
    made = plan_data(actual, WANTED, FRESH)
    assert_loses_nothing(made)
    return made


def refusal(actual: Actual) -> str:
    """Return why nothing is done."""
    with pytest.raises(Refused) as caught:
        plan_data(actual, WANTED, FRESH)
    return str(caught.value)


# --- rows a, b, c: what is done ---------------------------------------------------------------------------------------


def test_a_bare_host_gets_everything_in_an_order_that_works() -> None:
    made = plan(BARE)
    commands = lines(made)
    assert commands[:4] == [OWN, CREATE_VOLUME, CREATE_CONTAINER, OWN]
    assert [words.split()[-3:] for words in commands[4:]] == [
        [FRESH, f"{DIRECTORY}/.quai-volume", "0444"],
        [FRESH, "/var/lib/quai/volumes/myapp_data", "0444"],
    ]
    assert [" ".join(each.undo) for each in made.steps] == [
        "",
        "docker volume rm myapp_data",
        "docker rm myapp_data",
        "",
        f"rm -f -- {DIRECTORY}/.quai-volume",
        "rm -f -- /var/lib/quai/volumes/myapp_data",
    ]
    assert made.before == {"container": "absent", "directory": "absent", "token": "absent", "volume": "absent"}
    assert made.after == {
        "container": "present",
        "directory": f"{DIRECTORY} 1000:1000 750",
        "token": "present",
        "volume": "present",
    }


def test_b_the_volume_is_attached_again() -> None:
    made = plan(but(container=None, consumers=()))
    assert lines(made) == [CREATE_CONTAINER, OWN]
    assert made.before["volume"] == "present"


def test_b_and_its_consumer_is_no_obstacle() -> None:
    """The container was removed by hand while the application goes on with the volume of the right name."""
    assert lines(plan(but(container=None))) == [CREATE_CONTAINER, OWN]


def test_b_a_directory_whose_volume_was_pruned_is_attached_again() -> None:
    assert lines(plan(but(container=None, volume=None, consumers=()))) == [CREATE_VOLUME, CREATE_CONTAINER, OWN]


def test_c_nothing_is_done_twice() -> None:
    assert plan(DONE) == Plan()
    assert plan(but(consumers=())) == Plan()


@pytest.mark.parametrize(
    ("owner", "mode"), [("0:0", "750"), ("1000:0", "750"), ("1000:1000", "755"), ("1000:1000", "700"), ("", "")]
)
def test_the_directory_gets_its_owner_and_mode(owner: str, mode: str) -> None:
    made = plan(but(owner=owner, mode=mode))
    assert lines(made) == [OWN]
    assert made.after["directory"] == f"{DIRECTORY} 1000:1000 750"
    assert made.before["directory"] == (f"{DIRECTORY} {owner} {mode}" if owner else "absent")


def test_a_volume_from_before_quai_gets_a_token() -> None:
    made = plan(but(token="", registered=""))
    assert made.titles == [
        f"write the volume's token into {DIRECTORY}",
        "remember the volume's token in /var/lib/quai/volumes/myapp_data",
    ]
    assert all(each.words[-3] == FRESH for each in made.steps)


def test_a_token_is_written_once_and_stays() -> None:
    """A disk brought to another host keeps its token: the host learns it."""
    made = plan(but(registered=""))
    assert lines(made) == [lines(made)[0]]
    assert made.steps[0].words[-3:] == (TOKEN, "/var/lib/quai/volumes/myapp_data", "0444")


def test_tokens_are_really_written(tmp_path: Path) -> None:
    wanted = dataclasses.replace(WANTED, directory=f"{tmp_path}/it's $(data)", register=f"{tmp_path}/a/b c/register")
    Path(wanted.directory).mkdir()
    volume = dataclasses.replace(VOLUME, options={**VOLUME.options, "device": wanted.directory})
    made = plan_data(but(volume=volume, token="", registered=""), wanted, FRESH)
    for each in made.steps:
        subprocess.run(each.words, check=True)
    for path in (Path(wanted.directory, ".quai-volume"), Path(wanted.register)):
        assert path.read_text(encoding="utf-8") == f"{FRESH}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert not Path(f"{path}.new").exists()
    for each in made.steps:
        subprocess.run(each.undo, check=True)
    assert not Path(wanted.register).exists()
    assert not list(Path(wanted.directory).iterdir())


# --- rows d to g: what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mount", "kind"),
    [
        (ANONYMOUS, "an anonymous volume"),
        (VFS, "an anonymous volume"),
        (BOUND, "a host directory"),
        (dataclasses.replace(NAMED, name="other"), "the volume other"),
    ],
)
def test_d_data_in_another_place_is_refused(mount: object, kind: str) -> None:
    text = refusal(but(container=container("myapp_data", mount)))  # type: ignore[arg-type]
    source = mount.source  # type: ignore[attr-defined]
    if mount == dataclasses.replace(NAMED, name="other"):
        assert f"holds /data in {kind}: {source}" in text
        return
    assert "hold different data at /data" in text  # with its consumer on the named volume it is row g
    alone = refusal(but(container=container("myapp_data", mount), consumers=()))  # type: ignore[arg-type]
    assert f"The container myapp_data holds /data in {kind}: {source}." in alone
    assert f"cp -a {source}/. {DIRECTORY}/, owner 1000:1000" in alone
    assert "without -v" in alone


def test_d_with_its_consumer_on_the_same_anonymous_volume() -> None:
    """The host built by hand from the text: both mount the same data, so only the move is missing."""
    text = refusal(
        but(container=container("myapp_data", ANONYMOUS), volume=None, consumers=(container("web", ANONYMOUS),))
    )
    assert f"holds /data in an anonymous volume: {ANONYMOUS.source}." in text
    assert "docker rename myapp_data myapp_data-old" in text


def test_d_a_container_of_the_name_without_data() -> None:
    text = refusal(but(container=container("myapp_data"), consumers=()))
    assert text.startswith("The container myapp_data has no volume at /data.")


def test_e_data_that_only_a_consumer_still_holds() -> None:
    text = refusal(but(BARE, consumers=(container("web", ANONYMOUS),)))
    assert (
        f"no container myapp_data, but data it once held is still mounted: web (running) mounts {ANONYMOUS.source}."
        in text
    )
    assert "docker rm -v" in text
    assert f"Copy {ANONYMOUS.source} into {DIRECTORY}" in text


def test_e_even_where_a_volume_of_the_name_exists() -> None:
    assert ANONYMOUS.source in refusal(but(container=None, consumers=(container("web", ANONYMOUS),)))


def test_e_several_consumers_of_the_same_data_are_one_candidate() -> None:
    users = (container("web", ANONYMOUS), container("web-previous", ANONYMOUS, running=False))
    text = refusal(but(BARE, consumers=users))
    assert "data it once held" in text
    assert f"web-previous (stopped) mounts {ANONYMOUS.source}" in text


def test_f_several_candidates() -> None:
    users = (container("web", ANONYMOUS), container("web-previous", ANOTHER, running=False))
    text = refusal(but(BARE, consumers=users))
    assert "its consumers mount different data" in text
    assert f"web (running) mounts {ANONYMOUS.source}; web-previous (stopped) mounts {ANOTHER.source}" in text
    assert "Quai does not guess" in text


def test_g_container_and_consumer_on_different_data() -> None:
    text = refusal(but(consumers=(CONSUMER, container("old", ANONYMOUS))))
    assert (
        f"myapp_data: {NAMED.source}; web (running) mounts {NAMED.source}; old (running) mounts {ANONYMOUS.source}."
        in text
    )
    assert text.startswith("myapp_data and its consumers hold different data at /data")


def test_g_with_the_container_s_own_data_anonymous() -> None:
    text = refusal(but(container=container("myapp_data", ANONYMOUS), consumers=(container("web", ANOTHER),)))
    assert f"myapp_data: {ANONYMOUS.source}; web (running) mounts {ANOTHER.source}" in text


def test_a_volume_of_the_name_that_keeps_its_data_elsewhere() -> None:
    plain = dataclasses.replace(VOLUME, options={})
    text = refusal(but(volume=plain))
    assert f"keeps its data in {VOLUME.mountpoint}, not in {DIRECTORY}" in text
    moved = dataclasses.replace(VOLUME, options={**VOLUME.options, "device": "/srv/data"})
    assert "Set app_data_directory to /srv/data" in refusal(but(volume=moved))


@pytest.mark.parametrize("option", ["type", "o", "device"])
def test_each_option_of_the_volume_counts(option: str) -> None:
    other = dataclasses.replace(VOLUME, options={**VOLUME.options, option: "nfs"})
    assert "The volume myapp_data exists" in refusal(but(volume=other))


def test_a_lost_disk_is_refused() -> None:
    text = refusal(but(token="", entries=0))
    assert f"{DIRECTORY} holds no token, but this host remembers {TOKEN} for myapp_data." in text
    assert "a disk that is not mounted" in text
    assert "remove /var/lib/quai/volumes/myapp_data and run again" in text
    assert "no token" in refusal(but(BARE, registered=TOKEN))


def test_another_disk_is_refused() -> None:
    assert f"holds another volume's token ({FRESH}), but this host remembers {TOKEN}" in refusal(but(token=FRESH))


def test_a_directory_full_of_somebody_else_s_files_is_refused() -> None:
    text = refusal(but(BARE, owner="0:0", mode="755", entries=7))
    assert f"{DIRECTORY} holds 7 entries and belongs to 0:0." in text
    assert "Quai would give it to 1000:1000" in text
    assert f"chown -R 1000:1000 {DIRECTORY}" in text


def test_a_directory_that_is_empty_given_over_or_known_is_taken() -> None:
    assert lines(plan(but(BARE, owner="0:0", mode="755")))[0] == OWN
    assert lines(plan(but(BARE, owner="1000:1000", mode="750", entries=7)))[0] == CREATE_VOLUME
    for known in ({"token": TOKEN}, {"token": TOKEN, "registered": TOKEN}, {"volume": VOLUME}):
        assert OWN in lines(plan(but(BARE, owner="0:0", mode="755", entries=7, **known)))


# --- absent -----------------------------------------------------------------------------------------------------------


def absent(actual: Actual, purge: str = "") -> Plan:
    """Return the plan of a removal, checked to lose nothing but what is asked for."""
    made = plan_absent(actual, WANTED, purge)
    assert_loses_nothing(made)
    return made


UNUSED = but(consumers=())


def test_absent_keeps_the_data() -> None:
    made = absent(UNUSED)
    assert lines(made) == ["docker rm myapp_data"]
    assert (made.before, made.after) == (
        {"container": "present", "data": "kept"},
        {"container": "absent", "data": "kept"},
    )
    assert absent(but(UNUSED, container=None)) == absent(BARE) == Plan()


def test_purge_by_name_destroys_the_data() -> None:
    made = absent(UNUSED, "myapp_data")
    assert lines(made) == [
        "docker rm myapp_data",
        "docker volume rm myapp_data",
        f"sh -c {_DESTROY} sh {DIRECTORY}",
        "rm -f -- /var/lib/quai/volumes/myapp_data",
    ]
    assert made.after == {"container": "absent", "data": "absent"}
    assert absent(BARE, "myapp_data") == Plan()


@pytest.mark.parametrize("purge", ["yes", "true", "all", "MYAPP_DATA", "myapp_data ", "myapp-data", "*"])
def test_purge_by_a_wrong_name_is_refused(purge: str) -> None:
    with pytest.raises(Refused, match="Data is destroyed only when asked by its name"):
        absent(UNUSED, purge)
    with pytest.raises(Refused, match="this volume is 'myapp_data'"):
        absent(BARE, purge)


@pytest.mark.parametrize("purge", ["", "myapp_data"])
def test_absent_is_refused_while_somebody_uses_the_data(purge: str) -> None:
    with pytest.raises(Refused, match="still mounted by web, web-previous"):
        absent(but(consumers=(CONSUMER, container("web-previous", NAMED))), purge)


@pytest.mark.parametrize("mounts", [(ANONYMOUS,), (BOUND,), ()])
def test_absent_never_touches_a_container_that_is_not_quai_s(mounts: tuple[object, ...]) -> None:
    foreign = container("myapp_data", *mounts)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="The container myapp_data h"):
        absent(but(UNUSED, container=foreign))


def test_purge_never_touches_a_directory_that_is_not_quai_s() -> None:
    with pytest.raises(Refused, match="holds 3 entries and no token of Quai, and this host remembers none for"):
        absent(but(UNUSED, token="", registered=""), "myapp_data")
    with pytest.raises(Refused, match=f"{DIRECTORY} holds 3 entries and no token of Quai, .* remembers {TOKEN}"):
        absent(but(UNUSED, token=""), "myapp_data")
    moved = dataclasses.replace(VOLUME, options={**VOLUME.options, "device": "/srv/data"})
    with pytest.raises(Refused, match="keeps its data in /srv/data"):
        absent(but(UNUSED, volume=moved), "myapp_data")


def test_purge_never_touches_another_volume_s_data() -> None:
    """A disk of another volume is mounted where this one's was."""
    with pytest.raises(Refused, match=f"the token {FRESH}, and this host remembers {TOKEN} for"):
        absent(but(UNUSED, token=FRESH), "myapp_data")
    with pytest.raises(Refused, match=f"the token {TOKEN}, and this host remembers none for"):
        absent(but(UNUSED, registered=""), "myapp_data")


def test_purge_of_an_empty_directory_and_of_a_lost_one() -> None:
    empty = lines(absent(but(UNUSED, token="", registered="", entries=0), "myapp_data"))
    assert empty[2] == f"sh -c {_DESTROY} sh {DIRECTORY}"
    gone = but(UNUSED, container=None, volume=None, owner="", mode="", token="", entries=0)
    assert lines(absent(gone, "myapp_data")) == ["rm -f -- /var/lib/quai/volumes/myapp_data"]


def destroy(directory: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Really run the step that destroys the data, in this directory."""
    wanted = dataclasses.replace(WANTED, directory=str(directory))
    actual = but(UNUSED, container=None, volume=None)
    (step,) = [each for each in plan_absent(actual, wanted, "myapp_data").steps if each.title.startswith("destroy")]
    environment = os.environ | {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run(step.words, capture_output=True, text=True, check=False, env=environment)


def filled(directory: Path) -> Path:
    """Return the directory with files of all kinds below it, and a link that leads out."""
    (directory / ".a" / "b c").mkdir(parents=True)
    (directory / ".a" / "b c" / "-rf").touch()
    (directory / ".quai-volume").touch()
    (directory / "out").symlink_to(directory.parent)
    return directory


def test_what_is_destroyed_is_the_directory_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside").touch()
    assert destroy(filled(tmp_path / "it's $(data)")).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["beside"]


@pytest.mark.parametrize(("mounted", "rc"), [(True, 0), (False, 1)])
def test_a_mount_point_is_emptied_and_stays(tmp_path: Path, mounted: bool, rc: int) -> None:
    """A directory that cannot be removed is right only where a file system is mounted on it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, code in {"rmdir": 1, "mountpoint": 0 if mounted else 1}.items():
        (programs / name).write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    directory = filled(tmp_path / "data")
    assert destroy(directory, str(programs)).returncode == rc
    assert list(directory.iterdir()) == []


# --- the engine keeps the data itself ---------------------------------------------------------------------------------

CREATE_PLAIN = "docker volume create --driver local --label quai.data=myapp_data myapp_data"


def kept(actual: Actual) -> Plan:
    """Return the plan for data in the engine's own keeping, checked to lose nothing and to touch no file but the register."""
    made = plan_data(actual, KEPT, FRESH)
    assert_loses_nothing(made)
    for each in made.steps:
        assert each.words[0] == "docker" or each.words[-2] == KEPT.register, each.words
    return made


def kept_refusal(actual: Actual) -> str:
    """Return why nothing is done."""
    with pytest.raises(Refused) as caught:
        plan_data(actual, KEPT, FRESH)
    return str(caught.value)


def helper(token: str) -> tuple[str, ...]:
    """Return the words of the container that hands the data over."""
    return (
        *[
            "docker",
            "run",
            "--rm",
            "--name",
            "myapp_data-helper",
            "--label",
            "quai.helper=myapp_data",
            "--network",
            "none",
            "--user",
            "0",
        ],
        *["--volumes-from", "myapp_data", "--entrypoint", "sh", "myapp_data:abc", "-c"],
        *(_HAND_OVER, "sh", "/data", "1000:1000", ".quai-volume", token),
    )


def test_kept_a_bare_engine_gets_everything_in_an_order_that_works() -> None:
    made = kept(BARE)
    assert lines(made)[:2] == [CREATE_PLAIN, CREATE_CONTAINER]
    assert made.steps[2].words == helper(FRESH)
    assert made.steps[3].words[-3:] == (FRESH, KEPT.register, "0444")
    assert made.titles == [
        "create the volume myapp_data",
        "create the volume container myapp_data",
        "have the data in the volume myapp_data owned by 1000:1000, with its token",
        f"remember the volume's token in {KEPT.register}",
    ]
    assert made.after["directory"] == "the volume myapp_data 1000:1000 750"


def test_kept_b_the_volume_is_attached_again() -> None:
    made = kept(but(KEPT_DONE, container=None))
    assert lines(made)[0] == CREATE_CONTAINER
    assert [each.words for each in made.steps[1:]] == [helper(TOKEN)]


def test_kept_c_nothing_is_done_twice() -> None:
    assert kept(KEPT_DONE) == Plan()


@pytest.mark.parametrize("change", [{"owner": "0:0"}, {"mode": "755"}, {"token": "", "registered": ""}])
def test_kept_what_is_missing_is_put_right(change: dict[str, str]) -> None:
    made = kept(but(KEPT_DONE, **change))
    assert made.steps[0].words == helper((change.get("token") == "" and FRESH) or TOKEN)
    assert len(made.steps) == (2 if "token" in change else 1)


def test_kept_a_token_found_is_remembered() -> None:
    """The volume of another Mac, or of one that forgot."""
    made = kept(but(KEPT_DONE, registered=""))
    assert [each.words[-3:] for each in made.steps] == [(TOKEN, KEPT.register, "0444")]


def test_kept_data_elsewhere_is_refused_with_commands_that_reach_it() -> None:
    copy = "docker run --rm --user 0 --volumes-from {} -v myapp_data:/quai myapp_data:abc cp -a /data/. /quai/"
    d = kept_refusal(but(KEPT_DONE, container=container("myapp_data", ANONYMOUS), consumers=()))
    assert "Quai keeps it in the volume myapp_data; a new volume beside it would start empty." in d
    assert copy.format("myapp_data") in d
    e = kept_refusal(but(BARE, consumers=(container("web", ANONYMOUS),)))
    assert f"Copy {ANONYMOUS.source} into the volume myapp_data ({copy.format('web')})" in e
    f = kept_refusal(but(BARE, consumers=(container("web", ANONYMOUS), container("web-previous", ANOTHER))))
    assert "copy it into the volume myapp_data" in f
    g = kept_refusal(but(KEPT_DONE, consumers=(container("web", ANONYMOUS),)))
    assert "copy it into the volume myapp_data while the writers are stopped" in g


@pytest.mark.parametrize("change", [{"options": {"type": "nfs", "device": ":/export"}}, {"driver": "nfs"}])
def test_kept_a_volume_that_is_not_plain_is_refused(change: dict[str, object]) -> None:
    other = dataclasses.replace(PLAIN_VOLUME, **change)  # type: ignore[arg-type]
    text = kept_refusal(but(KEPT_DONE, volume=other))
    assert "The volume myapp_data exists and keeps its data in " in text
    assert "not in the engine's own keeping" in text


def test_kept_a_machine_made_anew_is_refused() -> None:
    text = kept_refusal(but(BARE, registered=TOKEN))
    assert f"The volume myapp_data holds no token, but this host remembers {TOKEN} for myapp_data." in text
    assert "a machine made anew" in text
    assert f"remove {KEPT.register} and run again" in text
    assert "another volume's token" in kept_refusal(but(KEPT_DONE, token=FRESH))


def test_kept_absent_keeps_the_data() -> None:
    made = plan_absent(but(KEPT_DONE, consumers=()), KEPT, "")
    assert lines(made) == ["docker rm myapp_data"]
    assert made.after == {"container": "absent", "data": "kept"}


def test_kept_purge_by_name_removes_the_volume() -> None:
    unused = but(KEPT_DONE, consumers=())
    gone = ["docker volume rm myapp_data", f"rm -f -- {KEPT.register}"]
    assert lines(plan_absent(unused, KEPT, "myapp_data")) == ["docker rm myapp_data", *gone]
    assert lines(plan_absent(but(unused, container=None), KEPT, "myapp_data")) == gone
    assert lines(plan_absent(but(BARE, registered=TOKEN), KEPT, "myapp_data")) == gone[1:]
    assert plan_absent(BARE, KEPT, "myapp_data") == Plan()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"token": ""}, "no token of Quai"),
        ({"token": FRESH}, f"the token {FRESH}"),
        ({"registered": ""}, f"the token {TOKEN}"),
    ],
)
def test_kept_purge_never_touches_another_volume(change: dict[str, str], found: str) -> None:
    with pytest.raises(Refused, match=f"The volume myapp_data holds {found}, and this host remembers"):
        plan_absent(but(KEPT_DONE, consumers=(), **change), KEPT, "myapp_data")


def test_helpers_that_were_left_are_removed_first() -> None:
    left = (container("myapp_data-helper"), container("myapp_data-helper-17"))
    removed = ["docker rm -f myapp_data-helper", "docker rm -f myapp_data-helper-17"]
    assert lines(kept(but(KEPT_DONE, helpers=left))) == removed
    assert lines(plan_absent(but(KEPT_DONE, consumers=(), helpers=left), KEPT, "")) == [
        *removed,
        "docker rm myapp_data",
    ]


def test_the_data_is_really_handed_over(tmp_path: Path) -> None:
    data = tmp_path / "it's $(data)"
    data.mkdir(mode=0o700)
    owner = f"{os.getuid()}:{os.getgid()}"
    for token in (TOKEN, FRESH):  # written once, it stays
        subprocess.run(["sh", "-c", _HAND_OVER, "sh", data, owner, ".quai-volume", token], check=True)
    assert stat.S_IMODE(data.stat().st_mode) == 0o750
    written = data / ".quai-volume"
    assert written.read_text(encoding="utf-8") == f"{TOKEN}\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o444
    assert [path.name for path in data.iterdir()] == [".quai-volume"]
    assert subprocess.run(["sh", "-c", _HAND_OVER, "sh", tmp_path / "none", owner, "t", "x"], check=False).returncode
