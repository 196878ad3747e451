"""The clock: what is due to be deleted is collected without anybody asking again."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from services.archiver.storage.upkeep import UpkeepWish, fetch_due
from services.archiver.upkeep.requests import ask_for_upkeep
from shared.postgres import is_away

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LOOK_SECONDS = 300.0


async def keep_collecting(pool: asyncpg.Pool[Any], *, grace_seconds: float) -> None:
    """Look every few minutes, for ever."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await collect_due(pool, grace=dt.timedelta(seconds=grace_seconds))
        except Exception as error:
            if not is_away(error):
                raise
            log.info("due_deletions_not_looked_for", error=type(error).__name__)


async def collect_due(pool: asyncpg.Pool[Any], *, grace: dt.timedelta) -> list[UUID]:
    """Ask for a collection wherever something is due; return where."""
    due = await fetch_due(pool, grace=grace)
    for destination_id in due:
        async with pool.acquire() as connection, connection.transaction():
            await ask_for_upkeep(connection, "collect", destination_id, wish=UpkeepWish())
    return due
