"""Room for the data: what is there already, is the place writable, and how much is free there."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.quai.engine.plugins.module_utils.script import Answer, printable, quote

# The deepest part of the path that exists, so that a directory to come is judged by where it will be.
_SPACE = """\
p=$1; case $p in /*) ;; *) exit 0 ;; esac
while [ ! -e "$p" ]; do p=${p%/*}; [ -n "$p" ] || p=/; done
[ -d "$p" ] && d=yes || d=no; [ -w "$p" ] && w=yes || w=no
df -Pk "$p" | awk -v d="$d" -v w="$w" 'END { print $4, d, w, $6 }'
"""


def free_space(directory: str) -> str:
    """Return the fragment that tells of a directory, which need not exist: free KiB, is one, writable, mount point."""
    return quote(["sh", "-c", _SPACE, "sh", directory])


def space_problem(answer: Answer, directory: str, free_mib: int) -> list[str]:
    """Return a sentence where data cannot go into the directory; free_mib: the least free space in MiB."""
    choose = "choose another directory (myapp_data_directory)"
    words = answer.stdout.split()
    if not directory.startswith("/"):
        return [f"The data directory {directory!r} is no absolute path. Set it to one like /var/lib/myapp/data."]
    if len(words) != 4:
        return [f"The free space of {directory} cannot be read ({answer.stderr or 'no answer of df'}). Check the path."]
    free, is_directory, writable, mounted = int(words[0]) // 1024, words[1], words[2], words[3]
    if is_directory != "yes":
        return [
            f"The data directory {directory} is, or lies below, something that is no directory. Move it away, or {choose}."
        ]
    if writable != "yes":
        return [
            f"The data directory {directory} cannot be written (file system {mounted}). Remount it read-write, or {choose}."
        ]
    if free < free_mib:
        return [
            (
                f"The data directory {directory} has {free} MiB free on {mounted}, {free_mib} are asked for: on a full disk the application "
                f"serves on but loses its log silently. Free some space, lower app_data_free_mib, or {choose}."
            )
        ]
    return []


# The engine's directory is asked of the engine; one that is elsewhere has none here.
_ROOM = """\
root=$(docker info 2>/dev/null | sed -n 's/.*Docker Root Dir: //p')
for each in "$1" "$root"; do [ ! -d "$each" ] || df -Pk "$each" | awk 'END { print $4, $6 }'; done
"""


def room(directory: str) -> str:
    """Return the fragment that tells of a directory, and of the engine's own: free KiB and mount point, a line each."""
    return quote(["sh", "-c", _ROOM, "sh", directory])


def room_problem(answer: Answer, size: int) -> str:
    """Return a sentence where an image's archive of this size (bytes) cannot be sent and loaded, and otherwise nothing.

    The archive lies in the directory while the engine unpacks it in its own, and then makes layers of that.
    """
    needed: dict[str, int] = {}
    free: dict[str, int] = {}
    for line, times in zip(answer.stdout.splitlines(), (1, 2), strict=False):
        kib, mounted = line.split(" ", 1)
        needed[mounted] = needed.get(mounted, 0) + times * size
        free[mounted] = int(kib) * 1024
    for mounted, least in needed.items():
        if free[mounted] < least:
            return f"{mounted} has {free[mounted] >> 20} MiB free, and {least >> 20} MiB are needed to load it."
    return ""


# A new file system has a directory of its own, which is nobody's.
_DIRECTORY = """\
[ -e "$1" ] || exit 0
stat -c '%u:%g %a %F' "$1"
ls -A "$1" | grep -cvx 'lost+found'
ls -A "$1" | grep -vx 'lost+found' | head -n 5"""


def what_is_there(directory: str) -> str:
    """Return the fragment that tells of a directory: owner, mode and kind, the number of its entries, the first of them."""
    return quote(["sh", "-c", _DIRECTORY, "sh", directory])


def taken_apart(directory: Answer) -> tuple[str, str, str, int]:
    """Return owner, mode, kind and number of entries that `what_is_there` printed; of one that is not there, it is empty."""
    lines = directory.stdout.splitlines()
    if len(lines) < 2:
        return "", "", "directory", 0
    owner, mode, kind = lines[0].split(" ", 2)
    return owner, mode, kind, int(lines[1] or 0)


def foreign_problem(answers: Mapping[str, Answer], directory: str, owner: str) -> list[str]:
    """Return a sentence where the directory holds what nobody gave to the application. owner: uid:gid of its own.

    answers: `directory` of what_is_there; `ours` succeeds where Quai or the engine knows of data in it, or elsewhere.
    """
    has, _mode, kind, entries = taken_apart(answers["directory"])
    if kind != "directory" or answers["ours"].ok or not entries or has == owner:
        return []
    first = printable(", ".join(answers["directory"].stdout.splitlines()[2:7]))
    return [
        (
            f"The data directory {directory} belongs to {has} and holds {first}{' and more' if entries > 5 else ''}: Quai would "
            f"give it to {owner} and close it to everybody else. Choose a directory of the application's own "
            f"(myapp_data_directory); if this is its data, give it over first: chown -R {owner} {directory}"
        )
    ]
