"""What there is to look after a store with."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.opening import OpenPlace
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.store_lock import store_lock
from services.archiver.runs.taking_up import TakenUp, take_up
from services.archiver.runs.turns import Turns
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.upkeep import UpkeepWish
from services.archiver.store.transport import Transport

if TYPE_CHECKING:
    import asyncpg


class UpkeepWork(msgspec.Struct, frozen=True, kw_only=True):
    """One job, and what it works with."""

    job: ArchiverJob
    wish: UpkeepWish
    pool: asyncpg.Pool[Any]
    connect: Callable[[], Awaitable[asyncpg.Connection[Any]]]
    destination_id: UUID
    store_id: str
    place: OpenPlace
    pulse: Pulse
    #: Ours alone, and removed at the end.
    folder: Path
    grace: dt.timedelta

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only one who writes to the destination while inside; then wake who waits."""
        try:
            async with store_lock(self.connect, str(self.destination_id)):
                yield
        finally:
            await Turns(pool=self.pool, connect=self.connect).wake(self.job)

    async def take_up(self, transport: Transport) -> TakenUp:
        """Take up archives that the catalogue does not know; the caller is alone."""
        connection = await self.connect()
        try:
            return await take_up(
                connection,
                transport,
                destination_id=self.destination_id,
                store_id=self.store_id,
                key=self.place.key,
                folder=self.folder,
                pulse=self.pulse,
            )
        finally:
            await connection.close()
