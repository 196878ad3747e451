"""What lies in several threads: a photo is in every album that holds it.

Rows of the history name one thread, which is right for conversations and notes. Of the kinds here
the payload names all of them, and every thread of theirs is listed and counted by its members.
Everything here follows from the rows, inside the transaction of the merge that wrote them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.indexer.sql import statement
from services.indexer.staging import thread_number

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]

#: Kinds whose payloads have ``albums`` with keys of threads.
MEMBER_KINDS = frozenset({"photo"})


async def albums_among(connection: Connection, threads: Sequence[int]) -> list[int]:
    """Return those of *threads* whose artifacts may lie in several."""
    rows = await connection.fetch(
        "select id from thread where id = any($1::bigint[]) and kind = any($2::text[])",
        list(threads),
        sorted(MEMBER_KINDS),
    )
    return [row["id"] for row in rows]


async def keep_members(
    connection: Connection, device: str, kind: str, moments: Sequence[dt.datetime | None]
) -> None:
    """Bring members up to date after rows were written that begin at *moments*."""
    await connection.execute(statement("members", "drop_lost"), device, kind)
    begun: list[dt.datetime] | None = [moment for moment in moments if moment is not None]
    if not await connection.fetchval(statement("members", "has_any"), device, kind):
        begun = None
    found = await connection.fetch(statement("members", "albums"), device, kind, begun)
    keys = [row["key"] for row in found if row["key"]]
    await connection.execute(
        statement("members", "add"),
        device,
        kind,
        begun,
        keys,
        [thread_number(key, device=device, kind=kind) for key in keys],
    )


async def count_members(connection: Connection, device: str, kind: str) -> None:
    """Bring the figures of all threads of a kind up to date."""
    for name in ("count_threads", "drop_empty_threads", "drop_anchors", "set_anchors"):
        await connection.execute(statement("members", name), device, kind)
