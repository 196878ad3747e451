"""Public samples: what other people's tools and one real phone wrote."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deploy.demo.container import file_id
from shared.ios_backup import BackupFolder
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.manifest_entry import read_archive
from shared.ios_backup.safe_files import FILE_ID


@pytest.mark.parametrize("name", ["encrypted_clean", "encrypted_uid_keys", "plain_twin"])
def test_every_file_of_the_derived_backups_has_its_digest(
    ios_samples: Path, tmp_path: Path, name: str
) -> None:
    expected = json.loads((ios_samples / "derived" / name / "EXPECTED.json").read_text())
    folder = BackupFolder.open(ios_samples / "derived" / name / expected["udid"])
    assert folder.encrypted == expected.get("encrypted", False)
    assert folder.warnings == []
    keys = folder.unlock(expected["password"]) if folder.encrypted else None
    with folder.open_manifest(keys, tmp_path) as manifest:
        for item in expected["files"]:
            entry = manifest.find(item["domain"], item["relativePath"])
            assert entry is not None
            assert entry.file_id == item["fileID"]
            with folder.open_file(entry, keys) as reader:
                digest = hashlib.sha256(b"".join(reader.chunks(1000)))
                assert (reader.size_bytes, digest.hexdigest()) == (item["size"], item["sha256"])


def test_the_unpadded_backup_with_uid_keys_opens(ios_samples: Path, tmp_path: Path) -> None:
    group = ios_samples / "matan1008+pyiosbackup"
    expected = json.loads((group / "EXPECTED.json").read_text())
    folder = BackupFolder.open(group / "encrypted_sqlite_manifest")
    keys = folder.unlock(expected["password"])
    with folder.open_manifest(keys, tmp_path) as manifest:
        for item in expected["files"]:
            entry = manifest.stat(item["fileID"])
            assert entry is not None
            assert (entry.kind, entry.mode, entry.size_bytes) == (
                "file",
                item["mode"],
                item["size"],
            )
            assert entry.modified_at is not None
            assert entry.modified_at.timestamp() == item["LastModified"]
            with folder.open_file(entry, keys) as reader:
                assert reader.read(0, 100) == item["content"].encode()


def test_a_real_manifest_of_3721_rows_is_browsed(ios_samples: Path, tmp_path: Path) -> None:
    folder = BackupFolder.open(ios_samples / "mvt-project+mvt" / "ios_backup")
    assert not folder.encrypted
    assert folder.warnings == ["Manifest.plist is missing.", "Status.plist is missing."]
    assert folder.description.model == "iPhone 7"
    with folder.open_manifest(None, tmp_path) as manifest:
        assert (manifest.entry_count, manifest.file_count) == (3721, 1089)
        domains = manifest.domains()
        assert len(domains) == 562
        assert sum(domain.file_count for domain in domains) == 1089
        entries, after = [], None
        while True:
            page = manifest.page(limit=500, after=after)
            entries += page.entries
            after = page.next_after
            if after is None:
                break
        assert len(entries) == 3721
        for entry in entries:
            assert FILE_ID.fullmatch(entry.file_id)
            assert entry.file_id == file_id(entry.domain, entry.relative_path)
            assert (entry.wrapped_key is not None) == (entry.kind == "file")
            assert entry.mode is not None
            assert entry.modified_at is not None
            assert (entry.target is not None) == (entry.kind == "symlink")
        messages = manifest.find("HomeDomain", "Library/SMS/sms.db")
        assert messages is not None
        with folder.open_file(messages, None) as reader:
            assert reader.read(0, 16) == b"SQLite format 3\0"
        assert sum(folder.has_blob(entry) or False for entry in entries) == 10


def test_both_readers_agree_on_every_real_archive(ios_samples: Path, tmp_path: Path) -> None:
    folder = BackupFolder.open(ios_samples / "mvt-project+mvt" / "ios_backup")
    reader = ShapeReader()
    with folder.open_manifest(None, tmp_path) as manifest:
        rows = manifest._all("select file from backup.Files")
    for (blob,) in rows:
        facts = read_archive(blob)
        assert reader.facts(blob) == facts
        assert reader.sizes(blob) == (facts.size_bytes, facts.modified)
    assert len(reader._shapes) < 100
