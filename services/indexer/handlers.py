"""Events: a run that was asked for, and a backup that is to be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from services.indexer.errors import no_space
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_shards import drop_empty
from services.indexer.history.storage_timeline import devices_of, moments_only_of, release_backup
from services.indexer.jobs.endings import Ending, ending_of, later
from services.indexer.jobs.storage import UNDER_WAY, IndexJob, Report, create_job, finish_job
from services.indexer.metrics import JOBS
from services.indexer.people.address_book import rebuild_address_book
from services.indexer.people.storage import refresh_people
from services.indexer.people.storage_seen import read_cards, reread_seen
from services.indexer.runs.index_run import IndexRunner, RunResult
from shared.bus import Bus, Delivery, Reject
from shared.contracts.events import BackupRemoved, IndexCompleted, IndexFailed, IndexRequested
from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.indexer import KindReport
from shared.contracts.jobs import JobProgress, JobState
from shared.contracts.problems import Problem, problem

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class EventHandlers:
    """Handlers of the indexer's consumer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        runner: IndexRunner,
        on_run_over: Callable[[], None],
    ) -> None:
        """Call *on_run_over* whenever a run has ended, however it did."""
        self._pool = pool
        self._on_run_over = on_run_over
        self._bus = bus
        self._runner = runner

    async def on_index_requested(self, event: IndexRequested, delivery: Delivery) -> None:
        """Run the job and say how it ended, in one transaction with the inbox."""
        if await delivery.is_done():
            return
        job = await self._find_job(event)
        if job.id != event.job_id or job.state not in UNDER_WAY:
            # Asked for while another run of this backup was under way, or cancelled meanwhile.
            async with delivery.transaction():
                return
        structlog.contextvars.bind_contextvars(job_id=job.id, backup_id=job.backup_id)
        await self._run(job, delivery)

    async def _run(self, job: IndexJob, delivery: Delivery) -> None:
        try:
            try:
                result = await self._runner.run(job)
            finally:
                self._on_run_over()
        except Exception as error:  # noqa: BLE001 -- judged there, and raised again
            ending = ending_of(error, delivery, no_room=no_space().problem)
            await self._end(delivery, job, ending)
        else:
            await self._complete(delivery, job, result)

    async def on_backup_removed(self, event: BackupRemoved, delivery: Delivery) -> None:
        """Forget the revisions of a backup that a person forgot; a vanished folder keeps them."""
        async with delivery.transaction() as connection:
            if not event.forgotten:
                return
            for device in await devices_of(connection, event.backup_id):
                if not await connection.fetchval(
                    "select pg_try_advisory_xact_lock(hashtextextended($1, 1))",
                    f"indexer:{device}",
                ):
                    # A run of this device is going on; its rows are not ours to move now.
                    raise later(delivery)
            moments = await moments_only_of(connection, event.backup_id)
            await release_backup(connection, event.backup_id)
            for moment in moments:
                await forget_moment(connection, moment)
            for device in sorted({moment.device for moment in moments}):
                await rebuild_address_book(connection, device)
                await read_cards(connection, device)
                await reread_seen(connection, device)
        async with self._pool.acquire() as connection:
            await refresh_people(connection)
            await drop_empty(connection)
        log.info("backup_forgotten", backup_id=event.backup_id)

    async def _find_job(self, event: IndexRequested) -> IndexJob:
        try:
            UUID(event.job_id), UUID(event.backup_id)
        except ValueError:
            raise Reject("the ids are not ids") from None
        return await create_job(
            self._pool,
            job_id=event.job_id,
            backup_id=event.backup_id,
            session_id=event.session_id,
            kinds=event.kinds,
        )

    async def _complete(self, delivery: Delivery, job: IndexJob, result: RunResult) -> None:
        reports = result.reports
        if not reports or all(report.state == "failed" for report in reports.values()):
            ending = Ending("failed", _nothing_read())
            await self._end(delivery, job, ending, reports=reports)
            return
        async with delivery.transaction() as connection:
            if not await finish_job(
                connection,
                job.id,
                state="completed",
                report=_report(reports),
                revision=result.revision,
            ):
                return
            await delivery.publish(
                connection,
                IndexCompleted(
                    job_id=job.id,
                    backup_id=BackupId(job.backup_id),
                    udid=Udid(result.device),
                    revision=result.revision,
                    kept=result.kept,
                    incomplete_kinds=result.incomplete_kinds,
                ),
            )
        JOBS.labels("completed").inc()
        log.info("index_completed", kept=result.kept, incomplete=result.incomplete_kinds)
        await self._tell(job, "completed")

    async def _end(
        self,
        delivery: Delivery,
        job: IndexJob,
        ending: Ending | None,
        *,
        reports: Mapping[str, KindReport] | None = None,
    ) -> None:
        if ending is None:
            async with delivery.transaction():
                return
        state, error = ending.state, ending.error
        async with self._pool.acquire() as connection:
            # Kinds that were finished have brought people.
            await refresh_people(connection)
        async with delivery.transaction() as connection:
            if not await finish_job(
                connection,
                job.id,
                state=state,
                error=error,
                report=None if reports is None else _report(reports),
            ):
                return
            if error is not None:
                await delivery.publish(connection, _failed(job, error))
        JOBS.labels(state).inc()
        log.info("index_ended", state=state, problem=None if error is None else error.type)
        await self._tell(job, state)

    async def _tell(self, job: IndexJob, state: JobState) -> None:
        await self._bus.send_progress(JobProgress(job_id=job.id, state=state, progress=None))


def _report(reports: Mapping[str, KindReport]) -> Report:
    return {"kinds": list(reports.values())}


def _failed(job: IndexJob, error: Problem) -> IndexFailed:
    return IndexFailed(
        job_id=job.id,
        backup_id=BackupId(job.backup_id),
        problem_type=error.type,
        title=error.title,
    )


def _nothing_read() -> Problem:
    return problem(
        "nothing-indexed",
        "Nothing in the backup could be read.",
        422,
        "The report says why for each kind.",
    ).problem
