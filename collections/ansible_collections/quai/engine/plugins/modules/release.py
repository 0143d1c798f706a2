"""Documentation of the action quai.engine.release; it runs on the controller (plugins/action/release.py)."""

DOCUMENTATION = r"""
module: release
short_description: Have one container run one release of an image, and keep the one before until the new one has proven itself
description:
  - A new release first runs beside the serving one, without its port, and must answer and see its data. Only then are
    the two exchanged. A release that does not prove itself is removed and the one before serves on.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the container."}
  state: {type: str, choices: [present, absent], default: present, description: "C(absent) removes the container, never its data."}
  image: {type: str, default: "", description: "Image of the release. Required when present."}
  command: {type: list, elements: str, default: [], description: "Words of the command; empty for the image's own."}
  address: {type: str, default: 0.0.0.0, description: "IP address of the host on which the port is published."}
  port: {type: int, default: 80, description: "Port of the host, 1 to 65535."}
  container_port: {type: int, default: 5000, description: "Port inside the container, 1 to 65535."}
  volumes_from: {type: str, default: "", description: "Name of the data volume's container; empty for none."}
  data_path: {type: path, default: /data, description: "Where the data is seen in the container."}
  register_directory: {type: path, default: /var/lib/quai/volumes, description: "Where the host remembers the tokens of data volumes."}
  log_file: {type: str, default: "", description: "File in the container whose last lines explain a failure."}
  user: {type: str, default: "1000:1000", description: "Numeric uid:gid of the process."}
  memory: {type: str, default: 512m, description: "Memory limit, a number with b, k, m or g; 0 for none."}
  pids: {type: int, default: 256, description: "Limit of processes and threads; 0 for none."}
  read_only: {type: bool, default: true, description: "Root file system read-only."}
  tmpfs: {type: list, elements: str, default: [/tmp], description: "Paths that are writable and in memory."}
  cap_drop: {type: list, elements: str, default: [ALL], description: "Capabilities that are dropped."}
  security: {type: list, elements: str, default: [no-new-privileges], description: "Security options."}
  restart_policy: {type: str, default: unless-stopped, description: "Docker's restart policy."}
  log_options: {type: dict, default: {}, description: "Options of the log driver."}
  env: {type: dict, default: {}, description: "Environment of the process."}
  health_path: {type: str, default: /, description: "Path that must answer 200."}
  expect: {type: str, default: "", description: "Text that the page must contain before a release serves; empty for any page."}
  health_interval_seconds: {type: int, default: 30, description: "Seconds between the engine's health checks."}
  health_timeout_seconds: {type: int, default: 60, description: "Seconds a new release has to answer."}
  stop_timeout_seconds: {type: int, default: 30, description: "Seconds the old release has to finish its requests."}
"""
EXAMPLES = r"""
- quai.engine.release:
    name: web
    image: web
    command: [gunicorn, --bind, "0.0.0.0:5000", "myapp:app"]
    volumes_from: myapp_data
"""
RETURN = r"""
release: {description: Digest that names the release., returned: present, type: str}
without: {description: "What an old engine cannot give the release, in plain words.", returned: present, type: list}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
