"""What the doctor asks a host: shell fragments that change nothing, by name, in the order in which they are asked.

Plain POSIX shell of common tools; where one is missing, its answer is, and the check that needs it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from ansible_collections.quai.engine.plugins.module_utils import ports
from ansible_collections.quai.engine.plugins.module_utils.plan_daemon import CONFIG, PIDFILE, complaints
from ansible_collections.quai.engine.plugins.module_utils.script import HERE, if_ok, quote, unless_ok

TIMEOUT_SECONDS = 20
TIMED_OUT, NONE_INSTALLED = 137, 127
"""Exit codes of `version`: the engine hangs; there is none."""


@dataclass(frozen=True)
class Wanted:
    """What the host is for: who publishes which address and port, where the data is, who may use Docker.

    free_mib: least free space for the data, in MiB. allow_eol: whether a release past its end of life was accepted.
    began, ended: the controller's clock (seconds since 1970) before the question and after the answer.
    """

    address: str = "0.0.0.0"  # noqa: S104 - how an operator writes "every address of the host"
    port: int = 80
    container: str = "web"
    data: str = "myapp_data"
    path: str = "/data"
    directory: str = "/var/lib/myapp/data"
    free_mib: int = 100
    users: tuple[str, ...] = ()
    allow_eol: bool = False
    began: float = 0.0
    ended: float = 0.0


# A daemon that hangs must not take the doctor with it: its client does not end for less than KILL. macOS has no `timeout`.
_LIMITED = f'limited() {{\n  if command -v timeout >/dev/null 2>&1; then timeout -s KILL {TIMEOUT_SECONDS} "$@"; else "$@"; fi\n}}\n'

# Engines before 1.13 know no --format here: their plain answer tells. A client without an engine to talk to is no engine.
_VERSION = r"""
version=$(limited docker version --format '{{.Server.Version}}') && echo "$version" && exit 0
code=$?
[ "$code" != 2 ] || { docker version | sed -n 's/^Server version: *//p' | grep . && exit 0; }
[ -n "${DOCKER_HOST:-}" ] || command -v dockerd >/dev/null || exit 127
exit "$code"
"""

# The system, and the endpoint that docker talks to. Of an engine that hangs, even the client's own settings cannot be had. The
# exit code is that of `version`, for those that follow.
_WHERE = f"""code=$rc; uname -s
if [ -n "${{DOCKER_HOST:-}}" ] || [ "$code" = {TIMED_OUT} ]; then echo "${{DOCKER_HOST:-}}"
else docker context inspect --format '{{{{.Endpoints.docker.Host}}}}' 2>/dev/null; fi
exit "$code\""""

_CONTAINERS = 'ids=$(limited docker ps -aq --no-trunc); [ -z "$ids" ] || limited docker inspect $ids'

# Sizes are worked out by walking through all volumes: only where there is something to tell.
_VOLUMES = r"""
names=$(limited docker volume ls -q --filter dangling=true | grep -E '^[0-9a-f]{64}$')
[ -z "$names" ] || { echo "$names"; limited docker system df -v --format '{{json .Volumes}}'; }
"""

_IMAGES = r"""
ids=$(limited docker image ls -q --no-trunc --filter dangling=true | sort -u)
[ -z "$ids" ] || limited docker image inspect --format '{{.Id}} {{.Size}}' $ids
"""

# A line each: address, mirror or default, whether its name is known, the HTTP code (000: no answer), what curl complained
# of; by tabs. A proxy of the engine's is the one curl takes; its password, if it has one, is not told by the engine.
_REGISTRIES = r"""
ask() { limited docker info --format "$1" 2>/dev/null; }
kind=mirror
addresses=$(ask '{{range .RegistryConfig.Mirrors}}{{println .}}{{end}}')
[ -n "$addresses" ] || { kind=default; addresses=$(ask '{{.IndexServerAddress}}'); }
http_proxy=$(ask '{{.HTTPProxy}}'); https_proxy=$(ask '{{.HTTPSProxy}}'); no_proxy=$(ask '{{.NoProxy}}')
export http_proxy https_proxy no_proxy
unset all_proxy ALL_PROXY HTTPS_PROXY NO_PROXY
for address in $addresses; do
  place=${address#*://}; place=${place%%/*}
  case $address in https:*) proxy=$https_proxy ;; *) proxy=$http_proxy ;; esac
  case $place in '['*) name=${place#?}; name=${name%%]*} ;; *) name=${place%%:*} ;; esac
  known=yes code= said=
  if [ -n "$proxy" ]; then known=proxy; elif command -v getent >/dev/null && ! getent ahosts "$name" >/dev/null; then known=no; fi
  case $proxy in
    *@*) said="its proxy wants a password" ;;
    *)
      if command -v curl >/dev/null; then
        asked=$address; [ "$kind" = default ] || asked=${address%/}/v2/
        authority=/etc/docker/certs.d/$place/ca.crt
        if [ -e "$authority" ]; then set -- --cacert "$authority"; else set --; fi
        code=$(curl -sS -o /dev/null -m 8 -w '%{http_code}' "$@" "$asked" 2>&1) || { said=$(echo "$code" | sed '$d' | tr '\n' ' '); code=000; }
        [ "$code" != 000 ] || [ -n "$said" ] || said="no answer"
      else
        said="there is no curl"
      fi
      ;;
  esac
  printf '%s\t%s\t%s\t%s\t%s\n' "$address" "$kind" "$known" "$code" "$said"
done
"""

# A line for each place: path, size and free space in KiB, inodes, free inodes, writable, mount point.
_ROOM = r"""
for place in "${2:-/var/lib/docker}" "$1"; do
  deepest=$place
  case $deepest in /*) ;; *) continue ;; esac
  while [ ! -e "$deepest" ]; do deepest=${deepest%/*}; [ -n "$deepest" ] || deepest=/; done
  [ -w "$deepest" ] && writable=yes || writable=no
  space=$(df -Pk "$deepest" | awk 'END { print $2 "\t" $4 }')
  inodes=$(df -Pi "$deepest" | awk 'END { print $2 "\t" $4 "\t'$writable'\t" $6 }')
  printf '%s\t%s\t%s\n' "$place" "$space" "$inodes"
done
"""

# iptables of either kind, told apart by the names Debian gives the programs; elsewhere there is one kind only.
_RULES = r"""
found=
echo "# uses $(iptables --version 2>/dev/null)"
for kind in nft legacy; do
  if command -v iptables-$kind-save >/dev/null; then found=1; echo "# kind $kind"; iptables-$kind-save; fi
done
[ -n "$found" ] || { command -v iptables-save >/dev/null && echo "# kind iptables" && iptables-save; }
"""

_FLAGS = f"""pid=$(cat {PIDFILE}) && tr '\\0' '\\n' <"/proc/$pid/cmdline\""""

# Certificates only: what lies beside them in the same file, keys above all, stays on the host.
_CERTIFICATES = (
    "{ tr ',{}' '\\n\\n\\n' <"
    + CONFIG
    + """ | sed -n 's/^[[:space:]]*"tls\\(ca\\)\\{0,1\\}cert"[[:space:]]*:[[:space:]]*"\\(.*\\)".*/\\2/p'
"""
    + _FLAGS
    + """ | sed -n -e 's/^--tls\\(ca\\)\\{0,1\\}cert=//p' -e '/^--tls\\(ca\\)\\{0,1\\}cert$/ { n; p; }'
ls /etc/docker/certs.d/*/*.crt /etc/docker/certs.d/*/*.cert
[ -z "${DOCKER_CERT_PATH:-}" ] || ls "$DOCKER_CERT_PATH"/*.pem
} 2>/dev/null | sort -u | while IFS= read -r file; do
  echo "# file $file"; sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$file"
done
"""
)

_KERNELS = r"""
uname -r
for each in /boot/vmlinuz-*; do [ -e "$each" ] && echo "installed ${each#/boot/vmlinuz-}"; done
[ ! -e /run/reboot-required ] || echo "required for $(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')"
[ ! -r /proc/uptime ] || awk '{ print "up", int($1) }' /proc/uptime
"""

_RESOLVERS = "cat /etc/resolv.conf; echo '# systemd-resolved'; cat /run/systemd/resolve/resolv.conf 2>/dev/null"
_OTHER_FIREWALLS = (
    "if command -v firewall-cmd >/dev/null && [ \"$(firewall-cmd --state 2>/dev/null)\" = running ]; then echo '# firewalld'; fi\n"
    "! command -v nft >/dev/null || nft -n list ruleset"
)


def _users(wanted: Wanted) -> str:
    each = 'for user do echo "$user: $(id -nG -- "$user" 2>/dev/null || echo "?")"; done'
    return quote(["sh", "-c", each, "sh", *wanted.users])


def _room(wanted: Wanted) -> str:
    root = "root=; [ \"$rc\" != 0 ] || root=$(limited docker info --format '{{.DockerRootDir}}')"
    return f'{_LIMITED}{root}; {quote(["sh", "-c", _ROOM, "sh", wanted.directory])} "$root"'


def _fixed(fragment: str) -> Callable[[Wanted], str]:
    return lambda _wanted: fragment


def _of_this_host(ask: Callable[[Wanted], str]) -> Callable[[Wanted], str]:
    # Where the engine is elsewhere, this host's files and kernel say nothing of it, and its tools may be others.
    return lambda wanted: f"if {HERE}; then {ask(wanted)}\nfi"


def _of_the_engine(fragment: str) -> Callable[[Wanted], str]:
    # In a row, each asked only while those before it were answered: the engine that hangs is waited for once.
    return _fixed(if_ok(f"{_LIMITED}{fragment}\ntrue"))


FRAGMENTS: dict[str, Callable[[Wanted], str]] = {
    "clock": _fixed("date +%s"),
    "version": _fixed(_LIMITED + _VERSION),
    "where": _fixed(_WHERE),
    "complaints": _fixed(
        unless_ok(f"{{ [ -d /run/systemd/system ] && {complaints('systemd')}; }} || {complaints('direct')}; exit 1")
    ),
    "info": _of_the_engine("limited docker info --format '{{json .}}'"),
    "containers": _of_the_engine(_CONTAINERS),
    "volumes": _of_the_engine(_VOLUMES),
    "images": _of_the_engine(_IMAGES),
    "registries": _of_this_host(_of_the_engine(_REGISTRIES)),
    "room": _of_this_host(_room),
    "resolvers": _of_this_host(_fixed(_RESOLVERS)),
    "holders": _of_this_host(lambda wanted: ports.holders(wanted.port)),
    "config": _of_this_host(_fixed(f"cat {CONFIG}")),
    "flags": _of_this_host(_fixed(_FLAGS)),
    "engine age": _of_this_host(_fixed(f"ps -o etimes= -p $(cat {PIDFILE})")),
    "users": _of_this_host(_users),
    "certificates": _fixed(_CERTIFICATES),
    "authorities": _of_this_host(_fixed("grep -c 'BEGIN CERTIFICATE' /etc/ssl/certs/ca-certificates.crt")),
    "kernels": _of_this_host(_fixed(_KERNELS)),
    "forwarding": _of_this_host(_fixed("cat /proc/sys/net/ipv4/ip_forward")),
    "rules": _of_this_host(_fixed(_RULES)),
    "other firewalls": _of_this_host(_fixed(_OTHER_FIREWALLS)),
    "clock after": _fixed("date +%s"),
}
"""Name to what makes the fragment. "clock" is first and "clock after" last: between them lies the time that is the host's."""

ALWAYS = ("clock", "version", "where", "complaints", "info", "clock after")


def questions(asked: Collection[str], wanted: Wanted) -> dict[str, str]:
    """Return the fragments of these names, and of those that are always asked, for one round trip."""
    return {name: made(wanted) for name, made in FRAGMENTS.items() if name in asked or name in ALWAYS}
