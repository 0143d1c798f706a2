"""The page: well-formed, complete in itself, and nothing but words to whoever writes labels. Chromium sees it in tests/fleet."""

from __future__ import annotations

import html.parser
import re
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils import status, status_history, status_page, status_table
from ansible_collections.quai.engine.tests.unit.samples import release
from ansible_collections.quai.engine.tests.unit.test_status import WEB, WELL, but, serving
from ansible_collections.quai.engine.tests.unit.test_status_table import AT, GONE, ROWS

EVIL = "</title></text><script>alert(1)</script>\"'&\x00\x1b"
VOID = {"meta"}


class Tree(html.parser.HTMLParser):
    """Every element is closed where it should be; the tags, the attributes and the text are kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(rows: dict[str, Any], history: str = "") -> str:
    """Return the page of these rows."""
    return status_page.page(status_table.document(rows, AT), history)


def test_a_card_for_each_host_with_all_that_is_known() -> None:
    text = page(ROWS)
    assert text.startswith("<!DOCTYPE html>\n<html ")
    tree = Tree(text)
    assert tree.tags.count("section") == 4
    for words in (
        "Status: bad", "4 hosts, read at 2026-01-02 04:04 UTC", "quay3: bad", "web is unhealthy", "web: healthy", "0.0.0.0:80",
        "http://quay1:80", "28.5.2", "web:3f2a9b1c2d3e", "2026-01-02 03:04 UTC (1 h)", "3.0 GiB", "60 GiB of 100 GiB", "(v1)",
        "could not be reached: Failed to connect", "none",
    ):  # fmt: skip
        assert words in tree.text, words


def test_the_page_needs_nothing_else_and_no_script() -> None:
    text = page(ROWS)
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(Tree(text).tags)
    assert not re.search(r"url\(|@import|javascript:|\bon\w+=", text)
    assert {value[0] for name, value in Tree(text).attributes if name in ("href", "src")} == {"#"}
    assert "prefers-color-scheme: dark" in text
    assert "@media (max-width: 599px)" in text
    assert 'name="viewport"' in text


def test_no_text_of_a_host_becomes_markup() -> None:
    image = status.Image(
        WEB.id,
        (),
        {"quai.image": EVIL, "quai.digest": EVIL, "org.opencontainers.image.revision": EVIL},
        1,
        created=WEB.created,
    )
    seen = but(
        engine=EVIL,
        images=(image,),
        containers=(release(image=EVIL, health=EVIL), status.Container(**{**vars(release()), "name": EVIL})),
        problem="",
        wanted=None,
        unwanted=EVIL,
    )  # fmt: skip
    row = status.row(seen, address=EVIL, machine={"name": EVIL, "address": EVIL, "shell": EVIL})
    tree = Tree(page({EVIL: row, "quay4": GONE | {"findings": [{"level": "bad", "text": EVIL}]}}))
    assert "script" not in tree.tags
    assert tree.text.count("<script>alert(1)</script>") >= 10
    assert not {"\x00", "\x1b"} & set(tree.text)
    assert all(name in ("class", "id", "href", "title") or "<" not in value for name, value in tree.attributes)


def test_growth_is_drawn_of_two_runs_and_more() -> None:
    assert "Data on the volume" not in page(ROWS)
    text = status_history.remember("", ROWS, "2026-01-01T04:04:05+00:00")
    text = status_history.remember(text, {"quay1": ROWS["quay1"] | {"data_bytes": 6 << 30}}, AT)
    shown = Tree(page(ROWS, text))
    assert shown.text.count("Data on the volume") == 1
    assert "3.0 GiB at first, 6.0 GiB now, 6.0 GiB at most" in shown.text
    assert "2026-01-01 04:04 UTC to 2026-01-02 04:04 UTC" in shown.text
    assert ("points", "12.0,70.0 328.0,18.0") in shown.attributes


def test_a_release_that_is_gone_is_remembered_on_its_line_of_time() -> None:
    text = status_history.remember(
        "", {"quay1": ROWS["quay1"] | {"release": "0ld0ld0ld0ld"}}, "2025-12-01T00:00:00+00:00"
    )
    text = status_history.remember(text, ROWS, AT)
    shown = Tree(page(ROWS, text))
    assert shown.text.count("12-01 00:00 UTC release 0ld0ld0ld0ld") == 1
    assert "release 0ld0ld0ld0ld" not in Tree(page(ROWS)).text
    assert f"release {ROWS['quay1']['release']}" not in shown.text, "it serves: its container is there"
    points = [value for name, value in shown.attributes if name == "cx"]
    assert points[0] == "12.0", "the oldest comes first"


def test_a_size_that_never_changed_is_a_line_not_a_division_by_zero() -> None:
    text = status_history.remember(status_history.remember("", ROWS, AT), ROWS, AT)
    assert ("points", "170.0,70.0 170.0,70.0") in Tree(page(ROWS, text)).attributes


@pytest.mark.parametrize(
    ("row", "boxes"),
    [
        (serving(), ["b-ok", "b-ok", "b-none"]),
        (serving(health="unhealthy"), ["b-bad", "b-bad", "b-none"]),
        (serving(running=False), ["b-bad", "b-bad", "b-none"]),
    ],
)
def test_a_box_has_the_color_of_its_state(row: status.Seen, boxes: list[str]) -> None:
    tree = Tree(page({"quay1": status.row(row, address="", machine=None)}))
    found = [value.split()[1] for name, value in tree.attributes if name == "class" and value.startswith("box ")]
    assert found == boxes


def test_a_host_on_which_nothing_is() -> None:
    row = status.row(status.Seen(now=WELL.now, problem="Docker does not answer"), address="", machine=None)
    tree = Tree(page({"quay1": row}))
    assert "Docker does not answer" in tree.text
    assert "Releases" not in tree.text


def test_text_of_a_picture_is_cut_and_whole_in_its_title() -> None:
    long = "x" * 80
    tree = Tree(page({"quay1": status.row(serving(image=long, image_id="sha256:0"), address="", machine=None)}))
    assert f"{'x' * 25}…{long}" in tree.text
