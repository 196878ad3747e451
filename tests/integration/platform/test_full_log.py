"""A write-ahead log without room: Postgres panics, cannot recover, is back when there is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from deploy.local.errors import StartError
from deploy.local.layout import Layout
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from shared import postgres
from tests.chaos.small_disks import SmallDisk, can_mount
from tests.chaos.write_ahead import panics, write_log
from tests.stack import make_folder

needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root and the right to mount")


@pytest.fixture
async def cramped() -> AsyncIterator[tuple[EmbeddedPostgres, Layout, SmallDisk]]:
    """A server whose tables and log are on a small disk, its own words on another."""
    folder = make_folder()
    disk = SmallDisk(folder / "database", megabytes=200)
    layout = Layout(folder / "data")
    layout.create()
    (folder / "data/postgres.location").write_text(f"{folder}/database/postgres\n")
    server = EmbeddedPostgres(layout, nursery=Nursery())
    try:
        await server.start()
        yield server, layout, disk
    finally:
        await server.stop()
        disk.remove()
        shutil.rmtree(folder, ignore_errors=True)


@needs_mounts
async def test_a_postgres_that_panicked_for_want_of_room_keeps_what_was_committed(
    cramped: tuple[EmbeddedPostgres, Layout, SmallDisk],
) -> None:
    server, layout, disk = cramped
    connection = await postgres.connect(server.admin())
    await connection.execute("create table kept as select generate_series(1, 1000) as n")
    disk.fill()
    ended = asyncio.create_task(server.wait())
    await write_log(server.sockets)
    # It panics, finds no room to write down that it has recovered, and ends.
    assert await asyncio.wait_for(ended, 60) != 0
    assert panics(layout.data_dir)
    connection.terminate()
    # As often as it is tried while the disk is full, and the reason is said.
    for _ in range(2):
        with pytest.raises(StartError, match="is full"):
            await server.restart()
    disk.make_room()
    await server.restart()
    connection = await postgres.connect(server.admin())
    assert await connection.fetchval("select sum(n) from kept") == 500_500
    await connection.execute("insert into kept values (1)")
    await connection.close()
