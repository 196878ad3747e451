"""An archive that is killed at a call, whichever, is run again and ends as if nothing had been.

How many calls there are is counted in a run that lives. ``make test`` tries a few of them, others
each day; ``KEEPSAKE_EVERY_CALL=FILE`` tries all, and writes down which there were.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from shared.contracts.archiver import (
    Destination,
)
from tests.integration.archiver.mortal import Life, Task
from tests.integration.archiver.mortals import Mortals, facts, mortals_of, untouched
from tests.integration.archiver.rclone_servers import Server, stored_files
from tests.stack import Stack

EVERY = os.environ.get("KEEPSAKE_EVERY_CALL")
#: Mark and canary of the store, a bundle and its checksum.
OTHERS = 4
PLACES = ("folder", "local crypt", "s3 crypt", "sftp crypt", "webdav crypt")


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
