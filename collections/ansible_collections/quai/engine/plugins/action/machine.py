"""quai.engine.machine: a Mac's Docker machine runs, and the Mac's docker and shells find it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import machines, plan_machine as planning
from ansible_collections.quai.engine.plugins.module_utils.machines import Mac, Machine, Provider, Wanted
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure, Refused, Step
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z")
_UNTIL = (
    'end=$(($(date +%s) + {seconds})); until {{ {health}; }}; do [ "$(date +%s)" -lt "$end" ] || exit 1; sleep 1; done'
)


@dataclass(frozen=True)
class Seen:
    """What was read: the Mac, who provides the machine, the machine, and what on the Mac leads to it."""

    mac: Mac
    provider: Provider
    machine: Machine
    side: planning.Side

    @property
    def record(self) -> planning.Record:
        """Return what Quai added to the Mac for this machine."""
        return planning.Record.of(self.side.files["record"])

    @property
    def prefix(self) -> str:
        """Return Homebrew's directory, empty without Homebrew."""
        return self.mac.tools.get("brew", "").removesuffix("/bin/brew")


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Read the Mac and, unless only a plan is asked for, act."""
        if not _NAME.match(args["name"]):
            raise Refused(
                f"{args['name']!r} is no name for a machine.",
                "It becomes the name of a virtual machine, of a docker context and of a directory.",
                "Use letters, digits, dots and dashes (docker_machine_name).",
            )
        names = ("name", "driver", "cpus", "memory_mib", "disk_gib", "recreate", "purge")
        wanted = Wanted(options=tuple(args["options"]), **{key: args[key] for key in names})
        seen = self._see(args["provider"], wanted.name)
        if args["state"] == "read":
            return {"ansible_facts": {"quai_machine": facts(seen, wanted.name)}}
        if args["state"] == "absent":
            return self._absent(args, wanted, seen)
        return self._present(args, wanted, seen)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _see(self, provider: str, name: str) -> Seen:
        """Read everything in one round trip; where the provider is to be chosen, what Homebrew says takes another one."""
        candidates = ["docker-machine", "colima"] if provider == "auto" else [provider]
        fragments = dict(machines.MAC)
        for each in candidates:
            for key, fragment in machines.PROVIDERS[each].read(name).items():
                fragments[f"{each}: {key}"] = fragment
            for key, fragment in planning.read_side(machines.PROVIDERS[each], name).items():
                fragments[f"{each}: {key}"] = fragment
        answers = self.read(fragments)
        mac = machines.mac_of(answers)
        self._refuse_no_mac(mac)
        by_provider = {each: _of(answers, each) for each in candidates}
        chosen = machines.PROVIDERS[candidates[0]]
        if provider == "auto":
            chosen = machines.choose(by_provider, mac, name, lambda: self._docker_machine_is_disabled(mac))
        found = by_provider[chosen.name]
        return Seen(mac, chosen, chosen.machine(found, name), planning.side_of(found, name))

    def _refuse_no_mac(self, mac: Mac) -> None:
        if mac.system != "Darwin":
            raise Refused(
                f"{self._host} runs {mac.system or 'an unknown system'}, not macOS.",
                "Docker machines are for Macs; Linux runs Docker itself.",
                "Move it to the group debian_hosts.",
            )
        if mac.uid == 0:
            raise Refused(
                f"Quai works as root on {self._host}.",
                "Homebrew refuses to, and the machine would be root's and nobody else's.",
                "Connect as the Mac's user, without become (ansible_become: false, as group macos_hosts has it).",
            )

    def _docker_machine_is_disabled(self, mac: Mac) -> bool:
        return "brew" in mac.tools and machines.is_disabled(
            self.command(["brew", "info", "--json=v2", "docker-machine"])
        )

    # --- present ------------------------------------------------------------------------------------------------------

    def _present(self, args: dict[str, Any], wanted: Wanted, seen: Seen) -> dict[str, Any]:
        formulae, casks, warnings = self._to_install(seen)
        life = planning.plan_present(seen.machine, wanted, seen.provider, seen.mac, _directory(seen.mac, wanted.name))
        brought = [*formulae, *casks]
        link = planning.link_compose(seen.side, seen.provider, seen.prefix, seen.mac.home)
        record = planning.Record(
            tuple(dict.fromkeys([*seen.record.formulae, *formulae])),
            tuple(dict.fromkeys([*seen.record.casks, *casks])),
            seen.record.link or bool(link),
        )
        steps = self._side(args, wanted, seen, seen.machine if not life.titles or seen.machine.url else None)
        titles = [f"install {each} with Homebrew" for each in brought] + life.titles + [step.title for step in steps]
        result = self._told(titles, args["plan_only"], seen, life)
        result |= {
            "warnings": warnings,
            "formulae": formulae,
            "casks": casks,
            "record": record.text() if record != seen.record else "",
            "record_file": seen.side.files["record"].path,
        }
        if titles and not args["plan_only"] and not self._task.check_mode:
            seen = self._bring_about(args, wanted, seen, life)
        result["ansible_facts"] = {"quai_machine": facts(seen, wanted.name)}
        return result

    def _to_install(self, seen: Seen) -> tuple[list[str], list[str], list[str]]:
        """Return the formulae and the casks to install, and warnings. Raises Refused where Homebrew is missing or would refuse."""
        formulae = list(machines.missing(seen.provider, seen.mac, seen.side.compose or seen.side.plugin))
        casks = [seen.provider.cask] if seen.provider.cask and seen.machine.state == "absent" else []
        names = [*formulae, *casks]
        if not names:
            return [], [], []
        if "brew" not in seen.mac.tools:
            raise Refused(
                f"There is no Homebrew on {self._host}, and {', '.join(names)} must be installed.",
                f"The provider {seen.provider.name} needs them.",
                "Install Homebrew as its page https://brew.sh tells, or those tools by hand: what is there is used as it is.",
            )
        with self.long_step(f"asking Homebrew about {', '.join(names)}"):
            answer = self.command(["brew", "info", "--json=v2", *names])
        if not answer.ok:
            raise Refused(
                f"Homebrew does not know all of {', '.join(names)}: {answer.stderr}.",
                f"The provider {seen.provider.name} needs them.",
                "Run `brew update` there, or choose another docker_machine_provider.",
            )
        return formulae, casks, machines.judge_formulae(answer.stdout, names)

    def _side(self, args: dict[str, Any], wanted: Wanted, seen: Seen, machine: Machine | None) -> list[Step]:
        """Return the steps on the Mac's side. machine: None while nobody knows where it will be reached."""
        link = planning.link_compose(seen.side, seen.provider, seen.prefix, seen.mac.home)
        # One that had an environment is likely to be reached where it was.
        target = machine or (Machine("absent") if seen.side.files["env.sh"].content is None else None)
        return [*link, *planning.plan_side(seen.side, target, wanted, seen.provider, args["shells"], args["header"])]

    def _bring_about(self, args: dict[str, Any], wanted: Wanted, seen: Seen, life: planning.Life) -> Seen:
        """Act, and return the Mac as it is then."""
        marks = planning.mark_created(seen.side, seen.provider) if seen.machine.state == "absent" else []
        self.take(marks)  # first of all: a creation that dies half way is ours as well
        if life.steps:
            self._take_life(wanted, seen, life, marks)
        for step in life.repairs:
            self.say(step.title)
            answer = self.command(step.words)
            if self._answers(wanted, seen, args["wait_seconds"] if answer.ok else 1):
                break
            self.say(
                f"that did not help: {(answer.stderr or answer.stdout).strip() or 'its engine still does not answer'}"
            )
        else:
            if life.repairs:
                self._give_up_or_recreate(wanted, seen, life)
        if life.steps or life.last_resort:
            self._confirm(args, wanted, seen)
        now = self._see(seen.provider.name, wanted.name)
        self.take(self._side(args, wanted, now, now.machine))
        return self._see(seen.provider.name, wanted.name)

    def _take_life(self, wanted: Wanted, seen: Seen, life: planning.Life, marks: list[Step]) -> None:
        """Take the steps. A creation that failed half way leaves a machine that is there: it is repaired, not made again.

        marks: taken back where no machine came of the steps.
        """
        with self.long_step(f"this may take some minutes ({seen.provider.name})"):
            try:
                self.take(life.steps)
            except Failure as failure:
                left = self._see(seen.provider.name, wanted.name).machine
                if left.state == "absent":
                    self.take_back(marks)
                if seen.machine.state != "absent" or left.state in ("absent", "stopped"):
                    raise
                self.say(f"{failure}\nThe machine is there all the same: trying to repair it")
                for step in seen.provider.repairs(left, wanted.name):
                    self.say(step.title)
                    self.command(step.words)
                    if self._answers(wanted, seen, 5):
                        return
                raise

    def _give_up_or_recreate(self, wanted: Wanted, seen: Seen, life: planning.Life) -> None:
        if life.last_resort:
            with self.long_step("a new machine is made, as docker_machine_recreate allows"):
                self.take(life.last_resort)
            return
        raise Failure(
            f"{self._host}: the machine {wanted.name} does not answer, and no repair helped "
            f"({', '.join(step.title for step in life.repairs)}). It said: {seen.machine.problem}\n"
            "Its images, containers and data are untouched. If they may be lost, a new machine is made with "
            f"docker_machine_recreate: {wanted.name}."
        )

    def _answers(self, wanted: Wanted, seen: Seen, seconds: int) -> bool:
        """Return whether the machine's engine answers within the seconds."""
        return self.fragment(_UNTIL.format(seconds=seconds, health=seen.provider.health(wanted.name))).ok

    def _confirm(self, args: dict[str, Any], wanted: Wanted, seen: Seen) -> None:
        """Raise Failure where the machine does not answer after all; one whose certificates no longer fit gets new ones."""
        if self._answers(wanted, seen, args["wait_seconds"]):
            return
        machine = self._see(seen.provider.name, wanted.name).machine
        for step in seen.provider.repairs(machine, wanted.name)[:1]:
            self.say(step.title)
            self.command(step.words)
            if self._answers(wanted, seen, args["wait_seconds"]):
                return
        raise Failure(
            f"{self._host}: the machine {wanted.name} runs, but its engine does not answer after {args['wait_seconds']} s: "
            f"{machine.problem}\nRun again to have it repaired; `{' '.join(seen.provider.shell(wanted.name))}` leads into it."
        )

    # --- absent -------------------------------------------------------------------------------------------------------

    def _absent(self, args: dict[str, Any], wanted: Wanted, seen: Seen) -> dict[str, Any]:
        life = planning.plan_absent(seen.machine, wanted, seen.provider, seen.side, _directory(seen.mac, wanted.name))
        steps = planning.plan_side_absent(seen.side, seen.provider, wanted.name)
        # The tools stay while there is a machine they lead to: this one, or another that Quai looks after.
        last = not seen.side.others and (bool(wanted.purge) or seen.machine.state == "absent")
        record = seen.side.brought if last else planning.Record()
        uninstalls = [*record.formulae, *record.casks]
        unlink = [planning.unlink_compose(seen.prefix, seen.mac.home)] if record.link and seen.prefix else []
        titles = [each.title for each in (*steps, *unlink)] + life.titles + [f"uninstall {each}" for each in uninstalls]
        result = self._told(titles, args["plan_only"], seen, life)
        result |= {
            "formulae": list(record.formulae),
            "casks": list(record.casks),
            "records": str(PurePosixPath(seen.side.files["record"].path).parent) if record != planning.Record() else "",
        }
        if titles and not args["plan_only"] and not self._task.check_mode:
            self.take([*steps, *unlink])
            self.take(life.steps)
            if wanted.purge and self._see(seen.provider.name, wanted.name).machine.state != "absent":
                raise Failure(
                    f"{self._host}: {seen.provider.name} says that it removed {wanted.name}, which is still there."
                )
        return result

    def _told(self, titles: list[str], plan_only: bool, seen: Seen, life: planning.Life) -> dict[str, Any]:
        """Return what every result tells; only a plan asked for outside of check mode announces what others will change."""
        check = self._task.check_mode
        result: dict[str, Any] = {
            "plan": titles,
            "provider": seen.provider.name,
            "act": bool(titles) and not check,
            "changed": bool(titles) and (check or not plan_only),
            "brew_path": seen.mac.tools.get("brew", "").rpartition("/")[0],
        }
        if titles and check:
            told = [f"machine: {life.before or seen.machine.state}\n", f"machine: {life.after or seen.machine.state}\n"]
            result["diff"] = {"before": told[0], "after": told[1] + "".join(f"would {title}\n" for title in titles)}
        return result


def _of(answers: dict[str, Answer], provider: str) -> dict[str, Answer]:
    prefix = f"{provider}: "
    return {key.removeprefix(prefix): answer for key, answer in answers.items() if key.startswith(prefix)}


def _directory(mac: Mac, name: str) -> str:
    return f"{mac.home}/.quai/machines/{name}"


def facts(seen: Seen, name: str) -> dict[str, Any]:
    """Return the fact `quai_machine`: how the machine is reached, and by what variables docker reaches it."""
    machine, directory = seen.machine, _directory(seen.mac, name)
    variables = planning.environment(machine, name)
    # Never the Mac's default engine by mistake, nor another machine that has its address by now.
    if machine.state in ("absent", "stopped") or not machine.url:
        variables["DOCKER_HOST"] = f"unix://{directory}/not-there.sock"
    certificates = {key: f"{machine.cert_path}/{key}.pem" if machine.cert_path else "" for key in ("ca", "cert", "key")}
    return {
        "name": name,
        "provider": seen.provider.name,
        "state": machine.state,
        "url": machine.url,
        "address": machine.address,
        "cert_path": machine.cert_path,
        **certificates,
        "context": seen.provider.context(name),
        "shell": quote(seen.provider.shell(name)),
        "register": f"{directory}/volumes",
        "environment": variables,
    }
