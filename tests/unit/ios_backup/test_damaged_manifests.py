"""Manifests that are damaged, cut off, missing, or that somebody tampered with."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import mint_backup
from deploy.demo.minted_manifest import archived_entry, manifest_mbdb
from shared.ios_backup import BackupFolder
from shared.ios_backup.errors import (
    DamagedManifest,
    Incomplete,
    Locked,
    NotABackup,
    UnsupportedFormat,
)
from shared.ios_backup.manifest_mbdb import stage_mbdb
from tests.unit.ios_backup.manifests import ENTRY, MANY, all_entries, open_manifest, tampered


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
    path = tampered(tmp_path, script)
    with pytest.raises(DamagedManifest):
        open_manifest(path, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


def test_triggers_and_views_beside_the_table_change_nothing(tmp_path: Path) -> None:
    path = tampered(
        tmp_path,
        "create trigger t after insert on Files begin delete from Files; end;"
        "create view domain as select 1; create table place (id);",
    )
    with open_manifest(path, tmp_path / "scratch") as manifest:
        assert manifest.entry_count == 3


def test_malformed_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tampered(
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
    with open_manifest(path, tmp_path / "scratch") as manifest:
        assert manifest.warnings == ["8 rows of the manifest are malformed and left out."]
        found = {
            entry.file_id[-1]: entry for entry in all_entries(manifest) if entry.domain[0] == "D"
        }
        assert sorted(found) == ["6", "7", "8", "9"]
        assert found["6"].domain == "D\N{REPLACEMENT CHARACTER}"
        assert found["7"].size_bytes is found["8"].size_bytes is None
        assert found["9"].kind == "other"
        assert [entry.file_id[-1] for entry in manifest.page(kind="other").entries] == ["9"]
        for sort in ("size", "modified"):
            assert len(all_entries(manifest, sort=sort, limit=2)) == 7
        assert len(manifest.domains()) == 5


def test_sizes_that_nobody_can_add_up_are_a_number_all_the_same(tmp_path: Path) -> None:
    huge = archived_entry(dataclasses.replace(ENTRY, size=2**62), uid_keys=False)
    path = tampered(tmp_path, "")
    with sqlite3.connect(path / "Manifest.db") as connection:
        for number in range(3):
            row = (f"{number:040x}", "HugeDomain", f"{number}", 1, huge)
            connection.execute("insert into Files values (?, ?, ?, ?, ?)", row)
    connection.close()
    with open_manifest(path, tmp_path / "scratch") as manifest:
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
            with open_manifest(minted.path, scratch) as manifest:
                all_entries(manifest)
                manifest.domains()
        except DamagedManifest:
            pass
        assert not list(scratch.iterdir())


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
