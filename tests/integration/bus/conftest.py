from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from shared.bus import Bus, EventConsumer, Handler, OutboxRelay, declare_topology
from shared.contracts.events import Event
from shared.contracts.topology import PROVISIONER
from shared.postgres.migrate import load
from tests.integration.bus.servers import NatsServer
from tests.stack import Engines

Pool = asyncpg.Pool
MIGRATIONS = [one.sql for one in load("bus", files("shared.bus.migrations"))]


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def make_pool(engines: Engines) -> AsyncIterator[Callable[[], Awaitable[Pool]]]:
    """Make pools, each in a fresh schema with the bus's tables."""
    admin = engines.postgres.admin("postgres")
    async with contextlib.AsyncExitStack() as pools:

        async def make() -> Pool:
            schema = f"bus_{uuid4().hex}"
            pool = await asyncpg.create_pool(
                host=admin.host,
                port=admin.port,
                user=admin.user,
                database=admin.database,
                min_size=1,
                max_size=6,
                server_settings={"search_path": schema},
            )

            async def end() -> None:
                await pool.execute(f"drop schema {schema} cascade")
                await asyncio.wait_for(pool.close(), 10)

            await pool.execute(f"create schema {schema}")
            pools.push_async_callback(end)
            for migration in MIGRATIONS:
                await pool.execute(migration)
            await pool.execute("create table effect (event_id uuid, worker text)")
            return pool

        yield make


@pytest.fixture
async def pool(make_pool: Callable[[], Awaitable[Pool]]) -> Pool:
    """Return a pool on a consuming service's schema."""
    return await make_pool()


@pytest.fixture
async def gateway_pool(make_pool: Callable[[], Awaitable[Pool]]) -> Pool:
    """Return a pool on the gateway's schema."""
    return await make_pool()


class Room:
    """Connections, relays and consumers that end with the test."""

    def __init__(self, server: NatsServer, stack: contextlib.AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def bus(self, user: str, **options: object) -> Bus:
        bus = await Bus.connect(
            credentials=self.server.credentials(user),
            service=user,
            timeout_seconds=10,
            **options,
        )
        self._stack.push_async_callback(bus.client.close)
        return bus

    def run(
        self, work: Callable[[asyncio.Event], Awaitable[None]]
    ) -> tuple[asyncio.Task[None], asyncio.Event]:
        stopping = asyncio.Event()
        task = asyncio.ensure_future(work(stopping))

        async def end() -> None:
            stopping.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)
        return task, stopping

    def relay(self, bus: Bus, pool: Pool) -> tuple[asyncio.Task[None], asyncio.Event]:
        return self.run(OutboxRelay(bus=bus, pool=pool, service=bus.service).run)

    def consume(
        self, bus: Bus, pool: Pool, handlers: dict[type[Event], Handler], *, concurrency: int = 2
    ) -> tuple[asyncio.Task[None], asyncio.Event]:
        consumer = EventConsumer(
            bus=bus,
            pool=pool,
            service=bus.service,
            handlers=handlers,
            concurrency=concurrency,
        )
        return self.run(consumer.run)


@pytest.fixture
async def room(nats_server: NatsServer, make_pool: object) -> AsyncIterator[Room]:
    """Return a room whose streams and consumers are declared; it ends before the pools do."""
    async with contextlib.AsyncExitStack() as stack:
        room = Room(nats_server, stack)
        provisioner = await room.bus(PROVISIONER)
        await declare_topology(provisioner)
        yield room


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Wait for what has to become true; there is no other signal to wait on."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 -- other processes set no event
            await asyncio.sleep(0.02)
