"""Sessions on a mount that does not answer: told soon, others unharmed, plaintext removed."""

from __future__ import annotations

import asyncio

import pytest

from deploy.demo.container import file_id
from shared.contracts.identifiers import FileId
from shared.contracts.unlock import OpenFile
from tests.hung_mount import hung, mounted, needs_mounts
from tests.integration.unlock.conftest import BIG, Vault, problem_of, until


@needs_mounts
async def test_a_backup_whose_mount_hangs_is_unreachable_and_no_other_is(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.disks.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("shared.disks.PATIENCE_SECONDS", 0.5)
    here, there, idle = vault.mint(), vault.mint(), vault.mint()
    photo = FileId(file_id("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"))
    folders = [vault.minted[backup].path for backup in (there, idle)]
    with mounted(folders[0]), mounted(folders[1]):
        async with vault.stack.service("unlock"):
            near, far, unused = [await vault.open(backup) for backup in (here, there, idle)]
            # Each read begins with a look at the folder: more of them than there are threads.
            with hung(folders[0]) as mount, hung(folders[1]):
                reads = [problem_of(vault.ask(far, OpenFile(file_id=photo))) for _ in range(20)]
                assert set(await asyncio.gather(*reads)) == {"/problems/unreachable"}
                assert await problem_of(vault.open(there)) == "/problems/unreachable"
                assert (await vault.read_whole(near, photo)).endswith(BIG)
                before = len(vault.plaintext())
                await vault.close(unused)
                assert len(vault.plaintext()) < before
                mount.answer()

                async def is_back() -> bool:
                    return await problem_of(vault.ask(far, OpenFile(file_id=photo))) is None

                await until(is_back)
            assert (await vault.read_whole(far, photo)).endswith(BIG)
