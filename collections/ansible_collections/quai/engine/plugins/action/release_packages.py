"""quai.engine.release_packages: the packages that Docker takes on a bare Debian of some release, as files on the controller."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.quai.engine.plugins.module_utils import release_packages
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive
from ansible_collections.quai.engine.plugins.module_utils.plan import Failure
from ansible_collections.quai.engine.plugins.plugin_utils.base import QuaiAction

PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_-]*\Z")


class ActionModule(QuaiAction):
    """The action."""

    def outcome(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Fetch them on this host and have them in the directory, and nothing else there."""
        directory = Path(args["directory"])
        row = release_packages.row(args["releases"], args["release"])
        proof = (args[name] for name in ("archive_url", "archive_keyring", "archive_fingerprints", "archive_sha256"))
        archived = Archive.of(row, *proof) if "archive" in row else None
        title = f"fetch the packages of Debian {args['release']}"
        remote = self._make_tmp_path()
        try:
            archive = self._connection._shell.join_path(remote, "packages.tar")
            shell = release_packages.fetch(row, archived, archive)
            if self._task.check_mode:
                return {"changed": False, "plan": [title]}
            with self.long_step(title):
                answer = self.fragment(shell)
            if not answer.ok and archived:
                raise archived.refused(f"set of packages of Debian {args['release']}", answer.stderr)
            if not answer.ok:
                raise Failure(f"{self._host}: could not {title}: {answer.stderr or answer.stdout}")
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=directory.parent) as near:
                local = Path(near, "packages.tar")
                self._connection.fetch_file(archive, str(local))
                names = _unpack(local, Path(near, "packages"))
                shutil.rmtree(directory, ignore_errors=True)
                Path(near, "packages").rename(directory)
        finally:
            self._remove_tmp_path(remote)
        return {
            "changed": False,  # the directory is a cache
            "plan": [title],
            "warnings": archived.warnings if archived else [],
            "architecture": answer.stdout.split()[-1],
            "packages": [name for name in names if name != release_packages.INDEX],
        }


def _unpack(archive: Path, directory: Path) -> list[str]:
    """Write the archive's files into a new directory and return their names, sorted."""
    directory.mkdir(mode=0o755)
    names = []
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member)
            if source is None or not PACKAGE.match(member.name):
                raise Failure(f"{archive} holds {member.name!r}, which is no package.")
            with (directory / member.name).open("wb") as target:
                shutil.copyfileobj(source, target)
            names.append(member.name)
    return sorted(names)
