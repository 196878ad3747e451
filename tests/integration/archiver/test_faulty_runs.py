"""Whole archives whose destination or disk fails: told, nothing half visible, done later."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.bus import Bus
from shared.contracts.archiver import (
    CreateDestination,
    CreateSource,
    CryptConfig,
    Destination,
    DestinationConfig,
    RequestArchive,
    RequestRestore,
    Source,
    SourceConfig,
)
from shared.contracts.jobs import GetJob, Job, RetryJob
from tests.integration.archiver.fake_b2 import ACCOUNT, KEY, fake_b2
from tests.integration.archiver.fake_b2 import BUCKET as B2_BUCKET
from tests.integration.archiver.faulty_servers import Faults, faulty_proxy
from tests.integration.archiver.rclone_servers import BUCKET, Server, stored_files
from tests.stack import Stack

#: Servers that are silent take time, and rclone some with each fault.
EVERY = os.environ.get("KEEPSAKE_EVERY_CALL")
PATIENCE = {
    "KEEPSAKE_ARCHIVER__TRIES": "1",
    "KEEPSAKE_ARCHIVER__CALL_TRIES": "1",
    "KEEPSAKE_ARCHIVER__CALL_PAUSE_SECONDS": "0.01",
    "KEEPSAKE_ARCHIVER__STALL_SECONDS": "5",
}
AWAY = ("interrupted", "/problems/destination-away")
FULL = ("interrupted", "/problems/destination-full")
REFUSED = ("interrupted", "/problems/destination-refused")


class Archiver:
    """A running archiver, and a folder that grows."""

    def __init__(self, stack: Stack, bus: Bus, pool: asyncpg.Pool[Any]) -> None:
        self.stack = stack
        self.bus = bus
        self.pool = pool
        self.tree = stack.folder / "tree"
        self.tree.mkdir()
        self.source: Source
        self.password = self.secret("crypt", "battery-staple-5542")

    async def start(self) -> None:
        self.source = await self.bus.request(
            CreateSource(name="tree", type="directory", config=SourceConfig(path=str(self.tree)))
        )

    def secret(self, name: str, value: str) -> Path:
        path = self.stack.folder / f"secret-{name}"
        path.touch(0o600)
        path.write_text(f"{value}\n")
        return path

    async def destination(self, name: str, config: DestinationConfig, **other: Any) -> Destination:
        return await self.bus.request(
            CreateDestination(
                name=name,
                type="rclone" if config.backend else "local",
                config=config,
                crypt=CryptConfig(password_ref=f"file:{self.password}"),
                **other,
            ),
            timeout_seconds=100,
        )

    async def archive(self, destination: Destination) -> Job:
        accepted = await self.bus.request(
            RequestArchive(source_id=self.source.id, destination_id=destination.id)
        )
        return await self.over(accepted.job_id)

    async def retried(self, job: Job) -> Job:
        await self.bus.request(RetryJob(job_id=job.id), subject="cmd.archiver.retry_job")
        return await self.over(job.id)

    async def over(self, job_id: Any) -> Job:
        async with asyncio.timeout(100):
            while True:
                job = await self.bus.request(GetJob(job_id=job_id), subject="cmd.archiver.get_job")
                if job.state not in ("pending", "running"):
                    return job
                await asyncio.sleep(0.02)

    async def archives(self, destination: Destination) -> int:
        return await self.pool.fetchval(
            "select count(*) from archive where destination_id::text = $1", destination.id
        )

    async def suffers(
        self,
        destination: Destination,
        expected: tuple[str, str],
        *,
        begin: Callable[[], object],
        end: Callable[[], object],
        size_bytes: int = 50_000,
    ) -> None:
        """See an archive fail as it should between *begin* and *end*, and be made after that."""
        before = await self.archives(destination)
        (self.tree / f"new {destination.name} {before}").write_bytes(os.urandom(size_bytes))
        begin()
        try:
            job = await self.archive(destination)
        finally:
            end()
        assert (job.state, job.error and job.error.type) == expected, job
        assert job.error is not None
        assert job.error.title.endswith(".")
        assert await self.archives(destination) == before
        job = await self.retried(job)
        assert (job.state, job.error) == ("completed", None), job.error
        assert await self.archives(destination) == before + 1

    async def gives_back(self, destination: Destination) -> None:
        """See that the newest archive there is what the folder is."""
        target = self.stack.folder / f"back from {destination.name}"
        newest = await self.pool.fetchval(
            "select id from archive where destination_id::text = $1 order by number desc limit 1",
            destination.id,
        )
        accepted = await self.bus.request(
            RequestRestore(archive_id=str(newest), target=str(target))  # type: ignore[arg-type]
        )
        assert (await self.over(accepted.job_id)).state == "completed"
        ours, theirs = (
            {path.name: path.read_bytes() for path in folder.iterdir()}
            for folder in (self.tree, target)
        )
        assert ours == theirs


@asynccontextmanager
async def archiver_of(stack: Stack, **settings: str) -> AsyncIterator[Archiver]:
    async with (
        stack.service("archiver", PATIENCE | settings),
        stack.bus("gateway") as bus,
        stack.pool("archiver") as pool,
    ):
        archiver = Archiver(stack, bus, pool)
        await archiver.start()
        yield archiver


async def test_a_job_tells_what_its_server_does_and_is_done_when_that_is_over(
    stack: Stack, tmp_path: Path
) -> None:
    server = Server("s3", tmp_path)
    try:
        with faulty_proxy(server.port) as (port, faults):
            async with archiver_of(stack) as archiver:
                await _server_faults(archiver, server, port, faults)
    finally:
        server.stop()


async def _server_faults(archiver: Archiver, server: Server, port: int, faults: Faults) -> None:
    remote = server.remote("store", port=port)
    key = archiver.secret("s3", remote.secrets["secret_access_key"].reveal())
    cloud = await archiver.destination(
        "cloud",
        DestinationConfig(
            path=remote.path,
            backend="s3",
            options=dict(remote.options),
            secret_options={"secret_access_key": f"file:{key}"},
        ),
    )
    below = server.files / BUCKET / "store"
    assert (await archiver.archive(cloud)).state == "completed"
    cases: list[tuple[int | str, str, tuple[str, str]]] = [
        (503, "SlowDown", AWAY),
        (404, "NoSuchBucket", REFUSED),
    ]
    if EVERY:
        # Single calls meet them in test_faulty_destinations.
        cases += [
            ("drop", "", AWAY),
            (403, "AccessDenied", REFUSED),
            (507, "InsufficientStorage", FULL),
            ("stall", "", AWAY),
        ]
    for mode, code, expected in cases:
        lying = stored_files(below)

        def begin(mode: int | str = mode, code: str = code) -> None:
            faults.mode, faults.code = mode, code

        def end(lying: list[Path] = lying) -> None:
            faults.mode = None
            # Nothing came to be there, under whatever name.
            assert stored_files(below) == lying

        await archiver.suffers(cloud, expected, begin=begin, end=end)
    right = {path: path.read_text() for path in (key, archiver.password)}
    for path, expected in ((key, REFUSED), (archiver.password, AWAY)):
        await archiver.suffers(
            cloud,
            expected,
            begin=lambda path=path: path.write_text("another one\n"),  # type: ignore[misc]
            end=lambda path=path: path.write_text(right[path]),  # type: ignore[misc]
        )
    await archiver.gives_back(cloud)


async def test_a_job_tells_what_backblaze_refuses_and_is_done_when_that_is_over(
    stack: Stack,
) -> None:
    with fake_b2() as b2:
        async with archiver_of(stack) as archiver:
            key = archiver.secret("b2", KEY)
            cloud = await archiver.destination(
                "cloud",
                DestinationConfig(
                    path=f"{B2_BUCKET}/store",
                    backend="b2",
                    options={"account": ACCOUNT, "endpoint": b2.url},
                    secret_options={"key": f"file:{key}"},
                ),
            )
            cases = [("cap", FULL), *((("busy", AWAY), ("slow", AWAY)) if EVERY else ())]
            for mode, expected in cases:
                await archiver.suffers(
                    cloud,
                    expected,
                    begin=lambda mode=mode: setattr(b2, "mode", mode),  # type: ignore[misc]
                    end=lambda: setattr(b2, "mode", None),
                )
            await archiver.suffers(
                cloud,
                REFUSED,
                begin=lambda: key.write_text("K111\n"),
                end=lambda: key.write_text(f"{KEY}\n"),
            )
            await archiver.gives_back(cloud)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a small disk; yields what changes its size."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_a_job_tells_which_disk_is_full_or_gone_and_is_done_when_it_is_not(
    stack: Stack,
) -> None:
    disk, spool = stack.folder / "disk", stack.folder / "s"
    with small_disk(disk, "4m") as resize, small_disk(spool, "40m") as resize_spool:
        async with archiver_of(stack, KEEPSAKE_SCRATCH_DIR=str(spool)) as archiver:
            (disk / "store").mkdir()
            away = await archiver.destination("disk", DestinationConfig(path=str(disk / "store")))
            room = stack.folder / "room"
            room.mkdir()
            roomy = await archiver.destination("room", DestinationConfig(path=str(room)))
            await archiver.suffers(
                away, FULL, begin=lambda: None, end=lambda: resize("60m"), size_bytes=6 << 20
            )
            await archiver.suffers(
                roomy,
                ("interrupted", "/problems/scratch-full"),
                begin=lambda: resize_spool("2m"),
                end=lambda: resize_spool("40m"),
                size_bytes=5 << 20,
            )
            await archiver.suffers(
                away,
                AWAY,
                begin=lambda: (disk / "store").rename(disk / "gone"),
                end=lambda: (disk / "gone").rename(disk / "store"),
            )
            await archiver.gives_back(away)
            assert [*spool.rglob("seen")] == []
