"""Events: an archive, or a restore, that was asked for."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from services.archiver.errors import ArchiverError, CancelledByPersonError
from services.archiver.problems import (
    PASSING,
    no_space_here,
    no_space_in_scratch,
    problem_of,
    state_of,
)
from services.archiver.runs.archive_run import ArchiveRunner, Made
from services.archiver.runs.mirror_run import MirrorRunner
from services.archiver.runs.restore_run import RestoreRunner
from services.archiver.runs.run_log import RunLogs
from services.archiver.runs.turns import Turns
from services.archiver.runs.upkeep_run import UpkeepRunner
from services.archiver.storage.archives import record_archive
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.items import record_items
from services.archiver.storage.jobs import ArchiverJob, find_job, finish_job, start_job
from services.archiver.storage.states import heal_states
from services.archiver.storage.trees import merge_tree
from services.archiver.storage.waiting import wait_job
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
from shared.contracts.jobs import JobProgress, JobState, Progress
from shared.contracts.problems import Problem, ProblemError, problem
from shared.settings import ArchiverSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PASSING_STATUS = (503, 504)
_BUS_SECONDS = 30.0
_TO_TRY = "waiting to be tried again"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


class EventHandlers:
    """Handlers of the archiver's consumer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        archives: ArchiveRunner,
        mirrors: MirrorRunner,
        restores: RestoreRunner,
        upkeep: UpkeepRunner,
        turns: Turns,
        logs: RunLogs,
        settings: ArchiverSettings,
        is_stopping: Callable[[], bool],
    ) -> None:
        """*is_stopping* tells whether the service is on its way out."""
        self._is_stopping = is_stopping
        self._pool = pool
        self._settings = settings
        self._bus = bus
        self._archives = archives
        self._mirrors = mirrors
        self._restores = restores
        self._upkeep = upkeep
        self._turns = turns
        self._logs = logs

    async def on_archive_requested(self, event: ArchiveRequested, delivery: Delivery) -> None:
        """Make the archive and say so, in one transaction with the inbox and the catalogue."""
        job = await self._find(event.job_id, delivery)
        if job is None:
            return
        assert job.destination_id is not None
        try:
            destination = await get_destination(self._pool, job.destination_id)
        except ProblemError as error:
            await self._end(job, delivery, error)
            return
        async with self._turns.turn(job, destination) as wait:
            if wait is None:
                runner = self._mirrors if destination.mode == "mirror" else self._archives
                await self._archive(job, delivery, runner)
            elif await wait_job(self._pool, job.id, step=wait.step, until=wait.until):
                async with delivery.transaction():
                    pass
                log.info("job_waits", step=wait.step)
                await self._tell(job, "pending", step=wait.step)
            # Else somebody is at it, who records the event when it is over, or is over.

    async def _archive(
        self, job: ArchiverJob, delivery: Delivery, runner: ArchiveRunner | MirrorRunner
    ) -> None:
        if not await self._start(job, delivery):
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
        self._log_end(job, "completed", problem_type=None, report=report)
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
        finally:
            # It may have been in the way of archives.
            await self._turns.wake(job)
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
        self._log_end(job, "completed", problem_type=None, report=report)
        await self._tell(job, "completed")

    async def _begin(self, job_id: str, delivery: Delivery) -> ArchiverJob | None:
        job = await self._find(job_id, delivery)
        return job if job is not None and await self._start(job, delivery) else None

    async def _find(self, job_id: str, delivery: Delivery) -> ArchiverJob | None:
        if await delivery.is_done():
            return None
        try:
            job = await find_job(self._pool, UUID(job_id))
        except ValueError:
            raise Reject("the id is no id") from None
        if job is None or job.state not in ("pending", "running"):
            # Cancelled meanwhile, or of a database that was put back.
            async with delivery.transaction():
                return None
        structlog.contextvars.bind_contextvars(job_id=job.id)
        return job

    async def _start(self, job: ArchiverJob, delivery: Delivery) -> bool:
        if await start_job(self._pool, job.id):
            log = await asyncio.to_thread(self._logs.begin, job)
            log.tell(
                "began",
                tries=job.tries + 1,
                source=job.source_id,
                destination=job.destination_id,
                archive=job.archive_id,
            )
            return True
        async with delivery.transaction():
            return False

    async def _end(self, job: ArchiverJob, delivery: Delivery, error: Exception) -> None:
        """Write down how a run ended that did not come to its end, or have it tried again."""
        match error:
            case AlreadyHandled():
                raise error
            case _ if self._is_stopping():
                # What the service lets go of when it stops fails whoever uses it: the job goes on
                # where it is when somebody lives again.
                raise Retry(self._settings.retry_seconds) from error
            case CancelledByPersonError():
                await self._finish(job, delivery, "cancelled", None)
            case ArchiverError():
                # What may pass is tried again; then a person has to look.
                if isinstance(error, PASSING) and job.tries + 1 < self._settings.tries:
                    raise await self._later(job, problem_of(error).problem) from error
                await self._finish(job, delivery, state_of(error), problem_of(error).problem)
            case ProblemError():
                is_left = job.tries + 1 < self._settings.tries and not delivery.is_last_attempt
                if error.problem.status in _PASSING_STATUS and is_left:
                    raise await self._later(job, error.problem) from error
                await self._finish(job, delivery, "failed", error.problem)
            case OSError() if error.errno in _DISK:
                is_scratch = job.kind != "restore"
                said = no_space_in_scratch(error) if is_scratch else no_space_here(error)
                await self._finish(job, delivery, "interrupted", said.problem)
            case _:
                if not delivery.is_last_attempt:
                    raise error
                log.error("archiver_run_broken", error=type(error).__name__)
                await self._finish(job, delivery, "failed", _broken())

    async def _later(self, job: ArchiverJob, error: Problem) -> Retry:
        """Let the job wait, longer each time; people see for what, and why."""
        seconds = self._settings.retry_seconds * 2.0**job.tries
        # The bus brings it again by then; this is for when it does not.
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds + _BUS_SECONDS)
        await wait_job(
            self._pool,
            job.id,
            step=_TO_TRY,
            until=until,
            error=error,
            is_ours=True,
        )
        log.info("job_tried_again", seconds=seconds, problem=error.type)
        self._logs.of(job).tell("tried again later", seconds=seconds, problem=error.type)
        await self._tell(job, "pending", step=_TO_TRY, error=error)
        return Retry(seconds)

    async def _finish(
        self, job: ArchiverJob, delivery: Delivery, state: JobState, error: Problem | None
    ) -> None:
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state=state, error=error):
                return
            if error is not None:
                await delivery.publish(connection, unfinished(job, state, error))
        problem_type = None if error is None else error.type
        log.info("job_ended", state=state, problem=problem_type)
        self._log_end(job, state, problem_type=problem_type)
        await self._tell(job, state, error=error)

    async def _tell(
        self,
        job: ArchiverJob,
        state: JobState,
        *,
        step: str | None = None,
        error: Problem | None = None,
    ) -> None:
        progress = None if step is None else Progress(step=step, unit="bytes")
        await self._bus.send_progress(
            JobProgress(job_id=job.id, state=state, progress=progress, error=error)
        )

    def _log_archive(self, job: ArchiverJob, made: Made) -> None:
        log = self._logs.of(job)
        tree = made.archive.manifest.get("tree")
        if log.tells_paths and tree is not None:
            for left in tree["skipped"]:
                log.tell("left out", reason=left["reason"], path=left["path"])
        self._log_end(job, "completed", problem_type=None, report=made.report)

    def _log_end(
        self, job: ArchiverJob, state: JobState, *, problem_type: str | None, report: Any = None
    ) -> None:
        figures = {
            name: value
            for name, value in (report or {}).items()
            # Counts and ids only.
            if isinstance(value, int) or name == "archive_id"
        }
        self._logs.of(job).tell("ended", state=state, problem=problem_type, **figures)


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


def unfinished(job: ArchiverJob, state: JobState, error: Problem) -> Event:
    """Return the event that tells of a job that did not come to its end."""
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
