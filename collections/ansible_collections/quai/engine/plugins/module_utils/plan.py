"""What a plan is made of: steps to take, and a refusal where none may be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class Refused(Exception):
    """Nothing was changed, and why: what was found, why it matters, what to do about it."""

    def __init__(self, found: str, why: str, remedy: str) -> None:
        super().__init__(f"{found} {why} {remedy}")


class Failure(Exception):
    """A step failed on the host; the message tells what it was, what was taken back, and the evidence."""


@dataclass(frozen=True)
class Given:
    """What a command is given beside its words, which anyone on the host can list: this only its own user and root see."""

    stdin: str = ""
    """What it reads."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables of its environment: name, which a shell can set, to value."""


NOTHING = Given()


@dataclass(frozen=True)
class Step:
    """One command on the host: what it does in plain words, its words, and the words that take it back (none: nothing to take back)."""

    title: str
    words: tuple[str, ...]
    undo: tuple[str, ...] = ()
    proven: bool = False
    """Whether all before it has proven itself, so that its own failure takes nothing back."""
    given: Given = NOTHING


@dataclass(frozen=True)
class Plan:
    """Steps in order, with what they change as two small documents for `--diff`. No steps: nothing to do."""

    steps: tuple[Step, ...] = ()
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)

    @property
    def titles(self) -> list[str]:
        """Return what each step does, in order."""
        return [step.title for step in self.steps]


def step(title: str, *words: str, undo: Sequence[str] = (), given: Given = NOTHING) -> Step:
    """Return a step from its words."""
    return Step(title, words, tuple(undo), given=given)


LEAST_ENGINE = (18, 9)
"""The oldest engine whose commands this collection speaks."""

LEAST_ENGINE_AT_END_OF_LIFE = (1, 6, 2)
"""The oldest engine that the role docker_engine looks after, on a release whose end of life was accepted."""

BY_CONTENT = (1, 10)
"""The first engine whose images are known by their content. What is older is spoken to in the words of 1.6.2; nobody has
those in between, whose words are others again."""


def is_old(version: Sequence[int]) -> bool:
    """Return whether the engine knows images by numbers of its own. One of unknown version is a current one."""
    return bool(version) and tuple(version) < BY_CONTENT


def version_text(version: Sequence[int]) -> str:
    """Return a version as Docker writes it: those named for a month have two digits for it, (18, 9) is "18.09"."""
    return ".".join(
        f"{part:02}" if place == 1 and 17 <= version[0] <= 20 else str(part) for place, part in enumerate(version)
    )


def refuse_old_engine(
    version: Sequence[int], least: Sequence[int] = LEAST_ENGINE, *, old_will_do: bool = False
) -> None:
    """Raise Refused for an engine older than `least`; old_will_do: unless it is one of Debian 8 (`is_old`)."""
    if old_will_do and is_old(version) and tuple(version) >= LEAST_ENGINE_AT_END_OF_LIFE:
        return
    if version and tuple(version) < tuple(least):
        raise Refused(
            f"Docker {version_text(version)} is too old: {version_text(least)} is the least.",
            "Older engines lack the commands by which data and releases are kept safe.",
            "Upgrade the host to Debian 11 or later, or install a newer docker.io there.",
        )
