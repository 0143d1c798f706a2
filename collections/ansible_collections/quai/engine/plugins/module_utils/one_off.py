"""A one-off command in the release that serves: a container like it, without its port. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from ansible.parsing.splitter import split_args

from ansible_collections.quai.engine.plugins.module_utils.env_file import env_file
from ansible_collections.quai.engine.plugins.module_utils.plan import Given, Refused
from ansible_collections.quai.engine.plugins.module_utils.state import Container, Image

LABEL_RUN = "quai.run"

NOT_FOUND, NOT_RUN = 127, 125
"""Exit codes of `docker run` for a command that is not there, and for whatever else keeps the engine from running it."""

_VARIABLE = re.compile(r"((?:ansible|app_data|app_image|app_web|docker_engine|docker_machine|myapp|quai|run)_\w+)=")
"""A word that sets a variable of Quai's or of Ansible's."""


def typed(extra_vars: Iterable[str], name: str) -> str | None:
    """Return the whole text of `-e NAME=TEXT`, of which Ansible would keep the first word only; None where it was not lost.

    extra_vars: the texts that were given with -e. Raises Refused where a later word looks like another variable.
    """
    for given in reversed([str(each) for each in extra_vars]):
        key, _equals, text = given.partition("=")
        if key == name:
            _first, *rest = split_args(given)
            if match := next((found for word in rest if (found := _VARIABLE.match(word))), None):
                raise Refused(
                    f"-e {given!r} may set {match[1]}, or the command may have that word.",
                    "A command that is typed without quotes is taken with all its words.",
                    f"Give {match[1]} with an -e of its own, and the command in quotes (-e \"{name}='...'\") or as JSON "
                    f'(-e \'{{"{name}": ["..."]}}\').',
                )
            return text if rest else None
    return None


def words_of(command: object) -> list[str]:
    """Return the words of a command, given as a list or as a text that is split as a shell would. Raises Refused for none."""
    try:
        words = [str(word) for word in command] if isinstance(command, list) else shlex.split(str(command or ""))
    except ValueError as error:
        raise Refused(
            f"{command!r} cannot be split into words: {error}.",
            "It is no shell that reads it, but its quotes count.",
            "Close the quote, or give a list of words.",
        ) from None
    if not words or not words[0]:
        raise Refused(
            "No command is given.",
            "There is nothing to run.",
            "Say which: -e run_command='python manage.py migrate'.",
        )
    return words


def refuse_unserved(container: Container | None, name: str) -> Container:
    """Return the container that serves. Raises Refused where there is none, or it does not run."""
    if container is None or container.condition != "running":
        how = f"The container {name} is {container.condition}" if container else f"There is no container {name}"
        raise Refused(
            f"{how}: nothing is served.",
            "The command runs in the release that serves.",
            "Run site.yml first; playbooks/status.yml tells what is wrong.",
        )
    return container


def create(
    serving: Container, image: Image | None, name: str, command: list[str], *, old: bool = False
) -> tuple[list[str], Given]:
    """Return the words that create the command's container, and what they must be given: same image, user, environment, data and limits, no port.

    old: for an engine of before 1.10, which has no health checks and whose ids are digits alone.
    """
    own = set(image.env) if image else set()
    words = ["docker", "create", "--name", name, "--label", f"{LABEL_RUN}={name}"]
    words += [] if old else ["--no-healthcheck"]
    words += ["--log-driver", "json-file"]  # whatever the engine's is: its output is read from there
    words += ["--user", serving.user] if serving.user else []
    options, given = env_file(dict(each.split("=", 1) for each in serving.env if each not in own and "=" in each))
    words += options
    words += ["--volumes-from", serving.name]
    words += ["--memory", str(serving.memory)] if serving.memory else []
    words += ["--pids-limit", str(serving.pids)] if serving.pids else []
    words += ["--read-only"] if serving.read_only else []
    words += [word for each in serving.tmpfs for word in ("--tmpfs", each)]
    words += [word for each in serving.cap_drop for word in ("--cap-drop", each)]
    words += [word for each in serving.security for word in ("--security-opt", each)]
    return [*words, serving.image_id.removeprefix("sha256:") if old else serving.image_id, *command], given


def exit_code(ended: Container, said: str) -> int:
    """Return the command's exit code. said: what the engine said when it was to start it.

    Of one that never ran, engines of Debian 8 tell -1 or 0: it is as `docker run` has it today.
    """
    if ended.condition != "created" or ended.exit_code > 0:
        return ended.exit_code
    return NOT_FOUND if "executable file not found" in said else NOT_RUN
