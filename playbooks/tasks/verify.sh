#!/usr/bin/env bash
# What verify.yml sees of a served application, in one look: a fact a line, then the line `page`, then the page.
#   verify.sh ADDRESS PORT PATH HOST MARK CONTAINER DATA_PATH ACCESS_LOG VOLUME REGISTER [DIRECTORY]
# PATH is asked for under the name HOST, with MARK as the user agent. DATA_PATH and ACCESS_LOG are the container's.
# DIRECTORY of this host holds the data. Without one the engine keeps it, on another machine perhaps, and what the
# container is and has is seen from inside.
# Kept to bash 3.2 and BSD tools: it also runs on a Mac. A login over ssh has a short PATH there.
PATH=$PATH:/usr/local/bin:/opt/homebrew/bin
address=$1 port=$2 path=$3 host=$4 mark=$5 web=$6 data_path=$7 log=$8 volume=$9
register=${10} directory=${11:-}

# look PROCESS ROOT DATA_PATH DATA LOG MARK: of the process whose directory in /proc is PROCESS, with the root ROOT. DATA
# is where its DATA_PATH is found. Also run by the container's own sh. Of the engine only the process is asked: the
# kernel tells the rest.
look() {
  limits=$2/sys/fs/cgroup
  sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/uid \1/p
    s/^CapEff:[[:space:]]*/capabilities /p
    s/^NoNewPrivs:[[:space:]]*/no-new-privileges /p' "$1/status"
  awk '$5 == "/" { print "root", substr($6, 1, 2) }' "$1/mountinfo"
  # An old engine shows the container nothing of its limits: the host's kernel has them.
  echo "memory $(cat "$limits/memory.max" 2>/dev/null || cat "$limits/memory/memory.limit_in_bytes" 2>/dev/null ||
    cat "/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' "$1/cgroup")/memory.limit_in_bytes")"
  echo "pids $(cat "$limits/pids.max" 2>/dev/null || cat "$limits/pids/pids.max")"
  echo "token $(cat "$4/.quai-volume")"
  case $5 in
    "$3"/*)
      for wait in 0 0.2 0.5 1 2; do
        sleep "$wait"
        if grep -qF "$6" "$4${5#"$3"}"; then
          echo "request logged"
          break
        fi
      done
      ;;
  esac
}

# ansible.builtin.uri alone is four round trips, and each is felt at twenty hosts; bash speaks TCP.
if exec 3<>"/dev/tcp/$address/$port"; then
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n' "$path" "$host" "$mark" >&3
  IFS= read -r -t 30 -d '' page <&3 # all of it, to its end or to a NUL
  status=${page#* }
  echo "status ${status%%[!0-9]*}"
fi

# A volume that was there before Quai, on an old engine: see roles/app_data.
if [ -n "$directory" ] && [ -s "$register.path" ]; then directory=$(cat "$register.path"); fi
seen=
if [ -n "$directory" ]; then
  pid=$(docker inspect --format '{{.State.Pid}}' "$web")
  [ "${pid:-0}" -gt 0 ] && seen=$(look "/proc/$pid" "/proc/$pid/root" "$data_path" "$directory" "$log" "$mark")
else
  mounts='{{range .Mounts}}{{.Destination}} is {{.Type}} {{.Name}}{{println}}{{end}}'
  docker inspect --format "$mounts" "$web" | grep -xF "$data_path is volume $volume"
  # shellcheck disable=SC2016 # the container's shell expands it
  seen=$(docker exec "$web" sh -c "$(declare -f look)"'; look "$@"' \
    look /proc/1 "" "$data_path" "$data_path" "$log" "$mark")
fi
printf '%s\n' "$seen"
case $seen in
  *'no-new-privileges 1'*) ;;
  *) # engines of before 1.10 cannot do that; their version is asked only here
    docker version --format x >/dev/null 2>&1 || docker version | sed -n 's/^Server version: \(1\.[0-9]\.\)/old engine \1/p'
    docker info 2>&1 | sed -n 's/^WARNING: No memory limit support/memory without limits/p'
    ;;
esac
if [ -s "$register" ] && printf '%s\n' "$seen" | grep -qxF "token $(cat "$register")"; then echo "token same"; fi
printf 'page\n%s' "${page#*$'\r\n\r\n'}"
