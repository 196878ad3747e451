"""The indexes by which words, and phrases, are found within a time, see search/dated.py.

Built for the tables that large first runs made, whose texts and times never change; what comes in
later lies in the open table, number 0, which has none: each row would be put into one more index.
table_upkeep builds them when the rest is there, and until then searches gather all hits of a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_shards import table_name
from services.indexer.sql import statement

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.history.storage_rows import Connection


async def find_without_dated(connection: Connection | asyncpg.Pool[Any]) -> int | None:
    """Return a table in which words are not found within a time by index."""
    number: int | None = await connection.fetchval(statement("shards", "find_without_dated"))
    return number


async def build_dated_index(connection: Connection, number: int) -> None:
    """Build the index of one table, beside readers and writers.

    Idempotent: a half-built index of a process that died is dropped first.
    """
    await _build(connection, number, "dated")
    await connection.execute("update artifact_shard set has_dated = true where shard = $1", number)


async def find_without_paired(connection: Connection | asyncpg.Pool[Any]) -> int | None:
    """Return a table in which phrases are not found by index."""
    number: int | None = await connection.fetchval(statement("shards", "find_without_paired"))
    return number


async def build_paired_index(connection: Connection, number: int) -> None:
    """Build the index of one table that tells which word follows which. Idempotent as well."""
    await _build(connection, number, "paired")
    await connection.execute("update artifact_shard set has_paired = true where shard = $1", number)


async def _build(connection: Connection, number: int, what: str) -> None:
    table = table_name(number)
    name = f"{table}_{what}"
    is_valid = await connection.fetchval(
        "select indisvalid from pg_index where indexrelid = to_regclass($1)", name
    )
    if is_valid is False:
        await connection.execute(f"drop index concurrently if exists {name}")
    if not is_valid:
        text = statement("shards", f"build_{what}")
        await connection.execute(text.format(name=name, table=table))
