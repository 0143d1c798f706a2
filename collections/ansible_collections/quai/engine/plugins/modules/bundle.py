"""Documentation of the action quai.engine.bundle; it runs on the controller (plugins/action/bundle.py)."""

DOCUMENTATION = r"""
module: bundle
short_description: One file with all that hosts of one Debian release and architecture need
description:
  - A tar archive of C(manifest.json), C(SHA256SUMS), the engine's packages and the images as C(docker save) writes them.
  - The same content makes the same bytes, but for the time it was written at; a file that has that content stays.
  - A file that is there and is no bundle is never replaced.
author: Quai
options:
  file: {type: path, default: "", description: "The bundle; empty for C(quai-RELEASE-ARCHITECTURE.tar) where the command is run."}
  project: {type: path, required: true, description: "Quai's own directory, whose version and digest the bundle names."}
  release: {type: str, required: true, description: "Code name of the Debian release."}
  architecture: {type: str, required: true, description: "Its architecture, in Debian's words."}
  packages: {type: path, required: true, description: "Directory that quai.engine.release_packages has filled."}
  images:
    type: dict
    required: true
    description: >-
      Name to what the image was built from (C(context), C(dockerfile), C(build_args), C(base), C(base_source) and
      C(base_runtime)), and C(archive), what quai.engine.image_offer said of it.
"""
EXAMPLES = r"""
- quai.engine.bundle:
    project: "{{ playbook_dir }}/.."
    release: bookworm
    architecture: amd64
    packages: ~/.cache/quai/packages/bookworm
    images:
      web:
        context: files/web
        dockerfile: Dockerfile
        build_args: {}
        base: python:3.13-slim
        base_source: auto
        base_runtime: python3
        archive: "{{ ansible_facts['quai_archive_web'] }}"
"""
RETURN = r"""
file: {description: Path of the bundle., returned: always, type: str}
content: {description: "Its size and content, in a few words each.", returned: always, type: list}
plan: {description: What was (or would be) done., returned: always, type: list}
"""
