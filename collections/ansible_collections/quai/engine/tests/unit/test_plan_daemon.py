"""What a host's Docker daemon needs: every row of the plan, and the shell of the read and of the stop really run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import daemon_flags, debian_archive, plan_daemon as planning
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_daemon import Changes, Facts, File, Record, Wanted
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, compose, take_apart
from ansible_collections.quai.engine.tests.unit.harness import Guard

RELEASES = {
    "12": {
        "name": "bookworm",
        "engine": ["docker.io", "containerd"],
        "helpers": ["ca-certificates"],
        "python": ["python3-requests"],
    },
    "13": {
        "name": "trixie",
        "engine": ["docker.io", "docker-cli", "containerd"],
        "helpers": ["ca-certificates"],
        "python": ["python3-requests"],
    },
}
SAFE = {"live-restore": True, "log-driver": "json-file", "log-opts": {"max-size": "10m"}}
WANTED = Wanted(releases=RELEASES, safe_options=SAFE)
BARE = Facts(
    distribution="debian",
    release="13",
    pretty_name="Debian GNU/Linux 13 (trixie)",
    architecture="x86_64",
    systemd=True,
    sysvinit=False,
    packages=frozenset(),
    fresh_lists=False,
    dockerd="",
    answers=False,
    version=(),
    pid=0,
    arguments=(),
    config_text="",
    members=frozenset(),
    accounts=frozenset({"deploy"}),
    unit_active=False,
    enabled=False,
    record=Record(),
    python=(3, 13, 5),
    python_path="/usr/bin/python3",
)
OURS = Record(True, packages=("docker.io", "docker-cli", "containerd"), keys=tuple(sorted(SAFE)))
SERVED = dataclasses.replace(
    BARE,
    packages=frozenset({"docker.io", "docker-cli", "containerd", "ca-certificates", "python3-requests"}),
    dockerd="/usr/sbin/dockerd",
    answers=True,
    version=(26, 1, 5),
    pid=77,
    config_text=json.dumps(SAFE),
    unit_active=True,
    enabled=True,
    record=OURS,
)
FOREIGN = dataclasses.replace(SERVED, record=Record(), config_text="")
ABSENT = dataclasses.replace(WANTED, state="absent")


def plan(facts: Facts, wanted: Wanted = WANTED, **options: object) -> Changes:
    """Return the plan for these facts, with these keys of daemon.json asked for."""
    if options:
        wanted = dataclasses.replace(wanted, options={key.replace("_", "-"): value for key, value in options.items()})
    return planning.plan_daemon(facts, wanted)


def refusal(facts: Facts, wanted: Wanted = WANTED, **options: object) -> str:
    """Return the words of the refusal."""
    with pytest.raises(Refused) as refused:
        plan(facts, wanted, **options)
    return str(refused.value)


def host(facts: Facts, **changes: object) -> Facts:
    """Return the facts as changed."""
    return dataclasses.replace(facts, **changes)  # type: ignore[arg-type]


def want(**changes: object) -> Wanted:
    """Return the wanted state as changed."""
    return dataclasses.replace(WANTED, **changes)  # type: ignore[arg-type]


def after(facts: Facts, changes: Changes) -> Facts:
    """Return the host after the role did what the plan says."""
    return host(
        facts,
        packages=facts.packages | set(changes.packages),
        dockerd="/usr/sbin/dockerd",
        answers=True,
        unit_active=True,
        pid=78,
        config_text=changes.config or facts.config_text,
        members=facts.members | set(changes.users),
        enabled=True,
        record=changes.record if changes.titles else facts.record,
    )


def test_a_bare_host_gets_everything() -> None:
    """Packages of its release, the safe options, a start, a start at boot."""
    changes = plan(BARE, want(users=["deploy"]))
    assert changes.packages == ("docker.io", "docker-cli", "containerd", "ca-certificates", "python3-requests")
    assert json.loads(changes.config) == SAFE
    assert (changes.daemon, changes.enable, changes.mode, changes.users) == ("start", True, "systemd", ("deploy",))
    assert not changes.adopted
    assert changes.record.packages == changes.packages
    assert set(changes.record.keys) == set(SAFE)


def test_the_release_decides_the_packages() -> None:
    """Bookworm has no docker-cli of its own."""
    assert "docker-cli" not in plan(host(BARE, release="12")).packages


def test_a_converged_host_needs_nothing() -> None:
    """Nothing to do is no title."""
    assert plan(SERVED).titles == ()


@pytest.mark.parametrize("facts", [BARE, SERVED, FOREIGN, host(SERVED, answers=False), host(FOREIGN, answers=False)])
@pytest.mark.parametrize(
    "options", [{}, {"debug": True}, {"log-driver": "journald"}, {"live-restore": None}, {"icc": False, "log-opts": {}}]
)
def test_the_second_run_changes_nothing(facts: Facts, options: Mapping[str, Any]) -> None:
    """Whatever the first one found and did."""
    wanted = want(options=options, users=["deploy"], registry_mirrors=["http://mirror"])
    assert plan(after(facts, plan(facts, wanted)), wanted).titles == ()


def test_a_stray_command_is_no_engine() -> None:
    """No dockerd and no answer: docker.io is installed, whatever /usr/local/bin/docker is."""
    assert "docker.io" in plan(BARE).packages


def test_an_engine_that_was_here_is_adopted() -> None:
    """No engine package is touched, even one of Debian's that is missing; the helpers are not the engine."""
    changes = plan(host(FOREIGN, packages=frozenset({"docker-ce"})))
    assert changes.adopted
    assert changes.packages == ("ca-certificates", "python3-requests")


def test_an_adopted_engine_whose_configuration_fits_is_left_running() -> None:
    """Same values, no record: nothing to write, nothing to restart."""
    assert plan(host(FOREIGN, config_text=json.dumps(SAFE))).titles == ()


def test_a_run_cut_short_is_taken_up() -> None:
    """The record came before the packages, so the engine is ours; its daemon has not seen the configuration."""
    changes = plan(host(SERVED, record=dataclasses.replace(OURS, pending=True)))
    assert not changes.adopted
    assert changes.daemon == "restart"


@pytest.mark.parametrize(
    ("options", "daemon"),
    [
        ({"debug": True}, "reload"),
        ({"registry-mirrors": ["http://m"], "labels": ["a=b"]}, "reload"),
        ({"live-restore": False}, "reload"),
        ({"icc": False}, "restart"),
        ({"debug": True, "icc": False}, "restart"),
        ({"log-opts": {"max-size": "5m"}}, "restart"),
    ],
)
def test_reload_where_that_is_enough(options: Mapping[str, Any], daemon: str) -> None:
    """Only keys that dockerd takes up on SIGHUP spare the restart."""
    changes = plan(SERVED, want(options=options))
    assert changes.daemon == daemon
    assert not changes.reload_first


def test_live_restore_comes_into_force_before_a_restart() -> None:
    """An adopted daemon without it would take its containers along."""
    changes = plan(FOREIGN)
    assert changes.daemon == "restart"
    assert changes.reload_first


def test_users_win_over_the_host_and_the_host_over_safe_options() -> None:
    """Three layers, top down."""
    facts = host(FOREIGN, config_text=json.dumps({"debug": False, "live-restore": False, "dns": ["192.0.2.1"]}))
    new = json.loads(plan(facts, debug=True).config)
    assert new == {**SAFE, "debug": True, "live-restore": False, "dns": ["192.0.2.1"]}


def test_an_option_no_longer_asked_for_goes_back() -> None:
    """A key of ours disappears; a key of the host's gets its former value."""
    facts = host(FOREIGN, config_text=json.dumps({**SAFE, "debug": False}))
    facts = after(facts, plan(facts, debug=True, icc=False))
    assert json.loads(facts.config_text) == {**SAFE, "debug": True, "icc": False}
    assert json.loads(plan(facts).config) == {**SAFE, "debug": False}


def test_a_key_added_by_hand_later_stays() -> None:
    """And is not ours."""
    facts = host(SERVED, config_text=json.dumps({**SAFE, "dns": ["192.0.2.1"]}))
    changes = plan(facts, debug=True)
    assert json.loads(changes.config)["dns"] == ["192.0.2.1"]
    assert "dns" not in changes.record.keys


def test_null_takes_a_key_out() -> None:
    """A safe option, or one of the host's."""
    facts = host(FOREIGN, config_text=json.dumps({"dns": ["192.0.2.1"]}))
    assert json.loads(plan(facts, live_restore=None, dns=None).config) == {
        key: value for key, value in SAFE.items() if key != "live-restore"
    }


@pytest.mark.parametrize(("driver", "kept"), [("journald", False), ("local", True)])
def test_log_limits_only_for_drivers_that_know_them(driver: str, kept: bool) -> None:
    """Journald refuses max-size, container by container."""
    assert ("log-opts" in json.loads(plan(BARE, log_driver=driver).config)) is kept
    assert ("log-opts" in plan(host(FOREIGN, config_text=json.dumps({"log-driver": driver}))).after) is kept


def test_order_and_layout_of_the_file_are_not_a_difference() -> None:
    """It is compared as what it says."""
    text = json.dumps(dict(reversed(SAFE.items())), indent=7)
    assert plan(host(SERVED, config_text=text)).titles == ()


def test_true_is_not_one() -> None:
    """Python takes them for equal, dockerd does not."""
    changes = plan(host(SERVED, config_text=json.dumps({**SAFE, "live-restore": 1})))
    assert json.loads(changes.config) == SAFE


def test_mirrors() -> None:
    """A key like any other, given once."""
    assert json.loads(plan(BARE, want(registry_mirrors=["http://m"])).config)["registry-mirrors"] == ["http://m"]
    both = want(registry_mirrors=["http://m"], options={"registry-mirrors": ["http://n"]})
    assert "given twice" in refusal(BARE, both)


def test_flags_of_the_running_daemon() -> None:
    """dockerd refuses what is given both ways: safe options give way, an input is refused."""
    facts = host(FOREIGN, arguments=("-D=false", "--log-opt", "max-file=2", "--log-driver=json-file", "--live-restore"))
    assert plan(facts).after == {}
    assert "--debug" in refusal(facts, debug=True)
    assert "--log-opt" in refusal(facts, log_opts={"max-file": "3"})


def test_a_daemon_started_by_hand_keeps_its_arguments() -> None:
    """Where nothing else restarts it, they are all that says where its data is; also once it has ended."""
    facts = host(FOREIGN, systemd=False, arguments=("--data-root", "/srv/docker"))
    changes = plan(facts)
    assert (changes.mode, changes.daemon, changes.arguments) == ("direct", "restart", ("--data-root", "/srv/docker"))
    ended = host(after(facts, changes), answers=False, pid=0, arguments=())
    assert plan(ended).arguments == ("--data-root", "/srv/docker")
    assert plan(host(FOREIGN, systemd=False, arguments=("-p", planning.PIDFILE))).arguments == ()


@pytest.mark.parametrize(
    ("facts", "asked", "mode"),
    [
        (BARE, "auto", "systemd"),
        (host(BARE, systemd=False, sysvinit=True), "auto", "sysvinit"),
        (host(BARE, systemd=False), "auto", "direct"),
        (BARE, "direct", "direct"),
        (host(BARE, systemd=False), "sysvinit", "sysvinit"),
    ],
)
def test_service_mode(facts: Facts, asked: str, mode: str) -> None:
    """Found by itself, and overridden."""
    changes = plan(facts, want(service=asked))
    assert changes.mode == mode
    assert changes.enable is (mode != "direct")


@pytest.mark.parametrize(
    ("facts", "wanted", "words"),
    [
        (host(BARE, distribution="ubuntu", release="24.04", pretty_name="Ubuntu 24.04"), WANTED, "Ubuntu 24.04"),
        (host(BARE, distribution="devuan", pretty_name="Devuan 13"), WANTED, "runs Devuan 13"),
        (host(BARE, release="10", pretty_name="Debian 10"), WANTED, "12 (bookworm), 13 (trixie)"),
        (host(BARE, release=""), WANTED, "This host runs"),
        (BARE, want(users=["deploy", "nobodys"]), "names nobodys, unknown"),
        (host(FOREIGN, version=(1, 6, 2)), WANTED, "1.6.2 is too old"),
        (host(FOREIGN, answers=False, version=(18, 6, 1)), WANTED, "18.06.1 is too old"),
        (host(BARE, systemd=False), want(service="systemd"), "systemd does not run"),
        (host(FOREIGN, unit_active=False), WANTED, "kill 77"),
        (host(FOREIGN, config_text="{"), WANTED, "is not JSON"),
        (host(FOREIGN, config_text="[]"), WANTED, "not a JSON object"),
        (BARE, want(options={"hosts": ["tcp://192.0.2.1:2376"]}), "unix:///var/run/docker.sock"),
        (
            host(FOREIGN, containers=("1 web",)),
            dataclasses.replace(ABSENT, purge_data="/var/lib/docker"),
            "not installed by",
        ),
    ],
)
def test_refusals(facts: Facts, wanted: Wanted, words: str) -> None:
    """By name, with the value."""
    assert words in refusal(facts, wanted)


def test_absent_undoes_what_was_done() -> None:
    """Stop, packages of the engine (not the libraries others may rely on), file, group, record."""
    record = dataclasses.replace(OURS, users=("deploy",), packages=(*OURS.packages, "python3-requests"))
    changes = plan(host(SERVED, record=record, members=frozenset({"deploy", "other"})), ABSENT)
    assert changes.daemon == "stop"
    assert changes.packages == OURS.packages
    assert changes.remove_config
    assert changes.users == ("deploy",)
    assert changes.purge == ""


def test_absent_again_is_nothing() -> None:
    """Neither on a host that never had it."""
    assert plan(BARE, ABSENT).titles == ()


def test_absent_leaves_an_engine_that_was_here() -> None:
    """Untouched when we never came, and as before when we did."""
    assert plan(FOREIGN, ABSENT).titles == ()
    before = host(FOREIGN, config_text=json.dumps({**SAFE, "debug": False}))
    changes = plan(after(before, plan(before, debug=True)), ABSENT)
    assert json.loads(changes.config) == {**SAFE, "debug": False}
    assert (changes.daemon, changes.packages, changes.remove_config) == ("reload", (), False)


def test_absent_under_running_containers() -> None:
    """Refused by their names, unless told."""
    facts = host(SERVED, containers=("1f web", "2f db"))
    assert "web, db" in refusal(facts, ABSENT)
    assert plan(facts, dataclasses.replace(ABSENT, stop_containers=True)).containers == ("1f", "2f")
    assert plan(host(FOREIGN, containers=("1f web",)), ABSENT).titles == ()


def test_keys_put_back_leave_packages_on_record() -> None:
    """When the daemon did not come up with the new configuration."""
    changes = plan(FOREIGN, want(users=["deploy"]), debug=True)
    back = changes.record_back(Record())
    assert (back.keys, back.users, back.packages) == ((), ("deploy",), changes.packages)


def answers(sections: Mapping[str, str]) -> dict[str, Answer]:
    """Return what these sections answer on this very machine."""
    script, marker = compose(sections)
    done = subprocess.run(["/bin/sh"], input=script, capture_output=True, text=True, timeout=60, check=True)
    return take_apart(done.stdout, done.stderr, marker)


def test_the_read_runs_in_one_script() -> None:
    """Every section answers on this machine, whatever it is."""
    wanted = want(users=["root", "no such account"], state="absent", purge_data="/proc/no such directory")
    sections = planning.read_sections(wanted)
    found = answers(sections)
    assert set(found) == set(sections)
    assert not [
        answer.stderr for answer in found.values() if "yntax" in answer.stderr or "not found: " in answer.stderr
    ]
    facts = planning.facts_of(found, wanted)
    assert facts.accounts == {"root"}
    assert facts.pretty_name in Path("/etc/os-release").read_text(encoding="utf-8")
    assert facts.purge_target == ""


def test_purge_is_for_docker_data_only(tmp_path: Path) -> None:
    """A directory that does not look like it is refused, an empty one is nothing to do."""

    def purge(root: Path) -> str:
        wanted = want(state="absent", purge_data=str(root))
        return planning.facts_of(answers(planning.read_sections(wanted)), wanted).purge_target

    assert purge(tmp_path) == ""
    (tmp_path / "precious").touch()
    with pytest.raises(Refused, match="not a directory of Docker's data"):
        purge(tmp_path)
    (tmp_path / "containers").mkdir()
    (tmp_path / "volumes").mkdir()
    assert purge(tmp_path) == str(tmp_path)


def test_the_record_survives_its_file() -> None:
    """Written and read again; damage is told."""
    record = Record(True, ("docker.io",), ("debug",), {"debug": False}, ("deploy",), ("--data-root", "/srv"), True)
    wanted = want()
    found = answers(planning.read_sections(wanted))
    assert planning.facts_of(found | {"record": Answer(0, record.text(), "")}, wanted).record == record
    with pytest.raises(Refused, match="cannot be understood"):
        planning.facts_of(found | {"record": Answer(0, '{"packages": 1}', "")}, wanted)


@pytest.mark.parametrize(
    ("printed", "systemd", "sysvinit"),
    [
        ("systemd\nhas-systemd\nhas-limit\n", True, False),
        ("init\nhas-inittab\nhas-limit\n", False, True),
        ("init\nhas-inittab\n", False, False),  # its script could not raise the limit it asks for
        ("init\nhas-limit\n", False, False),  # another init of that name
        ("sh\nhas-inittab\nhas-limit\n", False, False),
        ("sleep\n", False, False),
    ],
)
def test_what_runs_as_pid_1(printed: str, systemd: bool, sysvinit: bool) -> None:
    """The process, its files, and whether the init script can work."""
    found = answers(planning.read_sections(WANTED)) | {"init": Answer(0, printed, "")}
    facts = planning.facts_of(found, WANTED)
    assert (facts.systemd, facts.sysvinit) == (systemd, sysvinit)


@pytest.mark.parametrize(
    ("printed", "version", "answering"),
    [
        ("answers 20.10.24+dfsg1\n", (20, 10, 24), True),
        ("Docker version 26.1.5+dfsg1, build 411e817\n", (26, 1, 5), False),
        ("", (), False),
    ],
)
def test_version_of_a_daemon_or_of_a_program(printed: str, version: tuple[int, ...], answering: bool) -> None:
    """What answers is the daemon; what is only installed still has a version."""
    found = answers(planning.read_sections(WANTED)) | {"version": Answer(0, printed, "")}
    facts = planning.facts_of(found, WANTED)
    assert (facts.version, facts.answers) == (version, answering)


def test_the_wait_for_an_answer_goes_by_the_clock(guard: Guard) -> None:
    """Also where each question takes its time; an answer ends it at once."""
    guard.answer("* version", rc=1)
    program = guard.bin / "docker"
    program.write_text("#!/bin/sh\nsleep 2\nexit 1\n", encoding="utf-8")
    started = time.monotonic()
    assert subprocess.run(["/bin/sh", "-c", planning.until_it_answers(3)], check=False, timeout=30).returncode == 1
    assert 2 < time.monotonic() - started < 15
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert subprocess.run(["/bin/sh", "-c", planning.until_it_answers(3)], check=False, timeout=30).returncode == 0


def test_stop_does_not_wait_for_the_dead(tmp_path: Path) -> None:
    """A child nobody buries counts as ended, as in a container whose PID 1 is no init; then its pid file is gone."""
    pidfile = tmp_path / "pid"
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        pidfile.write_text(f"{sleeper.pid}\n", encoding="utf-8")
        started = time.monotonic()
        subprocess.run(["/bin/sh", "-c", planning.STOP, "stop", pidfile], check=True, timeout=30)
        assert time.monotonic() - started < 20
        assert not pidfile.exists()
        assert sleeper.wait() == -15
    subprocess.run(["/bin/sh", "-c", planning.STOP, "stop", pidfile], check=True, timeout=30)


# --- no Python, and releases past their end of life -------------------------------------------------------------------

KEY = "126C0D24BD8A2942CC7DF8AC7638D0442B90D010"
JESSIE = {
    "name": "jessie",
    "end_of_life": "2020-06-30",
    "engine": ["docker.io"],
    "version": "1.6.2~dfsg1-1~bpo8+1",
    "helpers": ["ca-certificates"],
    "python": [],
    "archive": {"suites": ["jessie"], "fingerprints": [KEY], "keyrings": ["/k.gpg"], "pins": {"docker.io": "jessie"}},
}
STRETCH = {**JESSIE, "name": "stretch", "engine": [], "end_of_life": "2022-06-30"}
OLD = dataclasses.replace(
    WANTED,
    releases={**RELEASES, "8": JESSIE, "9": STRETCH},
    allow_eol=True,
    archive_url="http://archive.example/debian/",
)
NO_PYTHON = host(BARE, python=(), python_path="")
OLD_BARE = host(
    NO_PYTHON,
    release="8",
    pretty_name="Debian GNU/Linux 8 (jessie)",
    kernel="3.16.0-4-amd64",
    filesystems=frozenset({"aufs"}),
    packages=frozenset({"ca-certificates"}),
)
OLD_SERVED = host(
    OLD_BARE,
    packages=frozenset({"ca-certificates", "docker.io"}),
    dockerd="/usr/bin/docker",
    answers=True,
    version=(1, 6, 2),
    pid=77,
    unit_active=True,
    enabled=True,
    unit_command="/usr/bin/docker -d -H fd:// $DOCKER_OPTS",
    init_reads_defaults=True,
    drop_in=daemon_flags.drop_in("/usr/bin/docker -d -H fd:// $DOCKER_OPTS", ["--storage-driver=aufs"]),
    storage=("aufs",),
    record=Record(True, packages=("docker.io",), files=debian_archive.FILES),
)
OLD_FOREIGN = host(OLD_SERVED, record=Record(), drop_in="")


@pytest.mark.parametrize(
    ("python", "by_steps"), [((), True), ((2, 7, 9), True), ((3, 7, 3), True), ((3, 9, 2), False), ((3, 13, 5), False)]
)
def test_where_no_module_runs_the_action_acts(python: tuple[int, ...], by_steps: bool) -> None:
    """And nothing is installed there that only a module would use."""
    changes = plan(host(BARE, python=python))
    assert changes.by_steps is by_steps
    assert ("python3-requests" in changes.packages) is not by_steps
    assert plan(host(SERVED, python=python), ABSENT).by_steps is by_steps


def test_a_release_past_its_end_of_life_is_refused_until_that_is_accepted() -> None:
    """By name and date; and said again on each run, also of one that finds nothing to do."""
    said = "Debian 8 (jessie) reached its END OF LIFE on 2020-06-30."
    for facts in (OLD_BARE, OLD_SERVED):
        words = refusal(facts, dataclasses.replace(OLD, allow_eol=False))
        assert words.startswith(said)
        assert "docker_engine_allow_eol: true" in words
    assert plan(OLD_SERVED, OLD).titles == ()
    assert plan(OLD_SERVED, OLD).warnings[0].startswith(said)
    removal = plan(OLD_SERVED, dataclasses.replace(OLD, state="absent", allow_eol=False))
    assert removal.warnings[0].startswith(said)


def test_an_old_release_gets_its_engine_from_the_archive() -> None:
    """With flags instead of daemon.json, by steps even where a module would run, and all of it on record."""
    changes = plan(host(OLD_BARE, python=(3, 13, 5)), OLD)
    assert (changes.packages, changes.config, changes.by_steps) == (("docker.io",), "", True)
    assert changes.archive is not None
    assert changes.archive.url == "http://archive.example/debian"
    assert changes.archive.versions == {"docker.io": "1.6.2~dfsg1-1~bpo8+1"}
    assert [file.path for file in changes.files] == [daemon_flags.DROP_IN]
    assert "--storage-driver=aufs" in changes.files[0].after
    assert changes.record.files == tuple(changes.archive.texts)
    warnings = " ".join(changes.warnings)
    assert "live-restore (containers end" in warnings
    assert "docker_engine_archive_sha256 is not set" in warnings
    assert "sha256" not in " ".join(plan(OLD_BARE, dataclasses.replace(OLD, archive_sha256="A" * 64)).warnings)


def test_packages_from_files_need_no_archive() -> None:
    """Nothing of apt's stays on the host; and the end of life is still to be accepted."""
    wanted = dataclasses.replace(OLD, packages_directory="/cache/packages")
    changes = plan(OLD_BARE, wanted)
    assert changes.titles[0] == "install docker.io from files"
    assert (changes.by_steps, changes.archive, changes.record.files) == (True, None, ())
    assert "sha256" not in " ".join(changes.warnings)
    with pytest.raises(Refused, match="END OF LIFE"):
        plan(OLD_BARE, dataclasses.replace(wanted, allow_eol=False))


def test_inputs_of_the_archive_win_over_the_table() -> None:
    """A copy of the archive, signed by its own key."""
    wanted = dataclasses.replace(OLD, archive_keyring="/mine.gpg", archive_fingerprints=["A" * 40])
    archive = plan(OLD_BARE, wanted).archive
    assert archive is not None
    assert (archive.keyrings, archive.fingerprints) == (["/mine.gpg"], ["A" * 40])


@pytest.mark.parametrize("service", ["systemd", "sysvinit", "direct"])
@pytest.mark.parametrize("options", [{}, {"icc": False}, {"live-restore": True}])
def test_the_second_run_of_an_old_engine_changes_nothing(service: str, options: Mapping[str, Any]) -> None:
    """Whatever starts the daemon: what it reads has what is wanted."""
    wanted = dataclasses.replace(OLD, service=service, options=options)
    installed = host(OLD_SERVED, answers=False, drop_in="", storage=())
    changes = plan(installed, wanted)
    assert changes.daemon == "start"
    files = {file.path: file.after for file in changes.files}
    assert (
        set(files)
        == {
            "systemd": {daemon_flags.DROP_IN},
            "sysvinit": {daemon_flags.DEFAULTS},
            "direct": set(),
        }[service]
    )
    converged = host(
        installed,
        answers=True,
        drop_in=files.get(daemon_flags.DROP_IN, ""),
        defaults=files.get(daemon_flags.DEFAULTS, ""),
        record=changes.record,
        storage=("aufs",),
    )
    assert plan(converged, wanted).titles == ()
    assert plan(converged, dataclasses.replace(wanted, options={"mtu": 1400})).daemon == "restart"


def test_what_starts_the_daemon_is_looked_at_and_not_assumed() -> None:
    """Flags that would not arrive are refused."""
    started = host(OLD_SERVED, drop_in="")
    assert "no ExecStart" in refusal(host(started, unit_command=""), OLD)
    sysvinit = dataclasses.replace(OLD, service="sysvinit")
    assert "does not use DOCKER_OPTS" in refusal(host(started, init_reads_defaults=False), sysvinit)
    by_hand = dataclasses.replace(OLD, service="direct", options={"icc": False})
    assert "started by hand" in refusal(OLD_FOREIGN, by_hand)


def test_an_old_daemon_keeps_its_socket() -> None:
    """systemd hands it on; elsewhere `hosts` must name it."""
    wanted = dataclasses.replace(OLD, options={"hosts": ["tcp://192.0.2.1:2375"]})
    assert "--host=tcp://192.0.2.1:2375" in plan(OLD_SERVED, wanted).files[0].after
    assert planning.SOCKET in refusal(OLD_SERVED, dataclasses.replace(wanted, service="sysvinit"))


def test_old_arguments_go_back_with_the_daemon() -> None:
    """They are its configuration: on record they would count as in force."""
    wanted = dataclasses.replace(OLD, service="direct", options={"icc": False})
    former = dataclasses.replace(OLD_SERVED.record, arguments=("-d", "-p", planning.PIDFILE, "--storage-driver=aufs"))
    changes = plan(host(OLD_SERVED, drop_in="", record=former), wanted)
    assert changes.record.arguments == (*former.arguments[:3], "--icc=false", "--storage-driver=aufs")
    assert changes.record_back(former).arguments == former.arguments
    by_hand = host(FOREIGN, systemd=False, arguments=("--data-root", "/srv"))
    assert plan(by_hand).record_back(Record()).arguments == ("--data-root", "/srv")


def test_flags_move_when_the_init_does() -> None:
    """From the drop-in to the file of the init script."""
    changes = plan(OLD_SERVED, dataclasses.replace(OLD, service="sysvinit"))
    assert [(file.path, bool(file.after)) for file in changes.files] == [
        (daemon_flags.DROP_IN, False),
        (daemon_flags.DEFAULTS, True),
    ]


def test_an_old_engine_that_was_here_gets_only_what_is_asked_for() -> None:
    """Its storage driver, and so its images, stay; nothing is restarted for a warning."""
    assert plan(OLD_FOREIGN, OLD).titles == ()
    changes = plan(OLD_FOREIGN, dataclasses.replace(OLD, options={"icc": False}))
    assert changes.adopted
    assert changes.files[0].after.endswith("$DOCKER_OPTS --icc=false\n")
    given = host(OLD_FOREIGN, unit_command="/usr/bin/docker -d --icc=true")  # of two the engine takes the last
    changes = plan(given, dataclasses.replace(OLD, options={"icc": False}))
    assert changes.files[0].after.endswith("ExecStart=/usr/bin/docker -d --icc=true --icc=false\n")
    without = host(OLD_FOREIGN, packages=frozenset({"docker.io"}))
    assert plan(without, OLD).packages == ("ca-certificates",)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (host(OLD_BARE, release="9"), "Debian 9 (stretch) never had a docker.io"),
        (host(OLD_SERVED, version=(1, 5, 0)), "1.5.0 is too old: 1.6.2 is the least"),
        (host(SERVED, version=(1, 6, 2)), "1.6.2 is too old: 18.09 is the least"),
    ],
)
def test_refusals_of_old_ones(facts: Facts, words: str) -> None:
    """An engine as old as that only where the end of life was accepted."""
    assert words in refusal(facts, OLD)


def test_stretch_with_an_engine_of_its_own_is_adopted() -> None:
    """One of today, with daemon.json."""
    facts = host(FOREIGN, release="9", python=(3, 5, 3), version=(19, 3, 15))
    changes = plan(facts, OLD)
    assert (changes.adopted, changes.packages, changes.by_steps) == (True, (), True)
    assert json.loads(changes.config) == SAFE


def test_absent_takes_the_archive_and_the_flags_out_again() -> None:
    """And what an administrator added to the file of the init script stays."""
    theirs = "# mine\n"
    facts = host(OLD_SERVED, defaults=daemon_flags.defaults(theirs, ["--icc=false"]))
    changes = plan(facts, dataclasses.replace(OLD, state="absent"))
    assert changes.files == (
        File(daemon_flags.DROP_IN, facts.drop_in, ""),
        File(daemon_flags.DEFAULTS, facts.defaults, theirs),
    )
    assert [f"remove {path}" in changes.titles for path in debian_archive.FILES] == [True] * 3
    foreign = host(OLD_FOREIGN, drop_in=facts.drop_in, record=Record(True))
    assert plan(foreign, dataclasses.replace(OLD, state="absent")).daemon == "restart"
    untouched = host(OLD_FOREIGN, drop_in="theirs, of the same name")
    assert plan(untouched, dataclasses.replace(OLD, state="absent")).titles == ()


def test_the_record_is_believed_only_about_files_of_ours() -> None:
    """They are removed as root."""
    text = Record(True, files=(debian_archive.SOURCES, "/etc/shadow")).text()
    found = answers(planning.read_sections(WANTED)) | {"record": Answer(0, text, "")}
    assert planning.facts_of(found, WANTED).record.files == (debian_archive.SOURCES,)


def test_what_is_read_of_an_old_host() -> None:
    """Of several commands the last one counts."""
    printed = (
        "kernel 3.16.0-4-amd64\nfilesystem aufs\nstorage aufs\ncommand /usr/bin/docker -d\n"
        "command /usr/bin/docker -d -H fd:// $DOCKER_OPTS\nreads-defaults\n"
    )
    found = answers(planning.read_sections(WANTED)) | {
        "old": Answer(0, printed, ""),
        "python": Answer(0, "2.7.9 /usr/bin/python2.7\n", ""),
        "version": Answer(0, "answers 1.6.2\n", ""),
    }
    facts = planning.facts_of(found, WANTED)
    assert (facts.kernel, facts.filesystems, facts.storage) == ("3.16.0-4-amd64", {"aufs"}, ("aufs",))
    assert facts.unit_command == "/usr/bin/docker -d -H fd:// $DOCKER_OPTS"
    assert (facts.init_reads_defaults, facts.version, facts.python) == (True, (1, 6, 2), (2, 7, 9))
    assert facts.python_path == "/usr/bin/python2.7"


def test_the_read_of_an_old_engine(guard: Guard) -> None:
    """`docker version` without --format tells the daemon; an old docker is the daemon's program, a new one alone is not."""
    recorded = (Path(__file__).parent / "fixtures/docker-1.6.2/version.out").read_text(encoding="utf-8")
    guard.answer("*--format*", stderr="flag provided but not defined: --format\n", rc=2)
    guard.answer("*version", recorded)
    guard.answer("--version", "Docker version 1.6.2, build 7c8fca2\n")
    sections = planning.read_sections(WANTED)
    found = answers({name: sections[name] for name in ("version", "dockerd", "old")})
    assert found["version"].stdout == "answers 1.6.2\n"
    if shutil.which("dockerd") is None:
        assert found["dockerd"].stdout.strip() == str(guard.bin / "docker")
        assert found["old"].stdout.startswith("kernel ")
