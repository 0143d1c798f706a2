"""verify.yml is a judge: each promise, broken by hand, is found, and site.yml puts it right where it can."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import DATA, docker, page, playbook, run, site

pytestmark = pytest.mark.usefixtures("deployed")

TOKEN = DATA / ".quai-volume"


def refused(*arguments: str) -> list[str]:
    """Return the page, what it lacks, how the advice begins, and what the host showed, of a verification that fails."""
    done = playbook("verify", *arguments, check=False)
    assert done.returncode != 0
    shown = re.search(
        r'The page answered 200 with "(.*?)"(.*?); the host showed (.*?)\. (`docker|Correct)',
        " ".join(done.stdout.split()),
    )
    assert shown, done.stdout
    return [shown[1], shown[2], shown[4], *shown[3].split(", ")]


def test_verify_changes_nothing() -> None:
    site()
    assert "changed=0" in playbook("verify").stdout


def test_other_page_is_found() -> None:
    page, lacks, remedy, *_seen = refused("-e", "myapp_expect=Good-bye")
    assert (page, lacks) == ("Hello World!", ', without "Good-bye" (myapp_expect)')
    assert remedy == "Correct", "site.yml would not put it right"


def test_lifted_limit_is_found_and_put_back() -> None:
    docker("update", "--memory", "600m", "--memory-swap", "1g", "web")
    assert "memory 629145600" in refused()
    site()
    playbook("verify")
    docker("update", "--pids-limit", "300", "web")
    assert "pids 300" in refused()
    site()
    playbook("verify")


def test_root_is_found_and_replaced() -> None:
    docker("rm", "-f", "web")
    docker("run", "-d", "--name", "web", "--user", "0", "--volumes-from", "myapp_data", "-p", "80:5000", "web")
    assert "uid 0" in refused()
    site()
    assert docker("exec", "web", "id", "-u") == "1000"


def test_request_that_is_not_logged_is_found() -> None:
    site()
    log = DATA / "access.log"
    log.rename(DATA / "access.log.moved")
    try:
        assert "request logged" not in refused()
    finally:
        log.unlink(missing_ok=True)
        (DATA / "access.log.moved").rename(log)
    playbook("verify")


def test_other_data_is_found_and_refused() -> None:
    token = TOKEN.read_text()
    run("sh", "-c", f"echo 00000000-0000-0000-0000-000000000000 > {TOKEN}")
    try:
        assert "token same" not in refused()
        done = site(check=False)
        assert done.returncode != 0
        assert "another volume's token" in done.stdout
        assert page()[0] == 200
    finally:
        TOKEN.write_text(token)
    site()
