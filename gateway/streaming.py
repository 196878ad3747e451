"""Bodies that are sent while they are read: a window of reads ahead, back-pressure, and an end.

Memory per stream is bounded by the window: a read is only asked for when the one before it was
taken, and one is only taken when the socket accepted the last (uvicorn waits for its buffer).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol

import structlog
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from gateway import metrics
from gateway.ranges import Span
from shared.contracts.problems import ProblemError, problem
from shared.contracts.unlock import READ_CHUNK_BYTES

#: Outstanding reads per stream: 4 replies of 512 KiB saturate the bus, more only costs memory.
WINDOW = 4

#: Reads that many bytes from that offset.
ReadAt = Callable[[int, int], Awaitable[bytes]]
#: Sends a whole body; ``tasks`` owns what it starts.
WriteBody = Callable[[Send, asyncio.TaskGroup], Coroutine[Any, Any, None]]

_log = structlog.get_logger("gateway")


class Readahead:
    """Iterates over a span in order with a window of reads under way.

    A failed read raises its ``ProblemError`` here and cancels the others. Reads belong to *tasks*,
    so that none outlives the response.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        read: ReadAt,
        span: Span,
        *,
        window: int = WINDOW,
        chunk_bytes: int = READ_CHUNK_BYTES,
    ) -> None:
        self._tasks = tasks
        self._read = read
        self._next = span.start
        self._stop = span.stop
        self._window = window
        self._chunk_bytes = chunk_bytes
        self._pending: deque[tuple[int, asyncio.Task[bytes | ProblemError]]] = deque()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._fill()
        if not self._pending:
            raise StopAsyncIteration
        length, task = self._pending.popleft()
        outcome = await task
        if isinstance(outcome, bytes) and len(outcome) != length:
            outcome = problem("damaged", "The file changed or is damaged.", 422).with_traceback(
                None
            )
        if isinstance(outcome, ProblemError):
            self.close()
            raise outcome
        return outcome

    def close(self) -> None:
        """Give up what is under way."""
        self._next = self._stop
        while self._pending:
            self._pending.popleft()[1].cancel()

    def _fill(self) -> None:
        while len(self._pending) < self._window and self._next < self._stop:
            length = min(self._chunk_bytes, self._stop - self._next)
            reading = self._outcome(self._next, length)
            try:
                task = self._tasks.create_task(reading, name="read-ahead")
            except RuntimeError:
                # The response is over: a zip's thread notices that only here.
                reading.close()
                raise
            self._pending.append((length, task))
            self._next += length

    async def _outcome(self, offset: int, length: int) -> bytes | ProblemError:
        # An exception would end the whole task group; a value ends this file only.
        try:
            return await self._read(offset, length)
        except ProblemError as error:
            return error


class Slots(Protocol):
    """What a stream must hold while it runs."""

    def __enter__(self) -> object: ...
    def __exit__(self, *_: object) -> None: ...


class Limit:
    """At most *count* at a time; one more is refused at once instead of queued."""

    def __init__(self, count: int, *, what: str) -> None:
        self._free = count
        self._what = what

    def __enter__(self) -> None:
        if self._free <= 0:
            raise problem(
                "busy",
                "Keepsake is busy with other requests.",
                503,
                f"Too many {self._what} at the same time; try again in a moment.",
                retry_after_seconds=2,
            )
        self._free -= 1

    def __exit__(self, *_: object) -> None:
        self._free += 1


class StreamedResponse(ASGIResponse):
    """A response whose body is written by a coroutine, and stopped when the caller goes away.

    When writing fails after the first byte, the connection is closed without an end: that is the
    only way HTTP/1 has to say that a body is not whole.
    """

    __slots__ = ("slots", "write_body")

    _should_set_content_length = False

    def __init__(
        self,
        write_body: WriteBody,
        *,
        slots: Slots,
        status_code: int,
        headers: dict[str, Any],
        media_type: str,
    ) -> None:
        super().__init__(status_code=status_code, headers=headers, media_type=media_type)
        self.write_body = write_body
        self.slots = slots

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises a problem, before anything was sent, when no slot is free."""
        with self.slots:
            await self.start_response(send)
            await run_while_connected(self._guarded(send), receive)

    def _guarded(self, send: Send) -> Coroutine[Any, Any, None]:
        return write_guarded(self.write_body, send)


async def write_guarded(write_body: WriteBody, send: Send) -> None:
    """Run *write_body* with a task group of its own; log instead of raising what goes wrong."""
    try:
        async with asyncio.TaskGroup() as tasks:
            await write_body(send, tasks)
    except* ProblemError as group:
        first = group.exceptions[0]
        _log.warning(
            "stream_broken_off",
            problem=first.problem.type if isinstance(first, ProblemError) else None,
        )
    except* Exception as group:  # noqa: BLE001 -- the answer has begun: nobody can be told
        _log.error("stream_failed", error=type(group.exceptions[0]).__name__)


async def run_while_connected(body: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Run *body* until it ends or the caller is gone."""
    async with asyncio.TaskGroup() as tasks:
        writer = tasks.create_task(body, name="response-body")

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            writer.cancel()

        watcher = tasks.create_task(watch(), name="response-watch")
        try:
            await asyncio.wait({writer})
        finally:
            watcher.cancel()


async def send_span(
    send: Send, tasks: asyncio.TaskGroup, read: ReadAt, span: Span, *, chunk_bytes: int
) -> None:
    """Send the bytes of *span* and the end of the body."""
    async for chunk in Readahead(tasks, read, span, chunk_bytes=chunk_bytes):
        metrics.STREAMED_BYTES.inc(len(chunk))
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
