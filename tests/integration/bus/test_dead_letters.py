from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from shared.bus import (
    DeadLetter,
    Delivery,
    Reject,
    Retry,
    delete_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from shared.contracts.events import IndexRequested
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Done
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import count_is, handlers, recorder, request_index

if TYPE_CHECKING:
    import asyncpg

    from shared.bus import Bus
    from tests.integration.bus.conftest import Room

    Pool = asyncpg.Pool


async def letters_of(bus: Bus, n: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []

    async def arrived() -> bool:
        found[:] = (await list_dead_letters(bus)).items
        return len(found) >= n

    await eventually(arrived)
    return found


async def test_a_rejected_event_becomes_a_dead_letter_with_its_reason(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")

    async def on_index_requested(_: IndexRequested, __: Delivery) -> None:
        raise Reject(reason="the backup is not one\nof ours")

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)
    (letter,) = await letters_of(gateway, 1)
    assert letter.consumer == "indexer"
    assert letter.reason == "the backup is not one of ours"
    assert letter.deliveries == 1
    assert letter.event_type == "index.requested"
    assert letter.event_id == await gateway_pool.fetchval("select event_id from outbox")


async def test_an_event_that_is_retried_too_often_becomes_a_dead_letter(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    attempts: list[bool] = []

    async def on_index_requested(_: IndexRequested, delivery: Delivery) -> None:
        attempts.append(delivery.is_last_attempt)
        raise Retry(after_seconds=0.02)

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)
    (letter,) = await letters_of(gateway, 1)
    assert attempts == [False] * 9 + [True]
    assert letter.deliveries == 10
    assert letter.reason == "gave up after 10 attempts: it asked for another try"


async def test_an_event_that_kills_every_consumer_becomes_a_dead_letter(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    """Nobody lives to reject it; who gets it next counts, and lets it go untried."""
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.relay(gateway, gateway_pool)
    await request_index(gateway_pool)
    # As if ten processes had died with the message in their hands.
    pull = await indexer.jetstream.pull_subscribe_bind(durable="indexer", stream="EVENTS")
    for _ in range(10):
        (message,) = await pull.fetch(1, timeout=10)
        await message.nak(delay=0.01)
    await pull.unsubscribe()
    room.consume(indexer, pool, handlers(recorder(pool)))
    (letter,) = await letters_of(gateway, 1)
    assert letter.reason == "deliveries ran out: no handler lived to answer"
    assert letter.deliveries == 11
    assert await pool.fetchval("select count(*) from effect") == 0


async def test_what_is_no_event_becomes_a_dead_letter_without_one(room: Room, pool: Pool) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    room.consume(indexer, pool, handlers(recorder(pool)))
    for body in (
        b"not json",
        b'{"specversion":"1.0","id":"%s","source":"/s","type":"index.requested",'
        b'"time":"2026-01-01T00:00:00Z","data":{"job_id":7}}' % str(uuid4()).encode(),
    ):
        await gateway.jetstream.publish("index.requested", body)
    unreadable, malformed = sorted(await letters_of(gateway, 2), key=lambda a: a.reason)[::-1]
    assert (unreadable.event, unreadable.reason) == (None, "not an event envelope")
    assert malformed.reason == "malformed index.requested"


async def test_a_dead_letter_can_be_tried_again_by_its_consumer(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    is_repaired = asyncio.Event()
    handle = recorder(pool)

    async def on_index_requested(event: IndexRequested, delivery: Delivery) -> None:
        if not is_repaired.is_set():
            raise Reject(reason="not yet repaired")
        await handle(event, delivery)

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool)
    (letter,) = await letters_of(gateway, 1)
    is_repaired.set()
    assert await retry_dead_letter(gateway, letter.sequence) == Done()
    await eventually(count_is(pool, 1))
    # It is the same event, and the letter is gone.
    assert await pool.fetchval("select event_id from effect") == letter.event_id
    assert (await list_dead_letters(gateway)).items == []
    with pytest.raises(ProblemError) as caught:
        await retry_dead_letter(gateway, letter.sequence)
    assert caught.value.problem.status == 404


async def test_dead_letters_come_in_pages_and_can_be_let_go(
    room: Room, pool: Pool, gateway_pool: Pool
) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")

    async def on_index_requested(_: IndexRequested, __: Delivery) -> None:
        raise Reject(reason="no")

    room.relay(gateway, gateway_pool)
    room.consume(indexer, pool, handlers(on_index_requested))
    await request_index(gateway_pool, n=3)
    letters = await letters_of(gateway, 3)
    first = await list_dead_letters(gateway, limit=2)
    assert first.next_cursor is not None
    second = await list_dead_letters(gateway, limit=2, cursor=first.next_cursor)
    assert [*first.items, *second.items] == letters
    assert second.next_cursor is None
    assert await delete_dead_letter(gateway, letters[1].sequence) == Done()
    assert await delete_dead_letter(gateway, letters[1].sequence) == Done(changed=False)
    assert await delete_dead_letter(gateway, 999) == Done(changed=False)
    left = (await list_dead_letters(gateway)).items
    assert [letter.sequence for letter in left] == [letters[0].sequence, letters[2].sequence]
    with pytest.raises(ProblemError):
        await list_dead_letters(gateway, cursor="x")
