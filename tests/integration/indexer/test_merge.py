"""The SQL of the history against the pure algebra, on a real Postgres."""

from __future__ import annotations

import random
from typing import Any

import pytest
from staged import artifact, day, index_staged, load_staged

from services.indexer.history.algebra import Row, forget, observe
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_timeline import Moment

TABLE = "select key, text, added_at, removed_at from artifact where device = $1"


async def rows_of(connection: Any, device: str) -> set[Row]:
    days = {day(number): number for number in range(20)}
    return {
        Row(
            row["key"],
            row["text"],
            days[row["added_at"]],
            None if row["removed_at"] is None else days[row["removed_at"]],
        )
        for row in await connection.fetch(TABLE, device)
    }


@pytest.mark.parametrize("first", ["merged", "loaded"])
async def test_tables_hold_exactly_the_rows_of_the_algebra(
    connection: Any, connect: Any, first: str
) -> None:
    """Any order of observations, re-observations and forgets, on several devices."""
    for seed in range(12):
        chance = random.Random(seed)
        device = f"device-{seed}"
        timeline: set[int] = set()
        rows: frozenset[Row] = frozenset()
        for _ in range(12):
            moment = chance.randrange(7)
            if moment in timeline and chance.random() < 0.5:
                await_forget = Moment(device=device, taken_at=day(moment))
                async with connection.transaction():
                    await forget_moment(connection, await_forget)
                rows = forget(rows, timeline, moment)
                timeline.discard(moment)
            else:
                content = {key: chance.choice("xyz") for key in "abcdef" if chance.random() < 0.6}
                artifacts = [
                    artifact(n, key, digest, occurred_at_us=1_700_000_000_000_000)
                    for n, (key, digest) in enumerate(content.items())
                ]
                if first == "loaded" and not timeline and not rows:
                    report = await load_staged(
                        connection, connect, device=device, moment=moment, artifacts=artifacts
                    )
                else:
                    report = await index_staged(
                        connection, device=device, moment=moment, artifacts=artifacts
                    )
                rows = observe(rows, timeline, moment, content.items())
                timeline.add(moment)
                assert report.added == sum(row.added == moment for row in rows)
                assert report.removed == sum(row.removed == moment for row in rows)
            assert await rows_of(connection, device) == rows


async def test_a_second_run_over_the_same_content_writes_no_artifact(connection: Any) -> None:
    content = [artifact(n, f"key-{n}", f"text {n}") for n in range(200)]
    await index_staged(connection, device="d", moment=1, artifacts=content)
    before = await connection.fetch("select id, ctid::text, xmin::text from artifact order by id")
    await index_staged(connection, device="d", moment=1, artifacts=content)
    await index_staged(connection, device="d", moment=2, artifacts=content)
    after = await connection.fetch("select id, ctid::text, xmin::text from artifact order by id")
    assert after == before


async def test_only_what_changed_is_written_by_the_next_revision(connection: Any) -> None:
    content = [artifact(n, f"key-{n}", f"text {n}") for n in range(100)]
    await index_staged(connection, device="d", moment=1, artifacts=content)
    before = {
        r["id"]: r["x"] for r in await connection.fetch("select id, xmin::text x from artifact")
    }
    content[7] = artifact(7, "key-7", "another text")
    report = await index_staged(connection, device="d", moment=2, artifacts=content[:99])
    after = {
        r["id"]: r["x"] for r in await connection.fetch("select id, xmin::text x from artifact")
    }
    written = {id_ for id_, xmin in after.items() if before.get(id_) != xmin}
    assert len(written) == 3  # the changed one closed and opened, the vanished one closed
    assert (report.added, report.removed) == (1, 2)


async def test_two_artifacts_with_one_key_count_as_one_and_one_is_skipped(connection: Any) -> None:
    doubled = [artifact(1, "a", "first"), artifact(2, "a", "second"), artifact(3, "k" * 2000)]
    report = await index_staged(connection, device="d", moment=1, artifacts=doubled)
    assert (report.kept, report.skipped) == (1, 2)
    assert await connection.fetchval("select text from artifact") == "first"


async def test_two_revisions_of_one_moment_stand_beside_each_other(connection: Any) -> None:
    from services.indexer.history.storage_timeline import record_revision

    for digest in ("a" * 40, "b" * 40, "a" * 40):
        await record_revision(
            connection,
            device="d",
            digest=digest,
            taken_at=day(1),
            backup_id="6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        )
    assert await connection.fetchval("select count(distinct taken_at) from revision") == 2
