"""One export: what was asked for is read, written by a process of its own, sealed and kept."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.errors import JobIsOverError, WorkerError
from services.indexer.exports.feeding import Feed
from services.indexer.exports.formats import find_format
from services.indexer.exports.formats.protocol import About, Device, Format
from services.indexer.exports.groups import Part
from services.indexer.exports.media import MediaSource
from services.indexer.exports.rendering import COMMAND, rendering
from services.indexer.exports.selection import Selection
from services.indexer.exports.store import ExportStore
from services.indexer.exports.wire import ExportReport, Task
from services.indexer.jobs.cancelling import until_cancelled
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.jobs.storage import ExportJob, export_lock, start_job
from services.indexer.jobs.turns import turn
from services.indexer.kinds import PARSERS
from shared.bus import Bus
from shared.contracts.discovery import ListBackups
from shared.contracts.exports import Export, ExportWish, LeftOut
from shared.contracts.identifiers import Udid
from shared.contracts.problems import ProblemError
from shared.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.jobs.turns import Connect

#: Exports that are written at the same time; more wait.
_RUNS = 2


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an export."""

    export: Export
    report: ExportReport

    def as_report(self) -> dict[str, Any]:
        """Return it as the job's report."""
        export = self.export
        return {
            "export": {
                "name": export.name,
                "size_bytes": export.size_bytes,
                "sha256": export.sha256,
                "expires_at": export.expires_at,
                "download": f"/api/exports/content/{export.id}",
            },
            "kinds": self.report.kinds,
            "media": self.report.media,
            "notes": self.report.notes,
        }


class ExportRunner:
    """Makes exports, for one process of the indexer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        settings: Settings,
        store: ExportStore,
        connect: Connect,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._limits = settings.exports
        self._store = store
        self._connect = connect
        self._command = command
        self._room = asyncio.Semaphore(_RUNS)

    async def run(self, job: ExportJob) -> Finished:
        """Make the export of *job*; it is kept and served when this returns.

        Raises ``ProblemError``, ``WorkerError``, ``JobIsOverError`` and ``RunCancelledError``;
        whatever it is, nothing of the export is left then.
        """
        return await until_cancelled(self._pool, job.id, self._run(job))

    async def _run(self, job: ExportJob) -> Finished:
        # An event that is delivered twice makes one export after the other.
        async with self._room, turn(self._connect, export_lock(job.id)) as connection:
            # What fits one conversation is wrong for another.
            await connection.execute("set plan_cache_mode = force_custom_plan")
            if not await start_job(connection, job.id, device=None):
                raise JobIsOverError
            made_at = dt.datetime.now(dt.UTC).replace(microsecond=0)
            wish = job.wish
            # Beside the loop, in case nobody has imported it yet.
            wanted = await asyncio.to_thread(find_format, wish.format)
            async with self._store.writing(job.id) as writing:
                progress = ProgressReporter(self._bus, self._pool, job.id, dict)
                await progress.tell("looking")
                selection = Selection(connection, wish.query)
                parts, left_out = _held(await selection.plan(), wanted)
                about = await self._about(wish, selection, parts, made_at)
                media = MediaSource(
                    self._bus,
                    connection,
                    job.session_ids,
                    devices_of=selection.viewpoint.devices_of,
                )
                feed = Feed(
                    connection,
                    selection,
                    media=media if wish.include_media else None,
                    about=about,
                    parts=parts,
                    left_out=left_out,
                    wanted=wanted,
                    progress=progress,
                )
                task = Task(
                    format=wish.format,
                    about=about,
                    memory_bytes=self._limits.worker_memory_bytes,
                    cpu_seconds=self._limits.worker_cpu_seconds,
                )
                try:
                    async with rendering(
                        task, on_progress=feed.written, command=self._command
                    ) as work:
                        feeding = asyncio.create_task(feed.run(work), name=f"feed {job.id}")
                        try:
                            report = await _while_feeding(work.take(writing.write), feeding)
                        finally:
                            feeding.cancel()
                            await asyncio.gather(feeding, return_exceptions=True)
                finally:
                    await asyncio.shield(media.close())
                file = await writing.finish()
            try:
                export = await self._store.keep(job.id, file, name=_name(wish, made_at))
            except BaseException:
                await asyncio.shield(asyncio.to_thread(file.remove))
                raise
            return Finished(export=export, report=report)

    async def forget(self, job: ExportJob) -> None:
        """Remove what came of a run whose job was ended meanwhile."""
        await self._store.remove(job.id)

    async def _about(
        self, wish: ExportWish, selection: Selection, parts: list[Part], made_at: dt.datetime
    ) -> About:
        names = list(dict.fromkeys(source.device for part in parts for source in part.sources))
        devices = [await self._device(udid, selection) for udid in names]
        return About(
            query=msgspec.to_builtins(wish.query),
            include_media=wish.include_media,
            made_at=made_at,
            time_zone=wish.time_zone,
            devices=devices,
            kind_titles={kind: parser.title for kind, parser in PARSERS.items()},
            total=sum(part.total for part in parts),
        )

    async def _device(self, udid: str, selection: Selection) -> Device:
        digest, taken_at = await selection.revision_of(udid)
        device = Device(udid=udid, revision=digest, taken_at=taken_at)
        try:
            page = await self._bus.request(ListBackups(device=Udid(udid), limit=1))
        except ProblemError:
            # Its name is a courtesy.
            return device
        if not page.items:
            return device
        newest = page.items[0]
        return msgspec.structs.replace(device, name=newest.name, model=newest.model)


async def _while_feeding(
    taking: Coroutine[Any, Any, ExportReport], feeding: asyncio.Task[None]
) -> ExportReport:
    """Return what *taking* does, or raise what went wrong with *feeding* if that was first.

    When the process breaks down both notice; the one that takes knows why.
    """
    take: asyncio.Task[ExportReport] = asyncio.create_task(taking)
    try:
        await asyncio.wait({take, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if not take.done():
            error = feeding.exception()
            if error is not None and not isinstance(error, WorkerError):
                raise error
        return await take
    finally:
        take.cancel()
        await asyncio.gather(take, return_exceptions=True)


def _held(parts: list[Part], wanted: type[Format]) -> tuple[list[Part], dict[str, list[LeftOut]]]:
    """Return the parts that the format holds, and what is left out of the others."""
    kinds = wanted.kinds
    if kinds is None:
        return parts, {}
    dropped: Counter[str] = Counter()
    for part in parts:
        if part.kind not in kinds:
            dropped[part.kind] += part.total
    reason = f"The format {wanted.name} does not hold this kind."
    return (
        [part for part in parts if part.kind in kinds],
        {kind: [LeftOut(reason=reason, count=count)] for kind, count in dropped.items()},
    )


def _name(wish: ExportWish, made_at: dt.datetime) -> str:
    """Return the file's name, in which nothing of what is inside shows but the kind."""
    query = wish.query
    kinds = query.wanted_kinds or []
    what = kinds[0].replace("_", "-") if len(kinds) == 1 else "export"
    if query.thread is not None:
        what = "thread"
    return f"keepsake-{what}-{made_at:%Y%m%d-%H%M%S}-{wish.format}.zip"
