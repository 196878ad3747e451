"""Metrics on a port of their own, when one is set."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.request

import pytest

from shared.bus import publish
from shared.contracts.events import BackupRemoved
from shared.contracts.health import GetHealth, health_subject
from shared.contracts.identifiers import BackupId
from shared.settings import SettingsError
from shared.telemetry import Health, serve_metrics
from tests.stack import Stack

BACKUP = BackupId("6f1d4a52-9f0e-4b7e-8f53-1f6f2c1d9a10")


async def scraped(port: int) -> dict[str, float]:
    """Return what a scraper reads, by name and labels."""

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            text: str = page.read().decode()
        return text

    lines = (await asyncio.to_thread(read)).splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@pytest.fixture
def port(stack: Stack) -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    serve_metrics(stack.settings({"KEEPSAKE_METRICS__PORT": str(free)}))
    return free


async def test_what_a_service_reports_can_be_scraped_on_its_own_port(port: int) -> None:
    Health("verifier").report("postgres", ready=False)
    figures = await scraped(port)
    assert figures['keepsake_dependency_ready{dependency="postgres",service="verifier"}'] == 0
    assert figures['keepsake_service_ready{service="verifier"}'] == 0


async def test_a_service_that_handled_an_event_tells_its_figures_and_no_id(
    stack: Stack, port: int
) -> None:
    handled = (
        'keepsake_events_handled_total{outcome="done",service="unlock",subject="backup.removed"}'
    )
    published = 'keepsake_outbox_published_total{service="discovery",subject="backup.removed"}'
    before = await scraped(port)
    async with (
        stack.service("discovery") as discovery,
        stack.service("unlock"),
        stack.bus("gateway") as bus,
    ):
        await bus.request(GetHealth(), subject=health_subject("unlock"))
        async with discovery.pool.acquire() as connection, connection.transaction():
            event = BackupRemoved(backup_id=BACKUP, udid=None, forgotten=False)
            await publish(connection, event, service="discovery")
        async with asyncio.timeout(20):
            while True:
                after = await scraped(port)
                if all(after.get(one) != before.get(one) for one in (handled, published)):
                    break
    assert after[handled] == before.get(handled, 0) + 1
    assert after[published] == before.get(published, 0) + 1
    assert 'keepsake_outbox_unpublished_rows{service="discovery"}' in after
    assert 'keepsake_consumer_lag{service="unlock"}' in after
    assert after['keepsake_event_handler_seconds_count{service="unlock",subject="backup.removed"}']
    assert after['keepsake_bus_requests_total{status="200",subject="cmd.unlock.health"}']
    assert after["keepsake_scan_seconds_count"]
    assert after["keepsake_open_sessions"] == 0
    assert 'keepsake_backups{state="complete"}' in after
    assert not [name for name in after if BACKUP in name]


async def test_without_a_port_nothing_listens(stack: Stack) -> None:
    assert stack.settings().metrics.port is None
    serve_metrics(stack.settings())


async def test_a_port_that_is_taken_is_one_line(stack: Stack, port: int) -> None:
    with pytest.raises(SettingsError, match=f"KEEPSAKE_METRICS__PORT: {port} cannot be used"):
        serve_metrics(stack.settings({"KEEPSAKE_METRICS__PORT": str(port)}))
