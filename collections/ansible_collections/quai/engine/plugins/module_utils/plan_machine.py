"""How a Mac comes to have the wanted machine running, and what on the Mac leads to it. Pure.

Two plans. The life of the machine: absent, stopped, running, unhealthy, of another driver or size. And the Mac's side:
a docker context, a static environment file, a block in the user's shell start-up files, the compose plugin's link. A
start-up file is given back byte for byte: the block's first line says what else had to be added to the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.machines import Mac, Machine, Provider, Wanted
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, Step, step
from ansible_collections.quai.engine.plugins.module_utils.script import MISSING, Answer, quote

# --- the machine ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What is to be done with the machine: steps that each must succeed, then repairs until its engine answers.

    last_resort: taken when no repair helped; empty where that is not allowed.
    """

    steps: tuple[Step, ...] = ()
    repairs: tuple[Step, ...] = ()
    last_resort: tuple[Step, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def titles(self) -> list[str]:
        """Return what would be done, a line each."""
        titles = [each.title for each in self.steps]
        if self.repairs:
            ways = ", then ".join(each.title for each in (*self.repairs, *self.last_resort))
            titles.append(f"repair it, one after the other until its engine answers: {ways}")
        return titles


def plan_present(machine: Machine, wanted: Wanted, provider: Provider, mac: Mac, directory: str) -> Life:
    """Return what makes the machine run. directory: where the Mac remembers what belongs to the machine.

    Raises Refused for a machine of another driver or size that only a new one could have, unless its name allows it.
    """
    _refuse_other_name(wanted.recreate, wanted.name, "docker_machine_recreate")
    if machine.state == "absent":
        return Life((provider.create(wanted, mac),), before="absent", after="running")
    differs = misfits(machine, wanted)
    if differs and provider.adjusts(differs):
        stop = (provider.stop(wanted.name),) if machine.state != "stopped" else ()
        return Life(
            (*stop, provider.start(wanted)), before=_told(machine, differs, 0), after=_told(machine, differs, 1)
        )
    if differs:
        if wanted.recreate:
            return Life(
                _again(wanted, provider, mac, directory),
                before=_told(machine, differs, 0),
                after=_told(machine, differs, 1),
            )
        what = ", ".join(f"{name} {has} instead of {wants}" for name, (has, wants) in differs.items())
        raise Refused(
            f"The machine {wanted.name} is there with {what}.",
            "Only a new machine could have that, and its images, containers and data would go with the old one.",
            f"Set docker_machine_{next(iter(differs))} to what it is, choose another docker_machine_name, or allow it by name: "
            f"docker_machine_recreate: {wanted.name}.",
        )
    if machine.state == "stopped":
        return Life((provider.start(wanted),), before="stopped", after="running")
    if machine.state == "unhealthy":
        again = _again(wanted, provider, mac, directory) if wanted.recreate else ()
        return Life((), provider.repairs(machine, wanted.name), again, f"unhealthy: {machine.problem}", "running")
    return Life()


def _again(wanted: Wanted, provider: Provider, mac: Mac, directory: str) -> tuple[Step, ...]:
    forget = step(f"forget the data that went with {wanted.name}", "rm", "-rf", f"{directory}/volumes")
    return provider.remove(wanted.name), forget, provider.create(wanted, mac)


def plan_absent(machine: Machine, wanted: Wanted, provider: Provider, side: Side, directory: str) -> Life:
    """Return what takes the machine away. directory: where the Mac remembers what belongs to the machine.

    Without its very name in `purge` it keeps all that is in it: one that Quai created is stopped, one that was there
    before runs on.
    """
    _refuse_other_name(wanted.purge, wanted.name, "docker_machine_purge")
    if wanted.purge:
        steps = [] if machine.state == "absent" else [provider.remove(wanted.name)]
        steps += [step(f"forget {wanted.name}", "rm", "-rf", directory)] if side.known else []
        return Life(tuple(steps), before=machine.state, after="absent")
    ours = side.files["created"].content == provider.name.encode()
    if machine.state in ("running", "unhealthy") and ours and machine.driver != "generic":
        return Life((provider.stop(wanted.name),), before=machine.state, after="stopped")
    return Life()


def misfits(machine: Machine, wanted: Wanted) -> dict[str, tuple[object, object]]:
    """Return what of the machine is not as it is asked for: name of the input to (is, should be)."""
    pairs = {
        "driver": (machine.driver, wanted.driver),
        "cpus": (machine.cpus, wanted.cpus),
        "memory_mib": (machine.memory_mib, wanted.memory_mib),
        "disk_gib": (machine.disk_gib, wanted.disk_gib),
    }
    # What nobody asked for, or the tool does not tell (of a stopped machine), is no difference.
    return {name: (has, wants) for name, (has, wants) in pairs.items() if has and wants and has != wants}


def _told(machine: Machine, differs: Mapping[str, tuple[object, object]], which: int) -> str:
    return f"{machine.state if not which else 'running'}, " + ", ".join(
        f"{name} {pair[which]}" for name, pair in differs.items()
    )


def _refuse_other_name(said: str, name: str, variable: str) -> None:
    if said and said != name:
        raise Refused(
            f"{variable} says {said!r}, but the machine is {name!r}.",
            "A machine is removed, with all that is in it, only when asked by its very name.",
            f"Say {name}, or leave it out.",
        )


# --- the Mac's side ---------------------------------------------------------------------------------------------------

START_UP_FILES: Mapping[str, tuple[str, ...]] = {
    # The first one that is there is what a login shell reads; another beside it would hide it.
    "bash": ("$HOME/.bash_profile", "$HOME/.bash_login", "$HOME/.profile"),
    "zsh": ("${ZDOTDIR:-$HOME}/.zshrc",),
    "fish": ("${XDG_CONFIG_HOME:-$HOME/.config}/fish/config.fish",),
}
"""Start-up file of each shell, as the Mac's shell writes the path; the first that exists, else the first."""

_MARK = re.compile(
    rb"# >>> quai: docker machine (?P<name>\S+)(?P<added> \(with the line end before it\)| \(with this file\))? >>>\n"
    rb"[^\n]*\n# <<< quai: docker machine (?P=name) <<<\n"
)

_FILE = """\
for file in {paths}; do [ -e "$file" ] && break; done
[ -e "$file" ] || set -- {paths}
[ -e "$file" ] || file=$1
printf '%s\\n' "$file"; [ ! -e "$file" ] || {{ echo there; base64 < "$file"; }}"""


@dataclass(frozen=True)
class File:
    """A file of the Mac as it was read: its path, and its bytes, or None where it is not there."""

    path: str
    content: bytes | None = None


@dataclass(frozen=True)
class Record:
    """What Quai added to the Mac for a machine: formulae, casks, and the link of the compose plugin.

    Each machine has a file of its own: two of them may be made in one run, of different providers.
    """

    formulae: tuple[str, ...] = ()
    casks: tuple[str, ...] = ()
    link: bool = False

    @staticmethod
    def of(file: File) -> Record:
        """Return the record that a file holds."""
        return Record.together([json.loads(file.content)] if file.content else [])

    @staticmethod
    def together(documents: Sequence[Mapping[str, Any]]) -> Record:
        """Return the records of these documents as one."""
        formulae, casks = (
            tuple(dict.fromkeys(each for document in documents for each in document[key]))
            for key in ("formulae", "casks")
        )
        return Record(formulae, casks, any(document["link"] for document in documents))

    def text(self) -> str:
        """Return the record as the text of its file."""
        about = "Written by Quai (role docker_machine): what it added to this Mac, so that it can be undone."
        document = {"about": about, "formulae": self.formulae, "casks": self.casks, "link": self.link}
        return json.dumps(document, indent=2) + "\n"


@dataclass(frozen=True)
class Side:
    """What of the Mac's side was read."""

    files: Mapping[str, File] = field(default_factory=dict)
    """By what each is: the shells' names, `env.sh`, `env.fish`, `record`, `created`."""
    context: Mapping[str, Any] | None = None
    """The document of the machine's docker context."""
    certificates: tuple[str, str] = ("", "")
    """Checksums of the client's certificates: the machine's own, the context's."""
    compose: bool = False
    """`docker compose` works."""
    plugin: bool = False
    """Homebrew has its plugin, seen by docker or not."""
    known: bool = False
    """Quai remembers something of this machine."""
    others: tuple[str, ...] = ()
    """Names of other machines of which it remembers something."""
    brought: Record = Record()
    """What Quai added for all its machines."""


# A JSON array of them all.
_RECORDS = """\
printf '['; comma=
for each in "$HOME"/.quai/homebrew/*.json; do [ ! -e "$each" ] || { printf %s "$comma"; cat "$each"; comma=,; }; done
printf ']'"""


def read_side(provider: Provider, name: str) -> dict[str, str]:
    """Return the fragments that read the Mac's side. name: of the machine, made of letters, digits, dots and dashes."""
    paths = {
        **START_UP_FILES,
        "env.sh": (f"$HOME/.quai/machines/{name}/env.sh",),
        "env.fish": (f"$HOME/.quai/machines/{name}/env.fish",),
        "created": (f"$HOME/.quai/machines/{name}/created",),
        "record": (f"$HOME/.quai/homebrew/{name}.json",),
    }
    context = provider.context(name)
    kept = f'"${{DOCKER_CONFIG:-$HOME/.docker}}"/contexts/tls/{hashlib.sha256(context.encode()).hexdigest()}/docker'
    machine = f'"${{MACHINE_STORAGE_PATH:-$HOME/.docker/machine}}"/machines/{quote([name])}'
    return {
        **{f"file {what}": _FILE.format(paths=" ".join(f'"{path}"' for path in each)) for what, each in paths.items()},
        "context": quote(["docker", "context", "inspect", context]),
        "own certificates": _checksum(machine),
        "context's certificates": _checksum(kept),
        "compose": "docker compose version",
        "plugin": 'brew=$(command -v brew) && [ -x "${brew%/bin/brew}/opt/docker-compose/bin/docker-compose" ]',
        "machines": 'for each in "$HOME"/.quai/machines/*/; do [ ! -d "$each" ] || basename "$each"; done',
        "records": _RECORDS,
    }


def _checksum(directory: str) -> str:
    return f"cd {directory} && cat ca.pem cert.pem key.pem | cksum"


def side_of(answers: Mapping[str, Answer], name: str) -> Side:
    """Return the Mac's side from the answers of `read_side`."""
    files = {}
    for key, answer in answers.items():
        what = key.removeprefix("file ")
        if what != key and answer.ok:
            path, _newline, rest = answer.stdout.partition("\n")
            there = rest.startswith("there\n")
            files[what] = File(path, base64.b64decode(rest.removeprefix("there\n")) if there else None)
    documents = json.loads(answers["context"].stdout) if answers["context"].ok else []
    own, kept = (answers.get(key, MISSING) for key in ("own certificates", "context's certificates"))
    return Side(
        files=files,
        context=documents[0] if documents else None,
        certificates=(own.stdout if own.ok else "", kept.stdout if kept.ok else ""),
        compose=answers["compose"].ok,
        plugin=answers["plugin"].ok,
        known=name in answers["machines"].stdout.split(),
        others=tuple(each for each in answers["machines"].stdout.split() if each != name),
        brought=Record.together(json.loads(answers["records"].stdout)),
    )


def environment(machine: Machine, name: str) -> dict[str, str]:
    """Return the variables by which docker reaches the machine; an empty one must not be set, or be empty."""
    tls = bool(machine.cert_path)
    return {
        "DOCKER_TLS_VERIFY": "1" if tls else "",
        "DOCKER_HOST": machine.url,
        "DOCKER_CERT_PATH": machine.cert_path,
        "DOCKER_MACHINE_NAME": name if tls else "",
    }


def environment_files(variables: Mapping[str, str], header: str) -> dict[str, bytes]:
    """Return the text of `env.sh` and `env.fish`: as docker-machine's own `env`, but asking nobody when a shell starts."""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    sh = [f"export {key}={_quoted(value)}" if value else f"unset {key}" for key, value in variables.items()]
    fish = [f"set -gx {key} {_quoted(value)};" if value else f"set -e {key};" for key, value in variables.items()]
    return {
        name: (comment + "".join(f"{line}\n" for line in lines)).encode()
        for name, lines in {"env.sh": sh, "env.fish": fish}.items()
    }


def _quoted(value: str) -> str:
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


def with_block(content: bytes | None, name: str, line: str) -> bytes:
    """Return a start-up file's bytes with the block of the machine at its end, in place of an older one."""
    rest = without_block(content, name)
    added = b""
    if rest is None:
        added, rest = b" (with this file)", b""
    elif rest and not rest.endswith(b"\n"):
        added, rest = b" (with the line end before it)", rest + b"\n"
    mark = f"quai: docker machine {name}".encode()
    return rest + b"# >>> " + mark + added + b" >>>\n" + line.encode() + b"\n# <<< " + mark + b" <<<\n"


def without_block(content: bytes | None, name: str) -> bytes | None:
    """Return a start-up file's bytes as they were before `with_block`; None where there was no file."""
    found = next((each for each in _MARK.finditer(content or b"") if each["name"].decode() == name), None)
    if content is None or found is None:
        return content
    before, after = content[: found.start()], content[found.end() :]
    added = found["added"] or b""
    if b"line end" in added and not after:
        before = before.removesuffix(b"\n")
    return None if b"this file" in added and not before + after else before + after


def blocks(content: bytes | None) -> list[str]:
    """Return the names of the machines that a start-up file has blocks of."""
    return [each["name"].decode() for each in _MARK.finditer(content or b"")]


def plan_side(
    side: Side, machine: Machine | None, wanted: Wanted, provider: Provider, shells: Sequence[str], header: str
) -> list[Step]:
    """Return the steps by which the Mac's docker, shells and people find the running machine.

    machine: None while nobody knows where it will be reached; shells: those whose start-up files lead to it.
    Raises Refused where they lead to another of Quai's machines.
    """
    name = wanted.name
    steps = _context(side, machine, name, provider) if machine else []
    for what, content in (environment_files(environment(machine, name), header) if machine else {}).items():
        steps += _write(side.files[what], content, f"write {side.files[what].path}")
    for shell, file in side.files.items():
        if shell not in START_UP_FILES:
            continue
        if shell not in shells:
            steps += _write(file, without_block(file.content, name), f"take {name} out of {file.path}")
            continue
        if others := [each for each in blocks(file.content) if each != name]:
            raise Refused(
                f"{file.path} already leads to the machine {', '.join(others)}.",
                "A shell has one DOCKER_HOST: the later block would hide the other.",
                "Set docker_machine_shells: [] for all but one of this Mac's machines.",
            )
        path = side.files["env.fish" if shell == "fish" else "env.sh"].path
        source = "test -r {0}; and source {0}" if shell == "fish" else "[ ! -r {0} ] || . {0}"
        content = with_block(file.content, name, source.format(_quoted(path)))
        steps += _write(file, content, f"have {shell} find {name}, in {file.path}")
    return steps


def plan_side_absent(side: Side, provider: Provider, name: str) -> list[Step]:
    """Return the steps that take away what `plan_side` made."""
    steps = []
    if side.context and not provider.makes_context and _ours(side.context):
        steps.append(step(f"remove the docker context {provider.context(name)}", *_forced(provider.context(name))))
    for what, file in side.files.items():
        if what in START_UP_FILES:
            steps += _write(file, without_block(file.content, name), f"take {name} out of {file.path}")
        elif what.startswith("env."):
            steps += _write(file, None, f"remove {file.path}")
    return steps


def link_compose(side: Side, provider: Provider, prefix: str, home: str) -> list[Step]:
    """Return the step that shows docker the compose plugin which Homebrew (in `prefix`) installed, where it is not seen."""
    if side.compose or not prefix or "docker-compose" not in provider.formulae:
        return []
    plugin, link = _plugin(prefix, home)
    script = 'mkdir -p "${2%/*}" && { [ -L "$2" ] || [ ! -e "$2" ]; } && ln -sf "$1" "$2"'
    return [step("let docker see the compose plugin", "sh", "-c", script, "sh", plugin, link, undo=["rm", "-f", link])]


def _plugin(prefix: str, home: str) -> tuple[str, str]:
    return f"{prefix}/opt/docker-compose/bin/docker-compose", f"{home}/.docker/cli-plugins/docker-compose"


def unlink_compose(prefix: str, home: str) -> Step:
    """Return the step that removes that link, if it still is that link."""
    plugin, link = _plugin(prefix, home)
    script = '[ "$(readlink "$2")" != "$1" ] || rm -f "$2"'
    return step("remove the link of the compose plugin", "sh", "-c", script, "sh", plugin, link)


def mark_created(side: Side, provider: Provider) -> list[Step]:
    """Return the step that remembers that Quai created the machine, with this provider."""
    file = side.files["created"]
    return _write(file, provider.name.encode(), f"remember in {file.path} that Quai created it")


def _ours(context: Mapping[str, Any]) -> bool:
    return str((context.get("Metadata") or {}).get("Description", "")).startswith("Quai: ")


def _forced(context: str) -> list[str]:
    return ["docker", "context", "rm", "--force", context]


def _context(side: Side, machine: Machine, name: str, provider: Provider) -> list[Step]:
    if provider.makes_context:
        return []
    context = provider.context(name)
    host = "" if side.context is None else str(side.context["Endpoints"]["docker"].get("Host", ""))
    if side.context is not None and host == machine.url and side.certificates[0] == side.certificates[1]:
        return []
    if side.context is not None and not _ours(side.context):
        raise Refused(
            f"There is a docker context {context} that leads to {host}.",
            f"Quai's context of the machine {name} bears that name.",
            f"Rename it (docker context export {context}, docker context import NEW), or choose another docker_machine_name.",
        )
    pem = {key: f"{machine.cert_path}/{key}.pem" for key in ("ca", "cert", "key")}
    options = ["--docker", ",".join([f"host={machine.url}", *(f"{key}={path}" for key, path in pem.items())])]
    if side.context is not None:
        return [step(f"update the docker context {context}", "docker", "context", "update", *options, context)]
    options += ["--description", f"Quai: {provider.name} {name}"]
    words = ["docker", "context", "create", *options, context]
    return [step(f"create the docker context {context}", *words, undo=_forced(context))]


# Through a link to the file itself, and under a name of its own until it is whole; a link stays, and so does the mode.
_REPLACE = """\
file=$1
while [ -L "$file" ]; do to=$(readlink "$file"); case $to in /*) file=$to ;; *) file=${file%/*}/$to ;; esac; done
if [ "$3" = remove ]; then exec rm -f "$file"; fi
mkdir -p "${file%/*}" && new=$file.quai-$$ || exit 1
trap 'rm -f "$new"' EXIT
[ ! -e "$file" ] || cp -p "$file" "$new" || exit 1
printf %s "$2" | base64 --decode > "$new" && mv "$new" "$file"
"""


def _write(file: File, content: bytes | None, title: str) -> list[Step]:
    """Return the step that gives the file this content (None: removes it), unless it has it already."""
    if file.content == content:
        return []

    def words(text: bytes | None) -> tuple[str, ...]:
        encoded = base64.b64encode(text or b"").decode()
        return ("sh", "-c", _REPLACE, "sh", file.path, encoded, "remove" if text is None else "write")

    return [Step(title, words(content), words(file.content))]
