"""Requests that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.archiver.errors import ArchiverError
from services.archiver.format.names import CHUNK_BYTES
from services.archiver.format.tree import BlobPlace
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.problems import problem_of
from services.archiver.storage.archives import (
    find_archive_row,
    get_archive,
    list_archives,
    to_archive,
)
from services.archiver.storage.destinations import fetch_destinations, get_destination
from services.archiver.storage.jobs import get_job, list_jobs
from services.archiver.storage.journal import fetch_places, split_digests
from services.archiver.storage.sources import fetch_sources, get_source
from services.archiver.storage.trees import find_entry, list_files, to_file
from services.archiver.store.blobs import BlobReader
from shared.bus import RequestContext
from shared.contracts.archiver import (
    Archive,
    ArchiveContents,
    ArchiveFile,
    Destination,
    GetArchive,
    GetArchiveContents,
    GetArchiveFile,
    GetDestination,
    GetSource,
    ListArchiveFiles,
    ListArchives,
    ListDestinations,
    ListSources,
    ReadArchiveFile,
    Source,
)
from shared.contracts.jobs import GetJob, Job, ListJobs
from shared.contracts.problems import bad_request, not_found
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
            ListArchiveFiles: self.list_archive_files,
            GetArchiveFile: self.get_archive_file,
            ReadArchiveFile: self.read_archive_file,
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

    async def list_archive_files(
        self, request: ListArchiveFiles, _: RequestContext
    ) -> Page[ArchiveFile]:
        """Files of an archive by path."""
        return await list_files(self._pool, request, await self._archive(request.archive_id))

    async def get_archive_file(self, request: GetArchiveFile, _: RequestContext) -> ArchiveFile:
        """One file of an archive."""
        _, row = await self._entry(request.archive_id, request.n)
        return to_file(row)

    async def read_archive_file(self, request: ReadArchiveFile, _: RequestContext) -> bytes:
        """A part of a file, from the blobs that hold it."""
        if not 0 <= request.length <= _MOST_READ_BYTES or request.offset < 0:
            raise bad_request("offset and length must be within bounds.")
        archive, row = await self._entry(request.archive_id, request.n)
        names = split_digests(row["blobs"])
        first = request.offset // CHUNK_BYTES
        last = (request.offset + request.length - 1) // CHUNK_BYTES
        wanted = names[first : last + 1]
        if not wanted or not request.length:
            return b""
        content = b"".join([await self._blob(archive["destination_id"], name) for name in wanted])
        start = request.offset - first * CHUNK_BYTES
        return content[start : start + request.length]

    async def get_job(self, request: GetJob, _: RequestContext) -> Job:
        """One job."""
        return await get_job(self._pool, parse_id(request.job_id, "job"))

    async def list_jobs(self, request: ListJobs, _: RequestContext) -> Page[Job]:
        """Jobs, newest first."""
        return await list_jobs(self._pool, request)

    async def _blob(self, destination_id: UUID, name: str) -> bytes:
        key = (destination_id, name)
        known = self._blobs.get(key)
        if known is not None:
            return known
        destination = await get_destination(self._pool, destination_id)
        places = await fetch_places(self._pool, destination_id, [name])
        place = places.get(name) or BlobPlace(name, None, 0, 0)

        try:
            opened = await self._destinations.find(destination)

            def read() -> bytes:
                with opened.opened() as transport:
                    return BlobReader(transport, takes_whole_packs=False).read(place)

            content = await asyncio.to_thread(read)
        except ArchiverError as error:
            raise problem_of(error) from None
        while len(self._blobs) >= _KEPT_BLOBS:
            del self._blobs[next(iter(self._blobs))]
        self._blobs[key] = content
        return content

    async def _archive(self, archive_id: str) -> Any:
        row = await find_archive_row(self._pool, parse_id(archive_id, "archive"))
        if row is None:
            raise not_found("archive")
        return row

    async def _entry(self, archive_id: str, n: int) -> tuple[Any, Any]:
        archive = await self._archive(archive_id)
        row = await find_entry(self._pool, archive, n)
        if row is None:
            raise not_found("file")
        return archive, row
