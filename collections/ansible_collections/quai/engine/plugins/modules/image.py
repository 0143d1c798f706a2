"""Documentation of the action quai.engine.image; it runs on the controller (plugins/action/image.py)."""

DOCUMENTATION = r"""
module: image
short_description: Have one image, built from one context, under a tag that names its content
description:
  - The tag is a digest of the context after C(.dockerignore), the Dockerfile, the build arguments and the ids of the
    images it starts from. Nothing changed means no build.
  - Works through the host's own C(docker) command; the host needs no Python.
author: Quai
options:
  name: {type: str, required: true, description: "Name of the image; C(name) itself always means the wanted content."}
  state: {type: str, choices: [present, absent], default: present, description: "C(absent) removes every image of the name."}
  context: {type: path, description: "Directory on the controller. Required when present."}
  dockerfile: {type: str, default: Dockerfile, description: "Path in the context."}
  build_args: {type: dict, default: {}, description: "Build arguments, part of the digest."}
  transient_args:
    {type: dict, default: {}, description: "Build arguments that do not change the content (index, proxies); no part of the digest."}
  base: {type: str, default: "", description: "Image given to the Dockerfile as the argument BASE_IMAGE, when it declares that."}
  base_source:
    type: str
    choices: [auto, pull, debian]
    default: auto
    description: "C(pull) from a registry, C(debian) made of Debian packages on the host, C(auto) the first that can be had."
  base_runtime:
    {type: str, choices: ["", python3, python2], default: "", description: "Recipe for a base made of Debian packages."}
  base_refresh: {type: bool, default: false, description: "Get the base anew even when one is here."}
  ca_bundle: {type: str, default: "", description: "PEM file on the host that the build trusts; it does not stay in the image."}
  gone: {type: list, elements: str, default: [], description: "In check mode, names of containers that would be removed by now."}
  keep: {type: int, default: 3, description: "Images of this name that are kept, as a count, besides those in use."}
  or_elsewhere:
    type: str
    choices: [never, old, lacking]
    default: never
    description: >-
      Return C(elsewhere) instead of failing: where the engine is too old to build (V(old)), or also where it or the base
      image cannot be had (V(lacking)).
"""
EXAMPLES = r"""
- quai.engine.image:
    name: web
    context: "{{ playbook_dir }}/../files/web"
    base: python:3.13-slim
    base_runtime: python3
"""
RETURN = r"""
image: {description: "Reference with the content tag.", returned: present, type: str}
image_id: {description: Id of the image., returned: "present, not in check mode", type: str}
base: {description: Name of the base that was used., returned: present, type: str}
base_origin: {description: "Where the base came from, in a few words.", returned: present, type: str}
elsewhere: {description: Why it must be built elsewhere., returned: "with or_elsewhere, when that is so", type: str}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
