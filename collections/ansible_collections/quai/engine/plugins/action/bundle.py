"""quai.engine.bundle: one file with all that hosts of one Debian release and architecture need."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_bundle import (
    IMAGES,
    PACKAGES,
    Image,
    Manifest,
    refuse_other_image,
)
from ansible_collections.quai.engine.plugins.plugin_utils import bundle as bundles, context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction


class ActionModule(QuaiAction):
    """The action. It works on the controller alone."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Write the bundle, unless the file is that very bundle already."""
        path = Path(args["file"] or f"quai-{args['release']}-{args['architecture']}.tar").absolute()
        bundles.refuse_to_replace(path)
        archives = [image["archive"] for image in args["images"].values()]
        refuse_other_image(args["architecture"], {each["image"]: each["offer"]["architecture"] for each in archives})
        sources = {f"{PACKAGES}{each.name}": each for each in Path(args["packages"]).iterdir()}
        images = {}
        for name, image in args["images"].items():
            archive = Path(image["archive"]["offer"]["archive"])
            sources[f"{IMAGES}{archive.name}"] = archive
            images[name] = Image(
                made_from=bundles.made_from(image),
                image=image["archive"]["image"],
                offer={**image["archive"]["offer"], "archive": f"{IMAGES}{archive.name}"},
            )
        manifest = Manifest(
            quai=contexts.revision(Path(args["project"])),
            code=bundles.code_digest(Path(args["project"])),
            release=args["release"],
            architecture=args["architecture"],
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            images=images,
            files={name: bundles.file_of(source) for name, source in sources.items()},
        )
        result = {"changed": False, "plan": [], "file": str(path), "content": _content(manifest)}
        if _is_there(path, manifest):
            return result
        if self._task.check_mode:
            return result | {"changed": True, "plan": [f"write {path}"]}
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.long_step(f"writing {path}"):
            bundles.write(path, manifest, sources)
        return result | {"changed": True, "plan": [f"write {path}"]}


def _is_there(path: Path, manifest: Manifest) -> bool:
    """Return whether the file is a whole bundle of the same content, whenever that was written."""
    try:
        return dataclasses.replace(bundles.read(path), created=manifest.created) == manifest
    except Refused:
        return False


def _content(manifest: Manifest) -> list[str]:
    """Return the size and the content of a bundle in a few words each."""
    size = sum(file.size for file in manifest.files.values()) >> 20
    packages = sum(name.startswith(PACKAGES) and name.endswith(".deb") for name in manifest.files)
    return [
        f"{size} MiB for Debian {manifest.release} {manifest.architecture}",
        f"{packages} packages",
        *(f"image {image.image}" for image in manifest.images.values()),
        f"Quai {manifest.quai}",
    ]
