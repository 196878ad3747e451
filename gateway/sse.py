"""The response that sends server-sent events until somebody ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from gateway.event_lines import HEARTBEAT, encode_end
from gateway.live_events import LiveClient, LiveEvents
from gateway.streaming import run_while_connected, write_guarded

#: How long a browser waits before it comes back.
_RETRY_MILLISECONDS = 2000


class LiveResponse(ASGIResponse):
    """The event stream of one client."""

    __slots__ = ("after_sequence", "is_welcome", "live")

    _should_set_content_length = False

    def __init__(
        self,
        live: LiveEvents,
        *,
        after_sequence: int | None,
        is_welcome: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(
            status_code=200,
            media_type="text/event-stream",
            # nginx would hold events back otherwise.
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self.live = live
        self.after_sequence = after_sequence
        self.is_welcome = is_welcome

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client goes, is too slow or unwelcome, or the gateway stops."""
        with self.live.client(self.is_welcome) as client:
            await self.start_response(send)

            async def write_body(send: Send, _: asyncio.TaskGroup) -> None:
                await self._write(client, send)

            await run_while_connected(write_guarded(write_body, send), receive)

    async def _write(self, client: LiveClient, send: Send) -> None:
        async def emit(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await emit(b"retry: %d\n: connected\n\n" % _RETRY_MILLISECONDS)
        lines = self.live.lines(client, after_sequence=self.after_sequence)
        async with aclosing(lines):
            async for some in lines:
                await emit(some or HEARTBEAT)
        await emit(encode_end(client.reason or "stopping"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
