#!/bin/sh
# Prints what a host is like, but for what stays of a removed package (conffiles, a group, links of the init, the daemon's
# key) and what any apt leaves behind.
find /etc /usr/sbin/policy-rc.d /var/lib/quai /var/lib/apt/lists /var/cache/apt /var/tmp -printf '%p %y %m %u\n' 2>/dev/null |
  grep -v -E '/(docker|docker/key.json|passwd-?|g?shadow-?|group-?|partial|auxfiles|lock|pkgcache.bin|[.]depend[.].*) ' |
  grep -v '/etc/rc[0-6S].d/' | sort
cat /etc/apt/sources.list /var/lib/apt/lists/another_list_Packages
getent group docker | cut -d : -f 4 | grep .
pgrep -l 'docker|containerd'
true
