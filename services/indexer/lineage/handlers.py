"""The event that asks for a lineage: it is arranged, and its job says so in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from services.indexer.errors import JobIsOverError
from services.indexer.jobs.endings import Ending, ending_of
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.jobs.storage import (
    LINEAGE_LOCK,
    LineageJob,
    finish_job,
    start_job,
)
from services.indexer.jobs.taking import take
from services.indexer.jobs.turns import turn
from services.indexer.lineage.storage_arranging import arrange
from services.indexer.lineage.storage_links import find_link
from services.indexer.metrics import LINEAGES
from shared.bus import Bus, Delivery
from shared.contracts.events import LineageCompleted, LineageFailed, LineageRequested
from shared.contracts.jobs import JobProgress, JobState
from shared.contracts.problems import Problem, problem

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.jobs.turns import Connect

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class LineageHandlers:
    """Handlers of the indexer's consumer."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, connect: Connect) -> None:
        """Work on connections of *connect*, beside the pool: it takes as long as there are rows."""
        self._pool = pool
        self._bus = bus
        self._connect = connect

    async def on_lineage_requested(self, event: LineageRequested, delivery: Delivery) -> None:
        """Bring histories to what is decided; goes on where a run before was broken off."""
        job = await take(self._pool, delivery, event.job_id, LineageJob)
        if job is None:
            return
        try:
            await self._arrange(job)
        except Exception as error:  # noqa: BLE001 -- judged there, and raised again
            await self._end(delivery, job, ending_of(error, delivery, no_room=_no_room()))
        else:
            await self._complete(delivery, job)

    async def _arrange(self, job: LineageJob) -> None:
        progress = ProgressReporter(self._bus, self._pool, job.id, dict)

        async def tell(done: int, total: int) -> None:
            await progress.tell("arranging", done, total)

        async with turn(self._connect, LINEAGE_LOCK) as connection:
            if not await start_job(connection, job.id, device=None):
                raise JobIsOverError
            await progress.tell("deciding")
            await arrange(connection, tell)

    async def _complete(self, delivery: Delivery, job: LineageJob) -> None:
        async with delivery.transaction() as connection:
            link = await find_link(connection, job.link_id)
            if not await finish_job(
                connection,
                job.id,
                state="completed",
                report={"state": link.state, "devices": link.devices},
            ):
                return
            await delivery.publish(
                connection,
                LineageCompleted(job_id=job.id, link_id=link.id, devices=link.devices),
            )
        LINEAGES.labels("completed").inc()
        log.info("lineage_completed", devices=len(link.devices))
        await self._tell(job, "completed")

    async def _end(self, delivery: Delivery, job: LineageJob, ending: Ending | None) -> None:
        if ending is None:
            async with delivery.transaction():
                return
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state=ending.state, error=ending.error):
                return
            if ending.error is not None:
                await delivery.publish(
                    connection,
                    LineageFailed(
                        job_id=job.id,
                        link_id=job.link_id,
                        problem_type=ending.error.type,
                        title=ending.error.title,
                    ),
                )
        LINEAGES.labels(ending.state).inc()
        log.info("lineage_ended", state=ending.state)
        await self._tell(job, ending.state)

    async def _tell(self, job: LineageJob, state: JobState) -> None:
        await self._bus.send_progress(JobProgress(job_id=job.id, state=state, progress=None))


def _no_room() -> Problem:
    return problem(
        "no-space",
        "There is no room for the lineage.",
        507,
        "Make room for the database, then retry the job. What was decided stands.",
    ).problem
