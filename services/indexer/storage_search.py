"""Searching the history: which artifacts match, in what order, and how many of what.

Words go through the full-text index. If no word fits, or a part of a word was asked for, the text
itself is searched: by the trigram index where the server has one, else within the newest
``SCANNED`` artifacts, and then the page says that its total is not exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import asyncpg
import msgspec

from services.indexer.cursors import (
    TimePlace,
    place_of,
    read_cursor,
    read_id,
    read_limit,
    write_cursor,
)
from services.indexer.pages import Cut, assemble, shorten_hit
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
from services.indexer.storage_artifacts import utc
from services.indexer.storage_revisions import has_substring_index
from services.indexer.storage_rows import ARTIFACT_COLUMNS, Conditions, to_artifacts, to_threads
from services.indexer.storage_threads import THREAD_COLUMNS, like_pattern
from shared.contracts.indexer import Facet, Hit, Search
from shared.contracts.problems import ProblemError, bad_request, problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.indexer.storage_rows import Connection

#: Hits are counted up to here.
COUNT_LIMIT = 1_001
#: Artifacts that are read where no index helps.
SCANNED = 50_000
#: After this long a search is given up.
STATEMENT_TIMEOUT_MS = 4_000

Mode = Literal["words", "parts"]


class HitPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of hits ended, and how it was searching."""

    mode: Mode
    by_rank: bool
    rank: float
    at_us: int
    id: int


class _Match(msgspec.Struct, frozen=True, kw_only=True):
    """How the terms are matched, in SQL."""

    mode: Mode
    tsquery: str
    patterns: list[str]
    excluded_patterns: list[str]
    is_indexed: bool


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
            await connection.execute(f"set local statement_timeout = {STATEMENT_TIMEOUT_MS}")
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
    counts: list[Any] = []
    query: _Query | None = None
    modes: tuple[Mode, ...] = (place.mode,) if place else ("words", "parts")
    for mode in modes:
        match = await _match(connection, question, mode)
        if match is None:
            continue
        query = _Query(request, match)
        counts = await connection.fetch(*query.count())
        if _total(counts):
            break
    assert query is not None
    total = _total(counts)
    is_exact = total < COUNT_LIMIT and not (
        query.is_bounded and await _is_longer_than(connection, SCANNED)
    )
    rows = await connection.fetch(*query.page(place, few=total < COUNT_LIMIT, limit=limit + 1))
    hits = await _to_hits(connection, rows[:limit], question.terms)
    cut = Cut(hits, most_bytes=most_bytes, shorten=shorten_hit)
    cursor = None
    if cut.count and len(rows) > cut.count:
        cursor = query.cursor_after(rows[cut.count - 1], by_rank=query.ranks(place))
    elif rows and query.ranks(place) and total >= COUNT_LIMIT:
        edge = await connection.fetchrow(*query.edge())
        cursor = None if edge is None else query.cursor_after(edge, by_rank=False)
    return assemble(
        cut.parts,
        {
            "next_cursor": cursor,
            "total": min(total, COUNT_LIMIT),
            "total_is_exact": is_exact,
            "facets": _facets(counts, labels),
        },
    )


async def _match(connection: Connection, question: Question, mode: Mode) -> _Match | None:
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
        has_index = await has_substring_index(connection)
    return _Match(
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


class _Query:
    """The statements of one search; each is returned with its parameters."""

    def __init__(self, request: Search, match: _Match) -> None:
        self._sort = request.sort
        self._mode = match.mode
        self.is_bounded = not match.is_indexed
        where = Conditions()
        self._source = (
            "artifact a"
            if match.is_indexed
            else f"(select * from artifact order by sort_at desc, id desc limit {SCANNED}) a"  # noqa: S608 -- constant
        )
        self._rank = "0::float8"
        if match.tsquery:
            placeholder = where.parameter(match.tsquery)
            where.add(f"a.search @@ {placeholder}::text::tsquery")
            self._rank = f"ts_rank(a.search, {placeholder}::text::tsquery, 1)::float8"
        for pattern in match.patterns:
            where.add("a.folded like {pattern}", pattern=pattern)
        for pattern in match.excluded_patterns:
            where.add("a.folded not like {pattern}", pattern=pattern)
        _filter(where, request)
        self._where = where

    def count(self) -> tuple[Any, ...]:
        """Hits up to the limit, by facet."""
        return self._statement("count_hits", count_limit=COUNT_LIMIT)

    def edge(self) -> tuple[Any, ...]:
        """Where the newest 1,000 hits end."""
        return self._statement("after_newest")

    def ranks(self, place: HitPlace | None) -> bool:
        """Whether the page is in order of relevance, not of time."""
        return self._sort == "relevance" and (place is None or place.by_rank)

    def page(self, place: HitPlace | None, *, few: bool, limit: int) -> tuple[Any, ...]:
        """One page after *place*."""
        parameters = list(self._where.parameters)
        amount = "few" if few else "many"
        by_rank = self.ranks(place)
        compare, way = (">", "asc") if self._sort == "oldest" else ("<", "desc")
        after = "true"
        if place is not None:
            at = TimePlace(place.at_us, place.id).at
            values: tuple[object, ...] = (place.rank, at, place.id) if by_rank else (at, place.id)
            first = len(parameters) + 1
            placeholders = ", ".join(f"${first + n}" for n in range(len(values)))
            columns = "rank, sort_at, id" if by_rank else "sort_at, id"
            after = f"({columns}) {compare} ({placeholders})"
            parameters.extend(values)
        name = f"{amount}_by_{'rank' if by_rank else 'time'}"
        text = self._text(name, rank=self._rank, after=after, way=way, limit=limit)
        return (text, *parameters)

    def cursor_after(self, row: Mapping[str, Any], *, by_rank: bool) -> str:
        """The cursor that continues after *row*."""
        place = place_of(row["sort_at"], row["id"])
        rank = row["rank"] if by_rank else 0.0
        return write_cursor(HitPlace(self._mode, by_rank, rank, place.at_us, place.id))

    def _statement(self, name: str, **values: object) -> tuple[Any, ...]:
        return (self._text(name, **values), *self._where.parameters)

    def _text(self, name: str, **values: object) -> str:
        return statement("search", name).format(
            source=self._source, where=str(self._where), **values
        )


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
    if request.since is not None:
        where.add("a.sort_at >= {since}", since=utc(request.since))
    if request.until is not None:
        where.add("a.sort_at < {until}", until=utc(request.until))
    if request.has is not None:
        where.add("a.has_attachment" if request.has == "attachment" else "a.has_link")
    where.see(request.removed)


async def _is_longer_than(connection: Connection, rows: int) -> bool:
    found: bool = await connection.fetchval(
        "select exists (select 1 from artifact order by sort_at desc, id desc offset $1)", rows
    )
    return found


def _total(counts: Sequence[Any]) -> int:
    return next((row["count"] for row in counts if row["facet"] == "total"), 0)


def _facets(counts: Sequence[Any], labels: Mapping[str, str]) -> dict[str, list[Facet]]:
    facets: dict[str, list[Facet]] = {"kind": [], "device": [], "year": []}
    for row in counts:
        if row["facet"] in facets:
            label = labels.get(row["value"]) if row["facet"] == "kind" else None
            facets[row["facet"]].append(Facet(value=row["value"], count=row["count"], label=label))
    for found in facets.values():
        found.sort(key=lambda facet: (-facet.count, facet.value))
    facets["year"].sort(key=lambda facet: facet.value, reverse=True)
    return facets


async def _to_hits(connection: Connection, rows: Sequence[Any], terms: Sequence[Term]) -> list[Hit]:
    ids = [row["id"] for row in rows]
    found = {
        row["id"]: row
        for row in await connection.fetch(
            f"select {ARTIFACT_COLUMNS} from artifact a where a.id = any($1)",  # noqa: S608 -- constant
            ids,
        )
    }
    ordered = [found[row_id] for row_id in ids if row_id in found]
    artifacts = await to_artifacts(connection, ordered)
    positions = {
        row["id"]: row["position"]
        for row in await connection.fetch(statement("search", "positions"), ids)
    }
    threads = await to_threads(
        connection,
        await connection.fetch(
            f"select {THREAD_COLUMNS} from thread t where t.id = any($1)",  # noqa: S608 -- constant
            list({row["thread_id"] for row in ordered if row["thread_id"] is not None}),
        ),
    )
    titles = {thread.id: thread.title for thread in threads}
    return [
        Hit(
            artifact=artifact,
            snippet=make_snippet(artifact.text, artifact.title, terms),
            thread_title=None if artifact.thread_id is None else titles.get(artifact.thread_id),
            thread_position=positions.get(row["id"]),
        )
        for row, artifact in zip(ordered, artifacts, strict=True)
    ]
