"""Taking an event that asks for a job: what is to be run, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import structlog

from services.indexer.jobs.storage import UNDER_WAY, ExportJob, LineageJob, find_job
from shared.bus import Delivery, Reject

if TYPE_CHECKING:
    import asyncpg

J = TypeVar("J", ExportJob, LineageJob)


async def take(pool: asyncpg.Pool[Any], delivery: Delivery, job_id: str, kind: type[J]) -> J | None:
    """Return the job that an event asks for; None when it is over, and the event settled.

    What is logged from here on names the job.
    """
    if await delivery.is_done():
        return None
    try:
        UUID(job_id)
    except ValueError:
        raise Reject("the id is not an id") from None
    job = await find_job(pool, job_id)
    if not isinstance(job, kind) or job.state not in UNDER_WAY:
        async with delivery.transaction():
            return None
    structlog.contextvars.bind_contextvars(job_id=job.id)
    return job
