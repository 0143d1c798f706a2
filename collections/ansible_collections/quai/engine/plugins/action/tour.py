"""quai.engine.tour: open the tour of Docker, and close it so that the engine is as it was."""

from __future__ import annotations

from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import base_image, plan_tour as planning, ports, state
from ansible_collections.quai.engine.plugins.module_utils.plan import LEAST_ENGINE, Plan, Refused, is_old, version_text
from ansible_collections.quai.engine.plugins.module_utils.script import quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ANY_VERSION, engine_answers

_LABELLED = ["--filter", f"label={planning.LABEL}"]
CONTAINERS = (
    f'ids=$({quote(["docker", "ps", "-aq", *_LABELLED])}) && {{ [ -z "$ids" ] || docker container inspect $ids; }}'
)
VOLUMES = f'names=$({quote(["docker", "volume", "ls", "-q", *_LABELLED])}) && {{ [ -z "$names" ] || docker volume inspect $names; }}'
IMAGES = 'ids=$(docker images -q --no-trunc | sort -u) && { [ -z "$ids" ] || docker image inspect $ids; }'
# Nothing is installed for a tour: the text's wget, else curl, else the Python that Ansible works with.
FETCH = (
    "command -v wget >/dev/null && echo wget -qO- || { command -v curl >/dev/null && echo curl -fsS; } || echo "
    + quote(
        [quote(["python3", "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"])]
    )
)


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Remove what a tour made and, to open another, note what is here before."""
        answers = self.read({"version": ANY_VERSION, "containers": CONTAINERS, "volumes": VOLUMES, "images": IMAGES})
        if not engine_answers(answers["version"], self._host, may_be_missing=False, check_mode=self._task.check_mode):
            return {"changed": False, "plan": [], "missing": args["images"], "fetch": "wget -qO-"}
        if is_old(state.engine_version(answers["version"].stdout)):
            raise Refused(
                f"{self._host} has Docker {answers['version'].stdout.strip()}.",
                f"The tour needs an engine since {version_text(LEAST_ENGINE)}.",
                "Upgrade the host to Debian 11 or later. Nothing was changed.",
            )
        plan = planning.plan_close(
            state.containers(answers["containers"].stdout),
            state.volumes(answers["volumes"].stdout),
            state.images(answers["images"].stdout),
            args["keep"],
        )
        self._act(plan)
        return self._open(args, plan) if args["state"] == "open" else planned(plan)

    def _open(self, args: dict[str, Any], plan: Plan) -> dict[str, Any]:
        """Note what is here, now that nothing of an earlier tour is. Raises Refused where the port is taken."""
        answers = self.read({"images": IMAGES, "listening": ports.LISTENING, "fetch": FETCH})
        taken = ports.in_the_way(ports.listeners(answers["listening"].stdout), "0.0.0.0", args["port"])  # noqa: S104 - compared, not bound
        if taken:
            raise Refused(
                f"Port {args['port']} of {self._host} is already taken, on {taken.address}.",
                "The tour shows a web application there.",
                "Set tour_port to another one.",
            )
        # The bases first: what is made from another is removed before it.
        wanted = [*(each.name for each in base_image.RUNTIMES.values()), *args["images"]]
        missing = planning.missing(wanted, state.images(answers["images"].stdout))
        opening = planning.plan_open(missing)
        self._act(opening)
        return planned(Plan((*plan.steps, *opening.steps)), missing=missing, fetch=answers["fetch"].stdout.strip())

    def _act(self, plan: Plan) -> None:
        if not self._task.check_mode:
            self.take(plan.steps)
