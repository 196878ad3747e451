"""What runs leave to do: slow indexes, lists of words, and the tables of runs that were given up.

The indexes by which parts of words are found take as long as all the rest together, so no run
waits for them. Searches for parts look at recent artifacts only until the last one is there, and
say so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from services.indexer.history.storage_dated import (
    build_dated_index,
    build_paired_index,
    find_without_dated,
    find_without_paired,
)
from services.indexer.history.storage_shards import (
    DEVICE_LOCK,
    drop_abandoned,
    find_abandoned,
)
from services.indexer.history.storage_substrings import (
    build_substring_index,
    find_without_substring,
)
from services.indexer.history.storage_words import find_without_words, list_words

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection
    from services.indexer.history.storage_shards import Connect

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: How often to look for what another replica left unfinished.
_POLL_SECONDS = 30.0
_LOCK = "select pg_try_advisory_lock(hashtextextended('indexer:substring', 1))"


class TableUpkeep:
    """One per process; of several replicas one builds at a time."""

    def __init__(self, *, pool: asyncpg.Pool[Any], connect: Connect) -> None:
        self._pool = pool
        self._connect = connect
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._wanted.set()

    async def run(self) -> None:
        """Build and remove, for ever. Crash-safe: what is half built is built anew."""
        while True:
            try:
                await self.look()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                # The database is away, or a table has gone in between.
                log.warning("table_upkeep_interrupted", error=type(error).__name__)
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()

    async def look(self) -> None:
        """Build and remove what there is now."""
        await drop_all_abandoned(self._pool)
        if (
            await find_without_substring(self._pool) is not None
            or await find_without_words(self._pool) is not None
            or await find_without_dated(self._pool) is not None
            or await find_without_paired(self._pool) is not None
        ):
            await self._build_all()

    async def _build_all(self) -> None:
        # A connection of its own: this takes minutes after the first run of a large phone.
        connection = await self._connect()
        try:
            if await connection.fetchval(_LOCK):
                await _build_missing(connection)
        finally:
            connection.terminate()


async def _build_missing(connection: Connection) -> None:
    while (number := await find_without_substring(connection)) is not None:
        if not await build_substring_index(connection, number):
            break
        log.info("substring_index_built", shard=number)
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)
        log.info("words_listed", shard=number)
    while (number := await find_without_dated(connection)) is not None:
        await build_dated_index(connection, number)
        log.info("dated_index_built", shard=number)
    while (number := await find_without_paired(connection)) is not None:
        await build_paired_index(connection, number)
        log.info("paired_index_built", shard=number)


async def drop_all_abandoned(pool: asyncpg.Pool[Any]) -> None:
    """Remove what no run will attach, of every device that no run is going on of."""
    for device in await find_abandoned(pool):
        # The pool gives the lock back with the connection.
        async with pool.acquire() as connection:
            if await connection.fetchval(DEVICE_LOCK, f"indexer:{device}"):
                await drop_abandoned(connection, device)
