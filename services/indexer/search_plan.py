"""How hits are found without reading everything: newest first, table by table, as few as needed.

A page needs the newest ``COUNT_LIMIT`` hits: they are ranked, counted and sorted into facets. Two
ways lead there. Walking backwards in time is quick for what many artifacts hold; the full-text
index is quick for what few hold, and reads all hits of a table before it knows which are the
newest. A small walk tells which of the two it is; then tables are searched from the newest on,
more at a time, until no older one can hold anything that belongs into the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from services.indexer.cursors import TimePlace, place_of, read_id
from services.indexer.sql import statement
from services.indexer.storage_artifacts import utc
from services.indexer.storage_rows import Conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.indexer.storage_rows import Connection, Row
    from services.indexer.storage_shards import Shard
    from shared.contracts.indexer import Search

#: Artifacts that are read where no index helps.
SCANNED = 50_000

Mode = Literal["words", "parts"]
Way = Literal["asc", "desc"]

#: The small walk, and how many hits in it make a longer one quicker than the index.
_SAMPLE = 1_000
_OFTEN = 70
_SURPLUS = 1.4


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How terms are matched, in SQL."""

    mode: Mode
    tsquery: str
    patterns: list[str]
    excluded_patterns: list[str]
    is_indexed: bool


class Finder:
    """Finds the hits of one match within what a request asks for."""

    def __init__(
        self, connection: Connection, request: Search, match: Match, shards: Sequence[Shard]
    ) -> None:
        """Search *shards*, all that may hold what is asked for."""
        self._connection = connection
        self._request = request
        self._match = match
        self._shards = [shard for shard in shards if _may_hold(shard, request)]

    @property
    def is_bounded(self) -> bool:
        """Whether only the newest ``SCANNED`` artifacts are looked at."""
        return not self._match.is_indexed

    async def find(
        self, limit: int, *, way: Way = "desc", after: TimePlace | None = None
    ) -> list[Row]:
        """Return the first hits in the order of time, after a place if one is given."""
        if self.is_bounded:
            return await self._walk(SCANNED, limit, way, after)
        shards = [shard for shard in self._shards if after is None or _reaches(shard, after, way)]
        seen = 0
        if self._request.thread is None:
            found = await self._walk(_SAMPLE, limit, way, after)
            seen = len(found)
            if seen >= limit:
                return found
            if seen >= _OFTEN:
                walked = int(_SAMPLE * limit / seen * _SURPLUS)
                found = await self._walk(walked, limit, way, after)
                if len(found) >= limit:
                    return found
        # As many tables at first as will do if older ones are like the newest.
        wanted = _SAMPLE * limit // (seen + 1) if seen else _SAMPLE * 200
        return await self._search_tables(shards, limit, way, after, wanted=wanted)

    async def _search_tables(
        self, shards: Sequence[Shard], limit: int, way: Way, after: TimePlace | None, *, wanted: int
    ) -> list[Row]:
        found: list[Row] = []
        is_newest_first = way == "desc"
        for group, rest in _groups(shards, way, row_count=wanted):
            bounds, where = self._conditions(after, way, [shard.number for shard in group])
            rows = await self._fetch("indexed", bounds, where, limit=limit, way=way)
            found = sorted([*found, *rows], key=_moment, reverse=is_newest_first)[:limit]
            if len(found) == limit and not any(
                _reaches(shard, _place(found[-1]), way, other=True) for shard in rest
            ):
                break
        return found

    async def _walk(self, walked: int, limit: int, way: Way, after: TimePlace | None) -> list[Row]:
        bounds, where = self._conditions(after, way, [shard.number for shard in self._shards])
        return await self._fetch("walked", bounds, where, limit=limit, way=way, walked=walked)

    def _conditions(
        self, after: TimePlace | None, way: Way, numbers: list[int]
    ) -> tuple[Conditions, Conditions]:
        """Return what can be told before reading a row in order, and the rest."""
        request = self._request
        bounds = Conditions()
        bounds.add("a.shard = any({shards})", shards=numbers)
        if request.since is not None:
            bounds.add("a.sort_at >= {since}", since=utc(request.since))
        if request.until is not None:
            bounds.add("a.sort_at < {until}", until=utc(request.until))
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
        _filter(where, request)
        return bounds, where

    async def _fetch(
        self, name: str, bounds: Conditions, where: Conditions, *, limit: int, way: Way,
        walked: int = 0,
    ) -> list[Row]:  # fmt: skip
        rank = "0::float8"
        if self._match.tsquery and self._request.sort == "relevance":
            table = "a" if name == "walked" else "h"
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


def _filter(where: Conditions, request: Search) -> None:
    if request.device is not None:
        where.add("a.device = {device}", device=request.device)
    if request.kind is not None:
        where.add("a.kind = {kind}", kind=request.kind)
    if request.thread is not None:
        where.add("a.thread_id = {thread}", thread=read_id(request.thread, "thread"))
    if request.person is not None:
        where.add(
            "(a.sender_handle = {person} or a.thread_id in"
            " (select t.id from thread t where t.participants @> array[{person}]))",
            person=request.person.replace("\0", ""),
        )
    if request.has is not None:
        where.add("a.has_attachment" if request.has == "attachment" else "a.has_link")
    where.see(request.removed)


def _may_hold(shard: Shard, request: Search) -> bool:
    """Whether a table may hold anything of the time that is asked for."""
    since, until = utc(request.since), utc(request.until)
    return not (
        (since is not None and shard.last_at is not None and shard.last_at < since)
        or (until is not None and shard.first_at is not None and shard.first_at >= until)
    )


def _reaches(shard: Shard, place: TimePlace, way: Way, *, other: bool = False) -> bool:
    """Whether a table may hold anything after *place*; *other*: anything before it."""
    is_older_wanted = (way == "desc") is not other
    if is_older_wanted:
        return shard.first_at is None or shard.first_at <= place.at
    return shard.last_at is None or shard.last_at >= place.at


def _groups(
    shards: Sequence[Shard], way: Way, *, row_count: int
) -> Iterator[tuple[Sequence[Shard], Sequence[Shard]]]:
    """Yield tables in the order of time, twice as many rows each time, with those that remain.

    A table of unknown times belongs to the first ones.
    """
    unknown = [shard for shard in shards if shard.last_at is None or shard.first_at is None]
    known = [shard for shard in shards if shard.last_at is not None and shard.first_at is not None]
    if way == "desc":
        known.sort(key=lambda shard: (shard.last_at, shard.number), reverse=True)
    else:
        known.sort(key=lambda shard: (shard.first_at, shard.number))
    group, have = unknown, 0
    for n, shard in enumerate(known):
        group = [*group, shard]
        have += shard.row_count
        if have >= row_count:
            yield group, known[n + 1 :]
            group, have, row_count = [], 0, row_count * 2
    if group:
        yield group, []


def _moment(row: Row) -> tuple[Any, int]:
    return row["sort_at"], row["id"]


def _place(row: Row) -> TimePlace:
    return place_of(row["sort_at"], row["id"])
