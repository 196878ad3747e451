"""One writer per store: a lock that Postgres holds for as long as its connection lives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg


@asynccontextmanager
async def store_lock(
    connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], destination_id: str
) -> AsyncIterator[None]:
    """Be the only one who writes to a destination while inside; waits for whoever does."""
    connection = await connect()
    try:
        await connection.execute(
            "select pg_advisory_lock(hashtextextended($1, 2))", f"archiver:{destination_id}"
        )
        yield
    finally:
        await connection.close()
