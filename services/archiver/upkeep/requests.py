"""Requests that look after stores: most are jobs, as a store may be large and far away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from services.archiver.identifiers import parse_id
from services.archiver.job_events import requested
from services.archiver.storage.archives import get_archive
from services.archiver.storage.destinations import fetch_destinations, get_destination
from services.archiver.storage.sources import get_source
from services.archiver.storage.upkeep import (
    UpkeepKind,
    UpkeepWish,
    create_upkeep_job,
    forget_files,
)
from shared.bus import RequestContext, publish
from shared.contracts.archiver import Accepted
from shared.contracts.archiver_upkeep import (
    CollectDestination,
    ForgetKnown,
    Forgotten,
    RebuildCatalogue,
    VerifyArchive,
    VerifyDestination,
)
from shared.contracts.identifiers import JobId
from shared.contracts.problems import problem
from shared.contracts.requests import Request

if TYPE_CHECKING:
    import asyncpg


class UpkeepRequests:
    """Takes jobs that look after stores."""

    def __init__(self, *, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            RebuildCatalogue: self.rebuild_catalogue,
            VerifyArchive: self.verify_archive,
            VerifyDestination: self.verify_destination,
            CollectDestination: self.collect_destination,
            ForgetKnown: self.forget_known,
        }

    async def rebuild_catalogue(
        self, request: RebuildCatalogue, context: RequestContext
    ) -> Accepted:
        """Take up the archives of a destination that the catalogue does not know."""
        destination_id = await self._destination(request.destination_id)
        return await self._ask("rebuild", destination_id, context)

    async def verify_archive(self, request: VerifyArchive, context: RequestContext) -> Accepted:
        """Look whether an archive is all there."""
        archive = await get_archive(self._pool, parse_id(request.archive_id, "archive"))
        return await self._ask(
            "verify",
            await self._destination(archive.destination_id),
            context,
            archive_id=UUID(archive.id),
            wish=UpkeepWish(level=request.level),
        )

    async def verify_destination(
        self, request: VerifyDestination, context: RequestContext
    ) -> Accepted:
        """Look whether everything is there that should be in a destination."""
        destination_id = await self._destination(request.destination_id)
        wish = UpkeepWish(level=request.level)
        return await self._ask("verify", destination_id, context, wish=wish)

    async def collect_destination(
        self, request: CollectDestination, context: RequestContext
    ) -> Accepted:
        """Delete what is due."""
        destination_id = await self._destination(request.destination_id)
        wish = UpkeepWish(gives_up_unreadable=request.gives_up_unreadable)
        return await self._ask("collect", destination_id, context, wish=wish)

    async def forget_known(self, request: ForgetKnown, context: RequestContext) -> Forgotten:
        """Forget what files consist of, and list what is stored where that is wanted."""
        source_id = destination_id = None
        if request.source_id is not None:
            source = await get_source(self._pool, parse_id(request.source_id, "source"))
            source_id = UUID(source.id)
        if request.destination_id is not None:
            destination_id = await self._destination(request.destination_id)
        count = await forget_files(self._pool, source_id=source_id, destination_id=destination_id)
        jobs: list[JobId] = []
        if request.objects:
            listed = (
                [
                    UUID(one.id)
                    for one in await fetch_destinations(self._pool)
                    if one.mode == "store"
                ]
                if destination_id is None
                else [destination_id]
            )
            for one in listed:
                wish = UpkeepWish(level="listing")
                jobs.append((await self._ask("verify", one, context, wish=wish)).job_id)
        return Forgotten(file_count=count, job_ids=jobs)

    async def _destination(self, text: str) -> UUID:
        """Return the id of a destination that is in use, or raise that there is none."""
        destination = await get_destination(self._pool, parse_id(text, "destination"))
        if destination.mode != "store":
            raise problem(
                "conflict", "That is a mirror.", 409, "It holds no archives to look after."
            )
        return UUID(destination.id)

    async def _ask(
        self,
        kind: UpkeepKind,
        destination_id: UUID,
        context: RequestContext,
        *,
        archive_id: UUID | None = None,
        wish: UpkeepWish | None = None,
    ) -> Accepted:
        async with self._pool.acquire() as connection, connection.transaction():
            job_id = await ask_for_upkeep(
                connection,
                kind,
                destination_id,
                archive_id=archive_id,
                wish=wish or UpkeepWish(),
                traceparent=context.traceparent,
            )
        return Accepted(job_id=job_id)


async def ask_for_upkeep(
    connection: asyncpg.pool.PoolConnectionProxy[Any],
    kind: UpkeepKind,
    destination_id: UUID,
    *,
    archive_id: UUID | None = None,
    wish: UpkeepWish,
    traceparent: str | None = None,
) -> JobId:
    """Take a job, or name the one that is under way for the same. Inside a transaction."""
    new = uuid4()
    job_id = await create_upkeep_job(
        connection,
        job_id=new,
        kind=kind,
        destination_id=destination_id,
        archive_id=archive_id,
        wish=wish,
    )
    if job_id == str(new):
        await publish(
            connection,
            requested(kind, job_id),
            service="archiver",
            traceparent=traceparent,
        )
    return job_id
