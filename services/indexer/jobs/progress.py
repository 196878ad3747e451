"""How far a run is: often to those who listen, seldom to the table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from services.indexer.jobs.storage import Report, record_progress
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import JobProgress, Progress

if TYPE_CHECKING:
    import asyncpg

_SENT_SECONDS = 0.25
_STORED_SECONDS = 3.0


class ProgressReporter:
    """Tells of one job. Steps that begin are always told, steps that go on are thinned out."""

    def __init__(
        self,
        bus: Bus,
        pool: asyncpg.Pool[Any],
        job_id: JobId,
        report: Callable[[], Report],
    ) -> None:
        """Tell what *report* returns at that time beside how far it is."""
        self._bus = bus
        self._pool = pool
        self._job_id = job_id
        self._report = report
        self._step = ""
        self._step_began = self._sent = self._stored = 0.0

    async def tell(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Say that *step* has come so far."""
        now = time.monotonic()
        is_new = step != self._step
        if is_new:
            self._step, self._step_began = step, now
        if not is_new and now - self._sent < _SENT_SECONDS:
            return
        self._sent = now
        spent = now - self._step_began
        eta = spent / done * (total - done) if total and 0 < done <= total and spent > 1 else None
        progress = Progress(
            step=step, done=done, total=total, eta_seconds=None if eta is None else round(eta, 1)
        )
        await self._bus.send_progress(
            JobProgress(job_id=self._job_id, state="running", progress=progress)
        )
        if is_new or now - self._stored >= _STORED_SECONDS:
            self._stored = now
            await record_progress(
                self._pool, self._job_id, progress=progress, report=self._report()
            )
