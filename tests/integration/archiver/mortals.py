"""The process whose children die, what they work on, and what has to be there afterwards."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.archiver.opening import Destinations
from services.archiver.storage.jobs import RestoreWish, create_archive_job, create_restore_job
from services.archiver.storage.sources import record_source
from shared.bus import Bus
from shared.contracts.archiver import (
    CreateDestination,
    CryptConfig,
    Destination,
    DestinationConfig,
    Source,
    SourceConfig,
    SourceId,
)
from tests.integration.archiver.mortal import Life, Start, Task
from tests.integration.archiver.rclone_servers import BUCKET, Server, stored_files
from tests.stack import Stack


class Mortals:
    """The process whose children die, and what they work on."""

    def __init__(
        self, stack: Stack, bus: Bus, pool: asyncpg.Pool[Any], servers: dict[str, Server]
    ) -> None:
        self.stack = stack
        self.bus = bus
        self.pool = pool
        self.servers = servers
        self.scratch = stack.folder / "mortal"
        self.tree = stack.folder / "tree"
        self.source_id = uuid4()
        (stack.folder / "ours").mkdir(mode=0o700)
        self.destinations = Destinations(scratch=stack.folder / "ours", allow_commands=False)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.scratch.mkdir(mode=0o700)
        fill(self.tree)
        await self.source(self.source_id, self.tree)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.archiver.mortal"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._tell(
            Start(
                credentials=self.stack.credentials("archiver").encode().decode(),
                scratch=str(self.scratch),
            )
        )

    async def source(self, source_id: UUID, folder: Path) -> None:
        source = Source(
            id=SourceId(str(source_id)),
            name=folder.name,
            type="directory",
            config=SourceConfig(path=str(folder)),
            priority=0,
            created_at=dt.datetime.now(dt.UTC),
        )
        await record_source(self.pool, source)

    async def stop(self) -> None:
        self.destinations.close()
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()

    async def live(self, task: Task) -> Life:
        assert self._process is not None
        assert self._process.stdout is not None
        self._tell(task)
        return msgspec.json.decode(await self._process.stdout.readline(), type=Life)

    def _tell(self, line: msgspec.Struct) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(line) + b"\n")

    async def destination(self, place: str) -> tuple[Destination, Path]:
        """Set a new one up; return it with the folder in which its files can be looked at."""
        kind, _, crypt = place.partition(" ")
        name = uuid4().hex
        if kind in self.servers:
            remote = self.servers[kind].remote(name)
            below = self.servers[kind].files / BUCKET / name
            config = DestinationConfig(
                path=remote.path,
                backend=remote.backend,
                options=dict(remote.options),
                secret_options={
                    option: self._file(option, secret.reveal())
                    for option, secret in remote.secrets.items()
                },
            )
        else:
            below = self.stack.folder / name
            below.mkdir()
            config = DestinationConfig(path=str(below))
        password = CryptConfig(password_ref=self._file("crypt", "battery-staple-5542"))
        made = await self.bus.request(
            CreateDestination(
                name=name,
                type="rclone" if kind in self.servers else "local",
                config=config,
                crypt=password if crypt else None,
            ),
            timeout_seconds=100,
        )
        return made, below

    def _file(self, name: str, secret: str) -> str:
        path = self.stack.folder / f"secret-{name}"
        path.touch(0o600)
        path.write_text(f"{secret}\n")
        return f"file:{path}"

    async def job(self, destination: Destination, source_id: UUID | None = None) -> str:
        """Ask for an archive; nobody is told but who is asked to live."""
        job = await create_archive_job(
            self.pool,
            job_id=uuid4(),
            archive_id=uuid4(),
            source_id=source_id or self.source_id,
            destination_id=UUID(destination.id),
            priority=0,
            request={},
        )
        return str(job.id)

    async def restore_job(self, destination: Destination, target: Path) -> str:
        job_id = uuid4()
        await create_restore_job(
            self.pool,
            job_id=job_id,
            archive_id=await self.pool.fetchval(
                "select id from archive where destination_id = $1", UUID(destination.id)
            ),
            wish=RestoreWish(target=str(target)),
        )
        return str(job_id)

    async def recorded(self, destination: Destination) -> int:
        return await self.pool.fetchval(
            "select count(*) from stored_object where destination_id = $1", UUID(destination.id)
        )

    async def ended(self, job_id: str) -> Any:
        return await self.pool.fetchrow("select * from job where id = $1", UUID(job_id))

    async def state(self, destination: Destination) -> dict[str, Any]:
        """Return all that is known of what lies there, without what names and dates it."""
        ours = UUID(destination.id)
        (archive,) = await self.pool.fetch("select * from archive where destination_id = $1", ours)
        opened = await self.destinations.find(destination)

        def look() -> tuple[bytes, bytes]:
            with opened.opened() as transport:
                assert transport.clean() == 0
                bundle = transport.get(archive["path"])
                return bundle, transport.get(f"{archive['path']}.sha256")

        bundle, beside = await asyncio.to_thread(look)
        assert beside.split()[0].decode() == archive["bundle_sha256"].hex()
        assert hashlib.sha256(bundle).digest() == archive["bundle_sha256"]
        columns = ("source_bytes", "file_count", "torn_count", "skipped_count", "number", "kind")
        objects = await self.pool.fetch(
            "select name, is_pack, size_bytes from stored_object where destination_id = $1"
            " order by name",
            ours,
        )
        blobs = await self.pool.fetch(
            'select sha256, object, "offset", size_bytes from blob where destination_id = $1'
            " order by sha256",
            ours,
        )
        entries = await self.pool.fetch(
            "select path, type, mode, mtime_ns, size_bytes, blobs, target, is_torn, since, until"
            " from tree_entry where destination_id = $1 order by path",
            ours,
        )
        manifest = archive["manifest"]
        return {
            "archive": {column: archive[column] for column in columns},
            "members": manifest["members"],
            "tree": manifest["tree"],
            "objects": [tuple(row) for row in objects],
            "blobs": [tuple(row) for row in blobs],
            "entries": [tuple(row) for row in entries],
        }

    async def nobody_left(self) -> None:
        """Wait until no rclone of a child that is dead is there any more."""
        wanted = f"unix://{self.scratch}/".encode()
        async with asyncio.timeout(60):
            while any(wanted in line for line in await asyncio.to_thread(command_lines)):  # noqa: ASYNC110 -- processes tell nobody
                await asyncio.sleep(0.01)


def command_lines() -> list[bytes]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def fill(tree: Path) -> None:
    (tree / "inner" / "empty folder").mkdir(parents=True)
    (tree / "plain.txt").write_bytes(b"hello\n")
    (tree / "inner" / "again.txt").write_bytes(b"hello\n")
    (tree / "inner" / "empty").touch()
    (tree / "inner" / "small").write_bytes(random.Random(1).randbytes(70_000))
    (tree / "large").write_bytes(random.Random(2).randbytes((4 << 20) + 5))
    (tree / "link").symlink_to("inner/small")
    os.utime(tree / "plain.txt", ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))


def facts(tree: Path) -> dict[str, Any]:
    """Return everything that a restore has to bring back."""
    found: dict[str, Any] = {}
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        content: Any = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(tree))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def untouched(below: Path) -> dict[Path, int]:
    """Return when each file there was changed last, which shows whoever writes it again."""
    return {path: path.stat().st_ctime_ns for path in stored_files(below)}


@asynccontextmanager
async def mortals_of(stack: Stack, servers: dict[str, Server]) -> AsyncIterator[Mortals]:
    async with (
        stack.service("archiver"),
        stack.bus("gateway") as bus,
        stack.pool("archiver") as pool,
    ):
        mortals = Mortals(stack, bus, pool, servers)
        try:
            await mortals.start()
            yield mortals
        finally:
            await mortals.stop()
