#!/bin/sh
# First on PATH under many names: refuses what macOS's tools lack, and hands all else on.
name=${0##*/}
refuse() { echo "$name: macOS has no $*" >&2; exit 64; }
case $name in
  timeout | sha256sum | md5sum | mountpoint | getent | tac | numfmt | ip | ss) refuse "such program" ;;
esac
for word in "$@"; do
  case "$name $word" in
    *" --"?*) refuse "$word" ;; # a long option
    "stat -c"* | "date -d"* | "date -I"* | "sed -i" | "sed -r" | "grep -P"* | "head -c -"* | "head -n -"*) refuse "$word" ;;
    "find -printf" | "find -readable" | "find -writable" | "readlink -e" | "readlink -m" | "cp -t" | "mv -t" | "mv -T") refuse "$word" ;;
    "tar -r"*) [ -n "${COPYFILE_DISABLE:-}" ] || refuse "scruples about files named ._*" ;;
  esac
done
exec "/usr/bin/$name" "$@"
