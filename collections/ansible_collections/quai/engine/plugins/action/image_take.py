"""quai.engine.image_take: the host has an image that was built elsewhere, sent as an archive or pulled from a registry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible import constants

from ansible_collections.quai.engine.plugins.module_utils import plan_delivery as planning, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.plan_image import LABEL_DIGEST, plan_image
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils import archive as archives
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ANY_ARCHITECTURE, ANY_VERSION, engine_answers
from ansible_collections.quai.engine.plugins.plugin_utils.images import image_fact, prune
from ansible_collections.quai.engine.plugins.plugin_utils.space import room, room_problem


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the image under its tag and its name."""
        name, image = args["name"], args["image"]
        if image == name:  # in check mode, where the builder has yet to build: its tag is not known
            return {"changed": True, "plan": [f"{args['way']} {name}"], "lacking": True}
        # In the words of every engine: a name with a tag is an image's.
        answers = self.read(
            {
                "friendly": quote(["docker", "inspect", f"{name}:latest"]),
                "tagged": quote(["docker", "inspect", image]),
                "version": ANY_VERSION,
            }
        )
        check = self._task.check_mode
        engine_answers(answers["version"], self._host, may_be_missing=False, check_mode=check)
        version = state.engine_version(answers["version"].stdout)
        friendly, tagged = (next(iter(state.images(answers[key].stdout)), None) for key in ("friendly", "tagged"))
        tag = image.removeprefix(f"{name}:")
        if tagged and tagged.labels.get(LABEL_DIGEST) != tag:  # somebody's own by chance
            tagged = None
        plan = plan_image(name, tag, friendly, tagged, args["way"], forced=is_old(version))
        result = planned(plan, lacking=tagged is None, image_id=tagged.id if tagged else "")
        result["ansible_facts"] = {image_fact(name): image}
        if check or not plan.steps:
            return result
        if tagged is None:
            result["image_id"] = self._bring(args, image, tag, version)
        self.take([step for step in plan.steps if step.words])
        if tagged is None:
            prune(self, name, tag, args["keep"], old=is_old(version))
        return result

    def _bring(self, args: dict[str, Any], image: str, tag: str, version: tuple[int, ...]) -> str:
        """Load or pull what is offered, see that it is that, and return its id."""
        if not args["offer"]:
            raise Refused(f"{image} is not on {self._host}.", "Nobody offers it.", "See quai.engine.image_offer.")
        offer = planning.Offer.of(args["offer"])
        planning.refuse_delivery(args["way"], version, self.fragment(ANY_ARCHITECTURE).stdout.strip(), image, offer)
        converted = ""
        if args["way"] == "pull":
            self._pull(image, offer.reference)
        elif is_old(version):
            # Not beside the archive: what is in a bundle's directory is the bundle's.
            with tempfile.TemporaryDirectory(dir=constants.DEFAULT_LOCAL_TMP) as scratch:
                old = Path(scratch, "image.tar")
                with self.long_step(f"converting {image} for Docker {'.'.join(map(str, version))}"):
                    converted = archives.convert(Path(offer.archive), old, image)
                self._load(image, old)
        else:
            self._load(image, Path(offer.archive))
        answer = self.command(["docker", "inspect", image])
        found = next(iter(state.images(answer.stdout)), None)
        if found and (found.id == converted or planning.is_meant(found, offer, tag)):
            return found.id
        self.command(["docker", "rmi", image])
        raise Failure(
            f"{self._host}: what came as {image} is {found.id if found else 'not there'}, and not "
            f"{converted or offer.image_id}, which was built; it was removed, and nothing that runs was touched."
        )

    def _load(self, image: str, archive: Path) -> None:
        size = archive.stat().st_size
        directory = self._make_tmp_path()
        try:
            if problem := room_problem(self.fragment(room(directory)), size):
                raise Refused(
                    f"{self._host} cannot take {image}: {problem}", "It would be cut short.", "Free some space."
                )
            remote = self._connection._shell.join_path(directory, "image.tar")
            with self.long_step(f"sending {image} ({size >> 20} MiB)"):
                self._transfer_file(str(archive), remote)
            with self.long_step(f"loading {image}"):
                answer = self.command(["docker", "load", "-i", remote])
        finally:
            self._remove_tmp_path(directory)
        if not answer.ok:
            raise Failure(
                f"{self._host}: {image} could not be loaded; nothing that runs was touched: {answer.stderr or answer.stdout}"
            )

    def _pull(self, image: str, reference: str) -> None:
        """Pull the image and give it its name. The registry's own goes again, or back to the image that had it."""
        before = self.command(["docker", "inspect", "--format", "{{.Id}}", reference])
        with self.long_step(f"pulling {reference}"):
            answer = self.command(["docker", "pull", reference])
        if not answer.ok:
            raise Failure(
                f"{self._host}: {reference} could not be pulled; nothing that runs was touched: {answer.stderr}. Check that "
                "the host reaches the registry and may read there, or have the image sent (app_image_delivery: load)."
            )
        self.command(["docker", "tag", reference, image])
        self.command(["docker", "tag", before.stdout.strip(), reference] if before.ok else ["docker", "rmi", reference])
