"""Events on their way out: a row in the caller's transaction, and the relay that publishes rows.

Order is commit order, not the order of ids, and an event may be published twice; the message id
makes the stream store it once. Whoever needs an order puts a revision into the event.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import nats.errors
import nats.js.errors
import structlog

from shared.bus.connection import Bus
from shared.bus.metrics import OUTBOX_PUBLISHED, OUTBOX_UNPUBLISHED
from shared.bus.trace import next_traceparent
from shared.cancellation import raise_if_cancelled
from shared.contracts.envelope import wrap
from shared.contracts.events import Event
from shared.contracts.topology import EVENT_STREAM
from shared.postgres import FAILED

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

#: An event names things; it does not carry them.
MAX_EVENT_BYTES = 128 * 1024

_BATCH = 100
_PUBLISH_SECONDS = 5.0
#: A safety net only: NOTIFY wakes the relay at once.
_POLL_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 5.0
_SWEEP_SECONDS = 3600.0
#: Counting what waits costs a scan of it, so that a long queue is not counted at every batch.
_COUNT_SECONDS = 5.0

#: What a lost database or bus raises.
LOST = (*FAILED, nats.errors.Error, nats.js.errors.Error)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def publish(
    connection: Connection,
    event: Event,
    *,
    service: str,
    event_id: UUID | None = None,
    traceparent: str | None = None,
) -> UUID:
    """Write *event* to the outbox of the caller's transaction; it is published after the commit.

    With an *event_id* it is idempotent. Raises ``ValueError`` for an event that *service* may not
    publish, or one that is too large.
    """
    if service not in event.producers:
        raise ValueError(f"{service} does not produce {event.subject}")
    event_id = event_id or uuid4()
    payload = wrap(
        event,
        service=service,
        event_id=event_id,
        occurred_at=dt.datetime.now(dt.UTC),
        traceparent=next_traceparent(traceparent),
    )
    if len(payload) > MAX_EVENT_BYTES:
        raise ValueError(f"{event.subject} has {len(payload)} bytes, limit {MAX_EVENT_BYTES}")
    await connection.execute(
        "insert into outbox (event_id, subject, payload) values ($1, $2, $3)"
        " on conflict (event_id) do nothing",
        event_id,
        event.subject,
        payload,
    )
    return event_id


class OutboxRelay:
    """Publishes the outbox of one schema. Several may run; rows are skipped while locked."""

    def __init__(self, *, bus: Bus, pool: Pool, service: str) -> None:
        self._bus = bus
        self._pool = pool
        self._service = service
        self._wake = asyncio.Event()
        self._swept_at = float("-inf")
        self._counted_at = float("-inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until *stopping*, then once more what is left, and return.

        Survives the loss of the database and of the bus: rows wait.
        """
        stopped = asyncio.create_task(self._wake_when(stopping), name="outbox stop")
        pause = 0.2
        try:
            while not stopping.is_set():
                try:
                    async with self._listening() as listener:
                        while not (stopping.is_set() or listener.is_closed()):
                            self._wake.clear()
                            await self._sweep()
                            await self._count_waiting()
                            if await self.publish_waiting():
                                pause = 0.2
                                continue
                            with contextlib.suppress(TimeoutError):
                                await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
                except LOST as error:
                    raise_if_cancelled()
                    log.warning("outbox_waits", error=type(error).__name__)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stopping.wait(), pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            if self._bus.is_connected:
                with contextlib.suppress(*LOST):
                    while await self.publish_waiting():
                        pass
        finally:
            stopped.cancel()

    async def publish_waiting(self) -> int:
        """Publish one batch and return how many rows it had.

        Raises what the first failed row raised, after recording the others.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                "select id, event_id, subject, payload from outbox where published_at is null"
                " order by id limit $1 for update skip locked",
                _BATCH,
            )
            results = await asyncio.gather(
                *(
                    self._bus.jetstream.publish(
                        row["subject"],
                        row["payload"],
                        timeout=_PUBLISH_SECONDS,
                        stream=EVENT_STREAM,
                        headers={"Nats-Msg-Id": str(row["event_id"])},
                    )
                    for row in rows
                ),
                return_exceptions=True,
            )
            sent = [
                row["id"]
                for row, result in zip(rows, results, strict=True)
                if not isinstance(result, BaseException)
            ]
            if sent:
                await connection.execute(
                    "update outbox set published_at = now() where id = any($1::bigint[])", sent
                )
        failure: BaseException | None = None
        for row, result in zip(rows, results, strict=True):
            if not isinstance(result, BaseException):
                OUTBOX_PUBLISHED.labels(self._service, row["subject"]).inc()
            elif failure is None:
                failure = result
                log.warning(
                    "event_not_published",
                    event_id=str(row["event_id"]),
                    event_type=row["subject"],
                    error=type(result).__name__,
                )
        if failure is not None:
            raise failure
        return len(rows)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[Connection]:
        # A connection that listens does nothing else: asyncpg breaks when one that also queries
        # is terminated (see LOST).
        async with self._pool.acquire() as connection:
            schema = await connection.fetchval("select current_schema()")
            channel = f"outbox_{schema}"

            def wake(*_: object) -> None:
                self._wake.set()

            await connection.add_listener(channel, wake)
            connection.add_termination_listener(wake)
            try:
                yield connection
            finally:
                with contextlib.suppress(*LOST):
                    connection.remove_termination_listener(wake)
                    await connection.remove_listener(channel, wake)

    async def _sweep(self) -> None:
        """Forget what nobody can need any more; the inbox outlives the stream's thirty days."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now
        async with self._pool.acquire() as connection:
            await connection.execute(
                "delete from outbox where published_at < now() - interval '7 days'"
            )
            await connection.execute(
                "delete from inbox where received_at < now() - interval '35 days'"
            )

    async def _count_waiting(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._counted_at < _COUNT_SECONDS:
            return
        self._counted_at = now
        OUTBOX_UNPUBLISHED.labels(self._service).set(
            await self._pool.fetchval("select count(*) from outbox where published_at is null")
        )

    async def _wake_when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._wake.set()
