"""All hosts together: the table, the document, the last line, and what is remembered of earlier runs."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import status, status_history, status_table
from ansible_collections.quai.engine.tests.unit.samples import TOKEN
from ansible_collections.quai.engine.tests.unit.test_status import WELL, serving

AT = "2026-01-02T04:04:05+00:00"
GONE = status_table.unread({"unreachable": True, "msg": "Failed to connect to the host via ssh: no route"})
ROWS: dict[str, Any] = {
    "quay1": status.row(WELL, address="http://quay1:80", machine=None),
    "quay2": status.row(serving(restarts=1), address="http://quay2:80", machine=None),
    "quay3": status.row(serving(health="unhealthy"), address="http://quay3:80", machine=None),
    "quay4": GONE,
}


def test_one_line_a_host_and_one_a_finding() -> None:
    lines = status_table.table(ROWS)
    head, *rows = [line for line, _state in lines[:5]]
    assert re.split("  +", head) == list(status_table._HEAD)
    assert rows[0].split()[:5] == ["quay1", "ok", "28.5.2", ROWS["quay1"]["release"], "web:3f2a9b1c2d3e"]
    assert "2026-01-02 03:04Z (1 h)  0         0    healthy    http://quay1:80  3.0 GiB  60 GiB  1.0 GiB  -" in rows[0]
    assert rows[2].split()[1] == "BAD"
    assert rows[3].split()[:4] == ["quay4", "BAD", "not", "read"]
    assert [state for _line, state in lines] == ["", "ok", "warning", "bad", "bad", "warning", "bad", "bad"]
    assert lines[-1][0] == "quay4: The host could not be reached: Failed to connect to the host via ssh: no route"
    columns = {line.index(cell) for line, cell in zip(rows[:3], ("ok", "warning", "BAD"), strict=True)}
    assert columns == {head.index("STATE")}


def test_no_host_s_text_can_steer_the_terminal() -> None:
    row = ROWS["quay3"] | {"image": "web\x1b[2J\r\n", "findings": [{"level": "bad", "text": "a\x1b]0;b\x07"}]}
    text = "\n".join(line for line, _state in status_table.table({"quay3": row}))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "web\\x1b[2J\\r\\n" in text


def test_a_mac_s_machine_is_shown_with_the_way_into_it() -> None:
    machine = {"name": "dev", "state": "running", "address": "192.168.56.101", "shell": "docker-machine ssh dev"}
    lines = status_table.table({"mac": ROWS["quay1"] | {"machine": machine}})
    assert lines[-1] == ("mac: the machine dev is at 192.168.56.101: docker-machine ssh dev", "")
    assert status_table.machine({"machine": machine | {"shell": ""}}) == "dev is at 192.168.56.101"
    assert status_table.machine({"machine": machine | {"state": "stopped", "address": ""}}) == ""


def test_the_document() -> None:
    document = status_table.document(ROWS, AT)
    assert json.loads(json.dumps(document)) == document
    assert (document["at"], document["state"]) == (AT, "bad")
    assert [(each["host"], each["state"]) for each in document["hosts"]] == [
        ("quay1", "ok"), ("quay2", "warning"), ("quay3", "bad"), ("quay4", "bad"),
    ]  # fmt: skip
    assert status_table.document({"quay1": ROWS["quay1"]}, AT)["state"] == "ok"


def test_the_last_line() -> None:
    assert status_table.verdict(ROWS) == "1 of 4 hosts ok, 1 with warnings (quay2), 2 BAD (quay3, quay4)"
    assert status_table.verdict({"quay1": ROWS["quay1"]}) == "1 of 1 hosts ok"


def test_a_host_that_gave_no_row() -> None:
    assert status_table.unread(None)["findings"] == [
        {"level": "bad", "text": "The host could not be read: see its error above"}
    ]
    assert status_table.unread({"msg": "Timed out after 120 second(s)."})["state"] == "bad"


# --- history ----------------------------------------------------------------------------------------------------------


def test_runs_are_remembered_by_host_and_volume() -> None:
    text = status_history.remember("", ROWS, AT)
    text = status_history.remember(text, {"quay1": ROWS["quay1"] | {"data_bytes": 5}}, "2026-01-03T00:00:00+00:00")
    assert [line["host"] for line in status_history.parse(text)] == ["quay1", "quay2", "quay3", "quay1"]
    assert [each["data_bytes"] for each in status_history.growth(text, "quay1", TOKEN)] == [3 << 30, 5]
    assert status_history.growth(text, "quay1", "another volume") == []
    assert status_history.growth(text, "quay9", TOKEN) == []


def test_only_the_latest_are_kept_of_each() -> None:
    text = status_history.remember("", {"quay2": ROWS["quay2"]}, "first")
    for number in range(status_history.KEPT + 3):
        text = status_history.remember(text, {"quay1": ROWS["quay1"]}, f"{number:04}")
    found = status_history.growth(text, "quay1", TOKEN)
    assert len(found) == status_history.KEPT
    assert (found[0]["at"], found[-1]["at"]) == ("0003", f"{status_history.KEPT + 2:04}")
    assert len(status_history.growth(text, "quay2", TOKEN)) == 1


def test_what_is_no_line_of_ours_is_passed_over() -> None:
    broken = 'not json\n[1]\n{"at": "x"}\n{"at": "1", "host": "quay1", "volume": "' + TOKEN + '", "data_bytes": nul'
    text = status_history.remember(broken, {"quay1": ROWS["quay1"]}, AT)
    assert len(text.splitlines()) == 1
    assert status_history.growth('{"at": "1", "host": "h", "volume": "v", "data_bytes": null}', "h", "v") == []


def test_releases_are_told_when_they_change() -> None:
    text = status_history.remember("", {"quay2": ROWS["quay2"]}, "0")
    for number, release in enumerate(["one", "one", "two", "", "two", "one"]):
        text = status_history.remember(text, {"quay1": ROWS["quay1"] | {"release": release}}, str(number))
    found = status_history.releases(text, "quay1")
    assert found == [{"name": "one", "at": "0"}, {"name": "two", "at": "2"}, {"name": "one", "at": "5"}]
    assert status_history.releases(text, "quay9") == []
    assert status_history.releases('{"at": "1", "host": "h", "volume": "v", "release": 3}', "h") == []
