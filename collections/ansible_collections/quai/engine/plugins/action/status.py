"""quai.engine.status: how a host is, read once and judged; nothing is changed."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.quai.engine.plugins.module_utils import plan_image, plan_release, state, status
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, is_old
from ansible_collections.quai.engine.plugins.module_utils.plan_data import TOKEN_FILE
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote
from ansible_collections.quai.engine.plugins.modules.release import DOCUMENTATION as RELEASE
from ansible_collections.quai.engine.plugins.plugin_utils import context as contexts
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction, argument_spec
from ansible_collections.quai.engine.plugins.plugin_utils.engine import ALL_CONTAINERS, ANY_VERSION, engine_answers

_BUILT = (
    f"ids=$({{ docker image ls --no-trunc -q --filter label={plan_image.LABEL_NAME}; }} | sort -u)"
    ' && { [ -z "$ids" ] || docker image inspect $ids; }'
)

_BUILT_OLD = (
    f"ids=$({{ docker images --no-trunc -q --filter label={plan_image.LABEL_NAME}; }} | sort -u)"
    ' && { [ -z "$ids" ] || docker inspect $ids; }'
)

# Where the data is on the host's own disk, and where the kernel keeps the container's account: nothing runs in it.
_ON_THE_HOST = """\
name=$1 volume=$2 directory=$3 data=$4 record=$5 look=$6; shift 6
[ ! -s "$record" ] || directory=$(cat "$record")
kept=$([ -z "$volume" ] || docker volume inspect --format '{{index .Options "device"}}' "$volume" 2>/dev/null)
[ -d "$kept" ] && directory=$kept
pid=$(docker inspect --format '{{.State.Pid}}' "$name" 2>/dev/null) || pid=0
output=$(docker inspect --format '{{.LogPath}}' "$name" 2>/dev/null) || output=
[ -z "$output" ] || echo "log $(cat "$output"* 2>/dev/null | wc -c) output"
sh -c "$look" sh "/proc/$pid/root/sys/fs/cgroup" "$directory" "$data" "$@"
"""
# Input: the control groups, the data directory, its name in the container, log files below that name.
_LOOK = f"""\
token={TOKEN_FILE}
groups=$1 directory=$2 data=$3; shift 3
cat "$groups/memory.events" "$groups/memory/memory.oom_control" 2>/dev/null | awk '$1 == "oom_kill" {{ print "oom", $2 }}'
cat "$directory/$token" 2>/dev/null | sed 's/^/token /'
df -Pk "$directory" | awk 'END {{ print "disk", $2, $4 }}'
timeout 20 du -skx "$directory" 2>/dev/null | awk '{{ print "data", $1 }}'
for log; do
    found=$directory${{log#"$data"}}
    [ "$log" = "${{log#"$data"}}" ] || [ ! -f "$found" ] || echo "log $(cat "$found" "$found".* "$found"-[0-9]* 2>/dev/null | wc -c) $log"
done
true
"""


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the host's row. An engine that does not answer is one more thing that is wrong, no error."""
        asked = ArgumentSpecValidator(argument_spec(RELEASE)).validate(args["release"])
        if asked.error_messages:
            raise Refused(
                f"The release cannot be meant: {'; '.join(asked.error_messages)}.",
                "The host is judged by it.",
                "Correct the variables of the role app_web.",
            )
        release = asked.validated_parameters
        answers = self.read(
            {
                "containers": ALL_CONTAINERS,
                "version": ANY_VERSION,
                "built": _BUILT,
                "image": quote(["docker", "image", "inspect", release["image"]]),
                "volume": quote(["docker", "volume", "inspect", release["volumes_from"]]),
                "registered": quote(["cat", f"{release['register_directory']}/{release['volumes_from']}"]),
                "look": self._look(args, release),
                "now": "date +%s",
            }
        )
        if is_old(state.engine_version(answers["version"].stdout)):
            answers |= self.read(self._in_old_words(release["image"]))
        seen = self._seen(args, release, answers)
        machine = {key: args["machine"].get(key, "") for key in ("name", "state", "address", "shell")}
        more = {"address": _url(release, args["reached"]), "machine": machine if args["machine"] else None}
        return {"ansible_facts": {"quai_status": status.row(seen, **more)}}

    @staticmethod
    def _in_old_words(image: str) -> dict[str, str]:
        """Return what an engine of before 1.10 is asked once more: it has no `docker image`."""
        tagged = image if ":" in image.rpartition("/")[2] else f"{image}:latest"
        return {"built": _BUILT_OLD, "image": quote(["docker", "inspect", tagged]), "warnings": "docker info 2>&1"}

    @staticmethod
    def _look(args: dict[str, Any], release: dict[str, Any]) -> str:
        files = [each for each in args["log_files"] if each]
        if (
            args["machine"] or not args["directory"]
        ):  # the disk is the engine's: it is looked at from inside the container
            inside = ["sh", "-c", _LOOK, "sh", "/sys/fs/cgroup", release["data_path"], release["data_path"], *files]
            return quote(["docker", "exec", release["name"], *inside])
        record = (
            f"{release['register_directory']}/{release['volumes_from']}.path"  # of a volume adopted on an old engine
        )
        words = [
            release["name"],
            release["volumes_from"],
            args["directory"],
            release["data_path"],
            record,
            _LOOK,
            *files,
        ]
        return quote(["sh", "-c", _ON_THE_HOST, "sh", *words])

    def _seen(self, args: dict[str, Any], release: dict[str, Any], answers: dict[str, Answer]) -> status.Seen:
        now = datetime.datetime.fromtimestamp(int(answers["now"].stdout or 0), datetime.UTC)
        looked = status.looked(answers["look"].stdout)
        common: dict[str, Any] = {
            "now": now,
            "engine": answers["version"].stdout.strip(),
            "disk": looked.disk,
            "token": looked.token,
            "name": release["name"],
        }
        try:
            engine_answers(answers["version"], self._host, may_be_missing=False, check_mode=False)
        except Refused as refusal:
            return status.Seen(problem=self._problem(args, refusal), **common)
        containers = tuple(state.containers(answers["containers"].stdout))
        images = tuple(state.images(answers["built"].stdout))
        serving = state.by_name(containers, release["name"])
        image = next(iter(state.images(answers["image"].stdout)), None)
        runs = next((each for each in images if serving and each.id == serving.image_id), image)
        code = self._code(args, runs)
        # The name is that of the image built last, whose release may have been refused.
        if code and code[0] == code[1]:
            image = runs
        wanted, unwanted = None, ""
        try:
            wanted = plan_release.wanted_of(release, image)
        except Refused as refusal:
            unwanted = str(refusal)
        old = is_old(state.engine_version(answers["version"].stdout))
        if old and wanted:
            limits_memory = "No memory limit support" not in answers["warnings"].stdout
            wanted, _without = plan_release.on_old_engine(wanted, limits_memory=limits_memory)
        return status.Seen(
            containers=containers,
            images=images,
            volume=next(iter(state.volumes(answers["volume"].stdout)), None),
            oom_kills=looked.oom_kills,
            registered=answers["registered"].stdout.strip(),
            volumes_from=release["volumes_from"],
            data_path=release["data_path"],
            directory="" if args["machine"] else args["directory"].rstrip("/"),
            wanted=wanted,
            unwanted=unwanted,
            code=code,
            free_bytes=args["free_mib"] << 20,
            old=old,
            **common,
        )

    @staticmethod
    def _problem(args: dict[str, Any], refusal: Refused) -> str:
        machine = args["machine"]
        if machine and machine["state"] != "running":
            return f"The machine {machine['name']} is {machine['state']}. Run playbooks/hosts.yml."
        return str(refusal)

    @staticmethod
    def _code(args: dict[str, Any], image: state.Image | None) -> tuple[str, str] | None:
        """Return what the image was made of, and what it would be made of now, as quai.engine.image names it."""
        if not args["context"] or image is None or plan_image.LABEL_DIGEST not in image.labels:
            return None
        try:
            root = contexts.checked(args["context"], args["dockerfile"])
        except Refused:
            return None  # the controller at hand has no such context; that says nothing of the host
        bases = dict(
            zip(
                image.labels.get(plan_image.LABEL_BASE, "").split(", "),
                image.labels.get(plan_image.LABEL_BASE_ID, "").split(", "),
                strict=False,
            )
        )
        digest = contexts.context_digest(root, contexts.files(root, args["dockerfile"]))
        arguments = {key: str(value) for key, value in args["build_args"].items()}
        return image.labels[plan_image.LABEL_DIGEST], contexts.image_digest(
            digest, args["dockerfile"], arguments, bases
        )


def _url(release: dict[str, Any], reached: str) -> str:
    """Return where the application answers: on all of the host's addresses, or on one; empty for a machine that has none."""
    host = reached if release["address"] in ("0.0.0.0", "::") else release["address"]  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{release['port']}" if host else ""
