"""What a bare Debian of some release lacks to run Docker, as files: fetched on a host with a mirror, used on one without. Pure.

Nothing of that release runs where they are fetched: apt works out, in directories of its own, what it would install on a
Debian that has only what every Debian has, from lists and packages that are proven to be Debian's: by apt itself or, past
the end of a release's life, by Archive. So any Debian host will do, and neither a container nor root is needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import base_image
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive, apt_options
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote

INDEX = "Packages"
"""The list of the packages that apt reads, beside them."""

_BEGIN = r"""#!/bin/sh
# Leaves the packages in the tar archive $1. Prints the architecture.
set -eu
umask 022
export LC_ALL=C

output=$1
say() { echo "packages: $*" >&2; }
die() { echo "packages: $*" >&2; exit 1; }

for tool in apt-get apt-config dpkg-deb awk; do
    command -v "$tool" >/dev/null || die "'$tool' is missing here; the packages of Debian are fetched on a Debian host"
done
"""

_APT = r"""
# 2. apt in directories of its own, on a system that has nothing yet.
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/packages"
: >"$work/status"
printf %s @PREFERENCES@ >"$work/preferences"
architecture=$(dpkg --print-architecture)
apt() {
    apt-get -q @OPTIONS@ -o Dir::State::status="$work/status" -o Dir::Etc::Preferences="$work/preferences" \
        -o Dir::Etc::PreferencesParts=/dev/null -o APT::Default-Release= -o APT::Sandbox::User=root \
        -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" "$@" >"$work/log" 2>&1
}
failed() { grep '^[EW]: ' "$work/log" | tail -n 5 >&2; die "$*"; }
apt update || failed "the lists of Debian @SUITE@ could not be read"
"""

# Of a release that Debian looks after: from the host's own mirror.
_MIRROR = (
    r"""
[ -r @KEYRING@ ] || die "@KEYRING@ is missing here: apt-get install debian-archive-keyring"
"""
    + base_image.MIRROR
    + r"""
for line; do echo "deb [signed-by=@KEYRING@] ${line#deb }"; done >"$work/sources.list"
"""
)
_SIGNED = r"""
# apt goes on without a list that it could not get or that Debian's keys have not signed.
[ "$(find "$work/lists" -name '*_InRelease' | grep -c .)" = $# ] || failed "not every list of Debian @SUITE@ is proven to be Debian's"
"""

# Of one past its end of life.
_ARCHIVE = r"""
printf %s @LINES@ >"$work/sources.list"
"""

_PACKAGES = r"""
# 3. What the engine takes, without what every Debian has.
would() { # would FILE PACKAGE...
    file=$1
    shift
    apt -s --no-install-recommends install "$@" || failed "Debian @SUITE@ does not have all of $*"
    sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' "$work/log" | sort >"$file"
}
would "$work/base" '?essential' apt
would "$work/all" '?essential' apt @PACKAGES@
cd "$work/packages"
# shellcheck disable=SC2046 # names
apt download $(comm -13 "$work/base" "$work/all") || failed "the packages could not be fetched"
@PROVE_PACKAGE@
# 4. Named without their epochs, as on a mirror, and listed for apt.
for deb in *%3a*; do
    [ ! -e "$deb" ] || mv "$deb" "$(echo "$deb" | sed 's/_[0-9]*%3a/_/')"
done
for deb in *.deb; do
    dpkg-deb -f "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d ' ' -f 1)"
done >"$work/index"
mv "$work/index" @INDEX@
tar -cf "$output" -- *
chmod 0644 "$output"
echo "$architecture"
"""


def fetch(release: Mapping[str, Any], archive: Archive | None, output: str) -> str:
    """Return the shell that fetches the engine's packages of a release and leaves them in the tar archive `output`.

    release: its row, as in plan_daemon.Wanted. archive: where they are past the end of its life; None before that.
    """
    names = [*release["engine"], *release["helpers"]]
    words = {
        "SUITE": release["name"],
        "KEYRING": base_image.KEYRING,
        "OPTIONS": apt_options('"$work"'),
        "PREFERENCES": quote([archive.preferences if archive else ""]),
        "PACKAGES": quote(archive.names(names) if archive else names),
        "PROVE_PACKAGE": archive.prove_package('"$work/packages"') if archive else "",
        "INDEX": INDEX,
        "WHAT": "the bundle",
        "OTHERWISE": "or name a host that has one (bundle_builder)",
    }
    if archive:
        words |= {"LINES": quote([archive.lines]), "PROVE_LISTS": archive.prove_lists('"$work/lists"')}
        parts = [_BEGIN, base_image.WORK, _ARCHIVE, _APT, "@PROVE_LISTS@", _PACKAGES]
    else:
        parts = [_BEGIN, base_image.WORK, _MIRROR, _APT, _SIGNED, _PACKAGES]
    return f"sh -c {shlex.quote(base_image.filled(''.join(parts), words))} fetch {shlex.quote(output)}"


def row(releases: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the release of that code name. Raises Refused where there is none. releases: as in plan_daemon.Wanted."""
    rows = {each["name"]: each for each in releases.values()}
    if name not in rows:
        raise Refused(
            f"There is no bundle for the Debian release {name!r}.",
            "Its packages must be known.",
            f"Set bundle_release to one of {', '.join(rows)}.",
        )
    return rows[name]


def receive(archive: str) -> str:
    """Return the shell that makes a repository of such an archive (path on the host), and prints its directory.

    It is all that apt knows then (see debian_archive.options): nothing is tried on a network.
    """
    return f"""\
umask 022
aside=$(mktemp -d /var/tmp/quai-apt.XXXXXX) && chmod 0755 "$aside" || exit 1
trap '[ "$?" = 0 ] || rm -rf "$aside"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$aside/packages" "$aside/lists/partial" "$aside/cache/archives/partial" || exit 1
tar -xf {quote([archive])} -C "$aside/packages" || exit 1
printf 'deb [trusted=yes] file:%s/packages ./\\n' "$aside" >"$aside/sources.list"
said=$(apt-get -q {apt_options('"$aside"')} update 2>&1) || {{ echo "$said" | grep '^[EW]: ' >&2; exit 1; }}
[ -n "$(find "$aside/lists" -name '*_Packages')" ] || {{ echo "apt finds no list in it: $said" >&2; exit 1; }}
printf %s "$aside"
"""
