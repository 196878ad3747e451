"""Copying files as they are: over servers, interrupted, and with the same choice as archives."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from services.archiver.destinations.configuration import SOURCE, configuration, target_fs
from services.archiver.destinations.places import RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_program import find_rclone
from services.archiver.destinations.rclone_run import RcloneRun
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from services.archiver.destinations.setting_up import set_up
from services.archiver.errors import (
    CancelledByPersonError,
    DestinationAwayError,
    DestinationRefusedError,
    MirrorRefusedError,
)
from services.archiver.format.tree import TreeEntry
from services.archiver.opening import OpenPlace
from services.archiver.runs.mirror_work import Mirrored, MirrorWork
from services.archiver.runs.pulse import Pulse
from services.archiver.sources.filters import steps_of
from services.archiver.sources.trees import tree_of
from services.archiver.store.mirrored import MirrorReader
from services.archiver.store.seen import read_seen
from shared.contracts.archiver import Source, SourceConfig, SourceId
from shared.contracts.identifiers import JobId
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.faulty_servers import faulty_proxy
from tests.integration.archiver.rclone_servers import CRYPT, Server


def _source(root: Path, **config: list[str]) -> Source:
    return Source(
        id=SourceId(str(uuid4())),
        name="tree",
        type="directory",
        config=SourceConfig(path=str(root), **config),
        priority=0,
        created_at=dt.datetime.now(dt.UTC),
    )


class Copies:
    """A mirror of a folder, brought up to date again and again."""

    def __init__(self, daemon: RcloneDaemon, remote: RcloneRemote, root: Path, work: Path) -> None:
        self.root = root
        self._daemon = daemon
        self._remote = remote
        self._work = work
        store_id = uuid4()
        place = RclonePlace(daemon, remote, limits=IMPATIENT)
        report = set_up(place, store_id, now=dt.datetime.now(dt.UTC), mode="mirror")
        assert report.is_good, report
        self._place = OpenPlace(place=place, store_id=store_id, key=None, remote=remote)

    def bring(self, aside: str) -> Mirrored:
        folder = self._work / secrets.token_hex(4)
        folder.mkdir(mode=0o700)
        source = _source(self.root)
        # It beats for nobody: nothing of it is asked but how far the run is.
        pulse = Pulse(pool=None, bus=None, job_id=JobId("job"))  # type: ignore[arg-type]
        work = MirrorWork(
            source=source,
            tree=tree_of(source, None),
            place=self._place,
            daemon=self._daemon,
            pulse=pulse,
            folder=folder,
            most_lost=0.5,
        )
        looked = work.look()
        return work.copy("photos", aside, looked)

    def read(self, asides: list[str], path: bytes, size_bytes: int) -> bytes:
        transport = RcloneTransport(self._daemon, self._remote, limits=IMPATIENT)
        entry = TreeEntry(path=path, type="file", mode=0, mtime_ns=0, size_bytes=size_bytes)
        reader = MirrorReader(transport, folder="photos", asides=asides)
        return b"".join(reader.pieces(entry))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / 'tree, of [odd] {names} `and` "quotes"'
    (root / "a folder").mkdir(parents=True)
    (root / "a folder" / "line\nfeed \\ and môre\x01").write_bytes(b"one")
    (root / "a folder" / "empty").touch()
    (root / "plain").write_bytes(b"first")
    (root / "link").symlink_to("plain")
    return root


@pytest.mark.parametrize(("kind", "crypt"), [("s3", CRYPT), ("sftp", None)])
def test_a_server_holds_what_the_source_has_and_had(
    kind: str,
    crypt: Crypt | None,
    daemon: RcloneDaemon,
    servers: dict[str, Server],
    tree: Path,
    tmp_path: Path,
) -> None:
    remote = servers[kind].remote(secrets.token_hex(8), crypt=crypt)
    (tmp_path / "work").mkdir(mode=0o700)
    copies = Copies(daemon, remote, tree, tmp_path / "work")
    first = copies.bring("1")
    assert (first.file_count, first.symlink_count, first.torn_count) == (3, 1, 0)
    assert (first.sent_count, first.skipped, first.is_trimmed) == (4, [], True)
    assert copies.bring("2").sent_count == 0
    (tree / "plain").write_bytes(b"second one")
    (tree / "a folder" / "line\nfeed \\ and môre\x01").unlink()
    third = copies.bring("3")
    assert (third.file_count, third.sent_count) == (2, 1)
    assert copies.read([], b"plain", 10) == b"second one"
    # However many change at a time, nothing is lost by it.
    for number in range(30):
        (tree / f"photo {number}").write_bytes(b"a photo")
    copies.bring("4")
    for number in range(30):
        (tree / f"photo {number}").write_bytes(b"a better photo")
    assert copies.bring("5").sent_count == 30
    assert copies.read(["5"], b"photo 29", 7) == b"a photo"
    assert copies.read(["2", "3"], b"plain", 5) == b"first"
    gone = "a folder/line\nfeed \\ and môre\x01".encode()
    assert copies.read(["2", "3"], gone, 3) == b"one"
    with third.seen.open("rb") as seen:
        assert gone not in {one.found.path for one in read_seen(seen)}


def test_a_copy_that_was_killed_leaves_nothing_behind_and_too_much_is_never_removed(
    daemon: RcloneDaemon, servers: dict[str, Server], tree: Path, tmp_path: Path
) -> None:
    for number in range(40):
        (tree / f"photo {number}").write_bytes(b"a photo")
    (tree / "large").write_bytes(os.urandom(4 * 1024 * 1024))
    place = secrets.token_hex(8)
    remote = servers["sftp"].remote(place)
    (tmp_path / "work").mkdir(mode=0o700)
    copies = Copies(daemon, remote, tree, tmp_path / "work")
    current = servers["sftp"].files / "bucket" / place / "mirrors" / "photos" / "current"

    def kill() -> bool:
        if any(current.glob("large.*.keepsake-part")):
            for pid in _copying():
                os.kill(pid, signal.SIGKILL)
        return False

    run = _run(daemon, remote, tree, tmp_path / "killed")
    target = f"{target_fs(remote)}mirrors/photos/current"
    options = ["--partial-suffix", ".keepsake-part", "--bwlimit", "100k"]
    with pytest.raises(DestinationAwayError):
        run.run(["sync", f"{SOURCE}:", target, *options], is_cancelled=kill)
    assert list(current.glob("*.keepsake-part"))
    assert copies.bring("1").file_count == 44
    assert not list(current.glob("*.keepsake-part"))
    assert (current / "large").read_bytes() == (tree / "large").read_bytes()

    # Without a catalogue as well.
    for path in tree.glob("photo *"):
        path.unlink()
    with pytest.raises(MirrorRefusedError):
        copies.bring("2")
    assert len(list(current.glob("photo *"))) >= 30
    assert copies.read(["2"], b"photo 0", 7) == b"a photo"


def test_a_server_that_keeps_no_times_is_refused_before_anything_is_sent(
    daemon: RcloneDaemon, servers: dict[str, Server], tree: Path, tmp_path: Path
) -> None:
    server = servers["webdav"]
    place = secrets.token_hex(8)
    copies = Copies(daemon, server.remote(place), tree, tmp_path)
    with pytest.raises(DestinationRefusedError, match="times"):
        copies.bring("1")
    assert not list(server.files.rglob(f"{place}/mirrors"))


def _run(daemon: RcloneDaemon, remote: RcloneRemote, tree: Path, work: Path) -> RcloneRun:
    work.mkdir(mode=0o700)
    return RcloneRun(
        folder=work, configuration=configuration(daemon, remote, str(tree)), source=str(tree)
    )


def test_a_copy_that_is_cancelled_ends_at_once_and_had_no_secret_to_show(
    daemon: RcloneDaemon, servers: dict[str, Server], tree: Path, tmp_path: Path
) -> None:
    (tree / "large").write_bytes(os.urandom(4 * 1024 * 1024))
    crypt = Crypt(password=Secret("`ticked` #1 \"quoted\" 'too'"), password2=Secret("; $alt = %"))
    remote = servers["s3"].remote(secrets.token_hex(8), crypt=crypt)
    shown: list[bytes] = []
    seen: list[int] = []

    def look() -> bool:
        for pid in _copying():
            shown.append(_told(pid))
            seen.append(pid)
        return bool(shown)

    run = _run(daemon, remote, tree, tmp_path / "work")
    arguments = ["sync", f"{SOURCE}:", f"{target_fs(remote)}x", "--filter", "- none"]
    with pytest.raises(CancelledByPersonError):
        run.run([*arguments, "--bwlimit", "20k"], is_cancelled=look)
    assert not Path(f"/proc/{seen[0]}").exists()
    for secret in (b"SECRETTESTKEY", b"ticked", b"$alt", b"PASSWORD", str(tree).encode()):
        assert secret not in shown[0]
    # And the same goes on, with the same odd passwords, to its end.
    (tree / "large").unlink()
    run.run(arguments)
    transport = RcloneTransport(daemon, remote, is_new=True, limits=IMPATIENT)
    assert transport.get("x/plain") == b"first"


def test_a_server_that_fails_again_and_again_is_not_asked_for_everything(
    daemon: RcloneDaemon, servers: dict[str, Server], tree: Path, tmp_path: Path
) -> None:
    for number in range(40):
        (tree / f"photo {number}").write_bytes(b"a photo")
    with faulty_proxy(servers["s3"].port) as (port, faults):
        faults.mode = 503
        remote = servers["s3"].remote(secrets.token_hex(8), port=port)
        run = _run(daemon, remote, tree, tmp_path / "work")
        with pytest.raises(DestinationAwayError):
            run.run(["sync", f"{SOURCE}:", target_fs(remote), "--low-level-retries", "1"])
        assert 10 <= faults.count < 40


def _copying() -> list[int]:
    """Return the processes below ours that copy."""
    found = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "pid="], capture_output=True, text=True, check=True
    )
    told = {pid: _told(pid) for pid in map(int, found.stdout.split())}
    return [pid for pid, one in told.items() if b"\0sync\0" in one and b"_launcher" not in one]


def _told(pid: int) -> bytes:
    """Return the arguments and variables of a process; nothing of one that has ended."""
    try:
        return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    except OSError:
        return b""


def test_a_server_that_is_gone_and_keys_that_are_wrong_are_told_apart(
    daemon: RcloneDaemon, servers: dict[str, Server], tree: Path, tmp_path: Path
) -> None:
    wanted: list[tuple[RcloneRemote, type[Exception]]] = [
        (servers["sftp"].remote("x", port=1), DestinationAwayError),
        (servers["s3"].remote("x", password="another"), DestinationRefusedError),
        (servers["sftp"].remote("x", password="another"), DestinationRefusedError),
    ]
    for number, (remote, kind) in enumerate(wanted):
        run = _run(daemon, remote, tree, tmp_path / f"work {number}")
        with pytest.raises(kind):
            run.run(["sync", f"{SOURCE}:", target_fs(remote)])


PATTERNS: list[tuple[list[str], list[str]]] = [
    ([], ["*.tmp", "thumbs/", "/a/b", "deep/**/end"]),
    ([], ["**/x?", "a/**", "[odd]", "{curly}", "bück*", "back\\slash"]),
    (["a/", "*.jpg"], ["*.tmp"]),
    (["a/b/*", "thumbs/**"], []),
    (["plain"], ["a/"]),
]
PATHS = [
    "plain", "one.tmp", "a/b/c", "a/b/d/e", "a/x1", "a/x12", "a/one.jpg", "thumbs/1", "q/thumbs/2",
    "thumbs.jpg", "deep/end", "deep/1/end", "deep/1/2/end", "q/deep/end", "[odd]", "o", "{curly}",
    "curly", "bücke", "back\\slash", "b/a/b", "x.tmp/inner", "q/x1/y", "sp ace/a.jpg",
]  # fmt: skip


@pytest.mark.parametrize(("include", "exclude"), PATTERNS)
def test_a_mirror_takes_what_an_archive_takes(
    include: list[str], exclude: list[str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    for path in PATHS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    source = _source(root, include=include, exclude=exclude)
    with tree_of(source, None) as walked:
        wanted = {os.fsdecode(one.path) for one in walked.walk() if one.type == "file"}
        [step] = steps_of(source, walked)
        assert {path for path in PATHS if walked.wants(path.encode())} == wanted
    rules = tmp_path / "rules"
    rules.write_text("".join(f"{rule}\n" for rule in step.rules))
    listed = subprocess.run(
        [find_rclone(), "--config", "", "lsf", "-R", "--files-only", "--filter-from", rules, root],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(listed.stdout.splitlines()) == wanted
    assert 0 < len(wanted) < len(PATHS)
