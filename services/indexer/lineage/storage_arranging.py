"""Bringing histories to what people decided about devices: what the job of a decision does.

It goes by what is confirmed now and what is there, not by the decision that it began with, in steps
that are transactions of their own: who is killed goes on where he was, and what is decided
meanwhile counts from the next step on. In between a thing may be seen twice, but none is missing:
devices that part are freed of their marks while they still are one lineage, and kinds of devices
that come together are marked one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from services.indexer.lineage.algebra import lineages
from services.indexer.lineage.storage import (
    find_change,
    hold_lineage,
    hold_lineages,
    mark_kind,
    stitch_kind,
)
from services.indexer.lineage.storage_links import confirmed_links
from services.indexer.memory import timeline_number
from services.indexer.sql import statement

if TYPE_CHECKING:
    from services.indexer.lineage.storage import Connection

#: Is told how many rows are done, and of how many.
Tell = Callable[[int, int], Awaitable[None]]

Lineages = Mapping[str, Sequence[str]]


class Left(NamedTuple):
    """A kind of a lineage that does not fit it yet, and about how many rows that are."""

    lineage: str
    kind: str
    rows: int


async def arrange(connection: Connection, tell: Tell) -> None:
    """Bring lineages, marks and stitched threads to what is confirmed. Idempotent."""
    done = 0
    while True:
        before, after = await _lineages(connection)
        if before != after:
            await _free(connection, before, after)
            async with connection.transaction():
                await hold_lineages(connection)
                await _change(connection)
        rows = await connection.fetch(statement("lineage", "left"))
        if not rows:
            return
        left = [Left(row["lineage"], row["kind"], row["rows"]) for row in rows]
        await tell(done, done + sum(one.rows for one in left))
        async with connection.transaction():
            await _arrange_kind(connection, left[0])
        done += left[0].rows


async def _lineages(connection: Connection) -> tuple[Lineages, Lineages]:
    """Return the lineages that there are and those that are confirmed, by their first devices."""
    rows = await connection.fetch("select lineage, device from lineage_device order by place")
    before: dict[str, list[str]] = {}
    for row in rows:
        before.setdefault(row["lineage"], []).append(row["device"])
    return before, {devices[0]: devices for devices in lineages(await confirmed_links(connection))}


def _parting(before: Lineages, after: Lineages) -> list[str]:
    """Return the lineages of which devices do not stay together."""
    whole = [set(devices) for devices in after.values()]
    return [
        name
        for name, devices in before.items()
        if not any(set(devices) <= together for together in whole)
    ]


async def _free(connection: Connection, before: Lineages, after: Lineages) -> None:
    """Take the marks of devices that part, which takes time, before everybody has to wait."""
    for name in _parting(before, after):
        async with connection.transaction():
            await hold_lineage(connection, name)
            await _leave(connection, [name], before[name])
            await _clear(connection, name, before[name])


async def _change(connection: Connection) -> None:
    """Say anew which devices are a lineage, and leave their kinds to be arranged."""
    before, after = await _lineages(connection)
    gone = [name for name, devices in before.items() if after.get(name) != devices]
    new = [name for name, devices in after.items() if before.get(name) != devices]
    parting = _parting(before, after)
    for name in parting:
        await _clear(connection, name, before[name])
    for name in gone:
        if name not in parting:
            (to,) = (one for one, devices in after.items() if before[name][0] in devices)
            await connection.execute(
                "update stitched_thread set lineage = $2 where lineage = $1", name, to
            )
    for table in ("lineage_device", "lineage_left"):
        await connection.execute(f"delete from {table} where lineage = any($1::text[])", gone)  # noqa: S608 -- names of ours
    for name in new:
        await connection.executemany(
            "insert into lineage_device (device, lineage, place) values ($1, $2, $3)",
            [(device, name, place) for place, device in enumerate(after[name])],
        )
        await _leave(connection, [name], after[name])


async def _leave(connection: Connection, names: list[str], devices: Sequence[str]) -> None:
    await connection.execute(statement("lineage", "leave"), names, list(devices))


async def _clear(connection: Connection, name: str, devices: Sequence[str]) -> None:
    kinds = await _kinds(connection, devices)
    await connection.execute(
        statement("lineage", "unmark"),
        [timeline_number(device, kind) for device in devices for kind in kinds],
    )
    await connection.execute("delete from stitched_thread where lineage = $1", name)


async def _kinds(connection: Connection, devices: Sequence[str]) -> list[str]:
    rows = await connection.fetch(statement("lineage", "kinds"), list(devices))
    return [row["kind"] for row in rows]


async def _arrange_kind(connection: Connection, left: Left) -> None:
    await hold_lineage(connection, left.lineage)
    # Gone when something else was decided meanwhile, or somebody else has done it.
    gone = await connection.execute(
        "delete from lineage_left where lineage = $1 and kind = $2", left.lineage, left.kind
    )
    if gone != "DELETE 0":
        change = await find_change(connection, left.lineage, left.kind)
        await mark_kind(connection, change)
        await stitch_kind(connection, change)
