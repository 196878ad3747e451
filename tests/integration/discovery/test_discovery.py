"""Discovery as a running service: minted backups on disk, real NATS, real Postgres."""

import asyncio
import contextlib
import datetime as dt
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import MintedBackup, PhoneApp, PhoneFile, mint_backup
from shared.bus import Bus
from shared.contracts.discovery import (
    Backup,
    ForgetBackup,
    GetBackup,
    GetDevice,
    ListBackups,
    ListDevices,
    LocateBackup,
    RefreshBackups,
    RefreshReport,
    UpdateBackup,
)
from shared.contracts.problems import ProblemError
from tests.stack import Stack

UDID = "00008110-000A1B2C3D4E5F60"
OTHER = "00008120-000A1B2C3D4E5F61"
FILES = [PhoneFile("HomeDomain", f"Library/file{n}", b"x" * (100 + n)) for n in range(6)]
MORE = [*FILES, PhoneFile("HomeDomain", "Library/new", b"new")]
LATER = dt.datetime(2024, 9, 30, 6, 40, tzinfo=dt.UTC)


@asynccontextmanager
async def discovering(stack: Stack, **settings: str) -> AsyncIterator[Bus]:
    """Run discovery and return the gateway's connection to ask it with."""
    given = {f"KEEPSAKE_{name.upper()}": value for name, value in settings.items()}
    async with stack.bus("gateway") as bus, stack.service("discovery", given):
        yield bus


async def listed(bus: Bus, **arguments: Any) -> list[Backup]:
    return (await bus.request(ListBackups(**arguments))).items


async def eventually(
    bus: Bus, wanted: Callable[[list[Backup]], bool], *, seconds: float = 20
) -> list[Backup]:
    """Wait until the list is as *wanted*."""
    backups: list[Backup] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            # The list is asked for, not pushed: there is nothing to wait on.
            while not wanted(backups := await listed(bus)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert wanted(backups), [(b.state, b.revision, b.problems, b.size_bytes) for b in backups]
    return backups


async def refreshed(bus: Bus) -> RefreshReport:
    return await bus.request(RefreshBackups(), timeout_seconds=30)


async def events(bus: Bus, *, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return everything on the stream; waits for *count* events, and a moment for one too many."""
    found: list[tuple[str, dict[str, Any]]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            async for stored in bus.follow_events(after_sequence=0):
                found.append((stored.subject, json.loads(stored.data)["data"]))
                if len(found) == count:
                    break
    await asyncio.sleep(0.3)
    assert await bus.last_sequence() == len(found) == count, found
    return found


@pytest.fixture
def root(stack: Stack) -> Path:
    folder = stack.folder / "backups"
    folder.mkdir(exist_ok=True)
    return folder


def mint(root: Path, **arguments: Any) -> MintedBackup:
    return mint_backup(root, **{"files": FILES, "udid": UDID, **arguments})


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
