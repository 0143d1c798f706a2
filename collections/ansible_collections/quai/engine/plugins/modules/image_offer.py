"""Documentation of the action quai.engine.image_offer; it runs on the controller (plugins/action/image_offer.py)."""

DOCUMENTATION = r"""
module: image_offer
short_description: Have an image of this host ready for others, as an archive on the controller or in a registry
description:
  - An archive is saved and fetched once for an image id; a push sends what the registry lacks, and nothing where it has the image.
author: Quai
options:
  image: {type: str, required: true, description: "Reference of the image, with its tag."}
  way: {type: str, choices: [load, pull], default: load, description: "How others take it: an archive, or from a registry."}
  cache: {type: path, required: true, description: "Directory on the controller for archives."}
  keep: {type: int, default: 3, description: "Archives of an image's name that are kept there, as a count."}
  registry: {type: str, default: "", description: "Where the image is pushed to, as the beginning of its reference."}
"""
EXAMPLES = r"""
- quai.engine.image_offer:
    image: web:0123456789ab
    cache: ~/.cache/quai/images
  delegate_to: localhost
"""
RETURN = r"""
offer:
  description: "The image for quai.engine.image_take: C(image_id), C(layers), C(architecture), and C(archive) or C(reference)."
  returned: in check mode only where the image is there
  type: dict
plan: {description: What was (or would be) done., returned: always, type: list}
ansible_facts:
  description: "C(quai_archive_NAME): C(image) and C(offer), for who writes a bundle."
  returned: "with the way C(load), in check mode only where the archive is there"
  type: dict
"""
