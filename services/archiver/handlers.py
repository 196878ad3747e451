"""Events: an archive, or a restore, that was asked for."""

from __future__ import annotations

import errno
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from services.archiver.errors import ArchiverError, CancelledByPersonError
from services.archiver.problems import PASSING, no_space_here, problem_of, state_of
from services.archiver.runs.archive_run import ArchiveRunner, Made
from services.archiver.runs.restore_run import RestoreRunner
from services.archiver.runs.upkeep_run import UpkeepRunner
from services.archiver.storage.archives import record_archive
from services.archiver.storage.jobs import ArchiverJob, find_job, finish_job, start_job
from services.archiver.storage.states import heal_states
from services.archiver.storage.trees import merge_tree
from shared.bus import AlreadyHandled, Bus, Delivery, Reject, Retry
from shared.contracts.events import (
    ArchiveCompleted,
    ArchiveFailed,
    ArchiveInterrupted,
    ArchiveRequested,
    Event,
    RestoreCompleted,
    RestoreFailed,
    RestoreRequested,
    UpkeepCompleted,
    UpkeepFailed,
    UpkeepRequested,
)
from shared.contracts.jobs import JobProgress, JobState
from shared.contracts.problems import Problem, ProblemError, problem
from shared.settings import ArchiverSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PASSING_STATUS = (503, 504)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


class EventHandlers:
    """Handlers of the archiver's consumer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        archives: ArchiveRunner,
        restores: RestoreRunner,
        upkeep: UpkeepRunner,
        settings: ArchiverSettings,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._bus = bus
        self._archives = archives
        self._restores = restores
        self._upkeep = upkeep

    async def on_archive_requested(self, event: ArchiveRequested, delivery: Delivery) -> None:
        """Make the archive and say so, in one transaction with the inbox and the catalogue."""
        job = await self._begin(event.job_id, delivery)
        if job is None:
            return

        async def record(made: Made) -> None:
            async with delivery.transaction() as connection:
                if not await finish_job(connection, job.id, state="completed", report=made.report):
                    return
                await record_archive(connection, made.archive)
                if made.seen is not None:
                    with made.seen.open("rb") as seen:
                        await merge_tree(
                            connection,
                            seen,
                            source_id=made.archive.source_id,
                            destination_id=made.archive.destination_id,
                            number=made.archive.number,
                        )
                await heal_states(connection, made.archive.destination_id)
                await delivery.publish(connection, _completed(job, made))

        try:
            await self._archives.run(job, record)
        except Exception as error:  # noqa: BLE001 -- every end is told
            await self._end(job, delivery, error)
        else:
            await self._tell(job, "completed")

    async def on_restore_requested(self, event: RestoreRequested, delivery: Delivery) -> None:
        """Restore, and say how it went."""
        job = await self._begin(event.job_id, delivery)
        if job is None:
            return
        try:
            report = await self._restores.run(job)
        except Exception as error:  # noqa: BLE001 -- every end is told
            await self._end(job, delivery, error)
            return
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state="completed", report=report):
                return
            await delivery.publish(
                connection,
                RestoreCompleted(
                    job_id=job.id,
                    archive_id=str(job.archive_id),
                    file_count=report["files_done"],
                    size_bytes=report["bytes_done"],
                    refused_count=report.get("refused", 0),
                ),
            )
        await self._tell(job, "completed")

    async def on_upkeep_requested(self, event: UpkeepRequested, delivery: Delivery) -> None:
        """Look after a store, and say how it went."""
        job = await self._begin(event.job_id, delivery)
        if job is None:
            return
        try:
            report = await self._upkeep.run(job)
        except Exception as error:  # noqa: BLE001 -- every end is told
            await self._end(job, delivery, error)
            return
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state="completed", report=report):
                return
            await delivery.publish(
                connection,
                UpkeepCompleted(
                    job_id=job.id,
                    kind=job.kind,
                    destination_id=str(job.destination_id),
                    archive_id=None if job.archive_id is None else str(job.archive_id),
                    wrong_count=report["wrong"],
                ),
            )
        await self._tell(job, "completed")

    async def _begin(self, job_id: str, delivery: Delivery) -> ArchiverJob | None:
        if await delivery.is_done():
            return None
        try:
            job = await find_job(self._pool, UUID(job_id))
        except ValueError:
            raise Reject("the id is no id") from None
        if job is None or not await start_job(self._pool, job.id):
            # Cancelled meanwhile, or of a database that was put back.
            async with delivery.transaction():
                return None
        structlog.contextvars.bind_contextvars(job_id=job.id)
        return job

    async def _end(self, job: ArchiverJob, delivery: Delivery, error: Exception) -> None:
        """Write down how a run ended that did not come to its end, or have it tried again."""
        match error:
            case AlreadyHandled():
                raise error
            case CancelledByPersonError():
                await self._finish(job, delivery, "cancelled", None)
            case ArchiverError():
                # What may pass is tried again; then a person has to look.
                if isinstance(error, PASSING) and delivery.attempt < self._settings.tries:
                    raise self._later(delivery) from error
                await self._finish(job, delivery, state_of(error), problem_of(error).problem)
            case ProblemError():
                if error.problem.status in _PASSING_STATUS and not delivery.is_last_attempt:
                    raise self._later(delivery) from error
                await self._finish(job, delivery, "failed", error.problem)
            case OSError() if error.errno in _DISK:
                await self._finish(job, delivery, "interrupted", no_space_here(error).problem)
            case _:
                if not delivery.is_last_attempt:
                    raise error
                log.error("archiver_run_broken", error=type(error).__name__)
                await self._finish(job, delivery, "failed", _broken())

    def _later(self, delivery: Delivery) -> Retry:
        return Retry(self._settings.retry_seconds * 2.0 ** (delivery.attempt - 1))

    async def _finish(
        self, job: ArchiverJob, delivery: Delivery, state: JobState, error: Problem | None
    ) -> None:
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state=state, error=error):
                return
            if error is not None:
                await delivery.publish(connection, _unfinished(job, state, error))
        log.info("job_ended", state=state, problem=None if error is None else error.type)
        await self._tell(job, state)

    async def _tell(self, job: ArchiverJob, state: JobState) -> None:
        await self._bus.send_progress(JobProgress(job_id=job.id, state=state, progress=None))


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


def _unfinished(job: ArchiverJob, state: JobState, error: Problem) -> Event:
    if job.kind == "restore":
        return RestoreFailed(
            job_id=job.id,
            archive_id=str(job.archive_id),
            problem_type=error.type,
            title=error.title,
        )
    if job.kind != "archive":
        return UpkeepFailed(
            job_id=job.id,
            kind=job.kind,
            destination_id=str(job.destination_id),
            archive_id=None if job.archive_id is None else str(job.archive_id),
            problem_type=error.type,
            title=error.title,
        )
    kind = ArchiveInterrupted if state == "interrupted" else ArchiveFailed
    return kind(
        job_id=job.id,
        source_id=str(job.source_id),
        destination_id=str(job.destination_id),
        problem_type=error.type,
        title=error.title,
    )


def _broken() -> Problem:
    return problem(
        "internal",
        "Something went wrong inside Keepsake.",
        500,
        "It was logged; trying again may help.",
    ).problem
