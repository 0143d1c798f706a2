"""What plans are made of, and which engines are spoken with."""

from __future__ import annotations

import re

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused, Step, refuse_old_engine, step


def test_a_refusal_is_its_three_sentences() -> None:
    assert str(Refused("The disk is full.", "Logs would be lost.", "Free some space.")) == (
        "The disk is full. Logs would be lost. Free some space."
    )


def test_a_step_keeps_its_words_apart() -> None:
    made = step("say it", "echo", "two words", undo=["echo", "taken back"])
    assert made == Step("say it", ("echo", "two words"), ("echo", "taken back"))
    assert step("say it", "echo").undo == ()


def test_a_plan_s_titles_are_in_order() -> None:
    assert Plan((step("first"), step("second"))).titles == ["first", "second"]
    assert Plan().titles == []


@pytest.mark.parametrize("version", [(18, 9), (18, 9, 1), (20, 10, 24), (26, 1, 5), (28, 2, 2), (100,)])
def test_engines_that_will_do(version: tuple[int, ...]) -> None:
    refuse_old_engine(version)


@pytest.mark.parametrize(
    ("version", "written"),
    [((1, 6, 2), "1.6.2"), ((1, 13, 1), "1.13.1"), ((17, 12, 0), "17.12.0"), ((18, 6, 3), "18.06.3"), ((18,), "18")],
)
def test_engines_too_old(version: tuple[int, ...], written: str) -> None:
    with pytest.raises(Refused, match=rf"^Docker {re.escape(written)} is too old: 18\.09 is the least\."):
        refuse_old_engine(version)


@pytest.mark.parametrize("version", [(1, 6, 2), (1, 9, 1), (18, 9), (28, 5, 2), ()])
def test_engines_of_debian_8_where_they_will_do(version: tuple[int, ...]) -> None:
    refuse_old_engine(version, old_will_do=True)


@pytest.mark.parametrize("version", [(1, 6, 1), (1, 10, 0), (1, 13, 1), (17, 12, 0), (18, 6, 3)])
def test_engines_that_will_not_do_anywhere(version: tuple[int, ...]) -> None:
    with pytest.raises(Refused, match="is too old"):
        refuse_old_engine(version, old_will_do=True)


def test_an_unknown_version_is_not_an_old_one() -> None:
    refuse_old_engine(())


def test_the_least_version_can_be_another() -> None:
    with pytest.raises(Refused, match=r"23\.0 is the least"):
        refuse_old_engine((20, 10), least=(23, 0))
