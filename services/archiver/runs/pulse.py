"""Telling how far a run is, and hearing that it is to stop, while threads do the work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.runs.run_log import RunLog
from services.archiver.storage.jobs import record_progress
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import JobProgress, Progress
from shared.postgres import FAILED

if TYPE_CHECKING:
    import asyncpg

_BEAT_SECONDS = 1.0
#: How fast it is now is measured over so long.
_WINDOW_SECONDS = 20.0
#: How often the log says how far it is.
_LOG_SECONDS = 60.0


class Position(msgspec.Struct, kw_only=True):
    """How far a run is. Written by its threads, read by the pulse."""

    step: str = "beginning"
    files_total: int | None = None
    files_done: int = 0
    bytes_total: int | None = None
    bytes_done: int = 0


class Speed:
    """Bytes a second, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> float | None:
        """Take in how much is done *now*; return the speed, None while nothing is known of it."""
        if self._seen and done < self._seen[-1][1]:
            # Something else is counted from now on.
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return (done - before) / (now - then) if now - then >= _BEAT_SECONDS / 2 else None


class Pulse:
    """The heart of one run: it beats every second, into the table and to those who listen."""

    def __init__(
        self, *, pool: asyncpg.Pool[Any], bus: Bus, job_id: JobId, log: RunLog | None = None
    ) -> None:
        """Beat for one job, and tell its *log* which steps begin."""
        self.position = Position()
        self._pool = pool
        self._bus = bus
        self._job_id = job_id
        self._log = log or RunLog(None, job_id)
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._logged = self._began
        self._speed = Speed()

    @property
    def is_stopping(self) -> Callable[[], bool]:
        """What threads ask: whether somebody wants the job to stop, or it is not ours any more."""
        return self._stop.is_set

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat while inside; threads are told to stop when it is left in whatever way."""
        beat = asyncio.create_task(self._beat(), name=f"pulse {self._job_id}")
        try:
            yield
        finally:
            self._stop.set()
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    def begin(self, step: str) -> None:
        """Say what is done now."""
        if step != self.position.step:
            self._log.tell("step", name=step)
        self.position.step = step

    def tell(self, bytes_done: int, bytes_total: int | None) -> None:
        """Say how many bytes were read, of how many if that is known."""
        self.position.bytes_done, self.position.bytes_total = bytes_done, bytes_total

    def report(self) -> Mapping[str, Any]:
        """Return the figures of the run so far."""
        position = self.position
        spent = time.monotonic() - self._began
        return {
            "files_total": position.files_total,
            "files_done": position.files_done,
            "bytes_total": position.bytes_total,
            "bytes_done": position.bytes_done,
            "bytes_per_second": round(position.bytes_done / spent) if spent > 1 else None,
        }

    def progress(self) -> Progress:
        """Return how far the run is now, and how fast it went in the last seconds."""
        position = self.position
        done, total = position.bytes_done, position.bytes_total
        if total is not None:
            # What changes while it is read is read again.
            done = min(done, total)
        speed = self._speed.note(time.monotonic(), done)
        eta = None if total is None or not speed or not done else (total - done) / speed
        return Progress(
            step=position.step,
            done=done,
            total=total,
            unit="bytes",
            eta_seconds=None if eta is None else round(eta, 1),
            per_second=None if speed is None else round(speed),
            files_done=position.files_done,
            files_total=position.files_total,
        )

    async def _beat(self) -> None:
        attempts: int | None = None
        while True:
            progress = self.progress()
            # A database that is away for a moment does not end what threads do.
            with contextlib.suppress(*FAILED):
                beat = await record_progress(
                    self._pool, self._job_id, progress=progress, report=self.report()
                )
                attempts = beat.attempts
                if beat.is_to_stop:
                    self._stop.set()
            await self._bus.send_progress(
                JobProgress(
                    job_id=self._job_id, state="running", progress=progress, attempts=attempts
                )
            )
            if time.monotonic() - self._logged >= _LOG_SECONDS:
                self._logged = time.monotonic()
                figures = {name: value for name, value in self.report().items() if value}
                await asyncio.to_thread(self._log.tell, "progress", **figures)
            await asyncio.sleep(_BEAT_SECONDS)
