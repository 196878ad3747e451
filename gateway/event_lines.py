"""Server-sent events as bytes."""

from __future__ import annotations

from shared.bus import StoredEvent

#: Says that the connection lives.
HEARTBEAT = b": heartbeat\n\n"


def encode_event(event: StoredEvent) -> bytes:
    """Return a domain event. Only these carry an id: progress cannot be resumed."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        event.sequence,
        event.subject.encode(),
        _one_line(event.data),
    )


def encode_progress(data: bytes) -> bytes:
    """Return the progress of a job."""
    return b"event: progress\ndata: " + _one_line(data) + b"\n\n"


def encode_end(reason: str) -> bytes:
    """Return the last event of a stream."""
    return b'event: closed\ndata: {"reason":"' + reason.encode() + b'"}\n\n'


def _one_line(data: bytes) -> bytes:
    # JSON needs no line breaks; one in it would end the event early.
    return data.replace(b"\r", b" ").replace(b"\n", b" ")
