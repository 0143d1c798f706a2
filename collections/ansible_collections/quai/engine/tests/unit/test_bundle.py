"""A bundle: written, read strictly, refused where it is not whole or not the one; molecule (bundle) serves hosts from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.action import bundle_open
from ansible_collections.quai.engine.plugins.module_utils import plan_bundle as planning
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.module_utils.plan_bundle import File, Image, Manifest
from ansible_collections.quai.engine.plugins.plugin_utils import bundle as bundles
from ansible_collections.quai.engine.tests.unit.harness import Guard, Run

OFFER = {"image_id": "sha256:1", "layers": ["sha256:2"], "architecture": "amd64", "archive": "images/1.tar"}
BASE = {"base": "python:3.13-slim", "base_source": "auto", "base_runtime": "python3"}
CONTENTS = {"packages/Packages": b"Package: a\n", "packages/a_1.0+b~c_all.deb": b"a" * 1024, "images/1.tar": b"layers"}


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """The files of a bundle, before they are in it."""
    found = {}
    for name, content in CONTENTS.items():
        found[name] = tmp_path / "sources" / name
        found[name].parent.mkdir(parents=True, exist_ok=True)
        found[name].write_bytes(content)
    return found


@pytest.fixture
def manifest(sources: dict[str, Path]) -> Manifest:
    return Manifest(
        quai="abc",
        code="c0de",
        release="bookworm",
        architecture="amd64",
        created="2026-01-02T03:04:05+00:00",
        images={"web": Image("0123", "web:4567", OFFER)},
        files={name: bundles.file_of(path) for name, path in sources.items()},
    )


@pytest.fixture
def bundle(tmp_path: Path, manifest: Manifest, sources: dict[str, Path]) -> Path:
    path = tmp_path / "bundle.tar"
    bundles.write(path, manifest, sources)
    return path


def test_what_was_written_is_read(bundle: Path, manifest: Manifest, tmp_path: Path) -> None:
    assert bundles.read_manifest(bundle) == manifest
    assert bundles.read(bundle, tmp_path / "out") == manifest
    assert {name: (tmp_path / "out" / name).read_bytes() for name in CONTENTS} == CONTENTS


def test_the_same_makes_the_same_bytes(
    bundle: Path, manifest: Manifest, sources: dict[str, Path], tmp_path: Path
) -> None:
    bundles.write(tmp_path / "again.tar", manifest, dict(reversed(sources.items())))
    assert (tmp_path / "again.tar").read_bytes() == bundle.read_bytes()


def test_people_can_check_it_with_their_own_tools(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", bundle, "-C", tmp_path / "out"], check=True)
    said = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    assert said.stdout.count(": OK\n") == len(CONTENTS) + 1


def test_no_byte_can_be_changed_unseen(bundle: Path) -> None:
    """Contents, headers, what fills up, and the end: every seventh byte of a small bundle, and its last."""
    whole = bundle.read_bytes()
    for place in (*range(0, len(whole), 7), len(whole) - 1):
        bundle.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Refused, match=r"damaged|not a bundle|newer Quai"):
            bundles.read(bundle)


def test_no_part_can_be_missing_or_more(bundle: Path) -> None:
    whole = bundle.read_bytes()
    for length in (*range(0, len(whole), 500), len(whole) - 1):
        bundle.write_bytes(whole[:length])
        with pytest.raises(Refused, match=r"damaged|not a bundle"):
            bundles.read(bundle)
    bundle.write_bytes(whole + b"\0")
    with pytest.raises(Refused, match="does not end as it should"):
        bundles.read(bundle)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 2048, b"\x1f\x8b" + b"x" * 2000])
def test_something_else_is_no_bundle(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"file is not a bundle .* quai_bundle"):
        bundles.read(path)


def test_another_archive_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(tmp_path / "hello", "hello")
    with pytest.raises(Refused, match="is not a bundle"):
        bundles.read(tmp_path / "other.tar")


@pytest.mark.parametrize("name", ["missing.tar", "."])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read: (No such file|Is a directory)"):
        bundles.read(tmp_path / name)


def changed(manifest: Manifest, **values: Any) -> str:
    return json.dumps(json.loads(manifest.text()) | values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"format": 2}, "has the format 2, and this Quai reads those up to 1"),
        ({"format": 2, "files": "unheard of"}, "has the format 2"),
        ({"format": "x"}, "cannot be read"),
        ({"files": {"../../etc/passwd": {"sha256": "0" * 64, "size": 1}}}, "names '../../etc/passwd'"),
        ({"files": {"images/1.tar": {"sha256": "x", "size": 1}}}, "names 'images/1.tar'"),
        ({"files": {}}, "names 'web'"),
        ({"files": []}, "is not as it should be"),
        ({"images": {"web": {"image": "web"}}}, "is not as it should be"),
        ({"more": 1}, "is not as it should be"),
    ],
)
def test_a_manifest_that_cannot_be_used(manifest: Manifest, values: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        planning.manifest_of(changed(manifest, **values), "b.tar")


@pytest.mark.parametrize(
    ("release", "architecture", "says"),
    [
        ("trixie", "amd64", r"is for Debian bookworm amd64, and quay1 is trixie amd64.*bundle_release=trixie"),
        ("bookworm", "arm64", "quay1 is bookworm arm64"),
        ("", "", "quay1 is no Debian host"),
    ],
)
def test_another_host_is_refused(manifest: Manifest, release: str, architecture: str, says: str) -> None:
    planning.refuse_other_host(manifest, "b.tar", "quay1", "bookworm", "amd64")
    with pytest.raises(Refused, match=says):
        planning.refuse_other_host(manifest, "b.tar", "quay1", release, architecture)


@pytest.mark.parametrize(
    ("quai", "code", "made_from", "says"),
    [
        ("def", "0ther", {"web": "0123"}, "it was written by Quai abc, and this is def"),
        ("abc", "0ther", {"web": "0123"}, "it was written by Quai abc, and this is abc with other files"),
        ("abc", "c0de", {"web": "9999"}, "its image web was not built from the files and settings that are here now"),
        ("abc", "c0de", {"web": "0123", "more": "1"}, "it has no image more"),
    ],
)
def test_a_stale_one_is_refused_with_the_way_to_allow_it(
    manifest: Manifest, quai: str, code: str, made_from: dict[str, str], says: str
) -> None:
    planning.refuse_stale(manifest, "b.tar", "def", "c0de", {"web": "0123"})
    with pytest.raises(Refused, match=f"stale: {says}.*quai_bundle_stale: true"):
        planning.refuse_stale(manifest, "b.tar", quai, code, made_from)


@pytest.mark.parametrize(
    ("architecture", "image"),
    [("amd64", "amd64"), ("armhf", "arm"), ("i386", "386"), ("ppc64el", "ppc64le"), ("arm64", "")],
)
def test_an_image_of_another_architecture_is_refused(architecture: str, image: str) -> None:
    planning.refuse_other_image(architecture, {"web:1": image})
    with pytest.raises(Refused, match=rf"web:2 was built for s390x, and the packages are for Debian {architecture}\."):
        planning.refuse_other_image(architecture, {"web:1": image, "web:2": "s390x"})


def test_the_code_s_digest_is_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "roles/a").mkdir(parents=True)
    (tmp_path / "roles/a/main.yml").write_text("---\n")
    seen = [bundles.code_digest(tmp_path)]
    for left_out in ("README.md", "roles/a/x.pyc", "roles/__pycache__/x", "roles/.cache/x"):
        (tmp_path / left_out).parent.mkdir(exist_ok=True)
        (tmp_path / left_out).write_text("made")
    assert bundles.code_digest(tmp_path) == seen[0]
    (tmp_path / "roles/a/main.yml").write_text("--- # changed\n")
    seen.append(bundles.code_digest(tmp_path))
    (tmp_path / "roles/a/main.yml").rename(tmp_path / "roles/a/other.yml")
    seen.append(bundles.code_digest(tmp_path))
    (tmp_path / "collections").mkdir()
    (tmp_path / "collections/x.py").touch()
    seen.append(bundles.code_digest(tmp_path))
    assert len(set(seen)) == 4


def test_what_an_image_is_made_from_has_its_base(context: Path) -> None:
    image = {"context": str(context), "dockerfile": "Dockerfile", "build_args": {}} | BASE
    changes: list[dict[str, Any]] = [{}, {"build_args": {"A": "1"}}, *({key: "other"} for key in BASE)]
    assert len({bundles.made_from(image | change) for change in changes}) == 5


# --- the actions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def context(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    path.mkdir()
    (path / "Dockerfile").write_text("FROM scratch\n")
    return path


@pytest.fixture
def written(act: Run, tmp_path: Path, context: Path, sources: dict[str, Path]) -> dict[str, Any]:
    """The arguments of the action that writes a bundle, after it did."""
    offer = OFFER | {"archive": str(sources["images/1.tar"])}
    made_from: dict[str, Any] = {
        "context": str(context),
        "dockerfile": "Dockerfile",
        "build_args": {"RUNTIME": "python3"},
    } | BASE
    arguments = {
        "file": str(tmp_path / "out/bundle.tar"),
        "project": str(tmp_path),
        "release": "bookworm",
        "architecture": "amd64",
        "packages": str(sources["packages/Packages"].parent),
        "images": {"web": made_from | {"archive": {"image": "web:4567", "offer": offer}}},
    }
    result = act("bundle", **arguments)
    assert result["changed"], result
    assert result["content"] == ["0 MiB for Debian bookworm amd64", "1 packages", "image web:4567", "Quai unknown"]
    return arguments


@pytest.fixture
def host(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose release is the bundle's, and whose architecture dpkg tells."""
    guard.answer("--print-architecture", "amd64\n", program="dpkg")
    release = bundle_open.RELEASE.replace("/etc/os-release", f"{guard.directory}/os-release")
    (guard.directory / "os-release").write_text('VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\n')
    monkeypatch.setattr(bundle_open, "RELEASE", release)


def opening(written: dict[str, Any], tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {key: written[key] for key in ("file", "project", "images")} | {"cache": str(tmp_path / "cache")} | more


def test_the_same_content_is_not_written_again(act: Run, written: dict[str, Any]) -> None:
    before = Path(written["file"]).stat()
    assert not act("bundle", **written)["changed"]
    assert Path(written["file"]).stat() == before
    Path(written["packages"], "b.deb").write_bytes(b"b")
    assert act("bundle", **written)["changed"]


def test_check_mode_writes_nothing(act: Run, written: dict[str, Any]) -> None:
    Path(written["file"]).unlink()
    assert act("bundle", check=True, **written)["changed"]
    assert not Path(written["file"]).exists()


@pytest.mark.parametrize("check", [False, True])
def test_what_is_no_bundle_is_not_replaced(act: Run, written: dict[str, Any], check: bool) -> None:
    path = Path(written["file"])
    path.write_text("a letter")
    result = act("bundle", check, **written)
    assert result["msg"].startswith(f"{path} is there already, and is not a bundle of Quai's.")
    assert "bundle_file" in result["msg"]
    assert path.read_text() == "a letter"
    assert f"{path.parent} is there already" in act("bundle", check, **written | {"file": str(path.parent)})["msg"]


def test_a_damaged_bundle_is_replaced(act: Run, written: dict[str, Any]) -> None:
    spoil(written)
    assert act("bundle", **written)["changed"]
    bundles.read(Path(written["file"]))


def test_no_bundle_of_two_architectures_is_written(act: Run, written: dict[str, Any]) -> None:
    Path(written["file"]).unlink()
    result = act("bundle", **written | {"architecture": "arm64"})
    assert "The image web:4567 was built for amd64, and the packages are for Debian arm64." in result["msg"]
    assert not Path(written["file"]).exists()


@pytest.mark.usefixtures("host")
def test_the_roles_are_told_where_its_files_are(act: Run, written: dict[str, Any], tmp_path: Path) -> None:
    for _again in range(2):
        result = act("bundle_open", **opening(written, tmp_path))
        assert not result["changed"], result
        told = result["ansible_facts"]["quai_bundle"]
        assert Path(told["packages"], "Packages").read_bytes() == CONTENTS["packages/Packages"]
        assert told["images"]["web"]["image"] == "web:4567"
        assert Path(told["images"]["web"]["offer"]["archive"]).read_bytes() == b"layers"
        assert told["images"]["web"]["offer"] | {"archive": ""} == OFFER | {"archive": ""}
        assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.usefixtures("host")
def test_check_mode_proves_it_and_unpacks_nothing(act: Run, written: dict[str, Any], tmp_path: Path) -> None:
    assert "quai_bundle" in act("bundle_open", check=True, **opening(written, tmp_path))["ansible_facts"]
    assert not (tmp_path / "cache").exists()
    spoil(written)
    assert "is damaged" in act("bundle_open", check=True, **opening(written, tmp_path))["msg"]


def spoil(written: dict[str, Any]) -> None:
    path = Path(written["file"])
    before, _layers, after = path.read_bytes().rpartition(b"layers")  # its name may be in the manifest
    path.write_bytes(before + b"liars!" + after)


@pytest.mark.usefixtures("host")
def test_one_that_was_damaged_since_is_refused(act: Run, written: dict[str, Any], tmp_path: Path) -> None:
    assert not act("bundle_open", **opening(written, tmp_path)).get("failed")
    spoil(written)
    result = act("bundle_open", **opening(written, tmp_path))
    assert result["failed"]
    assert "images/1.tar is not what its SHA-256 says" in result["msg"]


@pytest.mark.parametrize("how", ["altered", "missing", "more", "a file"])
def test_an_altered_cache_is_made_afresh(bundle: Path, tmp_path: Path, how: str) -> None:
    cache = tmp_path / "cache"
    directory = bundles.unpacked(bundle, cache)
    if how == "altered":
        (directory / "images/1.tar").write_bytes(b"liars!")
    elif how == "missing":
        (directory / "packages/Packages").unlink()
    elif how == "more":
        (directory / "packages/b.deb").touch()
    else:
        shutil.rmtree(directory)
        directory.touch()
    assert bundles.unpacked(bundle, cache) == directory
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    assert {name: (directory / name).read_bytes() for name in found} == CONTENTS
    assert list(cache.iterdir()) == [directory]


@pytest.mark.parametrize("whole", [True, False])
def test_two_runs_may_unpack_at_once(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    other = bundles.unpacked(bundle, tmp_path / "other")
    if not whole:
        (other / "images/1.tar").write_bytes(b"liars!")
    rename = Path.rename

    def late(path: Path, target: Path) -> Path:
        shutil.copytree(other, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    if whole:
        directory = bundles.unpacked(bundle, tmp_path / "cache")
        assert (directory / "images/1.tar").read_bytes() == b"layers"
        assert list((tmp_path / "cache").iterdir()) == [directory]
    else:
        with pytest.raises(OSError, match="not empty"):
            bundles.unpacked(bundle, tmp_path / "cache")


@pytest.mark.usefixtures("host")
def test_only_old_directories_are_forgotten(act: Run, written: dict[str, Any], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "old").mkdir(parents=True)
    (cache / "file").touch()
    for each in cache.iterdir():
        os.utime(each, (0, 0))
    assert not act("bundle_open", **opening(written, tmp_path)).get("failed")
    assert sorted(path.name for path in cache.iterdir() if path.stat().st_mtime == 0) == ["file"]


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("where", ["roles", "playbooks", "collections"])
def test_another_quai_that_git_does_not_know_is_refused(
    act: Run, written: dict[str, Any], tmp_path: Path, where: str
) -> None:
    (tmp_path / where).mkdir()
    (tmp_path / where / "new.yml").touch()
    result = act("bundle_open", **opening(written, tmp_path))
    assert "it was written by Quai unknown, and this is unknown with other files" in result["msg"]


@pytest.mark.usefixtures("host")
def test_another_base_is_refused(act: Run, written: dict[str, Any], tmp_path: Path) -> None:
    images = {"web": written["images"]["web"] | {"base": "python:3.14-slim"}}
    result = act("bundle_open", **opening(written, tmp_path, images=images))
    assert "its image web was not built from the files and settings that are here now" in result["msg"]


@pytest.mark.usefixtures("host")
def test_another_application_is_refused_unless_allowed(
    act: Run, written: dict[str, Any], context: Path, tmp_path: Path
) -> None:
    (context / "more").write_text("more")
    result = act("bundle_open", **opening(written, tmp_path))
    assert "its image web was not built from the files and settings that are here now" in result["msg"]
    assert "ansible_facts" in act("bundle_open", **opening(written, tmp_path, stale=True))


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('VERSION="13 (trixie)"\nVERSION_CODENAME=trixie\n', "trixie"),
        ('VERSION="8 (jessie)"\n', "jessie"),  # which says no more
        ("ID=debian\n", ""),
    ],
)
def test_another_release_is_refused_whatever_is_allowed(
    act: Run, guard: Guard, written: dict[str, Any], tmp_path: Path, text: str, release: str
) -> None:
    (guard.directory / "os-release").write_text(text)
    result = act("bundle_open", **opening(written, tmp_path, stale=True))
    assert f"is for Debian bookworm amd64, and quay1 is {release} amd64".replace("  ", " ") in result["msg"]
    assert not (tmp_path / "cache").exists()


def test_a_file_is_what_its_digest_and_size_say(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    assert bundles.file_of(tmp_path / "x") == File(
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", 1
    )
