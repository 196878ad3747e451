"""Reading stitched threads: conversations over the devices of a lineage, nothing twice.

A page is put together from pages of its parts. The newest device's comes first, and bounds what has
to be looked at of the others: nearly all that they have of that time is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from services.indexer.history.storage_members import MEMBER_KINDS
from services.indexer.history.storage_positions import STITCHED, count_before, order_of
from services.indexer.history.storage_rows import ARTIFACT_COLUMNS, Conditions
from services.indexer.lineage.storage import parts_of
from services.indexer.lineage.storage_view import see_once
from services.indexer.sql import statement
from shared.cursors import TimePlace, place_of

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row
    from shared.contracts.indexer import ListThreadArtifacts, Thread

_place = itemgetter("sort_at", "id")

#: Threads as they are listed where lineages count as one: stitched, and those of other devices.
LISTED = f"({statement('lineage', 'listed')}) t"


class Part(NamedTuple):
    """A thread of one device, and the tables that it may lie in."""

    thread_id: int
    shards: list[int]


class Stitched(NamedTuple):
    """A stitched thread with its parts, the newest device's first."""

    id: int
    kind: str
    parts: list[Part]

    @property
    def thread_ids(self) -> list[int]:
        """The threads that it is made of."""
        return [part.thread_id for part in self.parts]


async def find_stitched(connection: Connection, thread_id: int) -> Stitched | None:
    """Return what a thread is part of; None where its device has no lineage."""
    rows = await connection.fetch(statement("lineage", "parts of"), thread_id)
    if not rows:
        return None
    return Stitched(
        rows[0]["stitched_id"],
        rows[0]["kind"],
        [Part(row["thread_id"], row["shards"]) for row in rows],
    )


async def thread_ids_of(connection: Connection, threads: Sequence[int]) -> list[int]:
    """Return *threads* with all others that are parts of the same stitched ones."""
    rows = await connection.fetch(
        "select p.thread_id from stitched_part p where p.stitched_id in"
        " (select o.stitched_id from stitched_part o where o.thread_id = any($1::bigint[]))",
        list(threads),
    )
    return sorted({*threads, *(row["thread_id"] for row in rows)})


async def with_devices(connection: Connection, threads: Sequence[Thread]) -> list[Thread]:
    """Return *threads* with the devices that they are of, the oldest first."""
    rows = await connection.fetch(
        statement("lineage", "devices of"), [int(thread.id) for thread in threads]
    )
    devices = {str(row["stitched_id"]): row["devices"] for row in rows}
    return [
        msgspec.structs.replace(thread, devices=devices.get(thread.id, [thread.device]))
        for thread in threads
    ]


async def member_positions(connection: Connection, rows: Sequence[Row]) -> dict[int, int]:
    """Return by artifact how much comes before it in its stitched thread.

    Of those in one that lie in several threads, as photos do.
    """
    positions: dict[int, int] = {}
    for kind in MEMBER_KINDS:
        own = [row for row in rows if row["thread_id"] is not None and row["kind"] == kind]
        if own:
            found = await connection.fetch(
                statement("lineage", "positions").format(**parts_of(kind)), *_places(own)
            )
            positions |= {row["id"]: row["position"] for row in found}
    return positions


async def stitched_places(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Return for artifacts in stitched threads, and each part of those, where counting begins.

    Of those that lie in one thread alone: what comes before one is the sum over the parts.
    """
    own = [row for row in rows if row["thread_id"] is not None and row["kind"] not in MEMBER_KINDS]
    return list(await connection.fetch(statement("lineage", "places"), *_places(own)))


def _places(rows: Sequence[Row]) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        [row["id"] for row in rows],
        [row["thread_id"] for row in rows],
        [row["sort_at"] for row in rows],
    )


class StitchedView:
    """A stitched thread as it is looked at: now or as of a moment, with or without removed."""

    def __init__(
        self, connection: Connection, stitched: Stitched, request: ListThreadArtifacts
    ) -> None:
        self._connection = connection
        self._stitched = stitched
        self._removed = "include" if request.include_removed else "exclude"
        self._as_of = request.as_of
        self._order = order_of(stitched.kind)

    def _inside(self, shards: Sequence[int]) -> Conditions:
        where = Conditions()
        where.add("a.shard = any({shards})", shards=list(shards))
        where.see(self._removed, self._as_of)
        see_once(where, self._as_of)
        return where

    async def fetch(self, start: TimePlace, *, backward: bool, limit: int) -> list[Row]:
        """Return up to *limit* rows before *start*, or from it on, ascending in time."""
        way, compare = ("desc", "<") if backward else ("asc", ">=")
        found: list[Any] = []
        for part in self._stitched.parts:
            where = self._inside(part.shards)
            self._order.require_beyond(
                where, compare, thread=part.thread_id, at=start.at, artifact_id=start.id
            )
            if len(found) == limit:
                last = found[-1]
                beyond = ">" if backward else "<"
                where.add(
                    f"{self._order.place} {beyond} ({{at}}, {{id}})",
                    at=last["sort_at"],
                    id=last["id"],
                )
            found += await self._connection.fetch(
                f"select {ARTIFACT_COLUMNS} from {self._order.source} where {where}"  # noqa: S608 -- parameters only
                f" order by {self._order.sorted(way)} limit {limit}",
                *where.parameters,
            )
            found = sorted(found, key=_place, reverse=backward)[:limit]
        return found[::-1] if backward else found

    async def has_after(self, row: Row) -> bool:
        """Return whether anything comes after *row*."""
        after = place_of(row["sort_at"], row["id"] + 1)
        return bool(await self.fetch(after, backward=False, limit=1))

    async def position(self, row: Row) -> int:
        """Return how much comes before *row*."""
        where = self._inside(
            sorted({number for part in self._stitched.parts for number in part.shards})
        )
        threads = self._stitched.thread_ids
        if len(threads) == 1:
            where.add(f"{self._order.thread} = {{thread}}", thread=threads[0])
        else:
            where.add(f"{self._order.thread} = any({{threads}})", threads=threads)
        is_now = self._removed == "exclude" and self._as_of is None
        return await count_before(
            self._connection,
            where,
            row,
            order=self._order,
            anchors=STITCHED if is_now else None,
            thread=self._stitched.id,
        )
