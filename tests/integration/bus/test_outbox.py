"""Rows that the stream does not take, among rows that it does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import nats.errors
import nats.js.errors
import pytest

from shared.bus import OutboxRelay
from shared.bus.metrics import OUTBOX_PARKED, OUTBOX_UNPUBLISHED
from shared.bus.outbox import MOST_FAILURES
from shared.contracts.topology import EVENT_STREAM, PROVISIONER
from tests.integration.bus.conftest import eventually
from tests.integration.bus.test_events import count_is, request_index

if TYPE_CHECKING:
    import asyncpg

    from tests.integration.bus.conftest import Room

    Pool = asyncpg.Pool

PUBLISHED = "outbox where published_at is not null"
PARKED = "outbox where parked_at is not null"


async def poison(pool: Any, n: int, *, subject: str = "", size: int = 10) -> None:
    """Write rows that cannot be published: of no subject, of one that is not ours, too large."""
    await pool.executemany(
        "insert into outbox (event_id, subject, payload) values ($1, $2, $3)",
        [(uuid4(), subject, bytes(size)) for _ in range(n)],
    )


async def let_time_pass(pool: Any) -> None:
    """Make every row that steps back due again."""
    await pool.execute("update outbox set retry_at = now() where retry_at is not null")


async def test_a_hundred_rows_that_cannot_be_published_do_not_hold_up_the_next(
    room: Room, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    await poison(gateway_pool, 130)
    await request_index(gateway_pool, n=5)
    room.relay(gateway, gateway_pool)
    await eventually(count_is(gateway_pool, 5, PUBLISHED))
    assert await gateway.last_sequence() == 5


async def test_rows_that_nobody_answers_do_not_hold_up_the_others_either(
    room: Room, gateway_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says nothing to who publishes what he may not: that looks like a lost bus."""
    monkeypatch.setattr("shared.bus.outbox._PUBLISH_SECONDS", 0.3)
    gateway = await room.bus("gateway")
    await poison(gateway_pool, 120, subject="backup.discovered")
    await request_index(gateway_pool, n=3)
    # As after a loss of the bus: the good ones have stepped back, too.
    await gateway_pool.execute("update outbox set retry_at = now() - interval '1 minute'")
    room.relay(gateway, gateway_pool)
    await eventually(count_is(gateway_pool, 3, PUBLISHED))


async def test_a_row_is_parked_after_enough_failures_and_tried_again_at_the_next_start(
    room: Room, gateway_pool: Pool
) -> None:
    gateway = await room.bus("gateway")
    await poison(gateway_pool, 1, subject="index.requested", size=2 << 20)
    await poison(gateway_pool, 1)
    told: list[int] = []
    relay = OutboxRelay(bus=gateway, pool=gateway_pool, service="gateway", on_parked=told.append)
    for _ in range(MOST_FAILURES):
        assert await gateway_pool.fetchval(f"select count(*) from {PARKED}") == 0
        await request_index(gateway_pool)
        assert await relay.publish_waiting() == 1
        await let_time_pass(gateway_pool)
    assert await gateway_pool.fetchval(f"select count(*) from {PARKED}") == 2
    assert await relay.publish_waiting() == 0
    await relay._count_waiting()
    assert told == [2]
    assert OUTBOX_PARKED.labels("gateway")._value.get() == 2
    # Somebody mended what was wrong with one of them, and restarts.
    await gateway_pool.execute(
        "update outbox set payload = '{}' where id = (select min(id) from outbox)"
    )
    room.relay(gateway, gateway_pool)
    await eventually(count_is(gateway_pool, MOST_FAILURES + 1, PUBLISHED))
    assert await gateway_pool.fetchval(f"select count(*) from {PARKED}") == 0


async def test_a_lost_bus_is_nobodys_failure(room: Room, gateway_pool: Pool) -> None:
    gateway = await room.bus("gateway")
    room.relay(gateway, gateway_pool)
    room.server.kill()
    await request_index(gateway_pool, n=5)
    # Tried meanwhile, again and again.
    await asyncio.sleep(1.5)
    room.server.start()
    await eventually(count_is(gateway_pool, 5, PUBLISHED))
    assert await gateway_pool.fetchval("select sum(failures) from outbox") == 0


async def test_the_relay_goes_on_until_nothing_is_left_without_being_woken_again(
    room: Room, gateway_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.outbox._POLL_SECONDS", 3600.0)
    gateway = await room.bus("gateway")
    # More than two batches, all there before anybody listens.
    await request_index(gateway_pool, n=230)
    room.relay(gateway, gateway_pool)
    await eventually(count_is(gateway_pool, 230, PUBLISHED))
    await request_index(gateway_pool, n=2)
    await eventually(count_is(gateway_pool, 232, PUBLISHED))
    assert await gateway.last_sequence() == 232


async def test_figures_of_what_waits_are_told_while_the_bus_is_away(
    room: Room, gateway_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.outbox._COUNT_SECONDS", 0.0)
    monkeypatch.setattr("shared.bus.outbox._PUBLISH_SECONDS", 0.3)
    gateway = await room.bus("gateway")
    room.server.kill()
    await request_index(gateway_pool, n=7)
    room.relay(gateway, gateway_pool)

    async def is_told() -> bool:
        return OUTBOX_UNPUBLISHED.labels("gateway")._value.get() == 7

    await eventually(is_told)
    room.server.start()
    await eventually(count_is(gateway_pool, 7, PUBLISHED))


async def test_a_message_id_is_stored_once_and_refusals_say_why(room: Room) -> None:
    gateway = await room.bus("gateway")

    async def store(body: bytes, subject: str = "index.requested") -> None:
        await gateway.store(subject, body, message_id="one", timeout_seconds=2)

    await store(b"{}")
    await store(b"{}")
    assert await gateway.last_sequence() == 1
    with pytest.raises(nats.errors.MaxPayloadError):
        await store(bytes(2 << 20))
    with pytest.raises(nats.errors.BadSubjectError):
        await store(b"{}", "")
    # Not permitted: nobody tells who asks.
    with pytest.raises(nats.errors.TimeoutError):
        await gateway.store("backup.removed", b"{}", message_id="two", timeout_seconds=0.3)
    provisioner = await room.bus(PROVISIONER)
    await provisioner.jetstream.delete_stream(EVENT_STREAM)
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await store(b"{}")
    await provisioner.jetstream.add_stream(name="OTHER", subjects=["index.requested"])
    with pytest.raises(nats.js.errors.BadRequestError):
        await store(b"{}")
