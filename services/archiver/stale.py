"""Jobs that wait, or that nobody says anything of any more, are asked for again.

A run that was killed is delivered again by the bus within a minute; this is for those whose event
was used up, and for those that wait for an hour of the day. Asking too much does no harm: who
finds the job over, or at work, has nothing to do.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import structlog

from services.archiver.course import unfinished
from services.archiver.job_events import requested
from services.archiver.problems import nobody_works
from services.archiver.storage.jobs import ArchiverJob, finish_job
from services.archiver.storage.waiting import fetch_forgotten, fetch_silent, take_due
from shared.bus import publish
from shared.postgres import is_away
from shared.settings import ArchiverSettings

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: Who waits for an hour of the day is not later than this.
_LOOK_SECONDS = 10.0


async def keep_looking(pool: asyncpg.Pool[Any], *, settings: ArchiverSettings) -> None:
    """Look every few seconds, for ever."""
    while True:
        await asyncio.sleep(min(_LOOK_SECONDS, settings.stale_seconds / 4))
        try:
            await look(pool, settings=settings)
        except Exception as error:
            if not is_away(error):
                raise
            log.info("stale_jobs_not_looked_for", error=type(error).__name__)


async def look(pool: asyncpg.Pool[Any], *, settings: ArchiverSettings) -> list[str]:
    """Ask for the jobs that may go on, and interrupt those that may not; return their ids."""
    seconds = settings.stale_seconds
    slot = int(time.time() // max(seconds, 1.0))
    async with pool.acquire() as connection, connection.transaction():
        due = await take_due(connection)
        for job in due:
            await publish(connection, requested(job.kind, job.id), service="archiver")
        silent = await fetch_silent(connection, seconds=seconds)
        for job in silent:
            if settings.resume:
                await _ask_again(connection, job, slot)
            elif await finish_job(
                connection, job.id, state="interrupted", error=nobody_works().problem
            ):
                ended = unfinished(job, "interrupted", nobody_works().problem)
                await publish(connection, ended, service="archiver")
        forgotten = await fetch_forgotten(connection, seconds=seconds)
        for job in forgotten:
            await _ask_again(connection, job, slot)
    if silent or forgotten:
        log.warning("stale_jobs", silent=len(silent), forgotten=len(forgotten))
    return [job.id for job in (*due, *silent, *forgotten)]


async def _ask_again(connection: Any, job: ArchiverJob, slot: int) -> None:
    """Publish the request of a job anew, once per such time."""
    event_id = uuid5(UUID(job.id), f"asked again {slot}")
    if not await connection.fetchval(
        "select exists (select from outbox where event_id = $1)", event_id
    ):
        await publish(
            connection, requested(job.kind, job.id), service="archiver", event_id=event_id
        )
