"""quai.engine.bundle_open: a bundle is whole and the right one for this host, and its files are there for the roles."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import plan_bundle as planning
from ansible_collections.quai.engine.plugins.module_utils.plan_bundle import PACKAGES, Manifest
from ansible_collections.quai.engine.plugins.plugin_utils import bundle as bundles, context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction

# Debian 8 tells the code name in VERSION only: 8 (jessie).
RELEASE = '. /etc/os-release && name=${VERSION#*(} && echo "${VERSION_CODENAME:-${name%)}}"'
UNUSED_SECONDS = 7 * 24 * 3600


class ActionModule(QuaiAction):
    """The action. It reads the host and changes nothing there."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return where the bundle's packages and images are, as the fact quai_bundle."""
        path, cache = Path(args["file"]).absolute(), Path(args["cache"])
        manifest = bundles.read_manifest(path)
        answers = self.read({"release": RELEASE, "architecture": "dpkg --print-architecture"})
        release, architecture = (answers[name].stdout.strip() for name in ("release", "architecture"))
        planning.refuse_other_host(manifest, str(path), self._host, release, architecture)
        if not args["stale"]:
            made_from = {name: bundles.made_from(image) for name, image in args["images"].items()}
            project = Path(args["project"])
            quai, code = contexts.revision(project), bundles.code_digest(project)
            planning.refuse_stale(manifest, str(path), quai, code, made_from)
        if self._task.check_mode:  # what is in it is needed by whoever changes something
            bundles.read(path)
            directory = cache
        else:
            directory = bundles.unpacked(path, cache)
            _forget_unused(cache)
        return {"ansible_facts": {"quai_bundle": _told(manifest, directory)}}


def _told(manifest: Manifest, directory: Path) -> dict[str, Any]:
    images = {
        name: {"image": image.image, "offer": {**image.offer, "archive": str(directory / image.offer["archive"])}}
        for name, image in manifest.images.items()
    }
    return {"packages": str(directory / PACKAGES), "images": images}


def _forget_unused(cache: Path) -> None:
    """Remove what no run has used for a week."""
    for each in cache.iterdir():
        if each.is_dir() and each.stat().st_mtime < time.time() - UNUSED_SECONDS:
            shutil.rmtree(each, ignore_errors=True)  # another run may be at it too
