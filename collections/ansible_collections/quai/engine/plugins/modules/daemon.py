"""Documentation of the action quai.engine.daemon; it runs on the controller (plugins/action/daemon.py)."""

DOCUMENTATION = r"""
module: daemon
short_description: Read a Debian host once and tell what its Docker daemon needs; do it where no module runs
description:
  - Reads the release, the service manager, packages, C(daemon.json), group members and the daemon itself in one round
    trip, and returns what differs from what is wanted.
  - Where the host has a Python on which Ansible's modules run, it changes nothing; the role docker_engine acts on its
    answer. Elsewhere it carries the plan out itself, step by step through the host's shell.
  - In check mode it reports C(changed) and the difference, so that the prediction is the plan.
  - Works through the shell; the host needs no Python.
author: Quai
options:
  state: {type: str, choices: [present, absent], default: present, description: "Whether the daemon is wanted."}
  options: {type: dict, default: {}, description: "Keys of C(daemon.json); null takes a key out."}
  safe_options: {type: dict, default: {}, description: "Keys where neither C(options) nor the host says anything."}
  registry_mirrors: {type: list, elements: str, default: [], description: "Addresses of registry mirrors."}
  users: {type: list, elements: str, default: [], description: "Accounts that belong into the group docker."}
  service:
    type: str
    choices: [auto, systemd, sysvinit, direct]
    default: auto
    description: "What starts the daemon; C(auto) finds out."
  releases:
    type: dict
    required: true
    description: >-
      Debian version to its C(name), C(engine) packages, C(helpers) and C(python); of one past its end of life also
      C(end_of_life), C(version) and C(archive).
  allow_eol: {type: bool, default: false, description: "Whether a release past its end of life may be looked after."}
  archive_url: {type: str, default: "", description: "Address of the archive of such releases."}
  archive_keyring: {type: str, default: "", description: "Keyring on the host; empty for those of the release."}
  archive_fingerprints:
    type: list
    elements: str
    default: []
    description: "Primary keys, one of which must have signed each suite; empty for those of the release."
  archive_sha256: {type: str, default: "", description: "Digest of the docker.io package; empty for any that is signed for."}
  packages_directory:
    type: path
    default: ""
    description: "Directory on the controller with the packages (see quai.engine.release_packages); empty for the host's own sources."
  purge_data: {type: str, default: "", description: "With C(absent), the directory of Docker's data that shall be deleted."}
  stop_containers: {type: bool, default: false, description: "With C(absent), whether containers that run are stopped."}
  confirm: {type: bool, default: false, description: "Wait until the daemon answers, and fail if anything still differs."}
  wait_seconds: {type: int, default: 60, description: "How long C(confirm) waits, in seconds."}
"""
EXAMPLES = r"""
- quai.engine.daemon:
    options: {debug: true}
    releases:
      "13": {name: trixie, engine: [docker.io, docker-cli], helpers: [], python: [python3-requests]}
  register: answer
"""
RETURN = r"""
differs: {description: Whether there is anything to do., returned: always, type: bool}
act: {description: "Whether it is left to the role: there is something to do, not in check mode, and modules run.", returned: always, type: bool}
python: {description: "Version and path of the host's Python, empty where it has none.", returned: always, type: str}
plan: {description: What there is to do., returned: always, type: list}
mode: {description: "C(systemd), C(sysvinit) or C(direct).", returned: always, type: str}
version: {description: Version of the engine that is installed., returned: always, type: str}
adopted: {description: Whether the engine was there before Quai., returned: always, type: bool}
packages: {description: Packages to install or to remove., returned: always, type: list}
daemon: {description: "Empty, C(start), C(reload), C(restart) or C(stop).", returned: always, type: str}
"""
