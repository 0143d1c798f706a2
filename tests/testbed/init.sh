#!/bin/sh
# PID 1 of a test host: makes writable what the container runtime mounted read-only, then becomes systemd.
# A host owns its /proc/sys, its /sys and its cgroups; a nested Docker needs all three.
mount -o remount,rw /sys
while read -r _ where _; do
    case $where in
        /proc/*) umount "$where" ;;
        /sys/fs/cgroup | /sys/fs/cgroup/*) mount -o remount,rw "$where" ;;
    esac
done < /proc/self/mounts 2>/dev/null
# overlayfs and the daemon's mounts want what systemd makes shared at boot on a real machine.
mount --make-rshared /
exec /lib/systemd/systemd "$@"
