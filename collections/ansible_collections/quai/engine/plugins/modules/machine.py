"""Documentation of the action quai.engine.machine; it runs on the controller (plugins/action/machine.py)."""

DOCUMENTATION = r"""
module: machine
short_description: Have a Docker machine run on a Mac, and the Mac's docker and shells find it
description:
  - A machine is a virtual machine of docker-machine or colima, or Docker Desktop's own. One that is absent is created, a
    stopped one started, one whose engine does not answer repaired, and never made anew unless its name allows it.
  - On the Mac, a docker context, a static environment file and blocks in the shells' start-up files lead to it.
  - Homebrew's packages are only named in the result; C(community.general.homebrew) installs them.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the machine: letters, digits, dots and dashes."}
  state:
    type: str
    choices: [present, absent, read]
    default: present
    description: "C(absent) stops the machine and keeps what is in it; C(read) changes nothing and returns the fact."
  provider:
    type: str
    choices: [auto, docker-machine, colima, docker-desktop]
    default: auto
    description: "Who provides the machine; C(auto) is who has it, else docker-machine on an Intel Mac with VirtualBox while it can be had, else colima."
  driver: {type: str, default: "", description: "What runs the virtual machine (docker-machine's driver, colima's vm-type)."}
  cpus: {type: int, default: 0, description: "Processors, as a count; 0 leaves it to the provider."}
  memory_mib: {type: int, default: 0, description: "Memory in MiB; 0 leaves it to the provider."}
  disk_gib: {type: int, default: 0, description: "Disk in GiB; 0 leaves it to the provider."}
  options: {type: list, elements: str, default: [], description: "More words for the command that creates the machine."}
  shells:
    type: list
    elements: str
    choices: [bash, zsh, fish]
    default: [bash, zsh, fish]
    description: "Shells whose start-up files lead to the machine."
  header: {type: str, default: Managed by Quai., description: "Text at the head of the environment files."}
  recreate: {type: str, default: "", description: "The machine's very name allows a new one where nothing else helps; all in it is lost."}
  purge: {type: str, default: "", description: "With the state absent, the machine's very name removes it with all that is in it."}
  wait_seconds: {type: int, default: 60, description: "Seconds that the machine's engine has to answer."}
  plan_only: {type: bool, default: false, description: "Return what would be done, and do nothing."}
"""
EXAMPLES = r"""
- quai.engine.machine:
    name: dev
    provider: colima
    cpus: 2
"""
RETURN = r"""
plan: {description: What was (or would be) done., returned: always, type: list}
formulae: {description: Homebrew's formulae to install (or, when absent, to uninstall)., returned: always, type: list}
casks: {description: Homebrew's casks to install (or, when absent, to uninstall)., returned: always, type: list}
ansible_facts:
  description: The fact quai_machine; see the README of the role docker_machine.
  returned: present, read
  type: dict
"""
