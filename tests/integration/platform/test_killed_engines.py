"""Engines that are killed in ways that leave something behind, and a store whose disk was full."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import nats.errors
import pytest

from deploy.local.layout import Layout
from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery, pids_inside
from shared import postgres
from shared.bus import Bus, declare_topology
from shared.contracts.events import BackupRemoved
from shared.contracts.topology import PROVISIONER
from tests.chaos.small_disks import SmallDisk, can_mount
from tests.stack import make_folder

needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs root and the right to mount")


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    folder = make_folder()
    layout = Layout(folder / "data")
    layout.create()
    server = EmbeddedPostgres(layout, nursery=Nursery(), fleeting=True)
    await server.start()
    yield server
    await server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def inside(server: EmbeddedPostgres) -> list[int]:
    return pids_inside(server._data)


async def test_postgres_starts_again_although_a_killed_one_left_a_process(
    server: EmbeddedPostgres,
) -> None:
    (child, *_) = [pid for pid in inside(server) if pid != server.child.pid]
    # It cannot notice that its parent is gone, as one in the middle of a recovery does not.
    os.kill(child, signal.SIGSTOP)
    server.child.send(signal.SIGKILL)
    await server.child.wait()
    assert child in inside(server)
    await server.restart()
    assert child not in inside(server)


async def test_a_stop_leaves_no_process_of_postgres(server: EmbeddedPostgres) -> None:
    for pid in inside(server):
        if pid != server.child.pid:
            os.kill(pid, signal.SIGSTOP)
    await server.stop()
    assert inside(server) == []


async def test_postgres_that_was_killed_is_revived_before_it_is_used(
    server: EmbeddedPostgres,
) -> None:
    server.child.send(signal.SIGKILL)
    await server.child.wait()
    await server.revive()
    assert await postgres.provision(server.admin(), ["unlock"])


@needs_mounts
async def test_an_event_store_that_was_full_stores_again_when_there_is_room(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    disk = SmallDisk(layout.nats, megabytes=24)
    said: list[str] = []
    try:
        layout.create()
        users = [PROVISIONER, "discovery"]
        server = EmbeddedNats(layout, nursery=Nursery(), users=users, say=said.append)
        await server.start()
        buses = [
            await Bus.connect(credentials=server.credentials(user), service=user) for user in users
        ]
        await declare_topology(buses[0])
        publish = partial(buses[1].jetstream.publish, BackupRemoved.subject, b"x" * 4096)
        await publish()
        disk.fill()
        ended = asyncio.create_task(server.wait())
        with pytest.raises(nats.errors.TimeoutError):
            await publish(timeout=1)
        disk.make_room()
        await asyncio.wait_for(ended, 30)
        assert any("cannot write" in line for line in said)
        await server.restart()
        assert (await publish()).seq == 2
        for bus in buses:
            await bus.drain()
    finally:
        await server.stop()
        disk.remove()
