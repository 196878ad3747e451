"""Handling events: one durable pull consumer per service, a few handlers at once.

Every handler may run twice for the same event (a crash, a lost ack); the inbox decides. Each of
the workers pulls one message at a time, so a message in hand is always one that is worked on.

Attempts are counted here: the server's count of deliveries less those that our own stops ended.
Whoever dies with a message in hand has used up an attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.bus.connection import Bus
from shared.bus.delivery import Delivery, count_stops, record_stop
from shared.bus.errors import AlreadyHandled, Reject, Retry, frames
from shared.bus.messages import ReceivedEvent, read_event
from shared.bus.metrics import CONSUMER_LAG, EVENT_SECONDS, EVENTS, UNKNOWN, EventOutcome
from shared.bus.trace import enter_trace
from shared.contracts.envelope import decode_data
from shared.contracts.events import Event
from shared.contracts.topology import CONSUMERS, CONSUMES, EVENT_STREAM, ConsumerDeclaration
from shared.postgres import FAILED

if TYPE_CHECKING:
    from shared.bus.outbox import Pool

Handler = Callable[[Any, Delivery], Awaitable[None]]

_PULL_SECONDS = 20.0
_PAUSE_SECONDS = 0.5
#: How often the server is asked how much waits; only a figure depends on it.
_LAG_SECONDS = 15.0
#: How long handlers may go on when the service stops.
GRACE_SECONDS = 3.0
_LONGEST_DELAY_SECONDS = 300.0
_FLUSH_SECONDS = 1
_HAND_OVER_SECONDS = 0.05
#: Before a message that was let go at a stop is delivered again; others may be stopping as well.
_AFTER_STOP_SECONDS = 1.0
_NOBODY_LIVED = "deliveries ran out: no handler lived to answer"

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def retry_delay(attempt: int, *, jitter: float) -> float:
    """Return the seconds before the delivery after *attempt*: 1, 2, 4 … 300, up to half more."""
    return min(2.0 ** (attempt - 1), _LONGEST_DELAY_SECONDS) * (1 + 0.5 * jitter)


class EventConsumer:
    """Hands the events that the topology gives *service* to its handlers."""

    def __init__(
        self,
        *,
        bus: Bus,
        pool: Pool,
        service: str,
        handlers: Mapping[type[Event], Handler],
        concurrency: int = 4,
    ) -> None:
        declared = set(CONSUMES.get(service, ()))
        if set(handlers) != declared:
            names = sorted(event.subject for event in declared)
            raise ValueError(f"the topology gives {service} exactly {names}")
        self._bus = bus
        self._pool = pool
        self._service = service
        self._handlers = {event.subject: handler for event, handler in handlers.items()}
        self._concurrency = concurrency
        self._declaration: ConsumerDeclaration = CONSUMERS[service]

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle events until *stopping*; running handlers then get a few seconds to finish."""
        async with asyncio.TaskGroup() as workers:
            for n in range(self._concurrency):
                workers.create_task(self._work(stopping), name=f"consume {self._service} {n}")
            workers.create_task(self._tell_lag(stopping), name=f"lag {self._service}")

    async def lag(self) -> int:
        """Return how many events wait for this service, those in hand included."""
        info = await self._bus.jetstream.consumer_info(EVENT_STREAM, self._service)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def _tell_lag(self, stopping: asyncio.Event) -> None:
        gauge = CONSUMER_LAG.labels(self._service)
        while not stopping.is_set():
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
                gauge.set(await self.lag())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LAG_SECONDS)

    async def _work(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            reconnected = self._bus.next_reconnect()
            # What ends a pull. Once for all pulls: this is on the way of every event.
            causes = [asyncio.ensure_future(event.wait()) for event in (stopping, reconnected)]
            try:
                subscription = await self._bus.jetstream.pull_subscribe_bind(
                    durable=self._service, stream=EVENT_STREAM
                )
                try:
                    while not (stopping.is_set() or reconnected.is_set()):
                        message = await self._pull(subscription, causes)
                        if message is None:
                            continue
                        if stopping.is_set():
                            await self._give_back(message)
                        else:
                            await self._handle_within(message, causes[0])
                finally:
                    await self._let_go(subscription)
            except (nats.errors.Error, nats.js.errors.Error) as error:
                if not stopping.is_set():
                    log.info("consumer_waits", error=type(error).__name__)
                await _pause(causes)
            finally:
                for cause in causes:
                    cause.cancel()

    async def _let_go(self, subscription: JetStreamContext.PullSubscription) -> None:
        """Stop pulling, and give back what arrived in the same moment.

        It was delivered and nobody will work on it: without a word from us it would wait for
        ack_wait.
        """
        await self._stop_pulling(subscription)
        waiting = subscription._sub._pending_queue  # noqa: SLF001 -- nats-py drops what is in it
        while not waiting.empty():
            message = waiting.get_nowait()
            if JetStreamContext.is_status_msg(message) is None:
                await self._give_back(message)
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()

    async def _stop_pulling(self, subscription: JetStreamContext.PullSubscription) -> None:
        """Make the server forget the pull, and take in what it sent before.

        Not Subscription.unsubscribe(), which forgets at once and drops what still comes. What was
        sent before comes before the answer to the ping.
        """
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            if self._bus.is_connected:
                number = subscription._sub._id  # noqa: SLF001
                await self._bus.client._send_unsubscribe(number)  # noqa: SLF001
                await self._bus.client.flush(_FLUSH_SECONDS)

    async def _give_back(self, message: Msg) -> None:
        """Let somebody else have *message* soon, and do not count this delivery."""
        await _settle(message.nak(delay=_AFTER_STOP_SECONDS))
        with contextlib.suppress(msgspec.MsgspecError):
            await self._forgive(_read(message).event_id)

    async def _forgive(self, event_id: UUID) -> None:
        # A database that is away at this moment costs the event one of its attempts.
        with contextlib.suppress(*FAILED):
            await record_stop(self._pool, event_id)

    async def _pull(
        self,
        subscription: JetStreamContext.PullSubscription,
        causes: Sequence[asyncio.Future[Any]],
    ) -> Msg | None:
        """Return the next message, or None when the time is over or there is a cause to look up.

        A server that restarts forgets the pull and nats-py 2.16 does not notice, hence the race
        against the connection coming back.
        """
        fetch = asyncio.ensure_future(subscription.fetch(1, timeout=_PULL_SECONDS))
        started = asyncio.get_running_loop().time()
        try:
            await asyncio.wait({fetch, *causes}, return_when=asyncio.FIRST_COMPLETED)
            if not fetch.done():
                # Cancelled while it hands a message over, fetch() drops it (nats-py 2.16): make
                # sure first that none is on its way, and let it finish if one was.
                await self._stop_pulling(subscription)
                await asyncio.wait({fetch}, timeout=_HAND_OVER_SECONDS)
        finally:
            if not fetch.done():
                fetch.cancel()
                await asyncio.gather(fetch, return_exceptions=True)
        if fetch.cancelled():
            return None
        try:
            message: Msg = fetch.result()[0]
        except TimeoutError:
            # Also what a conflict looks like, at once: do not spin.
            if asyncio.get_running_loop().time() - started < _PULL_SECONDS / 2:
                await _pause(causes)
            return None
        return message

    async def _handle_within(self, message: Msg, stopped: asyncio.Future[Any]) -> None:
        """Handle *message* in a context of its own; cancel it some time after *stopped*."""
        handling = asyncio.create_task(self._handle(message), name=f"handle {message.subject}")
        try:
            await asyncio.wait({handling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not handling.done():
                await asyncio.wait({handling}, timeout=GRACE_SECONDS)
        finally:
            if not handling.done():
                handling.cancel()
                await asyncio.gather(handling, return_exceptions=True)
        if not handling.cancelled():
            handling.result()

    async def _handle(self, message: Msg) -> None:
        attempt = message.metadata.num_delivered
        try:
            received = _read(message)
        except msgspec.MsgspecError:
            log.error(  # noqa: TRY400
                "event_unreadable", sequence=message.metadata.sequence.stream
            )
            await _reject(message, "not an event envelope")
            self._count(UNKNOWN, "rejected")
            return
        event_type = received.envelope.type
        traceparent = received.envelope.traceparent
        traceparent = enter_trace(
            None if isinstance(traceparent, msgspec.UnsetType) else traceparent,
            event_id=str(received.event_id),
            event_type=event_type,
        )
        known_type = event_type if event_type in self._handlers else UNKNOWN
        started = time.monotonic()
        beats = asyncio.create_task(self._beat(message), name=f"beat {event_type}")
        how: EventOutcome = "done"
        try:
            if attempt > 1:
                # Of a dead letter that is tried again, former stops are known as well.
                attempt = max(1, attempt - await count_stops(self._pool, received.event_id))
            await self._run_handler(received, attempt=attempt, traceparent=traceparent)
        except AlreadyHandled:
            log.info("event_already_handled")
            how, outcome = "duplicate", message.ack()
        except Retry as retry:
            how = "retried" if not self._is_last(attempt) else "rejected"
            outcome = self._again(message, attempt, retry.after_seconds, "it asked for another try")
        except Reject as reject:
            log.warning("event_rejected", reason=reject.reason)
            how, outcome = "rejected", _reject(message, reject.reason)
        except asyncio.CancelledError:
            # Stopping: somebody else, or we after the restart, should not wait for ack_wait.
            self._count(known_type, "retried")
            # In this order: a second cancellation may come at any time.
            await _settle(message.nak(delay=_AFTER_STOP_SECONDS))
            await self._forgive(received.event_id)
            raise
        except Exception as error:  # noqa: BLE001 -- a bug is retried and counted
            # Not the message: database errors quote values.
            log.error(  # noqa: TRY400
                "event_failed",
                error=type(error).__name__,
                attempt=attempt,
                frames=frames(error),
            )
            how = "failed" if not self._is_last(attempt) else "rejected"
            delay = retry_delay(attempt, jitter=random.random())  # noqa: S311
            outcome = self._again(message, attempt, delay, type(error).__name__)
        else:
            outcome = message.ack()
        finally:
            beats.cancel()
            EVENT_SECONDS.labels(self._service, known_type).observe(time.monotonic() - started)
        self._count(known_type, how)
        await _settle(outcome)

    def _count(self, event_type: str, outcome: EventOutcome) -> None:
        EVENTS.labels(self._service, event_type, outcome).inc()

    def _is_last(self, attempt: int) -> bool:
        return attempt >= self._declaration.max_deliver

    async def _run_handler(
        self, received: ReceivedEvent, *, attempt: int, traceparent: str
    ) -> None:
        if attempt > self._declaration.max_deliver:
            raise Reject(_NOBODY_LIVED)
        envelope = received.envelope
        handler = self._handlers.get(envelope.type)
        if handler is None:
            raise Reject(f"no handler for {envelope.type}")
        try:
            event = decode_data(envelope)
        except msgspec.MsgspecError as error:
            raise Reject(f"malformed {envelope.type}") from error
        await handler(
            event,
            Delivery(
                pool=self._pool,
                service=self._service,
                event_id=received.event_id,
                subject=envelope.type,
                occurred_at=envelope.time,
                attempt=attempt,
                is_last_attempt=self._is_last(attempt),
                traceparent=traceparent,
            ),
        )

    async def _again(self, message: Msg, attempt: int, delay_seconds: float, why: str) -> None:
        if self._is_last(attempt):
            log.error("event_given_up", attempts=attempt, why=why)
            await _reject(message, f"gave up after {attempt} attempts: {why}")
        else:
            await message.nak(delay=max(delay_seconds, 0.01))

    async def _beat(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(self._declaration.ack_wait_seconds / 3)
            with contextlib.suppress(nats.errors.Error):
                await message.in_progress()


def _read(message: Msg) -> ReceivedEvent:
    place = message.metadata
    return read_event(
        message.data, message.headers, sequence=place.sequence.stream, stored_at=place.timestamp
    )


async def _reject(message: Msg, reason: str) -> None:
    # Not Msg.term(), which takes no reason; this one reaches the dead letter.
    await message._client.publish(  # noqa: SLF001
        message.reply, b"+TERM " + " ".join(reason.split()).encode()[:400]
    )


async def _settle(outcome: Awaitable[None]) -> None:
    try:
        await outcome
    except nats.errors.Error as error:
        # Not said means delivered again, which the inbox absorbs.
        log.info("event_not_settled", error=type(error).__name__)


async def _pause(causes: Sequence[asyncio.Future[Any]]) -> None:
    await asyncio.wait(causes, timeout=_PAUSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
