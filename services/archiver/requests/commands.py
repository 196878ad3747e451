"""Requests that change something: jobs, protection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.archiver.identifiers import parse_id
from services.archiver.job_events import requested
from services.archiver.opening import Destinations
from services.archiver.storage.archives import get_archive, set_protected
from services.archiver.storage.jobs import (
    RestoreWish,
    create_restore_job,
    find_job,
    get_job,
    request_cancel,
    reset_job,
)
from shared.bus import Bus, RequestContext, publish
from shared.contracts.archiver import (
    Accepted,
    Archive,
    ProtectArchive,
    RequestRestore,
)
from shared.contracts.events import RestoreRequested
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import CancelJob, Job, RetryJob
from shared.contracts.problems import ProblemError, bad_request, not_found, problem
from shared.contracts.requests import Request


class Commands:
    """Answers what changes something."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, destinations: Destinations) -> None:
        self._pool = pool
        self._bus = bus
        self._destinations = destinations

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            RequestRestore: self.request_restore,
            ProtectArchive: self.protect_archive,
        }

    async def request_restore(self, request: RequestRestore, context: RequestContext) -> Accepted:
        """Take a restore."""
        archive = await get_archive(self._pool, parse_id(request.archive_id, "archive"))
        if not request.target.startswith("/") or "\0" in request.target:
            raise bad_request("target must be an absolute path of a folder.")
        if request.paths is not None and not request.paths:
            raise bad_request("paths must name something; leave it out for everything.")
        job_id = uuid4()
        async with self._pool.acquire() as connection, connection.transaction():
            await create_restore_job(
                connection,
                job_id=job_id,
                archive_id=UUID(archive.id),
                wish=RestoreWish(
                    paths=request.paths,
                    target=request.target,
                    overwrite=request.overwrite,
                    dry_run=request.dry_run,
                ),
            )
            await publish(
                connection,
                RestoreRequested(job_id=JobId(str(job_id))),
                service="archiver",
                traceparent=context.traceparent,
            )
        return Accepted(job_id=JobId(str(job_id)))

    async def protect_archive(self, request: ProtectArchive, _: RequestContext) -> Archive:
        """Protect an archive, or no more."""
        archive_id = parse_id(request.archive_id, "archive")
        await set_protected(self._pool, archive_id, protected=request.protected)
        return await get_archive(self._pool, archive_id)

    async def cancel_job(self, request: CancelJob, _: RequestContext) -> Job:
        """Ask a job to stop; its run notices within seconds, in whichever replica it is."""
        return await request_cancel(self._pool, parse_id(request.job_id, "job"))

    async def retry_job(self, request: RetryJob, context: RequestContext) -> Job:
        """Run an ended job again: it goes on where it ended."""
        job = await find_job(self._pool, parse_id(request.job_id, "job"))
        if job is None:
            raise not_found("job")
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await reset_job(connection, UUID(job.id)):
                    raise _not_retried()
                await publish(
                    connection,
                    requested(job.kind, job.id),
                    service="archiver",
                    traceparent=context.traceparent,
                )
        except asyncpg.UniqueViolationError:
            raise _not_retried() from None
        return await get_job(self._pool, UUID(job.id))


def _not_retried() -> ProblemError:
    return problem(
        "conflict",
        "The job cannot be run again now.",
        409,
        "Only jobs that were interrupted, failed or cancelled are run again, one per source and"
        " destination.",
    )
