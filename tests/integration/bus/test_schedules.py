from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import pytest

from shared.bus import cancel_schedule, declare_schedule
from shared.contracts.envelope import decode_data, unwrap
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import REQUESTED, count_is, handlers, recorder, take

if TYPE_CHECKING:
    import asyncpg

    from tests.integration.bus.conftest import Room

    Pool = asyncpg.Pool

SECOND = dt.timedelta(seconds=1)


def soon(seconds: float = 1) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


async def test_every_firing_is_an_event_of_its_own_until_it_is_cancelled(
    room: Room, pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.consume(indexer, pool, handlers(recorder(pool)))
    await declare_schedule(gateway, "index", "nightly", data=REQUESTED, every=SECOND)
    await eventually(count_is(pool, 2))
    await cancel_schedule(gateway, "index", "nightly")
    fired = await pool.fetchval("select count(*) from effect")
    await declare_schedule(gateway, "index", "marker", data=REQUESTED, at=soon(2))
    await eventually(count_is(pool, fired + 1))
    # Had it gone on, it would have fired as well by now.
    assert await pool.fetchval("select count(*) from effect") == fired + 1


async def test_a_firing_is_followed_with_an_id_and_a_time_of_its_own(room: Room) -> None:
    gateway = await room.bus("gateway")
    began = dt.datetime.now(dt.UTC)
    events = gateway.follow_events(after_sequence=0)
    await declare_schedule(gateway, "index", "nightly", data=REQUESTED, every=SECOND)
    seen = [unwrap(event.data) async for event in take(events, 2)]
    assert len({envelope.id for envelope in seen}) == 2
    assert all(decode_data(envelope) == REQUESTED for envelope in seen)
    assert began < seen[0].time < seen[1].time


async def test_declaring_again_replaces_and_survives_the_server(room: Room, pool: Pool) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.consume(indexer, pool, handlers(recorder(pool)))
    await declare_schedule(gateway, "index", "once", data=REQUESTED, at=soon(1000))
    later = msgspec.structs.replace(REQUESTED, backup_id="b2")
    await declare_schedule(gateway, "index", "once", data=later, at=soon(2))
    back = gateway.next_reconnect()
    room.server.kill()
    room.server.start()
    await asyncio.wait_for(back.wait(), 20)
    (event,) = [event async for event in take(gateway.follow_events(after_sequence=0), 1)]
    assert decode_data(unwrap(event.data)) == later
    await eventually(count_is(pool, 1))


async def test_a_clock_must_be_one_that_can_be_meant(room: Room) -> None:
    gateway = await room.bus("gateway")
    with pytest.raises(ValueError, match="exactly one"):
        await declare_schedule(gateway, "index", "x", data=REQUESTED)
    with pytest.raises(ValueError, match="time zone is for cron"):
        await declare_schedule(
            gateway, "index", "x", data=REQUESTED, every=SECOND, timezone="Europe/Berlin"
        )
    with pytest.raises(ValueError, match=r"is not backup\.requested"):
        await declare_schedule(gateway, "backup", "x", data=REQUESTED, every=SECOND)
    with pytest.raises(ValueError, match="letters"):
        await declare_schedule(gateway, "index", "a.b", data=REQUESTED, every=SECOND)


async def test_cron_with_a_time_zone_is_accepted_by_the_server(room: Room) -> None:
    gateway = await room.bus("gateway")
    await declare_schedule(
        gateway, "index", "x", data=REQUESTED, cron="30 3 * * *", timezone="Europe/Berlin"
    )
    await declare_schedule(gateway, "index", "x", data=REQUESTED, cron="@daily")
    await cancel_schedule(gateway, "index", "x")
    await cancel_schedule(gateway, "index", "never-declared")
