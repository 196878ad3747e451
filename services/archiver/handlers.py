"""Events: an archive, a restore, or the upkeep of a store, that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.archiver.course import Course
from services.archiver.runs.archive_run import ArchiveRunner, Made
from services.archiver.runs.mirror_run import MirrorRunner
from services.archiver.runs.restore_run import RestoreRunner
from services.archiver.runs.run_log import RunLogs
from services.archiver.runs.turns import Turns
from services.archiver.runs.upkeep_run import UpkeepRunner
from services.archiver.storage.archives import record_archive
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.items import record_items
from services.archiver.storage.jobs import ArchiverJob, finish_job
from services.archiver.storage.states import heal_states
from services.archiver.storage.trees import merge_tree
from services.archiver.storage.upkeep import WRITING
from shared.bus import Delivery
from shared.contracts.archiver import Destination
from shared.contracts.events import (
    ArchiveCompleted,
    ArchiveRequested,
    Event,
    RestoreCompleted,
    RestoreRequested,
    UpkeepCompleted,
    UpkeepRequested,
)
from shared.contracts.problems import ProblemError


class EventHandlers:
    """Handlers of the archiver's consumer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        course: Course,
        archives: ArchiveRunner,
        mirrors: MirrorRunner,
        restores: RestoreRunner,
        upkeep: UpkeepRunner,
        turns: Turns,
        logs: RunLogs,
    ) -> None:
        self._pool = pool
        self._course = course
        self._archives = archives
        self._mirrors = mirrors
        self._restores = restores
        self._upkeep = upkeep
        self._turns = turns
        self._logs = logs

    async def on_archive_requested(self, event: ArchiveRequested, delivery: Delivery) -> None:
        """Make the archive and say so, in one transaction with the inbox and the catalogue."""
        job = await self._course.find(event.job_id, delivery)
        if job is None:
            return

        async def archive(destination: Destination) -> None:
            runner = self._mirrors if destination.mode == "mirror" else self._archives
            await self._archive(job, delivery, runner)

        await self._in_turn(job, delivery, archive)

    async def _in_turn(
        self,
        job: ArchiverJob,
        delivery: Delivery,
        run: Callable[[Destination], Awaitable[None]],
        *,
        keeps_hours: bool = True,
    ) -> None:
        """Run the job if it is its turn to write to its destination, else let it wait."""
        assert job.destination_id is not None
        try:
            destination = await get_destination(self._pool, job.destination_id)
        except ProblemError as error:
            await self._course.end(job, delivery, error)
            return
        async with self._turns.turn(job, destination, keeps_hours=keeps_hours) as wait:
            if wait is None:
                await run(destination)
            else:
                await self._course.wait(job, delivery, step=wait.step, until=wait.until)

    async def _archive(
        self, job: ArchiverJob, delivery: Delivery, runner: ArchiveRunner | MirrorRunner
    ) -> None:
        if not await self._course.start(job, delivery):
            return

        async def record(made: Made) -> None:
            async with delivery.transaction() as connection:
                if not await finish_job(connection, job.id, state="completed", report=made.report):
                    return
                if not made.is_known:
                    await record_archive(connection, made.archive)
                    await record_items(connection, made.archive.id, made.items)
                if made.seen is not None:
                    with made.seen.open("rb") as seen:
                        await merge_tree(
                            connection,
                            seen,
                            source_id=made.archive.source_id,
                            destination_id=made.archive.destination_id,
                            number=made.archive.number,
                            same=made.same,
                        )
                await heal_states(connection, made.archive.destination_id)
                await delivery.publish(connection, _completed(job, made))
            await asyncio.to_thread(self._log_archive, job, made)

        try:
            await runner.run(job, record)
        except Exception as error:  # noqa: BLE001 -- every end is told
            await self._course.end(job, delivery, error)
        else:
            await self._course.tell(job, "completed")

    async def on_restore_requested(self, event: RestoreRequested, delivery: Delivery) -> None:
        """Restore, and say how it went."""
        job = await self._course.find(event.job_id, delivery)
        if job is None:
            return

        def restored(report: dict[str, Any]) -> Event:
            return RestoreCompleted(
                job_id=job.id,
                archive_id=str(job.archive_id),
                file_count=report["files_done"],
                size_bytes=report["bytes_done"],
                refused_count=report.get("refused", 0),
            )

        await self._run(job, delivery, self._restores.run, restored)

    async def on_upkeep_requested(self, event: UpkeepRequested, delivery: Delivery) -> None:
        """Look after a store, and say how it went."""
        job = await self._course.find(event.job_id, delivery)
        if job is None:
            return

        def looked_after(report: dict[str, Any]) -> Event:
            return UpkeepCompleted(
                job_id=job.id,
                kind=job.kind,
                destination_id=str(job.destination_id),
                archive_id=None if job.archive_id is None else str(job.archive_id),
                wrong_count=report["wrong"],
            )

        async def look_after(_destination: Destination | None = None) -> None:
            await self._run(job, delivery, self._upkeep.run, looked_after)

        if job.kind in WRITING:
            await self._in_turn(job, delivery, look_after, keeps_hours=False)
        else:
            await look_after()

    async def _run(
        self,
        job: ArchiverJob,
        delivery: Delivery,
        run: Callable[[ArchiverJob], Awaitable[dict[str, Any]]],
        completed: Callable[[dict[str, Any]], Event],
    ) -> None:
        if not await self._course.start(job, delivery):
            return
        try:
            report = await run(job)
        except Exception as error:  # noqa: BLE001 -- every end is told
            await self._course.end(job, delivery, error)
            return
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state="completed", report=report):
                return
            await delivery.publish(connection, completed(report))
        self._course.log_end(job, "completed", problem_type=None, report=report)
        await self._course.tell(job, "completed")

    def _log_archive(self, job: ArchiverJob, made: Made) -> None:
        log = self._logs.of(job)
        tree = made.archive.manifest.get("tree")
        if log.tells_paths and tree is not None:
            for left in tree["skipped"]:
                log.tell("left out", reason=left["reason"], path=left["path"])
        self._course.log_end(job, "completed", problem_type=None, report=made.report)


def _completed(job: ArchiverJob, made: Made) -> ArchiveCompleted:
    archive = made.archive
    return ArchiveCompleted(
        job_id=job.id,
        archive_id=str(archive.id),
        source_id=str(archive.source_id),
        destination_id=str(archive.destination_id),
        kind=archive.kind,
        source_bytes=archive.source_bytes,
        added_bytes=archive.added_bytes,
        file_count=archive.file_count,
        torn_count=archive.torn_count,
        skipped_count=archive.skipped_count,
    )
