"""Who has to wait says for what, and goes on by itself; the more important ones first."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.archiver.runs.store_lock import store_lock
from services.archiver.stale import look
from services.archiver.storage.jobs import create_archive_job, start_job
from shared import postgres
from shared.bus import Bus
from shared.contracts.archiver import (
    CreateDestination,
    CreateSource,
    Destination,
    DestinationConfig,
    DestinationLimits,
    RequestArchive,
    Source,
    SourceConfig,
)
from shared.contracts.archiver_limits import GetJobLog, UpdateDestination
from shared.contracts.archiver_upkeep import CollectDestination, RebuildCatalogue
from shared.contracts.jobs import GetJob, Job
from shared.contracts.problems import ProblemError
from shared.settings import ArchiverSettings
from tests.stack import Stack

OVER = ("completed", "interrupted", "failed", "cancelled")


class Archiver:
    """A running archiver with a destination, and what others would ask of it."""

    def __init__(self, stack: Stack, bus: Bus, pool: asyncpg.Pool[Any]) -> None:
        self.stack = stack
        self.bus = bus
        self.pool = pool
        self.destination: Destination

    async def set_up(self) -> None:
        store = self.stack.folder / "store"
        store.mkdir()
        self.destination = await self.bus.request(
            CreateDestination(name="disk", type="local", config=DestinationConfig(path=str(store)))
        )

    async def source(self, name: str, *, priority: int = 0) -> Source:
        tree = self.stack.folder / name
        tree.mkdir()
        (tree / "a name that nobody else is to see").write_text(name)
        return await self.bus.request(
            CreateSource(
                name=name,
                type="directory",
                config=SourceConfig(path=str(tree)),
                priority=priority,
            )
        )

    async def archive(self, source: Source, *, force: bool = False) -> str:
        accepted = await self.bus.request(
            RequestArchive(source_id=source.id, destination_id=self.destination.id, force=force)
        )
        return accepted.job_id

    async def job(self, job_id: str, until: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(100):
            while True:
                job = await self.bus.request(
                    GetJob(job_id=job_id),
                    subject="cmd.archiver.get_job",  # type: ignore[arg-type]
                )
                if until(job):
                    return job
                await asyncio.sleep(0.02)

    async def over(self, job_id: str) -> Job:
        return await self.job(job_id, lambda job: job.state in OVER)

    async def waiting(self, job_id: str) -> Job:
        return await self.job(
            job_id, lambda job: job.progress is not None and job.progress.step.startswith("waiting")
        )

    async def limit(self, hours: str | None) -> None:
        await self.bus.request(
            UpdateDestination(
                destination_id=self.destination.id, limits=DestinationLimits(hours=hours)
            )
        )

    @asynccontextmanager
    async def somebody_else_writing(self) -> AsyncIterator[None]:
        async def connect() -> Any:
            credentials = self.stack.credentials("archiver").postgres
            return await postgres.connect(credentials, schema="archiver")

        async with store_lock(connect, self.destination.id):
            yield

    async def look_for_those_who_wait(self) -> None:
        """Do what is done each minute: nobody told of an end that no archiver of ours caused."""
        await self.pool.execute("update job set heartbeat_at = now() - interval '61 seconds'")
        await look(self.pool, settings=ArchiverSettings())

    async def dead_job(self, source: Source, *, hours: float = 0.02) -> str:
        """Make a job look as one whose run ended without a word so long ago."""
        job = await create_archive_job(
            self.pool,
            job_id=uuid4(),
            archive_id=uuid4(),
            source_id=UUID(source.id),
            destination_id=UUID(self.destination.id),
            priority=0,
            request={},
        )
        assert await start_job(self.pool, job.id)
        await self.pool.execute(
            "update job set heartbeat_at = now() - $2::interval where id = $1",
            UUID(job.id),
            dt.timedelta(hours=hours),
        )
        return job.id


@pytest.fixture
async def archiver(stack: Stack) -> AsyncIterator[Archiver]:
    # It looks as well; here it is the tests that look after a minute.
    settings = {"KEEPSAKE_ARCHIVER__STALE_SECONDS": "3600"}
    async with (
        stack.service("archiver", settings),
        stack.bus("gateway") as bus,
        stack.pool("archiver") as pool,
    ):
        made = Archiver(stack, bus, pool)
        await made.set_up()
        yield made


async def test_of_those_who_wait_the_more_important_ones_come_first(archiver: Archiver) -> None:
    # More than there are handlers.
    priorities = (0, 3, -1, 7, 5, 1, 9, 2, 8)
    sources = [await archiver.source(f"s{number}", priority=number) for number in priorities]
    async with archiver.somebody_else_writing():
        jobs = [await archiver.archive(source) for source in sources]
        for job_id in jobs:
            waiting = await archiver.waiting(job_id)
            assert waiting.state == "pending"
            assert waiting.attempts == 0
            assert waiting.progress is not None
            assert waiting.progress.step == "waiting for the destination"
    await archiver.look_for_those_who_wait()
    for job_id in jobs:
        assert (await archiver.over(job_id)).state == "completed"
    begun = await archiver.pool.fetch("select priority from job order by started_at")
    assert [row["priority"] for row in begun] == sorted(priorities, reverse=True)
    overlapping = await archiver.pool.fetchval(
        "select count(*) from job a join job b on a.id <> b.id"
        " and a.started_at <= b.started_at and b.started_at < a.finished_at"
    )
    assert overlapping == 0


async def test_whoever_looks_after_a_destination_waits_in_the_same_queue(
    archiver: Archiver,
) -> None:
    source = await archiver.source("tree")
    async with archiver.somebody_else_writing():
        upkeep = [
            (await archiver.bus.request(request(destination_id=archiver.destination.id))).job_id
            for request in (CollectDestination, RebuildCatalogue)
        ]
        for job_id in upkeep:
            # As what waits, and not as what is at work: so many may.
            assert (await archiver.waiting(job_id)).state == "pending"
        archive = await archiver.archive(source)
        await archiver.waiting(archive)
    await archiver.look_for_those_who_wait()
    for job_id in (*upkeep, archive):
        assert (await archiver.over(job_id)).state == "completed"


async def test_outside_of_its_hours_a_job_waits_and_goes_on_inside(archiver: Archiver) -> None:
    source = await archiver.source("photos")
    now = dt.datetime.now().astimezone()
    begin, end = (now + dt.timedelta(hours=hours) for hours in (2, 3))
    hours = f"{begin:%H:%M}-{end:%H:%M}"
    for wrong in ("22-6", "22:00-22:00"):
        with pytest.raises(ProblemError) as refused:
            await archiver.limit(wrong)
        assert "hours must be like" in str(refused.value.problem.detail)
    await archiver.limit(hours)
    job_id = await archiver.archive(source)
    waiting = await archiver.waiting(job_id)
    assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert waiting.progress is not None
    assert waiting.progress.step == f"waiting for its hours, {hours}"
    until = await archiver.pool.fetchval("select wait_until from job")
    assert until.astimezone().strftime("%H:%M") == f"{begin:%H:%M}"
    # Asked again it is the same job; looking does nothing before it is time.
    assert await archiver.archive(source) == job_id
    assert await look(archiver.pool, settings=ArchiverSettings()) == []
    await archiver.limit(None)
    assert await look(archiver.pool, settings=ArchiverSettings()) in ([job_id], [])
    assert (await archiver.over(job_id)).state == "completed"


async def test_a_job_that_nobody_works_on_goes_on_or_is_interrupted_or_taken_over(
    archiver: Archiver,
) -> None:
    first, second, third = [await archiver.source(name) for name in ("one", "two", "three")]
    dead = await archiver.dead_job(first)
    assert await look(archiver.pool, settings=ArchiverSettings()) == [dead]
    resumed = await archiver.over(dead)
    assert (resumed.state, resumed.attempts) == ("completed", 2)

    dead = await archiver.dead_job(second)
    await look(archiver.pool, settings=ArchiverSettings(resume=False))
    told = await archiver.over(dead)
    assert (told.state, told.error and told.error.type) == (
        "interrupted",
        "/problems/job-stale",
    )
    again = await archiver.archive(second)
    assert again != dead
    assert (await archiver.over(again)).state == "completed"

    # Whoever holds the store and says nothing is in nobody's way who says so.
    dead = await archiver.dead_job(third, hours=2)
    async with archiver.somebody_else_writing():
        assert await archiver.archive(third) == dead
        forced = await archiver.archive(third, force=True)
        assert forced != dead
        assert (await archiver.over(forced)).state == "completed"
    assert (await archiver.over(dead)).state == "interrupted"


async def test_how_a_run_went_is_in_its_log_without_names_of_files(archiver: Archiver) -> None:
    job_id = await archiver.archive(await archiver.source("secret photos"))
    job = await archiver.over(job_id)
    log = await archiver.bus.request(GetJobLog(job_id=job.id))
    lines = log.text.splitlines()
    assert lines[0].endswith(f"log kind=archive job={job.id}")
    assert "began tries=1" in lines[1]
    assert any("step name=reading and storing" in line for line in lines)
    assert f"archive_id={job.report['archive_id']}" in lines[-1]
    assert "ended state=completed" in lines[-1]
    assert "files_done=1" in lines[-1]
    assert "nobody else" not in log.text
    assert "secret photos" not in log.text
    (path,) = [*(archiver.stack.layout.logs / "jobs").iterdir()]
    assert path.stat().st_mode & 0o777 == 0o600
