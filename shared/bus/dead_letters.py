"""Events that a consumer gave up on: shown, tried again, or let go. For the gateway.

The server writes a notice into its own stream when deliveries run out and when a handler rejects;
the event itself stays where it is. Trying again publishes it for that one consumer only.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
import nats.js.errors
from nats.js.api import RawStreamMsg

from shared.bus.connection import Bus
from shared.bus.messages import ReceivedEvent, read_event
from shared.contracts.problems import bad_request, not_found, problem
from shared.contracts.requests import DEFAULT_LIMIT, MAX_LIMIT, Done, Page
from shared.contracts.topology import (
    CONSUMERS,
    DEAD_LETTER_STREAM,
    EVENT_STREAM,
    retry_subject,
)

#: "sequence not found"
_NO_SUCH_MESSAGE = 10043


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One event that one consumer gave up on."""

    sequence: int
    #: The service that could not handle it.
    consumer: str
    deliveries: int
    reason: str
    given_up_at: dt.datetime
    #: Null when the event has left the stream (it is older than thirty days) or is no event.
    event_id: UUID | None
    event_type: str | None
    event: msgspec.Raw | None


class _Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The server's advisory, as far as it matters here."""

    timestamp: dt.datetime
    consumer: str
    stream_seq: int
    deliveries: int
    reason: str = "deliveries ran out: no handler lived to answer"


async def list_dead_letters(
    bus: Bus, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[DeadLetter]:
    """Return dead letters, oldest first."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(f"limit must be from 1 to {MAX_LIMIT}")
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise bad_request("The cursor is not one of this listing.")
    position = int(cursor or 0)
    letters: list[DeadLetter] = []
    while True:
        stored = await _next_stored(bus, position + 1)
        if stored is None:
            return Page(items=letters)
        if len(letters) == limit:
            return Page(items=letters, next_cursor=str(position))
        position = stored.seq or 0
        if (notice := _read_notice(stored)) is not None:
            letters.append(_letter(position, notice, await _find_event(bus, notice.stream_seq)))


async def retry_dead_letter(bus: Bus, sequence: int) -> Done:
    """Give the event to the consumer once more and let the letter go.

    Idempotent for a while: the same letter's event is stored once. Raises a 404 problem for an
    unknown letter and a 409 when there is nothing left to try again.
    """
    stored = await _find_stored(bus, DEAD_LETTER_STREAM, sequence)
    notice = None if stored is None else _read_notice(stored)
    if notice is None:
        raise not_found("dead letter")
    event = await _find_event(bus, notice.stream_seq)
    if event is None or notice.consumer not in CONSUMERS:
        raise problem(
            "conflict",
            "The event cannot be tried again.",
            409,
            "It has left the stream, or nobody consumes it any more.",
        )
    await bus.jetstream.publish(
        retry_subject(notice.consumer),
        # With the id that its first life had, so that the inbox knows it.
        event.encoded,
        stream=EVENT_STREAM,
        headers={"Nats-Msg-Id": f"{event.event_id}.retry.{sequence}"},
    )
    return await delete_dead_letter(bus, sequence)


async def delete_dead_letter(bus: Bus, sequence: int) -> Done:
    """Let the letter go; the event stays in the stream for as long as any other."""
    if await _find_stored(bus, DEAD_LETTER_STREAM, sequence) is None:
        return Done(changed=False)
    try:
        await bus.jetstream.delete_msg(DEAD_LETTER_STREAM, sequence)
    except nats.js.errors.APIError as error:
        # Somebody else was quicker.
        if error.err_code != _NO_SUCH_MESSAGE:
            raise
        return Done(changed=False)
    return Done()


def _letter(sequence: int, notice: _Notice, event: ReceivedEvent | None) -> DeadLetter:
    return DeadLetter(
        sequence=sequence,
        consumer=notice.consumer,
        deliveries=notice.deliveries,
        reason=notice.reason,
        given_up_at=notice.timestamp,
        event_id=event.event_id if event else None,
        event_type=event.envelope.type if event else None,
        event=msgspec.Raw(event.encoded) if event else None,
    )


def _read_notice(stored: RawStreamMsg) -> _Notice | None:
    try:
        return msgspec.json.decode(stored.data or b"", type=_Notice)
    except msgspec.MsgspecError:
        return None


async def _find_event(bus: Bus, sequence: int) -> ReceivedEvent | None:
    stored = await _find_stored(bus, EVENT_STREAM, sequence)
    if stored is None or stored.time is None:
        return None
    try:
        return read_event(
            stored.data or b"", stored.headers, sequence=sequence, stored_at=stored.time
        )
    except msgspec.MsgspecError:
        return None


async def _next_stored(bus: Bus, sequence: int) -> RawStreamMsg | None:
    return await _get(bus, DEAD_LETTER_STREAM, seq=sequence, subject=">", next=True)


async def _find_stored(bus: Bus, stream: str, sequence: int) -> RawStreamMsg | None:
    return None if sequence < 1 else await _get(bus, stream, seq=sequence)


async def _get(bus: Bus, stream: str, **what: Any) -> RawStreamMsg | None:
    try:
        return await bus.jetstream.get_msg(stream, direct=True, **what)
    except nats.js.errors.NotFoundError:
        return None
