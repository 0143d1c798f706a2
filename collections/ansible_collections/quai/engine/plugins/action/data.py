"""quai.engine.data: the data volume and its container, with the same data as last time."""

from __future__ import annotations

import uuid
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import plan_data as planning, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import (
    ALL_CONTAINERS,
    VERSION_UNLESS_OK,
    engine_answers,
)
from ansible_collections.quai.engine.plugins.plugin_utils.space import free_space, space_problem

_DIRECTORY = '[ ! -e "$1" ] || { stat -c "%u:%g %a %F" "$1"; ls -A "$1" | wc -l; }'


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the volume and its container, or remove them."""
        if args["state"] == "present" and not args["image"]:
            raise Refused("No image is given.", "The container is made from it.", "Set it (app_data_image).")
        wanted = planning.Wanted(
            name=args["name"],
            image=args["image"],
            directory=args["directory"].rstrip("/"),
            path=args["path"],
            uid=args["uid"],
            gid=args["gid"],
            register=f"{args['register_directory'].rstrip('/')}/{args['name']}",
        )
        answers = self.read(
            {
                "volume": quote(["docker", "volume", "inspect", wanted.name]),
                "version": VERSION_UNLESS_OK,
                "containers": ALL_CONTAINERS,
                "directory": quote(["sh", "-c", _DIRECTORY, "sh", wanted.directory]),
                "token": quote(["cat", f"{wanted.directory}/{planning.TOKEN_FILE}"]),
                "registered": quote(["cat", wanted.register]),
                "space": free_space(wanted.directory),
            }
        )
        here = engine_answers(
            answers["version"], self._host, may_be_missing=args["state"] == "absent", check_mode=self._task.check_mode
        )
        if here:
            self._refuse_unlisted(answers["containers"])
        actual = self._actual(answers, wanted, args["consumers"])
        if args["state"] == "absent":
            plan = planning.plan_absent(actual, wanted, args["purge"])
            more: dict[str, object] = {}
        else:
            for problem in space_problem(answers["space"], wanted.directory, args["free_mib"]):
                raise Refused(problem, "The application's data and logs go there.", "Nothing was changed.")
            plan = planning.plan_data(actual, wanted, str(uuid.uuid4()))
            more = {"token": actual.token or actual.registered}
        if plan.steps and not self._task.check_mode:
            self.take(plan.steps)
            if args["state"] == "present":
                more = {"token": self.command(["cat", wanted.register]).stdout.strip()}
        return planned(plan, **more)

    @staticmethod
    def _refuse_unlisted(containers: Answer) -> None:
        """Raise Refused where the engine could not list its containers; one that went meanwhile is no matter."""
        if not containers.ok and not state.documents(containers.stdout):
            raise Refused(
                f"The containers could not be listed: {containers.stderr}.",
                "One of them may hold the data in another place.",
                "Run again when the engine answers.",
            )

    def _actual(self, answers: dict[str, Answer], wanted: planning.Wanted, consumers: list[str]) -> planning.Actual:
        """Return what was read. A consumer is a container of a given name, or one made with --volumes-from ours."""
        containers = state.containers(answers["containers"].stdout)
        container = state.by_name(containers, wanted.name)
        ours = {wanted.name, container.id if container else wanted.name}
        users = [
            each
            for each in containers
            if each.name != wanted.name
            and (each.name in consumers or ours & set(each.volumes_from))
            and each.mount_at(wanted.path)
        ]
        owner, mode, kind, entries = "", "", "directory", "0"
        if len(lines := answers["directory"].stdout.splitlines()) > 1:
            (owner, mode, kind), entries = lines[0].split(" ", 2), lines[1]
        if kind != "directory":
            raise Refused(
                f"{wanted.directory} is a {kind}.",
                "The data goes into a directory of that name.",
                "Move it away, or choose another app_data_directory.",
            )
        return planning.Actual(
            container=container,
            volume=next(iter(state.volumes(answers["volume"].stdout)), None),
            consumers=tuple(users),
            owner=owner,
            mode=mode,
            token=answers["token"].stdout.strip(),
            registered=answers["registered"].stdout.strip(),
            entries=int(entries or 0),
        )
