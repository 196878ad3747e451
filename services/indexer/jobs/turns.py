"""Work that is done one after the other, in whichever replica: a lock with its own connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

    Connect = Callable[[], Awaitable[asyncpg.Connection[Any]]]

_POLL_SECONDS = 0.3
_CLOSE_SECONDS = 2.0


@asynccontextmanager
async def turn(connect: Connect, lock: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Wait for *lock* and give the connection that holds it; who dies gives it back.

    The connection is none of the pool's: the work may take long, and others would miss it there.
    """
    connection = await connect()
    try:
        while not await connection.fetchval(  # noqa: ASYNC110 -- told by a table
            "select pg_try_advisory_lock(hashtextextended($1, 1))", f"indexer:{lock}"
        ):
            await asyncio.sleep(_POLL_SECONDS)
        yield connection
    finally:
        await asyncio.shield(_close(connection))


async def _close(connection: asyncpg.Connection[Any]) -> None:
    try:
        await connection.close(timeout=_CLOSE_SECONDS)
    except (OSError, TimeoutError):
        connection.terminate()
