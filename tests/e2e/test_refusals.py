"""Bad input is refused by name, with the value and the remedy, before anything changes."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import changes, docker, host_state, page, playbook, run, site

pytestmark = pytest.mark.usefixtures("deployed")


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("app_web_naem=x", ["app_web_naem", "did you mean app_web_name?"]),
        ("myapp_prot=81", ["myapp_prot", "did you mean myapp_port?"]),
        ("docker_engine_user=[]", ["docker_engine_user", "did you mean docker_engine_users?"]),
        ("myapp_port=eighty", ["myapp_port", "eighty"]),
        ("app_web_workers=many", ["app_web_workers", "many"]),
        ("myapp_port=70000", ["70000", "1 to 65535"]),
        ("myapp_port=0", ["Port 0", "1 to 65535"]),
        ("myapp_address=everywhere", ["everywhere", "myapp_address"]),
        ("myapp_runtime=python4", ["python4", "python3, python2"]),
        ("myapp_base_source=magic", ["magic", "auto, pull, debian"]),
        ("myapp_memory=lots", ["lots", "512m"]),
        ("myapp_memory=1m", ["'1m' is too small", "6m or more", "myapp_memory"]),
        ("myapp_workers=0", ["myapp_workers is 0", "1 or more"]),
        ("myapp_health_path=nope", ["'nope'", "begins with /"]),
        ("app_web_container_port=70000", ["70000", "app_web_container_port"]),
        ("myapp_context=/no/such/context", ["/no/such/context", "not a directory"]),
        ("myapp_context=/usr/share", ["/usr/share", "no Dockerfile"]),
        ("myapp_data_directory=relative/path", ["relative/path", "absolute"]),
        ("myapp_data_directory=/etc/hostname", ["/etc/hostname", "no directory"]),
        ("myapp_data_directory=/proc/nothing/here", ["/proc/nothing/here"]),
    ],
)
def test_refused_by_name(argument: str, named: list[str]) -> None:
    before = host_state()
    done = site("-e", argument, check=False)
    assert done.returncode != 0
    for words in named:
        assert words in done.stdout, done.stdout
    assert host_state() == before
    assert page()[0] == 200


def test_data_made_by_hand(tmp_path: Path) -> None:
    """A directory that somebody filled is shown and left alone, before an engine or an image is touched."""
    (tmp_path / "ledger").write_text("1\n")
    tmp_path.chmod(0o755)
    before = host_state()
    done = site("-e", f"myapp_data_directory={tmp_path}", "-e", "app_data_name=other", check=False)
    assert f"{tmp_path} belongs to 0:0 and holds ledger" in " ".join(done.stdout.split())
    assert changes(done) == 0
    assert host_state() == before
    assert (tmp_path / "ledger").stat().st_uid == 0


def test_an_inventory_that_is_not_there() -> None:
    done = site("-i", "nosuch.yml", check=False)
    assert done.returncode != 0
    assert "nosuch.yml" in done.stdout


def test_all_problems_at_once() -> None:
    done = site("-e", "app_web_naem=x", "-e", "myapp_port=70000", "-e", "myapp_context=/no/such", check=False)
    for words in ("app_web_naem", "70000", "/no/such"):
        assert words in done.stdout


def test_port_taken_by_another_program() -> None:
    before = host_state()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = site("-e", f"myapp_port={port}", check=False)
    assert done.returncode != 0
    assert f"Port {port} is already taken by py" in done.stdout
    assert "myapp_port" in done.stdout
    assert host_state() == before


def test_port_taken_by_another_container() -> None:
    docker("run", "-d", "--name", "e2e-neighbour", "-p", "8097:5000", "web")
    try:
        done = site("-e", "myapp_port=8097", check=False)
        assert "Port 8097 is already taken by container e2e-neighbour" in done.stdout
        assert done.returncode != 0
    finally:
        docker("rm", "-f", "e2e-neighbour")


@pytest.fixture(params=["size=1m", "ro"])
def bad_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A mounted file system that is too small, or read-only."""
    run("mount", "-t", "tmpfs", "-o", request.param, "tmpfs", tmp_path)
    yield tmp_path, request.param
    run("umount", tmp_path)


def test_data_directory_that_cannot_hold_data(bad_disk: tuple[Path, str]) -> None:
    directory, fault = bad_disk
    before = host_state()
    done = site("-e", f"myapp_data_directory={directory}/data", check=False)
    assert done.returncode != 0
    assert f"{directory}/data" in done.stdout
    assert ("cannot be written" if fault == "ro" else "MiB free") in done.stdout
    assert host_state() == before


def test_moved_data_directory_is_refused(tmp_path: Path) -> None:
    """The volume keeps its data where it is; a new directory beside it would start empty."""
    before = host_state()
    done = site("-e", f"myapp_data_directory={tmp_path}/data", check=False)
    assert done.returncode != 0
    assert "/var/lib/myapp/data" in done.stdout
    assert host_state()["data"] == before["data"]
    assert page()[0] == 200


def test_not_root() -> None:
    become = ["-e", "ansible_become_method=ansible.builtin.su", "-e", "ansible_become_user=daemon"]
    done = site(*become, "-e", "ansible_become_flags='-s /bin/sh'", check=False)
    assert done.returncode != 0
    assert "as daemon" in done.stdout
    assert "not as root" in done.stdout


def test_teardown_needs_the_very_name() -> None:
    before = host_state()
    for argument in ("teardown_data=yes", "teardown_engine=true"):
        done = playbook("teardown", "-e", argument, check=False)
        assert done.returncode != 0
        assert "very name" in done.stdout
    assert host_state() == before


def test_hand_made_data_is_refused_with_the_evidence() -> None:
    """A host built by hand from the text: an anonymous volume, which a new one beside it would hide."""
    docker("rm", "-f", "myapp_data")
    docker("create", "--name", "myapp_data", "myapp_data")
    try:
        source = docker("inspect", "-f", "{{(index .Mounts 0).Source}}", "myapp_data")
        done = site(check=False)
        assert done.returncode != 0
        assert source in done.stdout
        assert page()[0] == 200
    finally:
        docker("rm", "myapp_data")
        site()


def test_two_runs_at_once_and_a_run_that_died(context: Path) -> None:
    source = context / "myapp.py"
    source.write_text(source.read_text() + "\n# another release\n")
    lock = Path("/run/quai-web.lock")
    lock.mkdir()
    (lock / "holder").write_text("ann@laptop (pid 1), since 2026-01-01T00:00:00+00:00\n")
    try:
        serving = docker("inspect", "-f", "{{.Id}}", "web")
        done = site("-e", f"myapp_context={context}", check=False)
        assert done.returncode != 0
        assert "ann@laptop" in done.stdout
        assert str(lock) in done.stdout
        assert docker("inspect", "-f", "{{.Id}}", "web") == serving
        os.utime(lock, (0, 0))  # a run of long ago
        site("-e", f"myapp_context={context}")
        assert docker("inspect", "-f", "{{.Id}}", "web") != serving
        assert not lock.exists()
    finally:
        shutil.rmtree(lock, ignore_errors=True)
        site()


def test_somebody_elses_container_is_not_taken() -> None:
    docker("create", "--name", "web-next", "--label", "by=hand", "web")
    try:
        for done in (site(check=False), playbook("teardown", check=False)):
            assert done.returncode != 0
            assert "container web-next" in done.stdout
        assert docker("ps", "-aq", "--filter", "name=web-next") != ""
        assert page()[0] == 200
    finally:
        docker("rm", "web-next")


def test_somebody_elses_directory_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("not ours")
    module = f"name=other_data image=web directory={tmp_path}"
    done = run("ansible", "localhost", "-m", "quai.engine.data", "-a", module, check=False)
    assert "holds 1 entries and belongs to 0:0" in " ".join(done.stdout.split())
    assert (tmp_path / "precious").exists()
    assert tmp_path.stat().st_uid == 0


def test_image_with_a_volume_of_its_own_is_refused(context: Path) -> None:
    dockerfile = context / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + '\nVOLUME ["/var/uploads"]\n')
    done = site("-e", f"myapp_context={context}", check=False)
    assert done.returncode != 0
    assert "/var/uploads" in done.stdout
    assert page()[0] == 200
    site()
