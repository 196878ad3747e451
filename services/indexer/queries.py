"""Requests that only read. Replies are encoded here, once, and passed on as bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.indexer.browsing.storage_artifacts import (
    get_artifact,
    list_artifacts,
    list_versions,
    locate_attachment,
)
from services.indexer.browsing.storage_threads import list_thread_artifacts, list_threads
from services.indexer.browsing.storage_thumbnails import locate_thumbnail
from services.indexer.history.storage_comparison import compare_revisions, diff_revisions
from services.indexer.history.storage_gaps import list_gaps
from services.indexer.history.storage_revisions import (
    fetch_index_states,
    fetch_kind_totals,
    list_revisions,
)
from services.indexer.history.storage_substrings import describe_substrings
from services.indexer.kinds import PARSERS
from services.indexer.lineage.storage_view import devices_meant
from services.indexer.search.asked import check_kind
from services.indexer.search.plan import SCANNED
from services.indexer.search.storage import search
from services.indexer.search.warming import warm_up
from shared.bus import Bus, RequestContext, Serialized
from shared.contracts.comparison import CompareRevisions
from shared.contracts.gaps import ListGaps
from shared.contracts.indexer import (
    AttachmentLocation,
    BackupIndex,
    DiffRevisions,
    GetArtifact,
    GetIndexStates,
    KindSummary,
    ListArtifacts,
    ListKinds,
    ListRevisions,
    ListThreadArtifacts,
    ListThreads,
    ListVersions,
    LocateAttachment,
    LocateThumbnail,
    Search,
    ThumbnailLocation,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page, Request
from shared.postgres import FAILED

_LABELS = {kind: parser.title for kind, parser in PARSERS.items()}
_SCAN_NOTE = (
    f" Parts of words are looked for in the newest {SCANNED:,} artifacts only, because this"
    " database server has no trigram extension; whole words and beginnings are found everywhere."
)
_BUILDING_NOTE = (
    f" Parts of words are looked for in the newest {SCANNED:,} artifacts only, until an index that"
    " is being built now is complete; whole words and beginnings are found everywhere."
)


class Queries:
    """Answers about what is indexed."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    async def warm_up(self) -> None:
        """Let the database plan searches before somebody waits for it."""
        with contextlib.suppress(*FAILED, ProblemError):
            async with self._pool.acquire() as connection:
                await warm_up(connection, most_bytes=self._bus.max_payload_bytes, labels=_LABELS)

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            **{request_type: self._paged(fetch) for request_type, fetch in _PAGED.items()},
            Search: self.search,
            ListKinds: self.list_kinds,
            GetIndexStates: self.get_index_states,
            LocateAttachment: self.locate_attachment,
            LocateThumbnail: self.locate_thumbnail,
        }

    def _paged(
        self, fetch: Callable[..., Awaitable[bytes]]
    ) -> Callable[[Any, RequestContext], Awaitable[Serialized]]:
        """Return the handler of a request that *fetch* answers in bytes."""

        async def answer(request: Any, _context: RequestContext) -> Serialized:
            async with self._pool.acquire() as connection:
                await check_kind(connection, getattr(request, "kind", None), _LABELS)
                body = await fetch(connection, request, most_bytes=self._bus.max_payload_bytes)
            return Serialized(body=body)

        return answer

    async def search(self, request: Search, _context: RequestContext) -> Serialized:
        """Full text."""
        async with self._pool.acquire() as connection:
            body = await search(
                connection, request, most_bytes=self._bus.max_payload_bytes, labels=_LABELS
            )
        return Serialized(body=body)

    async def list_kinds(self, request: ListKinds, _context: RequestContext) -> Page[KindSummary]:
        """Every kind, also those of which there is nothing."""
        async with self._pool.acquire() as connection:
            devices = await devices_meant(connection, request.device, lineage=request.lineage)
            totals = await fetch_kind_totals(connection, devices, lineage=request.lineage)
            has_some, has_all = await describe_substrings(connection)
        search_note = "" if has_all else _BUILDING_NOTE if has_some else _SCAN_NOTE
        return Page(
            items=[
                KindSummary(
                    kind=kind,
                    title=parser.title,
                    count=totals.get(kind, (0, 0))[0],
                    removed_count=totals.get(kind, (0, 0))[1],
                    note=parser.note + search_note,
                )
                for kind, parser in PARSERS.items()
            ]
        )

    async def get_index_states(
        self, request: GetIndexStates, _context: RequestContext
    ) -> dict[str, BackupIndex]:
        """How backups stand."""
        async with self._pool.acquire() as connection:
            return await fetch_index_states(connection, request.backup_ids)

    async def locate_attachment(
        self, request: LocateAttachment, _context: RequestContext
    ) -> AttachmentLocation:
        """Where an attachment lies."""
        async with self._pool.acquire() as connection:
            return await locate_attachment(connection, request)

    async def locate_thumbnail(
        self, request: LocateThumbnail, _context: RequestContext
    ) -> ThumbnailLocation:
        """Where a picture of an artifact lies."""
        async with self._pool.acquire() as connection:
            return await locate_thumbnail(connection, request)


#: Requests whose answers are pages of bytes.
_PAGED: dict[type[Any], Callable[..., Awaitable[bytes]]] = {
    ListThreads: list_threads,
    ListThreadArtifacts: list_thread_artifacts,
    ListArtifacts: list_artifacts,
    GetArtifact: get_artifact,
    ListVersions: list_versions,
    ListRevisions: list_revisions,
    DiffRevisions: diff_revisions,
    CompareRevisions: compare_revisions,
    ListGaps: list_gaps,
}
