from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from shared.bus import Delivery, Retry, publish
from shared.contracts.events import (
    BackupRemoved,
    Event,
    IndexCompleted,
    IndexRequested,
)
from shared.contracts.topology import CONSUMES
from tests.integration.bus.conftest import eventually

if TYPE_CHECKING:
    import asyncpg

    from shared.bus import Handler
    from tests.integration.bus.conftest import Room

    Pool = asyncpg.Pool

REQUESTED = IndexRequested(job_id="j1", backup_id="b1")
COMPLETED = IndexCompleted(
    job_id="j1", backup_id="b1", udid="U1", revision="r1", kept={}, incomplete_kinds=[]
)


async def ignore(_: Event, delivery: Delivery) -> None:
    async with delivery.transaction():
        pass


def handlers(on_index: Handler, on_removed: Handler = ignore) -> dict[type[Event], Handler]:
    others = dict.fromkeys(CONSUMES["indexer"], ignore)
    return {**others, IndexRequested: on_index, BackupRemoved: on_removed}


def recorder(pool: Any) -> Handler:
    async def on_index_requested(event: IndexRequested, delivery: Delivery) -> None:
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)
            await delivery.publish(connection, COMPLETED)

    return on_index_requested


async def request_index(pool: Any, *, n: int = 1) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for _ in range(n):
            await publish(connection, REQUESTED, service="gateway")


def count_is(pool: Any, n: int, table: str = "effect") -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return bool(await pool.fetchval(f"select count(*) from {table}") == n)

    return condition


async def test_an_event_goes_from_outbox_through_the_stream_into_the_inbox_once(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    room.relay(indexer, pool)
    room.consume(indexer, pool, handlers(recorder(pool)))
    await request_index(gateway_pool, n=20)
    await eventually(count_is(pool, 20))
    # The relay died after publishing and before saying so: it publishes again.
    await gateway_pool.execute("update outbox set published_at = null")
    await gateway_pool.execute(
        "insert into outbox (event_id, subject, payload) select "
        "gen_random_uuid(), subject, payload from outbox limit 3"
    )

    async def all_sent() -> bool:
        return not await gateway_pool.fetchval(
            "select exists (select from outbox where published_at is null)"
        )

    await eventually(all_sent)

    async def nothing_waits() -> bool:
        info = await indexer.jetstream.consumer_info("EVENTS", "indexer")
        return info.num_pending == 0 and info.num_ack_pending == 0

    await eventually(nothing_waits)
    # Twenty by the message id; three with other message ids but the same event ids by the inbox.
    assert await pool.fetchval("select count(*) from effect") == 20
    assert await pool.fetchval("select count(*) from outbox") == 20
    assert await pool.fetchval("select count(*) from inbox") == 20


async def test_an_event_of_a_transaction_that_is_rolled_back_is_never_published(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    with contextlib.suppress(ZeroDivisionError):
        async with gateway_pool.acquire() as connection, connection.transaction():
            await publish(connection, REQUESTED, service="gateway")
            raise ZeroDivisionError
    await request_index(gateway_pool)

    async def arrived() -> bool:
        return await gateway.last_sequence() >= 1

    await eventually(arrived)
    assert await gateway.last_sequence() == 1


async def test_events_wait_in_the_outbox_while_the_server_is_away(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    room.server.kill()
    await request_index(gateway_pool, n=5)
    room.server.start()

    async def all_sent() -> bool:
        return not await gateway_pool.fetchval(
            "select exists (select from outbox where published_at is null)"
        )

    await eventually(all_sent)
    assert await gateway.last_sequence() == 5


async def test_the_relay_survives_the_loss_of_its_database_connections(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    relay, _ = room.relay(gateway, gateway_pool)
    await request_index(gateway_pool)
    await eventually(count_is(gateway_pool, 1, "outbox where published_at is not null"))
    with contextlib.suppress(Exception):
        await gateway_pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where pid <> pg_backend_pid() and backend_type = 'client backend'"
        )
    await request_index(gateway_pool)
    await eventually(count_is(gateway_pool, 2, "outbox where published_at is not null"))
    assert not relay.done()


async def test_an_event_in_the_hands_of_a_consumer_that_dies_goes_to_another(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    entered = asyncio.Event()

    async def hang(_: IndexRequested, delivery: Delivery) -> None:
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'dead')", delivery.event_id)
            entered.set()
            await asyncio.Event().wait()

    attempts: list[int] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)

    room.relay(gateway, gateway_pool)
    doomed = await room.bus("indexer")
    task, _ = room.consume(doomed, pool, handlers(hang))
    await request_index(gateway_pool)
    await asyncio.wait_for(entered.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    survivor = await room.bus("indexer")
    room.consume(survivor, pool, handlers(on_index_requested))
    await eventually(count_is(pool, 1))
    assert await pool.fetchval("select worker from effect") == "w"
    # It could still give the event back, which is no attempt.
    assert attempts == [1]


async def test_consuming_goes_on_at_once_after_the_server_was_killed(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(recorder(pool)))
    await request_index(gateway_pool)
    await eventually(count_is(pool, 1))
    room.server.kill()
    room.server.start()
    await request_index(gateway_pool)
    # Less than the twenty seconds that a forgotten pull would take to run out.
    await eventually(count_is(pool, 2), seconds=12)


async def test_retry_delivers_again_and_counts_the_attempt(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    attempts: list[tuple[int, float]] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        attempts.append((delivery.attempt, asyncio.get_running_loop().time()))
        if delivery.attempt < 3:
            raise Retry(after_seconds=0.3)
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)
    await eventually(count_is(pool, 1))
    assert [n for n, _ in attempts] == [1, 2, 3]
    assert attempts[1][1] - attempts[0][1] >= 0.29


async def test_a_bug_in_a_handler_is_retried_later(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)
            if delivery.attempt == 1:
                raise RuntimeError("a bug")

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)
    await eventually(count_is(pool, 1))


async def test_the_trace_of_the_cause_reaches_the_effects(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    room.relay(indexer, pool)
    room.consume(indexer, pool, handlers(recorder(pool)))
    cause = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with gateway_pool.acquire() as connection:
        await publish(connection, REQUESTED, service="gateway", traceparent=cause)
    traces = [
        event.data.partition(b'"traceparent":"00-')[2][:32].decode()
        async for event in take(gateway.follow_events(after_sequence=0), 2)
    ]
    assert traces == [cause[3:35], cause[3:35]]


async def test_stopping_waits_for_handlers_and_leaves_nothing_unsettled(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    entered, finish = asyncio.Event(), asyncio.Event()

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        async with delivery.transaction() as connection:
            await connection.execute("insert into effect values ($1, 'w')", delivery.event_id)
            entered.set()
            await finish.wait()

    room.relay(gateway, gateway_pool)
    task, stopping = room.consume(indexer, pool, handlers(on_index_requested), concurrency=1)
    await request_index(gateway_pool, n=2)
    await asyncio.wait_for(entered.wait(), 20)
    stopping.set()
    finish.set()
    await asyncio.wait_for(task, 10)
    await indexer.drain()
    assert await pool.fetchval("select count(*) from effect") == 1

    async def other_one_waits() -> bool:
        provisioner = await room.bus("provisioner")
        info = await provisioner.jetstream.consumer_info("EVENTS", "indexer")
        return (info.num_ack_pending, info.num_pending) == (0, 1)

    await eventually(other_one_waits)


async def test_a_handler_that_outlives_the_grace_is_cancelled_and_its_event_comes_again(
    room: Room, pool: Pool, gateway_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    entered = asyncio.Event()

    async def hang(_: IndexRequested, __: Delivery) -> None:
        entered.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("shared.bus.consumer.GRACE_SECONDS", 0.1)
    room.relay(gateway, gateway_pool)
    task, stopping = room.consume(indexer, pool, handlers(hang))
    await request_index(gateway_pool)
    await asyncio.wait_for(entered.wait(), 20)
    stopping.set()
    await asyncio.wait_for(task, 10)
    room.consume(indexer, pool, handlers(recorder(pool)))
    # Well before ack_wait, because the cancelled handler gave it back.
    await eventually(count_is(pool, 1), seconds=20)


async def test_a_handler_may_ask_first_whether_the_event_is_done(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    seen: list[bool] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        seen.append(await delivery.is_done())
        if not seen[-1]:
            async with delivery.transaction():
                pass
            raise Retry(after_seconds=0.01)

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)

    async def twice() -> bool:
        return len(seen) == 2

    await eventually(twice)
    assert seen == [False, True]


async def test_handlers_must_be_what_the_topology_declares(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    indexer = await room.bus("indexer")
    with pytest.raises(ValueError, match="exactly"):
        room.consume(indexer, pool, {IndexRequested: ignore})


async def test_a_service_cannot_write_anothers_event_to_its_outbox(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(ValueError, match="discovery does not produce"):
            await publish(connection, REQUESTED, service="discovery")


async def take(events: Any, n: int) -> Any:
    async with contextlib.aclosing(events), asyncio.timeout(20):
        async for event in events:
            yield event
            n -= 1
            if n == 0:
                return
