"""Documentation of the action quai.engine.tour; it runs on the controller (plugins/action/tour.py)."""

DOCUMENTATION = r"""
module: tour
short_description: Open the tour of Docker, and close it so that the engine is as it was
description:
  - Containers and volumes with the label C(quai.tour), the nameless volumes of such containers and the images that the
    tour brought are removed by V(closed), and, where a tour was interrupted, by V(open).
author: Quai
options:
  state: {type: str, choices: [open, closed], default: open, description: "V(open) also notes which images are here."}
  images:
    type: list
    elements: str
    default: []
    description: >-
      Images with tag that the tour may bring, those that others start from first. The bases made of Debian packages need
      not be named.
  port: {type: int, default: 0, description: "Port of the host that the tour will publish; refused by V(open) where it is taken. 0 for none."}
  keep: {type: bool, default: false, description: "Leave the images that the tour brought."}
"""
EXAMPLES = r"""
- quai.engine.tour:
    state: open
    images: ["hello-world:latest"]
- quai.engine.tour:
    state: closed
"""
RETURN = r"""
missing: {description: Those of the images that were not here., returned: open, type: list}
fetch: {description: "Command of the host that prints the page of an address given to it.", returned: open, type: str}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
