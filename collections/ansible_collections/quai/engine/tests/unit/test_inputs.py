"""Variables with a typing error, and values that do not fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader

from ansible_collections.quai.engine.plugins.action import inputs as inputs_action
from ansible_collections.quai.engine.plugins.module_utils.inputs import meant, strangers, too_small, unfit
from ansible_collections.quai.engine.tests.unit.harness import Run

KNOWN = ["myapp_port", "myapp_address", "app_web_name", "app_web_workers", "app_data_directory"]
PREFIXES = ["myapp_", "app_web_", "app_data_"]


def test_a_typing_error_is_named_with_what_was_meant() -> None:
    assert strangers(["app_web_naem", "myapp_port"], KNOWN, PREFIXES) == [
        "There is no variable app_web_naem; did you mean app_web_name? Remove it or correct its name."
    ]


def test_a_name_near_to_none_gets_no_advice() -> None:
    assert strangers(["myapp_zzzzzzzzzzzzzzzz"], KNOWN, PREFIXES) == [
        "There is no variable myapp_zzzzzzzzzzzzzzzz. Remove it or correct its name."
    ]


def test_all_strangers_are_told_in_order() -> None:
    found = strangers(["myapp_prot", "app_data_dir", "app_web_worker"], KNOWN, PREFIXES)
    assert [sentence.split()[4].rstrip(";.") for sentence in found] == ["app_data_dir", "app_web_worker", "myapp_prot"]


def test_other_people_s_variables_are_none_of_ours() -> None:
    names = [
        "ansible_host",
        "inventory_hostname",
        "docker_engine_options",
        "webapp_port",
        "my_app_port",
        "myapp",
        "_myapp_x",
    ]
    assert strangers([*names, *KNOWN], KNOWN, PREFIXES) == []
    assert strangers([], KNOWN, PREFIXES) == []


def test_a_site_s_own_variables_may_share_a_prefix() -> None:
    known = ["logs_lines", "logs_since", "logs_follow", "logs_seconds"]
    given = ["logs_dir", "logs_path", "logs_line", "logs_since", "other"]
    assert [each.split()[4] for each in meant(given, known, "logs_", [])] == ["logs_line;"]
    assert [each.split()[4].rstrip(";.") for each in meant(given, known, "logs_", ["logs_dir"])] == [
        "logs_dir",
        "logs_line",
    ]


OPTIONS: dict[str, dict[str, Any]] = {
    "port": {"type": "int", "description": "left out of the check", "default": 80, "required": False},
    "runtime": {"type": "str", "choices": ["python3", "python2"]},
    "enabled": {"type": "bool"},
    "env": {"type": "dict"},
    "names": {"type": "list", "elements": "str"},
    "ports": {"type": "list", "elements": "int"},
    "ratio": {"type": "float"},
    "directory": {"type": "path"},
    "untyped": {"description": "a string, as Ansible has it"},
}


def check(**values: Any) -> list[str]:
    """Return what is wrong with these values."""
    return unfit(OPTIONS, values.__getitem__, values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 80),
        ("port", "80"),
        ("runtime", "python2"),
        ("enabled", True),
        ("enabled", "yes"),
        ("enabled", "off"),
        ("env", {}),
        ("env", {"a": 1}),
        ("names", []),
        ("names", ["a", "b"]),
        ("ports", [1, "2"]),
        ("ratio", 0.5),
        ("directory", "/srv/data"),
        ("untyped", "anything"),
    ],
)
def test_values_that_fit(name: str, value: Any) -> None:
    assert check(**{name: value}) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", "eighty", "port is 'eighty': .*int"),
        ("port", [80], "port is a list: it must be of type int"),
        ("port", 80.5, r"port is 80\.5: .*int"),
        ("runtime", "python4", "runtime is 'python4': value of runtime must be one of: python3, python2, got: python4"),
        ("runtime", "Python3", "must be one of"),
        ("enabled", "perhaps", "enabled is 'perhaps': .*bool"),
        ("env", ["a"], "env is a list: it must be of type dict"),
        ("env", "no mapping", "env is .*"),
        ("names", {"a": 1}, "names is a dict: it must be of type list with elements of type str"),
        ("ports", ["x"], "ports is a list: it must be of type list with elements of type int"),
        ("ratio", "half", "ratio is 'half': .*float"),
    ],
)
def test_values_that_do_not(name: str, value: Any, expected: str) -> None:
    (sentence,) = check(**{name: value})
    shown = f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)
    assert sentence.startswith(f"{name} is {shown}: ")
    assert sentence.endswith(".")
    assert re.search(expected, sentence), sentence


def test_what_a_mapping_or_a_list_holds_is_not_told() -> None:
    """A password may be among it."""
    found = check(
        env=[{"PASSWORD": "s3cret"}],
        names={"PASSWORD": "s3cret"},
        port=["s3cret"],
        ports=["s3cret"],
        runtime={"PASSWORD": "s3cret"},
    )
    assert len(found) == 5
    assert found[-1] == "runtime is a dict: it must be of type str, one of python3, python2."
    assert "s3cret" not in "".join(found)


def test_everything_wrong_is_told_at_once() -> None:
    found = check(runtime="python4", port="eighty", enabled="perhaps", names=["fine"])
    assert [sentence.split()[0] for sentence in found] == ["enabled", "port", "runtime"]


def test_only_values_that_are_set_are_looked_at() -> None:
    assert unfit(OPTIONS, {"port": 1}.__getitem__, ["port", "stranger"]) == []


def test_a_value_that_cannot_be_worked_out_is_told_too() -> None:
    def value_of(name: str) -> object:
        if name == "port":
            raise RuntimeError("'myapp_prot' is undefined")
        return "python4"

    first, second = unfit(OPTIONS, value_of, ["port", "runtime"])
    assert first.startswith("runtime is 'python4'")
    assert second == "port cannot be worked out: 'myapp_prot' is undefined"


@pytest.mark.parametrize(
    ("name", "value", "sentences"),
    [
        ("app_web_workers", 0, ["app_web_workers is 0: set it to 1 or more."]),
        ("app_web_workers", "-1", ["app_web_workers is -1: set it to 1 or more."]),
        ("app_web_workers", 1, []),
        ("app_web_pids", 0, []),
        ("app_web_pids", -1, ["app_web_pids is -1: set it to 0 or more."]),
        ("app_web_workers", "many", []),
        ("app_web_port", 0, []),
    ],
)
def test_numbers_that_make_no_sense(name: str, value: object, sentences: list[str]) -> None:
    assert too_small({name: value}.__getitem__, [name]) == sentences


def test_a_number_is_told_by_the_name_that_people_set() -> None:
    values = {"app_web_workers": 0, "myapp_workers": 0}
    assert too_small(values.__getitem__, values) == ["myapp_workers is 0: set it to 1 or more."]


def test_no_other_name_is_offered_for_its_prefix_alone() -> None:
    (sentence,) = strangers(["app_web_tiemout"], ["app_web_module", "app_web_name"], ["app_web_"])
    assert sentence == "There is no variable app_web_tiemout. Remove it or correct its name."


# --- the playbooks ----------------------------------------------------------------------------------------------------

PLAYBOOKS = Path(__file__).parents[6] / "playbooks"


def inputs_of(playbook: str) -> dict[str, Any]:
    """Return the arguments of a playbook's guard, which is its first task."""
    play, *_others = DataLoader().load_from_file(str(PLAYBOOKS / f"{playbook}.yml"))
    guard = play["tasks"][0]
    assert guard["run_once"]
    asked = dict(guard["quai.engine.inputs"])
    return asked | {"vocabulary": asked["vocabulary"].replace("{{ playbook_dir }}", str(PLAYBOOKS))}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is given with -e."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(inputs_action, "load_extra_vars", lambda _loader: given)
    return given


@pytest.mark.parametrize(
    ("playbook", "given", "told"),
    [
        ("teardown", {"teardown_daat": "myapp_data"}, "teardown_daat; did you mean teardown_data?"),
        ("bundle", {"bundle_realease": "trixie"}, "bundle_realease; did you mean bundle_release?"),
        ("bundle", {"bundle_fiel": "x.tar"}, "bundle_fiel; did you mean bundle_file?"),
        ("doctor", {"doctor_onyl": "disk"}, "doctor_onyl; did you mean doctor_only?"),
        ("doctor", {"doctor_strict": "maybe"}, "doctor_strict is 'maybe': "),
        ("doctor", {"doctor_format": "xml"}, "doctor_format must be one of: text, json"),
        ("doctor", {"doctor_only": {"disk": True}}, "doctor_only is a dict: it must be of type list"),
        ("logs", {"logs_untill": "1h"}, "logs_untill; did you mean logs_until?"),
        ("logs", {"logs_lines": "some"}, "logs_lines is 'some': "),
        ("logs", {"logs_seconds": "1m"}, "logs_seconds is '1m': "),
        ("logs", {"logs_follow": "perhaps"}, "logs_follow is 'perhaps': "),
        ("run", {"run_comand": "ls"}, "run_comand; did you mean run_command?"),
        ("status", {"status_fromat": "json"}, "status_fromat; did you mean status_format?"),
        ("status", {"status_format": "xml"}, "status_format must be one of: text, json"),
        ("tour", {"tour_langauge": "fr"}, "tour_langauge; did you mean tour_language?"),
        ("tour", {"tour_language": "de"}, "tour_language must be one of: en, fr"),
        ("tour", {"tour_port": "high"}, "tour_port is 'high': "),
        ("tour", {"tour_keep": "perhaps"}, "tour_keep is 'perhaps': "),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    act: Run, typed: dict[str, Any], playbook: str, given: dict[str, Any], told: str
) -> None:
    for typed_too in ({}, given):  # in an inventory, and with -e
        typed.update(typed_too)
        result = act("inputs", variables={"other": 1, **given}, **inputs_of(playbook))
        assert result["failed"]
        assert result["msg"].startswith("Nothing was done. ")
        assert told in result["msg"]


GOOD: dict[str, dict[str, Any]] = {
    "bundle": {"bundle_release": "trixie", "bundle_file": "~/x.tar", "bundle_builder": "one.example.org"},
    "doctor": {"doctor_only": "disk,dns", "doctor_format": "json", "doctor_strict": "true"},
    "logs": {
        "logs_lines": "7",
        "logs_since": "1h",
        "logs_until": "30m",
        "logs_follow": "true",
        "logs_seconds": "60",
        "logs_base": "/srv",
    },
    "run": {"run_command": ["ls", "-l"]},
    "teardown": {"teardown_data": "myapp_data", "teardown_engine": "docker"},
    "status": {"status_format": "json", "status_file": "x", "status_report": "x", "status_history": "", "status_zz": 1},
    "tour": {"tour_language": "fr", "tour_port": "8100", "tour_keep": "true"},
}


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("playbook", GOOD)
def test_what_can_be_meant_is_taken(act: Run, playbook: str) -> None:
    """A site's own variables too, which share a prefix."""
    assert not act("inputs", variables=GOOD[playbook], **inputs_of(playbook)).get("failed")


@pytest.mark.parametrize("playbook", GOOD)
def test_what_is_typed_is_meant(act: Run, typed: dict[str, Any], playbook: str) -> None:
    typed[f"{playbook}_zzzzzzzzzzzz"] = "/srv"
    result = act("inputs", variables=typed, **inputs_of(playbook))
    assert f"There is no variable {playbook}_zzzzzzzzzzzz. " in result["msg"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mapp_port", "There is no variable mapp_port; did you mean myapp_port? Remove it or correct its name."),
        ("myapp_prot", "There is no variable myapp_prot; did you mean myapp_port? Remove it or correct its name."),
        (
            "stauts_format",
            "There is no variable stauts_format; did you mean status_format? Remove it or correct its name.",
        ),
        ("myapp_port", None),
        ("site_port", None),
        ("app_data_directory", None),  # a role's, near to another
        ("ansible_user", None),
    ],
)
def test_a_slip_of_the_prefix_is_no_variable_of_ones_own(
    act: Run, typed: dict[str, Any], name: str, told: str | None
) -> None:
    typed[name] = "json"
    result = act("inputs", variables=typed, **inputs_of("status"))
    assert result.get("msg") == (told and f"Nothing was done. {told}")


@pytest.mark.parametrize("playbook", GOOD)
def test_a_sites_own_variable_may_be_somewhat_like_an_input(act: Run, typed: dict[str, Any], playbook: str) -> None:
    assert typed == {}
    own = {"bundle_gemfile": 1, "teardown_hooks": 1, "run_comments": 1, "logs_files": 1, "doctor_name": 1}
    assert not act("inputs", variables=GOOD[playbook] | own, **inputs_of(playbook)).get("failed")


@pytest.mark.parametrize("playbook", GOOD)
def test_the_guard_knows_every_input(playbook: str) -> None:
    expressions = "".join(
        re.findall(r"{{.*?}}", (PLAYBOOKS / f"{playbook}.yml").read_text(encoding="utf-8"), re.DOTALL)
    )
    assert set(inputs_of(playbook)["options"]) == set(re.findall(rf"(?<![\w.]){playbook}_\w+", expressions))
    assert set(inputs_of(playbook)["options"]) == set(GOOD[playbook]) - {"logs_base", "status_zz"}
