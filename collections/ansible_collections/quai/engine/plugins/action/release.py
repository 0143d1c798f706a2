"""quai.engine.release: one container runs one release; the one before serves until the new one has proven itself."""

from __future__ import annotations

from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import plan_release as planning, ports, state
from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step, is_old
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, planned
from ansible_collections.quai.engine.plugins.plugin_utils.engine import VERSION_UNLESS_OK, engine_answers
from ansible_collections.quai.engine.plugins.plugin_utils.lock import lock

# macOS has no timeout. Killed for good: `docker run` hands a gentler signal on to what it runs.
_FOR_20_SECONDS = """\
"$@" & command=$!
(sleep 20; kill -9 "$command") >/dev/null 2>&1 & watch=$!
wait "$command"; code=$?
kill "$watch"; exit "$code"
"""


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Have the release run, or have no container of its names."""
        self._without: list[str] = []
        plan, wanted = self._plan(args)
        if self._without:
            self.say(f"this engine is old: {args['name']} does without {'; '.join(self._without)}")
        if plan.steps and not self._task.check_mode:
            with lock(self, args["name"]):
                plan, wanted = self._plan(args)  # what was read before the lock may be another run's by now
                one_before = plan.before != {args["name"]: "absent"}
                self.take(
                    plan.steps,
                    lambda step, _answer: self._evidence(step, wanted, args["log_file"], one_before) if wanted else "",
                )
        return planned(plan, **({"release": wanted.digest, "without": self._without} if wanted else {}))

    def _plan(self, args: dict[str, Any]) -> tuple[Plan, planning.Wanted | None]:
        """Read the host and return the plan, with the wanted release where one is wanted."""
        name = args["name"]
        names = [name, f"{name}-candidate", f"{name}-next", f"{name}-previous"]
        answers = self.read(
            {
                "image": quote(["docker", "image", "inspect", args["image"]]),
                "version": VERSION_UNLESS_OK,
                "containers": quote(
                    ["docker", "container", "inspect", *dict.fromkeys([*names, args["volumes_from"] or name])]
                ),
                "listening": ports.LISTENING,
            }
        )
        engine_answers(
            answers["version"], self._host, may_be_missing=args["state"] == "absent", check_mode=self._task.check_mode
        )
        old = is_old(state.engine_version(answers["version"].stdout))
        if old:
            tagged = args["image"] if ":" in args["image"].rpartition("/")[2] else f"{args['image']}:latest"
            answers |= self.read(
                {
                    "image": quote(["docker", "inspect", tagged]),
                    "containers": quote(["docker", "inspect", *names, args["volumes_from"] or name]),
                    "warnings": "docker info 2>&1",
                }
            )
        found = state.containers(answers["containers"].stdout)
        actual = planning.Actual(*(state.by_name(found, each) for each in names))
        planning.refuse_strangers(actual, name, args["volumes_from"])
        if args["state"] == "absent":
            return planning.plan_absent(actual, name, args["stop_timeout_seconds"], old=old), None

        image = next(iter(state.images(answers["image"].stdout)), None)
        source = state.by_name(found, args["volumes_from"])
        if not self._task.check_mode:  # in check mode, the roles before this one may not have made them yet
            self._refuse_missing(args, image, source)
        wanted = planning.wanted_of(args, image)
        if old:
            limits_memory = "No memory limit support" not in answers["warnings"].stdout
            wanted, self._without = planning.on_old_engine(wanted, limits_memory=limits_memory)
        serving = actual.current or actual.previous
        self._refuse_taken_port(wanted, serving, answers["listening"])
        return planning.plan_release(actual, wanted, planning.volume_mismatch(serving, source, wanted)), wanted

    @staticmethod
    def _refuse_missing(args: dict[str, Any], image: state.Image | None, source: state.Container | None) -> None:
        if image is None:
            raise Refused(
                f"There is no image {args['image']!r} on the host.",
                "The release runs from it.",
                "Build it first (role app_image, playbooks/images.yml).",
            )
        kept = {args["data_path"].rstrip("/")} if args["volumes_from"] else set()
        kept_nowhere = sorted({path.rstrip("/") for path in image.volumes} - kept)
        if kept_nowhere:
            raise Refused(
                f"The image {args['image']} declares the volume {', '.join(kept_nowhere)}.",
                "Every release would start with an empty one, and what the one before wrote there would be lost from sight.",
                f"Keep that data below {args['data_path']}, and drop the VOLUME from the Dockerfile.",
            )
        if args["volumes_from"] and source is None:
            raise Refused(
                f"There is no container {args['volumes_from']!r} on the host.",
                "The release keeps its data there.",
                "Create it first (role app_data, playbooks/app.yml).",
            )

    def _refuse_taken_port(self, wanted: planning.Wanted, current: state.Container | None, listening: Answer) -> None:
        """Raise Refused when another program holds the port; the release that serves now may."""
        holds = current.published if current and current.running else ()  # stopped, it holds none
        ours = [address for address, port, _inside in holds if port == wanted.port]
        others = ports.strangers(ports.listeners(listening.stdout), ours, wanted.port)
        taken = ports.in_the_way(others, wanted.address, wanted.port)
        if not taken:
            return
        answers = self.read(
            {
                "owner": ports.owner_of(taken),
                "container": quote(
                    ["docker", "ps", "--filter", f"publish={wanted.port}", "--format", "container {{.Names}}"]
                ),
            }
        )
        who = ", ".join(
            (answers["container"].stdout.strip() or answers["owner"].stdout.strip() or "another program").splitlines()
        )
        raise Refused(
            f"Port {wanted.port} of {self._host} is already taken by {who}, on {taken.address}.",
            f"{wanted.name} could not be reached there.",
            "Stop that program, or set another port (myapp_port) or address (myapp_address).",
        )

    def _evidence(self, failed: Step, wanted: planning.Wanted, log_file: str, one_before: bool) -> str:
        """Return what the failed container says of itself, read before it is removed."""
        name = wanted.candidate if wanted.candidate in failed.title else wanted.name
        sections = {
            "container": quote(["docker", "inspect", name]),
            "output": quote(["docker", "logs", "--tail", "25", name]) + " 2>&1",
        }
        if log_file:
            look = ["sh", "-c", '[ -f "$1" ] && exec tail -n 15 "$1"', "sh", log_file]
            helper = ["docker", "run", "--rm", "--net", "none", "--volumes-from", name, "--entrypoint", look[0]]
            sections["log"] = quote(["sh", "-c", _FOR_20_SECONDS, "sh", *helper, wanted.image_number, *look[1:]])
        answers = self.read(sections)
        lines = [
            f"The release {wanted.digest} of {wanted.image} is removed again"
            + ("; the one before serves on." if one_before else ".")
        ]
        if container := state.by_name(state.containers(answers["container"].stdout), name):
            killed = "yes" if container.oom_killed else "no"
            lines.append(
                f"{name}: exit code {container.exit_code}, out of memory: {killed}, running: {container.running}. {container.error}".rstrip(
                    " "
                )
            )
        for title, key in (("Its last output", "output"), (f"The end of {log_file}", "log")):
            if key in answers and answers[key].stdout.strip():
                lines += [f"{title}:", *(f"  {line}" for line in answers[key].stdout.strip().splitlines())]
        return "\n".join(lines)
