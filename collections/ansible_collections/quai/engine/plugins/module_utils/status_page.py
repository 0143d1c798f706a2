"""The status of all hosts as one HTML page that needs nothing else: no script, no font, no image of its own. Pure.

The page is made of elements, never of text, so that no name or label of a host can become markup.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, tostring

from ansible_collections.quai.engine.plugins.module_utils import status_table
from ansible_collections.quai.engine.plugins.module_utils.script import printable
from ansible_collections.quai.engine.plugins.module_utils.state import moment
from ansible_collections.quai.engine.plugins.module_utils.status import ago, size
from ansible_collections.quai.engine.plugins.module_utils.status_history import growth, releases

WIDTH = 340
"""Of a picture, in its own units; on a phone one is about a pixel, so that its text stays readable."""
LINE = 38
"""Letters of the pictures' text that fit into their width."""

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --card: #f4f5f7; --text: #1b1f24; --soft: #57606a; --line: #c8ced6;
  --ok: #1a7f37; --warning: #9a6700; --bad: #cf222e; --data: #0969da; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --card: #161b22; --text: #e6edf3; --soft: #9198a1;
  --line: #3d444d; --ok: #3fb950; --warning: #d29922; --bad: #f85149; --data: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.4rem; } h2 { margin: 0 0 .3rem; font-size: 1.1rem; } h3 { margin: 1rem 0 .2rem; font-size: .9rem; }
.soft { color: var(--soft); } .ok { color: var(--ok); } .warning { color: var(--warning); } .bad { color: var(--bad); }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: .8rem 0 1rem; padding: 0; }
nav a { padding: .2rem .6rem; border: 1px solid currentColor; border-radius: 1rem; text-decoration: none; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem; align-items: start; }
section { min-width: 0; padding: 1rem; border-radius: .5rem; background: var(--card); border-top: .3rem solid var(--line); }
section.s-ok { border-color: var(--ok); } section.s-warning { border-color: var(--warning); }
section.s-bad { border-color: var(--bad); }
ul { margin: .3rem 0; padding-left: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: .6rem 0 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
svg { display: block; width: 100%; max-width: 30rem; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--text); } svg .soft { fill: var(--soft); } svg .box { fill: var(--back); stroke: var(--line); }
svg .b-ok { stroke: var(--ok); } svg .b-warning { stroke: var(--warning); } svg .b-bad { stroke: var(--bad); stroke-width: 2; }
svg .disk { fill: var(--back); stroke: var(--data); } svg .wire { fill: none; stroke: var(--data); }
svg .plot { fill: none; stroke: var(--data); stroke-width: 1.5; } svg .axis { stroke: var(--line); }
svg .image { fill: var(--data); } svg .container { fill: var(--ok); } svg .release { fill: var(--soft); }
@media (max-width: 599px) { main { grid-template-columns: minmax(0, 1fr); } body { padding: .6rem; } }
"""


def page(document: Mapping[str, Any], history: str) -> str:
    """Return the page. document: as status_table makes it; history: what is remembered of earlier runs."""
    hosts = document["hosts"]
    head = _tag(
        "head",
        _tag("meta", charset="utf-8"),
        _tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _tag("title", f"Status: {document['state']}, {len(hosts)} hosts"),
        _tag("style", _STYLE),
    )
    links = [
        _tag("a", f"{each['host']}: {each['state']}", href=f"#{_anchor(number)}", class_=each["state"])
        for number, each in enumerate(hosts)
    ]
    body = _tag(
        "body",
        _tag("h1", "Status: ", _tag("span", document["state"], class_=document["state"])),
        _tag("div", f"{len(hosts)} hosts, read at {_when(document['at'])}", class_="soft"),
        _tag("nav", *links),
        _tag("main", *(_card(each, number, history) for number, each in enumerate(hosts))),
    )
    return "<!DOCTYPE html>\n" + tostring(_tag("html", head, body, lang="en"), encoding="unicode", method="html") + "\n"


def _card(row: Mapping[str, Any], number: int, history: str) -> Element:
    """Return a host's card: what is wrong, its picture, its figures, its plots."""
    parts = [
        _tag("h2", f"{row['host']} ", _tag("span", row["state"], class_=row["state"])),
        _tag("ul", *(_tag("li", each["text"], class_=each["level"]) for each in row["findings"])),
    ]
    if not row.get("unreachable"):
        remembered = growth(history, row["host"], row["volume"])
        parts += [_picture(row), _figures(row)]
        made = _made(row, releases(history, row["host"]))
        parts += [_tag("h3", "Releases"), _releases(made)] if made else []
        parts += [_tag("h3", "Data on the volume"), _growth(remembered)] if len(remembered) > 1 else []
    return _tag("section", *parts, id=_anchor(number), class_=f"s-{row['state']}")


def _figures(row: Mapping[str, Any]) -> Element:
    up = f"{_when(row['up_since'])} ({ago(row['up_since'], row['now'])})" if row["up_since"] else row["container"]
    figures = {
        "Address": row["address"],
        "Engine": row["engine"],
        "Release": row["release"],
        "Image": row["image"],
        "Up since": up,
        "Health": row["health"],
        "Restarts": row["restarts"],
        "OOM kills": row["oom_kills"],
        "Data": size(row["data_bytes"]),
        "Free": f"{size(row['free_bytes'])} of {size(row['disk_bytes'])}",
        "Logs": size(row["log_bytes"]),
        "Drift": "; ".join(f"{name}: {pair[0]} → {pair[1]}" for name, pair in row["drift"].items()) or "none",
        "Machine": status_table.machine(row),
    }
    shown = {name: str(value) for name, value in figures.items() if value not in ("", None)}
    return _tag("dl", *(part for name, value in shown.items() for part in (_tag("dt", name), _tag("dd", value))))


# --- pictures ---------------------------------------------------------------------------------------------------------


def _picture(row: Mapping[str, Any]) -> Element:
    """Return the host with its containers on the left, its volumes on the right, and what mounts what."""
    containers = row["containers"]
    volumes = list(dict.fromkeys(volume for each in containers for volume in each["volumes"]))
    height = 34 + max(58 * len(containers), 40 * len(volumes), 24)
    parts = [
        _tag("rect", x=1, y=1, width=WIDTH - 2, height=height - 2, rx=6, class_=f"box b-{row['state']}"),
        _text(10, 18, f"{row['host']}  {row['address']}", "soft", LINE + 14),
    ]
    disk_y = {volume: 34 + 40 * number for number, volume in enumerate(volumes)}
    for number, each in enumerate(containers):
        top = 28 + 58 * number
        parts += [
            _tag(
                "path",
                d=f"M190 {top + 25} C210 {top + 25} 205 {disk_y[volume] + 14} 225 {disk_y[volume] + 14}",
                class_="wire",
            )
            for volume in each["volumes"]
        ]
        parts.append(_tag("rect", x=10, y=top, width=180, height=50, rx=4, class_=f"box b-{_condition(each)}"))
        parts.append(_text(18, top + 15, f"{each['name']}: {each['health'] or each['condition']}", "", 26))
        parts.append(_text(18, top + 29, each["image"], "soft", 26))
        parts.append(_text(18, top + 43, ", ".join(each["published"]), "soft", 26))
    for volume, top in disk_y.items():
        parts.append(_tag("rect", x=225, y=top, width=105, height=28, rx=12, class_="disk"))
        parts.append(_text(234, top + 18, volume, "", 15))
    return _svg(height, f"{row['host']}: its containers and volumes", parts)


def _condition(container: Mapping[str, Any]) -> str:
    """Return the state by whose color a container's box is drawn; one that holds a volume never runs, and is well."""
    if container["condition"] == "running":
        return "bad" if container["health"] == "unhealthy" else "ok"
    return "bad" if container["published"] else "none"


def _made(row: Mapping[str, Any], seen: Sequence[Mapping[str, str]]) -> list[Mapping[str, Any]]:
    """Return what a host still has of its releases and those it was seen to serve before, oldest first."""
    # The one that serves is there already, by the time it was made.
    before = seen[:-1] if seen and seen[-1]["name"] == row["release"] else seen
    gone = [{"at": each["at"], "kind": "release", "name": f"release {each['name']}"} for each in before]
    placed = [(when, each) for each in [*row["releases"], *gone] if (when := moment(each["at"]))]
    return [each for _moment, each in sorted(placed, key=operator.itemgetter(0))]


def _releases(found: Sequence[Mapping[str, Any]]) -> Element:
    """Return the line of time of images built, containers made and releases seen; the latest are named."""
    times = _scaled([moment(each["at"]) for each in found])
    named = found[-6:][::-1]
    parts = [_tag("line", x1=8, x2=WIDTH - 8, y1=14, y2=14, class_="axis")]
    for each, x in zip(found, times, strict=True):
        mark = _tag("circle", cx=x, cy=14, r=5, class_=each["kind"])
        mark.append(_tag("title", f"{each['kind']} {each['name']}, {_when(each['at'])}"))
        parts.append(mark)
    for number, each in enumerate(named):
        y = 40 + 17 * number
        revision = f" ({each['revision']})" if each.get("revision") else ""
        parts.append(_tag("circle", cx=9, cy=y - 4, r=4, class_=each["kind"]))
        parts.append(_text(20, y, f"{_when(each['at'])[5:]} {each['name']}{revision}", "", LINE + 10))
    title = "Images (blue) and containers (green) by the time they were made, releases before (grey) when first seen"
    return _svg(32 + 17 * len(named), title, parts)


def _growth(remembered: Sequence[Mapping[str, Any]]) -> Element:
    """Return the curve of the data's size over the runs that are remembered."""
    xs = _scaled([moment(str(each["at"])) for each in remembered])
    sizes = [int(each["data_bytes"]) for each in remembered]
    low, high = min(sizes), max(sizes)
    ys = [70 - 52 * (each - low) / (high - low or 1) for each in sizes]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    parts = [
        _tag("line", x1=8, x2=WIDTH - 8, y1=74, y2=74, class_="axis"),
        _tag("polyline", points=points, class_="plot"),
        _text(8, 11, f"{size(sizes[0])} at first, {size(sizes[-1])} now, {size(high)} at most", "soft", LINE + 10),
        _text(8, 90, f"{_when(str(remembered[0]['at']))} to {_when(str(remembered[-1]['at']))}", "soft", LINE + 10),
    ]
    return _svg(96, "Size of the data over time", parts)


def _scaled(times: Sequence[datetime.datetime | None]) -> list[float]:
    """Return where each moment lies across a picture; all in the middle where they are one."""
    seconds = [each.timestamp() if each else 0.0 for each in times]
    first, last = min(seconds), max(seconds)
    if first == last:
        return [WIDTH / 2 for _ in seconds]
    return [round(12 + (WIDTH - 24) * (each - first) / (last - first), 1) for each in seconds]


# --- elements ---------------------------------------------------------------------------------------------------------


def _svg(height: float, title: str, parts: Sequence[Element]) -> Element:
    return _tag("svg", _tag("title", title), *parts, viewBox=f"0 0 {WIDTH} {height:g}", role="img")


def _text(x: float, y: float, text: str, kind: str, letters: int) -> Element:
    """Return text of a picture, cut where it would run over what is beside it; the whole of it is its title."""
    if len(text) <= letters:
        return _tag("text", text, x=x, y=y, class_=kind)
    return _tag("text", f"{text[: letters - 1]}…", _tag("title", text), x=x, y=y, class_=kind)


def _tag(tag: str, *inside: Element | str, **attributes: object) -> Element:
    """Return an element. class_ is its class; what is inside is text, escaped when it is written, or elements."""
    made = Element(tag, {name.rstrip("_"): printable(str(value)) for name, value in attributes.items()})
    last: Element | None = None
    for each in inside:
        if isinstance(each, Element):
            made.append(each)
            last = each
        elif last is None:
            made.text = (made.text or "") + (each if tag == "style" else printable(each))
        else:
            last.tail = (last.tail or "") + printable(each)
    return made


def _anchor(number: int) -> str:
    return f"host-{number}"


def _when(text: str) -> str:
    found = moment(text)
    return found.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC") if found else text
