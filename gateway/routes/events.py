"""Live events as server-sent events."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse

from gateway.authentication import needs
from gateway.parameters import PROBLEMS
from gateway.parts import GivenParts
from gateway.sse import LiveResponse
from gateway.tokens import Caller

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        pattern=r"^[0-9]{0,19}$",
        description="Continue after this event; what was missed comes first",
    ),
]


@get("/api/events", opt=needs("read"), responses=PROBLEMS, tags=["events"])
async def follow_events(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    last_event_id: LastEventId = None,
) -> ASGIResponse:
    """Follow domain events (CloudEvents, `id` is the place in the stream) and `progress`."""
    return LiveResponse(
        parts.live,
        after_sequence=int(last_event_id) if last_event_id else None,
        is_welcome=partial(parts.tokens.is_good, request.user),
    )


HANDLERS = (follow_events,)
