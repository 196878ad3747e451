"""One delivery of one event: the inbox that makes handling it happen once, and its own events.

Deliveries that a stop of the service ended are written down as well, so that restarts do not use
up an event's attempts.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from shared.bus.errors import AlreadyHandled
from shared.bus.outbox import publish

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from shared.bus.outbox import Connection, Pool
    from shared.contracts.events import Event


class Delivery:
    """What a handler gets beside the event."""

    def __init__(
        self,
        *,
        pool: Pool,
        service: str,
        event_id: UUID,
        subject: str,
        occurred_at: dt.datetime,
        attempt: int,
        is_last_attempt: bool,
        traceparent: str,
    ) -> None:
        self.event_id = event_id
        self.subject = subject
        self.occurred_at = occurred_at
        self.attempt = attempt
        self.is_last_attempt = is_last_attempt
        self.traceparent = traceparent
        self._pool = pool
        self._service = service
        self._is_recorded = False
        self._published: Counter[str] = Counter()

    async def is_done(self) -> bool:
        """Whether the inbox says that the event was handled; worth asking before long work."""
        return bool(
            await self._pool.fetchval(
                "select exists (select from inbox where event_id = $1)", self.event_id
            )
        )

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[PoolConnectionProxy[asyncpg.Record]]:
        """Open a transaction that records the event in the inbox before anything else.

        Of several deliveries one goes on; the others wait for it here and, if it commits, leave
        the handler with ``AlreadyHandled``. Once one transaction of a handler is committed the
        event counts as handled, so long work comes before it, or in it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not self._is_recorded:
                is_new = await connection.fetchval(
                    "insert into inbox (event_id, subject) values ($1, $2)"
                    " on conflict do nothing returning true",
                    self.event_id,
                    self.subject,
                )
                if not is_new:
                    raise AlreadyHandled
            yield connection
        self._is_recorded = True

    async def publish(self, connection: Connection, event: Event) -> UUID:
        """Write *event* to the outbox, in the trace of this one.

        Its id follows from this event's, so that a second try publishes the same event again.
        """
        n = self._published[event.subject]
        self._published[event.subject] += 1
        name = event.subject if n == 0 else f"{event.subject}#{n}"
        return await publish(
            connection,
            event,
            service=self._service,
            event_id=uuid5(self.event_id, name),
            traceparent=self.traceparent,
        )


async def record_stop(pool: Pool, event_id: UUID) -> None:
    """Write down that a delivery of the event ended because the service was stopped."""
    await pool.execute(
        "insert into stopped_delivery (event_id) values ($1) on conflict (event_id)"
        " do update set stops = stopped_delivery.stops + 1, stopped_at = now()",
        event_id,
    )


async def count_stops(pool: Pool, event_id: UUID) -> int:
    """Return how many deliveries of the event ended that way."""
    stops = await pool.fetchval("select stops from stopped_delivery where event_id = $1", event_id)
    return int(stops or 0)
