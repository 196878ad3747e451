"""One mirror: a source's files are copied as they are, and what they replace is moved aside.

rclone copies and compares, one part of the source after the other, in a process for each. What it
did is not taken from its word: the source is looked at before and after, the mirror is listed, and
the catalogue gets what both agree on. Nothing is removed unless the source is there as a whole, and
never for good.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.format.manifest import Manifest, SourceFacts, tree_facts
from services.archiver.opening import Destinations
from services.archiver.runs.archive_run import Made
from services.archiver.runs.at_work import around, at_work
from services.archiver.runs.mirror_work import Mirrored, MirrorWork
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.run_log import RunLogs
from services.archiver.sources.gathered import Gathered
from services.archiver.sources.gathering import gathered
from services.archiver.sources.means import Means
from services.archiver.storage import mirrors
from services.archiver.storage.archives import MIRRORED, NewArchive, Turn, next_turn
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.sources import get_source
from shared.bus import Bus
from shared.contracts.archiver import Destination, Source
from shared.contracts.problems import bad_request
from shared.scratch import Scratch

if TYPE_CHECKING:
    import asyncpg

_TYPES = ("device_backup", "directory")
_PATHS = 5000


class MirrorRunner:
    """Brings mirrors up to date."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        scratch: Scratch,
        destinations: Destinations,
        logs: RunLogs,
        means: Means,
    ) -> None:
        """Use *scratch* for what is listed, and what rclone is told."""
        self._pool = pool
        self._bus = bus
        self._scratch = scratch
        self._destinations = destinations
        self._logs = logs
        self._means = means

    async def run(self, job: ArchiverJob, record: Callable[[Made], Awaitable[None]]) -> None:
        """Bring a mirror up to date and *record* what it holds. Whose turn it is calls this.

        Raises ``ArchiverError``, ``ProblemError``, OSError of our own disk.
        """
        assert job.source_id is not None
        assert job.destination_id is not None
        source = await get_source(self._pool, job.source_id)
        destination = await get_destination(self._pool, job.destination_id)
        if source.type not in _TYPES:
            raise bad_request("A mirror holds files: archive this source to a store.")
        pulse = Pulse(pool=self._pool, bus=self._bus, job_id=job.id, log=self._logs.of(job))
        async with at_work(job, scratch=self._scratch, pulse=pulse) as folder:
            around_it = around(folder, bus=self._bus, pulse=pulse, means=self._means)
            async with gathered(source, around_it) as found:
                made = await self._mirror(
                    job,
                    source=source,
                    destination=destination,
                    found=found,
                    pulse=pulse,
                    folder=folder,
                )
            await record(made)

    async def _mirror(
        self,
        job: ArchiverJob,
        *,
        source: Source,
        destination: Destination,
        found: Gathered,
        pulse: Pulse,
        folder: Path,
    ) -> Made:
        ids = {"source_id": UUID(source.id), "destination_id": UUID(destination.id)}
        place = await self._destinations.find(destination)
        assert place.remote is not None
        assert found.tree is not None
        work = MirrorWork(
            source=source,
            tree=found.tree,
            place=place,
            daemon=self._destinations.daemon,
            pulse=pulse,
            folder=folder,
            most_lost=None
            if job.request.get("allow_deletions")
            else self._means.settings.archiver.mirror_loss,
            bytes_per_second=destination.config.limits.bytes_per_second,
        )
        known = await asyncio.to_thread(work.look)
        await self._check_loss(work, **ids)
        turn = await next_turn(self._pool, **ids, asked_at=job.created_at)
        where = await mirrors.folder_of(self._pool, **ids, name=source.name)
        aside = await mirrors.begin_pass(
            self._pool, **ids, number=turn.number, now=f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
        )
        mirrored = await asyncio.to_thread(work.copy, where, aside, known)
        archive = _archive(
            job,
            mirrored,
            source=source,
            destination=destination,
            found=found,
            turn=turn,
            where=where,
        )
        report = {
            **pulse.report(),
            "archive_id": str(archive.id),
            "files_done": archive.file_count,
            "bytes_done": archive.source_bytes,
            "files_read": mirrored.sent_count,
            "bytes_read": mirrored.sent_bytes,
            "bytes_added": mirrored.sent_bytes,
            "objects_added": mirrored.sent_count,
            "torn": mirrored.torn_count,
            "skipped": archive.skipped_count,
            "moved_aside_to": aside,
            "trimmed": mirrored.is_trimmed,
        }
        return Made(archive=archive, seen=mirrored.seen, items=(), report=report)

    async def _check_loss(self, work: MirrorWork, *, source_id: UUID, destination_id: UUID) -> None:
        """Compare what is there with what the catalogue has. Raises ``MirrorRefusedError``."""
        after, count, gone = b"", 0, 0
        while paths := await mirrors.fetch_paths(
            self._pool,
            source_id=source_id,
            destination_id=destination_id,
            after=after,
            limit=_PATHS,
        ):
            count += len(paths)
            gone += sum(work.is_gone(path) for path in paths)
            after = paths[-1]
        work.check_loss(had=count, gone=gone)


def _archive(
    job: ArchiverJob,
    mirrored: Mirrored,
    *,
    source: Source,
    destination: Destination,
    found: Gathered,
    turn: Turn,
    where: str,
) -> NewArchive:
    assert job.archive_id is not None
    manifest = Manifest(
        archive_id=str(job.archive_id),
        store_id=destination.store_id,
        kind=found.kind,
        created_at=turn.at,
        keepsake_version=version("keepsake"),
        source=SourceFacts(
            id=source.id,
            name=source.name,
            type=source.type,
            preset=source.preset,
            facts=found.facts,
        ),
        members=[],
        tree=tree_facts(mirrored, mirrored.skipped),
    )
    return NewArchive(
        id=job.archive_id,
        source_id=UUID(source.id),
        destination_id=UUID(destination.id),
        number=turn.number,
        kind=found.kind,
        path=f"mirrors/{where}/mirror_{turn.at:%Y%m%d%H%M%S}.{found.kind}",
        created_at=turn.at,
        # There is no bundle.
        bundle_sha256=b"",
        bundle_bytes=0,
        source_bytes=mirrored.size_bytes,
        added_bytes=mirrored.sent_bytes,
        file_count=mirrored.file_count,
        torn_count=mirrored.torn_count,
        skipped_count=len(mirrored.skipped),
        format_version=MIRRORED,
        manifest=msgspec.to_builtins(manifest),
    )
