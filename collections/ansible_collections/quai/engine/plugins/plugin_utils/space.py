"""Room for the data: is the place writable, and how much is free there."""

from __future__ import annotations

from ansible_collections.quai.engine.plugins.module_utils.script import Answer, quote

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
