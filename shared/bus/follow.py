"""Following the event stream in order, for the gateway.

Not nats-py's ordered consumer: it notices a restarted server only after two missed heartbeats,
and begins at the wrong place when it had not received anything yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.bus.messages import read_event
from shared.contracts.events import EVENTS
from shared.contracts.topology import EVENT_STREAM

_HEARTBEAT_SECONDS = 5.0
#: The server forgets the consumer of a follower that is gone for so long.
_FORGET_SECONDS = 60.0
_RETRY_SECONDS = 0.5

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the stream. ``data`` is the envelope's JSON."""

    sequence: int
    subject: str
    data: bytes


async def follow_events(
    client: Client,
    jetstream: JetStreamContext,
    next_reconnect: Callable[[], asyncio.Event],
    *,
    after_sequence: int | None,
) -> AsyncGenerator[StoredEvent, None]:
    """Yield events in order; every break ends one consumer and begins another where it was."""
    position = after_sequence
    while True:
        reconnected = next_reconnect()
        subscription = None
        try:
            # A stream that was made anew is shorter than what the caller remembers.
            last = (await jetstream.stream_info(EVENT_STREAM)).state.last_seq
            position = last if position is None else min(position, last)
            subscription = await client.subscribe(client.new_inbox())
            await _begin(jetstream, subscription.subject, after_sequence=position)
            async with contextlib.aclosing(_in_order(subscription, reconnected)) as messages:
                async for message in messages:
                    position = message.metadata.sequence.stream
                    if (event := _read(message)) is not None:
                        yield event
        except (TimeoutError, nats.errors.Error, nats.js.errors.Error) as error:
            if client.is_closed:
                return
            log.info("event_following_interrupted", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reconnected.wait(), _RETRY_SECONDS)
        finally:
            if subscription is not None:
                with contextlib.suppress(nats.errors.Error):
                    await subscription.unsubscribe()


def _read(message: Msg) -> StoredEvent | None:
    place = message.metadata
    try:
        event = read_event(
            message.data,
            message.headers,
            sequence=place.sequence.stream,
            stored_at=place.timestamp,
        )
    except msgspec.MsgspecError:
        return None
    return StoredEvent(
        sequence=place.sequence.stream, subject=event.envelope.type, data=event.encoded
    )


async def _begin(jetstream: JetStreamContext, inbox: str, *, after_sequence: int) -> None:
    await jetstream.add_consumer(
        EVENT_STREAM,
        ConsumerConfig(
            description="follower",
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after_sequence + 1,
            # Neither schedules nor second tries of one consumer are news.
            filter_subjects=[event.subject for event in EVENTS],
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            idle_heartbeat=_HEARTBEAT_SECONDS,
            inactive_threshold=_FORGET_SECONDS,
            mem_storage=True,
            num_replicas=1,
        ),
    )


async def _in_order(
    subscription: Subscription, reconnected: asyncio.Event
) -> AsyncGenerator[Msg, None]:
    """Yield messages until one is missing or the connection was away."""
    expected = 1
    gone = asyncio.ensure_future(reconnected.wait())
    try:
        while True:
            arriving = asyncio.ensure_future(subscription.next_msg(timeout=3 * _HEARTBEAT_SECONDS))
            try:
                await asyncio.wait({arriving, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not arriving.done():
                    arriving.cancel()
                    await asyncio.gather(arriving, return_exceptions=True)
            if arriving.cancelled():
                return
            message = arriving.result()
            if (message.headers or {}).get("Status"):
                continue  # a heartbeat
            if message.metadata.sequence.consumer != expected:
                return
            expected += 1
            yield message
    finally:
        gone.cancel()
