"""Events on their way out: a row in the caller's transaction, and the relay that publishes rows.

Order is commit order, not the order of ids, and an event may be published twice; the message id
makes the stream store it once. Whoever needs an order puts a revision into the event.

A row that the stream does not take steps back behind the others. After some failures that are its
own, and not the bus's, it is parked: told by health and metrics, and tried again at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import nats.errors
import nats.js.errors
import structlog

from shared.bus.connection import Bus
from shared.bus.metrics import OUTBOX_PARKED, OUTBOX_PUBLISHED, OUTBOX_UNPUBLISHED
from shared.bus.trace import next_traceparent
from shared.cancellation import raise_if_cancelled
from shared.contracts.envelope import wrap
from shared.contracts.events import Event
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
#: Tries of a row that the stream refuses while it takes others: some four minutes.
MOST_FAILURES = 8

#: What a lost database or bus raises.
LOST = (*FAILED, nats.errors.Error, nats.js.errors.Error)
#: What is wrong with the one message, whatever the state of the bus.
_REFUSED = (
    nats.errors.BadSubjectError,
    nats.errors.MaxPayloadError,
    nats.js.errors.BadRequestError,
)

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

    def __init__(
        self,
        *,
        bus: Bus,
        pool: Pool,
        service: str,
        on_parked: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Tell *on_parked* now and then how many rows are parked."""
        self._bus = bus
        self._pool = pool
        self._service = service
        self._on_parked = on_parked
        self._wake = asyncio.Event()
        self._swept_at = float("-inf")
        self._counted_at = float("-inf")
        self._has_unparked = False
        self._is_more_waiting = False

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
                        await self._unpark()
                        # Also when publishing fails at once, again and again.
                        await self._keep_house()
                        while not (stopping.is_set() or listener.is_closed()):
                            self._wake.clear()
                            if await self.publish_waiting():
                                pause = 0.2
                            # Behind it, because people wait for the events and not for figures.
                            await self._keep_house()
                            if self._is_more_waiting:
                                continue
                            with contextlib.suppress(TimeoutError):
                                async with asyncio.timeout(_POLL_SECONDS):
                                    await self._wake.wait()
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
        """Publish one batch and return how many rows the stream took.

        Raises what the first failed row raised when it took none, after recording why.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            # Who failed last comes last, however old it is: a hundred rows that cannot be
            # published would hold up all others for ever.
            rows = await connection.fetch(
                "select id, event_id, subject, payload, failures from outbox"
                " where published_at is null and parked_at is null"
                " and (retry_at is null or retry_at <= now())"
                " order by retry_at nulls first, id limit $1 for update skip locked",
                _BATCH,
            )
            # A row that is committed after this look wakes the relay.
            self._is_more_waiting = len(rows) == _BATCH
            results = await asyncio.gather(
                *(
                    self._bus.store(
                        row["subject"],
                        row["payload"],
                        message_id=str(row["event_id"]),
                        timeout_seconds=_PUBLISH_SECONDS,
                    )
                    for row in rows
                ),
                return_exceptions=True,
            )
            outcomes = list(zip(rows, results, strict=True))
            sent = [row for row, result in outcomes if not isinstance(result, BaseException)]
            failed = [
                (row, result) for row, result in outcomes if isinstance(result, BaseException)
            ]
            if sent:
                await connection.execute(
                    "update outbox set published_at = now() where id = any($1::bigint[])",
                    [row["id"] for row in sent],
                )
            if failed and self._bus.is_connected:
                await self._put_back(connection, failed, is_bus_well=bool(sent))
        for row in sent:
            OUTBOX_PUBLISHED.labels(self._service, row["subject"]).inc()
        if failed and not sent:
            raise failed[0][1]
        return len(sent)

    async def _put_back(
        self,
        connection: Connection,
        failed: list[tuple[asyncpg.Record, BaseException]],
        *,
        is_bus_well: bool,
    ) -> None:
        """Let rows step back; count the failure where it is the row's own.

        A message that is not answered may be one that nobody may send, or the stream has no leader
        just now: it is the row's own failure only if others of the batch were taken.
        """
        log.warning(
            "events_not_published",
            count=len(failed),
            event_id=str(failed[0][0]["event_id"]),
            event_type=failed[0][0]["subject"],
            error=type(failed[0][1]).__name__,
        )
        own = [row for row, error in failed if is_bus_well or isinstance(error, _REFUSED)]
        parked = await connection.fetch(
            "update outbox set failures = failures + 1,"
            " retry_at = now() + least(60, 2 ^ (failures + 1)) * interval '1 second',"
            " parked_at = case when failures + 1 >= $2 then now() end"
            " where id = any($1::bigint[]) returning event_id, subject, parked_at",
            [row["id"] for row in own],
            MOST_FAILURES,
        )
        others = {row["id"] for row, _ in failed} - {row["id"] for row in own}
        await connection.execute(
            "update outbox set retry_at = now() where id = any($1::bigint[])", list(others)
        )
        for row in parked:
            if row["parked_at"] is not None:
                self._counted_at = float("-inf")
                log.error("event_parked", event_id=str(row["event_id"]), event_type=row["subject"])

    async def _unpark(self) -> None:
        """Once in a life: whatever was wrong may be mended in this version, or on this server."""
        if self._has_unparked:
            return
        await self._pool.execute(
            "update outbox set parked_at = null, failures = 0, retry_at = now()"
            " where parked_at is not null"
        )
        self._has_unparked = True

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

    async def _keep_house(self) -> None:
        await self._sweep()
        await self._count_waiting()

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
            await connection.execute(
                "delete from stopped_delivery where stopped_at < now() - interval '35 days'"
            )

    async def _count_waiting(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._counted_at < _COUNT_SECONDS:
            return
        self._counted_at = now
        row = await self._pool.fetchrow(
            "select (select count(*) from outbox where published_at is null and parked_at is null)"
            " as waiting, (select count(*) from outbox where parked_at is not null) as parked"
        )
        assert row is not None
        OUTBOX_UNPUBLISHED.labels(self._service).set(row["waiting"])
        OUTBOX_PARKED.labels(self._service).set(row["parked"])
        self._on_parked(row["parked"])

    async def _wake_when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._wake.set()
