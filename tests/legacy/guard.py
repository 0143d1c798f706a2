"""/usr/bin/docker of 1.6.2, in front of a docker and a dockerd of today: a shell script, for the host has nothing else.

It refuses every subcommand and every flag that the real 1.6.2 lacks (the recorded flags.json), with its words and exit codes;
and what only its daemon refused: named volumes, no-new-privileges. `docker -d` becomes the real dockerd, with the same flags.
`version` tells 1.6.2. `inspect` takes the name of a container or else of an image, and knows `.Volumes` and not what came later
(`later` below); ids of images are without `sha256:`, told and asked for. `load` takes the layout of 1.6.2 and no other. All other
output is that of the real docker, and so is the build: it would accept ARG and HEALTHCHECK.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.testbed.settings import FIXTURES

from . import REAL

# Which flags take no value: the record has names only. Of each subcommand, for -f and -v mean many things.
SWITCHES = {
    "main": "-D --debug -d --daemon -h --help --icc --ip-forward --ip-masq --iptables --ipv6 --selinux-enabled --tls --tlsverify -v --version",
    "build": "--force-rm --no-cache --pull -q --quiet --rm",
    "commit": "-p --pause",
    "create": "-i --interactive -P --publish-all --privileged --read-only -t --tty",
    "exec": "-d --detach -i --interactive -t --tty",
    "history": "--no-trunc -q --quiet",
    "images": "-a --all --digests --no-trunc -q --quiet",
    "logs": "-f --follow -t --timestamps",
    "ps": "-a --all -l --latest --no-trunc -q --quiet -s --size",
    "pull": "-a --all-tags",
    "rm": "-f --force -l --link -v --volumes",
    "rmi": "-f --force --no-prune",
    "run": "-d --detach -i --interactive -P --publish-all --privileged --read-only --rm --sig-proxy -t --tty",
    "start": "-a --attach -i --interactive",
    "tag": "-f --force",
}

_SCRIPT = r"""#!/bin/sh
# A guard in the place of Docker 1.6.2, made by tests/legacy/guard.py.
PATH=@REAL@:$PATH
export PATH

# is NAME WORDS: whether the name is one of the words.
is() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }

table() {
  switches=--help
  case $1 in
@TABLE@
    *) echo "docker: '$1' is not a docker command. See 'docker --help'." >&2; exit 1 ;;
  esac
  switches="$switches --help"
}

undefined() {
  echo "flag provided but not defined: $1" >&2
  echo "See 'docker${command:+ $command} --help'." >&2
  exit 2
}

# check WORD: sets `words` to how many words the flag takes up, or ends.
check() {
  words=1
  name=${1%%=*}
  if ! is "$name" "$known"; then
    case $name in
      --*) undefined "$name" ;;
      -??*) # -it
        letters=${name#-}
        while [ -n "$letters" ]; do
          is "-${letters%"${letters#?}"}" "$switches" || undefined "$name"
          letters=${letters#?}
        done
        return ;;
      *) undefined "$name" ;;
    esac
  elif [ "$name" = "$1" ] && ! is "$name" "$switches"; then
    words=2
  fi
}

value_of() { if [ "$words" = 2 ]; then printf %s "$2"; else printf %s "${1#*=}"; fi; }

# --- the flags before the subcommand, which are the daemon's too --------------------------------------------------------------
command=
table main
daemon=
main=
quoted() { printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
while [ $# -gt 0 ]; do
  case $1 in -*) ;; *) break ;; esac
  check "$1"
  value=$(value_of "$@")
  case $name in
    -v | --version) echo "Docker version 1.6.2, build 7c8fca2"; exit 0 ;;
    -d | --daemon) daemon=yes ;;
    -e | --exec-driver) ;;
    -g | --graph) main="$main--data-root $(quoted "$value")" ;;
    -s | --storage-driver) # what a daemon and a kernel of today still have
      case $value in overlay) ;; *) value=vfs ;; esac
      main="$main--storage-driver $(quoted "$value")" ;;
    *) if [ "$words" = 2 ]; then main="$main$name $(quoted "$2")"; else main="$main$(quoted "$1")"; fi ;;
  esac
  shift "$words"
done
if [ -n "$daemon" ]; then
  eval "exec dockerd $main"
fi
[ $# -gt 0 ] || { echo "Usage: docker [OPTIONS] COMMAND [arg...]"; exit 0; }

# --- the subcommand -----------------------------------------------------------------------------------------------------------
command=$1
case $command in main | daemon) echo "docker: '$command' is not a docker command. See 'docker --help'." >&2; exit 1 ;; esac
table "$command"
shift
real() { eval "\"@REAL@/docker\" $main\"\$@\""; }
flags=
format=
input=
while [ $# -gt 0 ]; do
  case $1 in --) shift; break ;; -?*) ;; *) break ;; esac
  check "$1"
  value=$(value_of "$@")
  case $command/$name in
    run/-v | run/--volume | create/-v | create/--volume)
      case $value in /*) ;; *) echo "cannot bind mount volume: ${value%%:*} volume paths must be absolute." >&2; exit 1 ;; esac ;;
    run/--security-opt | create/--security-opt)
      case $value in label:* | apparmor:*) ;; *) echo "Error response from daemon: Invalid --security-opt: \"$value\"" >&2; exit 1 ;; esac ;;
    inspect/-f | inspect/--format) format=$value ;;
    load/-i | load/--input) input=$value ;;
  esac
  if [ "$command/$name" != tag/-f ] && [ "$command/$name" != tag/--force ]; then
    flags="$flags$(quoted "$1")"
    [ "$words" = 1 ] || flags="$flags$(quoted "$2")"
  fi
  shift "$words"
done

down() {
  echo "FATA[0000] Cannot connect to the Docker daemon. Is 'docker -d' running on this host?" >&2
  exit 1
}

# sha256:ID would be the tag of an image named sha256.
case $command/${1:-} in
  create/sha256:* | run/sha256:*) echo "Unable to find image '$1' locally" >&2; exit 1 ;;
  rmi/* | tag/* | save/* | history/*)
    for each in "$@"; do
      case $each in sha256:*) echo "Error response from daemon: No such image: $each" >&2; exit 1 ;; esac
    done ;;
esac

case $command in
  version)
    for each in Client Server; do
      lower=$(echo $each | tr CS cs)
      [ $each = Client ] || real info >/dev/null 2>&1 || down
      printf '%s version: 1.6.2\n%s API version: 1.18\nGo version (%s): go1.3.3\n' $each $each "$lower"
      printf 'Git commit (%s): 7c8fca2\nOS/Arch (%s): linux/amd64\n' "$lower" "$lower"
    done ;;
  inspect)
    real info >/dev/null 2>&1 || down
    status=0
    comma=
    # Not RootFS, which proves an image that was sent: 1.6.2 would have kept its id, the docker of today makes its own.
    later='Mounts RepoTags RepoDigests Metadata GraphDriver Status Health PidsLimit Tmpfs Networks'
    either=$(echo "$later" | sed 's/ /\\|/g')
    [ -n "$format" ] || printf '['
    for each in "$@"; do
      kind=container
      if ! found=$(real inspect --type container "$each" 2>/dev/null); then
        kind=image
        # sha256:ID would be the tag of an image named sha256.
        if [ "${each#sha256:}" != "$each" ] || ! found=$(real inspect --type image "$each" 2>/dev/null); then
          echo "Error: No such image or container: $each" >&2
          status=1
          continue
        fi
      fi
      if [ -n "$format" ]; then
        for field in $later; do
          case $format in *".$field"*) echo "Template parsing error: <.$field>: can't evaluate field $field" >&2; exit 64 ;; esac
        done
        real inspect --type $kind --format "$format" "$each" | sed 's/^sha256://' || status=1
        continue
      fi
      # One that could not be started: today's code is that of a shell.
      case $found in
        *'"StartedAt": "0001-'*) found=$(printf '%s\n' "$found" | sed 's/"ExitCode": 12[5-8]/"ExitCode": -1/') ;;
      esac
      printf '%s{\n' "$comma"
      if [ $kind = container ]; then
        volumes='{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{json $m.Destination}}: {{json $m.Source}}{{end}}'
        writable='{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{json $m.Destination}}: {{json $m.RW}}{{end}}'
        printf '"Volumes": {%s},\n' "$(real inspect --type container --format "$volumes" "$each")"
        printf '"VolumesRW": {%s},\n' "$(real inspect --type container --format "$writable" "$each")"
      fi
      printf '%s\n' "$found" | sed '1,2d;$d;s/"\(Id\|Image\|Parent\)": "sha256:/"\1": "/;s/"\('"$either"'\)":/"UnknownTo162":/'
      comma=,
    done
    [ -n "$format" ] || printf ']\n'
    exit $status ;;
  load)
    archive=${input:-$(mktemp)}
    [ -n "$input" ] || { cat >"$archive"; exec <"$archive"; }
    names=$(tar -tf "$archive" 2>/dev/null | sed 's|^[.]/||')
    [ -n "$input" ] || rm -f "$archive"
    holds() { printf '%s\n' "$names" | grep -qxF "$1"; }
    # Every directory is a layer to it.
    for each in $(printf '%s\n' "$names" | sed -n 's|/.*||p' | sort -u); do
      for part in json layer.tar; do
        holds "$each/$part" && continue
        echo "Error response from daemon: open /var/lib/docker/tmp/docker-import-0/repo/$each/$part: no such file or directory" >&2
        exit 1
      done
    done
    # Engines from 1.10 to 24 save both layouts in one. 1.6.2 would load it, under an id that was not sent; the docker of today
    # would load the new one of the two, and give the id that is expected.
    if holds manifest.json; then
      echo "The guard of 1.6.2 loads what was made for 1.6.2, and this archive has a manifest.json." >&2
      exit 1
    fi
    eval "set -- $flags\"\$@\""
    eval "exec \"@REAL@/docker\" ${main}load \"\$@\"" ;;
  images)
    eval "set -- $flags\"\$@\""
    listed=$(real images "$@") || exit
    printf '%s\n' "$listed" | sed '/^$/d;s/\(.*\)sha256:/\1/' ;; # its id stands last
  *)
    eval "set -- $flags\"\$@\""
    eval "exec \"@REAL@/docker\" $main\"$command\" \"\$@\"" ;;
esac
"""


def script(flags: Path = FIXTURES / "docker-1.6.2/flags.json") -> str:
    """Return the guard."""
    known: dict[str, list[list[str]]] = json.loads(flags.read_text(encoding="utf-8"))
    rows = []
    for command, names in known.items():
        words = " ".join(name for group in names for name in group)
        switches = SWITCHES.get(command, "")
        rows.append(f"    {command}) known={shlex.quote(words + ' --help')} switches={shlex.quote(switches)} ;;")
    return _SCRIPT.replace("@TABLE@", "\n".join(rows)).replace("@REAL@", REAL)
