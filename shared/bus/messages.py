"""Reading a stored message: which event it is, and under which id it counts as the same one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from shared.contracts.envelope import Envelope, unwrap

#: Set by the server on what a schedule generates.
SCHEDULER_HEADER = "Nats-Scheduler"

_FIRINGS = uuid5(NAMESPACE_URL, "keepsake:schedule")


class ReceivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it was received."""

    envelope: Envelope
    #: The envelope's JSON, with the id and time of this very event.
    encoded: bytes

    @property
    def event_id(self) -> UUID:
        """What the inbox knows the event by."""
        return self.envelope.id


def read_event(
    body: bytes, headers: Mapping[str, str] | None, *, sequence: int, stored_at: dt.datetime
) -> ReceivedEvent:
    """Return the event in a message; raises ``msgspec.MsgspecError`` when it holds none.

    A schedule publishes the same bytes at every firing, so its events take their identity from
    their place in the stream, and their time from the server.
    """
    envelope = unwrap(body)
    if headers is None or SCHEDULER_HEADER not in headers:
        return ReceivedEvent(envelope=envelope, encoded=body)
    envelope = msgspec.structs.replace(envelope, id=firing_id(sequence), time=stored_at)
    return ReceivedEvent(envelope=envelope, encoded=msgspec.json.encode(envelope))


def firing_id(sequence: int) -> UUID:
    """Return the id of the event that a schedule put at *sequence*."""
    return uuid5(_FIRINGS, str(sequence))
