"""A root on a mount that does not answer: named, bounded, and no burden to the others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from shared.contracts.discovery import LocateBackup
from shared.contracts.problems import ProblemError
from tests.hung_mount import hung, needs_mounts
from tests.integration.discovery.test_discovery import discovering, eventually, refreshed
from tests.stack import Stack

NAS_UDID, HOME_UDID, NEW_UDID = (f"00008110-000A1B2C3D4E5F7{n}" for n in range(3))


def mint(root: Path, udid: str) -> None:
    files = [PhoneFile("HomeDomain", "Library/file", b"x")]
    mint_backup(root, files=files, udid=udid, passphrase=None)


@needs_mounts
async def test_a_root_that_hangs_is_named_holds_up_no_other_and_returns_by_itself(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.disks.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("shared.disks.PATIENCE_SECONDS", 0.5)
    home, nas = stack.folder / "backups", stack.folder / "nas"
    mint(nas, NAS_UDID)
    mint(home, HOME_UDID)
    async with discovering(stack, backup_paths=f"{nas}:{home}") as bus:
        await eventually(bus, lambda bs: len(bs) == 2)
        before = threading.active_count()
        with hung(nas) as mount:
            for _ in range(5):
                report = await refreshed(bus)
                assert report.unreadable_roots == [{"path": str(nas), "reason": "not-answering"}]
                assert report.removed == []
            lost = next(b for b in report.items if b.udid == NAS_UDID)
            assert [p.code for p in lost.problems] == ["unreachable"]
            with pytest.raises(ProblemError) as caught:
                await bus.request(LocateBackup(backup_id=lost.id))
            assert caught.value.problem.type == "/problems/unreachable"
            # Watched and scanned as ever.
            mint(home, NEW_UDID)
            await eventually(bus, lambda bs: len(bs) == 3)
            assert threading.active_count() - before <= 4
            mount.answer()
            # Nobody asks: the mount's return is noticed.
            found = await eventually(bus, lambda bs: not any(b.problems for b in bs))
            assert {b.udid for b in found} == {NAS_UDID, HOME_UDID, NEW_UDID}


@needs_mounts
async def test_discovery_starts_and_stops_while_a_root_hangs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.disks.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("shared.disks.PATIENCE_SECONDS", 0.5)
    home, nas = stack.folder / "backups", stack.folder / "nas"
    mint(nas, NAS_UDID)
    mint(home, HOME_UDID)
    with hung(nas):
        async with discovering(stack, backup_paths=f"{nas}:{home}") as bus:
            (found,) = await eventually(bus, lambda bs: len(bs) == 1)
            assert found.udid == HOME_UDID
    async with discovering(stack, backup_paths=f"{nas}:{home}") as bus:
        await eventually(bus, lambda bs: len(bs) == 2)
