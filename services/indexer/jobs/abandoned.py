"""Jobs that nobody works on any more are asked for again, so that none is under way for ever.

An event is delivered ten times at most. When the indexer is killed in the middle of each of these
runs, the event becomes a dead letter while its job still counts as running, and as no other job of
that backup may begin, the backup could not be indexed again. One replica looks at a time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import structlog

from services.indexer.jobs.storage import UNDER_WAY, IndexJob, lock_of, requested_again, to_run
from shared.bus import publish
from shared.postgres import is_away

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_SECONDS = 60.0
#: Longer than the longest pause between two deliveries (shared/bus/consumer.py).
ABANDONED_SECONDS = 900.0


async def keep_asking(pool: asyncpg.Pool[Any]) -> None:
    """Look every minute, for ever."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await ask_again(pool, older_than_seconds=ABANDONED_SECONDS)
        except Exception as error:
            if not is_away(error):
                raise
            log.info("abandoned_jobs_not_looked_for", error=type(error).__name__)


async def ask_again(pool: asyncpg.Pool[Any], *, older_than_seconds: float) -> list[str]:
    """Publish the request of each abandoned job anew, once per such time; return the jobs' ids.

    Asking too much does no harm: runs of one device take turns, and who finds the job over when
    it is his turn has nothing to do.
    """
    age = dt.timedelta(seconds=older_than_seconds)
    asked = []
    async with pool.acquire() as connection, connection.transaction():
        for row in await connection.fetch(
            "select *, floor(extract(epoch from now()) / $3)::bigint as slot from job"
            # The second: begun before the time of day was set back.
            " where state = any($1) and (coalesce(started_at, created_at) < now() - $2::interval"
            " or coalesce(started_at, created_at) > now() + $2::interval)",
            list(UNDER_WAY),
            age,
            max(older_than_seconds, 1.0),
        ):
            held = lock_of(row)
            if held is not None and not await connection.fetchval(
                "select pg_try_advisory_xact_lock(hashtextextended($1, 1))",
                f"indexer:{held}",
            ):
                # A run of this device, or of this export, or of a lineage is going on, maybe this.
                continue
            event_id = uuid5(row["id"], f"asked again {row['slot']}")
            if await _was_published(connection, event_id):
                continue
            job = to_run(row)
            await publish(
                connection,
                requested_again(job, job.session_id if isinstance(job, IndexJob) else None),
                service="indexer",
                event_id=event_id,
            )
            asked.append(str(row["id"]))
    if asked:
        log.warning("abandoned_jobs_asked_again", count=len(asked))
    return asked


async def _was_published(connection: Any, event_id: UUID) -> bool:
    return bool(
        await connection.fetchval(
            "select exists (select from outbox where event_id = $1)", event_id
        )
    )
