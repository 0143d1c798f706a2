"""The host's engine: does it answer, and is it one whose commands are spoken here."""

from __future__ import annotations

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused, refuse_old_engine
from ansible_collections.quai.engine.plugins.module_utils.script import Answer, unless_ok
from ansible_collections.quai.engine.plugins.module_utils.state import engine_version

NONE_INSTALLED = 127

# A docker command without any daemon (a client alone) is no engine, unless DOCKER_HOST points at one.
VERSION = (
    "docker version --format '{{.Server.Version}}' || "
    '{ code=$?; [ -n "${DOCKER_HOST:-}" ] || command -v dockerd >/dev/null || exit 127; exit "$code"; }'
)
"""Shell fragment: the engine's version; exit code 127 where none is installed."""

ANY_VERSION = f"""\
docker version --format '{{{{.Server.Version}}}}' 2>/dev/null ||
docker version 2>/dev/null | sed -n 's/^Server version: //p' | grep . || {{ {VERSION}; }}"""
"""The same for engines of any age: those before 1.8 tell their version in words only."""

VERSION_UNLESS_OK = unless_ok(ANY_VERSION)
"""The same where the section before it failed. One that asked an engine of today, in its words, for something and got it
needs no further call."""

ANY_ARCHITECTURE = """\
docker version --format '{{.Server.Arch}}' 2>/dev/null || docker version | sed -n 's|^OS/Arch (server): .*/||p'"""
"""Shell fragment: the processors that the engine, of any age, runs programs for, in its own words (`amd64`)."""

ALL_CONTAINERS = 'ids=$(docker ps -aq --no-trunc) && { [ -z "$ids" ] || docker inspect $ids; }'
"""Shell fragment: the documents of all containers."""


def engine_answers(answer: Answer, host: str, *, may_be_missing: bool, check_mode: bool) -> bool:
    """Return whether the engine answers, given what `ANY_VERSION` printed.

    may_be_missing: none installed is all right, as where something shall be absent. In check mode a missing engine is
    one that would be installed by then. Raises Refused for an engine that is down or too old.
    """
    if answer.ok:
        refuse_old_engine(engine_version(answer.stdout), old_will_do=True)
        return True
    if check_mode or (may_be_missing and answer.rc == NONE_INSTALLED):
        return False
    raise Refused(
        f"Docker does not answer on {host}: {answer.stderr or 'it is not installed'}.",
        "Images, data and releases are the engine's.",
        "Run playbooks/hosts.yml (role docker_engine), or point DOCKER_HOST at an engine that runs.",
    )
