"""Documentation of the action quai.engine.image_take; it runs on the controller (plugins/action/image_take.py)."""

DOCUMENTATION = r"""
module: image_take
short_description: Have an image on the host that was built elsewhere, sent as an archive or pulled from a registry
description:
  - An image that is there under its tag, which names its content, is not brought again.
  - What came is compared with what was built before the image's name means it.
  - An engine before 1.10 gets the archive in the layout of its time.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the image; C(name) itself always means the wanted content."}
  image: {type: str, required: true, description: "C(name) with the content's tag, as quai.engine.image returns it."}
  way: {type: str, choices: [load, pull], default: load, description: "Load an archive of the controller, or pull."}
  offer:
    type: dict
    default: {}
    description: "What quai.engine.image_offer returned; needed where the image is not there yet, and not in check mode."
  keep: {type: int, default: 3, description: "Images of this name that are kept, as a count, besides those in use."}
"""
EXAMPLES = r"""
- quai.engine.image_take:
    name: web
    image: web:0123456789ab
    offer: "{{ offered.offer }}"
"""
RETURN = r"""
lacking: {description: Whether the image was not there yet., returned: always, type: bool}
image_id: {description: "Id of the image, empty where it is not there yet.", returned: always, type: str}
plan: {description: What was (or would be) done., returned: always, type: list}
ansible_facts:
  description: "C(quai_image_NAME): the reference with the tag of the content."
  returned: where the tag is known
  type: dict
"""
