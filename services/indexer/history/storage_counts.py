"""The figures that listings show, brought up to date by every merge."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.history.storage_members import MEMBER_KINDS, count_members
from services.indexer.history.storage_reasons import look_into
from services.indexer.history.storage_timeline import Moment
from services.indexer.sql import statement
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]


async def count_moment(
    connection: Connection, at: Moment, report: KindReport, following: dt.datetime | None
) -> KindReport:
    """Bring every figure up to date and say what the kind's moment changed."""
    await count_all(connection, at, report.kind, following)
    figures = await connection.fetchrow(
        "select added, removed from kind_index where device = $1 and kind = $2 and taken_at = $3",
        at.device,
        report.kind,
        at.taken_at,
    )
    assert figures is not None
    return msgspec.structs.replace(report, added=figures["added"], removed=figures["removed"])


async def count_all(
    connection: Connection, at: Moment, kind: str, following: dt.datetime | None
) -> None:
    """Count again what the merge changed: the threads in ``touched``, the kind, its moments."""
    if kind in MEMBER_KINDS:
        await count_members(connection, at.device, kind)
    else:
        await connection.execute("analyze touched")
        for name in ("count_threads", "drop_empty_threads", "drop_anchors", "set_anchors"):
            await connection.execute(statement("merge", name))
    await connection.execute(statement("merge", "count_kind"), at.device, kind)
    await connection.execute(
        statement("merge", "count_moment"), at.device, kind, at.taken_at, following
    )
    # Both borders may have moved: what ended at the one may end at the other now.
    await look_into(connection, at.device, kind, (at.taken_at, following))
