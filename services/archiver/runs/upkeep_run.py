"""Looking after a store: one job, of whichever kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.opening import Destinations
from services.archiver.runs.at_work import at_work
from services.archiver.runs.collect_run import collect
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.rebuild_run import rebuild
from services.archiver.runs.upkeep_work import UpkeepWork
from services.archiver.runs.verify_run import verify
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.upkeep import UpkeepWish
from shared.bus import Bus
from shared.contracts.problems import bad_request
from shared.scratch import Scratch

if TYPE_CHECKING:
    import asyncpg

_KINDS: dict[str, Callable[[UpkeepWork], Awaitable[dict[str, Any]]]] = {
    "rebuild": rebuild,
    "collect": collect,
    "verify": verify,
}


class UpkeepRunner:
    """Looks after stores."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        scratch: Scratch,
        destinations: Destinations,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        grace_seconds: float,
    ) -> None:
        """Use *scratch* for what is read of trees; *connect* opens a connection of its own."""
        self._pool = pool
        self._bus = bus
        self._scratch = scratch
        self._destinations = destinations
        self._connect = connect
        self._grace = dt.timedelta(seconds=grace_seconds)

    async def run(self, job: ArchiverJob) -> dict[str, Any]:
        """Do what was asked for and return the report, with ``wrong``: how much is not right.

        Raises ``ArchiverError``, ``ProblemError``, OSError of our own disk.
        """
        assert job.destination_id is not None
        destination = await get_destination(self._pool, job.destination_id)
        if destination.mode != "store":
            raise bad_request("A mirror is not looked after: it holds no archives.")
        pulse = Pulse(pool=self._pool, bus=self._bus, job_id=job.id)
        async with at_work(job, scratch=self._scratch, pulse=pulse) as folder:
            work = UpkeepWork(
                job=job,
                wish=msgspec.convert(job.request, UpkeepWish),
                pool=self._pool,
                connect=self._connect,
                destination_id=UUID(destination.id),
                store_id=destination.store_id,
                place=await self._destinations.find(destination),
                pulse=pulse,
                folder=folder,
                grace=self._grace,
            )
            report = await _KINDS[job.kind](work)
        return {**pulse.report(), **report}
