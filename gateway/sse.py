"""Server-sent events as bytes, and the response that sends them until somebody ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from gateway.live_events import LiveClient, LiveEvents, LiveItem
from gateway.streaming import run_while_connected, write_guarded
from shared.bus import StoredEvent

#: Proxies cut connections that are silent for 30 to 60 seconds.
HEARTBEAT_SECONDS = 15.0
#: How long a browser waits before it comes back.
_RETRY_MILLISECONDS = 2000


def encode_item(item: LiveItem) -> bytes:
    """Return one event. Only domain events carry an id: progress cannot be resumed."""
    if isinstance(item, StoredEvent):
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (
            item.sequence,
            item.subject.encode(),
            _one_line(item.data),
        )
    return b"event: progress\ndata: " + _one_line(item.data) + b"\n\n"


def encode_end(reason: str) -> bytes:
    """Return the last event of a stream."""
    return b'event: closed\ndata: {"reason":"' + reason.encode() + b'"}\n\n'


def _one_line(data: bytes) -> bytes:
    # JSON needs no line breaks; one in it would end the event early.
    return data.replace(b"\r", b" ").replace(b"\n", b" ")


class LiveResponse(ASGIResponse):
    """The event stream of one client."""

    __slots__ = ("after_sequence", "live")

    _should_set_content_length = False

    def __init__(self, live: LiveEvents, *, after_sequence: int | None) -> None:
        super().__init__(
            status_code=200,
            media_type="text/event-stream",
            # nginx would hold events back otherwise.
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self.live = live
        self.after_sequence = after_sequence

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client goes, is too slow, or the gateway stops."""
        with self.live.client() as client:
            await self.start_response(send)

            async def write_body(send: Send, _: asyncio.TaskGroup) -> None:
                await self._write(client, send)

            await run_while_connected(write_guarded(write_body, send), receive)

    async def _write(self, client: LiveClient, send: Send) -> None:
        async def emit(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await emit(b"retry: %d\n: connected\n\n" % _RETRY_MILLISECONDS)
        items = self.live.items(client, after_sequence=self.after_sequence)
        async for item in _with_heartbeats(items):
            await emit(b": heartbeat\n\n" if item is None else encode_item(item))
        await emit(encode_end(client.reason or "stopping"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _with_heartbeats(items: AsyncIterator[LiveItem]) -> AsyncIterator[LiveItem | None]:
    """Yield the items, and None whenever none came for a while."""

    async def take() -> Any:
        return await anext(items, _END)

    arriving = asyncio.ensure_future(take())
    try:
        while True:
            done, _ = await asyncio.wait({arriving}, timeout=HEARTBEAT_SECONDS)
            if not done:
                yield None
                continue
            item = arriving.result()
            if item is _END:
                return
            arriving = asyncio.ensure_future(take())
            yield item
    finally:
        arriving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(arriving, return_exceptions=True)


_END = object()
