from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from shared.contracts.envelope import wrap
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import REQUESTED, take
from tests.integration.bus.test_schedules import soon

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.bus import Bus, StoredEvent
    from tests.integration.bus.conftest import Room


async def put(bus: Bus, name: str) -> None:
    event = msgspec.structs.replace(REQUESTED, backup_id=name)
    body = wrap(event, service="gateway", event_id=uuid4(), occurred_at=soon())
    await bus.jetstream.publish("index.requested", body)


def names(events: list[StoredEvent]) -> list[str]:
    return [msgspec.json.decode(event.data)["data"]["backup_id"] for event in events]


async def test_events_are_followed_in_order_from_where_the_follower_was(room: Room) -> None:
    gateway = await room.bus("gateway")
    for name in "abcd":
        await put(gateway, name)
    events = [event async for event in take(gateway.follow_events(after_sequence=1), 3)]
    assert names(events) == ["b", "c", "d"]
    assert [event.sequence for event in events] == [2, 3, 4]
    assert {event.subject for event in events} == {"index.requested"}
    assert await gateway.last_sequence() == 4


async def test_without_a_place_only_what_happens_from_now_on_is_followed(room: Room) -> None:
    gateway, follower = await room.bus("gateway"), await room.bus("gateway")
    await put(gateway, "old")
    events = follower.follow_events(after_sequence=None)
    first = asyncio.ensure_future(anext(events))
    n = 0
    while not first.done():
        n += 1
        await put(gateway, f"new{n}")
        await asyncio.wait({first}, timeout=0.05)
    assert names([await first])[0].startswith("new")
    await events.aclose()


async def test_following_goes_on_without_gaps_when_the_server_was_killed(room: Room) -> None:
    gateway, follower = await room.bus("gateway"), await room.bus("gateway")
    seen: list[StoredEvent] = []

    async def follow() -> None:
        async with contextlib.aclosing(follower.follow_events(after_sequence=0)) as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 -- read while it grows

    def has(n: int) -> Callable[[], Awaitable[bool]]:
        async def condition() -> bool:
            return len(seen) == n

        return condition

    task = asyncio.ensure_future(follow())
    try:
        await put(gateway, "a")
        await eventually(has(1))
        back = gateway.next_reconnect()
        room.server.kill()
        room.server.start()
        await asyncio.wait_for(back.wait(), 20)
        for name in "bcd":
            await put(gateway, name)
        await eventually(has(4), seconds=12)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert names(seen) == ["a", "b", "c", "d"]


async def test_a_follower_that_remembers_more_than_the_stream_has_starts_at_its_end(
    room: Room,
) -> None:
    """The data folder was replaced: places from before mean nothing."""
    gateway, follower = await room.bus("gateway"), await room.bus("gateway")
    await put(gateway, "old")
    events = follower.follow_events(after_sequence=5000)
    first = asyncio.ensure_future(anext(events))
    while not first.done():
        await put(gateway, "new")
        await asyncio.wait({first}, timeout=0.05)
    assert names([await first]) == ["new"]
    await events.aclose()
