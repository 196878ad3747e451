"""How jobs begin and end, whatever they do: written down, told and logged."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from services.archiver.errors import ArchiverError, CancelledByPersonError
from services.archiver.problems import (
    PASSING,
    no_space_here,
    no_space_in_scratch,
    problem_of,
    state_of,
)
from services.archiver.runs.run_log import RunLogs
from services.archiver.storage.jobs import ArchiverJob, find_job, finish_job, start_job
from services.archiver.storage.waiting import wait_job
from shared.bus import AlreadyHandled, Bus, Delivery, Reject, Retry
from shared.contracts.events import (
    ArchiveFailed,
    ArchiveInterrupted,
    Event,
    RestoreFailed,
    UpkeepFailed,
)
from shared.contracts.jobs import JobProgress, JobState, Progress
from shared.contracts.problems import Problem, ProblemError, broken
from shared.settings import ArchiverSettings

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PASSING_STATUS = (503, 504)
_BUS_SECONDS = 30.0
_TO_TRY = "waiting to be tried again"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)


class Course:
    """Takes jobs from one state to the next."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        logs: RunLogs,
        settings: ArchiverSettings,
        is_stopping: Callable[[], bool],
    ) -> None:
        """*is_stopping* tells whether the service is on its way out."""
        self._pool = pool
        self._bus = bus
        self._logs = logs
        self._settings = settings
        self._is_stopping = is_stopping

    async def find(self, job_id: str, delivery: Delivery) -> ArchiverJob | None:
        """Return the job that an event asks for; None if there is nothing to do any more."""
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

    async def start(self, job: ArchiverJob, delivery: Delivery) -> bool:
        """Let a job run; False when it is over or runs already."""
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

    async def end(self, job: ArchiverJob, delivery: Delivery, error: Exception) -> None:
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
                await self._finish(job, delivery, "failed", broken().problem)

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
        await self.tell(job, "pending", step=_TO_TRY, error=error)
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
        self.log_end(job, state, problem_type=problem_type)
        await self.tell(job, state, error=error)

    async def wait(
        self, job: ArchiverJob, delivery: Delivery, *, step: str, until: dt.datetime | None
    ) -> None:
        """Let a job wait until somebody asks for it anew."""
        # Else somebody is at it, who records the event when it is over, or is over.
        if await wait_job(self._pool, job.id, step=step, until=until):
            async with delivery.transaction():
                pass
            log.info("job_waits", step=step)
            await self.tell(job, "pending", step=step)

    async def tell(
        self,
        job: ArchiverJob,
        state: JobState,
        *,
        step: str | None = None,
        error: Problem | None = None,
    ) -> None:
        """Say to those who listen in which state a job is."""
        progress = None if step is None else Progress(step=step, unit="bytes")
        await self._bus.send_progress(
            JobProgress(job_id=job.id, state=state, progress=progress, error=error)
        )

    def log_end(
        self, job: ArchiverJob, state: JobState, *, problem_type: str | None, report: Any = None
    ) -> None:
        """Write into the log of a run how it ended."""
        figures = {
            name: value
            for name, value in (report or {}).items()
            # Counts and ids only.
            if isinstance(value, int) or name == "archive_id"
        }
        self._logs.of(job).tell("ended", state=state, problem=problem_type, **figures)


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
