"""How hits are found without reading everything: newest first, as few as needed.

A page needs the newest ``COUNT_LIMIT`` hits: they are ranked, counted and sorted into facets. The
index of words knows nothing of time, so each question is asked for a piece of time at once, see
search_windows: within it Postgres puts the index of words and the one of time together.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from services.indexer.cursors import TimePlace, read_id
from services.indexer.search_windows import Way, Windows
from services.indexer.sql import statement
from services.indexer.storage_artifacts import utc
from services.indexer.storage_rows import Conditions

if TYPE_CHECKING:
    from services.indexer.search_scope import Scope
    from services.indexer.storage_rows import Connection, Row
    from shared.contracts.indexer import Search

#: Artifacts that are read where no index helps.
SCANNED = 50_000

#: Conversations with less are read, whatever is looked for in them.
FEW_ROWS = 4_000

Mode = Literal["words", "parts"]

_MICROSECOND = dt.timedelta(microseconds=1)


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How terms are matched, in SQL."""

    mode: Mode
    tsquery: str
    patterns: list[str]
    excluded_patterns: list[str]
    is_indexed: bool


class Finder:
    """Finds the hits of one match within what a request asks for."""

    def __init__(self, connection: Connection, request: Search, match: Match, scope: Scope) -> None:
        """Search within *scope*, which is that of the request."""
        self._connection = connection
        self._request = request
        self._match = match
        self._shards = scope.shards
        self._person_threads = scope.person_threads
        self._is_narrow = scope.thread_rows is not None and scope.thread_rows <= FEW_ROWS

    @property
    def is_bounded(self) -> bool:
        """Whether only the newest ``SCANNED`` artifacts are looked at."""
        return not self._match.is_indexed

    async def find(
        self, limit: int, *, way: Way = "desc", after: TimePlace | None = None
    ) -> list[Row]:
        """Return the first hits in the order of time, after a place if one is given."""
        if self.is_bounded:
            return await self._walk(limit, way, after)
        since, until = utc(self._request.since), utc(self._request.until)
        if after is not None and way == "asc":
            since = after.at if since is None else max(since, after.at)
        elif after is not None and after.at < _LAST:
            end = after.at + _MICROSECOND
            until = end if until is None else min(until, end)
        if self._is_narrow:
            # The index of words would list its hits of everybody to find a few of somebody.
            bounds, where = self._conditions(
                [shard.number for shard in self._shards],
                since=since, until=until, way=way, after=after,
            )  # fmt: skip
            self._of_whom(bounds)
            return await self._fetch("read", bounds, where, limit=limit, way=way)
        found: list[Row] = []
        windows = Windows(self._shards, way=way, limit=limit, since=since, until=until)
        for window in windows:
            bounds, where = self._conditions(
                window.shards, since=window.since, until=window.until, way=way, after=after
            )
            name = "read" if window.is_short else "indexed"
            found += await self._fetch(name, bounds, where, limit=limit - len(found), way=way)
            windows.found = len(found)
            if len(found) >= limit:
                break
        return found

    async def _walk(self, limit: int, way: Way, after: TimePlace | None) -> list[Row]:
        bounds, where = self._conditions(
            [shard.number for shard in self._shards],
            since=utc(self._request.since),
            until=utc(self._request.until),
            way=way,
            after=after,
        )
        return await self._fetch("walked", bounds, where, limit=limit, way=way, walked=SCANNED)

    def _conditions(
        self,
        shards: list[int],
        *,
        since: dt.datetime | None,
        until: dt.datetime | None,
        way: Way,
        after: TimePlace | None,
    ) -> tuple[Conditions, Conditions]:
        """Return what can be told before reading a row in order, and the rest."""
        bounds = Conditions()
        bounds.add("a.shard = any({shards})", shards=shards)
        if since is not None:
            bounds.add("a.sort_at >= {since}", since=since)
        if until is not None:
            bounds.add("a.sort_at < {until}", until=until)
        if after is not None:
            compare = "<" if way == "desc" else ">"
            bounds.add(f"(a.sort_at, a.id) {compare} ({{at}}, {{id}})", at=after.at, id=after.id)
        where = Conditions(bounds.parameters)
        match = self._match
        if match.tsquery:
            where.add("a.search @@ {query}::text::tsquery", query=match.tsquery)
        for pattern in match.patterns:
            where.add("a.folded like {pattern}", pattern=pattern)
        for pattern in match.excluded_patterns:
            where.add("a.folded not like {pattern}", pattern=pattern)
        self._filter(where)
        return bounds, where

    def _filter(self, where: Conditions) -> None:
        request = self._request
        if request.device is not None:
            where.add("a.device = {device}", device=request.device)
        if request.kind is not None:
            where.add("a.kind = {kind}", kind=request.kind)
        self._of_whom(where)
        if request.has is not None:
            where.add("a.has_attachment" if request.has == "attachment" else "a.has_link")
        where.see(request.removed)

    def _of_whom(self, where: Conditions) -> None:
        request = self._request
        if request.thread is not None:
            where.add("a.thread_id = {thread}", thread=read_id(request.thread, "thread"))
        if request.person is not None:
            where.add(
                "(a.sender_handle = {person} or a.thread_id = any({threads}))",
                person=request.person.replace("\0", ""),
                threads=list(self._person_threads),
            )

    async def _fetch(
        self, name: str, bounds: Conditions, where: Conditions, *, limit: int, way: Way,
        walked: int = 0,
    ) -> list[Row]:  # fmt: skip
        rank = "0::float8"
        if self._match.tsquery and self._request.sort == "relevance":
            table = "h" if name == "indexed" else "a"
            query = where.parameter(self._match.tsquery)
            rank = f"ts_rank({table}.search, {query}::text::tsquery, 1)::float8"
        text = statement("search", name).format(
            bounds=bounds,
            where=where,
            rank=rank,
            way=way,
            limit=where.parameter(limit),
            walked=where.parameter(walked) if name == "walked" else "",
        )
        rows: list[Any] = await self._connection.fetch(text, *where.parameters)
        return rows


_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
