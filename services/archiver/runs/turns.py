"""Whose turn it is: one writer at a time in a destination, in its hours, the most important first.

Who has to wait holds nothing: the job goes on waiting in its table, and the event that asked for
it is done. Whoever ends wakes the next, by asking for it anew. A lock of Postgres says who writes
to a store, so several archivers wait for each other.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.hours import opens_at
from services.archiver.job_events import requested
from services.archiver.runs.store_lock import try_store_lock
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.waiting import find_next
from shared.bus import publish
from shared.contracts.archiver import Destination
from shared.postgres import FAILED

if TYPE_CHECKING:
    import asyncpg

FOR_TURN = "waiting for the destination"


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """That a job cannot begin, and what it waits for."""

    step: str
    until: dt.datetime | None = None


class Turns:
    """Says whose turn it is."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now().astimezone(),
    ) -> None:
        """Locks live in connections that *connect* opens; *now* is by the machine's clock."""
        self._pool = pool
        self._connect = connect
        self._now = now

    @asynccontextmanager
    async def turn(
        self, job: ArchiverJob, destination: Destination, *, keeps_hours: bool = True
    ) -> AsyncIterator[Wait | None]:
        """Be the only one who writes to the destination while inside, or be told to wait.

        That is until the destination's hours as well, for a job that *keeps_hours*.

        Afterwards whoever waits is woken. Who is told to wait notes it while inside: else it could
        be overlooked by who ends in that moment.
        """
        hours = destination.config.limits.hours
        opens = opens_at(hours, self._now()) if keeps_hours else None
        if opens is not None:
            yield Wait(step=f"waiting for its hours, {hours}", until=opens)
            return
        is_free = False
        try:
            async with try_store_lock(self._connect, destination.id) as is_ours:
                is_free = is_ours
                yield await self._wait(job) if is_ours else Wait(step=FOR_TURN)
            if not is_free:
                # Whoever wrote may have ended before it was noted that somebody waits.
                async with try_store_lock(self._connect, destination.id) as is_free_now:
                    is_free = is_free_now
        finally:
            if is_free:
                await self.wake(job)

    async def wake(self, ended: ArchiverJob) -> None:
        """Ask for the job again that is next in the destination of one that ended."""
        assert ended.destination_id is not None
        # Who is not woken now is looked for.
        with contextlib.suppress(*FAILED):
            async with self._pool.acquire() as connection, connection.transaction():
                following = await find_next(connection, ended.destination_id)
                if following is not None:
                    await publish(
                        connection, requested(following.kind, following.id), service="archiver"
                    )

    async def _wait(self, job: ArchiverJob) -> Wait | None:
        assert job.destination_id is not None
        if job.state != "pending":
            return None
        first = await find_next(self._pool, job.destination_id)
        if first is None or first.id == job.id or first.priority <= job.priority:
            return None
        return Wait(step=FOR_TURN)
