"""Documentation of the action quai.engine.bundle_open; it runs on the controller (plugins/action/bundle_open.py)."""

DOCUMENTATION = r"""
module: bundle_open
short_description: A bundle is whole and the right one for this host, and its files are there for the roles
description:
  - Every byte of the bundle is proven. It must be of this host's release and architecture, and of what is served from here.
  - Nothing is changed on the host; the files are unpacked on the controller.
author: Quai
options:
  file: {type: path, required: true, description: "The bundle, on the controller."}
  project: {type: path, required: true, description: "Quai's own directory, whose files must be those that the bundle was written with."}
  stale: {type: bool, default: false, description: "Take it even where Quai or the application is another one here."}
  images:
    type: dict
    required: true
    description: >-
      Name to what the image would be built from here: C(context), C(dockerfile), C(build_args), C(base), C(base_source) and
      C(base_runtime).
  cache: {type: path, default: ~/.cache/quai/bundles, description: "Directory on the controller for its files."}
"""
EXAMPLES = r"""
- quai.engine.bundle_open:
    file: quai-bookworm-amd64.tar
    project: "{{ playbook_dir }}/.."
    images:
      web:
        context: files/web
        dockerfile: Dockerfile
        build_args: {}
        base: python:3.13-slim
        base_source: auto
        base_runtime: python3
"""
RETURN = r"""
ansible_facts:
  description: "C(quai_bundle): the directory with the C(packages), and C(images) by name, each with C(image) and C(offer)."
  returned: always
  type: dict
"""
