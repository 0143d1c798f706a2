#!/bin/sh
# The doubles on their real engines, before a role uses them. What they answer is compared with the recordings in
# tests/unit/test_doubles.py; here every fault is real: a dead daemon, a foreign certificate, an engine behind a socket.
# shellcheck disable=SC2016 # commands are for the shell that row starts
PATH=/usr/local/bin:/usr/bin:/bin
wrong=0

# row CODE PATTERN COMMAND: a command as a person types it, its exit code, and what its output must hold.
row() {
  said=$(sh -c "$3" 2>&1 </dev/null) && code=0 || code=$?
  if [ "$code" -eq "$1" ] && printf '%s\n' "$said" | grep -q -e "$2"; then return; fi
  wrong=$((wrong + 1))
  printf 'exit %s and "%s" expected: %s\n%s\nexit %s\n\n' "$1" "$2" "$3" "$said" "$code"
}

row 0 'Pouring colima' 'brew install docker docker-machine docker-compose colima'
row 0 'Darwin' 'uname -s'
row 0 'Docker is up and running!' 'docker-machine create -d virtualbox --virtualbox-memory 2048 --virtualbox-hostonly-cidr 192.168.56.1/24 dev'
row 0 '[.]' 'docker-machine version dev'
row 0 'Running' 'docker-machine status dev'
row 1 'exit status 7' 'docker-machine ssh dev '\''exit 7'\'''
row 0 'served' 'eval "$(docker-machine env --shell bash dev)" && docker run --rm python:3.13-slim echo served'

row 0 '' 'doubles fault engine dev'
row 0 'Running' 'docker-machine status dev'
row 1 'Cannot connect to the docker engine endpoint' 'docker-machine version dev'
row 1 'Error checking TLS connection.*connection refused' 'docker-machine env --shell bash dev'
row 1 'Maximum number of retries' 'docker-machine provision dev'
row 0 '' 'docker-machine ssh dev sudo systemctl restart docker'
row 0 '' 'docker-machine version dev'

row 0 '' 'doubles fault server-certificate dev'
row 1 'x509: certificate signed by unknown authority' 'docker-machine version dev'
row 1 'Error checking TLS connection.*x509' 'docker-machine env --shell bash dev'
row 0 'Regenerating TLS certificates' 'docker-machine regenerate-certs -f dev'
row 0 '' 'docker-machine version dev'

row 0 '' 'doubles fault client-certificate dev'
row 0 'DOCKER_CERT_PATH' 'docker-machine env --shell bash dev'
row 1 'remote error: tls' 'docker-machine version dev'
# A certificate that has not run out is left alone.
row 0 '' 'docker-machine regenerate-certs -f --client-certs dev'
row 1 'remote error: tls' 'docker-machine version dev'
row 0 '' 'rm ~/.docker/machine/certs/cert.pem ~/.docker/machine/certs/key.pem'
row 0 'Creating client certificate' 'docker-machine regenerate-certs -f --client-certs dev'
row 0 '' 'docker-machine version dev'

row 0 '' 'doubles fault client-expired dev'
row 1 '' 'docker-machine version dev'
row 0 'Client certificate is outdated' 'docker-machine regenerate-certs -f --client-certs dev'
row 0 '' 'docker-machine version dev'

row 0 '' 'doubles fault client-copy dev'
row 0 '' 'docker-machine version dev'
# The program looks at the user's own; the docker command uses the copy.
row 1 '' 'eval "$(docker-machine env --shell bash dev)" && docker version'
row 0 '' 'docker-machine regenerate-certs -f dev'
row 0 '' 'eval "$(docker-machine env --shell bash dev)" && docker version'

row 0 'was stopped' 'docker-machine stop dev'
row 0 'Stopped' 'docker-machine status dev'
row 1 'Host is not running' 'docker-machine version dev'
row 0 'was started' 'docker-machine start dev'
row 0 '' 'docker-machine version dev'

row 0 '' 'doubles fault off dev'
row 0 'Stopped' 'docker-machine status dev'
row 0 '' 'docker-machine start dev'
row 0 'Successfully removed dev' 'docker-machine rm -y dev'

row 0 '' 'doubles fault create half'
row 1 'Error running provisioning' 'docker-machine create -d virtualbox --virtualbox-hostonly-cidr 192.168.56.1/24 dev'
row 0 'Running' 'docker-machine status dev'
row 1 'Cannot connect' 'docker-machine version dev'
row 0 '' 'docker-machine rm -y dev'
row 0 'Docker is up and running!' 'docker-machine create -d virtualbox --virtualbox-hostonly-cidr 192.168.56.1/24 dev'
row 0 '' 'docker-machine rm -y dev'

row 0 '' 'doubles set ports 80,8080'
row 0 'done' 'colima start --cpu 2 --memory 4'
row 0 'already running, ignoring' 'colima start'
row 0 'colima' 'docker context show || docker context ls'
row 0 '' 'docker run -d --name site -p 80:8000 python:3.13-slim python3 -m http.server 8000'
row 0 'Directory' 'curl -sS --retry 9 --retry-connrefused --retry-delay 1 --retry-all-errors http://127.0.0.1/'
row 0 'site' 'colima ssh -- docker ps'
row 0 'done' 'colima stop'
row 7 '' 'curl -sS http://127.0.0.1/'
row 1 'colima is not running' 'colima status --json'
# What the machine held is still there.
row 0 'site' 'colima start && docker ps -a'

row 0 '' 'doubles fault engine default'
row 1 '' 'docker ps'
row 0 'site' 'colima restart && docker ps -a'
row 0 '' 'doubles fault off default'
row 0 'site' 'colima start && docker ps -a'
row 0 '' 'colima delete --force'
row 0 '' 'brew uninstall --force colima docker'

row 0 'successfully installed' 'brew install --cask docker-desktop'
row 1 'Could not retrieve status' 'docker desktop status --format json'
row 0 'served' 'docker desktop start && docker run --rm python:3.13-slim echo served'
row 0 '"Status":"running"' 'docker desktop status --format json'
row 1 '' 'docker desktop stop && docker ps'
row 127 '^$' 'command -v timeout sha256sum mountpoint flock dockerd'
# All that was called until here has a record.
row 0 '^$' 'doubles refusals'
row 1 'illegal option' 'stat -c %U /'
row 64 'no record of' 'docker-machine upgrade dev'
row 1 'docker-machine upgrade dev' 'doubles refusals'
row 0 '' 'doubles bare'
row 0 '^brew$' 'ls /usr/local/bin'

exit "$wrong"
