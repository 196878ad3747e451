"""What an export is of: groups of artifacts, read piece by piece, each as it was at one moment.

Every device is looked at as of its newest revision when the export began: what an index run adds or
removes meanwhile does not change what is exported. Nothing is held between two pieces, neither rows
nor a transaction, so that runs are not kept waiting.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.browsing.storage_artifacts import utc
from services.indexer.history.storage_members import MEMBER_KINDS
from services.indexer.history.storage_rows import (
    ARTIFACT_COLUMNS,
    THREAD_COLUMNS,
    Conditions,
    to_threads,
)
from services.indexer.history.storage_shards import fetch_shards
from services.indexer.kinds import PARSERS
from services.indexer.people.storage_pages import handles_of
from services.indexer.search.storage import search
from shared.contracts.exports import ExportQuery
from shared.contracts.identifiers import ThreadId, Udid
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
_FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_LABELS = {kind: parser.title for kind, parser in PARSERS.items()}
_ORDER = {kind: number for number, kind in enumerate(PARSERS)}


class Part(msgspec.Struct, kw_only=True):
    """One group: a thread of a device, or what of one kind is in none."""

    kind: str
    device: str
    thread_id: int | None
    total: int
    #: Of how many files belong to them, and when the first happened; where that is known.
    with_files: int = 0
    first_at: dt.datetime = _FIRST
    #: The artifacts, where they were found by a search or named; None: all that fit.
    ids: array[int] | None = None


class _FoundArtifact(msgspec.Struct):
    id: str


class _FoundHit(msgspec.Struct):
    artifact: _FoundArtifact


class _FoundPage(msgspec.Struct):
    items: list[_FoundHit]
    next_cursor: str | None


class Selection:
    """What one query means, on one connection."""

    def __init__(self, connection: Connection, query: ExportQuery) -> None:
        self._connection = connection
        self._query = query
        self._moments: dict[str, dt.datetime] = {}
        #: Of the person who is asked for.
        self._handles: list[str] = []

    async def plan(self) -> list[Part]:
        """Return the groups, in the order of kinds, then of devices, threads by their beginning."""
        rows = await self._connection.fetch(
            "select device, max(taken_at) as at from revision group by device"
        )
        self._moments = {row["device"]: row["at"] for row in rows}
        if self._query.as_of is not None:
            as_of = utc(self._query.as_of)
            assert as_of is not None
            self._moments = dict.fromkeys(self._moments, as_of)
        if self._query.person is not None:
            self._handles = await handles_of(self._connection, self._query.person)
        if self._query.artifact_ids is not None:
            named = [read_id(one, "artifact") for one in self._query.artifact_ids]
            parts = await self._sort_out(array("q", dict.fromkeys(named)))
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
            self._moments.get(device, _LAST),
        )
        return (None, None) if row is None else (row["digest"], row["taken_at"])

    async def threads(self, parts: list[Part]) -> Mapping[int, Thread]:
        """Return the threads of *parts*."""
        rows = await self._connection.fetch(
            f"select {THREAD_COLUMNS} from thread t where t.id = any($1)",  # noqa: S608 -- constant
            [part.thread_id for part in parts if part.thread_id is not None],
        )
        return {int(thread.id): thread for thread in await to_threads(self._connection, rows)}

    async def pieces(self, part: Part, *, with_files: bool = False) -> AsyncIterator[list[Row]]:
        """Yield the rows of a group, oldest first; or only those to which files belong."""
        if part.ids is not None:
            async for rows in self._named_pieces(part.ids, with_files=with_files):
                yield rows
            return
        at, after = _FIRST, 0
        limit = PIECE_ROWS
        shards = await fetch_shards(self._connection, device=part.device, kind=part.kind)
        while True:
            where = self._conditions(part.device)
            where.add("a.shard = any({shards})", shards=[shard.number for shard in shards])
            where.add("a.device = {device} and a.kind = {kind}", device=part.device, kind=part.kind)
            if part.thread_id is None:
                where.add("a.thread_id is null")
            else:
                where.add("a.thread_id = {thread}", thread=part.thread_id)
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
        where.see(query.removed, self._moments[device])
        return where

    async def _members(self, thread_id: int) -> list[Part] | None:
        """Return what is listed in a thread of members; None for a thread of any other kind."""
        thread = await self._connection.fetchrow(
            "select device, kind from thread where id = $1", thread_id
        )
        if thread is None or thread["kind"] not in MEMBER_KINDS:
            return None
        if thread["device"] not in self._moments or not self._is_asked(**thread):
            return []
        where = self._conditions(thread["device"])
        where.add("m.thread_id = {thread}", thread=thread_id)
        rows = await self._connection.fetch(
            "select a.id from thread_member m join artifact a on a.id = m.artifact_id"  # noqa: S608 -- parameters only
            f" where {where} order by a.sort_at, a.id",
            *where.parameters,
        )
        ids = array("q", (row["id"] for row in rows))
        part = Part(
            kind=thread["kind"],
            device=thread["device"],
            thread_id=thread_id,
            total=len(ids),
            ids=ids,
        )
        return [part] if ids else []

    def _is_asked(self, device: str, kind: str) -> bool:
        kinds = self._query.wanted_kinds
        return self._query.device in (None, device) and (kinds is None or kind in kinds)

    async def _fitting(self) -> list[Part]:
        query = self._query
        if query.thread is not None:
            members = await self._members(read_id(query.thread, "thread"))
            if members is not None:
                return members
        parts: list[Part] = []
        for device in self._moments if query.device is None else [query.device]:
            if device not in self._moments:
                continue
            where = self._conditions(device)
            where.add("a.device = {device}", device=device)
            kinds = query.wanted_kinds
            if kinds is not None:
                where.add("a.kind = any({kinds})", kinds=kinds)
            if query.thread is not None:
                where.add("a.thread_id = {thread}", thread=read_id(query.thread, "thread"))
            rows = await self._connection.fetch(
                "select a.kind, a.thread_id, count(*) as total,"  # noqa: S608 -- parameters only
                " count(*) filter (where a.has_attachment) as with_files,"
                " min(a.sort_at) as first_at"
                f" from artifact a where {where} group by a.kind, a.thread_id",
                *where.parameters,
            )
            parts += [
                Part(
                    kind=row["kind"],
                    device=device,
                    thread_id=row["thread_id"],
                    total=row["total"],
                    with_files=row["with_files"],
                    first_at=row["first_at"],
                )
                for row in rows
            ]
        return parts

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
                    Search(
                        q=q,
                        device=query.device,
                        kind=kind,
                        thread=None if query.thread is None else ThreadId(query.thread),
                        person=query.person,
                        since=query.since,
                        until=query.until,
                        removed=query.removed,
                        sort="oldest",
                        limit=_SEARCH_LIMIT,
                        cursor=cursor,
                    ),
                    most_bytes=_SEARCH_BYTES,
                    labels=_LABELS,
                )
                page = msgspec.json.decode(body, type=_FoundPage)
                found.extend(int(hit.artifact.id) for hit in page.items)
                cursor = page.next_cursor
                if cursor is None:
                    break
        return found

    async def _sort_out(self, ids: array[int]) -> list[Part]:
        """Return named artifacts in groups; those that do not exist are left out."""
        parts: dict[tuple[str, str, int | None], Part] = {}
        for begin in range(0, len(ids), 10_000):
            rows = await self._connection.fetch(
                "select id, kind, device, thread_id, sort_at from artifact where id = any($1)"
                " order by sort_at, id",
                list(ids[begin : begin + 10_000]),
            )
            for row in rows:
                key = (row["kind"], row["device"], row["thread_id"])
                part = parts.get(key)
                if part is None:
                    part = parts[key] = Part(
                        kind=row["kind"],
                        device=Udid(row["device"]),
                        thread_id=row["thread_id"],
                        total=0,
                        first_at=row["sort_at"],
                        ids=array("q"),
                    )
                assert part.ids is not None
                part.ids.append(row["id"])
                part.total += 1
        return list(parts.values())


def _place(part: Part) -> tuple[Any, ...]:
    order = _ORDER.get(part.kind, len(_ORDER))
    # Things without a thread come last.
    is_alone = part.thread_id is None
    return (order, part.kind, part.device, is_alone, part.first_at, part.thread_id or 0)
