"""Requests for archives: one now, and what one would store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.archiver.course import unfinished
from services.archiver.errors import ArchiverError
from services.archiver.identifiers import parse_id
from services.archiver.problems import nobody_works, problem_of
from services.archiver.runs.store_lock import break_store_lock
from services.archiver.sources import backup as phone_backup
from services.archiver.sources.means import Means
from services.archiver.sources.planning import plan_database
from services.archiver.sources.tree import TreeSource
from services.archiver.sources.trees import tree_of
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import create_archive_job
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.sources import get_source
from services.archiver.storage.waiting import give_up_silent, hurry
from services.archiver.store.journal import Journal
from services.archiver.store.seen import batches
from shared.bus import Bus, RequestContext, publish
from shared.contracts.archiver import Accepted, RequestArchive
from shared.contracts.archiver_dry_runs import DryRun, DryRunSource, LeftOut
from shared.contracts.events import ArchiveRequested
from shared.contracts.requests import Request

_MOST_TOLD = 100


class ArchiveRequests:
    """Answers who wants an archive."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, means: Means) -> None:
        self._pool = pool
        self._bus = bus
        self._means = means
        self._settings = means.settings.archiver

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {RequestArchive: self.request_archive, DryRunSource: self.dry_run_source}

    async def request_archive(self, request: RequestArchive, context: RequestContext) -> Accepted:
        """Take an archive, or name the one that is under way."""
        source = await get_source(self._pool, parse_id(request.source_id, "source"))
        destination = await get_destination(
            self._pool, parse_id(request.destination_id, "destination")
        )
        ids = {"source_id": UUID(source.id), "destination_id": UUID(destination.id)}
        job_id = uuid4()
        async with self._pool.acquire() as connection, connection.transaction():
            if request.force:
                await self._take_over(connection, ids)
            job = await create_archive_job(
                connection,
                job_id=job_id,
                archive_id=uuid4(),
                **ids,
                priority=source.priority,
                request={"allow_deletions": True} if request.allow_deletions else {},
            )
            is_hurried = request.force and job.tries and await hurry(connection, job.id)
            if job.id == str(job_id) or is_hurried:
                await publish(
                    connection,
                    ArchiveRequested(job_id=job.id),
                    service="archiver",
                    traceparent=context.traceparent,
                )
        return Accepted(job_id=job.id)

    async def _take_over(self, connection: Any, ids: dict[str, UUID]) -> None:
        error = nobody_works().problem
        silent = await give_up_silent(
            connection, **ids, seconds=self._settings.stale_seconds, error=error
        )
        if silent is not None:
            # Whoever it is, if it is: it hears at its next beat that the job is not its own.
            await break_store_lock(connection, str(silent.destination_id))
            ended = unfinished(silent, "interrupted", error)
            await publish(connection, ended, service="archiver")

    async def dry_run_source(self, request: DryRunSource, _: RequestContext) -> DryRun:
        """Walk a source without reading it."""
        source = await get_source(self._pool, parse_id(request.source_id, "source"))
        journal = None
        if request.destination_id is not None:
            destination = await get_destination(
                self._pool, parse_id(request.destination_id, "destination")
            )
            if destination.mode == "store":
                journal = PostgresJournal(
                    self._pool,
                    asyncio.get_running_loop(),
                    source_id=UUID(source.id),
                    destination_id=UUID(destination.id),
                )
        try:
            if source.type in ("postgres", "system"):
                return await plan_database(source, self._means)
            location = await phone_backup.locate_source(self._bus, source)
            return await asyncio.to_thread(_walk, tree_of(source, location), journal)
        except ArchiverError as error:
            raise problem_of(error) from None


def _walk(tree: TreeSource, journal: Journal | None) -> DryRun:
    counts = {"file": 0, "directory": 0, "symlink": 0}
    size_bytes = new_count = new_bytes = 0
    with tree:
        for batch in batches(tree.walk()):
            known: Mapping[bytes, object] = {}
            if journal is not None:
                known = journal.unchanged([found for found in batch if found.type == "file"])
            for found in batch:
                counts[found.type] += 1
                size_bytes += found.size_bytes
                if found.type == "file" and found.path not in known:
                    new_count += 1
                    new_bytes += found.size_bytes
    return DryRun(
        file_count=counts["file"],
        directory_count=counts["directory"],
        symlink_count=counts["symlink"],
        size_bytes=size_bytes,
        skipped_count=len(tree.skipped),
        skipped=[
            LeftOut(path=path.decode("utf-8", "replace"), reason=reason)
            for path, reason in tree.skipped[:_MOST_TOLD]
        ],
        new_file_count=None if journal is None else new_count,
        new_bytes=None if journal is None else new_bytes,
    )
