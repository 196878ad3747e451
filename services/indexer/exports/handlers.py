"""The event that asks for an export: it is made, and how it ended is said in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from services.indexer.errors import WorkerError
from services.indexer.exports.export_run import ExportRunner, Finished
from services.indexer.exports.store import no_room
from services.indexer.jobs.endings import Ending, ending_of
from services.indexer.jobs.storage import ExportJob, finish_job
from services.indexer.jobs.taking import take
from services.indexer.metrics import EXPORTS
from shared.bus import Bus, Delivery
from shared.contracts.events import ExportCompleted, ExportFailed, ExportRequested
from shared.contracts.jobs import JobProgress, JobState
from shared.contracts.problems import Problem, problem

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class ExportHandlers:
    """Handlers of the indexer's consumer."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, runner: ExportRunner) -> None:
        self._pool = pool
        self._bus = bus
        self._runner = runner

    async def on_export_requested(self, event: ExportRequested, delivery: Delivery) -> None:
        """Make the export, unless its job is over. Made again after a crash in the midst."""
        job = await take(self._pool, delivery, event.job_id, ExportJob)
        if job is None:
            return
        await self._run(job, delivery)

    async def _run(self, job: ExportJob, delivery: Delivery) -> None:
        try:
            finished = await self._runner.run(job)
        except WorkerError as error:
            await self._end(delivery, job, Ending("failed", _not_written(error)))
        except Exception as error:  # noqa: BLE001 -- judged there, and raised again
            await self._end(delivery, job, ending_of(error, delivery, no_room=no_room().problem))
        else:
            await self._complete(delivery, job, finished)

    async def _complete(self, delivery: Delivery, job: ExportJob, finished: Finished) -> None:
        export = finished.export
        try:
            async with delivery.transaction() as connection:
                is_ours = await finish_job(
                    connection, job.id, state="completed", report=finished.as_report()
                )
                if is_ours:
                    await delivery.publish(
                        connection,
                        ExportCompleted(
                            job_id=job.id,
                            format=job.wish.format,
                            size_bytes=export.size_bytes,
                            expires_at=export.expires_at,
                        ),
                    )
        except BaseException:
            await self._runner.forget(job)
            raise
        if not is_ours:
            await self._runner.forget(job)
            return
        EXPORTS.labels("completed").inc()
        log.info("export_completed", format=job.wish.format, size_bytes=export.size_bytes)
        await self._tell(job, "completed")

    async def _end(self, delivery: Delivery, job: ExportJob, ending: Ending | None) -> None:
        if ending is None:
            async with delivery.transaction():
                return
        state, error = ending.state, ending.error
        async with delivery.transaction() as connection:
            if not await finish_job(connection, job.id, state=state, error=error):
                return
            if error is not None:
                await delivery.publish(
                    connection,
                    ExportFailed(job_id=job.id, problem_type=error.type, title=error.title),
                )
        EXPORTS.labels(state).inc()
        log.info("export_ended", state=state, problem=None if error is None else error.type)
        await self._tell(job, state)

    async def _tell(self, job: ExportJob, state: JobState) -> None:
        await self._bus.send_progress(JobProgress(job_id=job.id, state=state, progress=None))


def _not_written(error: WorkerError) -> Problem:
    return problem(
        "export-failed",
        "The export could not be written.",
        500,
        f"{error} Try another format, or less at once.",
    ).problem
