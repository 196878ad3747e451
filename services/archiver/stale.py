"""Jobs that nobody says anything of any more are asked for again, so that none hangs for ever.

A run that was killed is delivered again by the bus within a minute; this is for those whose event
was used up. Asking too much does no harm: who finds the job over, or its store in use, has nothing
to do or waits.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import structlog

from services.archiver.job_events import requested
from services.archiver.storage.jobs import fetch_stale
from shared.bus import publish
from shared.postgres import is_away

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOOK_SECONDS = 60.0
#: Longer than the longest pause between two deliveries (shared/bus/consumer.py).
_STALE_SECONDS = 900.0


async def keep_looking(pool: asyncpg.Pool[Any]) -> None:
    """Look every minute, for ever."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await ask_again(pool, stale_seconds=_STALE_SECONDS)
        except Exception as error:
            if not is_away(error):
                raise
            log.info("stale_jobs_not_looked_for", error=type(error).__name__)


async def ask_again(pool: asyncpg.Pool[Any], *, stale_seconds: float) -> list[str]:
    """Publish the request of each stale job anew, once per such time; return their ids."""
    slot = int(time.time() // max(stale_seconds, 1.0))
    asked: list[str] = []
    async with pool.acquire() as connection, connection.transaction():
        for job in await fetch_stale(connection, seconds=stale_seconds):
            event_id = uuid5(UUID(job.id), f"asked again {slot}")
            if await connection.fetchval(
                "select exists (select from outbox where event_id = $1)", event_id
            ):
                continue
            await publish(
                connection, requested(job.kind, job.id), service="archiver", event_id=event_id
            )
            asked.append(job.id)
    if asked:
        log.warning("stale_jobs_asked_again", count=len(asked))
    return asked
