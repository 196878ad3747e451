"""Runs of one kind for several devices, and whether they left the same history."""

from __future__ import annotations

import shutil
from itertools import zip_longest
from pathlib import Path
from typing import Any

from everything_changing import EverythingChanging
from staged import BACKUP, day

from services.indexer.history.storage_held import MOST_HELD
from services.indexer.history.storage_timeline import Moment, record_revision
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.kinds import OURS
from services.indexer.parsing.isolation import WORKER_COMMAND, Bounds
from services.indexer.runs.kind_files import Fetched, UnreadError
from services.indexer.runs.kind_reading import KindReading
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.indexer import KindReport
from tests.stack import Stack

JOB = "6f9619ff-8b86-4d01-b42d-00cf4fc964fe"

#: Everything that readers see of devices; numbers of rows only by their order.
TABLES = """
select kind, key, digest, (select t.key from thread t where t.id = a.thread_id), occurred_at,
    sort_at, title, text, folded, sender_handle, is_me, payload::text, attachments::text,
    has_attachment, has_link, added_at, removed_at, search::text
from artifact a where device = $1 order by kind, id;
select kind, key, title, folded, is_group, participants, services, described_at, artifact_count,
    removed_count, first_at, last_at, last_text, sort_at
from thread where device = $1 order by kind, key;
select t.kind, t.key, n.position, n.sort_at, a.key
from thread_anchor n join thread t on t.id = n.thread_id join artifact a on a.id = n.artifact_id
where t.device = $1 order by 1, 2, 3;
select kind, artifact_count, removed_count from kind_total where device = $1 order by 1;
select kind, taken_at, state, added, removed, parser_version, report, rules, oldest_at
from kind_index
where device = $1 order by 1, 2;
select handle, name, folded, artifact_key from address_book where device = $1 order by 1;
select key, name, handles, unified_with, is_me, is_preferred from contact_card
where device = $1 order by 1;
select kind, handle, name, folded from seen_handle where device = $1 order by 1, 2;
select kind, removed_at, key, cause, doubt from removal where device = $1 order by 1, 2, 3
"""


async def tables(connection: Any, device: str) -> list[list[tuple[Any, ...]]]:
    return [
        [tuple(row) for row in await connection.fetch(one, device)] for one in TABLES.split(";")
    ]


async def assert_same(
    connection: Any, happened: object, devices: tuple[str, str] = ("held", "whole")
) -> None:
    """Both devices have the same history."""
    one, other = [await tables(connection, device) for device in devices]
    for here, there in zip(one, other, strict=True):
        differing = [pair for pair in zip_longest(here, there) if pair[0] != pair[1]]
        assert not differing, (happened, len(differing), differing[0])


class Runs:
    """Indexes kinds of one phone for several devices, each from the copies of that moment."""

    def __init__(self, stack: Stack, pool: Any, connect: Any, bus: Bus, folder: Path) -> None:
        self._settings = stack.settings()
        self._pool = pool
        self._connect = connect
        self._bus = bus
        self._folder = folder
        self.command = WORKER_COMMAND
        #: How each kind of each run was merged.
        self.ways: list[str] = []

    async def index(
        self, kind: str, phone: EverythingChanging, *, device: str, moment: int, **fields: Any
    ) -> KindReport | str:
        """Index a kind as it is on the phone now; return its report, or why it is not read."""
        folder = self._folder / device
        folder.mkdir()
        try:
            fetched = phone.fetched(OURS[kind], folder)
            if fetched is None:
                return "absent"
            return await self.read(kind, fetched, folder, device=device, moment=moment, **fields)
        except UnreadError as unread:
            return unread.report.note
        finally:
            shutil.rmtree(folder)

    async def read(
        self,
        kind: str,
        fetched: Fetched,
        folder: Path,
        *,
        device: str,
        moment: int,
        region: str = "DE",
        most_held: int = MOST_HELD,
    ) -> KindReport:
        reading = KindReading(
            OURS[kind], folder=folder, settings=self._settings, region=region,
            command=self.command, bounds=Bounds(),
            progress=ProgressReporter(self._bus, self._pool, JobId(JOB), dict),
            connect=self._connect, most_held=most_held,
        )  # fmt: skip
        async with self._pool.acquire() as connection:

            async def record() -> Moment:
                return await record_revision(
                    connection, device=device, digest=f"{moment:040x}", taken_at=day(moment),
                    backup_id=BACKUP,
                )  # fmt: skip

            report = await reading.read(
                connection, fetched, job_id=JOB,
                planned=Moment(device=device, taken_at=day(moment)), record=record,
            )  # fmt: skip
        self.ways.append(reading.way)
        return report
