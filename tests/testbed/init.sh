#!/bin/sh
# PID 1 of a test host: makes writable what the container runtime mounted read-only, then becomes systemd, or the command
# it is given. A host owns its /proc/sys, its /sys and its cgroups; a nested Docker needs all three.
mounts=$(cut -d ' ' -f 2 /proc/self/mounts) # all of them first: the file changes under the loop
mount -o remount,rw /sys
for where in $mounts; do
    case $where in
        /proc/*) umount "$where" ;;
        # "bind": this mount alone; the hierarchy behind it is shared with the machine.
        /sys/fs/cgroup | /sys/fs/cgroup/*) mount -o remount,bind,rw "$where" ;;
    esac
done
# systemd does this at boot, but not when it finds itself in a container.
mount --make-rshared /
[ $# -gt 0 ] || set -- /lib/systemd/systemd
exec "$@"
