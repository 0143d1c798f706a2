"""The archive of old releases: what is written for apt, and what is accepted as Debian's.

gpgv speaks with recorded words here, and apt-get is played; real ones judge a real archive in molecule/docker_engine_eol.
"""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path

import pytest

from ansible_collections.quai.engine.plugins.module_utils import debian_archive
from ansible_collections.quai.engine.plugins.module_utils.debian_archive import Archive
from ansible_collections.quai.engine.plugins.module_utils.plan import Refused
from ansible_collections.quai.engine.tests.unit.harness import Guard

KEY = "126C0D24BD8A2942CC7DF8AC7638D0442B90D010"
SUBKEY = "16E90B3FDF65EDE3AA7F323C04EE7237B7D453EC"
VALID = (
    f"[GNUPG:] EXPKEYSIG 7638D0442B90D010 Debian\n[GNUPG:] VALIDSIG {KEY} 2018-06-23 1529747130 0 4 0 1 8 01 {KEY}\n"
)
BY_SUBKEY = f"[GNUPG:] VALIDSIG {SUBKEY} 2018-06-23 1529747130 0 4 0 1 8 01 {KEY}\n"
UNKNOWN = "[GNUPG:] ERRSIG 56C665B0410A9892 1 10 01 1546300800 9 5D3F\n[GNUPG:] NO_PUBKEY 56C665B0410A9892\n"
BAD = "[GNUPG:] BADSIG 7638D0442B90D010 Debian\n"
STRANGER = VALID.replace(KEY, "0" * 40)
REVOKED = VALID.replace("EXPKEYSIG", "REVKEYSIG")  # as gpgv says it; of a key that has expired too it says only that
SPOOFED = f"[GNUPG:] EXPKEYSIG 7638D0442B90D010 VALIDSIG {KEY} x {KEY}\n"
ARCHIVE = Archive(
    url="http://archive.example/debian",
    suites=["jessie", "jessie-backports"],
    fingerprints=[KEY, "1" * 40],
    keyrings=["/nosuch/keyring.gpg"],
    pins={"docker.io": "jessie-backports"},
    versions={"docker.io": "1.6.2~dfsg1-1~bpo8+1"},
    package="docker.io",
)
LIST = "Package: docker.io\n"

# Fills the directories it is told of from the one beside it, as apt-get does from an archive.
APT = """#!/bin/sh
here={here}
for word in "$@"; do
  case $word in
    Dir::State::Lists=*) lists=${{word#*=}} ;;
    Dir::Cache=*) cache=${{word#*=}} ;;
    update) ls "$lists/partial" >/dev/null && cp "$here"/lists/* "$lists" ;;
    install) ls "$cache/archives/partial" >/dev/null && cp "$here"/debs/* "$cache/archives" ;;
  esac
done
echo "apt-get $*" >>{here}/calls
exit "$(cat {here}/rc)"
"""


@dataclasses.dataclass
class Host:
    """A host whose apt-get gets these lists and packages, and whose gpgv says this."""

    directory: Path
    guard: Guard

    def release(self, suite: str, **changes: str) -> str:
        """Return an InRelease that vouches for LIST."""
        digest = hashlib.sha256(LIST.encode()).hexdigest()
        text = f"Codename: {suite}\nSHA256:\n {digest} {len(LIST)} main/binary-amd64/Packages\n"
        for old, new in changes.items():
            text = text.replace(old, new)
        begin = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
        return f"{begin}{text}-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"

    def put(self, suite: str, text: str | None, name: str = "InRelease") -> None:
        """Have this text as the suite's InRelease, or none."""
        for path in self.directory.glob(f"lists/*_dists_{suite}_*elease"):
            path.unlink()
        if text is not None:
            (self.directory / f"lists/archive.example_debian_dists_{suite}_{name}").write_text(text, encoding="utf-8")

    def fetch(self, archive: Archive, gpgv: str = VALID) -> subprocess.CompletedProcess[str]:
        """Run what `fetch` returns."""
        self.guard.answer("*", gpgv, program="gpgv")
        script = archive.fetch(["docker.io", "ca-certificates"]).replace("/var/tmp", str(self.directory / "tmp"))
        return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False, timeout=30)

    def left(self) -> list[Path]:
        """Return what was left behind."""
        return list((self.directory / "tmp").iterdir())


@pytest.fixture
def host(guard: Guard, tmp_path: Path) -> Host:
    """A host with the good archive."""
    made = Host(tmp_path / "host", guard)
    for name in ("lists", "debs", "tmp"):
        (made.directory / name).mkdir(parents=True)
    for suite in ARCHIVE.suites:
        made.put(suite, made.release(suite))
        lists = made.directory / f"lists/archive.example_debian_dists_{suite}_main_binary-amd64_Packages"
        lists.write_text(LIST, encoding="utf-8")
    (made.directory / "debs/docker.io_1.6.2_amd64.deb").write_text("the package", encoding="utf-8")
    (made.directory / "rc").write_text("0", encoding="utf-8")
    program = guard.bin / "apt-get"
    program.write_text(APT.format(here=made.directory), encoding="utf-8")
    program.chmod(0o755)
    (made.directory / "keyring.gpg").touch()
    return made


@pytest.fixture
def archive(host: Host) -> Archive:
    """The archive, with a keyring that is there."""
    return dataclasses.replace(ARCHIVE, keyrings=["/nosuch/keyring.gpg", str(host.directory / "keyring.gpg")])


def test_what_is_written_for_apt() -> None:
    """All three, none of it newer than apt 1.0.9.8."""
    texts = {path: text.splitlines()[1:] for path, text in ARCHIVE.texts.items()}
    assert texts == {
        debian_archive.SETTINGS: ['Acquire::Check-Valid-Until "false";'],
        debian_archive.SOURCES: [
            "deb [trusted=yes] http://archive.example/debian jessie main",
            "deb [trusted=yes] http://archive.example/debian jessie-backports main",
        ],
        debian_archive.PREFERENCES: ["Package: docker.io", "Pin: release n=jessie-backports", "Pin-Priority: 990"],
    }
    assert debian_archive.PREFERENCES not in dataclasses.replace(ARCHIVE, pins={}).texts


def test_packages_by_their_version() -> None:
    """Where one is meant."""
    assert ARCHIVE.names(["docker.io", "ca-certificates"]) == ["docker.io=1.6.2~dfsg1-1~bpo8+1", "ca-certificates"]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://x/debian jessie main\ndeb http://y/"},
        {"url": "archive.example"},
        {"url": "http://x/[a]"},
        {"fingerprints": [KEY, ".*"]},
        {"fingerprints": [KEY.lower()]},
        {"sha256": "abc"},
    ],
)
def test_what_could_mean_something_else_is_refused(changes: dict[str, object]) -> None:
    """In sources.list, or in a pattern."""
    with pytest.raises(Refused, match="docker_engine_archive_"):
        dataclasses.replace(ARCHIVE, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("gpgv", [VALID, BY_SUBKEY, UNKNOWN + VALID, STRANGER + BY_SUBKEY, REVOKED + VALID])
@pytest.mark.parametrize("name", ["InRelease", "Release"])  # as Debian 8's apt calls one whose key has expired
def test_what_a_known_key_has_signed_is_accepted(host: Host, archive: Archive, gpgv: str, name: str) -> None:
    """Expired or not, by a subkey, beside others; and apt-get is told of nothing but what was fetched."""
    host.put("jessie", host.release("jessie"), name)
    done = host.fetch(archive, gpgv)
    assert (done.returncode, done.stderr) == (0, "")
    aside = Path(done.stdout)
    assert [aside] == host.left()
    assert (aside / "cache/archives/docker.io_1.6.2_amd64.deb").exists()
    assert f"--keyring {host.directory}/keyring.gpg {aside}/lists/archive" in host.guard.calls[0]
    for call in (host.directory / "calls").read_text(encoding="utf-8").splitlines():
        for setting in (f"SourceList={aside}/sources.list", "SourceParts=-", f"Lists={aside}/lists", f"Cache={aside}/"):
            assert setting in call
    assert f"Dir::Cache={aside}/cache" in debian_archive.options(str(aside))


@pytest.mark.parametrize(
    ("gpgv", "said"),
    [
        (BAD, "InRelease of jessie: its signature does not fit: it was tampered with"),
        (VALID + BAD, "tampered with"),
        (UNKNOWN, "InRelease of jessie: no known key has signed it"),
        (STRANGER, "no known key has signed it"),
        (REVOKED, "no known key has signed it"),
        (VALID.replace(KEY, "0" * 40) + REVOKED, f"REVKEYSIG {KEY[-16:]} Debian"),
        (SPOOFED, "no known key has signed it"),
        ("", "no known key has signed it"),
    ],
)
def test_what_no_known_key_has_signed_is_refused(host: Host, archive: Archive, gpgv: str, said: str) -> None:
    """And nothing is left of it."""
    done = host.fetch(archive, gpgv)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert host.left() == []


def test_text_around_the_signed_one_is_refused(host: Host, archive: Archive) -> None:
    """gpgv would pass over what apt reads."""
    text = host.release("jessie")
    for each in (f"Origin: x\n{text}", f"{text}Origin: x\n", text + text):
        host.put("jessie", each)
        assert "it is not one signed text" in host.fetch(archive).stderr
    assert host.left() == []


def test_each_suite_and_each_list_counts(host: Host, archive: Archive) -> None:
    """One missing, one of another suite, one list that was not signed for."""
    host.put("jessie-backports", None)
    assert "there is no InRelease of jessie-backports" in host.fetch(archive).stderr
    host.put("jessie-backports", host.release("jessie"))
    assert "InRelease of jessie-backports is of another suite" in host.fetch(archive).stderr
    host.put("jessie-backports", host.release("jessie-backports", Packages="Sources"))
    assert "jessie-backports_main_binary-amd64_Packages is not what InRelease" in host.fetch(archive).stderr
    assert host.left() == []


def test_the_digest_of_the_package(host: Host, archive: Archive) -> None:
    """The pinned one or none."""
    right = hashlib.sha256(b"the package").hexdigest()
    done = host.fetch(dataclasses.replace(archive, sha256="0" * 64))
    assert f"docker.io_1.6.2_amd64.deb has the SHA-256 {right} instead of {'0' * 64}" in done.stderr
    assert host.left() == []
    assert host.fetch(dataclasses.replace(archive, sha256=right)).returncode == 0


def test_without_a_keyring_or_an_archive(host: Host, archive: Archive) -> None:
    """Said by name."""
    assert "no keyring is there: /nosuch/keyring.gpg" in host.fetch(ARCHIVE).stderr
    (host.directory / "rc").write_text("100", encoding="utf-8")
    assert host.fetch(archive).returncode == 1
    assert host.left() == []
