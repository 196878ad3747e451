"""Keeping the history of lineages: marks on rows that newer devices have too, stitched threads.

Whoever writes rows of a device says so with ``begin_change`` before and ``end_change`` after, in
the same transaction. Changes of one lineage wait for each other, and for whoever changes the
lineages themselves; devices without a lineage cost two short statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.history.storage_members import MEMBER_KINDS
from services.indexer.lineage.algebra import Part, stitch
from services.indexer.memory import timeline_number
from services.indexer.sql import statement

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]

#: More changed keys are not looked for one by one.
_MANY_KEYS = 50_000
_LOCK = "hashtextextended('indexer lineages', 1)"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is being written: rows of one kind of a device that is part of a lineage."""

    lineage: str
    #: From the oldest on.
    devices: list[str]
    kind: str

    @property
    def timelines(self) -> list[int]:
        """What stands for this kind of each device."""
        return [timeline_number(device, self.kind) for device in self.devices]


async def hold_lineages(connection: Connection) -> None:
    """Keep everybody else from writing rows of any device until the end of this transaction."""
    await connection.execute(f"select pg_advisory_xact_lock({_LOCK})")


async def begin_change(connection: Connection, device: str, kind: str) -> Change | None:
    """Say that rows of the device are about to be written.

    None when it has no lineage, or the kind is left to the job that arranges the lineage.
    """
    await _enter(connection)
    lineage = await connection.fetchval(
        "select lineage from lineage_device where device = $1", device
    )
    if lineage is None:
        return None
    await _hold(connection, lineage)
    if await connection.fetchval(
        "select exists (select from lineage_left where lineage = $1 and kind = $2)", lineage, kind
    ):
        return None
    return await find_change(connection, lineage, kind)


async def hold_lineage(connection: Connection, lineage: str) -> None:
    """Keep everybody else from writing rows of its devices until the end of this transaction."""
    await _enter(connection)
    await _hold(connection, lineage)


async def _enter(connection: Connection) -> None:
    await connection.execute(f"select pg_advisory_xact_lock_shared({_LOCK})")


async def _hold(connection: Connection, lineage: str) -> None:
    # Two devices that get the same key at once would not see each other's rows.
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('indexer lineage ' || $1, 1))", lineage
    )


async def find_change(connection: Connection, lineage: str, kind: str) -> Change:
    """Return what stands for one kind of a lineage, which the caller holds."""
    rows = await connection.fetch(statement("lineage", "members"), lineage)
    return Change(lineage=lineage, devices=[row["device"] for row in rows], kind=kind)


async def note_written(connection: Connection, change: Change | None) -> None:
    """Take note of what a merge is going to write, from its tables ``gone`` and ``fresh``."""
    if change is not None:
        await connection.execute("drop table if exists pg_temp.changed")
        for name in ("make_changed", "note_changed", "unmark_written"):
            await connection.execute(statement("lineage", name))


async def end_change(connection: Connection, change: Change | None, *, is_whole: bool) -> None:
    """Bring marks and stitched threads up to date.

    *is_whole* when anything of the kind may be different; else ``note_written`` has been called,
    and ``touched`` has the threads of which figures changed.
    """
    if change is None:
        return
    if not is_whole and await connection.fetchval("select count(*) from changed") > _MANY_KEYS:
        is_whole = True
    if is_whole:
        await mark_kind(connection, change)
        await stitch_kind(connection, change)
        return
    await connection.execute("drop table if exists pg_temp.held")
    await connection.execute("analyze changed")
    await connection.execute(statement("lineage", "make_held"))
    await connection.execute(
        statement("lineage", "find_held"),
        *(change.lineage, change.kind, change.devices, change.timelines),
        await _shards(connection, change),
    )
    for name in ("unmark_held", "mark_held"):
        await connection.execute(statement("lineage", name))
    if change.kind in MEMBER_KINDS:  # counted as a whole each time
        await stitch_kind(connection, change)
        return
    rows = await connection.fetch("select thread_id from touched union select thread_id from held")
    await stitch_kind(connection, change, touched={row["thread_id"] for row in rows})


async def mark_kind(connection: Connection, change: Change) -> None:
    """Mark all rows of a kind anew."""
    await connection.execute(statement("lineage", "unmark"), change.timelines)
    # Both sides are whole kinds, see storage_merge.
    await connection.execute("set local enable_nestloop = off")
    await connection.execute(
        statement("lineage", "mark_all"),
        *(change.lineage, change.kind, change.devices, change.timelines),
        await _shards(connection, change),
    )
    await connection.execute("set local enable_nestloop = on")
    await connection.execute("analyze superseded")


async def stitch_kind(
    connection: Connection, change: Change, *, touched: Collection[int] | None = None
) -> None:
    """Put the threads of a kind together, and count those that changed or have a *touched* part.

    None: all of them.
    """
    rows = await connection.fetch(statement("lineage", "parts"), change.devices, change.kind)
    places = {device: place for place, device in enumerate(change.devices)}
    stitched = stitch(
        Part(
            row["id"],
            places[row["device"]],
            row["key"],
            row["is_group"],
            frozenset(row["participants"]),
        )
        for row in rows
    )
    known = await connection.fetch(
        "select p.thread_id, p.stitched_id, p.place from stitched_part p"
        " join stitched_thread t on t.id = p.stitched_id where t.lineage = $1 and t.kind = $2",
        change.lineage,
        change.kind,
    )
    before = _groups((row["stitched_id"], (row["thread_id"], row["place"])) for row in known)
    after = _groups((stitched[row["id"]], (row["id"], places[row["device"]])) for row in rows)
    gone = [number for number in before if before[number] != after.get(number)]
    new = [number for number in after if before.get(number) != after[number]]
    await connection.execute(statement("lineage", "drop_stitched"), gone)
    await connection.execute(statement("lineage", "describe_stitched"), change.lineage, new)
    parts = [(thread, number, place) for number in new for thread, place in sorted(after[number])]
    await connection.executemany(statement("lineage", "add_part"), parts)
    await connection.execute(
        statement("lineage", "redescribe_stitched"), change.lineage, change.kind
    )
    counted = (
        sorted(after)
        if touched is None
        else sorted({*new, *(stitched[thread] for thread in touched if thread in stitched)})
    )
    await _count(connection, change, counted)


async def _count(connection: Connection, change: Change, stitched: Sequence[int]) -> None:
    shards = await _shards(connection, change)
    await connection.execute(
        "delete from stitched_anchor where stitched_id = any($1::bigint[])", stitched
    )
    # What is left of a thread whose last own row is gone.
    await connection.execute(statement("lineage", "clear_stitched"), stitched)
    for name in ("count_stitched", "anchor_stitched"):
        text = statement("lineage", name).format(**parts_of(change.kind))
        await connection.execute(text, stitched, shards)


def parts_of(kind: str) -> dict[str, str]:
    """Return what joins a thread ``p`` with artifacts ``a``, for statements that leave it open."""
    if kind in MEMBER_KINDS:
        joined = "thread_member m join artifact a on a.id = m.artifact_id"
        return {
            "held": "join thread_member m on m.thread_id = p.thread_id"
            " join artifact a on a.id = m.artifact_id",
            "of_part": f"{joined} where m.thread_id = p.thread_id",
            "newest": "m.sort_at desc, m.artifact_id desc",
        }
    return {
        "held": "join artifact a on a.thread_id = p.thread_id",
        # A range of one, as in count_threads.
        "of_part": "artifact a where a.thread_id between p.thread_id and p.thread_id",
        "newest": "a.thread_id desc, a.sort_at desc, a.id desc",
    }


def _groups(
    parts: Iterable[tuple[int, tuple[int, int]]],
) -> dict[int, frozenset[tuple[int, int]]]:
    found: dict[int, set[tuple[int, int]]] = {}
    for number, part in parts:
        found.setdefault(number, set()).add(part)
    return {number: frozenset(own) for number, own in found.items()}


async def _shards(connection: Connection, change: Change) -> list[int]:
    rows = await connection.fetch(statement("lineage", "shards"), change.devices, change.kind)
    return [row["shard"] for row in rows]
