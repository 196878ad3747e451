"""Telling how far a run is, and hearing that it is to stop, while threads do the work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.storage.jobs import record_progress
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import JobProgress, Progress
from shared.postgres import FAILED

if TYPE_CHECKING:
    import asyncpg

_BEAT_SECONDS = 1.0


class Position(msgspec.Struct, kw_only=True):
    """How far a run is. Written by its threads, read by the pulse."""

    step: str = "waiting for the destination"
    files_total: int | None = None
    files_done: int = 0
    bytes_total: int | None = None
    bytes_done: int = 0


class Pulse:
    """The heart of one run: it beats every second, into the table and to those who listen."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus, job_id: JobId) -> None:
        """Beat for one job."""
        self.position = Position()
        self._pool = pool
        self._bus = bus
        self._job_id = job_id
        self._stop = threading.Event()
        self._began = time.monotonic()

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
        self.position.step = step

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

    async def _beat(self) -> None:
        while True:
            position = self.position
            done, total = position.bytes_done, position.bytes_total
            spent = time.monotonic() - self._began
            eta = (
                spent / done * (total - done) if total and 0 < done <= total and spent > 1 else None
            )
            progress = Progress(
                step=position.step,
                done=done,
                total=total,
                unit="bytes",
                eta_seconds=None if eta is None else round(eta, 1),
            )
            await self._bus.send_progress(
                JobProgress(job_id=self._job_id, state="running", progress=progress)
            )
            # A database that is away for a moment does not end what threads do.
            with contextlib.suppress(*FAILED):
                if await record_progress(
                    self._pool, self._job_id, progress=progress, report=self.report()
                ):
                    self._stop.set()
            await asyncio.sleep(_BEAT_SECONDS)
