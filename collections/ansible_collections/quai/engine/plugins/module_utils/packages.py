"""Debian packages by the host's own apt-get: as words, for hosts on which no module of Ansible runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

# $1: "update" to read the archive's lists first, else empty; the rest: apt-get's own words. Says nothing unless it fails.
#   No service is started: its configuration comes first. A policy of the host's own is put back, also after a run that was
#   killed. Another apt may hold the lock for some minutes; apt before 1.9.11 does not wait by itself.
_APT = """\
policy=/usr/sbin/policy-rc.d
apt() {
  tries=0
  while :; do
    said=$(apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" 2>&1) && return 0
    case $said in
      *"ould not get lock"* | *"nable to lock"* | *"nable to acquire"*) ;;
      *) tries=60 ;;
    esac
    [ $tries -lt 60 ] || { echo "$said" | tail -n 20 >&2; return 1; }
    tries=$((tries + 1))
    sleep 5
  done
}
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
if grep -qs "Quai installs" $policy; then rm -f $policy; fi
if [ -e $policy ] && [ ! -e $policy.quai ]; then mv -f $policy $policy.quai; fi
trap 'rm -f $policy; if [ -e $policy.quai ]; then mv -f $policy.quai $policy; fi' EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\\n# Quai installs\\nexit 101\\n' >$policy && chmod 0755 $policy || exit 1
update=$1
shift
[ -z "$update" ] || apt update || exit 1
apt "$@"
"""

# Leaves those of the arguments that dpkg has, and goes on with them: apt refuses all for one that it does not know, and it
# knows no other ones where its lists are empty.
_THERE = """\
for each; do
  shift
  case $(dpkg-query -W -f '${db:Status-Abbrev}' "$each" 2>/dev/null) in
    "" | ?n* | ?c*) ;;
    *) set -- "$@" "$each" ;;
  esac
done
[ $# -gt 0 ] || exit 0
set -- "" remove "$@"
"""


def install(packages: Sequence[str], *, update: bool = False, options: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command that installs the packages, without what they only recommend and without starting a service.

    update: read the archive's lists first. options: more words for apt-get.
    """
    words = ("--no-install-recommends", *options, "install", *packages)
    return "/bin/sh", "-c", _APT, "apt", "update" if update else "", *words


def remove(packages: Sequence[str]) -> tuple[str, ...]:
    """Return the command that removes those of the packages that are there, and keeps their configuration and data."""
    return "/bin/sh", "-c", _THERE + _APT, "apt", *packages
