"""From the commit of an event to its handler: outbox, NOTIFY, stream, inbox, on an idle vault."""

from __future__ import annotations

import asyncio
import shutil
import time
from importlib.resources import files

from shared import postgres
from shared.bus import Delivery, EventConsumer, OutboxRelay, publish
from shared.contracts.events import BackupRemoved
from shared.contracts.identifiers import BackupId
from shared.event_loop import new_event_loop
from tests.bench.figures import Figure, percentile
from tests.stack import Engines, Stack, fresh_stack, make_folder

_EVENTS = 300
_WARM_UP = 20


async def _once(stack: Stack, times: list[float]) -> None:
    for service in ("discovery", "unlock"):
        await postgres.migrate(
            stack.credentials(service).postgres,
            schema=service,
            folders={"bus": files("shared.bus").joinpath("migrations")},
        )
    handled: asyncio.Queue[float] = asyncio.Queue()

    async def on_backup_removed(_event: BackupRemoved, delivery: Delivery) -> None:
        handled.put_nowait(time.perf_counter())
        async with delivery.transaction():
            pass

    async with (
        stack.bus("discovery") as sender,
        stack.bus("unlock") as receiver,
        stack.pool("discovery") as source,
        stack.pool("unlock") as target,
        asyncio.TaskGroup() as loops,
    ):
        stopping = asyncio.Event()
        relay = OutboxRelay(bus=sender, pool=source, service="discovery")
        consumer = EventConsumer(
            bus=receiver,
            pool=target,
            service="unlock",
            handlers={BackupRemoved: on_backup_removed},
        )
        loops.create_task(relay.run(stopping))
        loops.create_task(consumer.run(stopping))
        event = BackupRemoved(backup_id=BackupId("6f9619ff-8b86-4d01-b42d-00cf4fc964ff"), udid=None)
        for number in range(_EVENTS + _WARM_UP):
            async with source.acquire() as connection:
                async with connection.transaction():
                    await publish(connection, event, service="discovery")
                committed = time.perf_counter()
            arrived = await asyncio.wait_for(handled.get(), 10)
            if number >= _WARM_UP:
                times.append(arrived - committed)
            await asyncio.sleep(0.01)
        stopping.set()


def measure() -> list[Figure]:
    """Both ends in this process, so that one clock times them; the engines wait for no disk."""
    folder = make_folder()
    times: list[float] = []

    async def run() -> None:
        engines = Engines(folder)
        await engines.postgres.start()
        try:
            async with fresh_stack(engines) as stack:
                await _once(stack, times)
        finally:
            await engines.postgres.stop()

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Figure(
            path="event, commit to handler, p50",
            value=percentile(times, 0.5) * 1000,
            unit="ms",
            goal="<=1",
        ),
        Figure(
            path="event, commit to handler, p99",
            value=percentile(times, 0.99) * 1000,
            unit="ms",
            goal="<=10",
        ),
    ]
