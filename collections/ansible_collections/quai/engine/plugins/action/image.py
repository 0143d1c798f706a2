"""quai.engine.image: one image, built from one context, under a tag that names its content."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import base_image, packages, plan_image as planning, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Plan, Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.script import HERE, quote
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import (
    ALL_CONTAINERS,
    ANY_VERSION,
    VERSION_UNLESS_OK,
    engine_answers,
)
from ansible_collections.quai.engine.plugins.plugin_utils.images import NAMES, image_fact, labelled_images, prune

CA_IN_CONTEXT = ".quai/ca-certificates.crt"
CA_ARGUMENT = "QUAI_CA_BUNDLE"
BASE_ARGUMENT = "BASE_IMAGE"


def inspect_images(*references: str) -> str:
    """Return the fragment that prints the documents of those images that exist."""
    return quote(["docker", "image", "inspect", *references])


class _TooOld(Refused):
    """An engine that cannot build."""


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the image, or have none of its name."""
        if args["state"] == "absent":
            return self._absent(args)
        try:
            return self._present(args)
        except Refused as reason:
            reasons: dict[str, tuple[type[Refused], ...]] = {"never": (), "old": (_TooOld,), "lacking": (Refused,)}
            if not isinstance(reason, reasons[args["or_elsewhere"]]):
                raise
            self.say(f"{args['name']} is not built here: {reason}")
            return {"changed": False, "plan": [], "elsewhere": str(reason)}

    def _present(self, args: dict[str, Any]) -> dict[str, Any]:
        if not args["context"]:
            raise Refused(
                "No context is given.",
                "There is nothing to build the image from.",
                "Set it to a directory with a Dockerfile.",
            )
        root = contexts.checked(args["context"], args["dockerfile"])
        build_args = {key: str(value) for key, value in args["build_args"].items()}
        text = (root / args["dockerfile"]).read_text(encoding="utf-8")
        given = {BASE_ARGUMENT: args["base"]} if args["base"] else {}
        dockerfile = contexts.read_dockerfile(text, build_args | given)
        fallback = base_image.base_image(args["base_runtime"]).name if args["base_runtime"] else ""
        is_argument = bool(args["base"]) and BASE_ARGUMENT in dockerfile.arguments

        name = args["name"]
        answers = self.read(
            {"friendly": inspect_images(name), "version": VERSION_UNLESS_OK}
            | {f"base {reference}": inspect_images(reference) for reference in dockerfile.bases}
            | ({"fallback": inspect_images(fallback), "debian": f"{HERE} && command -v apt-get"} if fallback else {})
        )
        engine_answers(answers["version"], self._host, may_be_missing=False, check_mode=self._task.check_mode)
        _refuse_to_build(state.engine_version(answers["version"].stdout), name)
        if fallback and not answers.pop("debian").ok:
            if args["base_source"] == "debian":
                raise Refused(
                    f"The base image {args['base']} cannot be made from Debian packages here.",
                    "That takes a Debian host on which the engine itself runs.",
                    "Set myapp_base_source to pull, or to auto, which then means pull.",
                )
            fallback = ""
        found = {
            key: next(iter(state.images(answer.stdout)), None) for key, answer in answers.items() if key != "version"
        }

        bases: dict[str, str] = {}
        origins: list[str] = []
        for reference in dockerfile.bases:
            ours = is_argument and reference == args["base"]
            choice = planning.choose_base(
                args["base_source"] if ours else "pull",
                reference,
                found[f"base {reference}"],
                fallback if ours else "",
                found.get("fallback"),
                args["base_refresh"],
            )
            if (
                args["or_elsewhere"] == "lacking"
                and choice.ways
                and not choice.image
                and self._was_brought(found["friendly"])
            ):
                raise Refused(
                    f"The {name} that is here was brought, and its base {reference} was not.",
                    "What could be brought once can be brought again, without waiting for registries that do not answer.",
                    "To build it here, set app_image_delivery to build.",
                )
            if choice.ways and self._task.check_mode:
                ways = " or, where no registry can be reached, ".join(
                    f"pull {reference}" if way == "pull" else f"make {fallback} from Debian packages"
                    for way in choice.ways
                )
                return {
                    "changed": True,
                    "plan": [ways, f"build {name}"],
                    "image": name,
                    "base": choice.reference,
                    "base_origin": "not here yet",
                }
            used, image_id, origin = self._obtain(choice, args["base_runtime"])
            bases[used] = image_id
            origins.append(origin)
            if ours:
                given = {BASE_ARGUMENT: used}

        paths = contexts.files(root, args["dockerfile"])
        tag = contexts.image_digest(contexts.context_digest(root, paths), args["dockerfile"], build_args, bases)
        # The image in use is it, as a rule; one of an earlier content is looked for only where it is not.
        candidates = [found["friendly"]] if found["friendly"] else []
        if not any(f"{name}:{tag}" in image.tags for image in candidates):
            candidates = state.images(self.fragment(labelled_images(name)).stdout)
        tagged = next((image for image in candidates if f"{name}:{tag}" in image.tags), None)
        plan = planning.plan_image(name, tag, found["friendly"], tagged)
        result = planned(
            plan,
            image=f"{name}:{tag}",
            base=", ".join(bases),
            base_origin="; ".join(origins),
            image_id=tagged.id if tagged else "",
        )
        # The release is judged by what this run built or, in check mode, would have built.
        result["ansible_facts"] = {image_fact(name): f"{name}:{tag}"}
        if self._task.check_mode or not plan.steps:
            return result
        if tagged is None:
            arguments = args["transient_args"] | build_args | given
            self._build(args, root, paths, arguments, dockerfile, f"{name}:{tag}", tag, bases)
        self.take([step for step in plan.steps if step.words])
        if tagged is None:
            prune(self, name, tag, args["keep"])
        answer = self.command(["docker", "image", "inspect", "--format", "{{.Id}}", f"{name}:{tag}"])
        return result | {"image_id": answer.stdout.strip()}

    def _was_brought(self, image: state.Image | None) -> bool:
        """Return whether an image was built elsewhere: of bases that are not here."""
        bases = image.labels.get(planning.LABEL_BASE_ID, "") if image else ""
        return bool(bases) and not self.fragment(inspect_images(*bases.split(", "))).ok

    def _obtain(self, choice: planning.Base, runtime: str) -> tuple[str, str, str]:
        """Return the base's name, its id and a few words on where it came from, after getting it where it is not here."""
        if not choice.ways and choice.image:
            made = choice.reference.startswith("quai/")
            return (
                choice.reference,
                choice.image.id,
                f"{choice.reference}, {'made of Debian packages' if made else 'on the host'}",
            )
        reason = ""
        for way in choice.ways:
            if way == "pull":
                with self.long_step(f"pulling the base image {choice.reference}"):
                    answer = self.command(["docker", "pull", "-q", choice.reference])
                if answer.ok:
                    return choice.reference, self._id(choice.reference), f"{choice.reference}, pulled"
                reason = answer.stderr.splitlines()[-1] if answer.stderr else f"exit code {answer.rc}"
                if choice.image:
                    self.say(
                        f"{choice.reference} could not be pulled again ({reason}); going on with the one on the host"
                    )
                    return choice.reference, choice.image.id, f"{choice.reference}, on the host"
                if not planning.UNREACHABLE.search(reason) or choice.ways == ("pull",):
                    raise Refused(
                        f"The base image {choice.reference} could not be pulled: {reason}.",
                        "The Dockerfile starts from it.",
                        "Check its name and the registry mirrors; an image that starts with `ARG BASE_IMAGE` and `FROM ${BASE_IMAGE}` "
                        "can, on a Debian host, also start from one made of Debian packages (myapp_base_source: debian).",
                    )
            else:
                return self._from_debian(runtime, reason)
        raise AssertionError("a base is here or there is a way to it")

    def _from_debian(self, runtime: str, reason: str) -> tuple[str, str, str]:
        name = base_image.base_image(runtime).name
        self.say(
            f"no registry can be reached ({reason}): {name} is made from Debian packages"
            if reason
            else f"{name} is made from Debian packages"
        )
        if not self.command(["sh", "-c", "command -v mmdebstrap"]).ok:
            answer = self.command(
                packages.install(["mmdebstrap"], update=True)
            )  # no module: the host may have no Python
            if not answer.ok:
                raise Refused(
                    f"mmdebstrap could not be installed: {answer.stderr}.",
                    "It makes the base image.",
                    "Check the host's apt sources.",
                )
        with self.long_step("about a minute, once"):
            answer = self.fragment(base_image.script(runtime))
        if not answer.ok:
            raise Refused(
                f"{name} could not be made: {answer.stderr}.",
                "The image starts from it.",
                "See the message above; the choice is myapp_base_source.",
            )
        return name, self._id(name), f"{name}, made of Debian packages"

    def _id(self, reference: str) -> str:
        return self.command(["docker", "image", "inspect", "--format", "{{.Id}}", reference]).stdout.strip()

    def _build(
        self,
        args: dict[str, Any],
        root: Path,
        paths: list[str],
        arguments: dict[str, str],
        dockerfile: contexts.Dockerfile,
        reference: str,
        tag: str,
        bases: dict[str, str],
    ) -> None:
        """Send the context as a file and have the host's engine build it; the host's CA bundle joins it there."""
        labels = {
            planning.LABEL_NAME: args["name"],
            planning.LABEL_DIGEST: tag,
            planning.LABEL_BASE: ", ".join(bases),
            planning.LABEL_BASE_ID: ", ".join(bases.values()),
            planning.LABEL_REVISION: contexts.revision(root),
        }
        directory = self._make_tmp_path()
        archive = f"{directory}context.tar" if directory.endswith("/") else f"{directory}/context.tar"
        try:
            with tempfile.NamedTemporaryFile(suffix=".tar") as local:
                contexts.write_tar(root, paths, local.file)
                local.flush()
                self._transfer_file(local.name, archive)
            prepare = ""
            if args["ca_bundle"] and CA_ARGUMENT in dockerfile.arguments:
                arguments = arguments | {CA_ARGUMENT: CA_IN_CONTEXT}
                where = f"{directory}/extra"
                prepare = " && ".join(
                    [
                        quote(["mkdir", "-p", f"{where}/.quai"]),
                        quote(["cp", args["ca_bundle"], f"{where}/{CA_IN_CONTEXT}"]),
                        # macOS's tar would add files with what only its file systems know.
                        "COPYFILE_DISABLE=1 " + quote(["tar", "-rf", archive, "-C", where, ".quai"]),
                        "",
                    ]
                )
            words = ["docker", "build", "--force-rm", "-t", reference, "-f", args["dockerfile"]]
            words += [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
            # By name only, the values in the environment: an index may carry a password, and anyone can list processes.
            words += [word for key in arguments for word in ("--build-arg", key)]
            exported = "".join(f"export {quote([f'{key}={value}'])}; " for key, value in arguments.items())
            # The classic builder is in every engine; BuildKit needs a plugin that Debian 12 does not have.
            build = f'DOCKER_BUILDKIT="${{DOCKER_BUILDKIT:-0}}" {quote([*words, "-"])} < {quote([archive])}'
            with self.long_step(f"building {reference} from {', '.join(bases)}"):
                answer = self.fragment(f"{exported}{prepare}{build}")
        finally:
            self._remove_tmp_path(directory)
        if not answer.ok:
            last = "\n".join([*answer.stdout.splitlines()[-30:], answer.stderr])
            raise Failure(
                f"{self._host}: the image {reference} could not be built; nothing that runs was touched. The last lines:\n{last}"
            )

    def _absent(self, args: dict[str, Any]) -> dict[str, Any]:
        answers = self.read(
            {"version": ANY_VERSION, "labelled": labelled_images(args["name"]), "containers": ALL_CONTAINERS}
        )
        engine_answers(answers["version"], self._host, may_be_missing=True, check_mode=self._task.check_mode)
        gone = args["gone"] if self._task.check_mode else ()
        containers = state.containers(answers["containers"].stdout)
        in_use = {container.image_id: container.name for container in containers if container.name not in gone}
        labelled = state.images(answers["labelled"].stdout)
        if is_old(state.engine_version(answers["version"].stdout)):
            labelled = state.with_names(labelled, self.fragment(NAMES).stdout)
        plan: Plan = planning.plan_absent(args["name"], labelled, in_use)
        if not self._task.check_mode:
            self.take(plan.steps)
        return planned(plan)


def _refuse_to_build(version: tuple[int, ...], name: str) -> None:
    """Raise Refused for an engine that cannot build."""
    if is_old(version):
        raise _TooOld(
            f"Docker {'.'.join(map(str, version))} cannot build {name}.",
            "It knows neither build arguments nor labels, and no base image of today comes to it.",
            "Have it built on the controller or another host (app_image_builder) and sent (app_image_delivery: load).",
        )
