"""What the READMEs tell people to type, typed: on this machine, and for a fleet on two hosts of the test bed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, page, run
from tests.testbed import hosts, settings


def blocks(language: str, readme: str = "README.md") -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / readme).read_text(), re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def test_every_command_is_known_here() -> None:
    """A command that is added to the README needs a test below."""
    assert COMMANDS == [
        "./script/deploy",  # test_deploy.py
        "./script/test",  # what runs this
        "./script/deploy -e myapp_context=$PWD/tests/fixtures/second_app -e myapp_module=service:application",
        ". .venv/bin/activate",
        "ansible-playbook site.yml -i hosts.yml --check --diff",
        "ansible-playbook site.yml -i hosts.yml",
        "ansible-playbook site.yml -i hosts.yml --limit one.example.org",
        "ansible-playbook playbooks/bundle.yml -i hosts.yml -e bundle_release=bookworm",
        "ansible-playbook site.yml -i hosts.yml --limit one.example.org -e quai_bundle=quai-bookworm-amd64.tar",
        "ansible-playbook site.yml -i inventory/mixed.yml",  # tests/fleet/test_mac.py
        "ansible-playbook site.yml -i inventory/mixed.yml --limit dev.mac.example.org",  # tests/fleet/test_mac.py
        "ansible-playbook playbooks/teardown.yml",
        "ansible-playbook playbooks/teardown.yml -e teardown_data=myapp_data -e teardown_engine=docker",
    ]


@pytest.mark.parametrize("language", ["sh", "yaml"])
def test_french_readers_type_the_same(language: str) -> None:
    assert blocks(language, "README.fr.md") == blocks(language)


def test_every_variable_is_told() -> None:
    told = re.findall(
        r"`(myapp_\w+)`", "".join(re.findall(r"^\| `myapp.*$", (ROOT / "README.md").read_text(), re.MULTILINE))
    )
    vocabulary = (ROOT / "inventory/group_vars/all/myapp.yml").read_text()
    assert sorted(told) == sorted(re.findall(r"^(myapp_\w+):", vocabulary, re.MULTILINE))


@pytest.mark.usefixtures("deployed")
def test_a_second_application() -> None:
    run("sh", "-ec", COMMANDS[2])
    assert page()[0] == 200
    assert "second application" in page()[1]
    run("script/deploy")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The README's hosts.yml, its two hosts standing on the test bed."""
    inventory = tmp_path_factory.mktemp("fleet") / "hosts.yml"
    text = next(block for block in blocks("yaml") if "# hosts.yml" in block)
    assert "    ansible_user: admin\n" in text
    # The hosts are reached as containers, and are called as in the README.
    reached = '    ansible_connection: community.docker.docker\n    ansible_host: "quai-{{ inventory_hostname }}"\n'
    inventory.write_text(text.replace("    ansible_user: admin\n", reached))
    with contextlib.ExitStack() as stack:
        os.environ["DOCKER_HOST"], before = settings.DOCKER_HOST, os.environ.get("DOCKER_HOST")
        try:
            stack.enter_context(hosts.start("quai-host-docker:bookworm", "one.example.org"))
            stack.enter_context(hosts.start("quai-host-docker:trixie", "two.example.org"))
            yield inventory
            stack.close()
        finally:
            del os.environ["DOCKER_HOST"]
            if before:
                os.environ["DOCKER_HOST"] = before


def typed(command: str, inventory: Path) -> str:
    """Run one of the README's commands with this hosts.yml and return its output."""
    return run("sh", "-ec", f". .venv/bin/activate; {command.replace('hosts.yml', str(inventory))}", seconds=900).stdout


def test_a_fleet_of_ones_own(fleet: Path) -> None:
    check, deploy, limit = (
        command for command in COMMANDS if "site.yml -i hosts.yml" in command and "bundle" not in command
    )
    predicted = typed(check, fleet)
    assert predicted.count("failed=0") == 2
    served = typed(deploy, fleet)
    assert 'one.example.org:  answers: http://quai-one.example.org:80/ "Hello World!"' in served
    assert 'two.example.org:  answers: http://quai-two.example.org:8080/ "Hello World!"' in served
    again = typed(limit, fleet)
    assert re.findall(r"^(\S+) +: ok=", again, re.MULTILINE) == ["one.example.org"]
    assert "changed=0" in again
    teardown, purge = (f"{command} -i hosts.yml" for command in COMMANDS if "teardown" in command)
    assert typed(teardown, fleet).count("failed=0") == 2
    assert "changed=0" in typed(teardown, fleet)
    assert typed(purge, fleet).count("failed=0") == 2


def test_a_host_from_a_bundle(fleet: Path) -> None:
    """molecule (bundle) does it on bare hosts that reach nothing; here it is typed."""
    write, deploy = (command for command in COMMANDS if "bundle" in command)
    bundle = ROOT / "quai-bookworm-amd64.tar"
    try:
        written = typed(write, fleet)
        assert f"bundle: {bundle}" in written
        assert "MiB for Debian bookworm amd64" in written
        served = typed(deploy, fleet)
    finally:
        bundle.unlink(missing_ok=True)
    assert 'one.example.org:  answers: http://quai-one.example.org:80/ "Hello World!"' in served
    assert re.findall(r"^(\S+) +: ok=", served, re.MULTILINE) == ["one.example.org"]
