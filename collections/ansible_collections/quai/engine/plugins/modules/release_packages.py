"""Documentation of the action quai.engine.release_packages; it runs on the controller (plugins/action/release_packages.py)."""

DOCUMENTATION = r"""
module: release_packages
short_description: Have the packages that Docker takes on a bare Debian of some release, as files on the controller
description:
  - Any Debian host with a mirror of that release fetches them, whichever release it runs itself. Its apt verifies them.
  - Those of a release past its end of life come from Debian's archive, whose signatures are verified by the keys of the release.
  - They are those of the host's own architecture.
author: Quai
options:
  releases: {type: dict, required: true, description: "Debian version to its C(name), C(engine) packages and C(helpers), as quai.engine.daemon takes them."}
  release: {type: str, required: true, description: "Code name of the release."}
  archive_url: {type: str, default: "", description: "Address of the archive of releases past their end of life."}
  archive_keyring: {type: str, default: "", description: "Keyring on the host; empty for those of the release."}
  archive_fingerprints:
    type: list
    elements: str
    default: []
    description: "Primary keys, one of which must have signed each suite; empty for those of the release."
  archive_sha256: {type: str, default: "", description: "Digest of the docker.io package; empty for any that is signed for."}
  directory: {type: path, required: true, description: "Directory on the controller that will hold the packages, and nothing else."}
"""
EXAMPLES = r"""
- quai.engine.release_packages:
    release: bookworm
    releases:
      "12": {name: bookworm, engine: [docker.io], helpers: [ca-certificates]}
    directory: ~/.cache/quai/packages/bookworm
"""
RETURN = r"""
architecture: {description: What they are for, in Debian's words., returned: not in check mode, type: str}
packages: {description: Names of the files., returned: not in check mode, type: list}
"""
