"""Requests about single things in archives: listed from the catalogue, taken out of bundles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.archiver.errors import ArchiverError
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.problems import problem_of
from services.archiver.storage.archives import find_archive_row
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.items import find_item, list_items
from services.archiver.store.bundle_members import read_member
from shared.bus import RequestContext
from shared.contracts.archiver_items import (
    ArchiveItem,
    GetArchiveItem,
    ListArchiveItems,
    ReadArchiveItem,
)
from shared.contracts.problems import bad_request, not_found, problem
from shared.contracts.requests import Page, Request

_MOST_READ_BYTES = 512 * 1024
#: What is taken out by itself is held while it is fetched in pieces.
_MOST_MEMBER_BYTES = 64 * 1024 * 1024
_KEPT_MEMBERS = 2


class ItemRequests:
    """Answers what is asked about items."""

    def __init__(self, *, pool: asyncpg.Pool[Any], destinations: Destinations) -> None:
        self._pool = pool
        self._destinations = destinations
        #: What was read last: a download asks for all pieces.
        self._members: dict[tuple[UUID, str], bytes] = {}

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            ListArchiveItems: self.list_items,
            GetArchiveItem: self.get_item,
            ReadArchiveItem: self.read_item,
        }

    async def list_items(self, request: ListArchiveItems, _: RequestContext) -> Page[ArchiveItem]:
        """Items of an archive."""
        return await list_items(self._pool, request, await self._archive(request.archive_id))

    async def get_item(self, request: GetArchiveItem, _: RequestContext) -> ArchiveItem:
        """One item."""
        archive = await self._archive(request.archive_id)
        item, _row = await find_item(self._pool, archive, request.item_id)
        return item

    async def read_item(self, request: ReadArchiveItem, _: RequestContext) -> bytes:
        """A part of what an item holds."""
        if not 0 <= request.length <= _MOST_READ_BYTES or request.offset < 0:
            raise bad_request("offset and length must be within bounds.")
        archive = await self._archive(request.archive_id)
        _item, row = await find_item(self._pool, archive, request.item_id)
        if row["member"] is None:
            raise problem(
                "conflict",
                "That cannot be taken out by itself.",
                409,
                "Restore the archive, or its database, to get it back.",
            )
        content = await self._member(archive, row["member"])
        return content[request.offset : request.offset + request.length]

    async def _member(self, archive: Any, member: str) -> bytes:
        place = (archive["id"], member)
        known = self._members.get(place)
        if known is not None:
            return known
        destination = await get_destination(self._pool, archive["destination_id"])
        try:
            opened = await self._destinations.find(destination)

            def read() -> bytes:
                with opened.opened() as transport:
                    return read_member(
                        transport,
                        archive["path"],
                        member,
                        key=opened.key,
                        at_most=_MOST_MEMBER_BYTES,
                    )

            content = await asyncio.to_thread(read)
        except ArchiverError as error:
            raise problem_of(error) from None
        while len(self._members) >= _KEPT_MEMBERS:
            del self._members[next(iter(self._members))]
        self._members[place] = content
        return content

    async def _archive(self, archive_id: str) -> Any:
        row = await find_archive_row(self._pool, parse_id(archive_id, "archive"))
        if row is None:
            raise not_found("archive")
        return row
