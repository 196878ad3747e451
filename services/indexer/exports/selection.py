"""What an export is of: groups of artifacts, read piece by piece, each as it was at one moment.

Nothing is held between two pieces, neither rows nor a transaction, so that runs are not kept
waiting.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.browsing.storage_artifacts import utc
from services.indexer.exports.groups import (
    FIRST,
    Grouping,
    Part,
    Source,
    find_stitched_ids,
    merged,
)
from services.indexer.exports.viewpoint import Viewpoint, find_viewpoint
from services.indexer.history.storage_members import MEMBER_KINDS
from services.indexer.history.storage_rows import (
    ARTIFACT_COLUMNS,
    THREAD_COLUMNS,
    Conditions,
    to_threads,
)
from services.indexer.history.storage_shards import fetch_shards
from services.indexer.kinds import PARSERS
from services.indexer.lineage.storage_stitched import LISTED, thread_ids_of, with_devices
from services.indexer.people.storage_pages import handles_of
from services.indexer.search.storage import check_search, search
from shared.contracts.exports import ExportQuery
from shared.contracts.identifiers import ThreadId
from shared.contracts.indexer import Search, Thread
from shared.cursors import read_id

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row

#: Rows that are read at once.
PIECE_ROWS = 500
_SEARCH_LIMIT = 1000
_SEARCH_BYTES = 64 << 20
#: Characters; of what is longer, less is read at once.
_MUCH = 8 << 20
_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_LABELS = {kind: parser.title for kind, parser in PARSERS.items()}
_ORDER = {kind: number for number, kind in enumerate(PARSERS)}


class _FoundArtifact(msgspec.Struct):
    id: str


class _FoundHit(msgspec.Struct):
    artifact: _FoundArtifact


class _FoundPage(msgspec.Struct):
    items: list[_FoundHit]
    next_cursor: str | None


async def check_words(connection: Connection, query: ExportQuery) -> None:
    """Raise the 400 problem that the search of *query* would end with."""
    if query.q is None:
        return
    for kind in query.wanted_kinds or (None,):
        await check_search(connection, _to_search(query, query.q, kind, None), labels=_LABELS)


def _to_search(query: ExportQuery, q: str, kind: str | None, cursor: str | None) -> Search:
    return Search(
        q=q,
        device=query.device,
        kind=kind,
        thread=None if query.thread is None else ThreadId(query.thread),
        person=query.person,
        since=query.since,
        until=query.until,
        removed=query.removed,
        lineage=query.lineage,
        sort="oldest",
        limit=_SEARCH_LIMIT,
        cursor=cursor,
    )


class Selection:
    """What one query means, on one connection."""

    def __init__(self, connection: Connection, query: ExportQuery) -> None:
        self._connection = connection
        self._query = query
        self.viewpoint = Viewpoint()
        #: Of the person who is asked for.
        self._handles: list[str] = []

    async def plan(self) -> list[Part]:
        """Return the groups, in the order of kinds, then of devices, threads by their beginning."""
        self.viewpoint = await find_viewpoint(self._connection, self._query)
        if self._query.person is not None:
            self._handles = await handles_of(self._connection, self._query.person)
        if self._query.artifact_ids is not None:
            named = [read_id(one, "artifact") for one in self._query.artifact_ids]
            parts = await self._sort_out(array("q", dict.fromkeys(named)), once=True)
        elif self._query.q is not None:
            parts = await self._sort_out(await self._search(self._query.q))
        else:
            parts = await self._fitting()
        return sorted(parts, key=_place)

    async def revision_of(self, device: str) -> tuple[str | None, dt.datetime | None]:
        """Return the revision that things of *device* are taken from, and when it was made."""
        row = await self._connection.fetchrow(
            "select digest, taken_at from revision where device = $1 and taken_at <= $2"
            " order by taken_at desc limit 1",
            device,
            self.viewpoint.moments.get(device, _LAST),
        )
        return (None, None) if row is None else (row["digest"], row["taken_at"])

    async def threads(self, parts: list[Part]) -> Mapping[int, Thread]:
        """Return the threads of *parts*, stitched where lineages count as one."""
        table = LISTED if self._query.lineage else "thread t"
        rows = await self._connection.fetch(
            f"select {THREAD_COLUMNS} from {table} where t.id = any($1)",  # noqa: S608 -- constant
            [part.thread_id for part in parts if part.thread_id is not None],
        )
        threads = await to_threads(self._connection, rows)
        if self._query.lineage:
            threads = await with_devices(self._connection, threads)
        return {int(thread.id): thread for thread in threads}

    def pieces(self, part: Part, *, with_files: bool = False) -> AsyncIterator[list[Row]]:
        """Yield the rows of a group, oldest first; or only those to which files belong."""
        if part.ids is not None:
            return self._named_pieces(part.ids, with_files=with_files)
        sources = [
            self._source_pieces(part.kind, source, with_files=with_files) for source in part.sources
        ]
        return sources[0] if len(sources) == 1 else merged(sources)

    async def _source_pieces(
        self, kind: str, source: Source, *, with_files: bool
    ) -> AsyncIterator[list[Row]]:
        device, thread_id = source
        at, after = FIRST, 0
        limit = PIECE_ROWS
        shards = await fetch_shards(self._connection, device=device, kind=kind)
        while True:
            where = self._conditions(device)
            where.add("a.shard = any({shards})", shards=[shard.number for shard in shards])
            where.add("a.device = {device} and a.kind = {kind}", device=device, kind=kind)
            if thread_id is None:
                where.add("a.thread_id is null")
            else:
                where.add("a.thread_id = {thread}", thread=thread_id)
            if with_files:
                where.add("a.has_attachment")
            where.add("(a.sort_at, a.id) > ({at}, {id})", at=at, id=after)
            rows = await self._fetch(where, f"order by a.sort_at, a.id limit {limit}")
            if rows:
                yield rows
            if len(rows) < limit:
                return
            at, after = rows[-1]["sort_at"], rows[-1]["id"]
            if sum(len(row["payload"]) + len(row["text"] or "") for row in rows) > _MUCH:
                limit = max(limit // 4, 1)

    async def _named_pieces(self, ids: array[int], *, with_files: bool) -> AsyncIterator[list[Row]]:
        for begin in range(0, len(ids), PIECE_ROWS):
            where = Conditions()
            where.add("a.id = any({ids})", ids=list(ids[begin : begin + PIECE_ROWS]))
            if with_files:
                where.add("a.has_attachment")
            rows = await self._fetch(where, "order by a.sort_at, a.id")
            if rows:
                yield rows

    async def _fetch(self, where: Conditions, order: str) -> list[Row]:
        rows: list[Any] = await self._connection.fetch(
            f"select {ARTIFACT_COLUMNS}, a.added_at from artifact a where {where} {order}",  # noqa: S608 -- parameters only
            *where.parameters,
        )
        return rows

    def _conditions(self, device: str) -> Conditions:
        """Return what must be true of an artifact of *device*."""
        query = self._query
        where = Conditions()
        if query.since is not None:
            where.add("a.sort_at >= {since}", since=utc(query.since))
        if query.until is not None:
            where.add("a.sort_at < {until}", until=utc(query.until))
        if query.person is not None:
            where.add(
                "(a.sender_handle = any({handles}) or a.thread_id in"
                " (select t.id from thread t where t.participants && {handles}))",
                handles=self._handles,
            )
        self.viewpoint.see(where, device, query.removed)
        return where

    async def _members(self, thread_ids: Sequence[int]) -> list[Part] | None:
        """Return what is listed in threads of members; None for threads of any other kind."""
        threads = await self._connection.fetch(
            "select id, device, kind from thread where id = any($1) and kind = any($2)",
            thread_ids,
            sorted(MEMBER_KINDS),
        )
        if not threads:
            return None
        grouping = await self._grouping(thread_ids)
        found: dict[int, tuple[dt.datetime, Part]] = {}
        for thread in threads:
            if not self._is_asked(thread["device"], thread["kind"]):
                continue
            where = self._conditions(thread["device"])
            where.add("m.thread_id = {thread}", thread=thread["id"])
            rows = await self._connection.fetch(
                "select a.id, a.sort_at from thread_member m"  # noqa: S608 -- parameters only
                f" join artifact a on a.id = m.artifact_id where {where}",
                *where.parameters,
            )
            for row in rows:
                part = grouping.part(thread["kind"], thread["device"], thread["id"])
                found[row["id"]] = row["sort_at"], part
        for number, (_, part) in sorted(found.items(), key=lambda one: (one[1][0], one[0])):
            part.ids = array("q") if part.ids is None else part.ids
            part.ids.append(number)
            part.total += 1
        return grouping.parts

    def _is_asked(self, device: str, kind: str) -> bool:
        kinds = self._query.wanted_kinds
        return device in self.viewpoint.meant(self._query.device) and (
            kinds is None or kind in kinds
        )

    async def _grouping(self, threads: Iterable[int | None]) -> Grouping:
        stitched = await find_stitched_ids(self._connection, self.viewpoint, threads)
        return Grouping(self.viewpoint, stitched)

    async def _fitting(self) -> list[Part]:
        query = self._query
        threads: list[int] | None = None
        if query.thread is not None:
            threads = [read_id(query.thread, "thread")]
            if query.lineage:
                threads = await thread_ids_of(self._connection, threads)
            members = await self._members(threads)
            if members is not None:
                return members
        found: list[Row] = []
        for device in self.viewpoint.meant(query.device):
            where = self._conditions(device)
            where.add("a.device = {device}", device=device)
            kinds = query.wanted_kinds
            if kinds is not None:
                where.add("a.kind = any({kinds})", kinds=kinds)
            if threads is not None:
                where.add("a.thread_id = any({threads})", threads=threads)
            found += await self._connection.fetch(
                "select a.device, a.kind, a.thread_id, count(*) as total,"  # noqa: S608 -- parameters only
                " count(*) filter (where a.has_attachment) as with_files,"
                " min(a.sort_at) as first_at"
                f" from artifact a where {where} group by a.device, a.kind, a.thread_id",
                *where.parameters,
            )
        grouping = await self._grouping(row["thread_id"] for row in found)
        for row in found:
            part = grouping.part(row["kind"], row["device"], row["thread_id"])
            part.first_at = min(row["first_at"], part.first_at if part.total else row["first_at"])
            part.total += row["total"]
            part.with_files += row["with_files"]
        return grouping.parts

    async def _search(self, q: str) -> array[int]:
        """Return the ids of all hits, oldest first."""
        query = self._query
        found: array[int] = array("q")
        kinds: Sequence[str | None] = query.wanted_kinds or (None,)
        for kind in kinds:
            cursor: str | None = None
            while True:
                body = await search(
                    self._connection,
                    _to_search(query, q, kind, cursor),
                    most_bytes=_SEARCH_BYTES,
                    labels=_LABELS,
                )
                page = msgspec.json.decode(body, type=_FoundPage)
                found.extend(int(hit.artifact.id) for hit in page.items)
                cursor = page.next_cursor
                if cursor is None:
                    break
        return found

    async def _sort_out(self, ids: array[int], *, once: bool = False) -> list[Part]:
        """Return named artifacts in groups; those that do not exist are left out.

        *once*: of what several devices of a lineage have, only the newest one's is taken.
        """
        grouping = await self._grouping(())
        taken: dict[tuple[str, str, str], int] = {}
        once = once and self._query.lineage
        for begin in range(0, len(ids), 10_000):
            rows = await self._connection.fetch(
                "select id, kind, device, key, thread_id, sort_at from artifact where id = any($1)"
                " order by sort_at, id",
                list(ids[begin : begin + 10_000]),
            )
            grouping.stitched |= await find_stitched_ids(
                self._connection, self.viewpoint, (row["thread_id"] for row in rows)
            )
            places = [self._place_in_lineage(row) for row in rows] if once else []
            for key, place in places:
                taken[key] = max(place, taken.get(key, 0))
            for number, row in enumerate(rows):
                if once and places[number][1] < taken[places[number][0]]:
                    continue
                part = grouping.part(row["kind"], row["device"], row["thread_id"])
                if part.ids is None:
                    part.ids, part.first_at = array("q"), row["sort_at"]
                part.ids.append(row["id"])
                part.total += 1
        return grouping.parts

    def _place_in_lineage(self, row: Row) -> tuple[tuple[str, str, str], int]:
        """Return what a row is in its lineage, and the place of its device, the newest last."""
        devices = self.viewpoint.devices_of(row["device"])
        return (devices[0], row["kind"], row["key"]), devices.index(row["device"])


def _place(part: Part) -> tuple[Any, ...]:
    order = _ORDER.get(part.kind, len(_ORDER))
    # Things without a thread come last.
    is_alone = part.thread_id is None
    return (order, part.kind, part.device, is_alone, part.first_at, part.thread_id or 0)
