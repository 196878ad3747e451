"""A consumer process that takes an event and hangs, to be killed. Credentials come by stdin."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import msgspec

from shared.bus import Bus, Delivery, EventConsumer
from shared.contracts.topology import CONSUMES
from shared.settings import NatsCredentials, Secret


class Orders(msgspec.Struct):
    url: str
    seed: str
    postgres: dict[str, str | int]
    schema: str


async def hang(_: object, delivery: Delivery) -> None:
    async with delivery.transaction() as connection:
        await connection.execute("insert into effect values ($1, 'dead')", delivery.event_id)
        sys.stdout.write("entered\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


async def main() -> None:
    orders = msgspec.json.decode(sys.stdin.readline(), type=Orders)
    bus = await Bus.connect(
        credentials=NatsCredentials(url=orders.url, nkey_seed=Secret(orders.seed)),
        service="indexer",
    )
    pool = await asyncpg.create_pool(
        **orders.postgres, min_size=1, max_size=3, server_settings={"search_path": orders.schema}
    )
    consumer = EventConsumer(
        bus=bus,
        pool=pool,
        service="indexer",
        handlers=dict.fromkeys(CONSUMES["indexer"], hang),
        concurrency=1,
    )
    await consumer.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main())
