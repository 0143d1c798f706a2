"""A bundle, all that hosts of one Debian release and architecture need: what it says of itself, and whether it is the one. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
PACKAGES = "packages/"
IMAGES = "images/"
NAME = re.compile(rf"({PACKAGES}|{IMAGES})[A-Za-z0-9][A-Za-z0-9.+~_-]*\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")

DOCKER_WORDS = {
    "armel": "arm",
    "armhf": "arm",
    "i386": "386",
    "mips64el": "mips64le",
    "mipsel": "mipsle",
    "ppc64el": "ppc64le",
}
"""Docker's word for an architecture, where it is not Debian's."""

AGAIN = "Write it again (playbooks/bundle.yml)"


@dataclass(frozen=True)
class File:
    """A file of the bundle: the SHA-256 of its content (hex), and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Image:
    """An image of the bundle: what it was made from (a digest), its name with its tag, and the offer of its archive.

    offer: as quai.engine.image_offer returns it; its `archive` is a name in the bundle.
    """

    made_from: str
    image: str
    offer: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. created: UTC, as text; images by name, files by path.

    quai: the version that wrote it, for people; code: the digest of that Quai's own files.
    """

    quai: str
    code: str
    release: str
    architecture: str
    created: str
    images: Mapping[str, Image]
    files: Mapping[str, File]

    def text(self) -> str:
        """Return the manifest as the text of its file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True) + "\n"

    def sums(self, text: str) -> str:
        """Return the text of SHA256SUMS, as sha256sum reads it; text: the manifest's own."""
        digests = {MANIFEST: hashlib.sha256(text.encode()).hexdigest()}
        digests |= {name: file.sha256 for name, file in self.files.items()}
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))

    @property
    def ordered(self) -> list[str]:
        """Return the names of the files in the order they have in the bundle, behind its own two."""
        return sorted(self.files)


def manifest_of(text: str, path: str) -> Manifest:
    """Return what a manifest says. Raises Refused for one that is no manifest, or of a newer format. path: of the bundle."""
    try:
        found = json.loads(text)
        number = int(found.pop("format"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"its {MANIFEST} cannot be read ({error})") from None
    if number > FORMAT:
        raise Refused(
            f"The bundle {path} has the format {number}, and this Quai reads those up to {FORMAT}.",
            "A newer Quai wrote it.",
            f"Use that one here too. {AGAIN} otherwise.",
        )
    try:
        manifest = Manifest(
            **{
                **found,
                "images": {name: Image(**image) for name, image in found["images"].items()},
                "files": {name: File(**file) for name, file in found["files"].items()},
            }
        )
        strange = [
            name for name, file in manifest.files.items() if not (NAME.match(name) and DIGEST.match(file.sha256))
        ]
        strange += [name for name, image in manifest.images.items() if image.offer["archive"] not in manifest.files]
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"its {MANIFEST} is not as it should be ({error})") from None
    if strange:
        raise damaged(path, f"its {MANIFEST} names {strange[0]!r}, which cannot be in a bundle")
    return manifest


def damaged(path: str, reason: str) -> Refused:
    """Return the refusal of a bundle that is not whole; reason: a sentence's end, without the stop."""
    return Refused(
        f"The bundle {path} is damaged: {reason}.",
        "What is not whole must not reach a host.",
        f"Copy it again, and compare sha256sum of both copies. {AGAIN} otherwise.",
    )


def refuse_other_host(manifest: Manifest, path: str, host: str, release: str, architecture: str) -> None:
    """Raise Refused for a host of another release or architecture (code name and Debian's word; empty: not Debian)."""
    made_for, found = (manifest.release, manifest.architecture), (release, architecture)
    if made_for != found:
        raise Refused(
            f"The bundle {path} is for Debian {' '.join(made_for)}, and {host} is {' '.join(found).strip() or 'no Debian host'}.",
            "Its packages do not fit there.",
            f"Write one with bundle_release={release or 'the release'} on a builder of that architecture, and set quai_bundle for this host.",
        )


def refuse_other_image(architecture: str, images: Mapping[str, str]) -> None:
    """Raise Refused for an image of another architecture than the packages'.

    architecture: Debian's word; images: their names to Docker's word, empty where an engine did not tell.
    """
    wanted = DOCKER_WORDS.get(architecture, architecture)
    for name, found in images.items():
        if found and found != wanted:
            raise Refused(
                f"The image {name} was built for {found}, and the packages are for Debian {architecture}.",
                "No host could use both.",
                f"Name a builder with an engine for {wanted} (app_image_builder), or one for the packages that is {found} (bundle_builder).",
            )


def refuse_stale(manifest: Manifest, path: str, quai: str, code: str, made_from: Mapping[str, str]) -> None:
    """Raise Refused where Quai, or what an image is made from (name to digest), is not what it was when the bundle was written."""
    differs = []
    if manifest.code != code:
        but = " with other files" if manifest.quai == quai else ""
        differs.append(f"it was written by Quai {manifest.quai}, and this is {quai}{but}")
    for name, digest in made_from.items():
        if name not in manifest.images:
            differs.append(f"it has no image {name}")
        elif manifest.images[name].made_from != digest:
            differs.append(f"its image {name} was not built from the files and settings that are here now")
    if differs:
        raise Refused(
            f"The bundle {path} of {manifest.created} is stale: {'; '.join(differs)}.",
            "Another application than the one here would be served.",
            f"{AGAIN}, or set quai_bundle_stale: true to have served what is in it.",
        )
