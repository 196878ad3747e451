"""Folders that break off, vanish, move, return, are unreachable or forgotten, and restarts."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from shared.contracts.discovery import (
    ForgetBackup,
    GetBackup,
    ListDevices,
    LocateBackup,
    UpdateBackup,
)
from shared.contracts.problems import ProblemError
from tests.integration.discovery.conftest import (
    LATER,
    MORE,
    OTHER,
    UDID,
    discovering,
    events,
    eventually,
    listed,
    mint,
    refreshed,
)
from tests.stack import Stack


async def test_a_run_that_broke_off_is_said_to_be_incomplete(stack: Stack, root: Path) -> None:
    mint(root, snapshot_state="uploading")
    async with discovering(stack, discovery__quiet_seconds="0.1") as bus:
        (found,) = await eventually(bus, lambda bs: len(bs) == 1 and bs[0].state == "broken_off")
        assert found.revision is None
        assert [p.code for p in found.problems] == ["unfinished"]
        told = await events(bus, count=2)
        assert [subject for subject, _ in told] == ["backup.discovered", "backup.incomplete"]


async def test_missing_blobs_are_listed_and_their_return_is_told(stack: Stack, root: Path) -> None:
    minted = mint(root)
    blob = minted.blob_path("HomeDomain", "Library/file3")
    content = blob.read_bytes()
    async with discovering(stack, discovery__quiet_seconds="0.1") as bus:
        await eventually(bus, lambda bs: len(bs) == 1)
        blob.unlink()
        (partial,) = (await refreshed(bus)).items
        assert (partial.state, partial.missing_files) == ("partial", 1)
        assert partial.problems[0].files == [blob.name]
        await events(bus, count=2)
        blob.write_bytes(content)
        (whole,) = (await refreshed(bus)).items
        assert (whole.state, whole.missing_files, whole.problems) == ("complete", 0, [])
        told = await events(bus, count=3)
        assert [subject for subject, _ in told] == [
            "backup.discovered",
            "backup.incomplete",
            "backup.changed",
        ]
        assert told[1][1]["missing_files"] == 1


async def test_removed_backups_stay_listed_and_come_back_as_themselves(
    stack: Stack, root: Path
) -> None:
    minted = mint(root)
    async with discovering(stack) as bus:
        (before,) = await eventually(bus, lambda bs: len(bs) == 1)
        away = stack.folder / "away"
        shutil.move(minted.path, away)
        (gone,) = await eventually(bus, lambda bs: bs[0].state == "removed")
        assert gone.id == before.id
        with pytest.raises(ProblemError) as caught:
            await bus.request(LocateBackup(backup_id=before.id))
        assert caught.value.problem.status == 404
        shutil.move(away, root / "elsewhere")
        (back,) = await eventually(bus, lambda bs: bs[0].state == "complete")
        assert back.id == before.id
        assert back.path.endswith("elsewhere")
        assert [subject for subject, _ in await events(bus, count=3)] == [
            "backup.discovered",
            "backup.removed",
            "backup.discovered",
        ]


async def test_a_renamed_folder_keeps_its_identity_and_a_copy_gets_its_own(
    stack: Stack, root: Path
) -> None:
    minted = mint(root)
    async with discovering(stack) as bus:
        (before,) = await eventually(bus, lambda bs: len(bs) == 1)
        archived = root / "shelf" / f"{UDID}-20240830-064000"
        archived.parent.mkdir()
        minted.path.rename(archived)
        report = await refreshed(bus)
        (moved,) = report.items
        assert moved.id == before.id
        assert moved.path == str(archived)
        shutil.copytree(archived, root / UDID)
        report = await refreshed(bus)
        assert {b.udid for b in report.items} == {UDID}
        assert len({b.id for b in report.items}) == 2
        (device,) = (await bus.request(ListDevices())).items
        assert len(device.backup_ids) == 2


async def test_an_unreachable_root_keeps_its_backups(stack: Stack, root: Path) -> None:
    nas = stack.folder / "nas"
    mint(nas)
    mint(root, udid=OTHER)
    paths = f"{root}:{nas}"
    async with discovering(stack, backup_paths=paths) as bus:
        await eventually(bus, lambda bs: len(bs) == 2)
        nas.rename(stack.folder / "unplugged")
        report = await refreshed(bus)
        assert report.removed == []
        assert report.unreadable_roots == [{"path": str(nas), "reason": "not-there"}]
        lost = next(b for b in report.items if b.udid == UDID)
        assert lost.state == "complete"
        assert [p.code for p in lost.problems] == ["unreachable"]
        with pytest.raises(ProblemError) as caught:
            await bus.request(LocateBackup(backup_id=lost.id))
        assert caught.value.problem.type == "/problems/unreachable"
        (stack.folder / "unplugged").rename(nas)
        report = await refreshed(bus)
        assert report.unreadable_roots == []
        assert all(b.problems == [] for b in report.items)
        await events(bus, count=2)


async def test_a_date_that_no_database_knows_costs_nothing_else(stack: Stack, root: Path) -> None:
    odd = mint(root)
    for name in ("Manifest.db", "Status.plist"):
        os.utime(odd.path / name, ns=(2**63, 2**63))
    mint(root, udid=OTHER)
    async with discovering(stack) as bus:
        found = await eventually(bus, lambda bs: len(bs) == 2)
        assert {b.state for b in found} == {"complete"}


async def test_a_restart_keeps_identities_and_announces_nothing_again(
    stack: Stack, root: Path
) -> None:
    mint(root)
    mint(root, udid=OTHER, passphrase="secret")
    async with discovering(stack) as bus:
        before = await eventually(
            bus, lambda bs: len(bs) == 2 and all(b.size_bytes is not None for b in bs)
        )
        await bus.request(UpdateBackup(backup_id=before[0].id, label="Old phone", notes=" n "))
    shutil.rmtree(root / UDID)
    async with discovering(stack) as bus:
        after = await eventually(bus, lambda bs: any(b.state == "removed" for b in bs))
        assert {b.id: b.first_seen_at for b in after} == {b.id: b.first_seen_at for b in before}
        labelled = await bus.request(GetBackup(backup_id=before[0].id))
        assert (labelled.label, labelled.notes) == ("Old phone", "n")
        assert [subject for subject, _ in await events(bus, count=3)] == [
            "backup.discovered",
            "backup.discovered",
            "backup.removed",
        ]


async def test_a_forgotten_backup_returns_when_it_changes_or_is_asked_for(
    stack: Stack, root: Path
) -> None:
    mint(root)
    async with discovering(stack, discovery__rescan_seconds="1") as bus:
        (before,) = await eventually(bus, lambda bs: len(bs) == 1)
        assert (await bus.request(ForgetBackup(backup_id=before.id))).changed
        await asyncio.sleep(1.5)
        assert await listed(bus) == []
        assert (root / UDID / "Manifest.db").exists()
        mint(root, files=MORE, taken_at=LATER)
        (again,) = await eventually(bus, lambda bs: len(bs) == 1)
        assert again.id != before.id
        await bus.request(ForgetBackup(backup_id=again.id))
        assert len((await refreshed(bus)).items) == 1
        told = await events(bus, count=5)
        assert [data.get("forgotten") for subject, data in told if subject == "backup.removed"] == [
            True,
            True,
        ]
