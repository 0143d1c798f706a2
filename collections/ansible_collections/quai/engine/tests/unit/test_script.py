"""The shell script of sections and its answer, really run through the shells that hosts have."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from ansible_collections.quai.engine.plugins.module_utils.script import (
    HERE,
    MISSING,
    Answer,
    compose,
    quote,
    take_apart,
    unless_ok,
)

SHELLS = [path for path in ("/bin/sh", shutil.which("dash"), shutil.which("bash")) if path]
MARKER = "f00dcafe"
HOSTILE = [
    "",
    " ",
    "two words",
    "'",
    '"',
    "it's \"quoted\" 'twice'",
    "$(touch /tmp/quai-was-here)",
    "`id`",
    "$HOME ${HOME} $$ $?",
    "a\nb",
    "\n",
    "ends with newline\n",
    "-rf",
    "--volumes",
    "-n",
    "-e \\n",
    "back\\slash \\\\ \\n \\",
    "; exit 9",
    "&& false || true & ",
    "| cat > /dev/null",
    "> /tmp/quai-was-here",
    "* ? [a-z] ~ {a,b} !!",
    "# no comment",
    "%s %d %%",
    "\ttab",
    "déjà vu: naïve café, 埠頭, 🚢",
    "\u2028",
    ")",
    "( ",
    "EOF",
    MARKER,
    f"\n{MARKER} version\n",
    f"\n{MARKER}= 7\n",
    "=",
    "x" * 5000,
]


def run(sections: dict[str, str], shell: str = "/bin/sh", stdin_tail: str = "") -> dict[str, Answer]:
    """Run the sections as a host does: the script on the standard input of a shell."""
    script, marker = compose(sections)
    done = subprocess.run([shell], input=(script + stdin_tail).encode(), capture_output=True, timeout=30, check=False)
    assert done.returncode == 0
    return take_apart(done.stdout.decode(), done.stderr.decode(), marker)


@pytest.mark.parametrize("shell", SHELLS)
def test_hostile_words_come_back_byte_for_byte(shell: str) -> None:
    sections = {f"word {number}": quote(["printf", "%s", word]) for number, word in enumerate(HOSTILE)}
    sections["all at once"] = quote(["printf", "[%s]", *HOSTILE])
    answers = run(sections, shell)
    assert list(answers) == list(sections)
    assert [answers[f"word {number}"].stdout for number in range(len(HOSTILE))] == HOSTILE
    assert answers["all at once"].stdout == "".join(f"[{word}]" for word in HOSTILE)
    assert all(answer.ok and not answer.stderr for answer in answers.values())


def test_hostile_words_are_words_and_nothing_else() -> None:
    counting = "import sys; sys.stdout.buffer.write(repr(sys.argv[1:]).encode())"
    answer = run({"count": quote([sys.executable, "-X", "utf8", "-c", counting, *HOSTILE])})["count"]
    assert answer.stdout == repr(HOSTILE)


def test_a_nul_in_a_word_cannot_reach_a_command() -> None:
    """POSIX has no such argument: the caller hears of it, and no shell makes two words of it."""
    script, _marker = compose({"nul": quote(["printf", "%s", "a\0b; echo out"])})
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=False)
    assert b"\nout" not in done.stdout


def test_every_section_answers_for_itself() -> None:
    answers = run(
        {
            "good": "echo out; echo err >&2",
            "bad": "echo half; exit 3",
            "false": "false",
            "none": "quai-no-such-command --version",
            "killed": "sh -c 'kill -9 $$'",
            "silent": ":",
            "last": "echo still here",
        }
    )
    assert answers["good"] == Answer(0, "out\n", "err")
    assert answers["bad"] == Answer(3, "half\n", "")
    assert not answers["bad"].ok
    assert answers["false"] == Answer(1, "", "")
    assert answers["none"].rc == 127
    assert "quai-no-such-command" in answers["none"].stderr
    assert answers["killed"].rc == 137
    assert answers["silent"] == Answer(0, "", "")
    assert answers["last"] == Answer(0, "still here\n", "")


def test_a_section_changes_nothing_for_the_next() -> None:
    answers = run(
        {
            "first": "cd /; umask 077; set -eu; X=1; PATH=/nowhere; export X; trap 'echo trapped' EXIT",
            "second": 'umask; pwd; echo "${X:-unset} $nothing"; command -v cat >/dev/null && echo found',
        }
    )
    assert answers["first"].ok
    assert "trapped" in answers["first"].stdout
    assert answers["second"].ok
    assert answers["second"].stdout.endswith("unset \nfound\n")
    assert answers["second"].stdout.splitlines()[1] != "/"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_section_cannot_eat_the_script(shell: str) -> None:
    """Some shells read their script line by line, others in blocks: so there is more of it than a block."""
    sections = {"reads": 'cat; read -r line; echo "[$line]"', "long": f"echo {'x' * 100_000} >/dev/null"}
    answers = run(sections | {"after": "echo not eaten"}, shell)
    assert answers["reads"].stdout == "[]\n"
    assert answers["after"].stdout == "not eaten\n"


def test_an_output_that_imitates_the_end_is_output() -> None:
    script, _marker = compose({"one": f"printf 'a\\n{MARKER}= 7\\nb'", "two": "echo two"}, MARKER)
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=False)
    answers = take_apart(done.stdout.decode(), done.stderr.decode(), MARKER)
    assert answers == {"one": Answer(0, f"a\n{MARKER}= 7\nb", ""), "two": Answer(0, "two\n", "")}


def test_what_follows_the_script_is_never_run() -> None:
    assert list(run({"only": "echo yes"}, stdin_tail="echo a straggler; exit 5\n")) == ["only"]


def test_output_without_a_final_newline_and_with_blank_lines() -> None:
    answers = run({"bare": "printf bare", "blank": "printf '\\n\\n'", "both": "printf 'a\\n\\nb'"})
    assert [answers[name].stdout for name in ("bare", "blank", "both")] == ["bare", "\n\n", "a\n\nb"]


def test_large_outputs_come_whole() -> None:
    program = "import sys; sys.stdout.write('o' * 99 + '\\n'); sys.stdout.write(('x' * 99 + '\\n') * 2000)"
    errors = "import sys; sys.stderr.write(('e' * 99 + '\\n') * 2000)"
    answers = run(
        {
            "out": quote([sys.executable, "-c", program]),
            "err": quote([sys.executable, "-c", errors]),
            "after": "echo after",
        }
    )
    assert len(answers["out"].stdout) == 200_100
    assert answers["out"].stdout.startswith("ooo")
    assert answers["err"].stderr == (("e" * 99 + "\n") * 2000).strip()
    assert answers["after"].stdout == "after\n"


def test_a_terminal_s_line_ends_are_read_too() -> None:
    script, marker = compose({"one": "echo out; echo err >&2", "two": "printf bare; exit 4"})
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=False)
    out, err = (stream.replace(b"\n", b"\r\n").decode() for stream in (done.stdout, done.stderr))
    assert take_apart(out, err, marker) == {"one": Answer(0, "out\n", "err"), "two": Answer(4, "bare", "")}


def test_a_banner_before_the_script_is_no_answer() -> None:
    script, marker = compose({"one": "echo out; echo err >&2"})
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, text=False, check=False)
    answers = take_apart(
        "Welcome!\n" + done.stdout.decode(), "sudo: unable to resolve\n" + done.stderr.decode(), marker
    )
    assert answers == {"one": Answer(0, "out\n", "err")}


@pytest.mark.parametrize("name", ["base python:3.13-slim", "base quay.io:5000/a/b@sha256:0", "$(id)", "it's", "100%"])
def test_names_of_sections_come_back_as_given(name: str) -> None:
    assert run({name: "echo yes", "other": ":"})[name] == Answer(0, "yes\n", "")


def test_nothing_is_made_up_where_a_script_ended_early() -> None:
    script, marker = compose({"one": "echo one", "two": "echo two"})
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, text=False, check=False)
    cut = done.stdout.decode().rpartition(f"\n{marker}= ")[0]
    assert list(take_apart(cut, "", marker)) == ["one"]
    assert take_apart("", "", marker) == {}
    assert take_apart(done.stdout.decode(), "", "another marker") == {}


def test_a_section_that_never_ran_is_not_ok() -> None:
    assert not MISSING.ok
    assert (MISSING.rc, MISSING.stdout, MISSING.stderr) == (-1, "", "")


def test_markers_are_never_the_same() -> None:
    markers = {compose({})[1] for _ in range(50)}
    assert len(markers) == 50
    assert all(len(marker) >= 24 for marker in markers)


def test_the_usual_directories_are_found_whatever_the_login_s_path() -> None:
    script, marker = compose({"path": 'echo "$PATH"; echo "$LC_ALL"'})
    done = subprocess.run(
        ["/bin/sh"],
        input=script.encode(),
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "de_DE"},
        check=False,
    )
    path, locale = take_apart(done.stdout.decode(), done.stderr.decode(), marker)["path"].stdout.splitlines()
    assert path.split(":") == ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin", "/sbin"]
    assert locale == "C"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("first", "second"), [("exit 0", Answer(0, "", "")), ("exit 3", Answer(7, "asked", "why"))])
def test_a_section_that_runs_only_where_the_one_before_failed(shell: str, first: str, second: Answer) -> None:
    sections = {"first": first, "second": unless_ok("printf asked; echo why >&2; exit 7")}
    assert run(sections, shell)["second"] == second


@pytest.mark.parametrize(
    ("docker_host", "here"),
    [
        ("", True),
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://192.168.99.100:2376", False),
        ("tcp://1.127.0.0:2376", False),
        ("ssh://me@quay1", False),
    ],
)
def test_where_the_engine_is(docker_host: str, here: bool) -> None:
    done = subprocess.run(["/bin/sh", "-c", HERE], env={"DOCKER_HOST": docker_host}, check=False)
    assert (done.returncode == 0) is here


def test_on_a_mac_the_engine_is_elsewhere() -> None:
    on_a_mac = HERE.replace("uname -s", "echo Darwin")
    assert on_a_mac != HERE
    for docker_host in ("", "unix:///Users/me/.colima/default/docker.sock"):
        done = subprocess.run(["/bin/sh", "-c", on_a_mac], env={"DOCKER_HOST": docker_host}, check=False)
        assert done.returncode == 1
