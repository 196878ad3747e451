"""The rate of a destination is kept to by its own rclone, and changes under what is on its way."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from services.archiver.opening import Destinations, OpenPlace
from shared.bus import Bus
from shared.contracts.archiver import (
    CreateDestination,
    CreateSource,
    CryptConfig,
    Destination,
    DestinationConfig,
    DestinationId,
    DestinationLimits,
    RequestArchive,
    SourceConfig,
)
from shared.contracts.archiver_limits import UpdateDestination
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import CancelJob, GetJob, Job, JobProgress, RetryJob
from tests.integration.archiver.rclone_servers import stored_files
from tests.integration.archiver.test_dying_rclone import wait_until
from tests.stack import Stack


def limited(folder: Path, rate: int | None) -> Destination:
    password = folder.parent / "password"
    password.touch(0o600)
    password.write_text("correct horse battery staple\n")
    folder.mkdir()
    return Destination(
        id=DestinationId(str(uuid4())),
        name=folder.name,
        type="local",
        config=DestinationConfig(path=str(folder), limits=DestinationLimits(bytes_per_second=rate)),
        crypt=CryptConfig(password_ref=f"file:{password}"),
        store_id=str(uuid4()),
        created_at=dt.datetime.now(dt.UTC),
    )


def rate_of(place: OpenPlace) -> int:
    daemon = place.place._daemon  # type: ignore[attr-defined]
    found: int = daemon.call("core/bwlimit", {})["bytesPerSecond"]
    return found


async def test_a_job_under_way_tells_all_that_is_known_of_it_and_a_lifted_rate_lets_it_end(
    stack: Stack,
) -> None:
    tree, password = stack.folder / "tree", stack.folder / "password"
    (stack.folder / "store").mkdir()
    tree.mkdir()
    (tree / "large").write_bytes(os.urandom(5 << 20))
    (tree / "small").write_text("x")
    password.touch(0o600)
    password.write_text("correct horse battery staple\n")
    async with stack.service("archiver"), stack.bus("gateway") as bus:
        destination = await bus.request(
            CreateDestination(
                name="cloud",
                type="local",
                config=DestinationConfig(path=str(stack.folder / "store")),
                crypt=CryptConfig(password_ref=f"file:{password}"),
            ),
            timeout_seconds=100,
        )
        limit = UpdateDestination(
            destination_id=destination.id, limits=DestinationLimits(bytes_per_second=20_000)
        )
        assert (await bus.request(limit)).config.limits.bytes_per_second == 20_000
        source = await bus.request(
            CreateSource(name="tree", type="directory", config=SourceConfig(path=str(tree)))
        )
        job_id = (
            await bus.request(RequestArchive(source_id=source.id, destination_id=destination.id))
        ).job_id
        under_way = await _job(bus, job_id, lambda job: bool(job.progress and job.progress.total))
        told = await _told(bus, job_id)
        # At this rate what is on its way would take minutes.
        await bus.request(CancelJob(job_id=job_id), subject="cmd.archiver.cancel_job")
        cancelled = await _job(bus, job_id, lambda job: job.state not in ("pending", "running"))
        assert cancelled.state == "cancelled"
        await bus.request(RetryJob(job_id=job_id), subject="cmd.archiver.retry_job")
        lifted = msgspec.structs.replace(limit, limits=DestinationLimits())
        await bus.request(lifted)
        ended = await _job(bus, job_id, lambda job: job.state not in ("pending", "running"))
    assert (under_way.state, under_way.attempts, under_way.error) == ("running", 1, None)
    # Listeners hear the same as who asks.
    assert (told.state, told.attempts) == ("running", 1)
    for progress in (under_way.progress, told.progress):
        assert progress is not None
        assert progress.total == (5 << 20) + 1
        assert progress.unit == "bytes"
        assert progress.files_total == 2
        assert progress.files_done is not None
        assert progress.step == "reading and storing"
    assert told.progress is not None
    assert told.progress.per_second is not None
    assert ended.state == "completed"
    # What the first attempt left behind is gone: mark, canary, bundle, its checksum, two objects.
    assert len(stored_files(stack.folder / "store")) == 6
    assert (ended.report["files_done"], ended.report["bytes_done"]) == (2, (5 << 20) + 1)


async def _job(bus: Bus, job_id: JobId, until: Callable[[Job], bool]) -> Job:
    async with asyncio.timeout(100):
        while True:
            job = await bus.request(GetJob(job_id=job_id), subject="cmd.archiver.get_job")
            if until(job):
                return job
            await asyncio.sleep(0.02)


async def _told(bus: Bus, job_id: JobId) -> JobProgress:
    """Return what listeners are told of a job once its speed is known."""
    heard: asyncio.Queue[JobProgress] = asyncio.Queue()

    async def hear(message: Any) -> None:
        heard.put_nowait(msgspec.json.decode(message.data, type=JobProgress))

    subscription = await bus.client.subscribe(f"progress.archiver.{job_id}", cb=hear)
    async with asyncio.timeout(100):
        while True:
            told = await heard.get()
            if told.progress is not None and told.progress.per_second is not None:
                await subscription.unsubscribe()
                return told


async def test_a_rate_holds_for_its_destination_alone_and_is_lifted_under_an_upload(
    scratch: Path, tmp_path: Path
) -> None:
    slow, free = limited(tmp_path / "slow", 20_000), limited(tmp_path / "free", None)
    destinations = Destinations(scratch=scratch, allow_commands=False)
    place = await destinations.find(slow)
    transport = place.place.open(is_new=True)
    putting = threading.Thread(
        target=transport.put, args=("objects/ab/cd", [os.urandom(4 << 20)]), daemon=True
    )
    try:
        assert rate_of(place) == 20_000
        assert rate_of(await destinations.find(free)) == -1
        # It would take minutes.
        putting.start()
        wait_until(lambda: any(path.is_file() for path in (tmp_path / "slow").rglob("*")))
        assert putting.is_alive()
        config = msgspec.structs.replace(slow.config, limits=DestinationLimits())
        again = await destinations.find(msgspec.structs.replace(slow, config=config))
        assert rate_of(again) == -1
        putting.join(90)
        assert not putting.is_alive()
        assert transport.size("objects/ab/cd") == 4 << 20
    finally:
        destinations.close()
