"""Groups of an export: what belongs to one conversation, or of one kind to none, and where it lies.

Over a lineage a group has sources on several devices: the threads that are stitched into one, or
what of one kind is in none on each of them.
"""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from services.indexer.exports.viewpoint import Viewpoint
    from services.indexer.history.storage_rows import Connection, Row

FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)

place_of_row = itemgetter("sort_at", "id")


class Source(NamedTuple):
    """Where things of a group lie: a thread of a device, or what is in none there."""

    device: str
    thread_id: int | None


class Part(msgspec.Struct, kw_only=True):
    """One group: a conversation, or what of one kind is in none."""

    kind: str
    #: The newest device that has something of it.
    device: str
    #: That of the stitched thread, where it is one.
    thread_id: int | None
    total: int
    #: Of how many files belong to them, and when the first happened; where that is known.
    with_files: int = 0
    first_at: dt.datetime = FIRST
    #: The newest device's last.
    sources: list[Source] = []
    #: The artifacts, where they were found by a search or named; None: all that fit.
    ids: array[int] | None = None


class Grouping:
    """Puts rows of devices into groups."""

    def __init__(self, viewpoint: Viewpoint, stitched: dict[int, int]) -> None:
        self._viewpoint = viewpoint
        #: The stitched threads that threads are part of.
        self.stitched = stitched
        self._parts: dict[tuple[str, str, int | None], Part] = {}

    @property
    def parts(self) -> list[Part]:
        """The groups, in no order."""
        return list(self._parts.values())

    def part(self, kind: str, device: str, thread_id: int | None) -> Part:
        """Return the group that a row belongs to, and note that its device has something of it."""
        devices = self._viewpoint.devices_of(device)
        number = None if thread_id is None else self.stitched.get(thread_id, thread_id)
        part = self._parts.get(key := (kind, devices[0], number))
        if part is None:
            part = Part(kind=kind, device=device, thread_id=number, total=0, sources=[])
            self._parts[key] = part
        source = Source(device, thread_id)
        if source not in part.sources:
            part.sources.append(source)
            part.sources.sort(key=lambda one: devices.index(one.device))
            part.device = part.sources[-1].device
        return part


async def find_stitched_ids(
    connection: Connection, viewpoint: Viewpoint, threads: Iterable[int | None]
) -> dict[int, int]:
    """Return by thread the stitched one that it is part of, where lineages count as one."""
    known = sorted({thread for thread in threads if thread is not None})
    if not viewpoint.lineages or not known:
        return {}
    rows = await connection.fetch(
        "select thread_id, stitched_id from stitched_part where thread_id = any($1::bigint[])",
        known,
    )
    return {row["thread_id"]: row["stitched_id"] for row in rows}


async def merged(sources: Sequence[AsyncIterator[list[Row]]]) -> AsyncIterator[list[Row]]:
    """Yield the rows of several sources, each of which is in order of time, in that order.

    Of each source one piece is held.
    """
    waiting: list[tuple[AsyncIterator[list[Row]], list[Any]]] = []
    for source in sources:
        rows = await anext(source, None)
        if rows is not None:
            waiting.append((source, rows))
    while waiting:
        # Nothing that is still to come lies before the last row of any piece.
        bound = min(place_of_row(rows[-1]) for _, rows in waiting)
        ready: list[Row] = []
        left: list[tuple[AsyncIterator[list[Row]], list[Any]]] = []
        for source, rows in waiting:
            ready += [row for row in rows if place_of_row(row) <= bound]
            rest = [row for row in rows if place_of_row(row) > bound]
            if rest := rest or await anext(source, []):
                left.append((source, rest))
        waiting = left
        yield sorted(ready, key=place_of_row)
