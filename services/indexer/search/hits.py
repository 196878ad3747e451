"""The hits of one page as people see them, and what all hits are like."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_rows import (
    ARTIFACT_COLUMNS,
    Conditions,
    fetch_names,
    thread_title,
    to_artifact,
    to_participants,
)
from services.indexer.lineage.storage_stitched import member_positions, stitched_places
from services.indexer.lineage.storage_view import see_once
from services.indexer.pages import Cut, fit, shorten_hit
from services.indexer.search.found import microseconds
from services.indexer.search.slots import slots
from services.indexer.search.snippet import Snippets
from services.indexer.sql import statement
from shared.contracts.indexer import Facet, Hit

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Names, Row
    from services.indexer.history.storage_shards import Shard
    from services.indexer.search.found import Found, FoundHit
    from services.indexer.search.query import Term
    from services.indexer.search.scope import Scope

#: What the order of time has for an unknown one.
_NO_TIME = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
_NO_TIME_US = microseconds(_NO_TIME)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: So many tables are looked into for each hit rather than those alone that may hold something: a
#: look costs two microseconds, and reading what was found a row of the table each.
FEW_TABLES = 8


class Hits:
    """The hits of a page, each made when it is certain that there is room for it."""

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        positions: Mapping[int, int],
        names: Names,
        terms: Sequence[Term],
    ) -> None:
        self._rows = rows
        self._positions = positions
        self._names = names
        self._snippets = Snippets(terms)

    async def cut(self, most_bytes: int) -> Cut[Hit]:
        """Return as many as fit into one reply, encoded."""
        return await fit(self._make(), rows=self._rows, most_bytes=most_bytes, shorten=shorten_hit)

    def _make(self) -> Iterator[Hit]:
        for row in self._rows:
            artifact = to_artifact(row, self._names)
            has_thread = row["thread_key"] is not None
            yield Hit(
                artifact=artifact,
                snippet=self._snippets.make(artifact.text, artifact.title),
                thread_title=self._title(row) if has_thread else None,
                thread_position=self._positions[row["id"]] if has_thread else None,
            )

    def _title(self, row: Row) -> str:
        participants = to_participants(row, self._names)
        return thread_title(row["thread_title"], participants, row["thread_key"])


async def fetch_hits(
    connection: Connection,
    hits: Sequence[FoundHit],
    scope: Scope,
    terms: Sequence[Term],
    *,
    lineage: bool = False,
) -> Hits:
    """Return what is shown of *hits*, found in *scope* by *terms*.

    Positions are those in stitched threads where *lineage* counts as one.
    """
    if not hits:
        return Hits([], positions={}, names={}, terms=terms)
    where = Conditions([[hit.shard for hit in hits], [hit.id for hit in hits]])
    text = statement("search", "shown").format(
        columns=ARTIFACT_COLUMNS, shards=slots(where, sorted({hit.shard for hit in hits}))
    )
    fetched = await connection.fetch(text, *where.parameters)
    found = {row["id"]: row for row in fetched}
    shown = [found[hit.id] for hit in hits if hit.id in found]
    names = await fetch_names(
        connection,
        (
            (row["device"], handle)
            for row in shown
            for handle in (row["sender_handle"], *(row["participants"] or ()))
        ),
    )
    positions: dict[int, int] = {}
    if lineage:
        positions = await member_positions(connection, shown)
        places = await stitched_places(connection, shown)
        positions |= await _count_positions(connection, places, scope, once=True)
    apart = [row for row in shown if row["id"] not in positions]
    positions |= await _count_positions(connection, apart, scope)
    return Hits(shown, positions=positions, names=names, terms=terms)


async def _count_positions(
    connection: Connection, rows: Sequence[Row], scope: Scope, *, once: bool = False
) -> dict[int, int]:
    """Return how many current artifacts of its thread come before each row.

    *once* where lineages count as one: nothing twice, and rows come once for each part of theirs.
    """
    if not rows:
        return {}
    # Of a lineage, only the tables of one part's device may hold anything of it.
    is_everywhere = scope.tables <= FEW_TABLES and not once
    tables = _Tables(scope.shards)
    pairs = [
        (row, number)
        for row in rows
        if row["thread_id"] is not None
        for number in ((0,) if is_everywhere else tables.between(row))
    ]
    if not pairs:
        return {row["id"]: row["anchor_position"] for row in rows}
    parameters: list[list[Any]] = [
        [row["thread_id"] for row, _ in pairs],
        [row["anchor_at"] for row, _ in pairs],
        [row["anchor_id"] for row, _ in pairs],
        [row["id"] for row, _ in pairs],
        [row["sort_at"] for row, _ in pairs],
    ]
    seen = Conditions()
    if once:
        see_once(seen, table="b")
    text = statement("search", "counted").format(seen=seen)
    if not is_everywhere:
        parameters.append([number for _, number in pairs])
        text = statement("search", "counted in tables").format(
            tables="\nunion all\n".join(
                statement("search", "counted in a table").format(shard=number, seen=seen)
                for number in sorted({number for _, number in pairs})
            )
        )
    after_anchor: Counter[int] = Counter()
    for counted in await connection.fetch(text, *parameters):
        after_anchor[counted["id"]] += counted["counted"]
    return {row["id"]: row["anchor_position"] + after_anchor[row["id"]] for row in rows}


class _Tables:
    """Which tables may hold anything between a hit and the anchor before it."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._of_timeline: dict[tuple[str, str], list[tuple[int, dt.datetime, dt.datetime]]] = {}

    def between(self, row: Row) -> list[int]:
        """Return their numbers."""
        timeline = (row["device"], row["kind"])
        own = self._of_timeline.get(timeline)
        if own is None:
            own = self._of_timeline[timeline] = [
                (shard.number, shard.first_at, shard.last_at)
                for shard in self._shards
                if shard.device in {None, timeline[0]} and shard.kind in {None, timeline[1]}
                if shard.first_at is not None and shard.last_at is not None
            ]
        anchor_at, sort_at = row["anchor_at"], row["sort_at"]
        return [number for number, first, last in own if first <= sort_at and last >= anchor_at]


def count_facets(
    found: Found, shards: Sequence[Shard], labels: Mapping[str, str]
) -> dict[str, list[Facet]]:
    """Return how many of the hits have which kind, device and year."""
    # Up to a thousand are counted for each answer: without a line of Python for each.
    kinds, devices = Counter(found.kinds), Counter(found.devices)
    by_shard = Counter(found.shards)
    for shard in shards:
        if shard.kind is not None and shard.device is not None:
            kinds[shard.kind] += by_shard[shard.number]
            devices[shard.device] += by_shard[shard.number]
    years = _count_years(found.at_us)
    return {
        "kind": _most_first(kinds, labels),
        "device": _most_first(devices, {}),
        "year": [
            Facet(value=str(year), count=count)
            for year, count in sorted(years.items(), reverse=True)
            if count
        ],
    }


def _count_years(times: Sequence[int]) -> dict[int, int]:
    ordered = times if not times or times[0] <= times[-1] else times[::-1]
    years: dict[int, int] = {}
    start = 0
    while start < len(ordered):
        year = (_EPOCH + dt.timedelta(microseconds=ordered[start])).year
        last = dt.datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
        end = bisect_right(ordered, microseconds(last), lo=start)
        years[year] = end - start
        start = end
    if _NO_TIME.year in years:
        years[_NO_TIME.year] -= times.count(_NO_TIME_US)
    return years


def _most_first(counts: Counter[str], labels: Mapping[str, str]) -> list[Facet]:
    return [
        Facet(value=value, count=count, label=labels.get(value))
        for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count
    ]
