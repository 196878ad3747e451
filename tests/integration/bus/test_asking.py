"""Many requests on one connection: each gets its own reply, and none leaves anything behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.bus import RequestContext
from shared.contracts.discovery import LocateBackup, Location
from shared.contracts.problems import ProblemError
from tests.integration.bus.test_requests import LOCATION

if TYPE_CHECKING:
    from tests.integration.bus.conftest import Room


async def test_replies_that_overtake_each_other_reach_who_asked(room: Room) -> None:
    async def locate(request: LocateBackup, _: RequestContext) -> Location:
        number = int(request.backup_id)
        await asyncio.sleep((50 - number) / 1000)
        return Location(
            backup_id=request.backup_id,
            path="/b" * number,
            udid=None,
            state="complete",
            encrypted=False,
            format="manifest_db",
            revision=None,
            taken_at=None,
        )

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    found = await asyncio.gather(
        *(gateway.request(LocateBackup(backup_id=str(number))) for number in range(50))
    )
    assert [one.path for one in found] == ["/b" * number for number in range(50)]
    assert gateway._asking._replies.waiting == {}


async def test_a_reply_that_nobody_waits_for_any_more_is_dropped(room: Room) -> None:
    answering = asyncio.Event()
    asked: list[str] = []

    async def locate(request: LocateBackup, _: RequestContext) -> Location:
        asked.append(request.backup_id)
        if request.backup_id != "quick":
            await answering.wait()
        return LOCATION

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    with pytest.raises(ProblemError) as late:
        await gateway.request(LocateBackup(backup_id="late"), timeout_seconds=0.1)
    assert late.value.problem.type == "/problems/timeout"
    gone = asyncio.create_task(gateway.request(LocateBackup(backup_id="gone")))
    async with asyncio.timeout(10):
        while "gone" not in asked:  # noqa: ASYNC110 -- the bus decides
            await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert gateway._asking._replies.waiting == {}
    answering.set()
    assert await gateway.request(LocateBackup(backup_id="quick")) == LOCATION


async def test_requests_find_their_replies_again_after_the_connection_was_lost(room: Room) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        return LOCATION

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    assert await gateway.request(LocateBackup(backup_id="b1")) == LOCATION
    back = gateway.next_reconnect()
    # As a server that was killed looks from here.
    transport = gateway.client._transport
    assert transport is not None
    transport._io_writer.transport.abort()  # type: ignore[attr-defined]
    await asyncio.wait_for(back.wait(), 10)
    assert await gateway.request(LocateBackup(backup_id="b1")) == LOCATION
