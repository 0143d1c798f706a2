"""The lock by which one run at a time exchanges a release, on a directory of this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.plugin_utils import lock as locks
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction
from ansible_collections.quai.engine.tests.unit.harness import action


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where locks are, in the place of /run."""
    for name in ("_TAKE", "_RELEASE"):
        monkeypatch.setattr(locks, name, getattr(locks, name).replace("base=/run;", f"base={tmp_path};"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


def engine(docker_host: str = "") -> QuaiAction:
    """Return an action that speaks to this engine."""
    made: Any = action(QuaiAction, environment={"DOCKER_HOST": docker_host} if docker_host else {})
    made._host, made._prefix = "quay1", made._compute_environment_string()
    return made  # type: ignore[no-any-return]


def test_one_at_a_time(base: Path) -> None:
    with locks.lock(engine(), "web"):
        assert [path.name for path in base.iterdir()] == ["quai-web.lock"]
        with (
            pytest.raises(Refused, match=rf"Another run is changing web on this host: .*pid {os.getpid()}") as caught,
            locks.lock(engine(), "web"),
        ):
            pass
        assert f"remove {base}/quai-web.lock on the host" in str(caught.value)
        with locks.lock(engine(), "blog"):
            pass
    assert list(base.iterdir()) == []
    with locks.lock(engine(), "web"):
        pass


@pytest.mark.usefixtures("base")
def test_each_engine_of_a_host_has_its_own() -> None:
    with (
        locks.lock(engine("tcp://192.0.2.7:2376"), "web"),
        locks.lock(engine("tcp://192.0.2.8:2376"), "web"),
        locks.lock(engine("unix:///Users/me/.colima/default/docker.sock"), "web"),
        locks.lock(engine(), "web"),
        pytest.raises(Refused),
        locks.lock(engine("tcp://192.0.2.8:2376"), "web"),
    ):
        pass


@pytest.mark.parametrize(("age_minutes", "taken"), [(1, False), (14, False), (20, True)])
def test_a_run_that_died_is_not_waited_for(base: Path, age_minutes: int, taken: bool) -> None:
    left = base / "quai-web.lock"
    left.mkdir()
    (left / "holder").write_text("somebody\n", encoding="utf-8")
    os.utime(left, (time.time() - 60 * age_minutes,) * 2)
    if not taken:
        with pytest.raises(Refused, match="somebody"), locks.lock(engine(), "web"):
            pass
        assert left.exists()
        return
    with locks.lock(engine(), "web"):
        assert "somebody" not in (left / "holder").read_text(encoding="utf-8")
    assert list(base.iterdir()) == []


def test_what_another_took_over_is_not_released(base: Path) -> None:
    with locks.lock(engine(), "web"):
        (base / "quai-web.lock" / "holder").write_text("another\n", encoding="utf-8")
    assert (base / "quai-web.lock").exists()
