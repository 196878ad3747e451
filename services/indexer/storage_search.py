"""Searching the history: which artifacts match, in what order, and how many of what.

Words go through the full-text index. If no word fits, or a part of a word was asked for, the text
itself is searched: by the trigram index where there is one, else within the newest ``SCANNED``
artifacts, and then the page says that its total is not exact.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from services.indexer.cursors import TimePlace, place_of, read_cursor, read_limit, write_cursor
from services.indexer.pages import Cut, assemble, shorten_hit
from services.indexer.search_plan import SCANNED, Finder, Match, Mode, Way
from services.indexer.search_query import (
    LONGEST_QUESTION,
    Question,
    Term,
    has_trigram,
    needs_order,
    parse_question,
    tsquery_text,
)
from services.indexer.snippet import make_snippet
from services.indexer.sql import statement
from services.indexer.storage_rows import (
    ARTIFACT_COLUMNS,
    Conditions,
    Names,
    fetch_names,
    thread_title,
    to_artifact,
)
from services.indexer.storage_shards import Shard, fetch_shards
from services.indexer.storage_threads import like_pattern
from shared.contracts.indexer import Facet, Hit, Participant, Search
from shared.contracts.problems import ProblemError, bad_request, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.indexer.storage_rows import Connection, Row

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
    if len(request.q) > LONGEST_QUESTION:
        raise bad_request(f"q must not be longer than {LONGEST_QUESTION} characters.")
    question = parse_question(request.q)
    if question.is_empty:
        raise bad_request("q names nothing to find. Give at least one word.")
    place = None if request.cursor is None else read_cursor(request.cursor, HitPlace)
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(
                f"set local statement_timeout = {STATEMENT_TIMEOUT_MS};"
                # A plan for any words at all is one for very many hits, and reads whole tables.
                " set local plan_cache_mode = force_custom_plan"
            )
            return await _search(
                connection,
                request,
                question,
                place,
                limit=limit,
                most_bytes=most_bytes,
                labels=labels,
            )
    except asyncpg.QueryCanceledError:
        raise _too_slow() from None


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
    request: Search,
    question: Question,
    place: HitPlace | None,
    *,
    limit: int,
    most_bytes: int,
    labels: Mapping[str, str],
) -> bytes:
    shards = await fetch_shards(connection, device=request.device, kind=request.kind)
    newest: list[Row] = []
    finder: Finder | None = None
    modes: tuple[Mode, ...] = (place.mode,) if place else ("words", "parts")
    mode: Mode = modes[0]
    for mode in modes:
        match = await _match(connection, question, mode, shards)
        if match is None:
            continue
        finder = Finder(connection, request, match, shards)
        newest = await finder.find(COUNT_LIMIT)
        if newest:
            break
    assert finder is not None
    total = len(newest)
    is_exact = total < COUNT_LIMIT and not (
        finder.is_bounded and await _is_longer_than(connection, SCANNED)
    )
    page = _Page(request.sort, place, mode=mode, limit=limit)
    rows = await page.fetch(finder, newest)
    hits = await _to_hits(connection, rows[:limit], question.terms)
    cut = Cut(hits, most_bytes=most_bytes, shorten=shorten_hit)
    return assemble(
        cut.parts,
        {
            "next_cursor": page.cursor(rows, cut.count, newest),
            "total": total,
            "total_is_exact": is_exact,
            "facets": _facets(newest, labels),
        },
    )


class _Page:
    """Which of the hits come on a page, in which order, and what continues it."""

    def __init__(self, sort: str, place: HitPlace | None, *, mode: Mode, limit: int) -> None:
        self._mode = mode
        self._limit = limit
        self._place = place
        self._is_ranked = sort == "relevance" and (place is None or place.by_rank)
        self._way: Way = "asc" if sort == "oldest" else "desc"

    async def fetch(self, finder: Finder, newest: list[Row]) -> list[Row]:
        """Return the page's hits and one more, if there is one."""
        if self._is_ranked:
            # What is older than the newest hits follows by time.
            ranked = sorted(newest[: COUNT_LIMIT - 1], key=_relevance, reverse=True)
            return self._after(ranked, _relevance)[: self._limit + 1]
        if len(newest) < COUNT_LIMIT:
            # All there is.
            ordered = newest if self._way == "desc" else newest[::-1]
            return self._after(ordered, _moment)[: self._limit + 1]
        if self._place is None and self._way == "desc":
            return newest[: self._limit + 1]
        after = None if self._place is None else TimePlace(self._place.at_us, self._place.id)
        return await finder.find(self._limit + 1, way=self._way, after=after)

    def cursor(self, rows: list[Row], shown: int, newest: list[Row]) -> str | None:
        """Return what continues after *shown* of *rows*."""
        if shown and len(rows) > shown:
            return self._cursor(rows[shown - 1], by_rank=self._is_ranked)
        if rows and self._is_ranked and len(newest) >= COUNT_LIMIT:
            return self._cursor(newest[COUNT_LIMIT - 2], by_rank=False)
        return None

    def _after(self, rows: list[Row], key: Callable[[Row], tuple[Any, ...]]) -> list[Row]:
        place = self._place
        if place is None:
            return rows
        at = TimePlace(place.at_us, place.id).at
        here = (place.rank, at, place.id) if self._is_ranked else (at, place.id)
        if self._way == "asc":
            return [row for row in rows if key(row) > here]
        return [row for row in rows if key(row) < here]

    def _cursor(self, row: Row, *, by_rank: bool) -> str:
        place = place_of(row["sort_at"], row["id"])
        rank = row["rank"] if by_rank else 0.0
        return write_cursor(HitPlace(self._mode, by_rank, rank, place.at_us, place.id))


def _moment(row: Row) -> tuple[Any, ...]:
    return row["sort_at"], row["id"]


def _relevance(row: Row) -> tuple[Any, ...]:
    return row["rank"], row["sort_at"], row["id"]


async def _match(
    connection: Connection, question: Question, mode: Mode, shards: Sequence[Shard]
) -> Match | None:
    """Return how to match in *mode*; None when there are no words to match."""
    wanted = question.wanted
    by_words = [term for term in question.terms if _goes_by_words(term, mode)]
    tsquery = await _to_tsquery(connection, by_words) if by_words else ""
    parts = [term for term in wanted if mode == "parts" or needs_order(term)]
    if mode == "words" and not (tsquery and any(not term.excluded for term in by_words)):
        return None
    patterns = [like_pattern(term.folded) for term in parts]
    has_index = bool(tsquery) and any(not term.excluded for term in by_words)
    if not has_index and any(has_trigram(term.folded) for term in parts):
        has_index = all(shard.has_substring for shard in shards)
    return Match(
        mode=mode,
        tsquery=tsquery,
        patterns=patterns,
        excluded_patterns=[
            like_pattern(term.folded)
            for term in question.terms
            if term.excluded and not _goes_by_words(term, mode)
        ],
        is_indexed=has_index,
    )


def _goes_by_words(term: Term, mode: Mode) -> bool:
    if term.kind == "part" or not term.words:
        return False
    return term.excluded or mode == "words"


async def _to_tsquery(connection: Connection, terms: Sequence[Term]) -> str:
    """Return all *terms* as one query in Postgres's own text, which may be empty."""
    where = Conditions()
    pieces: list[str] = []
    for term in terms:
        if term.kind == "phrase" and term.is_plain:
            piece = f"phraseto_tsquery('simple', {where.parameter(term.folded)})"
        else:
            piece = f"to_tsquery('simple', {where.parameter(tsquery_text(term))})"
        pieces.append(f"!!({piece})" if term.excluded else piece)
    text: str = await connection.fetchval(
        f"select ({' && '.join(pieces)})::text",
        *where.parameters,
    )
    return text


async def _is_longer_than(connection: Connection, rows: int) -> bool:
    found: bool = await connection.fetchval(
        "select exists (select 1 from artifact order by sort_at desc, id desc offset $1)", rows
    )
    return found


def _facets(newest: Sequence[Row], labels: Mapping[str, str]) -> dict[str, list[Facet]]:
    counted = {
        "kind": Counter(row["kind"] for row in newest),
        "device": Counter(row["device"] for row in newest),
        "year": Counter(
            str(row["occurred_at"].year) for row in newest if row["occurred_at"] is not None
        ),
    }
    facets = {
        name: [
            Facet(value=value, count=count, label=labels.get(value) if name == "kind" else None)
            for value, count in counts.items()
        ]
        for name, counts in counted.items()
    }
    for found in facets.values():
        found.sort(key=lambda facet: (-facet.count, facet.value))
    facets["year"].sort(key=lambda facet: facet.value, reverse=True)
    return facets


async def _to_hits(connection: Connection, rows: Sequence[Row], terms: Sequence[Term]) -> list[Hit]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    text = statement("search", "shown").format(columns=ARTIFACT_COLUMNS)
    found = {row["id"]: row for row in await connection.fetch(text, ids)}
    ordered = [found[row_id] for row_id in ids if row_id in found]
    names = await fetch_names(
        connection,
        (
            (row["device"], handle)
            for row in ordered
            for handle in (row["sender_handle"], *(row["participants"] or ()))
        ),
    )
    return [_to_hit(row, names, terms) for row in ordered]


def _to_hit(row: Row, names: Names, terms: Sequence[Term]) -> Hit:
    artifact = to_artifact(row, names)
    has_thread = row["thread_key"] is not None
    return Hit(
        artifact=artifact,
        snippet=make_snippet(artifact.text, artifact.title, terms),
        thread_title=thread_title(
            row["thread_title"],
            [
                Participant(handle=handle, name=names.get((row["device"], handle)))
                for handle in row["participants"]
            ],
            row["thread_key"],
        )
        if has_thread
        else None,
        thread_position=row["position"] if has_thread else None,
    )
