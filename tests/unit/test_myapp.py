"""The build contexts, by their text. What they serve is asked of the built images, in the end-to-end tests."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "files" / "web"
DATA = ROOT / "files" / "data"
TOUR = ROOT / "files" / "tour"
FIXTURES = ROOT / "tests" / "fixtures"
CONTEXTS = [WEB, DATA, FIXTURES / "second_app", FIXTURES / "broken_app"]

# As the text has a person type it.
TEXT_APPLICATION = """
from flask import Flask
app = Flask(__name__)

@app.route('/')
def hello_world():
    return 'Hello World!'

if __name__ == '__main__':
    app.run()
"""

TEXT_PINS = """
gunicorn==19.10.0 eventlet==0.30.2 Flask==1.1.4 Werkzeug==1.0.1 Jinja2==2.11.3 MarkupSafe==1.1.1 click==7.1.2
itsdangerous==1.1.0 greenlet==2.0.2 dnspython==1.16.0 monotonic==1.6 six==1.17.0
"""


def instructions(context: Path) -> list[str]:
    """Return a Dockerfile's instructions, one string each, without comments."""
    text = re.sub(r"^#.*\n", "", (context / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def final_stage(context: Path) -> list[str]:
    """Return the instructions that make the image itself."""
    lines = instructions(context)
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return lines[last:]


def pins(path: Path) -> dict[str, list[str]]:
    """Return each pinned package of a lock file with its hashes; refuse any other line."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        words = line.split()
        package = re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", words[0])
        hashes = [word.removeprefix("--hash=sha256:") for word in words if word.startswith("--hash=")]
        assert package, f"{path.name}: {line[:60]}"
        assert hashes, f"{path.name}: {words[0]} has no hash"
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes)
        found[words[0]] = hashes
    return found


@pytest.mark.parametrize("context", [WEB, TOUR / "first", TOUR / "web"], ids=lambda path: path.name)
def test_application_is_that_of_the_text(context: Path) -> None:
    """All but the address: on 127.0.0.1 inside a container a published port reaches nothing."""
    expected = TEXT_APPLICATION.replace("app.run()", "app.run(host='0.0.0.0')")
    assert ast.dump(ast.parse((context / "myapp.py").read_text())) == ast.dump(ast.parse(expected))


@pytest.mark.parametrize("context", ["first", "web"])
def test_the_tour_installs_what_the_application_is_locked_to(context: str) -> None:
    lines = [
        line for line in (TOUR / context / "requirements.txt").read_text().splitlines() if not line.startswith("#")
    ]
    for line in lines:
        package, marker = re.sub(r"\[.*?\]", "", line.lower()).split("; ")
        runtime = {'python_version >= "3.9"': "python3", 'python_version < "3.0"': "python2"}[marker]
        assert package in pins(WEB / f"requirements-{runtime}.txt")
    assert lines


def test_python2_pins_are_those_that_work_together() -> None:
    assert set(pins(WEB / "requirements-python2.txt")) == set(TEXT_PINS.lower().split())


@pytest.mark.parametrize("lock", sorted(ROOT.glob("files/web/*.txt")) + sorted(FIXTURES.glob("*_app/*.txt")), ids=str)
def test_locks_pin_every_package_they_were_asked_for(lock: Path) -> None:
    asked = re.findall(r"^([A-Za-z0-9-]+)", lock.with_suffix(".in").read_text(), flags=re.MULTILINE)
    locked = {name.split("==")[0] for name in pins(lock)}
    assert asked
    assert {name.lower() for name in asked} <= locked


def test_every_runtime_has_its_lock() -> None:
    runtimes = {path.stem.removeprefix("requirements-") for path in WEB.glob("requirements-*.txt")}
    assert runtimes == {"python2", "python3"}


def test_gunicorn_configuration_keeps_off_the_root_file_system() -> None:
    for path in [WEB, FIXTURES / "second_app", FIXTURES / "broken_app"]:
        settings: dict[str, object] = {}
        exec((path / "gunicorn.conf.py").read_text(), settings)  # noqa: S102 # our own file, as gunicorn reads it
        settings = {name: value for name, value in settings.items() if not name.startswith("__")}
        assert settings == {"worker_tmp_dir": "/dev/shm", "control_socket_disable": True}


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda path: path.name)
def test_dockerfiles_follow_the_contract(context: Path) -> None:
    lines = instructions(context)
    final = final_stage(context)
    assert lines[0].startswith("ARG BASE_IMAGE=")
    assert {line for line in lines if line.startswith("FROM ")} <= {"FROM ${BASE_IMAGE}", "FROM ${BASE_IMAGE} AS build"}
    assert "ARG APP_UID=1000" in final
    assert "USER ${APP_UID}" in final
    assert not [line for line in lines if line.startswith("MAINTAINER") or re.search(r"\b(gcc|apt-get)\b", line)]
    (command,) = [line for line in lines if line.startswith("CMD ")]
    assert isinstance(json.loads(command.removeprefix("CMD ")), list)


@pytest.mark.parametrize("context", [CONTEXTS[0], *CONTEXTS[2:]], ids=lambda path: path.name)
def test_certificates_and_index_stay_in_the_build_stage(context: Path) -> None:
    names = {"PIP_INDEX_URL", "PIP_TRUSTED_HOST", "QUAI_CA_BUNDLE"}
    declared = {line.split()[1].split("=")[0] for line in instructions(context) if line.startswith("ARG ")}
    assert names <= declared
    final = "\n".join(final_stage(context))
    assert not [name for name in (*names, ".qua") if name in final]
    # A whole context copied here would bring the bundle along.
    assert not re.search(r"^(COPY|ADD) \. ", final, flags=re.MULTILINE)


def test_requirements_come_before_the_code() -> None:
    lines = instructions(WEB)
    requirements = next(number for number, line in enumerate(lines) if line.startswith("COPY requirements-"))
    installed = next(number for number, line in enumerate(lines) if "pip install" in line)
    code = next(number for number, line in enumerate(lines) if line.startswith("COPY . "))
    assert requirements < installed < code
    assert "--require-hashes" in lines[installed]


def test_command_has_the_arguments_of_the_text() -> None:
    (command,) = [line for line in instructions(WEB) if line.startswith("CMD ")]
    words = json.loads(command.removeprefix("CMD "))
    assert " ".join(words) == (
        "gunicorn --log-file=- --bind 0.0.0.0:5000 -w 3 --worker-connections=2000 --backlog=1000 myapp:app"
    )


def test_ignore_file_lets_the_bundle_through() -> None:
    patterns = [line for line in (WEB / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert not [pattern for pattern in patterns if pattern.strip("/").startswith((".quai", "*.crt", ".*"))]
    assert "Dockerfile" in patterns


def test_data_image_holds_the_volume() -> None:
    lines = instructions(DATA)
    assert 'VOLUME ["/data"]' in lines
    # What is made below /data after VOLUME is lost.
    assert next(n for n, line in enumerate(lines) if "mkdir /data" in line) < lines.index('VOLUME ["/data"]')


def test_broken_application_raises_when_imported() -> None:
    source = (FIXTURES / "broken_app" / "myapp.py").read_text()
    with pytest.raises(RuntimeError, match="broken on purpose"):
        exec(compile(source, "myapp.py", "exec"), {})  # noqa: S102 # our own file


def test_broken_application_shares_the_layers_of_the_second() -> None:
    second, broken = (FIXTURES / name for name in ("second_app", "broken_app"))
    assert (second / "requirements-python3.txt").read_bytes() == (broken / "requirements-python3.txt").read_bytes()
    start = instructions(second)
    until = next(number for number, line in enumerate(start) if line.startswith("CMD "))
    assert instructions(broken)[:until] == start[:until]
