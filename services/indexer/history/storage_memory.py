"""What runs remember, in Postgres. Written in the transaction of the merge that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_timeline import Moment
from services.indexer.memory import GROUP_COLUMNS, timeline_number
from services.indexer.sql import statement

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]


async def is_newest(connection: Connection, at: Moment, kind: str) -> bool:
    """Return whether what is read at the moment is worth remembering: nothing later is indexed."""
    newest: bool = await connection.fetchval(
        statement("memory", "is_newest"), at.device, kind, at.taken_at
    )
    return newest


async def recall(
    connection: Connection, at: Moment, kind: str, parser_version: int
) -> bytes | None:
    """Return what the revision right before left, as ``Memory`` reads it.

    None where there is no such thing, or the moment is not the first after it.
    """
    timeline = timeline_number(at.device, kind)
    if not await connection.fetchval(
        statement("memory", "is_of_revision_before"),
        timeline,
        at.device,
        kind,
        parser_version,
        at.taken_at,
    ):
        return None
    known: bytes = await connection.fetchval(statement("memory", "known"), timeline)
    return known


async def replace_memory(
    connection: Connection, at: Moment, kind: str, parser_version: int, groups: Path | None
) -> None:
    """Put what a whole run left in the place of everything older; None: it left nothing."""
    timeline = timeline_number(at.device, kind)
    await connection.execute("delete from memory_group where timeline = $1", timeline)
    if groups is None:
        await connection.execute("delete from memory where timeline = $1", timeline)
    else:
        await add_groups(connection, at, kind, parser_version, groups)


async def add_groups(
    connection: Connection, at: Moment, kind: str, parser_version: int, groups: Path
) -> None:
    """Add the groups in the file *groups* to what is known, which is of this moment then."""
    await connection.copy_to_table(
        "memory_group", source=groups, columns=list(GROUP_COLUMNS), format="binary"
    )
    await connection.execute(
        statement("memory", "describe"),
        timeline_number(at.device, kind),
        at.device,
        kind,
        at.taken_at,
        parser_version,
    )


async def forget_memory(connection: Connection, at: Moment) -> None:
    """Remove what was remembered of a revision that goes."""
    await connection.execute(statement("memory", "forget_revision"), at.device, at.taken_at)
