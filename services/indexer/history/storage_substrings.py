"""The indexes by which parts of words are found: built for each table when the rest of it is there.

They take as long as all the rest together, so no run waits for them: table_upkeep builds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_shards import table_name
from services.indexer.sql import statement

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.history.storage_rows import Connection


async def describe_substrings(connection: Connection) -> tuple[bool, bool]:
    """Return whether any table, and whether every table, finds parts of words by index."""
    row = await connection.fetchrow(
        "select bool_or(has_substring) as any_has, bool_and(has_substring) as all_have"
        " from artifact_shard where state = 'attached'"
    )
    assert row is not None
    return row["any_has"], row["all_have"]


async def find_without_substring(connection: Connection | asyncpg.Pool[Any]) -> int | None:
    """Return a table in which parts of words are not found by index, if the server could."""
    number: int | None = await connection.fetchval(
        "select shard from artifact_shard where state = 'attached' and not has_substring"
        " order by last_at desc nulls first, shard limit 1"
    )
    return number


async def build_substring_index(connection: Connection, number: int) -> bool:
    """Build the trigram index of one table, beside readers and writers.

    Returns False where the server has no such extension. Idempotent: a half-built index of a
    process that died is dropped first.
    """
    operators = await connection.fetchval(statement("shards", "trigram_operators"))
    if operators is None:
        return False
    table = table_name(number)
    name = f"{table}_substring"
    is_valid = await connection.fetchval(
        "select indisvalid from pg_index where indexrelid = to_regclass($1)", name
    )
    if is_valid is False:
        await connection.execute(f"drop index concurrently if exists {name}")
    if not is_valid:
        await connection.execute(
            f"create index concurrently {name} on {table} using gin (folded {operators})"
        )
    await connection.execute(
        "update artifact_shard set has_substring = true where shard = $1", number
    )
    return True
