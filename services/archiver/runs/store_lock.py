"""One writer per store: a lock that Postgres holds for as long as its connection lives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

Connect = Callable[[], Awaitable["asyncpg.Connection[Any]"]]


@asynccontextmanager
async def store_lock(connect: Connect, destination_id: str) -> AsyncIterator[None]:
    """Be the only one who writes to a destination while inside; waits for whoever does."""
    connection = await connect()
    try:
        await connection.execute(
            "select pg_advisory_lock(hashtextextended($1, 2))", f"archiver:{destination_id}"
        )
        yield
    finally:
        await connection.close()


@asynccontextmanager
async def try_store_lock(connect: Connect, destination_id: str) -> AsyncIterator[bool]:
    """Be the only one who writes to a destination while inside, unless somebody does: False."""
    connection = await connect()
    try:
        yield bool(
            await connection.fetchval(
                "select pg_try_advisory_lock(hashtextextended($1, 2))", f"archiver:{destination_id}"
            )
        )
    finally:
        await connection.close()


async def break_store_lock(connection: Any, destination_id: str) -> bool:
    """End the connection of whoever holds the lock, who has been silent for too long."""
    return bool(
        await connection.fetchval(
            "select bool_or(pg_terminate_backend(pid)) from pg_locks"
            " where locktype = 'advisory' and granted and objsubid = 1"
            " and database = (select oid from pg_database where datname = current_database())"
            " and (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 2)",
            f"archiver:{destination_id}",
        )
    )
