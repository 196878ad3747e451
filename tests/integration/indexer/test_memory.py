"""Runs that parse only what they do not know, against runs that parse everything."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from kind_runs import JOB, assert_same, tables
from phone_changes import SMS, ChangingPhone
from staged import BACKUP, day

from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_timeline import Moment, record_revision
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.kinds import PARSERS
from services.indexer.parsing.isolation import WORKER_COMMAND, Bounds
from services.indexer.runs.kind_files import Fetched
from services.indexer.runs.kind_reading import KindReading
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.indexer import KindReport
from tests.stack import Stack

#: The device that knows what was read before, and the one that reads everything.
_BOTH = ("knows", "reads")


class Devices:
    """Indexes one phone's states for several devices."""

    def __init__(self, stack: Stack, pool: Any, connect: Any, bus: Bus, folder: Path) -> None:
        self._settings = stack.settings()
        self._pool = pool
        self._connect = connect
        self._bus = bus
        self._folder = folder
        self.divide_from = 20_000
        self.halve_from: int | None = 20_000
        #: How each run merged what it read.
        self.ways: list[str] = []

    async def index(
        self,
        phone: Path,
        listing: Path,
        *,
        device: str,
        moment: int,
        small_bytes: int = 8 << 20,
        in_the_way: str | None = None,
    ) -> KindReport:
        folder = self._folder / device
        folder.mkdir()
        if in_the_way is not None:
            (folder / in_the_way).mkdir()
        try:
            copy = folder / "sms.db"
            shutil.copyfile(phone, copy)
            progress = ProgressReporter(self._bus, self._pool, JobId(JOB), dict)
            reading = KindReading(
                PARSERS["message"], folder=folder, settings=self._settings, region="DE",
                command=WORKER_COMMAND, bounds=Bounds(), progress=progress, connect=self._connect,
                small_bytes=small_bytes, divide_from=self.divide_from,
                # Whole runs of these tests bring everything, see test_held for others.
                halve_from=self.halve_from, most_held=0,
            )  # fmt: skip
            async with self._pool.acquire() as connection:

                async def record() -> Moment:
                    return await record_revision(
                        connection, device=device, digest=f"{moment:040x}", taken_at=day(moment),
                        backup_id=BACKUP,
                    )  # fmt: skip

                report = await reading.read(
                    connection,
                    Fetched(files={SMS: str(copy)}, listing=str(listing)),
                    job_id=JOB,
                    planned=Moment(device=device, taken_at=day(moment)),
                    record=record,
                )
            self.ways.append(reading.way)
            return report
        finally:
            shutil.rmtree(folder)


@pytest.fixture
async def devices(stack: Stack, pool: Any, connect: Any, tmp_path: Path) -> AsyncIterator[Devices]:
    async with stack.bus("indexer") as bus:
        yield Devices(stack, pool, connect, bus, tmp_path)


SEEDS = range(int(os.environ.get("KEEPSAKE_MEMORY_SEEDS", "2")))


@pytest.mark.parametrize("seed", SEEDS)
async def test_runs_that_know_most_of_it_leave_exactly_what_whole_runs_leave(
    devices: Devices, connection: Any, tmp_path: Path, seed: int
) -> None:
    """The memory of one device is emptied before each run, so that it always reads everything."""
    chance = random.Random(seed)
    phone = ChangingPhone(tmp_path, seed)
    listing = tmp_path / "listing"
    small_bytes = chance.choice([1, 8 << 20])
    devices.divide_from = chance.choice([1, 20_000])
    states: dict[int, Path] = {}
    moment = 0
    for step in range(7):
        if states and chance.random() < 0.2:
            at = chance.choice(sorted(states))  # forget one, or ask for an older one again
            if chance.random() < 0.5:
                for device in ("knows", "reads"):
                    async with connection.transaction():
                        await forget_moment(connection, Moment(device=device, taken_at=day(at)))
                del states[at]
                await assert_same(connection, ["forgotten"], _BOTH)
                continue
            state = states[at]
        else:
            happened = phone.change(chance.choice([0, 1, 3, 12])) if step else []
            at = moment = moment + 2
            if step and chance.random() < 0.15:
                at = moment - 3  # found later than one that is newer
            state = tmp_path / f"state{at}"
            shutil.copyfile(phone.path, state)
        phone.listing(listing)
        await connection.execute("delete from memory where device = 'reads'")
        reports = [
            await devices.index(state, listing, device=device, moment=at, small_bytes=small_bytes)
            for device in ("knows", "reads")
        ]
        assert reports[0] == reports[1], happened
        states[at] = state
        await assert_same(connection, happened, _BOTH)
    phone.close()
    assert "difference" not in devices.ways[1::2]
    # Some phones lose an identity in their first days, and are read as a whole ever after.
    assert seed not in SEEDS[:4] or "difference" in devices.ways[::2]


async def written(connection: Any) -> dict[int, str]:
    rows = await connection.fetch("select id, xmin::text as x from artifact")
    return {row["id"]: row["x"] for row in rows}


async def index_twice(
    devices: Devices, connection: Any, folder: Path, change: Callable[[ChangingPhone], None]
) -> tuple[KindReport, int]:
    """Index a phone, let something happen, index it again; return the report and rows written."""
    phone = ChangingPhone(folder, 1, messages=600)
    listing = folder / "listing"
    phone.listing(listing)
    await devices.index(phone.path, listing, device="d", moment=1)
    before = await written(connection)
    change(phone)
    phone.close()
    report = await devices.index(phone.path, listing, device="d", moment=2)
    after = await written(connection)
    return report, sum(before.get(number) != xmin for number, xmin in after.items())


async def test_the_next_run_writes_what_changed_and_counts_everything(
    devices: Devices, connection: Any, tmp_path: Path
) -> None:
    report, rows = await index_twice(devices, connection, tmp_path, ChangingPhone.edit_text)
    assert devices.ways == ["merged", "difference"]
    assert (report.read, report.added, report.removed, rows) == (600, 1, 1, 2)


async def test_what_is_remembered_wrongly_is_found_out_and_everything_is_read(
    devices: Devices, connection: Any, tmp_path: Path
) -> None:
    phone = ChangingPhone(tmp_path, 1, messages=600)
    listing = tmp_path / "listing"
    phone.listing(listing)
    await devices.index(phone.path, listing, device="d", moment=1)
    await connection.execute(
        "update memory_group set digests = decode(repeat('00', length(digests)), 'hex')"
    )
    phone.edit_text()
    phone.close()
    report = await devices.index(phone.path, listing, device="d", moment=2)
    assert devices.ways == ["merged", "merged"]
    assert (report.read, report.added, report.removed) == (600, 1, 1)
    await devices.index(phone.path, listing, device="d", moment=3)
    assert devices.ways[-1] == "difference"


async def test_another_parser_or_a_store_with_doubtful_identities_is_read_as_a_whole(
    devices: Devices, connection: Any, tmp_path: Path
) -> None:
    phone = ChangingPhone(tmp_path, 1, messages=600)
    listing = tmp_path / "listing"
    phone.listing(listing)
    await devices.index(phone.path, listing, device="d", moment=1)
    await connection.execute("update memory set parser_version = 0")
    await devices.index(phone.path, listing, device="d", moment=2)
    await connection.execute("update memory set parser_version = 1")
    phone.add_messages()
    phone._db.execute("update message set guid = ' ' where rowid = 110")
    await devices.index(phone.path, listing, device="d", moment=3)
    assert devices.ways == ["merged", "merged", "merged"]
    assert await connection.fetchval("select count(*) from memory_group") == 0
    phone._db.execute("update message set guid = 'found' where rowid = 110")
    phone.close()
    await devices.index(phone.path, listing, device="d", moment=4)
    await devices.index(phone.path, listing, device="d", moment=5)
    assert devices.ways[3:] == ["merged", "difference"]


async def test_nothing_stays_of_what_was_remembered_of_a_forgotten_revision(
    devices: Devices, connection: Any, tmp_path: Path
) -> None:
    phone = ChangingPhone(tmp_path, 1)
    listing = tmp_path / "listing"
    phone.listing(listing)
    phone.close()
    await devices.index(phone.path, listing, device="d", moment=1)
    assert await connection.fetchval("select count(*) from memory_group") > 10
    async with connection.transaction():
        await forget_moment(connection, Moment(device="d", taken_at=day(1)))
    assert await connection.fetchval("select count(*) from memory_group") == 0
    assert await connection.fetchval("select count(*) from memory") == 0


@pytest.mark.parametrize("in_the_way", ["beside.rows", "beside.groups", "beside.half"])
async def test_when_the_second_process_fails_the_store_is_read_by_one(
    devices: Devices, connection: Any, tmp_path: Path, in_the_way: str
) -> None:
    phone = ChangingPhone(tmp_path, 1, messages=600)
    listing = tmp_path / "listing"
    phone.listing(listing)
    devices.divide_from = 1
    for device in ("knows", "fails"):
        await devices.index(phone.path, listing, device=device, moment=1)
    phone.change(12)
    phone.find_identity()
    phone.close()
    reports = [
        await devices.index(phone.path, listing, device="knows", moment=2),
        await devices.index(phone.path, listing, device="fails", moment=2, in_the_way=in_the_way),
    ]
    assert devices.ways == ["merged", "merged", "difference", "merged"]
    assert reports[0] == reports[1]
    knows, fails = await tables(connection, "knows"), await tables(connection, "fails")
    assert knows == fails


async def shown(connection: Any, device: str) -> list[list[tuple[Any, ...]]]:
    """Return what readers see: rows of one moment are in the order of their numbers."""
    rows, *others = await tables(connection, device)
    times = {row[5] for row in rows}
    assert None not in times
    return [sorted(rows, key=lambda row: row[5]), *others]


@pytest.mark.parametrize("seed", [1, 3])
async def test_a_first_run_in_halves_leaves_exactly_what_one_process_leaves(
    devices: Devices, connection: Any, tmp_path: Path, seed: int
) -> None:
    """Equal times are common here: sorting by time keeps the order of the rows' numbers."""
    phone = ChangingPhone(tmp_path, seed, messages=900)
    listing = tmp_path / "listing"
    phone.change(12)
    phone.find_identity()
    # Reactions to nothing that is there come after everything else.
    phone._db.execute("delete from message where rowid % 7 = 3 and associated_message_type = 0")
    phone._db.execute("update message set date = date / 5000000000 * 5000000000")
    phone._db.execute("update message set date = 0 where rowid % 40 = 5")
    phone.listing(listing)
    reports = []
    for device, devices.halve_from in (("whole", None), ("halves", 1)):
        reports.append(
            await devices.index(phone.path, listing, device=device, moment=1, small_bytes=1)
        )
    assert devices.ways == ["loaded", "loaded in halves"]
    assert reports[0] == reports[1]
    assert await shown(connection, "whole") == await shown(connection, "halves")
    groups = "select sum(kept) from memory_group group by timeline"
    left = await connection.fetch(groups)
    assert len(left) == 2
    assert left[0] == left[1]
    phone.change(6)
    phone.find_identity()
    phone.close()
    again = [
        await devices.index(phone.path, listing, device=device, moment=2)
        for device in ("whole", "halves")
    ]
    assert devices.ways[2:] == ["difference", "difference"]
    assert again[0] == again[1]
    assert await shown(connection, "whole") == await shown(connection, "halves")


@pytest.mark.parametrize(
    "change",
    [
        "update message set date = date / 1000000000",
        "update message set date = 700000000000000000",
        "update message set date = 'today' where rowid % 10 = 0",
    ],
    ids=["seconds", "one time", "words"],
)
async def test_stores_whose_order_is_in_doubt_are_not_halved(
    devices: Devices, tmp_path: Path, change: str
) -> None:
    phone = ChangingPhone(tmp_path, 1, messages=600)
    listing = tmp_path / "listing"
    phone.listing(listing)
    phone._db.execute(change)
    phone.close()
    devices.halve_from = 1
    await devices.index(phone.path, listing, device="d", moment=1, small_bytes=1)
    assert devices.ways == ["loaded"]


@pytest.mark.parametrize("trouble", ["beside.turns", "beside.groups", "beside.half", "no identity"])
async def test_when_one_half_cannot_be_had_nothing_of_the_other_stays(
    devices: Devices, connection: Any, tmp_path: Path, trouble: str
) -> None:
    phone = ChangingPhone(tmp_path, 1, messages=600)
    listing = tmp_path / "listing"
    phone.listing(listing)
    in_the_way = trouble if trouble.startswith("beside") else None
    if in_the_way is None:
        phone._db.execute(
            "update message set guid = ' ' where rowid ="
            " (select rowid from message where associated_message_type = 0"
            " order by date desc limit 1)"
        )
    phone.close()
    reports = []
    for device, devices.halve_from, blocked in (("whole", None, None), ("fails", 1, in_the_way)):
        reports.append(
            await devices.index(
                phone.path, listing, device=device, moment=1, small_bytes=1, in_the_way=blocked
            )
        )
    assert devices.ways == ["loaded", "loaded"]
    assert reports[0] == reports[1]
    assert await tables(connection, "whole") == await tables(connection, "fails")
    left = "select count(*) from artifact_shard where state = 'loading'"
    assert await connection.fetchval(left) == 0
