"""Fixtures of the actions' tests."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.plugin_utils import base
from ansible_collections.quai.engine.tests.unit.harness import PLUGINS, Guard, Run, action, trusted


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """A guard first on the PATH of this process and its children."""
    made = Guard(tmp_path / "guard")
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operator is told while it happens."""
    told: list[str] = []
    monkeypatch.setattr(base.display, "display", lambda text, *_args, **_more: told.append(text))
    return told


@pytest.fixture
def act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run an action: act("data", name=..., directory=...); its result."""
    monkeypatch.setenv("ANSIBLE_REMOTE_TEMP", str(tmp_path / "remote"))

    def run(
        module: str,
        check: bool = False,
        environment: Mapping[str, str] | None = None,
        variables: Mapping[str, Any] | None = None,
        **args: Any,
    ) -> dict[str, Any]:
        plugin = importlib.import_module(module if "." in module else f"{PLUGINS}.action.{module}")
        result: dict[str, Any] = action(plugin.ActionModule, check, environment, variables, args).run(
            task_vars={"inventory_hostname": "quay1", **trusted(variables or {})}
        )
        return result

    return run
