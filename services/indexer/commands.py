"""Requests that change something: index, cancel, retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.indexer.exports.request import is_held
from services.indexer.jobs.storage import (
    UNDER_WAY,
    AnyJob,
    ExportJob,
    IndexJob,
    LineageJob,
    create_job,
    find_job,
    get_job,
    list_jobs,
    request_cancel,
    requested_again,
    reset_job,
)
from services.indexer.kinds import PARSERS
from services.indexer.runs.index_run import readable_revision
from services.indexer.runs.session_files import SessionFiles
from shared.bus import Bus, RequestContext, publish
from shared.contracts.discovery import LocateBackup
from shared.contracts.events import IndexRequested
from shared.contracts.identifiers import BackupId, JobId
from shared.contracts.indexer import JobAccepted, RequestIndex
from shared.contracts.jobs import CancelJob, GetJob, Job, ListJobs, RetryJob
from shared.contracts.problems import ProblemError, bad_request, locked, not_found, problem
from shared.contracts.requests import Page, Request


class Commands:
    """Answers for jobs."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            RequestIndex: self.request_index,
            ListJobs: self.list_jobs,
            GetJob: self.get_job,
            CancelJob: self.cancel_job,
            RetryJob: self.retry_job,
        }

    async def request_index(self, request: RequestIndex, context: RequestContext) -> JobAccepted:
        """Take an index run, or name the one that is under way for this backup."""
        unknown = sorted(set(request.kinds or ()) - PARSERS.keys())
        if unknown or request.kinds == []:
            raise bad_request(f"kinds must be some of: {', '.join(PARSERS)}.")
        await self._check_readable(request.backup_id, request.session_id)
        job_id = JobId(str(uuid4()))
        async with self._pool.acquire() as connection, connection.transaction():
            job = await create_job(
                connection,
                job_id=job_id,
                backup_id=request.backup_id,
                session_id=request.session_id,
                kinds=request.kinds,
            )
            if job.id == job_id:
                await publish(
                    connection,
                    IndexRequested(
                        job_id=job_id,
                        backup_id=request.backup_id,
                        session_id=request.session_id,
                        kinds=request.kinds,
                    ),
                    service="indexer",
                    traceparent=context.traceparent,
                )
        return JobAccepted(job_id=job.id)

    async def list_jobs(self, request: ListJobs, _context: RequestContext) -> Page[Job]:
        """Jobs, newest first."""
        return await list_jobs(self._pool, request)

    async def get_job(self, request: GetJob, _context: RequestContext) -> Job:
        """One job."""
        return await get_job(self._pool, request.job_id)

    async def cancel_job(self, request: CancelJob, _context: RequestContext) -> Job:
        """Ask a job to stop; its run notices within a second, in whichever replica it is."""
        job = await find_job(self._pool, str(_id(request.job_id, "job")))
        if isinstance(job, LineageJob) and job.state in UNDER_WAY:
            raise problem(
                "conflict",
                "A decision about a lineage is not cancelled.",
                409,
                "Take it back instead: undo it, and its job stops where it is and parts the"
                " devices again.",
            )
        return await request_cancel(self._pool, request.job_id)

    async def retry_job(self, request: RetryJob, context: RequestContext) -> Job:
        """Run an ended job again, with a fresh session if one is given."""
        job = await find_job(self._pool, str(_id(request.job_id, "job")))
        if job is None:
            raise not_found("job")
        session_id = request.session_id
        if isinstance(job, IndexJob):
            session_id = session_id or job.session_id
        for one in request.session_ids:
            _id(one, "session")
        await self._check_retry(job, session_id)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await reset_job(
                    connection, job.id, session_id=session_id, session_ids=request.session_ids
                ):
                    raise _not_retried()
                await publish(
                    connection,
                    requested_again(job, session_id),
                    service="indexer",
                    traceparent=context.traceparent,
                )
        except asyncpg.UniqueViolationError:
            raise _not_retried() from None
        return await get_job(self._pool, job.id)

    async def _check_retry(self, job: AnyJob, session_id: str | None) -> None:
        if isinstance(job, ExportJob):
            # One that is completed passes away with the indexer that made it.
            if job.state in UNDER_WAY or (
                job.state == "completed" and await is_held(self._bus, job.id)
            ):
                raise _not_retried()
            return
        if job.state not in ("interrupted", "failed", "cancelled"):
            raise _not_retried()
        if isinstance(job, LineageJob):
            return
        await self._check_readable(
            job.backup_id, session_id, may_refer=job.origin != "person" and session_id is None
        )

    async def _check_readable(
        self, backup_id: str, session_id: str | None, *, may_refer: bool = False
    ) -> None:
        """Refuse at once what the run could only refuse later.

        A job that *may_refer* opens the backup through its device's passphrase reference.
        """
        _id(backup_id, "backup")
        location = await self._bus.request(LocateBackup(backup_id=BackupId(backup_id)))
        readable_revision(location)
        if not location.encrypted or may_refer:
            return
        if session_id is None:
            raise locked()
        _id(session_id, "session")
        await SessionFiles(self._bus, session_id).check(location)


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise not_found(what) from None


def _not_retried() -> ProblemError:
    return problem(
        "conflict",
        "The job cannot be run again now.",
        409,
        "Only jobs that were interrupted, failed or cancelled are run again, one per backup; and"
        " exports that are not there any more.",
    )
