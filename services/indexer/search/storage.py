"""Searching the history: which artifacts match, in what order, and how many of what.

Words go through the full-text index. If no word fits, or a part of a word was asked for, the text
itself is searched: by the trigram index where there is one, else within the newest ``SCANNED``
artifacts, and then the page says that its total is not exact.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from services.indexer.history.storage_rows import like_pattern
from services.indexer.pages import assemble
from services.indexer.search.asked import Asked, read_question, read_request
from services.indexer.search.found import Found, FoundHit
from services.indexer.search.hits import count_facets, fetch_hits
from services.indexer.search.plan import SCANNED, Finder, Match, Mode
from services.indexer.search.query import (
    Question,
    has_trigram,
    needs_order,
)
from services.indexer.search.scope import Scope, fetch_scope, goes_by_words
from services.indexer.search.windows import Way
from services.indexer.sql import statement
from shared.contracts.indexer import Search
from shared.contracts.problems import ProblemError, problem
from shared.cursors import TimePlace, read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from services.indexer.history.storage_rows import Connection

#: Hits are counted up to here.
COUNT_LIMIT = 1_001
#: After this long a search is given up.
STATEMENT_TIMEOUT_MS = 4_000


class HitPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of hits ended, and how it was searching."""

    mode: Mode
    by_rank: bool
    rank: float
    at_us: int
    id: int


async def search(
    connection: Connection, request: Search, *, most_bytes: int, labels: Mapping[str, str]
) -> bytes:
    """Return a page of hits with facets. A search that takes too long is a 503 problem."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, HitPlace)
    try:
        async with _patiently(connection):
            asked = await read_request(connection, request, kinds=labels)
            return await _search(
                connection, asked, place, limit=limit, most_bytes=most_bytes, labels=labels
            )
    except asyncpg.QueryCanceledError:
        raise _too_slow() from None


async def check_search(
    connection: Connection, request: Search, *, labels: Mapping[str, str]
) -> None:
    """Raise the 400 problem with which ``search`` would refuse a first page."""
    read_question(await read_request(connection, request, kinds=labels))


@asynccontextmanager
async def _patiently(connection: Connection) -> AsyncIterator[None]:
    """Open a transaction for one search, in one round trip."""
    await connection.execute(statement("search", "begin").format(timeout_ms=STATEMENT_TIMEOUT_MS))
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("rollback")


def _too_slow() -> ProblemError:
    return problem(
        "search-timeout",
        "The search took too long.",
        503,
        "Narrow it down by a device, a kind, a thread or a time, or use whole words.",
        retry_after_seconds=5,
    )


async def _search(
    connection: Connection,
    asked: Asked,
    place: HitPlace | None,
    *,
    limit: int,
    most_bytes: int,
    labels: Mapping[str, str],
) -> bytes:
    question = read_question(asked)
    scope = await fetch_scope(connection, asked, question)
    page = _Page(asked.sort, place, limit=limit)
    modes: tuple[Mode, ...] = (place.mode,) if place else ("words", "parts")
    first = Found()
    finder: Finder | None = None
    for mode in modes:
        match = _match(question, mode, scope)
        if match is None:
            continue
        page.mode = mode
        finder = Finder(connection, asked, match, scope)
        first = await finder.find(COUNT_LIMIT, way=page.way)
        if first:
            break
    assert finder is not None
    total = len(first)
    is_exact = total < COUNT_LIMIT and not (
        finder.is_bounded and await _is_longer_than(connection, SCANNED)
    )
    found = await page.fetch(finder, first)
    if found and scope.thread_rows is not None:
        await connection.execute(statement("search", "known"))
    hits = await fetch_hits(connection, found[:limit], scope, question.terms, lineage=asked.lineage)
    cut = await hits.cut(most_bytes)
    return assemble(
        cut.parts,
        {
            "next_cursor": page.cursor(found, cut.count, first),
            "total": total,
            "total_is_exact": is_exact,
            "facets": count_facets(first, scope.shards, labels),
        },
    )


class _Page:
    """Which of the hits come on a page, in which order, and what continues it."""

    def __init__(self, sort: str, place: HitPlace | None, *, limit: int) -> None:
        self.mode: Mode = "words"
        self._limit = limit
        self._place = place
        self._is_ranked = sort == "relevance" and (place is None or place.by_rank)
        #: The order of time in which hits are looked for. Ranked are the newest.
        self.way: Way = "asc" if sort == "oldest" else "desc"

    async def fetch(self, finder: Finder, first: Found) -> list[FoundHit]:
        """Return the page's hits and one more, if there is one, given the first of all."""
        if self._is_ranked:
            # What is older than the newest hits follows by time.
            ranked = first.ranked(COUNT_LIMIT - 1)
            if self._place is None:
                return [first[place] for place in ranked[: self._limit + 1]]
            return self._after(map(first.__getitem__, ranked), "desc")
        if self._place is None:
            return [first[place] for place in range(min(len(first), self._limit + 1))]
        hits = self._after(first, self.way)
        if len(first) < COUNT_LIMIT or len(hits) > self._limit:
            return hits
        after = TimePlace(self._place.at_us, self._place.id)
        return [*await finder.find(self._limit + 1, way=self.way, after=after)]

    def cursor(self, hits: list[FoundHit], shown: int, first: Found) -> str | None:
        """Return what continues after *shown* of *hits*."""
        if shown and len(hits) > shown:
            return self._cursor(hits[shown - 1], by_rank=self._is_ranked)
        if hits and self._is_ranked and len(first) >= COUNT_LIMIT:
            return self._cursor(first[COUNT_LIMIT - 2], by_rank=False)
        return None

    def _after(self, hits: Iterable[FoundHit], way: Way) -> list[FoundHit]:
        place = self._place
        assert place is not None
        if self._is_ranked:
            here = (place.rank, place.at_us, place.id)
            rest = [hit for hit in hits if (hit.rank, hit.at_us, hit.id) < here]
        elif way == "asc":
            rest = [hit for hit in hits if (hit.at_us, hit.id) > (place.at_us, place.id)]
        else:
            rest = [hit for hit in hits if (hit.at_us, hit.id) < (place.at_us, place.id)]
        return rest[: self._limit + 1]

    def _cursor(self, hit: FoundHit, *, by_rank: bool) -> str:
        rank = hit.rank if by_rank else 0.0
        return write_cursor(HitPlace(self.mode, by_rank, rank, hit.at_us, hit.id))


def _match(question: Question, mode: Mode, scope: Scope) -> Match | None:
    """Return how to match in *mode*; None when there are no words to match."""
    tsquery = scope.words if mode == "words" else scope.excluded
    # Without words, or where only punctuation is left of them, there is nothing to ask the index.
    by_words = bool(tsquery) and any(goes_by_words(term, mode) for term in question.wanted)
    if mode == "words" and not by_words:
        return None
    parts = [term for term in question.wanted if mode == "parts" or needs_order(term)]
    has_index = by_words
    if not has_index and any(has_trigram(term.folded) for term in parts):
        has_index = all(shard.has_substring for shard in scope.shards)
    has_phrase = any(term.kind == "phrase" for term in question.wanted)
    return Match(
        mode=mode,
        tsquery=tsquery,
        patterns=[like_pattern(term.folded) for term in parts],
        excluded_patterns=[
            like_pattern(term.folded)
            for term in question.terms
            if term.excluded and not goes_by_words(term, mode)
        ],
        is_indexed=has_index,
        is_everything=question.is_empty,
        is_rough=bool(parts) or has_phrase,
        is_dear=has_phrase,
    )


async def _is_longer_than(connection: Connection, rows: int) -> bool:
    found: bool = await connection.fetchval(
        "select exists (select 1 from artifact order by sort_at desc, id desc offset $1)", rows
    )
    return found
