"""The measurements, row by row."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.testbed import settings as s
from tests.testbed.hosts import Host
from tests.testbed.shell import Failure

from . import quai, text
from .figures import Figures, Row, load, say, table
from .fleet import SHARE, Fleet, controller_mounts, short, variables

TARGET_LOCALHOST = 2.0
TARGET_AT_20 = 6.0
TARGET_CALLS = 8
TARGET_MEGABYTES = 200


class Bench:
    """One run of the benchmark."""

    def __init__(self, fleet: Fleet, options: argparse.Namespace) -> None:
        """Measure on this fleet, as the options say."""
        self.fleet = fleet
        self.runs: int = options.runs
        # What takes half a minute is repeated less.
        self.slow_runs = max(1, min(self.runs, 3)) if not options.quick else 1
        self.counts: list[int] = options.hosts
        self.rows: list[Row] = []

    # --- rows ---

    def row(self, row: Row) -> None:
        """Keep a row and show it."""
        self.rows.append(row)
        say(" | ".join(row.cells()))

    def in_turns(self, what: str, runs: int, by_text: Callable[[int], float], by_quai: Callable[[int], float]) -> Row:
        """Measure both sides in turns, so that what else the machine does meets both, and tell each."""
        theirs, ours = [], []
        for number in range(runs):
            theirs.append(by_text(number))
            ours.append(by_quai(number))
            say(f"{what}: run {number + 1} of {runs}: the text {theirs[-1]:.2f} s, Quai {ours[-1]:.2f} s")
        return Row(what, Figures(tuple(theirs)), Figures(tuple(ours)))

    # --- no-op ---

    def no_op(self) -> None:
        """The rows of a run that changes nothing: on the host itself, then over ssh at each number of hosts."""
        (self.fleet.scratch / "share" / "vars.yml").write_text(variables(), encoding="utf-8")
        (self.fleet.scratch / "share" / "check.sh").write_text(text.CHECK, encoding="utf-8")
        hosts = [self._first_host()]
        self._no_op_local(hosts[0])
        for count in self.counts:
            hosts += self._more_hosts(hosts[0], [f"h{number}" for number in range(len(hosts), count)])
            self._no_op_ssh(hosts[:count])

    def _first_host(self) -> Host:
        say("a host to deploy and then to copy the images of")
        host = self.fleet.start("h0", *controller_mounts())
        self._site([host])
        references = "docker images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>'"
        host.shell(f"docker save -o {SHARE}/images.tar $({references})")
        return host

    def _more_hosts(self, first: Host, names: list[str]) -> list[Host]:
        hosts: list[Host] = []
        # A few at a time: each restarts its daemon and starts a release, and they share two cores.
        for start in range(0, len(names), 4):
            batch = names[start : start + 4]
            say(f"hosts {', '.join(batch)}: boot, load the images of {short(first)}, deploy")
            made = self.fleet.start_many(batch)
            for host in made:
                host.shell(f"docker load -q -i {SHARE}/images.tar")
            self._site(made)
            hosts += made
        return hosts

    def _site(self, hosts: list[Host]) -> None:
        inventory = self.fleet.inventory("deploy", hosts)
        quai.play(inventory, "site.yml", hosts=len(hosts), scratch=self.fleet.scratch)

    def _no_op_local(self, host: Host) -> None:
        words = ("site.yml", "-e", f"@{SHARE}/vars.yml")
        title = "no-op, localhost"
        try:
            quai.play_on(host, *words)  # what the daemon's configuration or the caches lack, once
        except Failure as failure:
            self.row(Row(title, note=f"skipped: {str(failure).strip().splitlines()[-1][:60]}"))
            return
        row = self.in_turns(
            title,
            self.runs,
            lambda _number: quai.timed(host, f"sh {SHARE}/check.sh")[0],
            lambda _number: quai.play_on(host, *words, no_op=True)[0],
        )
        row.target = TARGET_LOCALHOST
        self.row(row)

    def _no_op_ssh(self, hosts: list[Host]) -> None:
        count = len(hosts)
        title = f"no-op over ssh, {count} host{'s' if count > 1 else ''}"
        inventory = self.fleet.inventory(f"fleet-{count}", hosts)
        calls: list[int] = []

        def by_quai(_number: int) -> float:
            before = quai.Sessions(hosts)
            seconds, _output = quai.play(inventory, "site.yml", hosts=count, scratch=self.fleet.scratch, no_op=True)
            calls.extend(before.count())
            return seconds

        def by_text(_number: int) -> float:
            return self._check_over_ssh(hosts)

        by_quai(0)  # the shared connections are open from here on
        by_text(0)
        calls.clear()
        row = self.in_turns(title, self.runs, by_text, by_quai)
        row.target = TARGET_AT_20 if count == 20 else None
        self.row(row)
        self.row(
            Row(
                f"  remote calls per host, {count}",
                Figures((1,), "calls"),
                Figures(tuple(calls), "calls"),
                TARGET_CALLS,
            )
        )

    def _check_over_ssh(self, hosts: list[Host]) -> float:
        """The text's commands on every host at the same time, one ssh session each: as good as it gets by hand."""
        ssh = shlex.join(self.fleet.ssh())
        check = self.fleet.scratch / "share" / "check.sh"
        script = (
            f'for host in "$@"; do {ssh} "root@$host" sh -s <{check} & pids="$pids $!"; done; '
            "status=0; for pid in $pids; do wait $pid || status=1; done; exit $status"
        )
        started = time.monotonic()
        self._typed(["sh", "-c", script, "sh", *(host.address for host in hosts)])
        return time.monotonic() - started

    @staticmethod
    def _typed(words: list[str], stdin: str | None = None) -> None:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=1800,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(f"the text's commands failed with {done.returncode}:\n{done.stdout[-6000:]}")

    # --- deploy ---

    def deploy(self) -> None:
        """The rows of what changes something: cold deploy, redeploy, sizes, start."""
        hosts: list[Host] = []

        def by_text(number: int) -> float:
            for old in hosts:
                self.fleet.remove(old)
            hosts[:] = [self._ready_host(f"{name}{number}") for name in ("q", "t")]
            return self._over_ssh(hosts[1], text.DEPLOY)

        def by_quai(_number: int) -> float:
            return self._cold_quai(hosts[0])

        self.row(self.in_turns("cold deploy, engine present", self.slow_runs, by_text, by_quai))
        self._redeploy(*hosts)
        self._size_and_start(*hosts)
        for host in hosts:
            self.fleet.remove(host)

    def _ready_host(self, name: str) -> Host:
        """A fresh host whose engine Quai has configured, for both sides alike; no image is there."""
        host = self.fleet.start(name)
        inventory = self.fleet.inventory("engine", [host])
        quai.play(inventory, "playbooks/hosts.yml", hosts=1, scratch=self.fleet.scratch)
        if images := host.shell("docker images -q").stdout:
            raise Failure(f"{host.name} is not cold, it has images: {images}")
        return host

    def _cold_quai(self, host: Host) -> float:
        inventory = self.fleet.inventory("cold", [host])
        return quai.play(inventory, "site.yml", hosts=1, scratch=self.fleet.scratch)[0]

    def _over_ssh(self, host: Host, script: str) -> float:
        started = time.monotonic()
        self._typed([*self.fleet.ssh(), f"root@{host.address}", "sh", "-s"], stdin=script)
        return time.monotonic() - started

    def _redeploy(self, quai_host: Host, text_host: Host) -> None:
        context = self.fleet.scratch / "web"
        shutil.copytree(s.PROJECT / "files" / "web", context)
        inventory = self.fleet.inventory("redeploy", [quai_host])

        def by_quai(number: int) -> float:
            body = f"Hello World! {number}"
            source = (s.PROJECT / "files" / "web" / "myapp.py").read_text(encoding="utf-8")
            if "Hello World!" not in source:
                raise Failure("files/web/myapp.py says no 'Hello World!': the change of one line has no line")
            (context / "myapp.py").write_text(source.replace("Hello World!", body), encoding="utf-8")
            extra = json.dumps({"myapp_context": str(context), "myapp_expect": body})
            # verify.yml fails unless the page has the new body.
            return quai.play(inventory, "site.yml", "-e", extra, hosts=1, scratch=self.fleet.scratch)[0]

        def by_text(number: int) -> float:
            return self._over_ssh(text_host, text.redeploy(f"Hello World! {number}"))

        self.row(self.in_turns("rebuild and redeploy, one line", self.slow_runs, by_text, by_quai))

    def _size_and_start(self, quai_host: Host, text_host: Host) -> None:
        text_size = Figures((_megabytes(text_host),), "MB")
        text_start = self._starts(text_host, f"--volumes-from myapp_data web {text.RUN_ARGUMENTS}")
        python3 = Figures((_megabytes(quai_host),), "MB")
        ours = self._starts(quai_host, _run_words(quai_host))
        say("the same with Quai's python2 runtime: the text's own Python and worker")
        inventory = self.fleet.inventory("python2", [quai_host])
        extra = json.dumps({"myapp_runtime": "python2"})
        quai.play(inventory, "site.yml", "-e", extra, hosts=1, scratch=self.fleet.scratch)
        python2 = Figures((_megabytes(quai_host),), "MB")
        ours2 = self._starts(quai_host, _run_words(quai_host))
        self.row(Row("image size, Quai's python3", text_size, python3, TARGET_MEGABYTES))
        self.row(Row("image size, Quai's python2", text_size, python2, TARGET_MEGABYTES))
        self.row(Row("docker run to first 200, python3", text_start, ours))
        self.row(Row("docker run to first 200, python2", text_start, ours2))

    def _starts(self, host: Host, run_words: str) -> Figures:
        say(f"{short(host)}: docker run to first 200, {self.runs} times")
        output = host.shell(text.start_to_answer(run_words, self.runs)).stdout
        return Figures(tuple(int(line) / 1e9 for line in output.split()))


def _megabytes(host: Host) -> float:
    return int(host.shell("docker image inspect -f '{{.Size}}' web").stdout) / 1e6


def _run_words(host: Host) -> str:
    """What Quai's own container was run with, as words for another `docker run`: its arguments and its restrictions."""
    document: dict[str, Any] = json.loads(host.shell("docker inspect web").stdout)[0]
    settings, config = document["HostConfig"], document["Config"]
    words = ["--volumes-from", "myapp_data", "--user", config["User"]]
    words += ["--memory", str(settings["Memory"]), "--pids-limit", str(settings["PidsLimit"])]
    words += ["--read-only"] if settings["ReadonlyRootfs"] else []
    words += [word for name in settings["CapDrop"] or [] for word in ("--cap-drop", name)]
    words += [word for option in settings["SecurityOpt"] or [] for word in ("--security-opt", option)]
    words += [
        word
        for path, how in (settings["Tmpfs"] or {}).items()
        for word in ("--tmpfs", f"{path}:{how}" if how else path)
    ]
    return shlex.join([*words, "web", *config["Cmd"]])


def _counts(argument: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in argument.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1 or counts[-1] > 60:
        raise argparse.ArgumentTypeError(f"{argument!r}: numbers of hosts from 1 to 60, separated by commas")
    return counts


def _positive(argument: str) -> int:
    if not argument.isdigit() or int(argument) < 1:
        raise argparse.ArgumentTypeError(f"{argument!r}: a number from 1 on")
    return int(argument)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="script/bench", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--hosts", type=_counts, default=[1, 5, 20], help="numbers of hosts of the no-op over ssh (1,5,20)"
    )
    parser.add_argument(
        "--runs", type=_positive, default=5, help="measured runs of each row (5); of the slow rows 3 at most"
    )
    parser.add_argument("--quick", action="store_true", help="1 and 2 hosts, 2 runs, the slow rows once")
    parser.add_argument("--only", choices=("deploy", "noop"), help="one half of the table")
    parser.add_argument("--suite", choices=s.SUITES, default="bookworm", help="Debian release of the hosts (bookworm)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.hosts, options.runs = [1, 2], 2
    return options


_ABOUT = """\
Quai beside the commands of the text it automates, typed by a shell script: measured in one run, on hosts made for it.

The hosts are containers of the test bed (tests/testbed) with systemd, sshd and a Docker of their own; they are removed
at the end, however it ends. This machine's own deployment is not touched: `localhost` is one of these hosts, on which
ansible-playbook runs with the default inventory. Hosts and controller share this machine's processors.
"""


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    options = parse(arguments)
    if os.geteuid() != 0:
        sys.exit("bench: it starts Docker daemons, which needs root: sudo script/bench")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _frame: sys.exit(128 + caught))
    print(_ABOUT)
    print(
        f"{os.cpu_count()} processors, load {load()} at the start; {options.runs} runs a row, median (min-max).",
        flush=True,
    )
    failure = ""
    bench = None
    try:
        with Fleet(options.suite) as fleet:
            bench = Bench(fleet, options)
            if options.only != "noop":
                bench.deploy()
            if options.only != "deploy":
                bench.no_op()
    except Failure as problem:
        failure = str(problem)
    if bench and bench.rows:
        print(f"\n{table(bench.rows)}\n\n{_NOTES}load: the machine's, at the end of the row; now {load()}.")
    if failure:
        sys.exit(f"bench: {failure}")
    return 0


_NOTES = """\
no-op: the whole of site.yml, verify included, with changed=0; the text: one look per promise (tests/bench/text.py), on
  all hosts at the same time, one ssh session a host, connections shared on both sides.
remote calls: sessions counted by each host's own sshd ("Starting session" in its journal), all runs and hosts.
cold deploy: fresh host, engine configured, no image; base images from the bed's mirror, packages from their archives.
  Quai's includes its checks and proofs; the text's recipe is made to work (pins, certificates) and otherwise its own.
redeploy: until the changed page is served; the text has removed the old release by then, Quai only when the new answers.
"""
