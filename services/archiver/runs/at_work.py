"""What every run has around it: a folder of its own, a heart that beats, and what sources need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.archiver.runs.pulse import Pulse
from services.archiver.sources.gathered import Around
from services.archiver.sources.means import Means
from services.archiver.storage.jobs import ArchiverJob
from shared.bus import Bus
from shared.heap import give_back
from shared.scratch import Scratch


@asynccontextmanager
async def at_work(job: ArchiverJob, *, scratch: Scratch, pulse: Pulse) -> AsyncIterator[Path]:
    """Beat while inside; yield a folder of the job alone, which is removed in the end."""
    folder = await asyncio.to_thread(scratch.make, job.id)
    try:
        async with pulse.beating():
            yield folder
    finally:
        await asyncio.to_thread(scratch.remove, folder)
        await asyncio.to_thread(give_back)


def around(folder: Path, *, bus: Bus, pulse: Pulse, means: Means) -> Around:
    """Return what a source is gathered with."""
    return Around(
        bus=bus,
        folder=folder,
        begin=pulse.begin,
        is_stopping=pulse.is_stopping,
        tell=pulse.tell,
        means=means,
    )
