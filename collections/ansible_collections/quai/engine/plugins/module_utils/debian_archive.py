"""Debian's archive of releases past their end of life, whose keys have expired: trusted no further than it can be proven. Pure.

apt refuses such a repository, unless it is told to trust it blindly ([trusted=yes]). So the lists are fetched aside first, and
used only where each suite's InRelease bears a valid signature of a known key (that the key has expired since is no offence)
and names the digest of each list. apt itself compares a package with its digest in the list.

Nothing of this is newer than the apt of Debian 8 (1.0.9.8): no `signed-by`, no `allow-insecure`, no local file to install. That
apt calls an InRelease whose key has expired Release, and then does not compare the lists with it any more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote

SOURCES = "/etc/apt/sources.list.d/quai-archive.list"
SETTINGS = "/etc/apt/apt.conf.d/90quai-archive"
PREFERENCES = "/etc/apt/preferences.d/quai-archive"
FILES = (SETTINGS, SOURCES, PREFERENCES)

# What is signed of InRelease $1 and what apt reads are the same only where nothing stands around the signed text.
# $2: fingerprints, separated by "|"; the rest: --keyring options. A signature that does not fit is worse than a missing one.
# gpgv says of each signature first how it and its key stand, and then VALIDSIG, of one by a revoked key too.
_SIGNED = """\
[ "$(head -n 1 "$1")" = "-----BEGIN PGP SIGNED MESSAGE-----" ] && [ "$(tail -n 1 "$1")" = "-----END PGP SIGNATURE-----" ] &&
  [ "$(grep -c "^-----" "$1")" = 3 ] || { echo "it is not one signed text" >&2; return 1; }
file=$1 known=$2
shift 2
said=$(gpgv --status-fd 1 "$@" "$file" 2>/dev/null) || :
echo "$said" | grep -q "^.GNUPG:. BADSIG" && { echo "its signature does not fit: it was tampered with" >&2; return 1; }
echo "$said" | awk -v known="^($known)\\$" '
  $2 ~ /^(GOOD|EXP|EXPKEY|REVKEY|ERR)SIG$/ { revoked = $2 == "REVKEYSIG" }
  $2 == "VALIDSIG" && !revoked && ($3 ~ known || $NF ~ known) { found = 1 }
  END { exit !found }' && return 0
said=$(echo "$said" | grep -E "VALIDSIG|ERRSIG|NO_PUBKEY|REVKEYSIG" | tr "\\n" " ")
echo "no known key has signed it (wanted: $known; gpgv: $said)" >&2
return 1
"""


@dataclass(frozen=True)
class Archive:
    """Where the packages of a release are and how it is proven that they are Debian's.

    fingerprints: of primary keys, any of which must have signed each suite. keyrings: paths on the host, those that are there
    count. pins: package to the suite it shall come from. versions: package to the one version that is meant. package, sha256:
    the package whose file must have this digest; empty: any that the archive vouches for.
    """

    url: str
    suites: Sequence[str]
    fingerprints: Sequence[str]
    keyrings: Sequence[str]
    pins: dict[str, str]
    versions: dict[str, str]
    package: str
    sha256: str = ""

    @classmethod
    def of(
        cls, release: Mapping[str, Any], url: str, keyring: str, fingerprints: Sequence[str], sha256: str
    ) -> Archive:
        """Return where the packages of a release come from: a row with `archive` of the releases in plan_daemon.Wanted.

        keyring, fingerprints: empty for those of the row.
        """
        archive = release["archive"]
        return cls(
            url=url.rstrip("/"),
            suites=archive["suites"],
            fingerprints=fingerprints or archive["fingerprints"],
            keyrings=[keyring] if keyring else archive["keyrings"],
            pins=dict(archive.get("pins", {})),
            versions={"docker.io": release["version"]} if "version" in release else {},
            package="docker.io",
            sha256=sha256.lower(),
        )

    def __post_init__(self) -> None:
        """Refuse what would become something else in a line of sources.list or in a pattern."""
        if not re.fullmatch(r"[a-z]+:/[^\s\[\]#]+", self.url):
            raise _unfit("docker_engine_archive_url", self.url, "an address such as http://mirror.example/debian")
        for fingerprint in self.fingerprints:
            if not re.fullmatch(r"[0-9A-F]{40}", fingerprint):
                raise _unfit("docker_engine_archive_fingerprints", fingerprint, "40 hexadecimal digits in capitals")
        if not re.fullmatch(r"([0-9a-f]{64})?", self.sha256):
            raise _unfit("docker_engine_archive_sha256", self.sha256, "64 hexadecimal digits")

    @property
    def texts(self) -> dict[str, str]:
        """Return the files of apt, path to text, that stay on the host as long as the package does."""
        about = "Written by Quai (role docker_engine): this release has reached its end of life, and so have its keys."
        return {
            SETTINGS: f'// {about}\nAcquire::Check-Valid-Until "false";\n',
            SOURCES: f"# {about}\n{self.lines}",
            **({PREFERENCES: f"Explanation: {about}\n{self.preferences}"} if self.pins else {}),
        }

    @property
    def preferences(self) -> str:
        """Return the pins as apt's preferences."""
        pins = (f"Package: {name}\nPin: release n={suite}\nPin-Priority: 990\n" for name, suite in self.pins.items())
        return "\n".join(pins)

    @property
    def lines(self) -> str:
        """Return the suites as lines of sources.list."""
        return "".join(f"deb [trusted=yes] {self.url} {suite} main\n" for suite in self.suites)

    def names(self, packages: Sequence[str]) -> list[str]:
        """Return the packages as apt-get is asked for them: with the version where one is meant."""
        return [f"{name}={self.versions[name]}" if name in self.versions else name for name in packages]

    def fetch(self, packages: Sequence[str]) -> str:
        """Return the shell that fetches and proves the packages, and prints the directory where they are.

        It touches nothing of apt's own, and removes the directory when something is not as it must be.
        """
        return f"""\
umask 022
aside=$(mktemp -d /var/tmp/quai-apt.XXXXXX) && chmod 0755 "$aside" || exit 1
trap '[ "$?" = 0 ] || rm -rf "$aside"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$aside/lists/partial" "$aside/cache/archives/partial" || exit 1
printf %s {quote([self.lines])} >"$aside/sources.list"
said=$(apt-get -q {apt_options('"$aside"')} update 2>&1) || {{ echo "$said" | grep "^[EW]: " >&2; exit 1; }}
{self.prove_lists('"$aside/lists"')}
said=$(apt-get -q -y {apt_options('"$aside"')} --no-install-recommends --download-only install {quote(self.names(packages))} 2>&1) ||
  {{ echo "$said" | grep "^[EW]: " >&2; exit 1; }}
{self.prove_package('"$aside/cache/archives"')}
printf %s "$aside"
"""

    def prove_lists(self, lists: str) -> str:
        """Return the shell that exits with the reason unless apt's lists are Debian's; lists: their directory, as shell."""
        known = "|".join(self.fingerprints)
        return f"""\
signed() {{
{_SIGNED}}}
command -v gpgv >/dev/null || {{ echo "gpgv is missing here: apt-get install gpgv" >&2; exit 1; }}
set --
for each in {quote(self.keyrings)}; do
  if [ -r "$each" ]; then set -- "$@" --keyring "$each"; fi
done
[ $# -gt 0 ] || {{ echo "no keyring is there: "{quote(self.keyrings)} >&2; exit 1; }}
for suite in {quote(self.suites)}; do
  list=$(find {lists} -name "*_dists_${{suite}}_InRelease" -o -name "*_dists_${{suite}}_Release" | sort | head -n 1)
  [ -f "$list" ] || {{ echo "there is no InRelease of $suite" >&2; exit 1; }}
  why=$(signed "$list" {quote([known])} "$@" 2>&1) || {{ echo "InRelease of $suite: $why" >&2; exit 1; }}
  grep -qx "Codename: $suite" "$list" || {{ echo "InRelease of $suite is of another suite" >&2; exit 1; }}
  for each in {lists}/*_dists_"$suite"_*_Packages; do
    [ -f "$each" ] || continue
    digest=$(sha256sum <"$each" | cut -d " " -f 1)
    grep -qE "^ $digest +[0-9]+ [^ ]+/Packages\\$" "$list" ||
      {{ echo "${{each##*_dists_}} is not what InRelease of $suite vouches for" >&2; exit 1; }}
  done
done
"""

    def prove_package(self, directory: str) -> str:
        """Return the shell that exits with the reason where the package there has another digest; directory: as shell."""
        if not self.sha256:
            return ""
        return f"""\
for deb in {directory}/{quote([self.package])}_*.deb; do
  [ -f "$deb" ] || continue
  found=$(sha256sum <"$deb" | cut -d " " -f 1)
  [ "$found" = {self.sha256} ] || {{ echo "${{deb##*/}} has the SHA-256 $found instead of "{self.sha256} >&2; exit 1; }}
done
"""

    def refused(self, what: str, why: str) -> Refused:
        """Return the refusal of what could not be proven; what: of packages; why: what the shell said."""
        return Refused(
            f"There is no {what} at {self.url} that is proven to be Debian's: {why}.",
            "Whoever can change them on their way would have this host.",
            "Nothing was changed. Check docker_engine_archive_url (a proxy? a stale mirror?), docker_engine_archive_keyring, "
            "docker_engine_archive_fingerprints and docker_engine_archive_sha256.",
        )

    @property
    def warnings(self) -> list[str]:
        """Return what the operator must know of packages from there."""
        if self.sha256:
            return []
        return [
            f"docker_engine_archive_sha256 is not set: any {self.package} that the archive's signature vouches for is installed"
        ]


def options(aside: str) -> list[str]:
    """Return the words by which apt-get works with what it knows in that directory, and with nothing else."""
    return [word.replace('"$aside"', aside) for word in apt_options('"$aside"').split()]


def apt_options(aside: str) -> str:
    """Return the shell words by which apt-get works in that directory only; aside: the directory, as shell."""
    settings = [
        f"Dir::Etc::SourceList={aside}/sources.list",
        "Dir::Etc::SourceParts=-",
        f"Dir::State::Lists={aside}/lists",
        f"Dir::Cache={aside}/cache",
        "Acquire::GzipIndexes=false",
        "Acquire::Languages=none",
        "Acquire::Check-Valid-Until=false",
    ]
    return " ".join(f"-o {setting}" for setting in settings)


def _unfit(name: str, value: str, wanted: str) -> Refused:
    return Refused(
        f"{name} is {value!r}.", "It decides what the host's packages are trusted by.", f"It must be {wanted}."
    )
