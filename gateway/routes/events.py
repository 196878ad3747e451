"""Live events as server-sent events."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse

from gateway.authentication import needs
from gateway.parameters import PROBLEMS
from gateway.parts import GivenParts
from gateway.sse import LiveResponse

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        pattern=r"^[0-9]{0,19}$",
        description="Continue after this event; what was missed comes first",
    ),
]


@get("/api/events", opt=needs("read"), responses=PROBLEMS, tags=["events"])
async def follow_events(*, parts: GivenParts, last_event_id: LastEventId = None) -> ASGIResponse:
    """Follow domain events (CloudEvents, `id` is the place in the stream) and `progress`."""
    return LiveResponse(parts.live, after_sequence=int(last_event_id) if last_event_id else None)


HANDLERS = (follow_events,)
