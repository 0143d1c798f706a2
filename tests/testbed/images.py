"""Images of the bed: Debian hosts with systemd, and stand-ins for the official Python images on the mirror."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import apt, settings as s
from .shell import Failure, docker, environment, run, say

_INIT = Path(__file__).resolve().parent / "init.sh"
_RECIPE_LABEL = f"{s.LABEL}.recipe"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "iptables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
)
ENGINE_PACKAGES = ("docker.io", "docker-cli", "python3-requests")

# What needs hardware, a console or the machine's own kernel; and timers that would take apt's lock in a test.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "e2scrub_reap.service",
    "getty-static.service",
    "getty.target",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
)

_PATH_EXCLUDES = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def _recipe(name: str) -> str:
    """The digest under which an image is cached: all that goes into it but the archive's state."""
    kind, _, suite = name.partition(":")
    bundle = _BUNDLE.read_text() if _BUNDLE.exists() else ""
    base: list[object] = [suite, PACKAGES, _PATH_EXCLUDES, bundle, apt.sources(suite), apt.options()]
    if kind != "quai-root":
        base += [MASKED, str(_INIT.read_bytes()), _FINISH]
    if kind == "quai-host-docker":
        base += [ENGINE_PACKAGES, _ENGINE_DOCKERFILE, s.REGISTRY_URL]
    return _digest(*base)


def _present() -> dict[str, str]:
    """name:tag -> recipe digest of the host images the daemon has."""
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    names = [name for name in listed if name.startswith("quai-")]
    if not names:
        return {}
    documents = json.loads(docker("image", "inspect", *names).stdout)
    return {
        tag: (document["Config"].get("Labels") or {}).get(_RECIPE_LABEL, "")
        for document in documents
        for tag in document["RepoTags"]
    }


# --- hosts -------------------------------------------------------------------------------------------------------

# `docker import --change` refuses STOPSIGNAL on 20.10. The shim comes as text, so that the build needs no context.
_FINISH = """\
FROM quai-root:{suite}
RUN echo {init} | base64 -d >/sbin/quai-init; chmod 755 /sbin/quai-init; \\
    cd /etc/systemd/system; for unit in {masked}; do ln -sf /dev/null $unit; done
ENV container=docker
STOPSIGNAL SIGRTMIN+3
VOLUME /var/lib/docker /var/lib/containerd
CMD ["/sbin/quai-init"]
LABEL {label}={recipe}
"""

_ENGINE_DOCKERFILE = """\
FROM {source}
RUN set -e; printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; \\
    apt-get -q update; \\
    packages=; for each in {packages}; do if apt-cache show $each >/dev/null 2>&1; then packages="$packages $each"; fi; done; \\
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $packages; \\
    rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb; \\
    test -e /etc/systemd/system/multi-user.target.wants/docker.service; \
    mkdir -p /etc/docker; echo '{{"registry-mirrors": ["{mirror}"]}}' >/etc/docker/daemon.json
LABEL {label}={recipe}
"""


def _machine_authorities(root: Path) -> list[str]:
    """The certificates this machine trusts and a fresh Debian does not: those of a private authority, usually."""
    if not _BUNDLE.exists():
        return []
    blocks = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
    fresh = (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    known = {re.sub(r"\s", "", block) for block in blocks.findall(fresh)}
    return [block for block in blocks.findall(_BUNDLE.read_text()) if re.sub(r"\s", "", block) not in known]


def _customize(root: Path, suite: str) -> None:
    """What a test host must have of this machine: its trust and its way to the archive."""
    for index, block in enumerate(_machine_authorities(root)):
        (root / f"usr/local/share/ca-certificates/machine-{index:03}.crt").write_text(block + "\n")
    run(["chroot", root, "update-ca-certificates"])
    (root / "etc/apt/sources.list").write_text("".join(f"{line}\n" for line in apt.sources(suite)))
    if apt.options():
        (root / "etc/apt/apt.conf.d/90machine").write_text(apt.options())
    # Docker gives a container its own; systemd makes the machine's identity at first boot.
    for leftover in ("etc/resolv.conf", "etc/hostname"):
        (root / leftover).unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")


def build_root(suite: str) -> None:
    """Build quai-root:<suite>: the packages, which take long."""
    name = f"quai-root:{suite}"
    scratch = s.CACHE / "build" / f"{suite}-{threading.get_ident()}"
    root = scratch / "root"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    scratch.chmod(0o755)  # apt's own user must get through
    try:
        options = [f"--dpkgopt=path-exclude={path}" for path in _PATH_EXCLUDES]
        options += [f"--aptopt={line}" for line in apt.options().splitlines()]
        _with_progress(
            f"{name}: mmdebstrap",
            [
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                f"--keyring={apt.KEYRING}",
                *options,
                f"--include={','.join(PACKAGES)}",
                suite,
                root,
                *apt.sources(suite),
            ],
        )
        _customize(root, suite)
        say(f"{name}: importing")
        tar = subprocess.Popen(
            ["tar", "--numeric-owner", "--xattrs", "--exclude=./dev/*", "-C", root, "-c", "."], stdout=subprocess.PIPE
        )
        label = f"LABEL {_RECIPE_LABEL}={_recipe(name)}"
        imported = subprocess.run(
            ["docker", "import", "--change", label, "-", name],
            stdin=tar.stdout,
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        if tar.wait() != 0 or imported.returncode != 0:
            raise Failure(f"{name}: docker import failed: {imported.stderr.strip()}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def build_host(suite: str) -> None:
    """Build quai-host:<suite>: Debian with systemd as PID 1, and nothing of Docker."""
    name = f"quai-host:{suite}"
    init = base64.b64encode(_INIT.read_bytes()).decode()
    recipe = _FINISH.format(suite=suite, init=init, masked=" ".join(MASKED), label=_RECIPE_LABEL, recipe=_recipe(name))
    docker("build", "-q", "-t", name, "-", stdin=recipe)


def build_engine_host(suite: str) -> None:
    """Build quai-host-docker:<suite>: the same with Debian's Docker installed and enabled."""
    name = f"quai-host-docker:{suite}"
    recipe = _ENGINE_DOCKERFILE.format(
        source=f"quai-host:{suite}",
        packages=" ".join(ENGINE_PACKAGES),
        mirror=s.REGISTRY_URL,
        label=_RECIPE_LABEL,
        recipe=_recipe(name),
    )
    say(f"{name}: installing {' '.join(ENGINE_PACKAGES)}")
    docker("build", "-q", "-t", name, "-", stdin=recipe)


def build_hosts(suite: str, have: dict[str, str]) -> None:
    """Build what a suite lacks or has from another recipe."""
    rebuilt = False
    for kind, build in (("quai-root", build_root), ("quai-host", build_host), ("quai-host-docker", build_engine_host)):
        # What stands on something new is made anew.
        rebuilt = rebuilt or have.get(f"{kind}:{suite}") != _recipe(f"{kind}:{suite}")
        if rebuilt:
            build(suite)
    if rebuilt:
        say(f"{suite} hosts are ready")


def _with_progress(what: str, words: Iterable[str | Path]) -> None:
    """Run a long command and say every ten seconds that it is at work."""
    say(what)
    started, done = time.monotonic(), threading.Event()

    def tell() -> None:
        while not done.wait(10):
            say(f"{what}: at work since {time.monotonic() - started:.0f} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        run(list(words))
    finally:
        done.set()
        teller.join()


# --- stand-ins on the mirror -------------------------------------------------------------------------------------


def _base_image_script(runtime: str) -> tuple[str, str]:
    """(image name, build script) of the product's own Debian base for a runtime: the bed has no second recipe."""
    spec = importlib.util.spec_from_file_location("quai_base_image", s.BASE_IMAGE)
    if spec is None or spec.loader is None:
        raise Failure(f"{s.BASE_IMAGE} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module.base_image(runtime).name, module.script(runtime)


def _on_mirror(image: str) -> bool:
    name, _, tag = image.partition(":")
    request = urllib.request.Request(
        f"{s.REGISTRY_URL}/v2/{name}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5):
            return True
    except OSError:
        return False


def fill_mirror(image: str, runtime: str) -> None:
    """Put a stand-in on the mirror under the official name, unless it is there, made by the present recipe."""
    base, script = _base_image_script(runtime)
    marker = s.CACHE / f"stand-in-{runtime}"
    recipe = _digest(script, image)
    if marker.exists() and marker.read_text() == recipe and _on_mirror(image):
        return
    _with_progress(f"{image}: building {base} from Debian packages", ["sh", "-c", script])
    target = f"{s.REGISTRY}/{image}"
    docker("tag", base, target)
    say(f"{image}: pushing to the mirror {s.REGISTRY_URL}")
    docker("push", "-q", target)
    marker.write_text(recipe)


def up(suites: Iterable[str]) -> None:
    """Build everything that is missing, two at a time."""
    have = _present()
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [pool.submit(build_hosts, suite, have) for suite in suites]
        jobs += [pool.submit(fill_mirror, image, runtime) for image, runtime in s.STAND_INS.items()]
        failures = [job.exception() for job in jobs]
    for failure in failures:
        if failure is not None:
            raise failure
    _drop_replaced()


def _drop_replaced() -> None:
    """Remove host images that a newer recipe has taken the name from, unless a container still uses them."""
    filters = ["--filter", "dangling=true", "--filter", f"label={_RECIPE_LABEL}"]
    for image in docker("images", "-q", *filters).stdout.split():
        docker("rmi", image, check=False)
