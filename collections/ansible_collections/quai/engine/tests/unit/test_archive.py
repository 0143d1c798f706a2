"""The converter: archives as engines and other programs save them, damaged ones, and one far larger than its memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.quai.engine.plugins.module_utils.old_image import old_layers
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.plugins.plugin_utils import archive

COLLECTIONS = Path(__file__).resolve().parents[5]
MIB = 1 << 20
Members = dict[str, bytes | str]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar_of(members: Mapping[str, bytes | str]) -> bytes:
    """Return a tar of files; a text is the target of a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


BASE = tar_of({"etc/os-release": b"Debian\n"})
TOP = tar_of({"srv/two": b"two\n", "srv/link": "two"})
LAYERS = (BASE, TOP)


def config_of(layers: Sequence[bytes], **changes: object) -> bytes:
    """Return the configuration of an image of these layers, with a step between that left none."""
    document: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-11-24T06:08:56.512472177Z",
        "docker_version": "20.10.24+dfsg1",
        "config": {
            "User": "1000",
            "ExposedPorts": {"5000/tcp": {}},
            "Env": ["PATH=/bin", "X=y z"],
            "Cmd": ["gunicorn", "myapp:app"],
            "Entrypoint": None,
            "Volumes": {"/data": {}},
            "WorkingDir": "/srv",
            "Labels": {"quai.digest": "0123456789ab"},
            "Healthcheck": {"Test": ["CMD", "true"]},
            "StopSignal": "SIGINT",
            "Image": "sha256:" + "7" * 64,
            "ArgsEscaped": True,
        },
        "history": [
            {"created": "2026-11-24T06:00:00Z", "created_by": "import"},
            {"created": "2026-11-24T06:08:55Z", "created_by": "ENV X=y", "empty_layer": True},
            {"created": "2026-11-24T06:08:56Z", "created_by": "/bin/sh -c echo two > /srv/two"},
        ],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in layers]},
    }
    return json.dumps(document | changes).encode()


def classic(layers: Sequence[bytes] = LAYERS, **changes: object) -> Members:
    """Return the members of an archive as engines 1.10 to 24 save it."""
    config = config_of(layers, **changes)
    names = [f"{at:064x}/layer.tar" for at in range(len(layers))]
    entry = {"Config": f"{sha256(config)}.json", "RepoTags": ["web:0123456789ab"], "Layers": names}
    return dict(zip(names, layers, strict=True)) | {
        f"{sha256(config)}.json": config,
        "manifest.json": json.dumps([entry]).encode(),
    }


def blobs(*contents: bytes) -> Members:
    """Return members under the names that an OCI layout has for them."""
    return {f"blobs/sha256/{sha256(content)}": content for content in contents}


def descriptor(content: bytes, **more: object) -> dict[str, Any]:
    return {"digest": f"sha256:{sha256(content)}", "size": len(content), **more}


def oci(layers: Sequence[bytes] = LAYERS, packed: Callable[[bytes], bytes] = bytes, docker: bool = True) -> Members:
    """Return the members of an OCI layout: as engine 25 and later save it, or (not docker) as other programs do."""
    config = config_of(layers)
    stored = [packed(layer) for layer in layers]
    manifest = json.dumps({"config": descriptor(config), "layers": [descriptor(layer) for layer in stored]}).encode()
    entry = {
        "Config": f"blobs/sha256/{sha256(config)}",
        "RepoTags": ["web:0123456789ab"],
        "Layers": [f"blobs/sha256/{sha256(layer)}" for layer in stored],
    }
    members: Members = {
        **blobs(config, manifest, *stored),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps({"manifests": [descriptor(manifest)]}).encode(),
    }
    return members | ({"manifest.json": json.dumps([entry]).encode()} if docker else {})


def of_platforms() -> Members:
    """Return an OCI layout whose index leads to an index: of one platform that is here, one that is not, and a proof."""
    members = oci(docker=False)
    (manifest,) = json.loads(members["index.json"])["manifests"]
    proof = json.dumps({"config": descriptor(b""), "layers": []}).encode()
    index = json.dumps(
        {
            "manifests": [
                manifest,
                descriptor(b"for another processor"),
                descriptor(proof, annotations={"vnd.docker.reference.type": "attestation-manifest"}),
            ]
        }
    ).encode()
    return members | blobs(index, proof) | {"index.json": json.dumps({"manifests": [descriptor(index)]}).encode()}


def in_file(directory: Path, members: Mapping[str, bytes | str], name: str = "image.tar") -> Path:
    path = directory / name
    path.write_bytes(tar_of(members))
    return path


def converted(directory: Path, members: Mapping[str, bytes | str]) -> tuple[str, dict[str, bytes]]:
    """Return the image's id and the files of the converted archive, by name."""
    image_id = archive.convert(in_file(directory, members), directory / "old.tar", "web:0123456789ab")
    with tarfile.open(directory / "old.tar") as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isreg()}
        return image_id, {name: file.read() for name, file in files.items() if file}


LAYOUTS: dict[str, Callable[[], Members]] = {
    "engines 1.10 to 24": classic,
    "engine 25 and later": oci,
    "engine 28 with containerd's images": lambda: oci(packed=gzip.compress),
    "another program": lambda: oci(docker=False),
    "another program, compressed": lambda: oci(packed=gzip.compress, docker=False),
    "several platforms, one saved": of_platforms,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_becomes_the_same_bytes(tmp_path: Path, layout: str) -> None:
    converted(tmp_path, classic())
    expected = (tmp_path / "old.tar").read_bytes()
    converted(tmp_path, LAYOUTS[layout]())
    assert (tmp_path / "old.tar").read_bytes() == expected
    converted(tmp_path, LAYOUTS[layout]())
    assert (tmp_path / "old.tar").read_bytes() == expected


def test_the_old_layout(tmp_path: Path) -> None:
    image_id, files = converted(tmp_path, classic())
    lower, top = (layer.id for layer in old_layers(json.loads(config_of(LAYERS))))
    assert image_id == f"sha256:{top}"
    assert set(files) == {
        "repositories",
        *(f"{layer}/{name}" for layer in (lower, top) for name in ("VERSION", "json", "layer.tar")),
    }
    assert json.loads(files["repositories"]) == {"web": {"0123456789ab": top}}
    assert files[f"{lower}/VERSION"] == b"1.0"
    assert files[f"{lower}/layer.tar"] == BASE
    assert files[f"{top}/layer.tar"] == TOP
    assert json.loads(files[f"{lower}/json"]) == {
        "id": lower,
        "created": "2026-11-24T06:00:00Z",
        "container_config": {"Cmd": ["import"]},
        "architecture": "amd64",
        "os": "linux",
    }
    assert json.loads(files[f"{top}/json"]) == {
        "id": top,
        "parent": lower,
        "created": "2026-11-24T06:08:56.512472177Z",
        "container_config": {"Cmd": ["/bin/sh -c echo two > /srv/two"]},
        "architecture": "amd64",
        "os": "linux",
        "author": "",
        "docker_version": "20.10.24+dfsg1",
        # Without what engines of that time do not know.
        "config": {
            "User": "1000",
            "ExposedPorts": {"5000/tcp": {}},
            "Env": ["PATH=/bin", "X=y z"],
            "Cmd": ["gunicorn", "myapp:app"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/srv",
            "Labels": {"quai.digest": "0123456789ab"},
        },
    }


def test_ids_name_content() -> None:
    def ids(layers: Sequence[bytes] = LAYERS, **changes: object) -> list[str]:
        return [layer.id for layer in old_layers(json.loads(config_of(layers, **changes)))]

    lower, top = ids()
    assert all(len(each) == 64 and int(each, 16) for each in (lower, top))
    # The base is shared by all that stands on it.
    assert ids(layers=(BASE, b"other"))[0] == lower
    assert ids(config={"Cmd": ["other"]})[0] == lower
    assert ids(config={"Cmd": ["other"]})[1] != top
    assert ids(layers=(b"other", TOP))[1] != top
    # History that does not fit the layers, and times that are unknown, are no hindrance.
    for changes in ({"history": None}, {"history": [{"created_by": "squashed"}]}, {"created": None}):
        assert len(set(ids(**changes))) == 2
    assert old_layers(json.loads(config_of(LAYERS, history=None)))[0].document["created"] == "0001-01-01T00:00:00Z"


def test_a_layer_that_occurs_twice_is_saved_as_a_link(tmp_path: Path) -> None:
    members = classic((BASE, TOP, TOP))
    members[f"{2:064x}/layer.tar"] = f"../{1:064x}/layer.tar"
    image_id, files = converted(tmp_path, members)
    assert files[f"{image_id.removeprefix('sha256:')}/layer.tar"] == TOP


def test_a_whole_archive_is_proven(tmp_path: Path) -> None:
    archive.prove(in_file(tmp_path, oci()))


# --- damaged ----------------------------------------------------------------------------------------------------------

CONFIG_NAME = f"{sha256(config_of(LAYERS))}.json"
LAYER = f"{1:064x}/layer.tar"
BLOB = f"blobs/sha256/{sha256(TOP)}"
PACKED = f"blobs/sha256/{sha256(gzip.compress(TOP, mtime=0))}"


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def relisted(**changes: object) -> Members:
    members = classic()
    (entry,) = json.loads(members["manifest.json"])
    return members | {"manifest.json": json.dumps([entry | changes]).encode()}


def two_images() -> Members:
    members = classic()
    (entry,) = json.loads(members["manifest.json"])
    return members | {"manifest.json": json.dumps([entry, entry]).encode()}


def two_manifests() -> Members:
    first, second = oci(docker=False), oci((BASE,), docker=False)
    manifests = [json.loads(each["index.json"])["manifests"][0] for each in (first, second)]
    return first | second | {"index.json": json.dumps({"manifests": manifests}).encode()}


def without(members: Members, name: str) -> Members:
    del members[name]
    return members


DAMAGED: dict[str, tuple[Callable[[], Members], str]] = {
    "no list": (
        lambda: without(classic(), "manifest.json"),
        "it is cut short, or no archive of `docker save` (neither manifest.json nor index.json).",
    ),
    "list of another kind": (lambda: classic() | {"manifest.json": b"{}"}, "it holds 0 images, and one is wanted."),
    "list without layers": (lambda: classic() | {"manifest.json": b'[{"Config": "x"}]'}, "manifest.json is not what"),
    "no JSON": (
        lambda: classic() | {"manifest.json": b"[{"},
        "manifest.json is not what it should be (JSONDecodeError",
    ),
    "deep JSON": (lambda: classic() | {"manifest.json": b"[" * 100_000}, "manifest.json is not what it should be"),
    "huge document": (lambda: classic() | {"manifest.json": bytes(9 * MIB)}, "manifest.json has 9437184 bytes, more"),
    "two images": (two_images, "it holds 2 images, and one is wanted."),
    "two images, OCI": (two_manifests, "it holds 2 images, and one is wanted."),
    "no layers": (lambda: classic(()), "its image has no layer, so that nothing of it could run."),
    "fewer layers listed": (lambda: relisted(Layers=[LAYER]), f"{CONFIG_NAME} names 2 layers, and 1 are listed."),
    "missing layer": (lambda: without(classic(), LAYER), f"{LAYER} is missing from it."),
    "missing blob": (lambda: without(oci(docker=False), BLOB), f"{BLOB} is missing from it."),
    "missing configuration": (lambda: without(classic(), CONFIG_NAME), f"{CONFIG_NAME} is missing from it."),
    "changed configuration": (
        lambda: classic() | {CONFIG_NAME: b"{}"},
        f"{CONFIG_NAME} has the digest {sha256(b'{}')}, not the one of its name.",
    ),
    "strange configuration": (
        lambda: relisted(Config="config") | {"config": b'{"rootfs": {"diff_ids": [1, 2]}}'},
        "the image's configuration is not what it should be (KeyError: 'architecture').",
    ),
    "changed layer": (
        lambda: classic() | {LAYER: TOP + bytes(512)},
        f"its layer {LAYER} has the digest sha256:{sha256(TOP + bytes(512))}, not sha256:{sha256(TOP)}.",
    ),
    "changed blob": (lambda: oci() | {BLOB: BASE}, f"its layer {BLOB} has the digest sha256:{sha256(BASE)}, not"),
    "compressed, cut short": (
        lambda: oci(packed=packed) | {PACKED: packed(TOP)[:-9]},
        f"its layer {PACKED} cannot be read (Compressed file ended",
    ),
    "compressed, damaged": (
        lambda: oci(packed=packed) | {PACKED: packed(TOP)[:40] + b"\xff" * 8 + packed(TOP)[48:]},
        f"its layer {PACKED} ",
    ),
    "zstd": (lambda: classic() | {LAYER: b"\x28\xb5\x2f\xfd0000"}, f"its layer {LAYER} is compressed with zstd, which"),
    "no digest": (
        lambda: oci(docker=False) | {"index.json": b'{"manifests": [{"digest": "sha256:../../etc/passwd"}]}'},
        "'sha256:../../etc/passwd' is no sha256 digest.",
    ),
    "path upwards": (
        lambda: classic() | {"../../root/.profile": b""},
        "it names '../../root/.profile', a path outside",
    ),
    "path upwards within": (lambda: classic() | {"a/../../b": b""}, "it names 'a/../../b', a path outside of itself."),
    "absolute path": (lambda: classic() | {"/etc/passwd": b""}, "it names '/etc/passwd', a path outside of itself."),
    "listed path upwards": (lambda: relisted(Layers=["x", "../y"]), "x is missing from it."),
    "listed absolute path": (lambda: relisted(Config="/etc/passwd"), "it names '/etc/passwd', a path outside"),
    "link outside": (lambda: classic() | {LAYER: "../../etc/passwd"}, "it names '../etc/passwd', a path outside"),
    "link to itself": (lambda: classic() | {LAYER: "layer.tar"}, f"{LAYER} is a link that leads nowhere."),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damage_is_refused(tmp_path: Path, damage: str) -> None:
    members, reason = DAMAGED[damage]
    source = in_file(tmp_path, members())
    (tmp_path / "old.tar").write_text("as it was")
    with pytest.raises(Refused) as refused:
        archive.convert(source, tmp_path / "old.tar", "web:1")
    assert str(refused.value).startswith(f"The image archive {source} cannot be used: {reason}")
    assert "docker save" in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar", "old.tar"]
    assert (tmp_path / "old.tar").read_text() == "as it was"


@pytest.mark.parametrize("layout", [classic, lambda: oci(docker=False)], ids=["classic", "OCI"])
def test_cut_short_anywhere(tmp_path: Path, layout: Callable[[], Members]) -> None:
    """An archive that ends too early is refused, wherever that is (the two blocks of zeros at its end are no content)."""
    whole = tar_of(layout())
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        last = tar.getmembers()[-1]
        end = last.offset_data + last.size
    for size in [*range(0, end, 171), end - 1]:
        (tmp_path / "image.tar").write_bytes(whole[:size])
        with pytest.raises(Refused, match=r"cannot be used: (it is cut short|.* is missing from it)"):
            archive.convert(tmp_path / "image.tar", tmp_path / "old.tar", "web:1")
        assert not (tmp_path / "old.tar").exists()


def test_a_directory_where_a_layer_should_be(tmp_path: Path) -> None:
    source = in_file(tmp_path, without(classic(), LAYER))
    with tarfile.open(source, "a") as tar:
        entry = tarfile.TarInfo(LAYER)
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    with pytest.raises(Refused, match=f"{LAYER} is no file in it"):
        archive.prove(source)


# --- memory -----------------------------------------------------------------------------------------------------------

ZEROS = "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14"
"""The sha256 of 1 GiB of zeros."""

# Not getrusage's ru_maxrss: it counts the parent's memory too, from before the exec.
CHILD = """
import sys
from pathlib import Path
from ansible_collections.quai.engine.plugins.plugin_utils import archive
archive.convert(Path(sys.argv[1]), Path(sys.argv[2]), "large:1")
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_layer_of_one_gib_within_64_mib(tmp_path: Path, compressed: bool) -> None:
    size, piece = 1 << 30, bytes(MIB)
    source, stored = tmp_path / "large.tar", tmp_path / "layer"
    with stored.open("wb") as plain:
        if compressed:
            with gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=1) as file:
                for _at in range(size // MIB):
                    file.write(piece)
        else:
            plain.truncate(size)  # no block of it is on the disk
    config = config_of((), rootfs={"diff_ids": [f"sha256:{ZEROS}"]})
    listed = json.dumps([{"Config": f"{sha256(config)}.json", "Layers": ["layer"]}]).encode()
    header = tarfile.TarInfo("layer")
    header.size = stored.stat().st_size
    with source.open("wb") as out:
        small = tar_of({f"{sha256(config)}.json": config, "manifest.json": listed})
        out.write(small[: small.rindex(listed) + 512])  # without its end
        out.write(header.tobuf())
        start = out.tell()
        if compressed:
            out.write(stored.read_bytes())
        out.truncate(start + -(-header.size // 512) * 512 + 1024)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(source), str(tmp_path / "old.tar")],
        env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "old.tar").stat().st_size > size
    assert int(done.stdout) <= 64 * 1024  # KiB
    (tmp_path / "old.tar").unlink()  # pytest keeps the directories of its last runs
