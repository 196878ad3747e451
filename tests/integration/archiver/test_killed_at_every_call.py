"""An archive that is killed at a call, whichever, is run again and ends as if nothing had been.

How many calls there are is counted in a run that lives. ``make test`` tries a few of them, others
each day; ``KEEPSAKE_EVERY_CALL=FILE`` tries all, and writes down which there were.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import random
import shutil
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

EVERY = os.environ.get("KEEPSAKE_EVERY_CALL")
#: Mark and canary of the store, a bundle and its checksum.
OTHERS = 4
PLACES = ("folder", "local crypt", "s3 crypt", "sftp crypt", "webdav crypt")


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


async def archived_anyway(
    mortals: Mortals, place: str, where: tuple[Destination, Path], point: int | None
) -> tuple[Life, Any]:
    """Kill an archive at a point, run it again, and see that it is whole; return its state."""
    destination, below = where
    folder = str(below) if place == "folder" else None
    job_id, event_id = await mortals.job(destination), uuid4()
    task = Task(job_id=job_id, event_id=event_id, point=point, folder=folder)
    life = await mortals.live(task)
    if life.status:
        assert life.status == -9, life
        await mortals.nobody_left()
        before = await mortals.recorded(destination)
        is_over = (await mortals.ended(job_id))["state"] == "completed"
        lying = untouched(below)
        again = await mortals.live(msgspec.structs.replace(task, point=None, attempt=2))
        assert again.status == 0, life
        now = untouched(below)
        kept = [path for path in lying if now.get(path) == lying[path]]
        # What was written down was not stored again; the mark and the canary neither.
        assert len(kept) >= before + 2, life
        job = await mortals.ended(job_id)
        if not is_over:
            added = job["report"]["objects_added"]
            assert added == await mortals.recorded(destination) - before, life
    else:
        job = await mortals.ended(job_id)
    assert job["state"] == "completed", (life, job["error"])
    await mortals.nobody_left()
    assert not [*mortals.scratch.glob("*rclone-*")], life
    assert not [*(mortals.scratch / "archiver").rglob("seen")], life
    # Nothing else lies there: no leftovers, no bundle of the run that died.
    assert len(stored_files(below)) == await mortals.recorded(destination) + OTHERS, life
    state = await mortals.state(destination)
    target = below.with_name(f"{below.name}-back")
    await restored_anyway(mortals, destination, target, None)
    return life, state


async def restored_anyway(
    mortals: Mortals, destination: Destination, target: Path, point: int | None
) -> Life:
    job_id, event_id = await mortals.restore_job(destination, target), uuid4()
    task = Task(job_id=job_id, event_id=event_id, point=point)
    life = await mortals.live(task)
    if life.status:
        assert life.status == -9, life
        await mortals.nobody_left()
        again = await mortals.live(msgspec.structs.replace(task, point=None, attempt=2))
        assert again.status == 0, life
    job = await mortals.ended(job_id)
    assert (job["state"], job["report"]["refused"]) == ("completed", 0), (life, job)
    assert facts(target) == facts(mortals.tree), life
    shutil.rmtree(target)
    return life


async def test_an_archive_and_a_restore_killed_at_any_call_end_as_if_they_had_lived(
    stack: Stack, servers: dict[str, Server]
) -> None:
    async with mortals_of(stack, servers) as mortals:
        whole = await mortals.destination(PLACES[1])
        life, wanted = await archived_anyway(mortals, PLACES[1], whole, None)
        told = [f"{PLACES[1]}: {life.points} points"]
        lived: set[str] = set()
        for place, point in points_of(life.points):
            if place in lived:
                continue
            where = await mortals.destination(place)
            life, state = await archived_anyway(mortals, place, where, point)
            assert state == wanted, (place, point, life)
            told.append(f"{place} {point}: {life.last}")
            if not life.last:
                # It was over before.
                lived.add(place)
        target = stack.folder / "back"
        for point in restore_points():
            life = await restored_anyway(mortals, whole[0], target, point)
            told.append(f"restore {point}: {life.last}")
        if EVERY:
            await asyncio.to_thread(Path(EVERY).write_text, "\n".join(told) + "\n")


async def test_an_archive_that_another_run_took_up_is_still_that_of_its_job(
    stack: Stack, servers: dict[str, Server]
) -> None:
    async with mortals_of(stack, servers) as mortals:
        destination, _ = await mortals.destination("folder")
        for name in ("first", "second"):
            (mortals.tree / name).write_text(name)
            task = Task(job_id=await mortals.job(destination), event_id=uuid4())
            whole = await mortals.live(task)
        (mortals.tree / "third").write_text("third")
        # The bundle lies in its place; the catalogue has not heard of it.
        died = Task(job_id=await mortals.job(destination), event_id=uuid4(), point=whole.points - 2)
        life = await mortals.live(died)
        assert (life.status, life.last) == (-9, "before record_archive")
        other = uuid4()
        (stack.folder / "other").mkdir()
        await mortals.source(other, stack.folder / "other")
        task = Task(job_id=await mortals.job(destination, other), event_id=uuid4())
        assert (await mortals.live(task)).status == 0
        again = await mortals.live(msgspec.structs.replace(died, point=None, attempt=2))
        assert again.status == 0
        job = await mortals.ended(died.job_id)
        assert (job["state"], job["report"]["archive_id"]) == ("completed", str(job["archive_id"]))
        made = await mortals.pool.fetch(
            "select id, number from archive where source_id = $1 order by number", mortals.source_id
        )
        assert [row["number"] for row in made] == [1, 2, 3]
        assert made[2]["id"] == job["archive_id"]
        paths = await mortals.pool.fetchval(
            "select count(*) from tree_entry where source_id = $1 and path = 'third' and since = 3",
            mortals.source_id,
        )
        assert paths == 1


def points_of(count: int) -> list[tuple[str, int]]:
    """Return where to die: everywhere, or here and there, elsewhere each day."""
    if EVERY:
        places = os.environ.get("KEEPSAKE_PLACES", ",".join(PLACES)).split(",")
        return [(place, point) for place in places for point in range(1, 2 * count)]
    few = (PLACES[1], today().choice([PLACES[0], *PLACES[2:]]))
    return [(place, today().randrange(1, count)) for place in few]


def restore_points() -> list[int]:
    return list(range(1, 33)) if EVERY else [today().randrange(1, 29)]


def today() -> random.Random:
    return random.Random(dt.datetime.now(dt.UTC).date().toordinal())
