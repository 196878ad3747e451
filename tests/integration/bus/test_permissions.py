"""What the server itself refuses, with the nkeys and permissions that the product runs with."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
import pytest

from shared.bus import Bus, BusUnavailable, RequestContext, declare_topology
from shared.bus.flushing import flush_in_order
from shared.contracts.health import DependencyHealth, GetHealth, ServiceHealth, health_subject
from shared.contracts.jobs import JobProgress
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Done
from shared.contracts.topology import PROVISIONER, SERVICES
from shared.contracts.unlock import CloseSession, session_subject
from shared.settings import NatsCredentials, Secret
from tests.integration.bus.servers import new_nkey
from tests.integration.bus.test_requests import LOCATION

if TYPE_CHECKING:
    from tests.integration.bus.conftest import Room


async def refusals(bus: Bus) -> list[str]:
    """Collect what the server tells the client besides the answers."""
    seen: list[str] = []

    async def note(error: Exception) -> None:
        seen.append(str(error))

    bus.client._error_cb = note
    return seen


@pytest.mark.parametrize(
    ("service", "subject"),
    [
        ("indexer", "backup.discovered"),
        ("discovery", "index.completed"),
        ("unlock", "index.requested"),
        ("gateway", "session.opened"),
        ("indexer", "retry.indexer"),
        ("discovery", "schedule.index.x"),
        ("indexer", "progress.unlock.j1"),
        ("indexer", "_INBOX_gateway.x"),
        ("discovery", "cmd.unlock.open_session"),
        ("discovery", "unlock.session.s1.read"),
        ("unlock", "cmd.indexer.search"),
        ("indexer", "cmd.discovery.forget_backup"),
        ("gateway", "cmd.unlock.open_unattended"),
        ("indexer", "cmd.unlock.set_passphrase_reference"),
    ],
)
async def test_a_service_cannot_publish_what_is_not_its_own(
    room: Room, service: str, subject: str
) -> None:
    bus = await room.bus(service)
    seen = await refusals(bus)
    await bus.client.publish(subject, b"{}")
    await flush_in_order(bus.client)
    assert any("permissions violation for publish" in text for text in seen)


@pytest.mark.parametrize(
    ("service", "subject"),
    [
        ("indexer", "index.>"),
        ("gateway", "unlock.session.>"),
        ("indexer", "unlock.session.s1.read"),
        ("discovery", "progress.>"),
        ("discovery", "cmd.unlock.open_session"),
        ("indexer", "_INBOX_gateway.>"),
        ("unlock", ">"),
    ],
)
async def test_a_service_cannot_listen_to_what_is_not_its_own(
    room: Room, service: str, subject: str
) -> None:
    bus = await room.bus(service)
    seen = await refusals(bus)
    await bus.client.subscribe(subject)
    await flush_in_order(bus.client)
    assert any("permissions violation for subscription" in text for text in seen)


@pytest.mark.parametrize("service", SERVICES)
async def test_only_the_provisioner_declares_streams(room: Room, service: str) -> None:
    bus = await room.bus(service)
    bus.jetstream._timeout = 0.5
    with pytest.raises((nats.errors.Error, nats.js.errors.Error)):
        await bus.jetstream.add_stream(name="X", subjects=["x"])
    with pytest.raises((nats.errors.Error, nats.js.errors.Error)):
        await bus.jetstream.purge_stream("EVENTS")


async def test_declaring_the_topology_is_idempotent_from_many_clients_at_once(room: Room) -> None:
    buses = [await room.bus(PROVISIONER) for _ in range(4)]
    await asyncio.gather(*(declare_topology(bus) for bus in buses))
    info = await buses[0].jetstream.consumer_info("EVENTS", "indexer")
    assert info.config.filter_subjects == [
        "index.requested",
        "export.requested",
        "lineage.requested",
        "backup.removed",
        "backup.discovered",
        "backup.changed",
        "session.opened",
        "retry.indexer",
    ]


@pytest.mark.parametrize("asker", ["gateway", "indexer"])
async def test_gateway_and_indexer_may_ask_a_session(room: Room, asker: str) -> None:
    async def close(_: CloseSession, __: RequestContext) -> Done:
        return Done()

    unlock, bus = await room.bus("unlock"), await room.bus(asker)
    subject = session_subject("s1", "close")
    await unlock.serve(CloseSession, close, subject=subject)
    assert await bus.request(CloseSession(), subject=subject) == Done()


async def test_asking_what_one_may_not_ask_ends_in_a_timeout(room: Room) -> None:
    async def close(_: CloseSession, __: RequestContext) -> Done:
        return Done()

    unlock, discovery = await room.bus("unlock"), await room.bus("discovery")
    subject = session_subject("s1", "close")
    await unlock.serve(CloseSession, close, subject=subject)
    with pytest.raises(ProblemError) as caught:
        await discovery.request(CloseSession(), subject=subject, timeout_seconds=0.3)
    assert caught.value.problem.status == 504


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "gateway"])
async def test_every_service_tells_the_gateway_its_health(room: Room, service: str) -> None:
    health = ServiceHealth(
        service=service,
        state="degraded",
        dependencies={"postgres": DependencyHealth(state="unavailable", detail="starting")},
        version="0.1.0",
        started_at=LOCATION.taken_at,
    )

    async def answer(_: GetHealth, __: RequestContext) -> ServiceHealth:
        return health

    bus, gateway = await room.bus(service), await room.bus("gateway")
    await bus.serve(GetHealth, answer, subject=health_subject(service))
    assert await gateway.request(GetHealth(), subject=health_subject(service)) == health


async def test_the_gateway_hears_the_progress_of_every_service(room: Room) -> None:
    gateway, indexer = await room.bus("gateway"), await room.bus("indexer")
    progress = gateway.follow_progress()
    first = asyncio.ensure_future(anext(progress))
    while not first.done():
        # Core NATS keeps nothing: it is heard once the subscription is there.
        await indexer.send_progress(JobProgress(job_id="j1", state="running", progress=None))
        await flush_in_order(indexer.client)
        await asyncio.wait({first}, timeout=0.05)
    subject, body = await first
    assert subject == "progress.indexer.j1"
    assert b'"running"' in body
    with contextlib.suppress(nats.errors.Error):
        await progress.aclose()


async def test_a_key_that_the_server_does_not_know_is_refused_in_time(room: Room) -> None:
    seed, _ = new_nkey()
    credentials = NatsCredentials(
        url=room.server.credentials("gateway").url, nkey_seed=Secret(seed)
    )
    with pytest.raises(BusUnavailable):
        await Bus.connect(credentials=credentials, service="gateway", timeout_seconds=0.5)
