"""Python base images made of Debian packages, for hosts that reach no registry.

Pure: :func:`render` turns a :class:`BaseImage` into the POSIX ``sh`` script that, run as root on
a Debian host with ``mmdebstrap``, leaves that image in the daemon the host's ``docker`` talks to.
Nothing here touches a host.

Every byte of such an image comes from packages signed by Debian, pip included (Debian ships its
wheel), so the script needs the host's own apt mirror and nothing else: no package index, no
certificate of the host. The mirror is found when the script runs, from the host's apt
configuration; a repository that is not Debian's own is never used.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Left out of the image: what only a person sitting in it would read. Copyright files stay.
_EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    # PEP 668 protects a system from pip; in an image of one application there is none to protect,
    # and `pip install` must behave as in the official image.
    "/usr/lib/python3*/EXTERNALLY-MANAGED",
)
_INCLUDED = ("/usr/share/doc/*/copyright",)


@dataclass(frozen=True)
class BaseImage:
    """What a base image is made of.

    ``customize`` is shell run inside the new root, after the packages are configured; ``imports``
    are modules that the finished image must be able to import, or it gets no name.
    """

    name: str
    suite: str
    python: str
    packages: tuple[str, ...]
    customize: str = ""
    imports: tuple[str, ...] = ("ssl",)

    def __post_init__(self) -> None:
        """Refuse what could not be a name: these words end up in a shell script."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9_][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"base image name {self.name!r}: wanted lower case 'repository:tag'")
        if not re.fullmatch(r"[a-z][a-z0-9]*", self.suite):
            raise ValueError(f"Debian suite {self.suite!r}: wanted a code name such as 'trixie'")
        for package in self.packages:
            if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package):
                raise ValueError(f"Debian package {package!r}: not a package name")
        if not re.fullmatch(r"/[A-Za-z0-9/._-]+", self.python):
            raise ValueError(f"interpreter {self.python!r}: wanted an absolute path")
        for module in self.imports:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", module):
                raise ValueError(f"module {module!r}: not a module name")


# Debian's wheel of pip installs itself, as ensurepip would.
_PIP = """\
set -- /usr/share/python-wheels/pip-*.whl
"$PYTHON" "$1/pip" install --quiet --no-index --no-cache-dir "$1"
"""

# The last security fixes of bullseye's pip put two lines of Python 3 into what is still the wheel
# for Python 2, which no longer loads there. Install a copy of the wheel with these lines respelt.
_PIP2 = """\
set -- /usr/share/python-wheels/pip-*.whl
mkdir /tmp/wheels
"$PYTHON" - "$1" /tmp/wheels/"${1##*/}" <<'EOF_WHEEL'
import sys, zipfile
source, target = zipfile.ZipFile(sys.argv[1]), zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED)
for item in source.infolist():
    data = source.read(item)
    data = data.replace('f"-r={rev}"', '"-r=" + rev')
    data = data.replace('(tar: tarfile.TarFile, tarinfo: tarfile.TarInfo) -> bool:', '(tar, tarinfo):')
    target.writestr(item, data)
target.close()
EOF_WHEEL
"$PYTHON" /tmp/wheels/"${1##*/}"/pip install --quiet --no-index --no-cache-dir --no-warn-script-location \\
    --find-links /usr/share/python-wheels /tmp/wheels/"${1##*/}" wheel
rm -r /tmp/wheels
"""

RUNTIMES: dict[str, BaseImage] = {
    # The newest suite that the oldest supported host accepts: trixie is also signed by the key of
    # bookworm, which bullseye's keyring holds.
    "python3": BaseImage(
        name="quai/python3:debian-trixie",
        suite="trixie",
        python="/usr/bin/python3",
        packages=("ca-certificates", "netbase", "passwd", "python3", "python3-venv", "tzdata"),
        customize=_PIP,
    ),
    # bullseye is the last suite with Python 2.7.
    "python2": BaseImage(
        name="quai/python2:debian-bullseye",
        suite="bullseye",
        python="/usr/bin/python2.7",
        packages=("ca-certificates", "netbase", "passwd", "python2", "python-pip-whl", "python-setuptools"),
        imports=("ssl", "pkg_resources"),
        customize=_PIP2,
    ),
}


def base_image(runtime: str) -> BaseImage:
    """Return the base image of a runtime, or say which runtimes there are."""
    try:
        return RUNTIMES[runtime]
    except KeyError:
        known = ", ".join(sorted(RUNTIMES))
        raise ValueError(f"unknown runtime {runtime!r}: choose one of {known}") from None


# The candidates: every `deb` address of the host's apt configuration, one a line, in its order.
# Which of them serve Debian is asked of the address itself, for a name proves nothing.
ADDRESSES_AWK = r"""
function emit(uri) { if (uri ~ /^(https?|ftp|file|copy|mirror\+file):/ && !(uri in seen)) { seen[uri]; print uri } }
function flush_stanza(  n, i, part) {
    if (types ~ /(^|[ \t])deb([ \t]|$)/ && tolower(enabled) !~ /^[ \t]*(no|false|0|off)[ \t]*$/) {
        n = split(uris, part, /[ \t]+/)
        for (i = 1; i <= n; i++) emit(part[i])
    }
    types = uris = enabled = field = ""
}
FNR == 1 { flush_stanza() }
/^[ \t]*#/ { next }
FILENAME ~ /\.list$/ {
    if ($1 != "deb") next
    sub(/#.*/, "")
    sub(/^[ \t]*deb[ \t]+/, "")
    sub(/^\[[^]]*\][ \t]*/, "")
    emit($1)
    next
}
/^[ \t]*$/ { flush_stanza(); next }
/^[^ \t:]+:/ {
    field = tolower($0); sub(/:.*/, "", field)
    sub(/^[^:]*:/, "")
}
field == "types" { types = types " " $0 }
field == "uris" { uris = uris " " $0 }
field == "enabled" { enabled = enabled " " $0 }
END { flush_stanza() }
"""

# Makes a directory, $work, which goes with the script.
WORK = r"""
work=$(mktemp -d "${TMPDIR:-/var/tmp}/quai-base.XXXXXX")
child=
cleanup() {
    status=$?
    trap - EXIT
    [ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || :
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
export TMPDIR="$work"
chmod 755 "$work" # apt's own user must get through
"""

# Finds the host's Debian mirror: leaves "deb ADDRESS SUITE main" in the arguments, a line each. WHAT is made of it;
# OTHERWISE: what else there is to do where there is none.
MIRROR = r"""
# 1. The host's Debian mirror.
cat > "$work/addresses.awk" <<'EOF_AWK'
@ADDRESSES@
EOF_AWK
list='' parts=''
eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
set --
for file in "$list" "${parts%/}"/*.list "${parts%/}"/*.sources; do
    [ ! -r "$file" ] || set -- "$@" "$file"
done
[ $# -gt 0 ] || die "no apt sources on this host: neither $list nor anything in $parts"
awk -f "$work/addresses.awk" "$@" | while read -r uri; do
    case "$uri" in
        # Cloud images name a file that lists the mirrors.
        mirror+file:*) path=/$(echo "${uri#mirror+file:}" | sed 's|^/*||'); awk '!/^[ \t]*(#|$)/ { print $1 }' "$path" ;;
        # Taken as a copy, a local mirror need not be visible inside the new root.
        file:*) echo "copy:${uri#file:}" ;;
        *) echo "$uri" ;;
    esac
done | sed 's|/*$||' > "$work/addresses"

# serves ADDRESS CODENAME: this address is a Debian archive that has this suite.
serves() {
    rm -f "$work/InRelease"
    /usr/lib/apt/apt-helper download-file "$1/dists/$2/InRelease" "$work/InRelease" >/dev/null 2>&1 || return 1
    grep -q '^Origin: Debian$' "$work/InRelease" && grep -q "^Codename: $2\$" "$work/InRelease"
}
# find_mirror CODENAME: the first address of the host's that serves it.
find_mirror() {
    while read -r uri; do
        if serves "$uri" "$1"; then echo "$uri"; return; fi
    done < "$work/addresses"
}

mirror=$(find_mirror @SUITE@)
if [ -z "$mirror" ]; then
    asked=$(paste -s -d ' ' "$work/addresses")
    die "none of this host's apt addresses serves Debian @SUITE@ (asked: ${asked:-none}). Add a Debian mirror that does," \
        "@OTHERWISE@"
fi
serves "$mirror" @SUITE@ || die "$mirror stopped answering"
# The same archive state gives the same files.
SOURCE_DATE_EPOCH=$(date -u -d "$(sed -n 's/^Date: //p' "$work/InRelease")" +%s)
export SOURCE_DATE_EPOCH
set -- "deb $mirror @SUITE@ main"
say "Debian @SUITE@ from $mirror"
for extra in @SUITE@-updates @SUITE@-security; do
    uri=$(find_mirror "$extra")
    if [ -n "$uri" ]; then
        set -- "$@" "deb $uri $extra main"
        say "Debian $extra from $uri"
    else
        say "warning: no address of this host serves $extra; @WHAT@ goes without it"
    fi
done
"""

_SCRIPT = (
    r"""#!/bin/sh
# Builds @NAME@ from Debian @SUITE@ packages. Run as root.
set -eu
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

say() { echo "base image: $*"; }
die() { echo "base image: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "building @NAME@ needs root on the host"
for tool in mmdebstrap docker apt-config awk; do
    command -v "$tool" >/dev/null ||
        die "'$tool' is missing on the host; install it with apt-get, or name a base image that can be pulled"
done
[ -r @KEYRING@ ] || die "@KEYRING@ is missing on the host: apt-get install debian-archive-keyring"
"""
    + WORK
    + MIRROR
    + r"""
# 2. How this host reaches it: proxies and the like of its apt configuration.
{
    apt-config dump | grep -E '^Acquire::((http|https|ftp)::|Retries |Check-(Valid-Until|Date) )' || :
    echo 'Acquire::Languages "none";'
} > "$work/apt.conf"

cat > "$work/customize" <<'EOF_CUSTOMIZE'
set -eu
root=$1
cat > "$root/tmp/customize" <<'EOF_INSIDE'
set -eu
export HOME=/root PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_PYTHON_VERSION_WARNING=1
# The host's pip settings name the host's files and indexes; nothing of them belongs here.
unset PIP_CERT PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE || :
PYTHON=@PYTHON@
ln -sf "$PYTHON" /usr/local/bin/python
@CUSTOMIZE@
# A .pyc remembers its source's second. The archive below clamps times to the epoch: do it before compiling.
find /usr/local/lib -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
find /usr/local/lib -name '*.pyc' -delete
env -u SOURCE_DATE_EPOCH "$PYTHON" -m compileall -q /usr/local/lib >/dev/null
# pip 20.3 leaves directories that only root can enter.
chmod -R a+rX /usr/local
EOF_INSIDE
chroot "$root" sh /tmp/customize
rm "$root/tmp/customize"
# The host's: its resolver, its name, its way to the mirror. Docker gives a container its own. (mmdebstrap empties /tmp
# itself, last: what tells its apt not to work on the host is there.)
rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/apt/apt.conf.d/99mmdebstrap"
sed -i -E 's#(://)[^/@ ]*@#\1#' "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* 2>/dev/null || :
for left in 'var/lib/apt/lists/*' 'var/cache/apt/*' 'var/cache/debconf/*-old' 'var/lib/dpkg/*-old' 'var/log/*' \
    root/.cache; do
    # shellcheck disable=SC2086 # patterns
    (cd "$root" && rm -rf $left)
done
: > "$root/etc/machine-id"
EOF_CUSTOMIZE

# 3. The packages.
say "installing @PACKAGES@ (about half a minute)"
mmdebstrap --mode=root --variant=apt --format=tar \
    --keyring=@KEYRING@ \
    --aptopt="$work/apt.conf" \
@DPKG_OPTIONS@    --include=@INCLUDE@ \
    --customize-hook="sh '$work/customize' \"\$1\"" \
    @SUITE@ "$work/root.tar" "$@" > "$work/log" 2>&1 &
child=$!
if wait "$child"; then
    child=
else
    child=
    tail -n 40 "$work/log" >&2
    die "mmdebstrap could not build Debian @SUITE@ (its last lines are above)"
fi

# 4. The image, named only when its interpreter has run.
say "importing $(du -m "$work/root.tar" | cut -f1) MB into docker"
id=$(docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV LANG=C.UTF-8' \
    --change 'CMD ["python"]' \
    --message "Debian @SUITE@ packages" \
    "$work/root.tar")
if ! versions=$(docker run --rm --network none --user 1000 "$id" sh -c 'python --version && python -m pip --version && python -c "import @IMPORTS@"' 2>&1); then
    docker rmi "$id" >/dev/null 2>&1 || :
    die "the new image does not run python and pip: $versions"
fi
docker tag "$id" @NAME@
say "$(echo "$versions" | sed 's/ from .*//' | paste -s -d, | sed 's/,/, /g')"
say "@NAME@ is ready ($id)"
"""
)


def render(base: BaseImage) -> str:
    """Return the script that builds ``base`` on the Debian host it runs on."""
    options = [f"path-exclude={path}" for path in _EXCLUDED] + [f"path-include={path}" for path in _INCLUDED]
    words = {
        "NAME": base.name,
        "SUITE": base.suite,
        "KEYRING": KEYRING,
        "PYTHON": base.python,
        "PACKAGES": " ".join(base.packages),
        "INCLUDE": ",".join(base.packages),
        "IMPORTS": ", ".join(base.imports),
        "CUSTOMIZE": base.customize.strip(),
        "DPKG_OPTIONS": "".join(f"    --dpkgopt={shlex.quote(option)} \\\n" for option in options),
        "WHAT": "the image",
        "OTHERWISE": "or name a base image that can be pulled",
    }
    return filled(_SCRIPT, words)


def filled(script: str, words: Mapping[str, str]) -> str:
    """Return a script that uses MIRROR, each @WORD@ put in."""
    known = {"ADDRESSES": ADDRESSES_AWK.strip(), **words}
    return re.sub(r"@([A-Z_]+)@", lambda match: known[match.group(1)], script)


def script(runtime: str) -> str:
    """Return the script for a runtime's base image."""
    return render(base_image(runtime))
