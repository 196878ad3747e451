"""A service that stops takes nothing with it and uses up nobody's attempts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.bus import Delivery, EventConsumer, declare_topology
from shared.bus.declare import consumer_config
from shared.contracts.events import IndexRequested
from shared.contracts.topology import CONSUMERS
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import count_is, handlers, recorder, request_index

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from tests.integration.bus.conftest import Room

    Pool = asyncpg.Pool


async def test_a_message_that_arrives_while_its_worker_stops_is_given_back_at_once(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    rounds = 12
    for number in range(rounds):
        indexer = await room.bus("indexer")
        task, stopping = room.consume(indexer, pool, handlers(recorder(pool)), concurrency=4)
        # Pulls are waiting; then messages and the stop come together.
        await eventually(pulls_wait(room, 4))
        await request_index(gateway_pool, n=4)
        await asyncio.sleep(0.0005 * number)
        stopping.set()
        await asyncio.wait_for(task, 10)
        await indexer.drain()
    room.consume(await room.bus("indexer"), pool, handlers(recorder(pool)))
    # Well before ack_wait.
    await eventually(count_is(pool, 4 * rounds), seconds=15)


def pulls_wait(room: Room, n: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        provisioner = await room.bus("provisioner")
        info = await provisioner.jetstream.consumer_info("EVENTS", "indexer")
        await provisioner.client.close()
        return info.num_waiting == n

    return condition


async def test_what_was_delivered_to_a_worker_that_stops_is_given_back(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    """The same without chance: the message is in the subscription and nobody has looked."""
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    consumer = EventConsumer(
        bus=indexer, pool=pool, service="indexer", handlers=handlers(recorder(pool))
    )
    pull = await indexer.jetstream.pull_subscribe_bind(durable="indexer", stream="EVENTS")
    asked = asyncio.ensure_future(pull.fetch(1, timeout=20))
    await eventually(pulls_wait(room, 1))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await request_index(gateway_pool)

    async def arrived() -> bool:
        return bool(pull.pending_msgs)

    await eventually(arrived)
    await consumer._let_go(pull)
    assert await pool.fetchval("select stops from stopped_delivery") == 1
    room.consume(await room.bus("indexer"), pool, handlers(recorder(pool)))
    await eventually(count_is(pool, 1), seconds=15)


async def test_stops_in_the_middle_of_a_run_do_not_count_as_attempts(
    room: Room, pool: Pool, gateway_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.consumer.GRACE_SECONDS", 0.05)
    monkeypatch.setattr("shared.bus.consumer._AFTER_STOP_SECONDS", 0.05)
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    await request_index(gateway_pool)
    attempts: list[int] = []
    for _ in range(12):
        entered = asyncio.Event()

        async def hang(
            _: IndexRequested, delivery: Delivery, entered: asyncio.Event = entered
        ) -> None:
            attempts.append(delivery.attempt)
            assert not delivery.is_last_attempt
            entered.set()
            await asyncio.Event().wait()

        indexer = await room.bus("indexer")
        task, stopping = room.consume(indexer, pool, handlers(hang))
        await asyncio.wait_for(entered.wait(), 20)
        stopping.set()
        await asyncio.wait_for(task, 10)
        await indexer.drain()
    assert attempts == [1] * 12
    room.consume(await room.bus("indexer"), pool, handlers(recorder(pool)))
    await eventually(count_is(pool, 1))


async def test_consumers_of_an_earlier_version_learn_that_the_server_counts_no_more(
    room: Room,
) -> None:
    provisioner = await room.bus("provisioner")
    earlier = consumer_config(CONSUMERS["indexer"])
    earlier.max_deliver = 10
    await provisioner.jetstream.add_consumer("EVENTS", earlier)
    await declare_topology(provisioner)
    info = await provisioner.jetstream.consumer_info("EVENTS", "indexer")
    assert info.config.max_deliver == -1
