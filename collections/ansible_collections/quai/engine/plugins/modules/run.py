"""Documentation of the action quai.engine.run; it runs on the controller (plugins/action/run.py)."""

DOCUMENTATION = r"""
module: run
short_description: Run a one-off command in the release that serves
description:
  - A new container of the same image, user, environment, volumes and limits, without the port, runs the command and is
    removed. What the command prints is shown as it comes. The task fails where the command does, and returns its exit code.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the container that serves."}
  command: {type: raw, required: true, description: "The command, as a list of words, or as a text that is split into words; no shell reads it."}
  variable: {type: str, default: "", description: "Variable that gave the command: of C(-e NAME=SEVERAL WORDS) Ansible keeps the first word, this the whole."}
"""
EXAMPLES = r"""
- quai.engine.run:
    name: web
    command: [python, -c, "print('Hello')"]
"""
RETURN = r"""
rc: {description: "Exit code of the command.", returned: "when it was run", type: int}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
