"""Metrics on a port of their own, when one is set."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.request

from shared.telemetry import Health, serve_metrics
from tests.stack import Stack


async def test_what_a_service_reports_can_be_scraped_on_its_own_port(stack: Stack) -> None:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve_metrics(stack.settings({"KEEPSAKE_METRICS__PORT": str(port)}))
    Health("verifier").report("postgres", ready=False)

    def scrape() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            text: str = page.read().decode()
        return text

    text = await asyncio.to_thread(scrape)
    assert 'keepsake_dependency_ready{dependency="postgres",service="verifier"} 0.0' in text
    assert 'keepsake_service_ready{service="verifier"} 0.0' in text


async def test_without_a_port_nothing_listens(stack: Stack) -> None:
    assert stack.settings().metrics.port is None
    serve_metrics(stack.settings())
