"""Live events for clients: one follower of the stream, fanned out to bounded queues.

The follower and the progress listener run once per gateway, however many pages are open, and each
event is turned into lines once. A client that does not read gets a last event and is let go, so
that it can come back with its ``Last-Event-ID``; nobody else waits for it. One whose token has
ended is let go within seconds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Literal

import msgspec
import structlog

from gateway import metrics
from gateway.event_lines import encode_event, encode_progress
from shared.bus import Bus, StoredEvent
from shared.contracts.jobs import JobProgress
from shared.contracts.problems import problem

CloseReason = Literal["stopping", "too-slow", "token-ended"]

#: Proxies cut connections that are silent for 30 to 60 seconds.
HEARTBEAT_SECONDS = 15.0
#: Events kept in memory, so that a page that reloads needs no consumer of its own.
_REMEMBERED = 1024
#: What one client may have waiting.
_QUEUE_ITEMS = 512
_MAX_CLIENTS = 64
#: Jobs whose last progress a new client is told at once.
_REMEMBERED_JOBS = 256
#: Between two looks at the tokens of open streams.
_TOKEN_SECONDS = 2.0

_log = structlog.get_logger("gateway")


class LiveItem(msgspec.Struct, frozen=True):
    """Lines as clients get them; ``sequence`` is an event's place in the stream."""

    lines: bytes
    sequence: int | None = None


async def _always() -> bool:
    return True


class LiveClient:
    """One client's queue. ``take`` returns None when it is over; ``reason`` says why."""

    def __init__(self, is_welcome: Callable[[], Awaitable[bool]] = _always) -> None:
        self.reason: CloseReason | None = None
        #: Whether the token that it came with is still good.
        self.is_welcome = is_welcome
        self._items: deque[LiveItem] = deque()
        self._changed = asyncio.Event()

    def offer(self, item: LiveItem) -> None:
        """Append *item*; a full queue closes the client instead."""
        if self.reason is not None:
            return
        if len(self._items) >= _QUEUE_ITEMS:
            metrics.DROPPED_CLIENTS.inc()
            # What waits is dropped: it comes again, from the id of the last event it received.
            self.close("too-slow", drop=True)
            return
        self._items.append(item)
        self._changed.set()

    def close(self, reason: CloseReason, *, drop: bool = False) -> None:
        """End the client after what is queued, or without it."""
        if drop:
            self._items.clear()
        self.reason = self.reason or reason
        self._changed.set()

    async def changed(self) -> None:
        """Wait for the next ``offer`` or ``close``."""
        self._changed.clear()
        await self._changed.wait()

    def take_progress(self) -> list[LiveItem]:
        """Remove and return queued progress; events stay."""
        taken = [item for item in self._items if item.sequence is None]
        if taken:
            self._items = deque(item for item in self._items if item.sequence is not None)
        return taken

    def first_sequence(self) -> int | None:
        """Return the sequence of the first queued event."""
        return next((item.sequence for item in self._items if item.sequence is not None), None)

    async def take(self) -> list[LiveItem] | None:
        """Return all that is queued, nothing when nothing came for a while, None at the end."""
        if not self._items and self.reason is None:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self.changed()
            except TimeoutError:
                return []
        if not self._items and self.reason is not None:
            return None
        taken = list(self._items)
        self._items.clear()
        return taken


class LiveEvents:
    """The hub. ``run`` follows until cancelled; ``client`` registers a reader."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._clients: set[LiveClient] = set()
        self._recent: deque[LiveItem] = deque(maxlen=_REMEMBERED)
        self._progress: OrderedDict[str, LiveItem] = OrderedDict()
        #: The newest sequence that clients were or will be told of by the shared follower.
        self._position = 0
        self._is_closed = False

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Note where the stream stands and begin to follow it."""
        self._position = await self._bus.last_sequence()
        tasks.create_task(self._follow_events(self._position), name="gateway live events")
        tasks.create_task(self._follow_progress(), name="gateway live progress")
        tasks.create_task(self._watch_tokens(), name="gateway live tokens")

    def close(self) -> None:
        """Tell every client that this is the end; new ones are told at once."""
        self._is_closed = True
        for client in self._clients:
            client.close("stopping")

    @contextmanager
    def client(self, is_welcome: Callable[[], Awaitable[bool]] = _always) -> Iterator[LiveClient]:
        """Register a client for the time of the block. Raises 503 when there are too many.

        It is let go soon after *is_welcome* says no.
        """
        if len(self._clients) >= _MAX_CLIENTS:
            raise problem(
                "busy",
                "Keepsake is busy with other requests.",
                503,
                "Too many event streams are open.",
                retry_after_seconds=10,
            )
        client = LiveClient(is_welcome)
        if self._is_closed:
            client.close("stopping")
        self._clients.add(client)
        metrics.LIVE_CLIENTS.inc()
        try:
            yield client
        finally:
            self._clients.discard(client)
            metrics.LIVE_CLIENTS.dec()

    async def lines(
        self, client: LiveClient, *, after_sequence: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield everything for *client*: what it missed since *after_sequence*, then live.

        Nothing (``b""``) when there was nothing to say for a while.
        """
        # No await between reading the position and the first wait: nothing falls in between,
        # because the client's queue is registered already.
        last_sent = position = self._position
        if self._progress:
            yield b"".join(item.lines for item in self._progress.values())
        if after_sequence is not None and after_sequence < position:
            last_sent = after_sequence
            missed = self._remembered_since(after_sequence)
            if missed is not None:
                last_sent = max((item.sequence or 0 for item in missed), default=last_sent)
                yield b"".join(item.lines for item in missed)
            else:
                async with aclosing(self._replay(client, after_sequence, position)) as replay:
                    async for item in replay:
                        last_sent = item.sequence or last_sent
                        yield item.lines
        while (taken := await client.take()) is not None:
            # The queue may hold what the replay has sent already.
            yield b"".join(
                item.lines for item in taken if item.sequence is None or item.sequence > last_sent
            )

    def _remembered_since(self, sequence: int) -> list[LiveItem] | None:
        """Return the events after *sequence*, or None when memory does not reach back so far."""
        if self._recent and (self._recent[0].sequence or 0) <= sequence + 1:
            return [item for item in self._recent if (item.sequence or 0) > sequence]
        return None

    async def _replay(
        self, client: LiveClient, after_sequence: int, until: int
    ) -> AsyncGenerator[LiveItem, None]:
        """Yield stored events up to *until* from a follower of this client's own.

        The stream also holds messages that are no events, so *until* may never arrive; the first
        live event in the client's queue then tells how far to go. Queued events stay queued.
        """
        stored = self._bus.follow_events(after_sequence=after_sequence)
        arriving = asyncio.ensure_future(_next(stored))
        try:
            while client.reason is None:
                changed = asyncio.ensure_future(client.changed())
                try:
                    await asyncio.wait(
                        {arriving, changed},
                        timeout=HEARTBEAT_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    changed.cancel()
                for progress in client.take_progress():
                    yield progress
                if not arriving.done():
                    yield LiveItem(b"")
                    continue
                event = arriving.result()
                yield LiveItem(encode_event(event), event.sequence)
                live = client.first_sequence()
                if event.sequence >= (until if live is None else min(until, live)):
                    return
                arriving = asyncio.ensure_future(_next(stored))
        finally:
            arriving.cancel()
            await asyncio.gather(arriving, return_exceptions=True)

    async def _follow_events(self, after_sequence: int) -> None:
        async for event in self._bus.follow_events(after_sequence=after_sequence):
            self._position = event.sequence
            item = LiveItem(encode_event(event), event.sequence)
            self._recent.append(item)
            await self._offer(item)

    async def _follow_progress(self) -> None:
        decoder = msgspec.json.Decoder(JobProgress)
        async for _, data in self._bus.follow_progress():
            try:
                progress = decoder.decode(data)
            except msgspec.MsgspecError:
                _log.warning("progress_undecodable")
                continue
            item = LiveItem(encode_progress(data))
            self._progress.pop(progress.job_id, None)
            if progress.state in ("pending", "running"):
                self._progress[progress.job_id] = item
                while len(self._progress) > _REMEMBERED_JOBS:
                    self._progress.popitem(last=False)
            await self._offer(item)

    async def _watch_tokens(self) -> None:
        while True:
            await asyncio.sleep(_TOKEN_SECONDS)
            for client in list(self._clients):
                if client.reason is None and not await self._is_welcome(client):
                    client.close("token-ended", drop=True)

    async def _is_welcome(self, client: LiveClient) -> bool:
        try:
            return await client.is_welcome()
        except Exception as error:  # noqa: BLE001 -- the streams of all others hang on this task
            _log.error("token_not_checked", error=type(error).__name__)
            return True

    async def _offer(self, item: LiveItem) -> None:
        for client in self._clients:
            client.offer(item)
        # A burst arrives without a pause; readers must have their turn before a queue counts as
        # full.
        await asyncio.sleep(0)


async def _next(events: AsyncIterator[StoredEvent]) -> StoredEvent:
    return await anext(events)
