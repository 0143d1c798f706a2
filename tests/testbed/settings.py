"""Where the test bed lives: directories, addresses, names. One place, overridable by environment."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

CACHE = Path(os.environ.get("QUAI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quai")
# A second bed beside the first needs a number, a network and a cache of its own: QUAI_TEST_BED=1, QUAI_TEST_NET, QUAI_CACHE.
BED = os.environ.get("QUAI_TEST_BED", "")
RUN = Path(f"/run/quai-test{BED}")

# A private range: change the first two numbers where 10.213.0.0/16 is taken.
PREFIX = os.environ.get("QUAI_TEST_NET", "10.213")
NETNS = f"quai-test{BED}"
NETWORK = f"{PREFIX}.0.0/16"
LINK_HOST, LINK_BED = f"quai-host{BED or 0}", f"quai-bed{BED or 0}"
LINK_HOST_ADDRESS, LINK_BED_ADDRESS = f"{PREFIX}.0.1", f"{PREFIX}.0.2"
BRIDGE_ADDRESS = f"{PREFIX}.16.1"
BRIDGE_NETWORK = f"{PREFIX}.16.0/20"
POOLS_NETWORK = f"{PREFIX}.32.0/19"

SOCKET = RUN / "docker.sock"
DOCKER_HOST = f"unix://{SOCKET}"
REGISTRY_PORT = 5000
REGISTRY = f"{BRIDGE_ADDRESS}:{REGISTRY_PORT}"
REGISTRY_URL = f"http://{REGISTRY}"

# Everything the bed makes on its daemon carries this label, so that `down` removes that and nothing else.
LABEL = "org.quai.testbed"

SUITES = ("bullseye", "bookworm", "trixie")
RECORD_SUITES = ("bookworm", "trixie", "forky")

FIXTURES = PROJECT / "collections/ansible_collections/quai/engine/tests/unit/fixtures"
BASE_IMAGE = PROJECT / "collections/ansible_collections/quai/engine/plugins/module_utils/base_image.py"

# What `docker pull` of the official name finds on the mirror, and the runtime of base_image.py it is made of.
STAND_INS = {
    "library/python:3.13-slim": "python3",
    "library/python:2.7-slim": "python2",
}


def wanted_suites() -> tuple[str, ...]:
    """The suites of this run: all, or those named in QUAI_SUITES (separated by commas or spaces)."""
    named = os.environ.get("QUAI_SUITES", "").replace(",", " ").split()
    unknown = [name for name in named if name not in SUITES]
    if unknown:
        raise SystemExit(f"QUAI_SUITES names {', '.join(unknown)}: choose from {', '.join(SUITES)}")
    return tuple(suite for suite in SUITES if not named or suite in named)
