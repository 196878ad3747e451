"""Discovery as a running service: minted backups on disk, real NATS, real Postgres."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
from pathlib import Path

import pytest

from deploy.demo.container import PhoneApp
from shared.contracts.discovery import (
    GetBackup,
    GetDevice,
    ListBackups,
    ListDevices,
    LocateBackup,
)
from shared.contracts.problems import ProblemError
from tests.integration.discovery.conftest import (
    FILES,
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


async def test_backups_are_found_described_and_measured(stack: Stack, root: Path) -> None:
    plain = mint(root, apps=[PhoneApp("org.example.one", "One", "2.0")])
    mint(root / "nas" / "deep", udid=OTHER, passphrase="secret", encrypted_flag=False)
    (root / "@eaDir" / UDID).mkdir(parents=True)
    (root / "nas" / ".DS_Store").touch()
    async with discovering(stack) as bus:
        found = await eventually(
            bus, lambda bs: len(bs) == 2 and all(b.size_bytes is not None for b in bs)
        )
        one = next(b for b in found if b.udid == UDID)
        assert (one.state, one.encrypted, one.format) == ("complete", False, "manifest_db")
        assert (one.name, one.model, one.ios_version) == ("Sample iPhone", "iPhone 13", "17.5.1")
        assert [(a.bundle_id, a.name, a.version) for a in one.apps] == [
            ("org.example.one", "One", "2.0")
        ]
        assert one.missing_files == 0
        assert one.problems == []
        on_disk = [p for p in plain.path.rglob("*") if p.is_file()]
        assert one.file_count == len(on_disk)
        assert one.size_bytes == sum(p.stat().st_size for p in on_disk)
        two = next(b for b in found if b.udid == OTHER)
        assert (two.state, two.encrypted, two.missing_files) == ("complete", True, None)
        assert [p.code for p in two.problems] == ["wrong_encrypted_flag"]
        location = await bus.request(LocateBackup(backup_id=two.id))
        assert location.path == str((root / "nas" / "deep" / OTHER).resolve())
        assert location.region == "US" or location.region is None
        subjects = [subject for subject, _ in await events(bus, count=2)]
        assert subjects == ["backup.discovered"] * 2


async def test_serial_and_numbers_are_masked_until_they_are_asked_for(
    stack: Stack, root: Path
) -> None:
    mint(root)
    async with discovering(stack) as bus:
        (masked,) = await eventually(bus, lambda bs: len(bs) == 1)
        assert masked.serial_number == "••••••••••01"
        assert masked.phone_numbers == ["+• (•••) •••-••00"]
        assert masked.imei is not None
        assert masked.imei.startswith("•••••")
        (revealed,) = await listed(bus, reveal=True)
        assert revealed.serial_number == "SAMPLE000001"
        assert revealed.phone_numbers == ["+1 (555) 010-0000"]
        one = await bus.request(GetBackup(backup_id=masked.id, reveal=True))
        assert one.imei == "350000000000006"
        device = await bus.request(GetDevice(udid=masked.udid or "", reveal=False))
        assert device.serial_number == "••••••••••01"
        assert device.backup_ids == [masked.id]


async def test_a_run_is_announced_once_after_it_finished_and_the_folder_is_quiet(
    stack: Stack, root: Path
) -> None:
    minted = mint(root)
    async with discovering(stack, discovery__quiet_seconds="0.6") as bus:
        (before,) = await eventually(bus, lambda bs: len(bs) == 1 and bs[0].size_bytes is not None)
        mint(root, files=MORE, taken_at=LATER, snapshot_state="uploading")
        (minted.path / "Snapshot").mkdir()
        (minted.path / "Snapshot" / "00").mkdir()
        (running,) = await eventually(bus, lambda bs: bs[0].state == "running")
        assert running.revision == before.revision
        for number in range(10):
            (minted.path / "Snapshot" / f"{number:02x}x").mkdir()
            await asyncio.sleep(0.05)
        shutil.rmtree(minted.path / "Snapshot")
        mint(root, files=MORE, taken_at=LATER)
        (after,) = await eventually(
            bus, lambda bs: bs[0].state == "complete" and bs[0].size_bytes is not None
        )
        assert after.id == before.id
        assert after.revision not in {None, before.revision}
        assert (after.file_count or 0) == (before.file_count or 0) + 1
        told = await events(bus, count=2)
        assert [subject for subject, _ in told] == ["backup.discovered", "backup.changed"]
        assert told[1][1]["revision"] == after.revision
        assert told[1][1]["taken_at"] == "2024-09-30T06:40:00Z"


async def test_what_is_asked_for_is_judged_at_once_and_announced_when_quiet(
    stack: Stack, root: Path
) -> None:
    mint(root)
    async with discovering(stack, discovery__quiet_seconds="1.5") as bus:
        (before,) = await eventually(bus, lambda bs: len(bs) == 1)
        mint(root, files=MORE, taken_at=LATER)
        report = await refreshed(bus)
        assert report.changed == [before.id]
        assert report.items[0].state == "complete"
        assert report.items[0].revision != before.revision
        assert [subject for subject, _ in await events(bus, count=2)] == [
            "backup.discovered",
            "backup.changed",
        ]


async def test_replicas_share_the_answers_and_announce_everything_once(
    stack: Stack, root: Path
) -> None:
    minted = mint(root)
    async with discovering(stack) as bus, stack.service("discovery"):
        await eventually(bus, lambda bs: len(bs) == 1)
        mint(root, files=MORE, taken_at=LATER)
        reports = await asyncio.gather(*(refreshed(bus) for _ in range(8)))
        assert len({report.items[0].revision for report in reports}) == 1
        assert sum(len(report.changed) for report in reports) <= 1
        shutil.rmtree(minted.path)
        await asyncio.gather(*(refreshed(bus) for _ in range(8)))
        assert [subject for subject, _ in await events(bus, count=3)] == [
            "backup.discovered",
            "backup.changed",
            "backup.removed",
        ]


async def test_pages_follow_each_other_newest_first(stack: Stack, root: Path) -> None:
    for day in range(1, 6):
        mint(
            root,
            folder_name=f"copy{day}",
            udid=UDID if day % 2 else OTHER,
            files=FILES[:1],
            taken_at=dt.datetime(2024, 1, day, tzinfo=dt.UTC),
        )
    shutil.copytree(root / "copy3", root / "copy3b")
    async with discovering(stack) as bus:
        everything = await eventually(bus, lambda bs: len(bs) == 6)
        dates = [b.last_backup_at for b in everything]
        assert dates == sorted(dates, reverse=True)  # type: ignore[type-var]
        paged: list[str] = []
        cursor = None
        while True:
            page = await bus.request(ListBackups(limit=2, cursor=cursor))
            paged += [b.id for b in page.items]
            if (cursor := page.next_cursor) is None:
                break
        assert paged == [b.id for b in everything]
        assert len(await listed(bus, device=OTHER)) == 2
        first = await bus.request(ListDevices(limit=1))
        second = await bus.request(ListDevices(limit=1, cursor=first.next_cursor))
        assert [first.items[0].udid, second.items[0].udid] == [UDID, OTHER]
        assert second.next_cursor is None
        for bad in (ListBackups(limit=0), ListBackups(limit=1001), ListBackups(cursor="nonsense")):
            with pytest.raises(ProblemError) as caught:
                await bus.request(bad)
            assert caught.value.problem.status == 400
        for missing in (GetBackup(backup_id="x"), GetDevice(udid="x")):
            with pytest.raises(ProblemError) as caught:
                await bus.request(missing)
            assert caught.value.problem.status == 404


async def test_hostile_folders_stop_nothing_and_nothing_is_written(
    stack: Stack, root: Path
) -> None:
    good = mint(root, udid=OTHER)
    bad = root / os.fsdecode(b"caf\xe9")
    shutil.copytree(good.path, bad)
    bombs = root / "bombs"
    bombs.mkdir()
    os.mkfifo(bombs / "Manifest.plist")
    (bombs / "Manifest.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (bombs / "Info.plist").write_bytes(b"bplist00" + b"\xff" * 100)
    (root / "loop").symlink_to(root)
    (root / "again").symlink_to(good.path)
    (root / "dangling").symlink_to(root / "nowhere")
    before = _tree(root)
    async with discovering(stack) as bus:
        found = await eventually(
            bus, lambda bs: len(bs) == 3 and all(b.size_bytes is not None for b in bs)
        )
        states = {Path(b.path).name: b.state for b in found}
        assert states == {OTHER: "complete", "bombs": "damaged", "caf\ufffd": "complete"}
        odd = next(b for b in found if "caf" in b.path)
        assert [p.code for p in odd.problems] == ["name_is_no_text"]
        with pytest.raises(ProblemError):
            await bus.request(LocateBackup(backup_id=odd.id))
        await refreshed(bus)
    assert _tree(root) == before


def _tree(root: Path) -> dict[bytes, tuple[int, int]]:
    return {
        os.fsencode(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in root.rglob("*")
    }
