"""Documentation of the action quai.engine.tour_step; it runs on the controller (plugins/action/tour_step.py)."""

DOCUMENTATION = r"""
module: tour_step
short_description: Run a command on the host and show it, what it printed and a sentence of explanation
author: Quai
options:
  command: {type: str, required: true, description: "A line for the host's shell, as a person types it. Not run in check mode."}
  en: {type: str, required: true, description: "The sentence in English."}
  fr: {type: str, required: true, description: "The sentence in French."}
  language: {type: str, choices: [en, fr], default: en, description: "Which of the two is shown."}
  may_fail: {type: bool, default: false, description: "Go on where the command fails; what it said is shown."}
  wait_seconds: {type: int, default: 0, description: "Seconds in which the command is tried again until it succeeds."}
"""
EXAMPLES = r"""
- quai.engine.tour_step:
    command: docker ps
    en: These containers run.
    fr: Ces conteneurs tournent.
"""
RETURN = r"""
exit_code: {description: How the command ended., returned: "always, not in check mode", type: int}
stdout: {description: What the command printed., returned: "always, not in check mode", type: str}
"""
