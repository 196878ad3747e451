"""Requests about what is in archives: listed and searched in the database, read from the store."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.archiver.errors import ArchiverError
from services.archiver.format.names import CHUNK_BYTES, MOST_BLOB_BYTES
from services.archiver.format.tree import BlobPlace
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.problems import problem_of
from services.archiver.storage.archives import find_archive_row
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.journal import fetch_places, split_digests
from services.archiver.storage.mirrors import mirrored_reader
from services.archiver.storage.path_words import find_files
from services.archiver.storage.trees import find_entry, list_files, to_file
from services.archiver.store.blobs import BlobReader
from shared.bus import RequestContext
from shared.contracts.archiver import (
    ArchiveFile,
    GetArchiveFile,
    ListArchiveFiles,
    ReadArchiveFile,
)
from shared.contracts.archiver_search import FindArchiveFiles, FoundFile
from shared.contracts.problems import bad_request, not_found
from shared.contracts.requests import Page, Request

_MOST_READ_BYTES = 512 * 1024
#: Of blobs that were read last. A download asks for the pieces of a blob one after the other, some
#: at a time.
_KEPT_BYTES = 2 * MOST_BLOB_BYTES
_KEPT_CUTS = 100
#: Enough that one of them is not the last, and is present but in very damaged stores.
_FEW = 4


class Contents:
    """Answers what changes nothing."""

    def __init__(self, *, pool: asyncpg.Pool[Any], destinations: Destinations) -> None:
        self._pool = pool
        self._destinations = destinations
        #: By destination and name, the one that was asked for last at the end.
        self._kept: OrderedDict[tuple[UUID, str], bytes] = OrderedDict()
        #: By destination and first blob.
        self._cuts: dict[tuple[UUID, str], int] = {}
        #: What is on its way: whoever asks meanwhile waits for the same.
        self._coming: dict[tuple[UUID, str], asyncio.Task[bytes]] = {}

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            ListArchiveFiles: self.list_archive_files,
            FindArchiveFiles: self.find_archive_files,
            GetArchiveFile: self.get_archive_file,
            ReadArchiveFile: self.read_archive_file,
        }

    async def list_archive_files(
        self, request: ListArchiveFiles, _: RequestContext
    ) -> Page[ArchiveFile]:
        """Files of an archive by path."""
        archive = await find_archive_row(self._pool, parse_id(request.archive_id, "archive"))
        if archive is None:
            raise not_found("archive")
        return await list_files(self._pool, request, archive)

    async def find_archive_files(
        self, request: FindArchiveFiles, _: RequestContext
    ) -> Page[FoundFile]:
        """Paths of all archives by words."""
        source, destination = request.source_id, request.destination_id
        return await find_files(
            self._pool,
            request,
            source_id=None if source is None else parse_id(source, "source"),
            destination_id=None if destination is None else parse_id(destination, "destination"),
        )

    async def get_archive_file(self, request: GetArchiveFile, _: RequestContext) -> ArchiveFile:
        """One file of an archive."""
        return to_file(await self._entry(request.archive_id, request.n))

    async def read_archive_file(self, request: ReadArchiveFile, _: RequestContext) -> bytes:
        """A part of a file, from the blobs that hold it."""
        if not 0 <= request.length <= _MOST_READ_BYTES or request.offset < 0:
            raise bad_request("offset and length must be within bounds.")
        row = await self._entry(request.archive_id, request.n)
        names = split_digests(row["blobs"])
        cut_bytes = await self._cut(row["destination_id"], names)
        first = request.offset // cut_bytes
        last = (request.offset + request.length - 1) // cut_bytes
        wanted = names[first : last + 1]
        if not names and row["size_bytes"]:
            return await self._mirrored(row, request)
        if not wanted or not request.length:
            return b""
        start = request.offset - first * cut_bytes
        blobs = [memoryview(await self._blob(row["destination_id"], name)) for name in wanted]
        head = blobs[0][start : start + request.length]
        return b"".join((head, *(blob[: request.length - len(head)] for blob in blobs[1:])))

    async def _mirrored(self, row: Any, request: ReadArchiveFile) -> bytes:
        """Read of a file that lies in a mirror as it is."""
        archive = await find_archive_row(self._pool, parse_id(request.archive_id, "archive"))
        reader = await mirrored_reader(self._pool, archive)
        destination = await get_destination(self._pool, row["destination_id"])
        part = {"offset": request.offset, "length": request.length}
        try:
            opened = await self._destinations.find(destination)

            def read() -> bytes:
                with opened.opened() as transport:
                    return reader(transport).read(row["path"], row["size_bytes"], **part)

            return await asyncio.to_thread(read)
        except ArchiverError as error:
            raise problem_of(error) from None

    async def _cut(self, destination_id: UUID, names: list[str]) -> int:
        """Return how long all blobs of a file are but the last: not always what we cut today."""
        if len(names) < 2:
            return MOST_BLOB_BYTES
        key = (destination_id, names[0])
        known = self._cuts.get(key)
        if known is None:
            # Where none of them is present, reading says so.
            places = await fetch_places(self._pool, destination_id, names[:_FEW])
            known = max((place.size_bytes for place in places.values()), default=CHUNK_BYTES)
            while len(self._cuts) >= _KEPT_CUTS:
                del self._cuts[next(iter(self._cuts))]
            if places:
                self._cuts[key] = known
        return known

    async def _blob(self, destination_id: UUID, name: str) -> bytes:
        key = (destination_id, name)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.create_task(self._fetch(*key))
            coming.add_done_callback(lambda done: self._came(key, done))
        # One who does not wait any longer takes nothing from the others.
        return await asyncio.shield(coming)

    def _came(self, key: tuple[UUID, str], done: asyncio.Task[bytes]) -> None:
        del self._coming[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[key] = done.result()
        held = sum(map(len, self._kept.values()))
        while held > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            held -= len(oldest)

    async def _fetch(self, destination_id: UUID, name: str) -> bytes:
        destination = await get_destination(self._pool, destination_id)
        places = await fetch_places(self._pool, destination_id, [name])
        place = places.get(name) or BlobPlace(name, None, 0, 0)
        try:
            opened = await self._destinations.find(destination)

            def read() -> bytes:
                with opened.opened() as transport:
                    return BlobReader(transport, takes_whole_packs=False).read(place)

            return await asyncio.to_thread(read)
        except ArchiverError as error:
            raise problem_of(error) from None

    async def _entry(self, archive_id: str, n: int) -> Any:
        wanted = parse_id(archive_id, "archive")
        row = await find_entry(self._pool, wanted, n)
        if row is None:
            is_there = await find_archive_row(self._pool, wanted) is not None
            raise not_found("file" if is_there else "archive")
        return row
