#!/bin/sh
# Prints what a role could change on the Mac, a line each: the calls that change something, with their numbers for one
# may be made twice; the user's files; tools and machines. It changes nothing itself.
cd /Users/reader || exit
doubles calls | grep -n -E '^(docker-machine (create|start|stop|restart|rm|provision|regenerate-certs|ssh)|colima (start|stop|restart|delete|ssh)|docker (context (create|update|rm)|desktop (start|stop|restart))|brew (un)?install)( |$)' |
  sed 's/^/call /'
find . -path ./.ansible -prune -o -type f -exec cksum {} + | sort -k 3
find . -path ./.ansible -prune -o -type l -print | sort
cd /var/lib/quai-doubles && cat engines.json brew.json colima.json 2>/dev/null
true
