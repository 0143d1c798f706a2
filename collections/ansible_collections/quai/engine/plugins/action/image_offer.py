"""quai.engine.image_offer: an image of this host is there for others, as an archive on the controller or in a registry."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import state
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils import archive as archives
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction
from ansible_collections.quai.engine.plugins.plugin_utils.images import archive_fact


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the image in the controller's cache or in the registry, unless it is there already."""
        image, pushed = args["image"], args["way"] == "pull"
        if pushed and not args["registry"]:
            raise Refused(
                f"There is no registry for {image}.",
                "The builder pushes the image there, and the hosts pull it.",
                "Name one (app_image_registry), or have the image sent (app_image_delivery: load).",
            )
        title = f"push {image} to {args['registry']}" if pushed else f"have {image} in {args['cache']}"
        check = self._task.check_mode
        would = {"changed": True, "plan": [title]}
        if check and ":" not in image:  # it is to be built, and its tag is not known yet
            return would
        answer = self.command(["docker", "image", "inspect", image])
        found = next(iter(state.images(answer.stdout)), None)
        if found is None and check:
            return would
        if found is None:
            raise Refused(
                f"There is no image {image} on {self._host}: {answer.stderr}.",
                "It was to be brought to other hosts.",
                "Have it built there first (quai.engine.image).",
            )
        offer: dict[str, Any] = {
            "image_id": found.id,
            "layers": list(found.layers),
            "architecture": found.architecture,
        }
        if pushed:
            offer["reference"] = f"{args['registry'].rstrip('/')}/{image}"
            if self._is_pushed(found.id, offer["reference"]):
                return {"changed": False, "plan": [], "offer": offer}
            if not check:
                self._push(image, offer["reference"])
            return would | {"offer": offer}
        name = image.rpartition(":")[0]
        cache = Path(args["cache"], re.sub(r"[^\w.-]", "_", name))
        path = cache / f"{found.id.removeprefix('sha256:')}.tar"
        offer["archive"] = str(path)
        facts = {archive_fact(name): {"image": image, "offer": offer}}
        if path.exists():
            if not check:
                os.utime(path)  # used: not the first to go
            return {"changed": False, "plan": [], "offer": offer, "ansible_facts": facts}
        if check:
            return would
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._save(image, found.size, path)
        for old in sorted(cache.glob("*.tar"), key=lambda each: each.stat().st_mtime, reverse=True)[args["keep"] :]:
            old.unlink()
        return would | {"offer": offer, "ansible_facts": facts}

    def _is_pushed(self, image_id: str, reference: str) -> bool:
        """Return whether the registry is known to have this very image: its manifest names the id."""
        answer = self.command(["docker", "manifest", "inspect", "--verbose", reference])
        return answer.ok and image_id in answer.stdout

    def _push(self, image: str, reference: str) -> None:
        """Push the image. The name that it needs for that goes again, or back to the image that had it."""
        before = self.command(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
        answer = self.command(["docker", "tag", image, reference])
        if answer.ok:
            with self.long_step(f"pushing {reference}"):
                answer = self.command(["docker", "push", reference])
            self.command(
                ["docker", "tag", before.stdout.strip(), reference] if before.ok else ["docker", "rmi", reference]
            )
        if not answer.ok:
            raise Failure(
                f"{self._host}: {reference} could not be pushed: {answer.stderr}. "
                "Check app_image_registry, and that the builder is logged in there (docker login)."
            )

    def _save(self, image: str, size: int, path: Path) -> None:
        """Have the host's engine save the image (size in bytes), and fetch the archive."""
        self._refuse_full(shutil.disk_usage(path.parent).free, size, f"{path.parent} on the controller")
        directory = self._make_tmp_path()
        remote = self._connection._shell.join_path(directory, "image.tar")
        with tempfile.TemporaryDirectory(dir=path.parent) as near:
            part = Path(near, "image.tar")
            try:
                free = self.command(["df", "-Pk", directory]).stdout.split()
                if len(free) >= 4 and free[-3].isdecimal():
                    self._refuse_full(int(free[-3]) * 1024, size, f"{directory} on {self._host}")
                with self.long_step(f"saving {image} ({size >> 20} MiB)"):
                    # The engine's client makes a file that only root may read; who connects need not be root.
                    answer = self.fragment(
                        f"{quote(['docker', 'save', '-o', remote, image])} && {quote(['chmod', '644', remote])}"
                    )
                if not answer.ok:
                    raise Failure(f"{self._host}: {image} could not be saved: {answer.stderr}")
                with self.long_step(f"fetching {image}"):
                    self._connection.fetch_file(remote, str(part))
            finally:
                self._remove_tmp_path(directory)
            archives.prove(part)
            os.replace(part, path)

    @staticmethod
    def _refuse_full(free: int, size: int, where: str) -> None:
        if free < size:
            raise Refused(
                f"{where} has {free >> 20} MiB free, and the image's archive takes {size >> 20} MiB.",
                "Half an archive is none.",
                "Free some space there, or choose another place (app_image_cache, ansible_remote_tmp).",
            )
