from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from shared.ios_backup import BackupFolder, FileReader, Keys, Manifest, ManifestEntry

FILES = (
    PhoneFile("HomeDomain", "Library/SMS/sms.db", b"SQLite format 3\0" + b"m" * 5000),
    PhoneFile("HomeDomain", "Library/Notes/notes.txt", b"sixteen bytes!!!"),
    PhoneFile("HomeDomain", "empty.txt", b""),
    PhoneFile(
        "CameraRollDomain",
        "Media/DCIM/100APPLE/IMG_0001.JPG",
        b"\xff\xd8\xff" + bytes(range(256)) * 300,
        modified_at=dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
    ),
    PhoneFile("AppDomain-com.example.app", "Documents/Grüße 🎉.txt", "Grüße".encode()),
    PhoneFile("AppDomain-com.example.app", "Documents/link", kind="symlink", target="/var/mobile"),
)


@dataclass
class Opened:
    """A backup with its keys and its manifest."""

    minted: MintedBackup
    folder: BackupFolder
    keys: Keys | None
    manifest: Manifest
    scratch: Path

    def entry(self, domain: str, relative_path: str) -> ManifestEntry:
        entry = self.manifest.find(domain, relative_path)
        assert entry is not None
        return entry

    def file(self, domain: str, relative_path: str) -> FileReader:
        return self.folder.open_file(self.entry(domain, relative_path), self.keys)

    def content(self, domain: str, relative_path: str) -> bytes:
        with self.file(domain, relative_path) as reader:
            return b"".join(reader.chunks(4096))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Mint a backup and open it; arguments are those of mint_backup."""
    manifests = []

    def open_one(**options: Any) -> Opened:
        minted = mint_backup(tmp_path / "root", **{"files": FILES, **options})
        return reopen(minted)

    def reopen(minted: MintedBackup) -> Opened:
        folder = BackupFolder.open(minted.path)
        keys = folder.unlock(minted.passphrase or "") if folder.encrypted else None
        scratch = tmp_path / f"scratch{len(manifests)}"
        scratch.mkdir(mode=0o700)
        manifest = folder.open_manifest(keys, scratch)
        manifests.append(manifest)
        return Opened(minted, folder, keys, manifest, scratch)

    open_one.reopen = reopen  # type: ignore[attr-defined]
    yield open_one
    for manifest in manifests:
        manifest.close()


@pytest.fixture(scope="session")
def ios_samples() -> Path:
    folder = os.environ.get("KEEPSAKE_SAMPLES")
    if not folder:
        pytest.skip("KEEPSAKE_SAMPLES is not set")
    return Path(folder) / "ios"
