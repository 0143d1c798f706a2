"""Debian's archive of releases past their end of life, whose keys have expired: trusted no further than it can be proven. Pure.

apt refuses such a repository, unless it is told to trust it blindly ([trusted=yes]). So the lists are fetched aside first, and
used only where each suite's InRelease bears a valid signature of a known key (that the key has expired since is no offence)
and names the digest of each list. apt itself compares a package with its digest in the list.

Nothing of this is newer than the apt of Debian 8 (1.0.9.8): no `signed-by`, no `allow-insecure`, no local file to install. That
apt calls an InRelease whose key has expired Release, and then does not compare the lists with it any more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.script import quote

SOURCES = "/etc/apt/sources.list.d/quai-archive.list"
SETTINGS = "/etc/apt/apt.conf.d/90quai-archive"
PREFERENCES = "/etc/apt/preferences.d/quai-archive"
FILES = (SETTINGS, SOURCES, PREFERENCES)

# What is signed of InRelease $1 and what apt reads are the same only where nothing stands around the signed text.
# $2: fingerprints, separated by "|"; the rest: --keyring options. A signature that does not fit is worse than a missing one.
_SIGNED = """\
[ "$(head -n 1 "$1")" = "-----BEGIN PGP SIGNED MESSAGE-----" ] && [ "$(tail -n 1 "$1")" = "-----END PGP SIGNATURE-----" ] &&
  [ "$(grep -c "^-----" "$1")" = 3 ] || { echo "it is not one signed text" >&2; return 1; }
file=$1 known=$2
shift 2
said=$(gpgv --status-fd 1 "$@" "$file" 2>/dev/null)
echo "$said" | grep -q "^.GNUPG:. BADSIG" && { echo "its signature does not fit: it was tampered with" >&2; return 1; }
echo "$said" | grep -qE "^.GNUPG:. VALIDSIG (($known) .*|.* ($known))\\$" && return 0
echo "no known key has signed it (wanted: $known; gpgv: $(echo "$said" | grep -E "VALIDSIG|ERRSIG|NO_PUBKEY" | tr "\\n" " "))" >&2
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
        pins = [f"\nPackage: {name}\nPin: release n={suite}\nPin-Priority: 990\n" for name, suite in self.pins.items()]
        return {
            SETTINGS: f'// {about}\nAcquire::Check-Valid-Until "false";\n',
            SOURCES: f"# {about}\n{self._lines}",
            **({PREFERENCES: f"Explanation: {about}{''.join(pins)}"} if pins else {}),
        }

    @property
    def _lines(self) -> str:
        return "".join(f"deb [trusted=yes] {self.url} {suite} main\n" for suite in self.suites)

    def names(self, packages: Sequence[str]) -> list[str]:
        """Return the packages as apt-get is asked for them: with the version where one is meant."""
        return [f"{name}={self.versions[name]}" if name in self.versions else name for name in packages]

    def fetch(self, packages: Sequence[str]) -> str:
        """Return the shell that fetches and proves the packages, and prints the directory where they are.

        It touches nothing of apt's own, and removes the directory when something is not as it must be.
        """
        known = "|".join(self.fingerprints)
        digest = quote([self.sha256])
        return f"""\
signed() {{
{_SIGNED}}}
umask 022
aside=$(mktemp -d /var/tmp/quai-apt.XXXXXX) && chmod 0755 "$aside" || exit 1
trap '[ "$?" = 0 ] || rm -rf "$aside"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$aside/lists/partial" "$aside/cache/archives/partial" || exit 1
printf %s {quote([self._lines])} >"$aside/sources.list"
set --
for each in {quote(self.keyrings)}; do
  if [ -r "$each" ]; then set -- "$@" --keyring "$each"; fi
done
[ $# -gt 0 ] || {{ echo "no keyring is there: "{quote(self.keyrings)} >&2; exit 1; }}
said=$(apt-get -q {apt_options('"$aside"')} update 2>&1) || {{ echo "$said" | grep "^[EW]: " >&2; exit 1; }}
for suite in {quote(self.suites)}; do
  list=$(ls "$aside/lists/"*_dists_"$suite"_InRelease "$aside/lists/"*_dists_"$suite"_Release 2>/dev/null | head -n 1)
  [ -f "$list" ] || {{ echo "there is no InRelease of $suite" >&2; exit 1; }}
  why=$(signed "$list" {quote([known])} "$@" 2>&1) || {{ echo "InRelease of $suite: $why" >&2; exit 1; }}
  grep -qx "Codename: $suite" "$list" || {{ echo "InRelease of $suite is of another suite" >&2; exit 1; }}
  for each in "$aside/lists/"*_dists_"$suite"_*_Packages; do
    [ -f "$each" ] || continue
    digest=$(sha256sum <"$each" | cut -d " " -f 1)
    grep -qE "^ $digest +[0-9]+ [^ ]+/Packages\\$" "$list" ||
      {{ echo "${{each##*_dists_}} is not what InRelease of $suite vouches for" >&2; exit 1; }}
  done
done
said=$(apt-get -q -y {apt_options('"$aside"')} --no-install-recommends --download-only install {quote(self.names(packages))} 2>&1) ||
  {{ echo "$said" | grep "^[EW]: " >&2; exit 1; }}
for deb in "$aside/cache/archives/"{quote([self.package])}_*.deb; do
  [ -n {digest} ] && [ -f "$deb" ] || continue
  found=$(sha256sum <"$deb" | cut -d " " -f 1)
  [ "$found" = {digest} ] || {{ echo "${{deb##*/}} has the SHA-256 $found instead of "{digest} >&2; exit 1; }}
done
printf %s "$aside"
"""


def options(aside: str) -> list[str]:
    """Return the words by which apt-get works with what `fetch` left in its directory, and with nothing else."""
    return [word.replace('"$aside"', aside) for word in apt_options('"$aside"').split()] + ["--no-download"]


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
