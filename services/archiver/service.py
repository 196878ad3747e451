"""Wiring: which handler answers which subject."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from services.archiver.course import Course
from services.archiver.destinations.patience import Limits
from services.archiver.handlers import EventHandlers
from services.archiver.opening import Destinations
from services.archiver.requests.archives import ArchiveRequests
from services.archiver.requests.commands import Commands
from services.archiver.requests.contents import Contents
from services.archiver.requests.destination_changes import DestinationChanges
from services.archiver.requests.destinations import DestinationRequests
from services.archiver.requests.items import ItemRequests
from services.archiver.requests.job_logs import JobLogs
from services.archiver.requests.passwords import SecretRequests
from services.archiver.requests.queries import Queries
from services.archiver.requests.sources import SourceRequests
from services.archiver.runs.archive_run import ArchiveRunner
from services.archiver.runs.mirror_run import MirrorRunner
from services.archiver.runs.restore_run import RestoreRunner
from services.archiver.runs.run_log import RunLogs
from services.archiver.runs.turns import Turns
from services.archiver.runs.upkeep_run import UpkeepRunner
from services.archiver.sources.means import Means
from services.archiver.stale import keep_looking
from services.archiver.upkeep.deletions import DeletionRequests
from services.archiver.upkeep.due import keep_collecting
from services.archiver.upkeep.requests import UpkeepRequests
from shared.bus import Bus
from shared.contracts.events import ArchiveRequested, RestoreRequested, UpkeepRequested
from shared.contracts.jobs import CancelJob, GetJob, ListJobs, RetryJob
from shared.runtime import Runtime
from shared.scratch import Scratch

if TYPE_CHECKING:
    import asyncpg

#: Jobs that have to wait for their destination hold none of these.
_CONCURRENCY = 6


async def start(runtime: Runtime) -> None:
    """Start the archiver inside *runtime*."""
    scratch = Scratch(runtime.settings.scratch_dir / "archiver", replica_id=uuid4().hex)
    if removed := await asyncio.to_thread(scratch.open):
        runtime.log.info("scratch_leftovers_removed", count=removed)

    async def hold_scratch() -> None:
        # Until the last handler is gone: loops are cancelled after them.
        try:
            await asyncio.Event().wait()
        finally:
            scratch.close()

    runtime.tasks.create_task(hold_scratch(), name="archiver scratch")
    destinations = Destinations(
        # Not in the replica's own: the path of a socket is short.
        scratch=runtime.settings.scratch_dir,
        allow_commands=runtime.settings.archiver.reference_commands,
        limits=Limits(
            tries=runtime.settings.archiver.call_tries,
            first_pause_seconds=runtime.settings.archiver.call_pause_seconds,
        ),
        stall_seconds=runtime.settings.archiver.stall_seconds,
    )

    async def leave_destinations() -> None:
        await asyncio.to_thread(destinations.close)

    runtime.at_stop(leave_destinations)
    logs = RunLogs(runtime.settings.data_dir / "logs" / "jobs", runtime.settings.archiver)
    means = Means(settings=runtime.settings, own_database=runtime.reader)
    commands = Commands(pool=runtime.pool, bus=runtime.bus, destinations=destinations)
    queries = Queries(pool=runtime.pool, destinations=destinations)
    destination_requests = DestinationRequests(
        pool=runtime.pool,
        destinations=destinations,
        backup_paths=runtime.settings.backup_paths,
        connect=runtime.connect,
    )
    upkeep = UpkeepRequests(pool=runtime.pool)
    grace_seconds = runtime.settings.archiver.grace_seconds
    deletions = DeletionRequests(pool=runtime.pool, grace_seconds=grace_seconds)
    secret_requests = SecretRequests(pool=runtime.pool, destinations=destinations)
    items = ItemRequests(pool=runtime.pool, destinations=destinations)
    archive_requests = ArchiveRequests(pool=runtime.pool, bus=runtime.bus, means=means)
    for part in (
        commands,
        queries,
        Contents(pool=runtime.pool, destinations=destinations),
        archive_requests,
        JobLogs(pool=runtime.pool, logs=logs),
        DestinationChanges(pool=runtime.pool, destinations=destinations),
        destination_requests,
        items,
        secret_requests,
        SourceRequests(pool=runtime.pool),
        upkeep,
        deletions,
    ):
        for request_type, answer in part.answers().items():
            await runtime.serve(request_type, answer)
    await runtime.serve(ListJobs, queries.list_jobs, subject="cmd.archiver.list_jobs")
    await runtime.serve(GetJob, queries.get_job, subject="cmd.archiver.get_job")
    await runtime.serve(CancelJob, commands.cancel_job, subject="cmd.archiver.cancel_job")
    await runtime.serve(RetryJob, commands.retry_job, subject="cmd.archiver.retry_job")

    async def look_for_stale() -> None:
        await keep_looking(runtime.pool, settings=runtime.settings.archiver)

    runtime.tasks.create_task(
        runtime.while_holding("stale", look_for_stale), name="archiver stale jobs"
    )

    async def collect_what_is_due() -> None:
        await keep_collecting(runtime.pool, grace_seconds=grace_seconds)

    runtime.tasks.create_task(
        runtime.while_holding("due", collect_what_is_due), name="archiver due deletions"
    )
    handlers = event_handlers(
        pool=runtime.pool,
        bus=runtime.bus,
        scratch=scratch,
        destinations=destinations,
        connect=runtime.connect,
        logs=logs,
        means=means,
        is_stopping=runtime.stopping.is_set,
    )
    runtime.consume(
        {
            ArchiveRequested: handlers.on_archive_requested,
            RestoreRequested: handlers.on_restore_requested,
            UpkeepRequested: handlers.on_upkeep_requested,
        },
        concurrency=_CONCURRENCY,
    )


def event_handlers(
    *,
    pool: asyncpg.Pool[Any],
    bus: Bus,
    scratch: Scratch,
    destinations: Destinations,
    connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
    logs: RunLogs,
    means: Means,
    is_stopping: Callable[[], bool] = lambda: False,
) -> EventHandlers:
    """Return the handlers with what they run; *connect* opens a connection beside the pool."""
    return EventHandlers(
        pool=pool,
        course=Course(
            pool=pool,
            bus=bus,
            logs=logs,
            settings=means.settings.archiver,
            is_stopping=is_stopping,
        ),
        archives=ArchiveRunner(
            pool=pool,
            bus=bus,
            scratch=scratch,
            destinations=destinations,
            connect=connect,
            logs=logs,
            means=means,
        ),
        mirrors=MirrorRunner(
            pool=pool,
            bus=bus,
            scratch=scratch,
            destinations=destinations,
            logs=logs,
            means=means,
        ),
        restores=RestoreRunner(pool=pool, bus=bus, destinations=destinations, logs=logs),
        upkeep=UpkeepRunner(
            pool=pool,
            bus=bus,
            scratch=scratch,
            destinations=destinations,
            connect=connect,
            grace_seconds=means.settings.archiver.grace_seconds,
        ),
        turns=Turns(pool=pool, connect=connect),
        logs=logs,
    )
