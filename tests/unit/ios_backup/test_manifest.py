"""The manifest: pages, order, filters, and databases that somebody tampered with."""

from __future__ import annotations

import dataclasses
import datetime as dt
import plistlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_manifest import Entry, archived_entry, manifest_mbdb
from shared.ios_backup import BackupFolder, Manifest, ManifestEntry
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.errors import (
    DamagedManifest,
    Incomplete,
    Locked,
    NotABackup,
    UnsupportedFormat,
)
from shared.ios_backup.manifest_db import _as_damage
from shared.ios_backup.manifest_entry import EntryFacts, read_archive
from shared.ios_backup.manifest_mbdb import read_record, stage_mbdb
from tests.damaged_manifests import break_overflow

DAY = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MANY = [
    PhoneFile(
        f"AppDomain-{number % 3}",
        f"Documents/{number:03d}.txt",
        b"x" * (number % 7),
        modified_at=DAY + dt.timedelta(days=number % 11),
    )
    for number in range(60)
]


def _all(manifest: Manifest, **arguments: Any) -> list[ManifestEntry]:
    entries, after = [], None
    while True:
        page = manifest.page(after=after, **arguments)
        entries += page.entries
        after = page.next_after
        if after is None:
            return entries


@pytest.mark.parametrize("limit", [1, 7, 500])
@pytest.mark.parametrize("sort", ["path", "size", "modified"])
@pytest.mark.parametrize("domain", [None, "AppDomain-1"])
def test_pages_show_everything_once_and_in_order(
    opened: Callable[..., Any], limit: int, sort: str, domain: str | None
) -> None:
    manifest = opened(files=MANY, add_directories=False).manifest
    entries = _all(manifest, limit=limit, sort=sort, domain=domain)
    expected = [item for item in MANY if domain in {None, item.domain}]
    assert len(entries) == len({entry.row for entry in entries}) == len(expected)
    if sort == "path":
        order = [(entry.domain, entry.relative_path) for entry in entries]
        assert order == sorted((item.domain, item.relative_path) for item in expected)
    elif sort == "size":
        sizes = [entry.size_bytes for entry in entries]
        assert sizes == sorted(sizes, reverse=True)
    else:
        times = [entry.modified_at for entry in entries]
        assert times == sorted(times, reverse=True)


def test_filters_narrow_every_sort(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    for sort in ("path", "size", "modified"):
        found = _all(manifest, sort=sort, path_like="%/01_.TXT", kind="file")
        assert {entry.relative_path[-6:-4] for entry in found} == {f"1{n}" for n in range(10)}
        assert len(_all(manifest, sort=sort, kind="directory")) == 6
        assert _all(manifest, sort=sort, kind="symlink") == []
        assert _all(manifest, sort=sort, domain="nowhere") == []
        assert manifest.page(sort=sort, after=10**9).entries == []


def test_domains_count_files_and_bytes(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    for count in manifest.domains():
        files = [item for item in MANY if item.domain == count.domain]
        assert count.file_count == len(files)
        assert count.size_bytes == sum(len(item.content) for item in files)
    assert manifest.file_count == 60
    assert manifest.entry_count == 66


def test_looking_for_what_is_not_there_finds_nothing(opened: Callable[..., Any]) -> None:
    manifest = opened().manifest
    assert manifest.stat("0" * 40) is None
    assert manifest.find("HomeDomain", "library/sms/sms.db") is None
    assert manifest.find("HomeDomain", "") is not None


def test_pages_are_served_while_another_thread_measures(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    threads = [threading.Thread(target=manifest.domains) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert len(_all(manifest, limit=5)) == 66
    for thread in threads:
        thread.join()
    assert len(manifest.domains()) == 3


def test_sizes_read_ahead_are_those_that_are_asked_for(opened: Callable[..., Any]) -> None:
    manifest, other = opened(files=MANY).manifest, opened(files=MANY).manifest
    manifest.measure_ahead()
    assert manifest.domains() == other.domains()
    assert manifest.page(sort="size") == other.page(sort="size")


def test_files_of_domains_are_counted_before_their_sizes_are_read(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.ios_backup.manifest_db.FEW_ENTRIES", 0)
    manifest, other = opened(files=MANY).manifest, opened(files=MANY).manifest
    reading, going_on = threading.Event(), threading.Event()
    sizes_of = manifest._sizes_of

    def slowly(archive: bytes) -> tuple[int | None, int | None]:
        reading.set()
        assert going_on.wait(20)
        return sizes_of(archive)

    manifest._sizes_of = slowly
    manifest.measure_ahead()
    assert reading.wait(20)
    counted = manifest.domains(wait=False)
    assert {one.domain: one.file_count for one in counted} == {f"AppDomain-{n}": 20 for n in "012"}
    assert {one.size_bytes for one in counted} == {None}
    assert not manifest.are_sizes_unreadable
    assert manifest.page(limit=3).entries
    going_on.set()
    assert manifest.domains() == other.domains()
    assert manifest.domains(wait=False) == other.domains()


def test_of_a_small_phone_the_sizes_are_never_unknown(opened: Callable[..., Any]) -> None:
    manifest = opened(files=MANY).manifest
    assert {one.size_bytes is None for one in manifest.domains(wait=False)} == {False}


def test_files_whose_sizes_are_damaged_are_counted_and_listed(tmp_path: Path) -> None:
    path = _tampered(
        tmp_path,
        "insert into Files values ('0000000000000000000000000000000000000001', 'D', 'p', 1,"
        " cast(replace(printf('%.9000c', 'x'), 'x', 'overflow') as blob));",
    )
    break_overflow(path / "Manifest.db", b"overflow")
    with _open(path, tmp_path / "scratch") as manifest:
        for _ in range(2):
            counted = {one.domain: one for one in manifest.domains(wait=False)}
            assert (counted["D"].file_count, counted["D"].size_bytes) == (1, None)
            assert manifest.are_sizes_unreadable
            with pytest.raises(DamagedManifest):
                manifest.domains()
        with pytest.raises(DamagedManifest):
            manifest.page(sort="size")
        assert len(manifest.page(domain="AppDomain-0").entries) == 1


def test_a_manifest_that_is_closed_while_its_sizes_are_read_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = mint_backup(tmp_path / "root", files=MANY)
    monkeypatch.setattr("shared.ios_backup.manifest_sizes._ROWS_BETWEEN_LOOKS", 1)
    reading, closing = threading.Event(), threading.Event()

    def sizes_of(_archive: bytes) -> tuple[int | None, int | None]:
        reading.set()
        assert closing.wait(20)
        return 1, 1

    manifest = _open(minted.path, tmp_path / "scratch")
    manifest._sizes_of = sizes_of
    manifest.measure_ahead()
    assert reading.wait(20)
    ending = threading.Thread(target=manifest.close)
    ending.start()
    while not manifest._is_closed:
        time.sleep(0.001)
    closing.set()
    ending.join(20)
    assert not ending.is_alive()
    assert not list((tmp_path / "scratch").iterdir())
    for wait in (True, False):
        with pytest.raises(Locked):
            manifest.domains(wait=wait)


def test_questions_that_nobody_can_mean_are_refused_or_empty(opened: Callable[..., Any]) -> None:
    manifest = opened().manifest
    with pytest.raises(ValueError, match="pattern"):
        manifest.page(path_like="%" * 5000)
    assert manifest.page(after=10**30).entries == []
    assert manifest.find("Home\ud800", "x") is None


def test_a_full_disk_is_not_called_damage() -> None:
    full = sqlite3.connect(":memory:")
    full.execute("pragma max_page_count = 2")
    full.execute("create table t (x)")
    with pytest.raises(OSError, match="no space"), _as_damage():
        full.execute("insert into t values (zeroblob(100000))")
    full.close()


def test_entries_do_not_show_names_by_accident(opened: Callable[..., Any]) -> None:
    entry = opened().entry("HomeDomain", "Library/SMS/sms.db")
    assert "sms.db" not in repr(entry)
    assert entry.created_at is not None
    assert (entry.mode, entry.protection_class) == (0o100644, 3)


# -- databases that somebody tampered with ---------------------------------------------------------


def _tampered(tmp_path: Path, script: str) -> Path:
    minted = mint_backup(tmp_path / "root", files=MANY[:3], add_directories=False)
    with sqlite3.connect(minted.path / "Manifest.db") as connection:
        connection.executescript(script)
    connection.close()
    return minted.path


def _open(path: Path, scratch: Path) -> Manifest:
    scratch.mkdir(exist_ok=True)
    return BackupFolder.open(path).open_manifest(None, scratch)


@pytest.mark.parametrize(
    "script",
    [
        "alter table Files rename to F; create view Files as select * from F;",
        "drop table Files; create virtual table Files using fts5(fileID, domain, relativePath);",
        "drop table Files;",
        "drop table Files; create table Files (fileID text);",
        "alter table Files add column extra text generated always as (upper(domain)) virtual;",
        "alter table Files add column rowid integer;",
        """drop table Files; create table Files (fileID text primary key, domain text,
           relativePath text, flags integer, file blob) without rowid;""",
    ],
)
def test_a_manifest_whose_schema_is_not_a_phones_is_damaged(tmp_path: Path, script: str) -> None:
    path = _tampered(tmp_path, script)
    with pytest.raises(DamagedManifest):
        _open(path, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


def test_triggers_and_views_beside_the_table_change_nothing(tmp_path: Path) -> None:
    path = _tampered(
        tmp_path,
        "create trigger t after insert on Files begin delete from Files; end;"
        "create view domain as select 1; create table place (id);",
    )
    with _open(path, tmp_path / "scratch") as manifest:
        assert manifest.entry_count == 3


def test_malformed_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    path = _tampered(
        tmp_path,
        """
        insert into Files values ('short', 'D', 'p', 1, null), (null, 'D', 'p', 1, null),
          (x'00', 'D', 'p', 1, null),
          ('0000000000000000000000000000000000000001', null, 'p', 1, null),
          ('0000000000000000000000000000000000000002', 'D', null, 1, null),
          ('0000000000000000000000000000000000000003', 'D', 'p', 'x', null),
          ('0000000000000000000000000000000000000004', 'D', x'ff', 1, null),
          ('0000000000000000000000000000000000000005', 'D', printf('%.20000c', 'p'), 1, null),
          ('../../../../../../../../../../etc/passwd', 'D', 'escaped', 1, null),
          ('0000000000000000000000000000000000000006', cast(x'44ff' as text), 'p', 1, null),
          ('0000000000000000000000000000000000000007', 'D', 'large', 1, zeroblob(5000000)),
          ('0000000000000000000000000000000000000008', 'D', 'garbage', 1, x'62706c6973743030ff'),
          ('0000000000000000000000000000000000000009', 'D', 'flags', 16, null);
        """,
    )
    with _open(path, tmp_path / "scratch") as manifest:
        assert manifest.warnings == ["8 rows of the manifest are malformed and left out."]
        found = {entry.file_id[-1]: entry for entry in _all(manifest) if entry.domain[0] == "D"}
        assert sorted(found) == ["6", "7", "8", "9"]
        assert found["6"].domain == "D\N{REPLACEMENT CHARACTER}"
        assert found["7"].size_bytes is found["8"].size_bytes is None
        assert found["9"].kind == "other"
        assert [entry.file_id[-1] for entry in manifest.page(kind="other").entries] == ["9"]
        for sort in ("size", "modified"):
            assert len(_all(manifest, sort=sort, limit=2)) == 7
        assert len(manifest.domains()) == 5


def test_sizes_that_nobody_can_add_up_are_a_number_all_the_same(tmp_path: Path) -> None:
    huge = archived_entry(dataclasses.replace(ENTRY, size=2**62), uid_keys=False)
    path = _tampered(tmp_path, "")
    with sqlite3.connect(path / "Manifest.db") as connection:
        for number in range(3):
            row = (f"{number:040x}", "HugeDomain", f"{number}", 1, huge)
            connection.execute("insert into Files values (?, ?, ?, ?, ?)", row)
    connection.close()
    with _open(path, tmp_path / "scratch") as manifest:
        found = {count.domain: count for count in manifest.domains()}
        assert found["HugeDomain"].file_count == 3
        assert found["HugeDomain"].size_bytes == 2**63 - 1


@pytest.mark.parametrize("length", [0, 50, 100, 5000, 8192 + 100])
def test_a_manifest_that_is_cut_off_is_damaged(
    opened: Callable[..., Any], tmp_path: Path, length: int
) -> None:
    for number, passphrase in enumerate((None, "test")):
        minted = mint_backup(tmp_path / f"{number}", files=MANY, passphrase=passphrase)
        manifest = minted.path / "Manifest.db"
        manifest.write_bytes(manifest.read_bytes()[:length])
        folder = BackupFolder.open(minted.path)
        keys = folder.unlock("test") if passphrase else None
        scratch = tmp_path / f"scratch{number}"
        scratch.mkdir()
        with pytest.raises((DamagedManifest, Locked)):
            folder.open_manifest(keys, scratch)
        assert not list(scratch.iterdir())


def test_garbage_in_the_middle_is_damage_or_missing_rows_but_nothing_else(tmp_path: Path) -> None:
    minted = mint_backup(tmp_path / "root", files=MANY)
    manifest_path = minted.path / "Manifest.db"
    whole = manifest_path.read_bytes()
    for begin in range(100, len(whole), 3777):
        manifest_path.write_bytes(whole[:begin] + b"\xff" * 500 + whole[begin + 500 :])
        scratch = tmp_path / f"scratch{begin}"
        try:
            with _open(minted.path, scratch) as manifest:
                _all(manifest)
                manifest.domains()
        except DamagedManifest:
            pass
        assert not list(scratch.iterdir())


# -- folders ---------------------------------------------------------------------------------------


def test_folders_without_a_backup_say_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(NotABackup):
        BackupFolder.open(tmp_path)
    with pytest.raises(NotABackup):
        BackupFolder.open(tmp_path / "absent")
    (tmp_path / ("a" * 40 + ".mdinfo")).touch()
    with pytest.raises(UnsupportedFormat):
        BackupFolder.open(tmp_path)


def test_a_backup_without_its_manifest_is_incomplete(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened(passphrase="test")
    (backup.minted.path / "Manifest.db").unlink()
    folder = BackupFolder.open(backup.minted.path)
    assert folder.format == "none"
    with pytest.raises(Incomplete):
        folder.open_manifest(None, tmp_path)


def test_an_encrypted_backup_without_manifest_plist_has_lost_its_keys(
    opened: Callable[..., Any],
) -> None:
    backup = opened(passphrase="test")
    (backup.minted.path / "Manifest.plist").write_bytes(b"garbage")
    folder = BackupFolder.open(backup.minted.path)
    assert folder.encrypted
    assert "Manifest.plist is damaged." in folder.warnings
    with pytest.raises(Incomplete):
        folder.unlock("test")


def test_a_backup_without_info_plist_is_as_readable_as_any(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test")
    (backup.minted.path / "Info.plist").unlink()
    again = opened.reopen(backup.minted)
    assert again.folder.description.udid == backup.minted.udid
    assert again.folder.description.model == "iPhone 13"
    assert again.content("HomeDomain", "Library/SMS/sms.db")


def test_a_manifest_that_is_a_link_is_not_followed(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened()
    path = backup.minted.path / "Manifest.db"
    path.rename(tmp_path / "elsewhere.db")
    path.symlink_to(tmp_path / "elsewhere.db")
    (tmp_path / "fresh").mkdir()
    with pytest.raises((DamagedManifest, Locked)):
        BackupFolder.open(backup.minted.path).open_manifest(None, tmp_path / "fresh")


# -- archived entries ------------------------------------------------------------------------------


ENTRY = Entry(
    file_id="a" * 40, domain="D", relative_path="p/ü", kind="file", size=70_000, mode=0o100644,
    modified_at=DAY, protection_class=3, wrapped_key=bytes(44), target="/t", inode=5,
)  # fmt: skip


@pytest.mark.parametrize("uid_keys", [False, True])
def test_an_archive_is_read_from_its_bytes(*, uid_keys: bool) -> None:
    facts = read_archive(archived_entry(ENTRY, uid_keys=uid_keys))
    assert facts == EntryFacts(
        size_bytes=70_000, mode=0o100644, modified=1704067200, created=1704067200,
        protection_class=3, wrapped_key=bytes(44), target="/t",
    )  # fmt: skip


def test_values_of_the_wrong_type_are_unknown() -> None:
    archive = plistlib.loads(archived_entry(ENTRY, uid_keys=False))
    root = archive["$objects"][1]
    root |= {"Size": "big", "Mode": -1, "LastModified": 1.5, "ProtectionClass": 2**63}
    root |= {"EncryptionKey": 7, "Target": b"x"}
    facts = read_archive(plistlib.dumps(archive, fmt=plistlib.FMT_BINARY))
    assert facts == EntryFacts(created=1704067200)


@settings(deadline=None)
@given(st.binary(max_size=120), st.integers(0, 800), st.binary(min_size=1, max_size=4))
def test_no_garbage_makes_the_readers_raise(noise: bytes, at: int, patch: bytes) -> None:
    whole = archived_entry(ENTRY, uid_keys=False)
    reader = ShapeReader()
    reader.sizes(whole)
    at = min(at, len(whole) - len(patch))
    for blob in (noise, b"bplist00" + noise, whole[:at] + patch + whole[at + len(patch) :]):
        assert isinstance(read_archive(blob), EntryFacts)
        assert isinstance(reader.facts(blob), EntryFacts)
        assert len(reader.sizes(blob)) == 2
        read_record(blob)


@given(
    size=st.integers(0, 2**40),
    seconds=st.integers(0, 2**33),
    path=st.text(max_size=60),
    key=st.none() | st.binary(min_size=44, max_size=44),
)
def test_the_fast_reader_agrees_with_the_general_one(
    size: int, seconds: int, path: str, key: bytes | None
) -> None:
    reader = test_the_fast_reader_agrees_with_the_general_one.__dict__.setdefault(
        "r", ShapeReader()
    )
    entry = Entry(
        file_id="", domain="", relative_path=path, kind="file", size=size, mode=1, inode=9,
        modified_at=dt.datetime.fromtimestamp(seconds, dt.UTC), protection_class=1,
        wrapped_key=key, target=None,
    )  # fmt: skip
    blob = archived_entry(entry, uid_keys=False)
    assert reader.facts(blob) == read_archive(blob)
    assert reader.sizes(blob) == (size, seconds)


# -- Manifest.mbdb ---------------------------------------------------------------------------------


def test_an_mbdb_that_is_cut_off_is_damaged_at_any_length(tmp_path: Path) -> None:
    whole = manifest_mbdb([ENTRY])
    for length in range(len(whole)):
        scratch = tmp_path / str(length)
        scratch.mkdir()
        if length == 6:
            continue  # a manifest of nothing
        with pytest.raises(DamagedManifest):
            stage_mbdb(whole[:length], scratch)
        assert not list(scratch.iterdir())
