"""Requests that only read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.storage.archives import (
    find_archive_row,
    get_archive,
    list_archives,
    to_archive,
)
from services.archiver.storage.destinations import fetch_destinations, get_destination
from services.archiver.storage.jobs import get_job, list_jobs
from services.archiver.storage.sources import fetch_sources, get_source
from shared.bus import RequestContext
from shared.contracts.archiver import (
    Archive,
    ArchiveContents,
    Destination,
    GetArchive,
    GetArchiveContents,
    GetDestination,
    GetSource,
    ListArchives,
    ListDestinations,
    ListSources,
    Source,
)
from shared.contracts.jobs import GetJob, Job, ListJobs
from shared.contracts.problems import not_found
from shared.contracts.requests import Page, Request

_MOST_READ_BYTES = 512 * 1024
#: Larger blobs are not kept in memory for the next piece; what is asked for comes piece by piece.
_KEPT_BLOBS = 4


class Queries:
    """Answers what changes nothing."""

    def __init__(self, *, pool: asyncpg.Pool[Any], destinations: Destinations) -> None:
        self._pool = pool
        self._destinations = destinations
        #: Blobs that were read last, by destination and name: a download asks for all pieces.
        self._blobs: dict[tuple[UUID, str], bytes] = {}

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            ListSources: self.list_sources,
            GetSource: self.get_source,
            ListDestinations: self.list_destinations,
            GetDestination: self.get_destination,
            ListArchives: self.list_archives,
            GetArchive: self.get_archive,
            GetArchiveContents: self.get_archive_contents,
        }

    async def list_sources(self, _: ListSources, __: RequestContext) -> Page[Source]:
        """What is archived."""
        return Page(items=await fetch_sources(self._pool))

    async def get_source(self, request: GetSource, _: RequestContext) -> Source:
        """One source."""
        return await get_source(self._pool, parse_id(request.source_id, "source"))

    async def list_destinations(self, _: ListDestinations, __: RequestContext) -> Page[Destination]:
        """Where archives go."""
        return Page(items=await fetch_destinations(self._pool))

    async def get_destination(self, request: GetDestination, _: RequestContext) -> Destination:
        """One destination."""
        return await get_destination(self._pool, parse_id(request.destination_id, "destination"))

    async def list_archives(self, request: ListArchives, _: RequestContext) -> Page[Archive]:
        """The catalogue."""
        return await list_archives(self._pool, request)

    async def get_archive(self, request: GetArchive, _: RequestContext) -> Archive:
        """One archive."""
        return await get_archive(self._pool, parse_id(request.archive_id, "archive"))

    async def get_archive_contents(
        self, request: GetArchiveContents, _: RequestContext
    ) -> ArchiveContents:
        """What an archive holds."""
        archive = await self._archive(request.archive_id)
        return ArchiveContents(archive=to_archive(archive), manifest=archive["manifest"])

    async def get_job(self, request: GetJob, _: RequestContext) -> Job:
        """One job."""
        return await get_job(self._pool, parse_id(request.job_id, "job"))

    async def list_jobs(self, request: ListJobs, _: RequestContext) -> Page[Job]:
        """Jobs, newest first."""
        return await list_jobs(self._pool, request)

    async def _archive(self, archive_id: str) -> Any:
        row = await find_archive_row(self._pool, parse_id(archive_id, "archive"))
        if row is None:
            raise not_found("archive")
        return row
