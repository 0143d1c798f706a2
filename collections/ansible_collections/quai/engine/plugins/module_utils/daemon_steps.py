"""What a Docker daemon needs, as steps through the host's shell: for hosts on which no module of Ansible runs. Pure.

The role's task files do the same with modules (present.yml, absent.yml, rescue.yml); what is taken back, and what stays on
record for the next run, is the same too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.quai.engine.plugins.module_utils import (
    daemon_flags,
    debian_archive,
    packages,
    plan_daemon as planning,
)
from ansible_collections.quai.engine.plugins.module_utils.plan import Step, step
from ansible_collections.quai.engine.plugins.module_utils.plan_daemon import Changes, Facts, File, Record
from ansible_collections.quai.engine.plugins.module_utils.script import quote

# Write the file $1 with the text $2; no one ever sees half of it.
_WRITE = """\
umask 022
mkdir -p "${1%/*}" && new=$(mktemp "$1.XXXXXX") || exit 1
trap 'rm -f "$new"' EXIT
printf %s "$2" >"$new" && chmod 0644 "$new" && mv -f "$new" "$1"
"""

# Its directory is not there for anything else.
_REMOVE_DROP_IN = 'rm -f "$1" && { rmdir "${1%/*}" 2>/dev/null; systemctl daemon-reload || :; }'

# A container that outlived its daemon still has volumes mounted in the directory $1, and deleting would reach through them.
_UNMOUNTED = '! grep -F " $1/" /proc/self/mountinfo'


def put(path: str, text: str) -> tuple[str, ...]:
    """Return the command that has the file with this text, or not at all where the text is empty."""
    if text:
        return "/bin/sh", "-c", _WRITE, "write", path, text
    if path == daemon_flags.DROP_IN:
        return "/bin/sh", "-c", _REMOVE_DROP_IN, "remove", path
    return "rm", "-f", path


def record(done: Record) -> Step:
    """Return the step that records what is done."""
    return step("record what is done", *put(planning.RECORD, done.text()))


def installation(facts: Facts, changes: Changes, aside: str = "") -> list[Step]:
    """Return the steps to packages and group members; the configuration comes after them, in `configuration`.

    As on record: the packages are ours from the start, the keys of daemon.json not yet. aside: the directory of what was fetched
    from the archive, or sent.
    """
    former = facts.record.text() if facts.record.exists else ""
    begun = replace(changes.record_back(facts.record), pending=bool(changes.daemon))
    steps = [
        step(
            "record what is about to change",
            *put(planning.RECORD, begun.text()),
            undo=put(planning.RECORD, former),
        )
    ]
    if changes.archive:
        steps += [
            step(f"write {path}", *put(path, text), undo=put(path, "")) for path, text in changes.archive.texts.items()
        ]
    if changes.packages:
        names = changes.archive.names(changes.packages) if changes.archive else changes.packages
        install = (
            packages.install(names, options=debian_archive.options(aside))
            if aside
            else packages.install(names, update=not facts.fresh_lists)
        )
        steps.append(step(f"install {', '.join(changes.packages)}", *install, undo=packages.remove(changes.packages)))
    return steps + [step(f"add {name} to the group docker", *_join(name), undo=_leave(name)) for name in changes.users]


def configuration(facts: Facts, changes: Changes, wait_seconds: int) -> list[Step]:
    """Return the steps to a daemon that answers with its new configuration.

    Taking them back leaves packages and group members, and the daemon that worked before.
    """
    begun = replace(changes.record, pending=bool(changes.daemon))
    steps = [
        step(
            "record what is about to change",
            *put(planning.RECORD, begun.text()),
            undo=put(planning.RECORD, changes.record_back(facts.record).text()),
        )
    ]
    again = changes.daemon in ("reload", "restart")
    steps += [_file_step(facts, changes, file, again) for file in _files(facts, changes)]
    if changes.reload_first or changes.daemon == "reload":
        steps.append(step("have the daemon read its configuration again", *_RELOAD))
    if changes.reload_first:
        in_force = f'[ "$({planning.docker_command()} info --format {{{{.LiveRestoreEnabled}}}})" = true ]'
        wait = f"i=0; until {in_force}; do [ $i -lt 10 ] || exit 1; i=$((i + 1)); sleep 1; done"
        steps.append(step("wait until live-restore is in force", "/bin/sh", "-c", wait))
    if changes.daemon in ("start", "restart"):
        run = _run_daemon(facts, changes, changes.daemon)
        undo: Sequence[str] = ()
        if again and changes.old_arguments:  # no file has them that could be put back
            former = replace(changes, arguments=facts.record.arguments)
            undo = ("/bin/sh", "-c", _run_daemon(facts, former, "restart"))
        steps.append(step(f"{changes.daemon} the daemon ({changes.mode})", "/bin/sh", "-c", run, undo=undo))
    if changes.enable:
        steps.append(_enable(changes.mode))
    if changes.daemon or changes.enable:
        wait = planning.until_it_answers(wait_seconds)
        steps.append(step("wait until the daemon answers", "/bin/sh", "-c", wait))
    return steps


def removal(facts: Facts, changes: Changes) -> list[Step]:
    """Return the steps that undo what is on record. Once the packages are gone, nothing brings them back."""
    docker = ("docker", "-H", planning.SOCKET)
    steps = []
    if changes.containers:
        steps.append(
            step(
                f"stop {len(changes.containers)} containers",
                *(*docker, "stop", *changes.containers),
                undo=(*docker, "start", *changes.containers),
            )
        )
    if changes.daemon == "stop":
        # The socket first: it would start the daemon again.
        systemd = ("systemctl", "stop", "docker.socket", "docker.service")
        words = systemd if changes.mode == "systemd" else _STOP
        undo = ("/bin/sh", "-c", _run_daemon(facts, changes, "start"))
        steps.append(step(f"stop the daemon ({changes.mode})", *words, undo=undo))
    if changes.packages:
        steps.append(step(f"remove {', '.join(changes.packages)}", *packages.remove(changes.packages)))
    again = changes.daemon in ("reload", "restart")
    after = [_file_step(facts, changes, file, again) for file in _files(facts, changes)]
    if changes.daemon == "reload":
        after.append(step("have the daemon read its configuration again", *_RELOAD))
    after += [step(f"remove {path}", *put(path, "")) for path in facts.record.files]
    if changes.daemon == "restart":
        run = _run_daemon(facts, changes, "restart")
        after.append(step(f"restart the daemon ({changes.mode})", "/bin/sh", "-c", run))
    after += [step(f"take {name} out of the group docker", *_leave(name), undo=_join(name)) for name in changes.users]
    if changes.purge:
        unmounted = ("/bin/sh", "-c", _UNMOUNTED, "unmounted", changes.purge)
        after.append(step("make sure that nothing is mounted in Docker's data", *unmounted))
        # The directory itself may be a mount point.
        after.append(step(f"delete {changes.purge}", "find", changes.purge, "-mindepth", "1", "-delete"))
    after.append(step("forget the record", *put(planning.RECORD, "")))
    return steps + [replace(each, proven=bool(changes.packages)) for each in after]


_RELOAD = ("start-stop-daemon", "--stop", "--signal", "HUP", "--pidfile", planning.PIDFILE)
_STOP = ("/bin/sh", "-c", planning.STOP, "stop", planning.PIDFILE)


def _join(name: str) -> tuple[str, ...]:
    return "usermod", "--append", "--groups", "docker", name


def _leave(name: str) -> tuple[str, ...]:
    return "gpasswd", "--delete", name, "docker"


def _files(facts: Facts, changes: Changes) -> list[File]:
    if changes.config or changes.remove_config:
        return [File(planning.CONFIG, facts.config_text, changes.config), *changes.files]
    return list(changes.files)


def _file_step(facts: Facts, changes: Changes, file: File, again: bool) -> Step:
    """again: the daemon runs, and must do so with the former text when this is taken back."""
    undo: Sequence[str] = put(file.path, file.before)
    if again:
        undo = ("/bin/sh", "-c", f"{quote(undo)} && {{ {_run_daemon(facts, changes, 'restart')}\n}}")
    return step(f"{'write' if file.after else 'remove'} {file.path}", *put(file.path, file.after), undo=undo)


def _run_daemon(facts: Facts, changes: Changes, verb: str) -> str:
    """Return the shell that starts the daemon or starts it again."""
    if changes.mode == "systemd":
        # It refuses a fourth start within a minute; and it reads its units' files when told to.
        forget = "systemctl reset-failed docker.service docker.socket 2>/dev/null"
        return f"{forget}; systemctl daemon-reload && systemctl {verb} docker.service"
    start = "/etc/init.d/docker start"
    if changes.mode == "direct":
        words = ["start-stop-daemon", "--start", "--background", "--no-close", "--pidfile", planning.PIDFILE, "--exec"]
        old = ["-d"] if facts.dockerd.endswith("/docker") else []
        words += [facts.dockerd, "--", *(changes.arguments or (*old, "-p", planning.PIDFILE))]
        start = f"{quote(words)} >>{planning.LOGFILE} 2>&1"
    # Whatever is left of a daemon that has ended is in the way of the next one.
    return f"{quote(_STOP)} && {start}"


def _enable(mode: str) -> Step:
    if mode == "systemd":
        words, undo = ("systemctl", "enable", "docker.service"), ("systemctl", "disable", "docker.service")
    else:
        words = ("/bin/sh", "-c", "update-rc.d docker defaults && update-rc.d docker enable")
        undo = ("update-rc.d", "docker", "disable")
    return step(f"have {mode} start the daemon at boot", *words, undo=undo)
