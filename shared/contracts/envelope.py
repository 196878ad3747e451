"""The envelope of every event: CloudEvents 1.0, structured JSON.

The data stays raw until a handler's type is known, so that whoever only passes an event on (the
relay, the gateway) never decodes it.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal
from uuid import UUID

import msgspec

from shared.contracts.events import EVENTS, Event

#: Media type of an envelope.
CONTENT_TYPE = "application/cloudevents+json"

_EVENT_BY_TYPE: dict[str, type[Event]] = {event.subject: event for event in EVENTS}


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it lies in the stream. Unknown extension attributes are ignored."""

    specversion: Literal["1.0"]
    #: The same as the message's ``Nats-Msg-Id``; equal ids are the same event.
    id: UUID
    #: ``/services/<name>`` of the producer.
    source: str
    #: The event's subject, ``noun.participle``.
    type: str
    time: dt.datetime
    datacontenttype: Literal["application/json"] = "application/json"
    #: W3C trace context of the work that caused the event.
    traceparent: str | msgspec.UnsetType = msgspec.UNSET
    data: msgspec.Raw


_decoder = msgspec.json.Decoder(Envelope)


def wrap(
    event: Event,
    *,
    service: str,
    event_id: UUID,
    occurred_at: dt.datetime,
    traceparent: str | None = None,
) -> bytes:
    """Return *event* in its envelope, ready to be published."""
    return msgspec.json.encode(
        Envelope(
            specversion="1.0",
            id=event_id,
            source=f"/services/{service}",
            type=event.subject,
            time=occurred_at,
            traceparent=traceparent or msgspec.UNSET,
            data=msgspec.Raw(msgspec.json.encode(event)),
        )
    )


def unwrap(message: bytes) -> Envelope:
    """Read an envelope; raises ``msgspec.MsgspecError`` when it is none."""
    return _decoder.decode(message)


def event_class(event_type: str) -> type[Event] | None:
    """Return the struct of *event_type*, or None when this version does not know it."""
    return _EVENT_BY_TYPE.get(event_type)


def decode_data(envelope: Envelope) -> Event:
    """Return the event inside; raises ``msgspec.MsgspecError`` when unknown or malformed."""
    event = event_class(envelope.type)
    if event is None:
        raise msgspec.ValidationError(f"unknown event type {envelope.type}")
    return msgspec.json.decode(envelope.data, type=event)
