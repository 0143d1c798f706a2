"""A host of the test bed that serves the application, for what an operator does with one: this machine is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import chromium, run
from tests.testbed import hosts, settings

__all__ = ["chromium"]  # a fixture of both


@dataclass(frozen=True)
class Fleet:
    """One host that serves, called quay, and how Ansible reaches it."""

    host: hosts.Host
    inventory: Path

    def playbook(self, name: str, *arguments: str, seconds: int = 600) -> tuple[int, str]:
        """Run a playbook (`site`, or the name of one in playbooks/) and return its exit code and output."""
        path = "site.yml" if name == "site" else f"playbooks/{name}.yml"
        words = ("ansible-playbook", path, "-i", str(self.inventory), *arguments)
        done = run(*words, check=False, seconds=seconds, DOCKER_HOST=settings.DOCKER_HOST)
        return done.returncode, done.stdout

    def docker(self, *words: str, check: bool = True) -> str:
        """Run the host's own docker and return what it printed."""
        return run(
            "docker", "exec", self.host.name, "docker", *words, check=check, DOCKER_HOST=settings.DOCKER_HOST
        ).stdout.strip()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A host whose data lies on a small disk of its own, and which is asked for its health every second."""
    inventory = tmp_path_factory.mktemp("fleet") / "hosts.yml"
    with hosts.start("quai-host-docker:bookworm", "fleet") as host:
        inventory.write_text(
            "debian_hosts:\n"
            "  hosts:\n"
            f"    quay: {{ansible_connection: community.docker.docker, ansible_host: {host.name}}}\n"
            "  vars:\n"
            f"    docker_engine_registry_mirrors: [{settings.REGISTRY_URL}]\n"
            "    app_web_health_interval_seconds: 1\n"
        )
        host.shell("mkdir -p /var/lib/myapp/data && mount -t tmpfs -o size=300m tmpfs /var/lib/myapp/data")
        fleet = Fleet(host, inventory)
        code, said = fleet.playbook("site", seconds=900)
        assert code == 0, said
        yield fleet
