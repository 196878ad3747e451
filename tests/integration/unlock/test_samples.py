from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from deploy.demo.container import MintedBackup
from shared.contracts.identifiers import BackupId
from shared.contracts.unlock import FindFile, ListDomains, ListFiles
from tests.integration.unlock.conftest import Vault

BACKUP = BackupId("00000000-0000-4000-8000-000000000001")


def lies_at(vault: Vault, path: Path, passphrase: str | None) -> None:
    vault.minted[BACKUP] = MintedBackup(path=path, udid="x", passphrase=passphrase, files=())


@pytest.mark.parametrize("name", ["encrypted_clean", "encrypted_uid_keys", "plain_twin"])
async def test_the_sample_backups_open_and_every_file_has_the_expected_bytes(
    vault: Vault, samples: Path, name: str
) -> None:
    folder = samples / "ios" / "derived" / name
    expected = json.loads((folder / "EXPECTED.json").read_text())
    (path,) = (entry for entry in folder.iterdir() if entry.is_dir())
    lies_at(vault, path, expected["password"])
    async with vault.stack.service("unlock"):
        opened = await vault.open(BACKUP, expected["password"])
        for file in expected["files"]:
            found = await vault.ask(
                opened, FindFile(domain=file["domain"], relative_path=file["relativePath"])
            )
            assert found.file_id == file["fileID"]
            content = await vault.read_whole(opened, found.file_id)
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


async def test_a_real_manifest_without_property_lists_is_browsed(
    vault: Vault, samples: Path
) -> None:
    lies_at(vault, samples / "ios" / "mvt-project+mvt" / "ios_backup", None)
    async with vault.stack.service("unlock"):
        opened = await vault.open(BACKUP, None)
        assert opened.file_count == 1089
        assert len((await vault.ask(opened, ListDomains())).items) == 562
        request, seen = ListFiles(limit=1000), 0
        while True:
            page = await vault.ask(opened, request)
            seen += len(page.items)
            if page.next_cursor is None:
                break
            request = msgspec.structs.replace(request, cursor=page.next_cursor)
        assert seen == 3721


async def test_an_unpadded_manifest_of_another_writer_opens(vault: Vault, samples: Path) -> None:
    lies_at(vault, samples / "ios" / "matan1008+pyiosbackup" / "encrypted_sqlite_manifest", "0000")
    async with vault.stack.service("unlock"):
        opened = await vault.open(BACKUP, "0000")
        page = await vault.ask(opened, ListFiles(kind="file"))
        for file in page.items:
            assert await vault.read_whole(opened, file.file_id) is not None
        assert page.items
