"""Every form of a backup that is met in the wild reads the same through one door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iphone_backup_decrypt import EncryptedBackup

from deploy.demo.container import PhoneFile, file_id, mint_backup

VARIANTS = {
    "encrypted": {"passphrase": "test"},
    "encrypted, unpadded manifest": {"passphrase": "test", "padded_manifest": False},
    "encrypted, keys in objects of their own": {"passphrase": "test", "uid_keys": True},
    "encrypted, declared plain": {"passphrase": "test", "encrypted_flag": False},
    "encrypted, sizes missing": {"passphrase": "test", "sizes": "missing"},
    "encrypted, sizes wrong": {"passphrase": "test", "sizes": "wrong"},
    "encrypted, empty files bare": {"passphrase": "test", "empty_files": "bare"},
    "encrypted, empty files absent": {"passphrase": "test", "empty_files": "absent"},
    "encrypted, accents in the passphrase": {"passphrase": "Käse 🧀"},
    "encrypted, keybag of iOS 10.1": {"passphrase": "test", "dpic": None},
    "encrypted, mbdb": {"passphrase": "test", "format": "mbdb"},
    "plain": {},
    "plain, declared encrypted": {"encrypted_flag": True},
    "plain, mbdb": {"format": "mbdb"},
    "plain, archived copy": {"folder_name": "00008110-000A1B2C3D4E5F60-20240830-064000"},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_variant_gives_every_file_byte_for_byte(
    opened: Callable[..., Any], options: dict[str, Any]
) -> None:
    backup = opened(**options)
    assert backup.folder.encrypted == ("passphrase" in options)
    assert backup.folder.description.udid == backup.minted.udid
    for item in backup.minted.files:
        entry = backup.entry(item.domain, item.relative_path)
        assert entry.kind == item.kind
        assert entry.target == item.target
        assert entry.file_id == file_id(item.domain, item.relative_path)
        assert backup.manifest.stat(entry.file_id) == entry
        if item.kind == "file":
            assert backup.content(item.domain, item.relative_path) == item.content
    assert backup.manifest.entry_count == len(backup.minted.files)


def test_a_wrong_flag_is_told(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test", encrypted_flag=False)
    assert "bytes say otherwise" in " ".join(backup.folder.warnings)


def test_wrong_sizes_are_told_and_content_is_whole(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test", sizes="wrong")
    with backup.file("HomeDomain", "Library/SMS/sms.db") as reader:
        assert reader.size_bytes == 5016
        assert reader.warnings == ["The manifest says 2608 bytes, the content has 5016."]


def test_iphone_backup_decrypt_opens_a_minted_backup(tmp_path: Path) -> None:
    content = b"hello " * 1000
    files = [
        PhoneFile("HomeDomain", "Library/SMS/sms.db", content),
        PhoneFile("HomeDomain", "empty", b""),
    ]
    minted = mint_backup(tmp_path, files=files, passphrase="pässword")
    backup = EncryptedBackup(backup_directory=str(minted.path), passphrase="pässword")
    assert backup.extract_file_as_bytes("Library/SMS/sms.db") == content
    assert backup.extract_file_as_bytes("empty") == b""


def test_the_next_run_keeps_unchanged_blobs_and_drops_old_ones(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    first = opened(passphrase="test")
    kept = first.minted.blob_path("HomeDomain", "Library/SMS/sms.db")
    gone = first.minted.blob_path("HomeDomain", "empty.txt")
    inode = kept.stat().st_ino
    files = [item for item in first.minted.files if item.relative_path != "empty.txt"]
    files.append(PhoneFile("HomeDomain", "new.txt", b"new"))
    second = opened.reopen(mint_backup(tmp_path / "root", files=files, passphrase="test"))
    assert kept.stat().st_ino == inode
    assert not gone.exists()
    assert second.content("HomeDomain", "new.txt") == b"new"


def test_nothing_stays_in_the_scratch_folder_after_closing(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test")
    backup.manifest.domains()
    backup.manifest.page(sort="size")
    assert list(backup.scratch.iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in [backup.scratch])
    backup.manifest.close()
    backup.manifest.close()
    assert not list(backup.scratch.iterdir())
