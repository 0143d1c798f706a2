"""Where a base image comes from, when an image is built, and which old ones go."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan import Plan, Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_image import (
    UNREACHABLE,
    Base,
    choose_base,
    plan_absent,
    plan_image,
    plan_prune,
)
from ansible_collections.quai.engine.plugins.module_utils.state import Image
from ansible_collections.quai.engine.tests.unit.samples import assert_loses_nothing, image, lines

OFFICIAL = "python:3.13-slim"
OURS = "quai/python3:debian-trixie"
PULLED = image(1, OFFICIAL)
BUILT = image(2, OURS)
Ways = tuple[Literal["pull", "debian"], ...]
PULL: Ways = ("pull",)
BOTH: Ways = ("pull", "debian")
MAKE: Ways = ("debian",)


# --- the base ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "pulled", "built", "expected"),
    [
        # auto: what is here, a registry's before one's own; else a registry; else Debian.
        ("auto", None, None, Base(OFFICIAL, None, BOTH)),
        ("auto", PULLED, None, Base(OFFICIAL, PULLED)),
        ("auto", None, BUILT, Base(OURS, BUILT)),
        ("auto", PULLED, BUILT, Base(OFFICIAL, PULLED)),
        # pull: never what is made of Debian packages.
        ("pull", None, None, Base(OFFICIAL, None, PULL)),
        ("pull", PULLED, None, Base(OFFICIAL, PULLED)),
        ("pull", None, BUILT, Base(OFFICIAL, None, PULL)),
        ("pull", PULLED, BUILT, Base(OFFICIAL, PULLED)),
        # debian: never what a registry has.
        ("debian", None, None, Base(OURS, None, MAKE)),
        ("debian", PULLED, None, Base(OURS, None, MAKE)),
        ("debian", None, BUILT, Base(OURS, BUILT)),
        ("debian", PULLED, BUILT, Base(OURS, BUILT)),
    ],
)
def test_the_base_is_what_is_here(source: str, pulled: Image | None, built: Image | None, expected: Base) -> None:
    assert choose_base(source, OFFICIAL, pulled, OURS, built, refresh=False) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "pulled", "built", "expected"),
    [
        ("auto", None, None, Base(OFFICIAL, None, BOTH)),
        ("auto", PULLED, None, Base(OFFICIAL, PULLED, BOTH)),
        ("auto", None, BUILT, Base(OFFICIAL, None, BOTH)),
        ("auto", PULLED, BUILT, Base(OFFICIAL, PULLED, BOTH)),
        ("pull", PULLED, BUILT, Base(OFFICIAL, PULLED, PULL)),
        ("pull", None, BUILT, Base(OFFICIAL, None, PULL)),
        ("debian", PULLED, BUILT, Base(OURS, BUILT, MAKE)),
    ],
)
def test_the_base_is_asked_for_anew(source: str, pulled: Image | None, built: Image | None, expected: Base) -> None:
    assert choose_base(source, OFFICIAL, pulled, OURS, built, refresh=True) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("refresh", [False, True])
def test_a_base_without_a_recipe_can_only_be_pulled(refresh: bool) -> None:
    assert choose_base("auto", "node:22", None, "", None, refresh) == Base("node:22", None, PULL)
    with pytest.raises(Refused, match="node:22 cannot be made from Debian packages"):
        choose_base("debian", "node:22", image(3, "node:22"), "", None, refresh)


def test_whatever_is_chosen_there_is_a_base_or_a_way_to_it() -> None:
    for source, pulled, fallback, refresh in itertools.product(
        ("auto", "pull", "debian"), (None, PULLED), ("", OURS), (False, True)
    ):
        for built in (None, BUILT) if fallback else (None,):
            if source == "debian" and not fallback:
                continue
            base = choose_base(source, OFFICIAL, pulled, fallback, built, refresh)  # type: ignore[arg-type]
            assert base.image or base.ways
            assert bool(base.ways) or not refresh


@pytest.mark.parametrize(
    "text",
    [
        # 20.10, 26 and 28, as they say it
        (
            "Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: "
            "Temporary failure in name resolution"
        ),
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on '
            "192.0.2.53:53: no such host"
        ),
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for '
            "connection (Client.Timeout exceeded while awaiting headers)"
        ),
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)"
        ),
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp 192.0.2.1:443: i/o timeout',
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout',
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp 192.0.2.1:443: connect: network is unreachable',
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": x509: certificate signed by unknown authority',
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": tls: failed to verify certificate: x509: '
            "certificate signed by unknown authority"
        ),
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": proxyconnect tcp: dial tcp 192.0.2.9:3128: '
            "connect: connection refused"
        ),
        'Error response from daemon: Get "https://registry-1.docker.io/v2/": EOF',
        (
            'Error response from daemon: Head "https://registry-1.docker.io/v2/library/python/manifests/3.13-slim": '
            "dial tcp [2001:db8::1]:443: connect: no route to host"
        ),
        (
            'Error response from daemon: failed to resolve reference "docker.io/library/python:3.13-slim": failed to do request: '
            'Head "https://registry-1.docker.io/v2/library/python/manifests/3.13-slim": dial tcp: lookup registry-1.docker.io on '
            "192.0.2.53:53: server misbehaving"
        ),
    ],
)
def test_no_registry_can_be_reached(text: str) -> None:
    assert UNREACHABLE.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "Error response from daemon: manifest for python:3.13-slimm not found: manifest unknown: manifest unknown",
        (
            "Error response from daemon: pull access denied for pyton, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied"
        ),
        "Error response from daemon: unauthorized: authentication required",
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
        "Error response from daemon: no matching manifest for linux/riscv64 in the manifest list entries",
        "Error response from daemon: invalid reference format",
        "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries: EOF in name",
        "failed to register layer: Error processing tar file(exit status 1): write /usr/lib/x: no space left on device",
    ],
)
def test_a_registry_answered_and_has_no_such_image(text: str) -> None:
    assert not UNREACHABLE.search(text)


# --- the image --------------------------------------------------------------------------------------------------------


def test_an_image_that_is_missing_is_built_and_named() -> None:
    made = plan_image("web", "abc", None, None)
    assert made.titles == ["build web:abc", "let web mean web:abc"]
    assert lines(made) == ["", "docker tag web:abc web"]
    assert (made.before, made.after) == ({"web": "absent"}, {"web": "abc"})


def test_new_content_is_built_and_takes_the_name() -> None:
    old = image(1, "web:old", "web:latest", quai_digest="old")
    made = plan_image("web", "abc", old, None)
    assert made.titles == ["build web:abc", "let web mean web:abc"]
    assert (made.before, made.after) == ({"web": "old"}, {"web": "abc"})


def test_content_can_come_about_in_other_ways() -> None:
    made = plan_image("web", "abc", None, None, "load", forced=True)
    assert made.titles == ["load web:abc", "let web mean web:abc"]
    assert lines(made) == ["", "docker tag -f web:abc web"]


def test_an_image_of_somebody_else_s_is_named_by_its_id() -> None:
    assert plan_image("web", "abc", image(7, "web:latest"), None).before == {"web": f"sha256:{7:064x}"}


def test_content_that_was_built_before_only_takes_the_name() -> None:
    tagged = image(2, "web:abc")
    assert lines(plan_image("web", "abc", image(1, "web:latest"), tagged)) == ["docker tag web:abc web"]
    assert lines(plan_image("web", "abc", None, tagged)) == ["docker tag web:abc web"]


def test_the_same_content_is_not_built_twice() -> None:
    there = image(1, "web:abc", "web:latest")
    assert plan_image("web", "abc", there, there) == Plan()


# --- pruning ----------------------------------------------------------------------------------------------------------

HISTORY = [image(9, "web:i9", "web:latest"), *(image(number, f"web:i{number}") for number in range(8, 0, -1))]


@pytest.mark.parametrize(
    ("keep", "in_use", "removed"),
    [
        (3, [], ["i6", "i5", "i4", "i3", "i2", "i1"]),
        (3, [5, 1], ["i6", "i4", "i3", "i2"]),
        (3, [9], ["i6", "i5", "i4", "i3", "i2", "i1"]),
        (8, [], ["i1"]),
        (9, [], []),
        (20, [], []),
        (1, [], ["i8", "i7", "i6", "i5", "i4", "i3", "i2", "i1"]),
        (0, [], ["i8", "i7", "i6", "i5", "i4", "i3", "i2", "i1"]),
        (0, list(range(1, 10)), []),
    ],
)
def test_the_oldest_go(keep: int, in_use: list[int], removed: list[str]) -> None:
    made = plan_prune("web", "i9", HISTORY, [f"sha256:{number:064x}" for number in in_use], keep)
    assert lines(made) == [f"docker rmi web:{tag}" for tag in removed]
    assert_loses_nothing(made)


def test_the_current_image_stays_however_old_it_is() -> None:
    """An earlier release was brought back: its image is not the newest."""
    assert "docker rmi web:i2" not in lines(plan_prune("web", "i2", HISTORY, [], 3))
    assert "docker rmi web:i1" in lines(plan_prune("web", "i2", HISTORY, [], 3))


def test_only_the_image_s_own_names_go() -> None:
    shared = image(1, "web:i1", "webshop:i1", "registry.test:5000/web:i1", "backup:web")
    untagged = image(2)
    assert lines(plan_prune("web", "i9", [shared, untagged], [], 0)) == ["docker rmi web:i1"]


# --- absent -----------------------------------------------------------------------------------------------------------


def test_absent_removes_every_name() -> None:
    made = plan_absent("web", [*HISTORY[:2], image(1, "web:i1", "webshop:1")], {})
    assert lines(made) == ["docker rmi web:i9", "docker rmi web:latest", "docker rmi web:i8", "docker rmi web:i1"]
    assert made.after == {"web": "absent"}
    assert_loses_nothing(made)
    assert plan_absent("web", [], {"sha256:1": "other"}).steps == ()


def test_absent_is_refused_while_a_container_needs_an_image() -> None:
    in_use = {HISTORY[1].id: "web-previous", "sha256:f": "unrelated"}
    with pytest.raises(Refused, match=r"^Images of web are in use by: web-previous \(web:i8\)\. "):
        plan_absent("web", HISTORY, in_use)
    with pytest.raises(Refused, match=r"old \(sha256:0+c\)"):
        plan_absent("web", [image(12)], {image(12).id: "old"})
