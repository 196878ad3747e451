"""Processes that die with an event in their hands, and handlers that take long but live."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from nats.js.api import ConsumerConfig

from shared.bus import Delivery, EventConsumer
from shared.bus.declare import consumer_config
from shared.contracts.events import IndexRequested
from shared.contracts.topology import CONSUMERS, PROVISIONER
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import count_is, handlers, request_index

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from tests.integration.bus.conftest import Room
    from tests.stack import Engines

    Pool = asyncpg.Pool

ROOT = Path(__file__).parents[3]


async def shorten_ack_wait(room: Room, seconds: float) -> None:
    provisioner = await room.bus(PROVISIONER)
    declared = msgspec.structs.replace(CONSUMERS["indexer"], ack_wait_seconds=seconds)
    config: ConsumerConfig = consumer_config(declared)
    await provisioner.jetstream.add_consumer("EVENTS", config)


def more_than(pool: Pool, n: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return bool(await pool.fetchval("select count(*) > $1 from effect", n))

    return condition


async def test_an_event_in_the_hands_of_a_process_that_is_killed_goes_to_another(
    room: Room, pool: Pool, gateway_pool: Pool, engines: Engines
) -> None:
    await shorten_ack_wait(room, 1.0)
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    admin = engines.postgres.admin("postgres")
    credentials = room.server.credentials("indexer")
    assert credentials.nkey_seed is not None
    orders = {
        "url": credentials.url,
        "seed": credentials.nkey_seed.reveal(),
        "postgres": {
            "host": admin.host,
            "port": admin.port,
            "user": admin.user,
            "database": admin.database,
        },
        "schema": await pool.fetchval("select current_schema()"),
    }
    doomed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.bus.doomed_consumer"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert doomed.stdin is not None
        assert doomed.stdout is not None
        doomed.stdin.write(msgspec.json.encode(orders) + b"\n")
        await request_index(gateway_pool)
        async with asyncio.timeout(30):
            while await doomed.stdout.readline() != b"entered\n":
                assert doomed.returncode is None
    finally:
        doomed.kill()
        await doomed.wait()
    attempts: list[int] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'alive')", delivery.event_id)

    room.consume(await room.bus("indexer"), pool, handlers(on_index_requested))
    await eventually(count_is(pool, 1))
    assert await pool.fetchval("select worker from effect") == "alive"
    assert attempts == [2]


async def test_a_handler_that_takes_longer_than_ack_wait_keeps_its_event(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    await shorten_ack_wait(room, 1.0)
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    attempts: list[int] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        await asyncio.sleep(2.5)
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)

    consumer = EventConsumer(
        bus=indexer, pool=pool, service="indexer", handlers=handlers(on_index_requested)
    )
    consumer._declaration = msgspec.structs.replace(CONSUMERS["indexer"], ack_wait_seconds=1.0)
    room.run(consumer.run)
    await request_index(gateway_pool)
    await eventually(count_is(pool, 1))
    assert attempts == [1]

    async def settled() -> bool:
        return await consumer.lag() == 0

    await eventually(settled)


async def test_events_survive_a_server_that_is_killed_again_and_again(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    # The server may have lost an ack; it must not take half a minute to ask again.
    await shorten_ack_wait(room, 2.0)
    room.relay(gateway, gateway_pool)

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)

    room.consume(indexer, pool, handlers(on_index_requested), concurrency=4)
    for n in range(3):
        await request_index(gateway_pool, n=60)
        # In the middle of it: some are handled, some are on their way.
        await eventually(more_than(pool, 80 * n))
        back = indexer.next_reconnect()
        room.server.kill()
        await request_index(gateway_pool, n=20)
        room.server.start()
        await asyncio.wait_for(back.wait(), 20)
    await eventually(count_is(pool, 240), seconds=60)
    assert await pool.fetchval("select count(distinct event_id) from effect") == 240
    assert await pool.fetchval("select count(*) from inbox") == 240
