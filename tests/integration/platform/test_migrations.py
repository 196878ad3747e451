"""Migrations on a real server: once, in order, whoever starts at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.postgres import MigrationError, connect, migrate
from tests.stack import Stack


async def test_eight_replicas_at_once_apply_each_migration_once(
    stack: Stack, tmp_path: Path
) -> None:
    bus = tmp_path / "bus"
    bus.mkdir()
    (bus / "0001_outbox.sql").write_text("create table outbox (id bigint)")
    own = tmp_path / "own"
    own.mkdir()
    for number in range(1, 6):
        (own / f"000{number}_step.sql").write_text(
            f"create table step{number} (id bigint); insert into step{number} values (1)"
        )
    credentials = stack.credentials("unlock").postgres
    folders = {"bus": bus, "unlock": own}
    applied = await asyncio.gather(
        *(migrate(credentials, schema="unlock", folders=folders) for _ in range(8))
    )
    assert sorted(len(one) for one in applied) == [0] * 7 + [6]
    assert max(applied, key=len)[0] == "bus/0001_outbox.sql"
    async with stack.pool("unlock") as pool:
        assert await pool.fetchval("select count(*) from step5") == 1
        rows = await pool.fetch("select origin, number from migration order by origin, number")
        assert [tuple(row) for row in rows] == [("bus", 1), *(("unlock", n) for n in range(1, 6))]


async def test_a_migration_that_was_changed_after_it_was_applied_stops_the_start(
    stack: Stack, tmp_path: Path
) -> None:
    credentials = stack.credentials("unlock").postgres
    (tmp_path / "0001_a.sql").write_text("create table a (id bigint)")
    await migrate(credentials, schema="unlock", folders={"unlock": tmp_path})
    (tmp_path / "0001_a.sql").write_text("create table a (id text)")
    (tmp_path / "0002_b.sql").write_text("create table b (id bigint)")
    with pytest.raises(MigrationError, match=r"unlock/0001_a\.sql was changed"):
        await migrate(credentials, schema="unlock", folders={"unlock": tmp_path})
    async with stack.pool("unlock") as pool:
        assert await pool.fetchval("select to_regclass('b')") is None


async def test_an_older_program_does_not_touch_a_newer_schema(stack: Stack, tmp_path: Path) -> None:
    credentials = stack.credentials("unlock").postgres
    (tmp_path / "0001_a.sql").write_text("create table a (id bigint)")
    (tmp_path / "0002_b.sql").write_text("create table b (id bigint)")
    await migrate(credentials, schema="unlock", folders={"unlock": tmp_path})
    (tmp_path / "0002_b.sql").unlink()
    with pytest.raises(MigrationError, match="newer than this program"):
        await migrate(credentials, schema="unlock", folders={"unlock": tmp_path})


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    stack: Stack, tmp_path: Path
) -> None:
    credentials = stack.credentials("unlock").postgres
    (tmp_path / "0001_a.sql").write_text("create table a (id bigint)")
    (tmp_path / "0002_b.sql").write_text("create table b (id bigint); select 1 / 0")
    with pytest.raises(MigrationError, match="unlock/0002_b"):
        await migrate(credentials, schema="unlock", folders={"unlock": tmp_path})
    connection = await connect(credentials, schema="unlock")
    try:
        assert await connection.fetchval("select to_regclass('b')") is None
        assert await connection.fetchval("select count(*) from migration") == 1
    finally:
        await connection.close()


async def test_a_gap_in_the_numbers_is_an_error(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "0002_b.sql").write_text("select 1")
    with pytest.raises(MigrationError, match="without gaps"):
        await migrate(
            stack.credentials("unlock").postgres, schema="unlock", folders={"unlock": tmp_path}
        )
