"""Folders that somebody changes while they are read: what was checked is swapped before it is used.

The attacker owns the backup's folder and may do in it whatever a user can; some things take root.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import MintedBackup, PhoneFile, file_id, mint_backup
from services.discovery.blobs import find_missing_blobs
from services.discovery.errors import FolderUnreadable
from services.discovery.inspection import judge, read_plists
from shared.ios_backup import BackupFolder, Keys, ManifestEntry
from shared.ios_backup.errors import (
    BackupFormatError,
    DamagedFile,
    DamagedManifest,
    Incomplete,
    MissingFile,
)
from shared.scratch import Scratch
from tests.hostile.bombs import spared

NAME = ("HomeDomain", "Library/notes.txt")
CONTENT = b"what the phone stored"
SECRET = b"root:$6$what nobody may read"
PARTS = ("Manifest.db", "Info.plist", "Manifest.plist", "Status.plist")


class Target:
    """A plain backup with one file, its manifest read already."""

    def __init__(self, tmp_path: Path) -> None:
        self.minted: MintedBackup = mint_backup(
            tmp_path / "root", files=[PhoneFile(*NAME, CONTENT)]
        )
        self.folder = BackupFolder.open(self.minted.path)
        self.keys: Keys | None = None
        self.blob = self.minted.blob_path(*NAME)
        self.secret = tmp_path / "shadow"
        self.secret.write_bytes(SECRET)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        with self.folder.open_manifest(None, scratch) as manifest:
            found = manifest.find(*NAME)
        assert found is not None
        self.entry: ManifestEntry = found

    def read(self) -> bytes:
        with self.folder.open_file(self.entry, None) as reader:
            return b"".join(reader.chunks())


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def swap_after_the_look(
    monkeypatch: pytest.MonkeyPatch, target: Path, swap: Callable[[], None]
) -> None:
    """Call *swap* when the file was looked at and is not open yet: the worst moment there is."""
    real = os.stat

    def look(path: Any, *more: Any, **named: Any) -> os.stat_result:
        found = real(path, *more, **named)
        if str(path).endswith(target.name):
            monkeypatch.undo()
            swap()
        return found

    monkeypatch.setattr("shared.ios_backup.safe_files.os.stat", look)


def replace_by_link(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


def replace_by_pipe(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("swap", [replace_by_link, replace_by_pipe, replace_by_folder])
def test_a_blob_that_is_swapped_between_look_and_open_is_refused(
    target: Target, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path, Path], None]
) -> None:
    swap_after_the_look(monkeypatch, target.blob, lambda: swap(target.blob, target.secret))
    with pytest.raises(DamagedFile) as told:
        target.read()
    assert not isinstance(told.value, MissingFile)


def test_a_blob_that_vanishes_between_look_and_open_is_missing(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap_after_the_look(monkeypatch, target.blob, target.blob.unlink)
    with pytest.raises(MissingFile):
        target.read()


def test_what_is_open_stays_what_it_was_whatever_its_name_becomes(target: Target) -> None:
    with target.folder.open_file(target.entry, None) as reader:
        replace_by_link(target.blob, target.secret)
        assert b"".join(reader.chunks()) == CONTENT
    with pytest.raises(DamagedFile):
        target.read()


@contextlib.contextmanager
def flipping(one: Callable[[], None], other: Callable[[], None]) -> Iterator[None]:
    """Do the one and the other in turns, as fast as it goes, beside the body."""
    stopping = threading.Event()
    failures: list[BaseException] = []

    def flip() -> None:
        try:
            while not stopping.is_set():
                one()
                other()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
    assert failures == []


def read_often(target: Target) -> set[bytes]:
    """Read some thousand times, and until both sides of the race have won at least once."""
    seen: set[bytes] = set()
    for turn in range(200_000):
        try:
            seen.add(target.read())
        except DamagedFile:
            seen.add(b"")
        if turn >= 3000 and len(seen) > 1:
            break
    return seen


def test_no_race_for_a_blob_ever_gives_somebody_elses_bytes(target: Target, tmp_path: Path) -> None:
    good, link = tmp_path / "good", tmp_path / "link"

    def put_link() -> None:
        link.symlink_to(target.secret)
        link.replace(target.blob)

    def put_file() -> None:
        good.write_bytes(CONTENT)
        good.replace(target.blob)

    with flipping(put_link, put_file):
        assert read_often(target) == {CONTENT, b""}


def test_no_race_for_a_folder_of_blobs_leads_out_of_the_backup(
    target: Target, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / target.blob.name).write_bytes(SECRET)
    inner, aside = target.blob.parent, tmp_path / "aside"

    def put_link() -> None:
        inner.rename(aside)
        inner.symlink_to(outside)

    def put_folder() -> None:
        inner.unlink()
        aside.rename(inner)

    with flipping(put_link, put_folder):
        assert read_often(target) == {CONTENT, b""}


@pytest.mark.parametrize("name", PARTS)
def test_no_race_for_a_part_of_the_container_opens_another_file(
    name: str, target: Target, tmp_path: Path
) -> None:
    """A list elsewhere names a device that no look may ever tell."""
    other = mint_backup(
        tmp_path / "other", files=[], udid="00008110-0FFFFFFFFFFFFFFF", device_name="elsewhere"
    ).path
    part, good, link = target.minted.path / name, tmp_path / "good", tmp_path / "link"
    content = part.read_bytes()
    scratch = tmp_path / "staged"
    scratch.mkdir()

    def put_link() -> None:
        link.symlink_to(other / name)
        link.replace(part)

    def put_file() -> None:
        good.write_bytes(content)
        good.replace(part)

    with flipping(put_link, put_file):
        for _ in range(150):
            folder = BackupFolder.open(target.minted.path)
            assert folder.description.name != "elsewhere"
            with contextlib.suppress(BackupFormatError), folder.open_manifest(None, scratch) as own:
                assert own.find(*NAME) is not None
            with contextlib.suppress(FolderUnreadable):
                assert read_plists(bytes(target.minted.path)).facts.name != "elsewhere"


def test_a_manifest_that_grows_while_it_is_copied_has_an_end(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = target.minted.path / "Manifest.db"
    real = os.statvfs
    size = manifest.stat().st_size
    written: list[int] = []

    def look(path: Any) -> os.statvfs_result:
        # Its length is known by now; from here on somebody writes and writes.
        with manifest.open("ab") as file:
            file.truncate(size + (64 << 20))
        return real(path)

    monkeypatch.setattr("shared.ios_backup.manifest_staging.os.statvfs", look)
    real_write = os.write

    def write(descriptor: int, piece: Any) -> int:
        written.append(len(piece))
        return real_write(descriptor, piece)

    monkeypatch.setattr("shared.ios_backup.decryption.os.write", write)
    (tmp_path / "staged").mkdir()
    with BackupFolder.open(target.minted.path).open_manifest(None, tmp_path / "staged") as opened:
        assert opened.find(*NAME) is not None
    assert sum(written) == size


def test_a_manifest_of_holes_fills_no_memory(target: Target, tmp_path: Path) -> None:
    """Gigabytes that cost nothing on disk would be gigabytes of tmpfs."""
    manifest = target.minted.path / "Manifest.db"
    os.truncate(manifest, 3 << 30)
    (tmp_path / "staged").mkdir()
    with pytest.raises(DamagedManifest, match="larger than any real one"):
        BackupFolder.open(target.minted.path).open_manifest(None, tmp_path / "staged")
    room = os.statvfs(tmp_path)
    if room.f_bavail * room.f_frsize < 2 << 30:
        pytest.skip("there is no room to leave")
    assert not any((tmp_path / "staged").iterdir())


def test_a_manifest_for_which_there_is_no_room_is_refused_before_everything_is_full(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(tmp_path)
    almost_full = os.statvfs_result((*real[:3], 1, 1, *real[5:]))
    monkeypatch.setattr("shared.ios_backup.manifest_staging.os.statvfs", lambda _: almost_full)
    (tmp_path / "staged").mkdir()
    with pytest.raises(OSError, match="no space"):
        target.folder.open_manifest(None, tmp_path / "staged")
    assert not any((tmp_path / "staged").iterdir())


# -- devices, hard links, names --------------------------------------------------------------------


@pytest.fixture
def opened_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of everything that is opened within a backup."""
    names: list[str] = []
    real = os.open

    def spy(path: Any, *more: Any, **named: Any) -> int:
        names.append(str(path).rpartition("/")[2])
        return real(path, *more, **named)

    monkeypatch.setattr("shared.ios_backup.safe_files.os.open", spy)
    return names


def make_device(path: Path, kind: int, major: int, minor: int) -> None:
    if os.geteuid():
        pytest.skip("only root can make devices")
    path.unlink(missing_ok=True)
    try:
        os.mknod(path, kind | 0o666, os.makedev(major, minor))
    except PermissionError:
        pytest.skip("this container lets nobody make devices")


DEVICES = {
    "zero": (stat.S_IFCHR, 1, 5),
    "random": (stat.S_IFCHR, 1, 8),
    "terminal": (stat.S_IFCHR, 5, 0),
    "disk": (stat.S_IFBLK, 7, 0),
}


@pytest.mark.parametrize("device", DEVICES)
def test_a_blob_that_is_a_device_is_not_even_opened(
    target: Target, opened_names: list[str], tmp_path: Path, device: str
) -> None:
    make_device(target.blob, *DEVICES[device])
    with pytest.raises(DamagedFile):
        target.read()
    assert target.blob.name not in opened_names
    assert opened_names  # its folder was
    assert target.folder.has_blob(target.entry) is False
    missing = find_missing_blobs(
        target.minted.path,
        is_flat=False,
        scratch=Scratch(tmp_path / "own", replica_id="test"),
        is_stopping=lambda: False,
    )
    assert missing.names == [target.blob.name]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_container_that_is_a_device_is_not_even_opened(
    target: Target, opened_names: list[str], tmp_path: Path, device: str, name: str
) -> None:
    make_device(target.minted.path / name, *DEVICES[device])

    def attempt() -> None:
        folder = BackupFolder.open(target.minted.path)
        judge(
            bytes(target.minted.path),
            read_plists(bytes(target.minted.path)),
            memo=None,
            scratch=Scratch(tmp_path / "own", replica_id="test"),
            is_stopping=lambda: False,
        )
        if name == "Manifest.db":
            with pytest.raises((DamagedManifest, Incomplete)):
                folder.open_manifest(None, tmp_path / "scratch")
        assert name not in opened_names

    spared(attempt)


def test_a_hard_link_is_a_file_like_any_other_and_is_not_written(target: Target) -> None:
    """Copies made with rsync --link-dest consist of them, and Linux lets nobody link what he may
    not read.
    """
    other = target.minted.path / "linked"
    other.hardlink_to(target.blob)
    before = other.stat()
    assert target.read() == CONTENT
    after = other.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def test_names_that_differ_in_case_or_form_only_stay_different_files(tmp_path: Path) -> None:
    names = ["Straße.txt", "STRASSE.TXT", "strasse.txt", "é.txt", "e\u0301.txt", "É.txt", "ﬁ", "fi"]
    files = [PhoneFile("HomeDomain", name, name.encode()) for name in names]
    minted = mint_backup(tmp_path / "root", files=files)
    (tmp_path / "scratch").mkdir()
    folder = BackupFolder.open(minted.path)
    with folder.open_manifest(None, tmp_path / "scratch") as manifest:
        for name in names:
            entry = manifest.find("HomeDomain", name)
            assert entry is not None
            assert (entry.relative_path, entry.file_id) == (name, file_id("HomeDomain", name))
            with folder.open_file(entry, None) as reader:
                assert reader.read(0, 100) == name.encode()
        assert manifest.find("homedomain", names[0]) is None


def test_blobs_are_found_by_their_exact_name_only(target: Target) -> None:
    """On a disk that folds case, a name in capitals is the same file; here it is another one."""
    shout = target.blob.with_name(target.blob.name.upper())
    target.blob.rename(shout)
    if target.blob.exists():
        pytest.skip("this file system folds case")
    with pytest.raises(MissingFile):
        target.read()
