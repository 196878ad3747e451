"""Figures of a newest revision, brought up to date at the cost of what it changed.

They are those that ``count_moment`` finds by counting everything. What is not as usual (rows that
go on after the moment, kinds whose things lie in several threads) is counted so. Runs inside the
merge's transaction, between finding what changes and after writing it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.history.storage_counts import count_moment
from services.indexer.history.storage_members import MEMBER_KINDS
from services.indexer.history.storage_reasons import look_into
from services.indexer.history.storage_timeline import Moment
from services.indexer.sql import statement
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]

#: More changed keys are not counted apart.
_MANY_KEYS = 50_000


class Figures(msgspec.Struct, frozen=True):
    """Of the keys that are about to change: what there is, and of what there are only versions."""

    current: int
    removed: int


async def before_changes(
    connection: Connection, at: Moment, kind: str, following: dt.datetime | None
) -> Figures | None:
    """Look at what a merge is about to change; None when everything has to be counted."""
    if following is not None or kind in MEMBER_KINDS:
        return None
    if not await connection.fetchval(statement("counts", "is_plain"), at.taken_at):
        return None
    await connection.execute("drop table if exists pg_temp.counted_key, pg_temp.counted_thread")
    await connection.execute(statement("counts", "make"))
    await connection.execute(statement("counts", "fill_keys"))
    if await connection.fetchval("select count(*) from counted_key") > _MANY_KEYS:
        return None
    await connection.execute("analyze counted_key")
    return await _look(connection, at, kind)


async def count_changes(
    connection: Connection, at: Moment, report: KindReport, before: Figures | None
) -> KindReport:
    """Bring every figure up to date after the merge and say what the kind's moment changed.

    *before* is what ``before_changes`` returned; the moment is the newest if there is such.
    """
    kind = report.kind
    if before is None:
        return await count_moment(connection, at, report, None)
    place = (at.device, kind, at.taken_at)
    after = await _look(connection, at, kind)
    await connection.execute(statement("counts", "fill_threads"), *place)
    await connection.execute("analyze touched, counted_thread")
    for file, name in (
        ("merge", "count_threads"), ("merge", "drop_empty_threads"),
        ("counts", "drop_anchors"), ("counts", "set_anchors"),
    ):  # fmt: skip
        await connection.execute(statement(file, name))
    status = await connection.execute(
        statement("counts", "add_to_kind"),
        at.device,
        kind,
        after.current - before.current,
        after.removed - before.removed,
    )
    if status != "UPDATE 1":  # the kind was never counted
        await connection.execute(statement("merge", "count_kind"), at.device, kind)
    await connection.execute(statement("merge", "count_moment"), *place, None)
    await look_into(connection, at.device, kind, (at.taken_at,))
    figures = await connection.fetchrow(
        "select added, removed from kind_index where device = $1 and kind = $2 and taken_at = $3",
        *place,
    )
    assert figures is not None
    return msgspec.structs.replace(report, added=figures["added"], removed=figures["removed"])


async def _look(connection: Connection, at: Moment, kind: str) -> Figures:
    row = await connection.fetchrow(statement("counts", "count_keys"), at.device, kind)
    assert row is not None
    return Figures(row["current"], row["removed"])
