"""A service's life on real engines: started, healthy, working, stopped without losing work."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from shared.bus import Delivery, RequestContext, declare_topology, publish
from shared.contracts.discovery import GetBackup
from shared.contracts.events import Event, IndexRequested
from shared.contracts.health import DependencyHealth, GetHealth, health_subject
from shared.contracts.identifiers import BackupId, JobId
from shared.contracts.problems import ProblemError, not_found
from shared.contracts.topology import CONSUMES, PROVISIONER
from shared.runtime import Runtime, running
from tests.stack import Stack


async def nothing(runtime: Runtime) -> None:
    """Start nothing: the life around it is what is tested."""


def idle(stack: Stack) -> AbstractAsyncContextManager[Runtime]:
    """Run a service that does nothing."""
    return running(
        "discovery",
        nothing,
        settings=stack.settings(),
        credentials=stack.credentials("discovery"),
        migrations=None,
    )


async def test_a_service_tells_its_health_and_notices_when_the_database_is_away(
    stack: Stack,
) -> None:
    async with (
        idle(stack) as runtime,
        stack.bus("gateway") as bus,
    ):
        health = await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert health.state == "ready"
        assert set(health.dependencies) == {"nats", "postgres"}
        runtime.report("watcher", ready=False, detail="No folder is configured.")
        health = await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert health.state == "degraded"
        assert health.dependencies["watcher"].detail == "No folder is configured."


async def test_a_service_whose_connections_are_all_in_use_does_not_say_that_the_database_is_away(
    stack: Stack,
) -> None:
    async with (
        idle(stack) as runtime,
        stack.bus("gateway") as bus,
        AsyncExitStack() as held,
    ):
        size = runtime.pool.get_max_size()
        # One belongs to the relay, which listens.
        for _ in range(size - 1):
            await held.enter_async_context(runtime.pool.acquire())
        health = await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert health.state == "ready"
        assert "in use" in health.dependencies["postgres"].detail
        await held.aclose()
        health = await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert health.dependencies["postgres"] == DependencyHealth(state="ready")


async def test_events_that_cannot_be_published_show_in_the_health_and_degrade_nothing(
    stack: Stack,
) -> None:
    async with (
        idle(stack) as runtime,
        stack.bus("gateway") as bus,
    ):
        runtime.tell_parked(0)
        health = await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert "outbox" not in health.dependencies
        detail = ""
        async with asyncio.timeout(60):
            # The relay tells how many there are, too: none, when it begins.
            while not detail.startswith("2 events"):
                runtime.tell_parked(2)
                health = await bus.request(GetHealth(), subject=health_subject("discovery"))
                assert health.state == "ready"
                if "outbox" in health.dependencies:
                    detail = health.dependencies["outbox"].detail


async def test_after_the_stop_nobody_answers(stack: Stack) -> None:
    async def start(runtime: Runtime) -> None:
        async def get(_request: GetBackup, _context: RequestContext) -> None:
            raise not_found("backup")

        await runtime.serve(GetBackup, get)

    request = GetBackup(backup_id=BackupId("x"))
    async with stack.bus("gateway") as bus:
        async with running(
            "discovery",
            start,
            settings=stack.settings(),
            credentials=stack.credentials("discovery"),
            migrations=None,
        ):
            with pytest.raises(ProblemError) as missing:
                await bus.request(request)
            assert missing.value.problem.status == 404
        with pytest.raises(ProblemError) as gone:
            await bus.request(request)
        assert gone.value.problem.status == 503


async def test_an_event_in_hand_is_finished_and_its_own_event_goes_out_before_the_end(
    stack: Stack,
) -> None:
    """The stop waits for the handler; what the handler published leaves with the relay."""
    begun = asyncio.Event()

    async def start(runtime: Runtime) -> None:
        async def on_index_requested(event: IndexRequested, delivery: Delivery) -> None:
            begun.set()
            await runtime.stopping.wait()
            async with delivery.transaction() as connection:
                await delivery.publish(
                    connection,
                    IndexRequested(job_id=JobId("second"), backup_id=event.backup_id),
                )

        async def on_other(_event: Event, _delivery: Delivery) -> None:
            pytest.fail("nothing else happened")

        others = dict.fromkeys(CONSUMES["indexer"], on_other)
        runtime.consume({**others, IndexRequested: on_index_requested})

    async with stack.bus("gateway") as bus:
        async with running(
            "indexer",
            start,
            settings=stack.settings(),
            credentials=stack.credentials("indexer"),
            migrations=None,
        ) as runtime:
            async with runtime.pool.acquire() as connection, connection.transaction():
                await publish(
                    connection,
                    IndexRequested(job_id=JobId("first"), backup_id=BackupId("b")),
                    service="indexer",
                )
            await asyncio.wait_for(begun.wait(), 10)
        assert await bus.last_sequence() == 2
    async with stack.pool("indexer") as pool:
        assert await pool.fetchval("select count(*) from inbox") == 1


async def test_a_step_of_the_stop_that_fails_does_not_keep_the_others_from_being_taken(
    stack: Stack,
) -> None:
    left: list[str] = []

    async def start(runtime: Runtime) -> None:
        async def leave() -> None:
            left.append("first")

        async def fail() -> None:
            raise ConnectionResetError

        runtime.at_stop(leave)
        runtime.at_stop(fail)

    async with stack.bus("gateway") as bus:
        async with running(
            "discovery",
            start,
            settings=stack.settings(),
            credentials=stack.credentials("discovery"),
            migrations=None,
        ):
            await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert left == ["first"]
        with pytest.raises(ProblemError) as gone:
            await bus.request(GetHealth(), subject=health_subject("discovery"))
        assert gone.value.problem.status == 503


async def test_a_clean_up_of_a_cancelled_handler_is_not_cancelled_a_moment_later(
    stack: Stack,
) -> None:
    """The grace of handlers and the cancelling of loops meet: one cancellation is enough."""
    begun = asyncio.Event()
    cleaned: list[str] = []

    async def start(runtime: Runtime) -> None:
        async def on_index_requested(_event: IndexRequested, _delivery: Delivery) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(20):
                    await asyncio.sleep(0)
                cleaned.append("up")

        async def on_other(_event: Event, _delivery: Delivery) -> None:
            pytest.fail("nothing else happened")

        others = dict.fromkeys(CONSUMES["indexer"], on_other)
        runtime.consume({**others, IndexRequested: on_index_requested})

    async with running(
        "indexer",
        start,
        settings=stack.settings(),
        credentials=stack.credentials("indexer"),
        migrations=None,
    ) as runtime:
        async with runtime.pool.acquire() as connection, connection.transaction():
            event = IndexRequested(job_id=JobId("first"), backup_id=BackupId("b"))
            await publish(connection, event, service="indexer")
        await asyncio.wait_for(begun.wait(), 10)
    assert cleaned == ["up"]


async def test_replicas_hold_a_singleton_one_after_the_other(stack: Stack) -> None:
    inside = 0
    most = 0

    async def body() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    async def live() -> None:
        async with idle(stack) as runtime:
            await asyncio.gather(*(runtime.while_holding("sweep", body) for _ in range(3)))

    await asyncio.gather(live(), live())
    assert most == 1


async def test_a_service_lives_through_a_crash_of_the_bus_server(stack: Stack) -> None:
    async with (
        idle(stack),
        stack.bus("gateway") as bus,
    ):
        stack.nats.child.send(9)
        await stack.nats.child.wait()
        await stack.nats.restart()
        async with asyncio.timeout(20):
            while True:
                try:
                    health = await bus.request(
                        GetHealth(), subject=health_subject("discovery"), timeout_seconds=1
                    )
                except ProblemError:
                    continue
                break
        assert health.dependencies["nats"].state == "ready"


async def test_the_gateway_alone_is_handed_the_api_token(stack: Stack, tmp_path: Path) -> None:
    encoded = msgspec.json.decode(stack.credentials("gateway").encode())
    assert encoded["api_token"] == "test-token"
    assert stack.credentials("unlock").api_token is None


async def test_declaring_the_topology_again_changes_nothing(stack: Stack) -> None:
    async with stack.bus(PROVISIONER) as bus:
        await declare_topology(bus)
