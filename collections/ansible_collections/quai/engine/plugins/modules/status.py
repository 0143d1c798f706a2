"""Documentation of the action quai.engine.status; it runs on the controller (plugins/action/status.py)."""

DOCUMENTATION = r"""
module: status
short_description: Tell how a host is, what is wrong with it, and what differs from the inventory
description:
  - Reads once and changes nothing; the host needs no agent. What is wrong is no failure of the task but part of the row.
author: Quai
options:
  release: {type: dict, required: true, description: "What the inventory asks for: the arguments of M(quai.engine.release)."}
  log_files: {type: list, elements: str, default: [], description: "Log files, as the container sees them; rotated ones count with theirs."}
  directory: {type: path, default: "", description: "Directory of the host where the inventory wants the data."}
  free_mib: {type: int, default: 100, description: "Least free space in MiB where the data is."}
  context: {type: path, default: "", description: "Build context on the controller, compared with what the image was made of; empty for no comparison."}
  dockerfile: {type: str, default: Dockerfile, description: "Path of the Dockerfile in the context."}
  build_args: {type: dict, default: {}, description: "Arguments of the build."}
  reached: {type: str, default: "", description: "Name or address by which people reach the host, or its machine."}
  machine: {type: dict, default: {}, description: "The fact C(quai_machine), where the engine is in a machine of the host."}
"""
EXAMPLES = r"""
- quai.engine.status:
    release: {name: web, image: web, volumes_from: myapp_data}
    log_files: [/data/access.log]
    directory: /var/lib/myapp/data
"""
RETURN = r"""
ansible_facts:
  description: The fact C(quai_status), the host's row.
  returned: always
  type: dict
"""
