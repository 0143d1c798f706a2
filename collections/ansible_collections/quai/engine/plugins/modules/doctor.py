"""Documentation of the action quai.engine.doctor; it runs on the controller (plugins/action/doctor.py)."""

DOCUMENTATION = r"""
module: doctor
short_description: Tell what is wrong with a Docker host, why it matters and what cures it
description:
  - Asks the host all it must know in one round trip through the shell, and changes nothing. The host needs no Python;
    where a tool is missing, the check that needs it is left out, and the result says so.
  - Where the engine runs on another machine (a Mac's), checks that look at the engine's own host are left out.
  - The checks are described in C(docs/doctor.md). Findings do not fail the task; the playbook does.
author: Quai
options:
  only: {type: list, elements: str, default: [], description: "Names of the checks to make; all for none."}
  format: {type: str, choices: [text, json], default: text, description: "How the findings are told: for people, or a line of JSON a host."}
  address: {type: str, default: 0.0.0.0, description: "IP address on which the application answers."}
  port: {type: int, default: 80, description: "Port of the host on which the application answers."}
  container: {type: str, default: web, description: "Container that may hold the port."}
  data: {type: str, default: myapp_data, description: "Container of the data volume."}
  path: {type: str, default: /data, description: "Path of the data in both containers."}
  directory: {type: str, default: /var/lib/myapp/data, description: "Directory on the host for the data."}
  free_mib: {type: int, default: 100, description: "Least free space in MiB for the data."}
  allow_eol: {type: bool, default: false, description: "Whether a release past its end of life was accepted: its engine is then no error but a warning."}
  users: {type: list, elements: str, default: [], description: "Accounts that shall use Docker."}
"""
EXAMPLES = r"""
- quai.engine.doctor:
    only: [disk, dns]
"""
RETURN = r"""
findings:
  description: What is wrong, the worst first, each with C(check), C(severity) (error, warning, note), C(found), C(why), C(cure).
  returned: always
  type: list
left_out: {description: The checks that could not judge, each with the reason., returned: always, type: dict}
checks: {description: The checks that were asked for., returned: always, type: list}
"""
