"""The text's own commands, typed by a shell script.

They are those of the introduction that Quai automates, with no more changed than it takes to make them work today: the
pins without which its gunicorn does not start, `-d` where a person would give a terminal, and the certificates of the
machine, for networks whose TLS ends at a proxy.
"""

from __future__ import annotations

RUN_ARGUMENTS = "gunicorn --log-file=/data/myapp.log --bind 0.0.0.0:5000 -w 3 --worker-connections=2000 --backlog=1000 -k eventlet myapp:app"

_RUN = f"docker run -d --volumes-from=myapp_data --name web -p 80:5000 web {RUN_ARGUMENTS} >/dev/null"

# A release that never answers must not keep the benchmark waiting.
_WAIT = """\
i=0
until curl -fsS http://localhost:80/ 2>/dev/null | grep -qF "$body"; do
    i=$((i + 1)); [ $i -lt 600 ] || { docker logs web >&2; exit 1; }
    sleep 0.05
done
"""

PINS = (
    "gunicorn==19.10.0 eventlet==0.30.2 Flask==1.1.4 Werkzeug==1.0.1 Jinja2==2.11.3 MarkupSafe==1.1.1 click==7.1.2 "
    "itsdangerous==1.1.0 greenlet==2.0.2 dnspython==1.16.0 monotonic==1.6 six==1.17.0"
)

DEPLOY = rf"""
set -eu
body='Hello World!'
mkdir -p ~/text/web ~/text/data
cd ~/text
cp /etc/ssl/certs/ca-certificates.crt web/
cat >web/myapp.py <<'EOF_FILE'
from flask import Flask
app = Flask(__name__)

@app.route('/')
def hello_world():
	return 'Hello World!'

if __name__ == '__main__':
	app.run()
EOF_FILE
cat >web/Dockerfile <<'EOF_FILE'
FROM python:2.7-slim
MAINTAINER The reader <reader@example.org>
COPY ca-certificates.crt /tmp/
ENV PIP_CERT /tmp/ca-certificates.crt
RUN apt-get update -y && apt-get install -y gcc
ENV USER myuser
ENV HOME /home/myuser
ENV PATH /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${{HOME}}/.local/bin
RUN useradd --home-dir $HOME --create-home --shell /bin/bash --uid 1000 $USER
RUN mkdir $HOME/www
WORKDIR ${{HOME}}/www
COPY myapp.py  $HOME/www/
RUN chown $USER:$USER -R ${{HOME}}
USER $USER
RUN pip install --user {PINS}
CMD gunicorn --log-file=- --bind 0.0.0.0:5000   -w 3 --worker-connections=2000 --backlog=1000  -k eventlet myapp:app
EOF_FILE
cat >data/Dockerfile <<'EOF_FILE'
FROM python:2.7-slim
ENV USER myuser
RUN useradd --shell /bin/bash --uid 1000 $USER
RUN mkdir -p /data && chown $USER:$USER -R /data
VOLUME ["/data"]
EOF_FILE
docker build -t web web
docker build -t myapp_data data
docker create --name myapp_data myapp_data
{_RUN}
{_WAIT}"""
"""Both images built, the volume's container created, the application run, until it answers."""


def redeploy(body: str) -> str:
    """A one-line change, until the changed page is served. `rm -f`: the text's `docker rm` refuses what runs."""
    return rf"""
set -eu
cd ~/text
body='{body}'
sed -i "s/return '.*'/return '$body'/" web/myapp.py
docker build -t web web
docker rm -f web
{_RUN}
{_WAIT}"""


# One look per promise that a no-op of Quai checks. What it does not do, in the text's favour: compare the image with its
# context (Quai's digests do; by hand it takes another `docker build`).
CHECK = r"""
set -eu
want() { echo "check: not so: $1" >&2; exit 1; }
mark=check-$$-$(date +%s%N)
docker version >/dev/null || want 'the engine answers'
grep -q live-restore /etc/docker/daemon.json || want 'the engine is configured'
docker images | grep -q '^web ' || want 'an image web'
docker images | grep -q '^myapp_data ' || want 'an image myapp_data'
docker inspect python:3.13-slim >/dev/null || want 'the base image'
docker ps | grep -q ' web$' || want 'web runs'
docker ps -a | grep -q ' myapp_data$' || want 'the container myapp_data'
docker inspect myapp_data | grep -q '"Destination": "/data"' || want 'a volume'
docker volume inspect myapp_data >/dev/null || want 'the volume myapp_data'
[ "$(docker inspect -f '{{.Image}}' web)" = "$(docker inspect -f '{{.Id}}' web:latest)" ] || want 'web is the newest image'
[ "$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}}' web)" = '536870912 256 true' ] || want limits
docker inspect -f '{{json .HostConfig.CapDrop}}' web | grep -q ALL || want 'no capabilities'
docker top web -o pid,uid | tail -n 1 | grep -qw 1000 || want 'uid 1000'
[ "$(curl -fsS -A "$mark" http://localhost:80/)" = 'Hello World!' ] || want 'the page'
data=$(docker inspect -f '{{range .Mounts}}{{.Source}}{{end}}' myapp_data)
[ -d "$data" ] || data=$(docker volume inspect -f '{{.Options.device}}' myapp_data)
cmp -s "$data/.quai-volume" /var/lib/quai/volumes/myapp_data || want 'the same data as last time'
[ "$(df --output=avail -m "$data" | tail -n 1)" -gt 100 ] || want 'free space'
ss -ltn | grep -q ':80 ' || want 'port 80'
for wait in 0 0.2 0.5 1 2; do sleep $wait; if grep -qF "$mark" "$data/access.log"; then exit 0; fi; done
want 'the request in the log'
"""


def start_to_answer(run_words: str, runs: int) -> str:
    """Print, a line each, the nanoseconds from `docker run` to the first 200; the first run only warms the caches."""
    return rf"""
set -eu
for n in $(seq 0 {runs}); do
    start=$(date +%s%N)
    docker run -d --name bench-start -p 127.0.0.1:8099:5000 {run_words} >/dev/null
    i=0
    until curl -fs -o /dev/null http://127.0.0.1:8099/; do
        i=$((i + 1)); [ $i -lt 2000 ] || {{ docker logs bench-start >&2; docker rm -f bench-start; exit 1; }}
        sleep 0.01
    done
    end=$(date +%s%N)
    docker rm -f bench-start >/dev/null
    [ "$n" = 0 ] || echo $((end - start))
done
"""
