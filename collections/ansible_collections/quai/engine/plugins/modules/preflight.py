"""Documentation of the action quai.engine.preflight; it runs on the controller (plugins/action/preflight.py)."""

DOCUMENTATION = r"""
module: preflight
short_description: Refuse unknown or unfit variables, and a host on which they cannot work, before anything changes
description:
  - Every problem is told at once, with the value and the remedy.
author: Quai
options:
  roles_directory: {type: path, required: true, description: "Directory on the controller with the roles."}
  roles: {type: list, elements: str, required: true, description: "Names of the roles; each one's argument_specs counts."}
  vocabulary: {type: path, required: true, description: "YAML file with the options of the operator's own variables."}
  contexts: {type: list, elements: path, default: [], description: "Build contexts on the controller, each with a Dockerfile."}
  address: {type: str, default: 0.0.0.0, description: "IP address on which the application will answer."}
  port: {type: raw, required: true, description: "Port of the host on which the application will answer, 1 to 65535; anything else is refused by name."}
  own_ports: {type: bool, default: true, description: "Whether what the engine publishes takes a port of the host."}
  container_port: {type: raw, default: 5000, description: "Port inside the container, 1 to 65535."}
  memory: {type: str, default: 512m, description: "Memory limit, a number with b, k, m or g; 0 for none."}
  container: {type: str, required: true, description: "Container that may already hold the port."}
  directory: {type: path, required: true, description: "Directory on the host for the data; empty where the engine keeps it itself."}
  owner: {type: str, default: "1000:1000", description: "uid:gid that the data belongs to."}
  data: {type: str, default: myapp_data, description: "Name of the data volume."}
  register_directory: {type: path, default: /var/lib/quai/volumes, description: "Directory on the host that remembers the volumes."}
  health_path: {type: str, default: /, description: "Path of the page that must answer."}
  root: {type: bool, default: true, description: "Whether the host is managed as root; an ordinary user needs an engine that is his."}
  free_mib: {type: int, default: 100, description: "Least free space in MiB where the directory is or will be."}
"""
EXAMPLES = r"""
- quai.engine.preflight:
    roles_directory: "{{ playbook_dir }}/../roles"
    roles: [app_web]
    vocabulary: "{{ playbook_dir }}/vars/vocabulary.yml"
    port: 80
    container: web
    directory: /var/lib/myapp/data
"""
RETURN = r"""
problems: {description: "What cannot work, a sentence each.", returned: failed, type: list}
"""
