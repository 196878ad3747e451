"""Manifests to be asked and to be damaged, and one entry with a value for everything."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_manifest import Entry
from shared.ios_backup import BackupFolder, Manifest, ManifestEntry

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


def all_entries(manifest: Manifest, **arguments: Any) -> list[ManifestEntry]:
    entries, after = [], None
    while True:
        page = manifest.page(after=after, **arguments)
        entries += page.entries
        after = page.next_after
        if after is None:
            return entries


def tampered(tmp_path: Path, script: str) -> Path:
    minted = mint_backup(tmp_path / "root", files=MANY[:3], add_directories=False)
    with sqlite3.connect(minted.path / "Manifest.db") as connection:
        connection.executescript(script)
    connection.close()
    return minted.path


def open_manifest(path: Path, scratch: Path) -> Manifest:
    scratch.mkdir(exist_ok=True)
    return BackupFolder.open(path).open_manifest(None, scratch)


ENTRY = Entry(
    file_id="a" * 40, domain="D", relative_path="p/ü", kind="file", size=70_000, mode=0o100644,
    modified_at=DAY, protection_class=3, wrapped_key=bytes(44), target="/t", inode=5,
)  # fmt: skip
