"""Live events for clients: one follower of the stream, fanned out to bounded queues.

The follower and the progress listener run once per gateway, however many pages are open. A client
that does not read gets a last event and is let go, so that it can come back with its
``Last-Event-ID``; nobody else waits for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Literal

import msgspec
import structlog

from gateway import metrics
from shared.bus import Bus, StoredEvent
from shared.contracts.jobs import JobProgress
from shared.contracts.problems import problem

CloseReason = Literal["stopping", "too-slow"]

#: Events kept in memory, so that a page that reloads needs no consumer of its own.
_REMEMBERED = 1024
#: What one client may have waiting.
_QUEUE_ITEMS = 512
_MAX_CLIENTS = 64
#: Jobs whose last progress a new client is told at once.
_REMEMBERED_JOBS = 256

_log = structlog.get_logger("gateway")


class LiveProgress(msgspec.Struct, frozen=True):
    """JSON of one ``JobProgress``."""

    data: bytes


LiveItem = StoredEvent | LiveProgress


class LiveClient:
    """One client's queue. ``next_item`` returns None when it is over; ``reason`` says why."""

    def __init__(self) -> None:
        self.reason: CloseReason | None = None
        self._items: deque[LiveItem] = deque()
        self._changed = asyncio.Event()

    def offer(self, item: LiveItem) -> None:
        """Append *item*; a full queue closes the client instead."""
        if self.reason is not None:
            return
        if len(self._items) >= _QUEUE_ITEMS:
            metrics.DROPPED_CLIENTS.inc()
            # What waits is dropped: it comes again, from the id of the last event it received.
            self._items.clear()
            self.close("too-slow")
            return
        self._items.append(item)
        self._changed.set()

    def close(self, reason: CloseReason) -> None:
        """End the client after what is queued."""
        self.reason = self.reason or reason
        self._changed.set()

    async def changed(self) -> None:
        """Wait for the next ``offer`` or ``close``."""
        self._changed.clear()
        await self._changed.wait()

    def take_progress(self) -> list[LiveProgress]:
        """Remove and return queued progress; events stay."""
        taken = [item for item in self._items if isinstance(item, LiveProgress)]
        if taken:
            self._items = deque(item for item in self._items if isinstance(item, StoredEvent))
        return taken

    def first_sequence(self) -> int | None:
        """Return the sequence of the first queued event."""
        return next((i.sequence for i in self._items if isinstance(i, StoredEvent)), None)

    async def next_item(self) -> LiveItem | None:
        """Wait for the next item; None at the end. Safe to cancel: nothing is lost."""
        while not self._items:
            if self.reason is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()


class LiveEvents:
    """The hub. ``run`` follows until cancelled; ``client`` registers a reader."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._clients: set[LiveClient] = set()
        self._recent: deque[StoredEvent] = deque(maxlen=_REMEMBERED)
        self._progress: OrderedDict[str, LiveProgress] = OrderedDict()
        #: The newest sequence that clients were or will be told of by the shared follower.
        self._position = 0
        self._is_closed = False

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Note where the stream stands and begin to follow it."""
        self._position = await self._bus.last_sequence()
        tasks.create_task(self._follow_events(self._position), name="gateway live events")
        tasks.create_task(self._follow_progress(), name="gateway live progress")

    def close(self) -> None:
        """Tell every client that this is the end; new ones are told at once."""
        self._is_closed = True
        for client in self._clients:
            client.close("stopping")

    @contextmanager
    def client(self) -> Iterator[LiveClient]:
        """Register a client for the time of the block. Raises 503 when there are too many."""
        if len(self._clients) >= _MAX_CLIENTS:
            raise problem(
                "busy",
                "Keepsake is busy with other requests.",
                503,
                "Too many event streams are open.",
                retry_after_seconds=10,
            )
        client = LiveClient()
        if self._is_closed:
            client.close("stopping")
        self._clients.add(client)
        metrics.LIVE_CLIENTS.inc()
        try:
            yield client
        finally:
            self._clients.discard(client)
            metrics.LIVE_CLIENTS.dec()

    async def items(
        self, client: LiveClient, *, after_sequence: int | None
    ) -> AsyncIterator[LiveItem]:
        """Yield everything for *client*: what it missed since *after_sequence*, then live."""
        # No await between reading the position and the first wait: nothing falls in between,
        # because the client's queue is registered already.
        position = self._position
        for progress in list(self._progress.values()):
            yield progress
        last_sent = position
        if after_sequence is not None and after_sequence < position:
            last_sent = after_sequence
            missed = self._remembered_since(after_sequence)
            if missed is not None:
                for event in missed:
                    last_sent = event.sequence
                    yield event
            else:
                replay = self._replay(client, after_sequence, position)
                async with aclosing(replay):
                    async for item in replay:
                        if isinstance(item, StoredEvent):
                            last_sent = item.sequence
                        yield item
        while (live := await client.next_item()) is not None:
            # The queue may hold what the replay has sent already.
            if not isinstance(live, StoredEvent) or live.sequence > last_sent:
                yield live

    def _remembered_since(self, sequence: int) -> list[StoredEvent] | None:
        """Return the events after *sequence*, or None when memory does not reach back so far."""
        if self._recent and self._recent[0].sequence <= sequence + 1:
            return [event for event in self._recent if event.sequence > sequence]
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
                    await asyncio.wait({arriving, changed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
                for progress in client.take_progress():
                    yield progress
                if not arriving.done():
                    continue
                event = arriving.result()
                yield event
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
            self._recent.append(event)
            await self._offer(event)

    async def _follow_progress(self) -> None:
        decoder = msgspec.json.Decoder(JobProgress)
        async for _, data in self._bus.follow_progress():
            try:
                progress = decoder.decode(data)
            except msgspec.MsgspecError:
                _log.warning("progress_undecodable")
                continue
            item = LiveProgress(data)
            self._progress.pop(progress.job_id, None)
            if progress.state in ("pending", "running"):
                self._progress[progress.job_id] = item
                while len(self._progress) > _REMEMBERED_JOBS:
                    self._progress.popitem(last=False)
            await self._offer(item)

    async def _offer(self, item: LiveItem) -> None:
        for client in self._clients:
            client.offer(item)
        # A burst arrives without a pause; readers must have their turn before a queue counts as
        # full.
        await asyncio.sleep(0)


async def _next(events: AsyncIterator[StoredEvent]) -> StoredEvent:
    return await anext(events)
