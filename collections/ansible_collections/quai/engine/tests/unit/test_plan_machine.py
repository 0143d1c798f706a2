"""The machine's state table, and the Mac's side: environment, start-up files, context, compose plugin."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils.machines import PROVIDERS, Mac, Machine, Wanted
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, Step
from ansible_collections.quai.engine.plugins.module_utils.plan_machine import (
    START_UP_FILES,
    File,
    Life,
    Record,
    Side,
    blocks,
    environment,
    environment_files,
    link_compose,
    mark_created,
    misfits,
    plan_absent,
    plan_present,
    plan_side,
    plan_side_absent,
    read_side,
    side_of,
    unlink_compose,
    with_block,
    without_block,
)
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, compose, take_apart

RECORDED = Path(__file__).parents[6] / "tests/doubles/recorded"
DOCKER_MACHINE, COLIMA = PROVIDERS["docker-machine"], PROVIDERS["colima"]
MAC = Mac("Darwin", "x86_64", (14, 6), "/Users/reader", 501, {"brew": "/usr/local/bin/brew", "VBoxManage": "/x"})
HOME = "/Users/reader/.quai/machines/dev"
RUNNING = Machine(
    "running",
    driver="virtualbox",
    cpus=1,
    memory_mib=1024,
    disk_gib=19,
    url="tcp://192.168.56.101:2376",
    address="192.168.56.101",
    cert_path="/Users/reader/.docker/machine/machines/dev",
)
UNHEALTHY = replace(RUNNING, state="unhealthy", problem="connection refused")
STOPPED = replace(RUNNING, state="stopped")
ABSENT = Machine("absent")


def present(machine: Machine, provider: str = "docker-machine", **wanted: Any) -> Life:
    return plan_present(machine, Wanted("dev", **wanted), PROVIDERS[provider], MAC, HOME)


def commands(life: Life) -> list[str]:
    return [" ".join(step.words[:2]) for step in life.steps]


# --- the machine ------------------------------------------------------------------------------------------------------


def test_running_and_fitting_wants_nothing() -> None:
    assert present(RUNNING) == Life()
    assert present(RUNNING, driver="virtualbox", cpus=1, memory_mib=1024, disk_gib=19) == Life()
    assert present(RUNNING, recreate="dev") == Life()  # allowed, not asked for


def test_absent_is_created() -> None:
    assert commands(present(ABSENT)) == ["docker-machine create"]
    assert commands(present(ABSENT, "colima")) == ["colima start"]


def test_stopped_is_started() -> None:
    assert commands(present(STOPPED)) == ["docker-machine start"]
    assert commands(present(STOPPED, "colima")) == ["colima start"]


def test_unhealthy_is_repaired_and_never_made_anew_unasked() -> None:
    life = present(UNHEALTHY)
    assert life.steps == life.last_resort == ()
    assert [step.title for step in life.repairs] == [
        "restart Docker in dev",
        "make the certificates of dev anew",
        "provision dev again",
    ]
    (title,) = life.titles
    assert title.startswith("repair it, one after the other until its engine answers: restart Docker in dev, then")


def test_unhealthy_may_be_made_anew_by_name_when_nothing_helped() -> None:
    life = present(UNHEALTHY, recreate="dev")
    assert len(life.repairs) == 3
    assert [step.words[:2] for step in life.last_resort] == [
        ("docker-machine", "rm"),
        ("rm", "-rf"),
        ("docker-machine", "create"),
    ]
    # The Mac would otherwise wait for data that went with the machine.
    assert life.last_resort[1].words == ("rm", "-rf", f"{HOME}/volumes")


@pytest.mark.parametrize(
    "wanted", [{"driver": "vmwarefusion"}, {"cpus": 2}, {"memory_mib": 2048}, {"disk_gib": 40}], ids=str
)
@pytest.mark.parametrize("machine", [RUNNING, STOPPED, UNHEALTHY], ids=lambda machine: machine.state)
def test_another_driver_or_size_is_refused_or_made_anew_by_name(machine: Machine, wanted: dict[str, Any]) -> None:
    (variable,) = wanted
    with pytest.raises(Refused, match=f"docker_machine_{variable} to what it is.*docker_machine_recreate: dev"):
        present(machine, **wanted)
    if variable != "driver":
        steps = [step.words[1] for step in present(machine, recreate="dev", **wanted).steps]
        assert steps == ["rm", "-rf", "create"]


def test_colima_is_restarted_for_another_size() -> None:
    assert commands(present(RUNNING, "colima", cpus=4)) == ["colima stop", "colima start"]
    assert "--cpu 4" in " ".join(present(RUNNING, "colima", cpus=4).steps[1].words)
    assert commands(present(STOPPED, "colima", cpus=4)) == ["colima start"]
    with pytest.raises(Refused, match="disk_gib 19 instead of 10"):
        present(RUNNING, "colima", disk_gib=10)


def test_what_is_not_told_is_no_misfit() -> None:
    generic = replace(RUNNING, cpus=0, memory_mib=0, disk_gib=0, driver="")
    assert misfits(generic, Wanted("dev", driver="virtualbox", cpus=4, memory_mib=1, disk_gib=1)) == {}


@pytest.mark.parametrize("machine", [ABSENT, RUNNING, STOPPED, UNHEALTHY], ids=lambda machine: machine.state)
def test_another_name_allows_nothing(machine: Machine) -> None:
    with pytest.raises(Refused, match=r"docker_machine_recreate says 'test', but the machine is 'dev'"):
        present(machine, recreate="test")
    with pytest.raises(Refused, match=r"docker_machine_purge says 'test', but the machine is 'dev'"):
        plan_absent(machine, Wanted("dev", purge="test"), DOCKER_MACHINE, side(), HOME)


def side(**changes: Any) -> Side:
    """Return a Mac's side on which nothing is."""
    paths = {
        "bash": "/Users/reader/.bash_profile",
        "zsh": "/Users/reader/.zshrc",
        "fish": "/Users/reader/.config/fish/config.fish",
        "env.sh": f"{HOME}/env.sh",
        "env.fish": f"{HOME}/env.fish",
        "created": f"{HOME}/created",
        "record": "/Users/reader/.quai/homebrew/dev.json",
    }
    contents = changes.pop("contents", {})
    files = {what: File(path, contents.get(what)) for what, path in paths.items()}
    return Side(files=files, **changes)


OURS = {"contents": {"created": b"docker-machine"}}


@pytest.mark.parametrize(
    ("machine", "known", "expected"),
    [
        (RUNNING, side(**OURS), ["docker-machine stop"]),
        (UNHEALTHY, side(**OURS), ["docker-machine stop"]),
        (STOPPED, side(**OURS), []),
        (ABSENT, side(**OURS), []),
        # It was here before: somebody else uses it.
        (RUNNING, side(), []),
        # Quai created one of this name, but with another provider.
        (RUNNING, side(contents={"created": b"colima"}), []),
        # docker-machine cannot stop a host that is none of its own.
        (replace(RUNNING, driver="generic"), side(**OURS), []),
    ],
)
def test_absent_keeps_what_is_in_it(machine: Machine, known: Side, expected: list[str]) -> None:
    life = plan_absent(machine, Wanted("dev"), DOCKER_MACHINE, known, HOME)
    assert [" ".join(step.words[:2]) for step in life.steps] == expected


def test_purge_by_name_removes_it() -> None:
    known = side(known=True)
    life = plan_absent(RUNNING, Wanted("dev", purge="dev"), DOCKER_MACHINE, known, HOME)
    assert [step.words for step in life.steps] == [("docker-machine", "rm", "-y", "dev"), ("rm", "-rf", HOME)]
    left = plan_absent(ABSENT, Wanted("dev", purge="dev"), DOCKER_MACHINE, known, HOME)
    assert [step.words for step in left.steps] == [("rm", "-rf", HOME)]
    assert plan_absent(ABSENT, Wanted("dev", purge="dev"), DOCKER_MACHINE, side(), HOME).steps == ()


# --- environment files ------------------------------------------------------------------------------------------------


def exported(text: str) -> dict[str, str]:
    """Return what a POSIX shell exports after reading the text."""
    names = ("DOCKER_TLS_VERIFY", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_MACHINE_NAME")
    script = "\n".join([text, *(f'printf "%s\\n" "{name}=${{{name}-unset}}"' for name in names)])
    before = {"DOCKER_TLS_VERIFY": "old", "DOCKER_CERT_PATH": "/old", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=before).stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def test_environment_is_what_docker_machine_prints() -> None:
    files = environment_files(environment(RUNNING, "dev"), "Managed.\nBy Quai.")
    said = (RECORDED / "docker-machine-0.16.2/env-bash.out").read_text()
    assert exported(files["env.sh"].decode()) == exported(said)
    fish = (RECORDED / "docker-machine-0.16.2/env-fish.out").read_text()
    assert [line for line in files["env.fish"].decode().splitlines() if not line.startswith("#")] == [
        line for line in fish.splitlines() if not line.startswith("#")
    ]
    assert files["env.sh"].startswith(b"# Managed.\n# By Quai.\n")


def test_environment_of_a_socket_forgets_certificates() -> None:
    machine = Machine("running", url="unix:///Users/reader/.colima/dev/docker.sock", address="127.0.0.1")
    files = environment_files(environment(machine, "dev"), "Managed.")
    assert exported(files["env.sh"].decode()) == {
        "DOCKER_TLS_VERIFY": "unset",
        "DOCKER_HOST": "unix:///Users/reader/.colima/dev/docker.sock",
        "DOCKER_CERT_PATH": "unset",
        "DOCKER_MACHINE_NAME": "unset",
    }
    assert b"set -e DOCKER_CERT_PATH;" in files["env.fish"]


@pytest.mark.parametrize("text", ['a"b', "a$HOME", "a`id`", "a\\b", "a b"])
def test_no_value_becomes_shell(text: str) -> None:
    machine = replace(RUNNING, cert_path=f"/Users/{text}")
    sh = environment_files(environment(machine, "dev"), "Managed.")["env.sh"].decode()
    assert exported(sh)["DOCKER_CERT_PATH"] == f"/Users/{text}"


# --- start-up files ---------------------------------------------------------------------------------------------------

LINE = '[ ! -r "/x" ] || . "/x"'
CONTENTS = [
    None,
    b"",
    b"\n",
    b"export EDITOR=vi\n",
    b"export EDITOR=vi",
    b"\r\nexport LANG=\xff\r\n",
    b"# >>> quai: docker machine other >>>\nx\n# <<< quai: docker machine other <<<\n",
    b"# >>> conda initialize >>>\nx\n# <<< conda initialize <<<",
]


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_start_up_files_are_given_back_byte_for_byte(content: bytes | None) -> None:
    once = with_block(content, "dev", LINE)
    assert LINE.encode() in once
    assert once.startswith(content or b"")
    assert with_block(once, "dev", LINE) == once
    assert without_block(once, "dev") == content
    assert without_block(content, "dev") == content


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_a_changed_block_is_replaced(content: bytes | None) -> None:
    changed = with_block(with_block(content, "dev", "old"), "dev", LINE)
    assert b"old" not in changed
    assert without_block(changed, "dev") == content


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_what_the_user_added_later_stays(content: bytes | None) -> None:
    added = with_block(content, "dev", LINE) + b"alias d=docker\n"
    left = without_block(added, "dev")
    assert left is not None
    assert left.endswith(b"alias d=docker\n")
    assert left.startswith(content or b"")
    assert b"quai: docker machine dev" not in left


def test_a_block_that_lost_its_end_takes_nothing_along() -> None:
    torn = with_block(b"x\n", "dev", LINE).replace(b"# <<< quai: docker machine dev <<<\n", b"") + b"alias mine=1\n"
    twice = with_block(with_block(torn, "dev", LINE), "dev", LINE)
    assert twice.startswith(torn)
    assert without_block(twice, "dev") == torn


def test_machines_have_blocks_of_their_own() -> None:
    both = with_block(with_block(b"x\n", "dev", LINE), "test", LINE)
    assert blocks(both) == ["dev", "test"]
    assert blocks(without_block(both, "dev")) == ["test"]
    assert without_block(without_block(both, "test"), "dev") == b"x\n"
    assert without_block(with_block(b"", "dev.2", LINE), "dev") == with_block(b"", "dev.2", LINE)


# --- the Mac's side ---------------------------------------------------------------------------------------------------


def steps_of(known: Side, machine: Machine = RUNNING, shells: tuple[str, ...] = ("bash", "zsh", "fish")) -> list[Step]:
    return plan_side(known, machine, Wanted("dev"), DOCKER_MACHINE, shells, "Managed.")


def context(host: str, description: str) -> dict[str, Any]:
    return {
        "Name": "dev",
        "Metadata": {"Description": description},
        "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}},
    }


def settled(shells: tuple[str, ...] = ("bash", "zsh", "fish")) -> Side:
    """Return the side after all steps were taken."""
    files = environment_files(environment(RUNNING, "dev"), "Managed.")
    for shell in shells:
        path = f"{HOME}/env.{'fish' if shell == 'fish' else 'sh'}"
        line = f'test -r "{path}"; and source "{path}"' if shell == "fish" else f'[ ! -r "{path}" ] || . "{path}"'
        files[shell] = with_block(None, "dev", line)
    return side(
        contents=files,
        context=context(RUNNING.url, "Quai: docker-machine dev"),
        certificates=("1 2", "1 2"),
        compose=True,
    )


def test_everything_is_led_to_the_machine_once() -> None:
    assert [step.title for step in steps_of(side())] == [
        "create the docker context dev",
        f"write {HOME}/env.sh",
        f"write {HOME}/env.fish",
        "have bash find dev, in /Users/reader/.bash_profile",
        "have zsh find dev, in /Users/reader/.zshrc",
        "have fish find dev, in /Users/reader/.config/fish/config.fish",
    ]
    assert steps_of(settled()) == []


def test_the_context_has_the_certificates() -> None:
    (create, *_rest) = steps_of(side())
    store = "/Users/reader/.docker/machine/machines/dev"
    assert create.words == (
        *("docker", "context", "create", "--docker"),
        f"host=tcp://192.168.56.101:2376,ca={store}/ca.pem,cert={store}/cert.pem,key={store}/key.pem",
        *("--description", "Quai: docker-machine dev", "dev"),
    )
    assert create.undo == ("docker", "context", "rm", "--force", "dev")


@pytest.mark.parametrize(
    "known",
    [
        replace(settled(), certificates=("1 2", "3 4")),
        replace(settled(), context=context("tcp://192.168.56.99:2376", "Quai: docker-machine dev")),
    ],
    ids=["other certificates", "other address"],
)
def test_a_context_of_other_certificates_or_address_is_updated(known: Side) -> None:
    assert [step.words[:3] for step in steps_of(known)] == [("docker", "context", "update")]


def test_somebody_elses_context_is_refused() -> None:
    known = replace(settled(), context=context("ssh://elsewhere", "mine"))
    with pytest.raises(Refused, match="docker context dev that leads to ssh://elsewhere"):
        steps_of(known)
    # One that leads to this very machine will do, whoever made it.
    assert steps_of(replace(settled(), context=context(RUNNING.url, "mine"))) == []


def test_colima_makes_its_own_context() -> None:
    steps = plan_side(side(), RUNNING, Wanted("dev"), COLIMA, ("zsh",), "Managed.")
    assert not [step for step in steps if "context" in step.title]
    assert plan_side_absent(settled(), COLIMA, "dev")[0].words[0] != "docker"


def test_a_shell_that_is_not_asked_for_is_left_or_left_again() -> None:
    assert steps_of(settled(("zsh",)), shells=("zsh",)) == []
    (step,) = steps_of(settled(("bash", "zsh")), shells=("bash",))
    assert step.title == "take dev out of /Users/reader/.zshrc"


def test_a_shell_that_leads_to_another_machine_is_refused() -> None:
    other = settled()
    known = replace(other, files=other.files | {"zsh": File("/Users/reader/.zshrc", with_block(b"", "test", LINE))})
    with pytest.raises(Refused, match=r"\.zshrc already leads to the machine test"):
        steps_of(known)
    assert steps_of(known, shells=("bash", "fish")) == []


def test_absent_takes_all_of_it_away() -> None:
    steps = plan_side_absent(settled(), DOCKER_MACHINE, "dev")
    assert [step.title for step in steps] == [
        "remove the docker context dev",
        "take dev out of /Users/reader/.bash_profile",
        "take dev out of /Users/reader/.zshrc",
        "take dev out of /Users/reader/.config/fish/config.fish",
        f"remove {HOME}/env.sh",
        f"remove {HOME}/env.fish",
    ]
    assert plan_side_absent(side(), DOCKER_MACHINE, "dev") == []
    kept = replace(settled(), context=context(RUNNING.url, "mine"))
    assert "context" not in plan_side_absent(kept, DOCKER_MACHINE, "dev")[0].title


def test_the_compose_plugin_is_linked_where_docker_does_not_see_it() -> None:
    (step,) = link_compose(side(), DOCKER_MACHINE, "/opt/homebrew", "/Users/reader")
    assert step.words[-2:] == (
        "/opt/homebrew/opt/docker-compose/bin/docker-compose",
        "/Users/reader/.docker/cli-plugins/docker-compose",
    )
    assert link_compose(settled(), DOCKER_MACHINE, "/opt/homebrew", "/Users/reader") == []
    assert link_compose(side(), PROVIDERS["docker-desktop"], "/opt/homebrew", "/Users/reader") == []
    assert link_compose(side(), DOCKER_MACHINE, "", "/Users/reader") == []


def test_somebody_elses_plugin_is_not_replaced(tmp_path: Path) -> None:
    own = tmp_path / ".docker/cli-plugins/docker-compose"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    (step,) = link_compose(side(), DOCKER_MACHINE, "/opt/homebrew", str(tmp_path))
    assert subprocess.run(step.words, check=False).returncode != 0
    assert own.read_text() == "mine"


def test_while_nobody_knows_where_it_is_the_shells_are_led_there_all_the_same() -> None:
    steps = plan_side(side(), None, Wanted("dev"), DOCKER_MACHINE, ("zsh",), "Managed.")
    assert [step.title for step in steps] == ["have zsh find dev, in /Users/reader/.zshrc"]


def test_only_our_link_is_removed(tmp_path: Path) -> None:
    link = tmp_path / ".docker/cli-plugins/docker-compose"
    (step,) = link_compose(side(), DOCKER_MACHINE, "/opt/homebrew", str(tmp_path))
    subprocess.run(step.words, check=True)
    assert str(link.readlink()) == "/opt/homebrew/opt/docker-compose/bin/docker-compose"
    subprocess.run(unlink_compose("/opt/homebrew", str(tmp_path)).words, check=True)
    assert not link.is_symlink()
    link.symlink_to("/elsewhere")
    subprocess.run(unlink_compose("/opt/homebrew", str(tmp_path)).words, check=True)
    assert link.is_symlink()


def test_the_record_survives_its_file() -> None:
    record = Record(("docker-machine",), ("docker-desktop",), link=True)
    assert Record.of(File("x", record.text().encode())) == record
    assert Record.of(File("x")) == Record()


def test_what_was_brought_for_any_machine_is_one_record(tmp_path: Path) -> None:
    records = tmp_path / ".quai/homebrew"
    records.mkdir(parents=True)
    (records / "dev.json").write_text(Record(("docker-machine", "docker"), link=True).text())
    (records / "test.json").write_text(Record(("colima", "docker"), ("docker-desktop",)).text())
    found = read(tmp_path)
    assert Record.of(found.files["record"]) == Record(("docker-machine", "docker"), link=True)
    assert found.brought == Record(("docker-machine", "docker", "colima"), ("docker-desktop",), link=True)


# --- by a real shell --------------------------------------------------------------------------------------------------


def read(home: Path, **variables: str) -> Side:
    """Return the side of a home directory, read by a shell as the action does."""
    script, marker = compose(read_side(DOCKER_MACHINE, "dev"))
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin"} | variables
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True, env=environ)
    found = take_apart(done.stdout, done.stderr, marker)
    return side_of(found | {"context": Answer(1, "[]", "")}, "dev")


def test_an_empty_home(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert {what: file.content for what, file in found.files.items()} == dict.fromkeys(found.files)
    assert found.files["bash"].path == f"{tmp_path}/.bash_profile"
    assert found.files["env.sh"].path == f"{tmp_path}/.quai/machines/dev/env.sh"
    assert set(START_UP_FILES) < set(found.files)
    assert not found.known


@pytest.mark.parametrize("name", [".bash_profile", ".bash_login", ".profile"])
def test_the_file_that_bash_reads_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x\n")
    (tmp_path / ".profile").write_bytes(b"x\n")
    assert read(tmp_path).files["bash"] == File(f"{tmp_path}/{name}", b"x\n")


def test_other_places_of_the_files(tmp_path: Path) -> None:
    found = read(tmp_path, ZDOTDIR=f"{tmp_path}/z", XDG_CONFIG_HOME=f"{tmp_path}/c")
    assert found.files["zsh"].path == f"{tmp_path}/z/.zshrc"
    assert found.files["fish"].path == f"{tmp_path}/c/fish/config.fish"


def test_other_machines_are_seen(tmp_path: Path) -> None:
    for name in ("dev", "test", "a b"):
        (tmp_path / ".quai/machines" / name).mkdir(parents=True)
    found = read(tmp_path)
    assert found.known
    assert "test" in found.others
    assert "dev" not in found.others


def take(steps: list[Step], undo: bool = False) -> None:
    for step in steps:
        subprocess.run(step.undo if undo else step.words, check=True)


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\r\nno line end", b"x" * 90_000], ids=["none", "empty", "bytes", "long"]
)
def test_files_are_written_and_taken_back(tmp_path: Path, content: bytes | None) -> None:
    profile = tmp_path / ".zshrc"
    if content is not None:
        profile.write_bytes(content)
        profile.chmod(0o640)
    found = read(tmp_path)
    steps = [step for step in steps_of(found) if step.words[0] == "sh"]
    take(steps)
    now = read(tmp_path)
    assert blocks(now.files["zsh"].content) == ["dev"]
    if content is not None:
        assert profile.stat().st_mode & 0o777 == 0o640
    assert [step for step in steps_of(now) if step.words[0] == "sh"] == []
    take(steps, undo=True)
    assert (profile.read_bytes() if profile.exists() else None) == content
    assert not (tmp_path / ".quai/machines/dev/env.sh").exists()


def test_a_link_of_a_dotfiles_repository_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles/zshrc").write_bytes(b"x\n")
    (tmp_path / ".zshrc").symlink_to("dotfiles/zshrc")
    take([step for step in steps_of(read(tmp_path), shells=("zsh",)) if step.words[0] == "sh"])
    assert (tmp_path / ".zshrc").is_symlink()
    assert b"quai: docker machine dev" in (tmp_path / "dotfiles/zshrc").read_bytes()
    take([step for step in plan_side_absent(read(tmp_path), DOCKER_MACHINE, "dev") if step.words[0] == "sh"])
    assert (tmp_path / "dotfiles/zshrc").read_bytes() == b"x\n"
    assert (tmp_path / ".zshrc").is_symlink()


def test_that_quai_created_it_is_remembered(tmp_path: Path) -> None:
    take(mark_created(read(tmp_path), DOCKER_MACHINE))
    now = read(tmp_path)
    assert now.files["created"].content == b"docker-machine"
    assert mark_created(now, DOCKER_MACHINE) == []


def test_words_carry_files_as_base64() -> None:
    step = next(step for step in steps_of(side()) if step.title.startswith("have zsh"))
    assert b"env.sh" in base64.b64decode(step.words[5])
