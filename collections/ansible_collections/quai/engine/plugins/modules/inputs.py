"""Documentation of the action quai.engine.inputs; it runs on the controller (plugins/action/inputs.py)."""

DOCUMENTATION = r"""
module: inputs
short_description: Refuse what a playbook is given where its name, its type or its value cannot be meant
description:
  - The playbook's inputs share a prefix. A variable of that prefix that is no input is refused with the nearest name where it
    was given with C(-e), or where its name is near to an input's. Any other is the site's own.
  - What was given with C(-e) under a name that differs by a slip from an input or a word of the vocabulary is refused too.
author: Quai
options:
  prefix: {type: str, required: true, description: "What the names of the playbook's inputs begin with."}
  options: {type: dict, required: true, description: "Name of each input to its type, and its choices or elements if any."}
  vocabulary: {type: path, required: true, description: "YAML file with the options of the operator's own variables."}
"""
EXAMPLES = r"""
- quai.engine.inputs:
    prefix: status_
    options:
      status_format: {type: str, choices: [text, json]}
    vocabulary: "{{ playbook_dir }}/vars/vocabulary.yml"
"""
RETURN = r"""
problems: {description: "What cannot be meant, a sentence each.", returned: failed, type: list}
"""
