"""A build context: which files, the same bytes for the same content, and what its Dockerfile starts from."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.plugin_utils.context import (
    checked,
    context_digest,
    files,
    image_digest,
    read_dockerfile,
    write_tar,
)


def make(root: Path, *paths: str, ignore: str | None = None) -> Path:
    """Make a context of files that hold their own names; a path that ends with a slash is an empty directory."""
    for path in ("Dockerfile", *paths):
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path, encoding="utf-8")
    if ignore is not None:
        (root / ".dockerignore").write_text(ignore, encoding="utf-8")
    return root


def digest(root: Path) -> str:
    """Return the context's digest."""
    return context_digest(root, files(root, "Dockerfile"))


def packed(root: Path) -> bytes:
    """Return the context's tar."""
    target = io.BytesIO()
    write_tar(root, files(root, "Dockerfile"), target)
    return target.getvalue()


def regular(root: Path) -> list[str]:
    """Return the files of the context, without its directories."""
    return [path for path in files(root, "Dockerfile") if not (root / path).is_dir()]


# --- is there one -----------------------------------------------------------------------------------------------------


def test_a_context_that_is_one(tmp_path: Path) -> None:
    assert checked(str(make(tmp_path, "docker/Dockerfile.web")), "docker/Dockerfile.web") == tmp_path


def test_a_context_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        Refused, match=r"nowhere is not a directory.*Point myapp_context .* at a directory with a Dockerfile"
    ):
        checked(str(tmp_path / "nowhere"), "Dockerfile")
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="file is not a directory"):
        checked(str(tmp_path / "file"), "Dockerfile")
    with pytest.raises(Refused, match="has no Dockerfile"):
        checked(str(tmp_path), "Dockerfile")
    (tmp_path / "Dockerfile").mkdir()
    with pytest.raises(Refused, match="has no Dockerfile"):
        checked(str(tmp_path), "Dockerfile")


# --- .dockerignore ----------------------------------------------------------------------------------------------------

TREE = ["a.md", "README.md", "README-secret.md", "temp", "tempa", "app/main.py", "app/main.pyc", "app/temp", "app/sub/x.py",
        "app/sub/x.pyc", "app/sub/temporary", "docs/a.md", "docs/keep/b.md", ".git/HEAD", "with space.txt", "déjà.txt"]  # fmt: skip


@pytest.mark.parametrize(
    ("ignore", "gone"),
    [
        ("", []),
        ("# comment\n\n   \n#app\n", []),
        (".git\n", [".git/HEAD"]),
        ("*.md", ["a.md", "README.md", "README-secret.md"]),
        ("**/*.md", ["a.md", "README.md", "README-secret.md", "docs/a.md", "docs/keep/b.md"]),
        ("*.md\n!README.md", ["a.md", "README-secret.md"]),
        ("*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"]),
        ("*.md\nREADME-secret.md\n!README*.md", ["a.md"]),
        ("temp?", ["tempa"]),
        ("*/temp*", ["app/temp"]),
        ("*/*/temp*", ["app/sub/temporary"]),
        ("**/temp*", ["temp", "tempa", "app/temp", "app/sub/temporary"]),
        ("**/*.pyc", ["app/main.pyc", "app/sub/x.pyc"]),
        ("app/**/*.pyc", ["app/main.pyc", "app/sub/x.pyc"]),
        ("/app", [path for path in TREE if path.startswith("app/")]),
        ("app/", [path for path in TREE if path.startswith("app/")]),
        ("./app/sub", ["app/sub/x.py", "app/sub/x.pyc", "app/sub/temporary"]),
        ("app\n!app/main.py", ["app/main.pyc", "app/temp", "app/sub/x.py", "app/sub/x.pyc", "app/sub/temporary"]),
        ("docs\n!docs/keep", ["docs/a.md"]),
        ("docs/**\n!docs/keep/*.md", ["docs/a.md"]),
        ("  a.md  \n", ["a.md"]),
        ("a.md\r\n.git\r\n", ["a.md", ".git/HEAD"]),
        ("with space.txt\ndéjà.txt", ["with space.txt", "déjà.txt"]),
        ("[ab].md", ["a.md"]),
        ("sub", []),
        ("*\n!app/main.py", [path for path in TREE if path != "app/main.py"]),
    ],
)
def test_dockerignore(tmp_path: Path, ignore: str, gone: list[str]) -> None:
    make(tmp_path, *TREE, ignore=ignore)
    assert regular(tmp_path) == sorted({"Dockerfile", ".dockerignore", *TREE} - set(gone))


@pytest.mark.parametrize(
    "ignore", ["*", "**", "Dockerfile", "Docker*", "docker", "*\n!README.md\ndocker/Dockerfile.web"]
)
@pytest.mark.parametrize("dockerfile", ["Dockerfile", "docker/Dockerfile.web"])
def test_the_dockerfile_is_always_in(tmp_path: Path, ignore: str, dockerfile: str) -> None:
    make(tmp_path, "README.md", "docker/Dockerfile.web", ignore=ignore)
    assert dockerfile in files(tmp_path, dockerfile)


def test_a_comment_is_no_pattern(tmp_path: Path) -> None:
    make(tmp_path, "# b", "#a", ignore="# b\n#a\n")
    assert regular(tmp_path) == ["# b", "#a", ".dockerignore", "Dockerfile"]


def test_paths_are_sorted_and_told_once(tmp_path: Path) -> None:
    found = files(make(tmp_path, *TREE), "Dockerfile")
    assert found == sorted(set(found))
    assert "app/sub" in found
    assert not any(path.startswith("/") for path in found)


# --- the same content, the same bytes ---------------------------------------------------------------------------------


def test_a_checkout_of_another_day_by_another_person_is_the_same(tmp_path: Path) -> None:
    first, second = make(tmp_path / "first", *TREE), make(tmp_path / "second", *reversed(TREE))
    for path in second.rglob("*"):
        os.utime(path, (1_700_000_000.5, 1_700_000_000.5))
        path.chmod(0o700 if path.is_dir() else 0o600)
        if os.geteuid() == 0:
            os.chown(path, 1234, 5678)
    (second / "app").chmod(0o2775)
    (second / "app/main.py").chmod(0o664)
    assert packed(first) == packed(second)
    assert digest(first) == digest(second) == hashlib.sha256(packed(first)).hexdigest()


def test_a_checkout_with_hard_links_is_the_same(tmp_path: Path) -> None:
    """As git worktrees, caches of packages and `cp -al` make them."""
    plain, linked = make(tmp_path / "plain", "a", "b"), make(tmp_path / "linked", "a")
    (plain / "b").write_text("a", encoding="utf-8")
    (linked / "b").hardlink_to(linked / "a")
    assert packed(plain) == packed(linked)
    with tarfile.open(fileobj=io.BytesIO(packed(linked))) as archive:
        members = [archive.extractfile(name) for name in ("a", "b")]
        assert [member and member.read() for member in members] == [b"a", b"a"]


def test_what_is_ignored_makes_no_difference(tmp_path: Path) -> None:
    make(tmp_path, "app.py", ignore="*.log\n")
    before = digest(tmp_path)
    (tmp_path / "noise.log").write_text("noise", encoding="utf-8")
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "app.py").write_text("app.pz", encoding="utf-8"),
        lambda root: (root / "app.py").rename(root / "apq.py"),
        lambda root: (root / "app.py").chmod(0o755),
        lambda root: (root / "app.py").unlink(),
        lambda root: (root / "new").touch(),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "link").unlink() or (root / "link").symlink_to("elsewhere"),
        lambda root: (root / "link").unlink() or (root / "link").write_text("app.py", encoding="utf-8"),
        lambda root: (root / "Dockerfile").write_text("FROM other", encoding="utf-8"),
        lambda root: (root / ".dockerignore").write_text("app.py", encoding="utf-8"),
    ],
    ids=["content", "name", "executable", "removed", "added", "directory", "target", "kind", "dockerfile", "ignored"],
)
def test_what_differs_makes_a_difference(tmp_path: Path, change: object) -> None:
    make(tmp_path, "app.py")
    (tmp_path / "app.py").chmod(0o644)
    (tmp_path / "link").symlink_to("app.py")
    before = digest(tmp_path)
    change(tmp_path)  # type: ignore[operator]
    assert digest(tmp_path) != before


def test_what_the_tar_holds(tmp_path: Path) -> None:
    make(tmp_path, "bin/run", "bin/data", "empty/", "déjà vu.txt", "deep/" * 30 + "name")
    (tmp_path / "bin/run").chmod(0o711)
    (tmp_path / "bin/data").chmod(0o640)
    (tmp_path / "link").symlink_to("bin")
    (tmp_path / "dangling").symlink_to("/nowhere/at/all")
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path))) as archive:
        found = {entry.name: entry for entry in archive}
        assert all((e.mtime, e.uid, e.gid, e.uname, e.gname) == (0, 0, 0, "", "") for e in found.values())
        modes = {name: found[name].mode for name in ("bin", "bin/run", "bin/data", "empty", "Dockerfile")}
        assert modes == {"bin": 0o755, "bin/run": 0o755, "bin/data": 0o644, "empty": 0o755, "Dockerfile": 0o644}
        assert found["link"].issym()
        assert (found["link"].linkname, found["dangling"].linkname) == ("bin", "/nowhere/at/all")
        assert "link/run" not in found
        content = archive.extractfile("déjà vu.txt")
        assert content
        assert content.read().decode() == "déjà vu.txt"
        assert "deep/" * 30 + "name" in found


def test_sockets_and_the_like_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "app.py")
    before = packed(tmp_path)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "s"))
        assert packed(tmp_path) == before


def test_a_big_file_goes_through_whole(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 5 + b"end")
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path))) as archive:
        member = archive.extractfile("big")
        assert member
        assert member.read() == (tmp_path / "big").read_bytes()
    assert digest(tmp_path) == hashlib.sha256(packed(tmp_path)).hexdigest()


# --- the tag ----------------------------------------------------------------------------------------------------------


def test_a_tag_names_all_that_an_image_is_made_from() -> None:
    made = ("c0", "Dockerfile", {"A": "1", "B": "2"}, {"python": "sha256:1", "node": "sha256:2"})
    tag = image_digest(*made)
    assert len(tag) == 12
    assert set(tag) <= set("0123456789abcdef")
    assert image_digest("c0", "Dockerfile", {"B": "2", "A": "1"}, {"node": "sha256:2", "python": "sha256:1"}) == tag
    others = [
        image_digest("c1", *made[1:]),
        image_digest("c0", "other/Dockerfile", *made[2:]),
        image_digest("c0", "Dockerfile", {"A": "1", "B": "3"}, made[3]),
        image_digest("c0", "Dockerfile", {"A": "1"}, made[3]),
        image_digest("c0", "Dockerfile", {"A": "1", "C": "2"}, made[3]),
        image_digest(*made[:3], {"python": "sha256:1", "node": "sha256:3"}),
        image_digest(*made[:3], {"python": "sha256:1"}),
    ]
    assert len({tag, *others}) == len(others) + 1


def test_a_base_under_another_name_is_the_same_base() -> None:
    assert image_digest("c", "d", {}, {"python:3.13": "sha256:1"}) == image_digest(
        "c", "d", {}, {"mirror/python": "sha256:1"}
    )


# --- Dockerfiles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM debian:12\nRUN true\n", ["debian:12"]),
        ("from debian:12\n", ["debian:12"]),
        ("  FROM   debian:12   \n", ["debian:12"]),
        ("FROM\tdebian:12", ["debian:12"]),
        ("FROM debian:12\r\nRUN true\r\n", ["debian:12"]),
        ("FROM quay.io:5000/a/b@sha256:abc", ["quay.io:5000/a/b@sha256:abc"]),
        ("FROM --platform=linux/amd64 debian:12 AS build\n", ["debian:12"]),
        ("FROM --platform=$BUILDPLATFORM debian:12\n", ["debian:12"]),
        ("FROM scratch\nCOPY x /\n", []),
        # stages
        ("FROM node:22 AS build\nFROM debian:12\nCOPY --from=build /a /a\n", ["node:22", "debian:12"]),
        ("FROM node:22 as Build\nFROM build\nFROM BUILD AS again\nFROM again", ["node:22"]),
        ("FROM debian:12 AS a\nFROM debian:12 AS b\n", ["debian:12"]),
        ("FROM scratch AS nothing\nFROM nothing\n", []),
        # comments and continued lines
        ("# FROM comment\n#FROM comment\nFROM debian:12\n", ["debian:12"]),
        ("# a path: C:\\\nFROM debian:12\n", ["debian:12"]),
        ("FROM \\\n  debian:12 \\\n  AS build\n", ["debian:12"]),
        ("FROM \\\n# in between\n  debian:12\n", ["debian:12"]),
        ("RUN echo \\\nFROM nowhere\nFROM debian:12", ["debian:12"]),
        ("RUN echo FROM nowhere\nFROMAGE x\nFROM debian:12", ["debian:12"]),
        # arguments
        ("ARG BASE=debian:12\nFROM $BASE\n", ["debian:12"]),
        ("ARG BASE=debian:12\nFROM ${BASE}\n", ["debian:12"]),
        ("arg BASE='debian:12'\nfrom ${BASE}\n", ["debian:12"]),
        ('ARG BASE="debian:12"\nFROM ${BASE}\n', ["debian:12"]),
        ("ARG V=12\nFROM debian:${V}-slim AS a\n", ["debian:12-slim"]),
        ("ARG V=12\nARG BASE=debian:${V}\nFROM $BASE\n", ["debian:12"]),
        ("ARG NAME=debian V=12\nFROM ${NAME}:${V}\n", ["debian:12"]),
        ('ARG WHO="a b" V=12\nFROM debian:${V}\n', ["debian:12"]),
        ("ARG V\nFROM debian:${V:-12}\n", ["debian:12"]),
        ("ARG V=11\nFROM debian:${V:-12}\n", ["debian:11"]),
        ("FROM debian:${V:-12}\n", ["debian:12"]),
        ("ARG BASE\nFROM ${BASE}\n", [""]),
        ("FROM debian:12\nARG V=11\nFROM debian:${V:-13}\n", ["debian:12", "debian:13"]),
        ("FROM scratch\nARG V=11\nFROM debian:${V:-13}\n", ["debian:13"]),
        ("", []),
    ],
)
def test_images_a_dockerfile_starts_from(text: str, bases: list[str]) -> None:
    assert list(read_dockerfile(text, {}).bases) == bases


@pytest.mark.parametrize(
    "text",
    ["ARG BASE=debian:12\nFROM ${BASE}", "ARG BASE\nFROM $BASE", "ARG A=1 BASE=debian:12\nFROM ${BASE:-debian:11}"],
)
def test_arguments_that_are_given_win(text: str) -> None:
    assert read_dockerfile(text, {"BASE": "python:3.13", "OTHER": "x"}).bases == ("python:3.13",)


def test_an_argument_that_is_not_declared_changes_nothing() -> None:
    assert read_dockerfile("FROM debian:${V:-12}\nARG V\n", {"V": "11"}).bases == ("debian:12",)


def test_arguments_that_are_declared() -> None:
    text = "ARG BASE_IMAGE=python:3.13-slim\nFROM ${BASE_IMAGE}\nARG QUAI_CA_BUNDLE\nARG A='1' B=\"two words\" C\nARG A=2\n"
    assert read_dockerfile(text, {"A": "given"}).arguments == {
        "BASE_IMAGE": "python:3.13-slim",
        "QUAI_CA_BUNDLE": "",
        "A": "1",
        "B": "two words",
        "C": "",
    }


@pytest.mark.parametrize("context", ["web", "data"])
def test_the_project_s_own_contexts(context: str) -> None:
    """They start from what app_image gives them, and take the host's certificates."""
    root = Path(__file__).parents[6] / "files" / context
    dockerfile = read_dockerfile((root / "Dockerfile").read_text(encoding="utf-8"), {"BASE_IMAGE": "given:1"})
    assert set(dockerfile.bases) == {"given:1"}
    assert digest(checked(str(root), "Dockerfile")) == digest(root)
