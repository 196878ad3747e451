"""Manifests whose names become something else while discovery counts what is missing.

SQLite opens files by name only and resolves what /proc/self/fd leads to, so it must never be given
a name in a folder that somebody else writes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from services.discovery.blobs import MissingBlobs, find_missing_blobs
from services.discovery.inspection import judge, read_plists
from shared.ios_backup.errors import DamagedFile, DamagedManifest
from shared.scratch import Scratch
from tests.hostile.test_changing_folders import flipping, replace_by_link, replace_by_pipe

OWN = 3
ELSEWHERE = 7


def phone(root: Path, files: int, udid: str) -> Path:
    """Return a plain backup none of whose files is there."""
    names = [PhoneFile("HomeDomain", f"Library/{number}", b"x") for number in range(files)]
    minted = mint_backup(root, files=names, udid=udid, add_directories=False)
    for item in names:
        minted.blob_path(item.domain, item.relative_path).unlink()
    return minted.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return phone(tmp_path / "root", OWN, "00008110-000A1B2C3D4E5F60")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A manifest somewhere else, which no look at *folder* may ever tell of."""
    return phone(tmp_path / "other", ELSEWHERE, "00008110-0FFFFFFFFFFFFFFF") / "Manifest.db"


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "own", replica_id="test")


def look(folder: Path, scratch: Scratch) -> MissingBlobs:
    return find_missing_blobs(folder, is_flat=False, scratch=scratch, is_stopping=lambda: False)


def leftovers(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "own" / "test").iterdir())


def replace_by_another(path: Path, to: Path) -> None:
    to.replace(path)


@pytest.mark.parametrize("swap", [replace_by_link, replace_by_pipe, replace_by_another])
def test_a_manifest_that_is_swapped_right_before_sqlite_opens_it_is_read_as_it_was(
    folder: Path,
    other: Path,
    scratch: Scratch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: Callable[[Path, Path], None],
) -> None:
    real = sqlite3.connect

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        swap(folder / "Manifest.db", other)
        return real(*arguments, **named)

    monkeypatch.setattr("services.discovery.blobs.sqlite3.connect", connect)
    assert look(folder, scratch).count == OWN
    assert leftovers(tmp_path) == []


def test_no_race_for_a_manifest_ever_tells_of_another_one(
    folder: Path, other: Path, scratch: Scratch, tmp_path: Path
) -> None:
    manifest, good, link = folder / "Manifest.db", tmp_path / "good", tmp_path / "link"
    content = manifest.read_bytes()

    def put_link() -> None:
        link.symlink_to(other)
        link.replace(manifest)

    def put_file() -> None:
        good.write_bytes(content)
        good.replace(manifest)

    seen: set[int] = set()
    with flipping(put_link, put_file):
        for turn in range(20_000):
            try:
                seen.add(look(folder, scratch).count)
            except DamagedFile:
                seen.add(-1)
            if turn >= 300 and len(seen) > 1:
                break
    assert seen == {OWN, -1}
    assert leftovers(tmp_path) == []


def test_what_sqlite_keeps_beside_a_manifest_is_not_asked(
    folder: Path, scratch: Scratch, tmp_path: Path
) -> None:
    """A log of changes would put other pages in place of those that were hashed."""
    with contextlib.closing(sqlite3.connect(folder / "Manifest.db")) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma wal_autocheckpoint = 0")
        connection.execute("delete from Files")
        connection.commit()
        before = {path: path.read_bytes() for path in folder.glob("Manifest.db*")}
        assert len(before) == 3
        assert look(folder, scratch).count == OWN
        assert {path: path.read_bytes() for path in folder.glob("Manifest.db*")} == before
    assert leftovers(tmp_path) == []


def test_no_copy_of_a_damaged_manifest_is_left(
    folder: Path, scratch: Scratch, tmp_path: Path
) -> None:
    manifest = folder / "Manifest.db"
    whole = manifest.read_bytes()
    for content in (b"", whole[:5000], whole[:100] + b"\xff" * (len(whole) - 100)):
        manifest.write_bytes(content)
        with pytest.raises(DamagedManifest):
            look(folder, scratch)
        assert leftovers(tmp_path) == []


def test_without_room_for_a_copy_nothing_bad_is_said_of_the_backup(
    folder: Path, scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bytes(folder)
    plists = read_plists(path)

    def judged() -> tuple[str, int | None]:
        found = judge(path, plists, memo=None, scratch=scratch, is_stopping=lambda: False)
        return found.state, found.missing_files

    (folder / "00").mkdir(exist_ok=True)
    (folder / "00" / ("0" * 40)).write_bytes(b"a blob")
    assert judged() == ("partial", OWN)
    real = os.statvfs(tmp_path)
    almost_full = os.statvfs_result((*real[:3], 1, 1, *real[5:]))
    monkeypatch.setattr("shared.ios_backup.manifest_staging.os.statvfs", lambda _: almost_full)
    assert judged() == ("complete", None)
    assert leftovers(tmp_path) == []
