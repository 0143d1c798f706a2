"""Documentation of the action quai.engine.status_report; it runs on the controller (plugins/action/status_report.py)."""

DOCUMENTATION = r"""
module: status_report
short_description: Show the rows of all hosts as a table, a document and a page
description:
  - Works on the controller alone, and never on a host.
author: Quai
options:
  rows: {type: dict, required: true, description: "Host to its fact C(quai_status); a host without one could not be read."}
  results: {type: dict, default: {}, description: "Host to the result of its task, which says why it could not be read."}
  format: {type: str, choices: [text, json], default: text, description: "What is printed: a table, or one line of JSON."}
  file: {type: path, default: "", description: "File for the JSON; empty for none."}
  report: {type: path, default: "", description: "File for the HTML page; empty for none."}
  history: {type: path, default: "", description: "File that remembers runs, a JSON object a line; empty for none."}
"""
EXAMPLES = r"""
- quai.engine.status_report:
    rows: "{{ {inventory_hostname: ansible_facts['quai_status']} }}"
  run_once: true
"""
RETURN = r"""
verdict: {description: How many hosts are well and which are not., returned: always, type: str}
bad: {description: The hosts that are bad., returned: always, type: list}
"""
