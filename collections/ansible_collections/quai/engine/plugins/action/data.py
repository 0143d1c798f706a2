"""quai.engine.data: the data volume and its container, with the same data as last time."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import plan_data as planning, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.script import HERE, Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import (
    ALL_CONTAINERS,
    VERSION_UNLESS_OK,
    engine_answers,
)
from ansible_collections.quai.engine.plugins.plugin_utils.space import (
    free_space,
    space_problem,
    taken_apart,
    what_is_there,
)

# `docker cp` reads what the engine keeps, and starts nothing. The first entry of its tar is the directory itself: mode,
# uid and gid stand in octal digits at byte 100. More than that of it, which may be long, is not read.
_VOLUME = """\
docker cp "$1:$2" - | head -c 124 | tail -c 24 | tr '\\0' ' '; echo
docker cp "$1:$2/$3" - | tar -xOf -
"""
# A volume without its container is lent to one of an empty image, for whatever image there was may be gone too.
_UNHELD = f"""\
image=$(head -c 1024 /dev/zero | docker import -) || exit
trap 'docker rm "$helper" >/dev/null; docker rmi "$image" >/dev/null' EXIT
helper=$(docker create --name "$1-helper-$$" --label "$4=$1" --network none -v "$1:$2:ro" "$image" true) || exit
set -- "$helper" "$2" "$3"
{_VOLUME}"""
_NO_FILE = re.compile("Could not find the file|No such container:path")


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the volume and its container, or remove them."""
        present = args["state"] == "present"
        if present and not args["image"]:
            raise Refused("No image is given.", "The container is made from it.", "Set it (app_data_image).")
        wanted = planning.Wanted(
            name=args["name"],
            image=args["image"],
            directory=args["directory"].rstrip("/") or args["directory"],
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
                **(self._of_the_directory(wanted) if wanted.directory else self._of_the_volume(wanted)),
                "registered": quote(["cat", wanted.register]),
            }
        )
        answers_here = engine_answers(
            answers["version"], self._host, may_be_missing=not present, check_mode=self._task.check_mode
        )
        if answers_here:
            self._refuse_unlisted(answers["containers"])
        actual = self._actual(answers, wanted, args["consumers"])
        if self._task.check_mode:
            there = tuple(each for each in actual.consumers if each.name not in args["gone"])
            actual = replace(actual, consumers=there)
        if is_old(state.engine_version(answers["version"].stdout)):
            wanted, recorded = self._on_old_engine(answers, wanted, actual.container, adopt=present)
            answers |= self.read(self._of_the_directory(wanted))
            actual = replace(actual, recorded=recorded)
        if wanted.directory:
            actual = replace(actual, **self._in_the_directory(answers, wanted, args["free_mib"] if present else None))
        elif not answers_here:  # in check mode, one that would be started by then: what is in it is not known yet
            actual = replace(actual, token=actual.registered)
        elif present or args["purge"]:
            actual = replace(actual, **self._in_the_volume(answers["inside"], actual, wanted))
        more: dict[str, object] = {}
        if present:
            plan = planning.plan_data(actual, wanted, str(uuid.uuid4()))
            more = {"token": actual.token or actual.registered}
        else:
            plan = planning.plan_absent(actual, wanted, args["purge"])
        if plan.steps and not self._task.check_mode:
            self.take(plan.steps)
            if present:
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

    def _on_old_engine(
        self, answers: dict[str, Answer], wanted: planning.Wanted, container: state.Container | None, *, adopt: bool
    ) -> tuple[planning.Wanted, str]:
        """Return what is wanted of an engine without volumes of a name, and the directory that the host remembers."""
        # Such an engine tells a directory without the links that lead to it.
        more = self.read(
            {
                "recorded": quote(["cat", wanted.record]),
                "real": quote(["readlink", "-m", wanted.directory]),
            }
        )
        recorded = more["recorded"].stdout.strip()
        wanted = replace(wanted, directory=more["real"].stdout.strip() or wanted.directory)
        entries = taken_apart(answers["directory"])[3] if "directory" in answers else 0
        return planning.on_old_engine(wanted, container, recorded, entries, adopt=adopt), recorded

    @staticmethod
    def _of_the_directory(wanted: planning.Wanted) -> dict[str, str]:
        return {
            "here": HERE,
            "directory": what_is_there(wanted.directory),
            "token": quote(["cat", f"{wanted.directory}/{planning.TOKEN_FILE}"]),
            "space": free_space(wanted.directory),
        }

    @staticmethod
    def _of_the_volume(wanted: planning.Wanted) -> dict[str, str]:
        # How much room it has is not asked: its disk is the engine's own, which a build or a new container fills first
        # and says so, and the answer would take a container started at every run.
        look = quote(["sh", "-c", _VOLUME, "sh", wanted.name, wanted.path, planning.TOKEN_FILE])
        return {"inside": f'[ "$rc" = 0 ] && {look}'}

    @staticmethod
    def _actual(answers: dict[str, Answer], wanted: planning.Wanted, consumers: list[str]) -> planning.Actual:
        """Return what the engine said. A consumer is a container of a given name, or one made with --volumes-from ours."""
        containers = state.containers(answers["containers"].stdout)
        container = state.by_name(containers, wanted.name)
        ours = {wanted.name, container.id if container else wanted.name}
        helpers = [each for each in containers if each.labels.get(planning.LABEL_HELPER) == wanted.name]
        users = [
            each
            for each in containers
            if each.name != wanted.name
            and each not in helpers
            and (each.name in consumers or ours & set(each.volumes_from))
            and each.mount_at(wanted.path)
        ]
        return planning.Actual(
            container=container,
            volume=next(iter(state.volumes(answers["volume"].stdout)), None),
            consumers=tuple(users),
            owner="",
            mode="",
            token="",
            registered=answers["registered"].stdout.strip(),
            helpers=tuple(helpers),
        )

    @staticmethod
    def _in_the_directory(answers: dict[str, Answer], wanted: planning.Wanted, free_mib: int | None) -> dict[str, Any]:
        """Return what is in the host's directory. Raises Refused for one that cannot hold the data.

        free_mib: the room it must have in MiB, None where it shall go.
        """
        if not answers["here"].ok:
            raise Refused(
                f"The engine is on another machine, where {wanted.directory} is not this host's.",
                "The data would be where nobody looks for it.",
                "Leave app_data_directory empty: the engine then keeps the data in a volume of its own.",
            )
        owner, mode, kind, entries = taken_apart(answers["directory"])
        if kind != "directory":
            raise Refused(
                f"{wanted.directory} is a {kind}.",
                "The data goes into a directory of that name.",
                "Move it away, or choose another app_data_directory.",
            )
        for problem in [] if free_mib is None else space_problem(answers["space"], wanted.directory, free_mib):
            raise Refused(problem, "The application's data and logs go there.", "Nothing was changed.")
        return {"owner": owner, "mode": mode, "entries": entries, "token": answers["token"].stdout.strip()}

    def _in_the_volume(self, look: Answer, actual: planning.Actual, wanted: planning.Wanted) -> dict[str, Any]:
        """Return what is in the engine's volume. Raises Refused where that cannot be known."""
        if actual.container is None and actual.volume:
            words = [wanted.name, wanted.path, planning.TOKEN_FILE, planning.LABEL_HELPER]
            look = self.fragment(quote(["sh", "-c", _UNHELD, "sh", *words]))
        mount = actual.container.mount_at(wanted.path) if actual.container else None
        if not actual.volume or (actual.container and (mount is None or mount.name != wanted.name)):
            return {}  # there is none, or the plan refuses a container that holds another
        header, _newline, token = look.stdout.partition("\n")
        numbers = [int(digits, 8) for digits in re.findall("[0-7]+", header)]
        if len(numbers) != 3 or not (token.strip() or _NO_FILE.search(look.stderr)):
            raise Refused(
                f"The volume {wanted.name} could not be looked into: {look.stderr or 'no answer'}.",
                "It may hold the application's data.",
                "Run again when the engine answers.",
            )
        mode, uid, gid = numbers
        return {"owner": f"{uid}:{gid}", "mode": f"{mode & 0o7777:o}", "token": token.strip()}
