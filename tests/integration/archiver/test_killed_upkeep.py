"""Looking after a store that is killed at a call, whichever, is run again and ends as if it lived.

``make test`` tries a few calls, others each day; ``KEEPSAKE_EVERY_CALL=FILE`` tries all, and writes
down which there were.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.archiver.storage.upkeep import UpkeepKind, UpkeepWish, create_upkeep_job
from tests.integration.archiver.mortal import Life, Task
from tests.integration.archiver.mortals import Mortals, mortals_of
from tests.integration.archiver.test_killed_at_every_call import today
from tests.stack import Stack

EVERY = os.environ.get("KEEPSAKE_EVERY_CALL")
LARGE = (4 << 20) + 5
KINDS: tuple[UpkeepKind, ...] = ("collect", "rebuild", "verify")
#: All that a run of these changes, in an order in which it can be written again.
TABLES = ("archive", "tree_entry", "stored_object", "blob", "stray", "struck_object")


class Store:
    """A store that can be put back as it was, with what is known of it."""

    def __init__(self, mortals: Mortals) -> None:
        self.mortals = mortals
        self.pool = mortals.pool

    async def make(self) -> None:
        """Make archives until there is one of everything that can be due."""
        self.destination, self.folder = await self.mortals.destination("folder")
        self.ours = UUID(self.destination.id)
        for number in range(4):
            chance = random.Random(number)
            (self.mortals.tree / "large").write_bytes(chance.randbytes(LARGE))
            (self.mortals.tree / "inner" / "small").write_bytes(chance.randbytes(5000))
            task = Task(job_id=await self.mortals.job(self.destination), event_id=uuid4())
            assert (await self.mortals.live(task)).status == 0
            if not number:
                # It goes at once, so that there are objects which nobody has needed for days.
                await self._make_due(1)
                assert not (await self.run("collect")).status
                await self.pool.execute(
                    "update stored_object set marked_at = marked_at - interval '3 days',"
                    " stored_at = stored_at - interval '4 days' where marked_at is not null"
                )
        await self._make_due(1)
        leftover = self.folder / "objects" / "ab" / ("ab" * 32)
        leftover.parent.mkdir(exist_ok=True)
        leftover.write_bytes(b"nobody's")
        await self.pool.execute(
            "insert into stray values ($1, $2, clock_timestamp() - interval '3 days')",
            self.ours,
            str(leftover.relative_to(self.folder)),
        )

    async def _make_due(self, number: int) -> None:
        await self.pool.execute(
            "update archive set deletion_scheduled_at = clock_timestamp() - interval '1 hour'"
            " where destination_id = $1 and number = $2",
            self.ours,
            number,
        )

    async def forget_newest(self) -> None:
        """As if its run had ended between its bundle and its row."""
        number = await self.pool.fetchval("select max(number) from archive")
        await self.pool.execute("delete from archive where number = $1", number)
        await self.pool.execute("delete from tree_entry where since = $1", number)
        await self.pool.execute("update tree_entry set until = null where until = $1", number)

    async def forget_all(self) -> None:
        for table in reversed(TABLES):
            await self.pool.execute(f"delete from {table}")

    def damage(self) -> None:
        """Let an object be another one than its name says, and one be gone."""
        first, second, *_ = sorted((self.folder / "objects").glob("[0-9a-f]*/*"))
        first.write_bytes(bytes(first.stat().st_size))
        second.unlink()

    async def keep(self) -> None:
        shutil.copytree(self.folder, self.folder.with_name("kept"), symlinks=True)
        for table in TABLES:
            await self.pool.execute(f"create table kept_{table} as table {table}")

    async def put_back(self, kind: UpkeepKind) -> None:
        """Put everything back, and then bring about what that kind of work is for."""
        await self.forget_all()
        for table in TABLES:
            await self.pool.execute(
                f"insert into {table} overriding system value table kept_{table}"
            )
        await asyncio.to_thread(shutil.rmtree, self.folder)
        await asyncio.to_thread(shutil.copytree, self.folder.with_name("kept"), self.folder)
        match kind:
            case "collect":
                await self.forget_newest()
            case "rebuild":
                await self.forget_all()
            case "verify":
                self.damage()

    async def run(self, kind: UpkeepKind, point: int | None = None) -> Life:
        """Run a job, killed at a point, to its end; return how its first life ended."""
        wish = UpkeepWish(level="full" if kind == "verify" else None)
        job_id = await create_upkeep_job(
            self.pool, job_id=uuid4(), kind=kind, destination_id=self.ours, wish=wish
        )
        task = Task(job_id=job_id, event_id=uuid4(), point=point, folder=str(self.folder))
        life = await self.mortals.live(task)
        if life.status:
            assert life.status == -9, life
            again = await self.mortals.live(msgspec.structs.replace(task, point=None, attempt=2))
            assert again.status == 0, life
        job = await self.mortals.ended(job_id)
        assert job["state"] == "completed", (life, job["error"])
        return life

    async def state(self) -> dict[str, Any]:
        """Return what is known, without moments and numbers of rows."""
        found = {}
        for table, columns in (
            ("archive", "id, number, path, state, bundle_state, bundle_sha256"),
            ("tree_entry", "path, size_bytes, blobs, since, until"),
            ("stored_object", "name, size_bytes, marked_at is null"),
            ("blob", 'sha256, object, "offset", size_bytes'),
            ("struck_object", "name"),
        ):
            rows = await self.pool.fetch(f"select {columns} from {table}")
            found[table] = sorted(tuple(row) for row in rows)
        return found

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        }


async def test_what_looks_after_a_store_and_is_killed_ends_as_if_it_had_lived(stack: Stack) -> None:
    async with mortals_of(stack, {}) as mortals:
        store = Store(mortals)
        await store.make()
        await store.keep()
        for kind in KINDS:
            told = await killed_anywhere(store, kind)
            if EVERY:
                await asyncio.to_thread(Path(f"{EVERY}.{kind}").write_text, "\n".join(told) + "\n")


async def killed_anywhere(store: Store, kind: UpkeepKind) -> list[str]:
    await store.put_back(kind)
    whole = await store.run(kind)
    assert not whole.status
    wanted, files = await store.state(), store.files()
    told = [f"{kind}: {whole.points} points"]
    for point in points_of(whole.points):
        await store.put_back(kind)
        life = await store.run(kind, point)
        assert await store.state() == wanted, (kind, point, life)
        # What was struck from the journal and not deleted goes as nobody's, later; and so does
        # what was nobody's before.
        left = store.files() - files
        assert store.files() >= files, (kind, point, life)
        strays = await store.pool.fetch("select path from stray")
        assert left <= {row["path"] for row in strays}, (kind, point, life)
        assert not left or kind == "collect", (kind, point, life)
        told.append(f"{kind} {point}: {life.last}")
    return told


def points_of(count: int) -> list[int]:
    return list(range(1, count + 1)) if EVERY else [today().randrange(1, count)]
