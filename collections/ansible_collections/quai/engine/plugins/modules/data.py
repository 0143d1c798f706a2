"""Documentation of the action quai.engine.data; it runs on the controller (plugins/action/data.py)."""

DOCUMENTATION = r"""
module: data
short_description: Have the data volume and its container, with the same data as last time
description:
  - A volume of the local driver bound to a host directory, or kept by the engine itself, and a container of the same
    name made with C(docker create), for C(--volumes-from). A token in the volume, remembered by the host, proves that
    the data is the same.
  - Data found in another place (an anonymous volume, a consumer with other data) is refused with the evidence.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the volume and of its container."}
  state: {type: str, choices: [present, absent], default: present, description: "C(absent) keeps the data; see I(purge)."}
  image: {type: str, default: "", description: "Image of the container. Required when present."}
  directory:
    type: path
    required: true
    description: "Directory on the host that holds the data; empty for a volume that the engine keeps, wherever it runs."
  path: {type: path, default: /data, description: "Where consumers see it."}
  uid: {type: int, default: 1000, description: "Owner of the directory, a numeric user id."}
  gid: {type: int, default: 1000, description: "Group of the directory, a numeric group id."}
  register_directory: {type: path, default: /var/lib/quai/volumes, description: "Directory in which the host remembers tokens."}
  consumers: {type: list, elements: str, default: [], description: "Names of containers that use the data."}
  gone: {type: list, elements: str, default: [], description: "In check mode, names of containers that would be removed by now."}
  free_mib: {type: int, default: 100, description: "Least free space in MiB where the directory is or will be; not asked of the engine's own volume."}
  purge: {type: str, default: "", description: "With state absent, the volume's very name destroys its data."}
"""
EXAMPLES = r"""
- quai.engine.data:
    name: myapp_data
    image: myapp_data
    directory: /var/lib/myapp/data
"""
RETURN = r"""
token: {description: "The volume's token, a UUID.", returned: present, type: str}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
