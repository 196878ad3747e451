"""The event loop's delays."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import REGISTRY

from shared.telemetry import watch_loop


async def test_what_keeps_the_loop_is_seen_with_its_length() -> None:
    watching = asyncio.create_task(watch_loop("verifier"))
    await asyncio.sleep(0.05)
    time.sleep(0.3)  # noqa: ASYNC251 -- the very thing that is to be seen
    await asyncio.sleep(0.05)
    watching.cancel()
    labels = {"service": "verifier"}
    longest = REGISTRY.get_sample_value("keepsake_event_loop_longest_late_seconds", labels)
    assert longest is not None
    assert longest >= 0.28
    assert REGISTRY.get_sample_value("keepsake_event_loop_late_seconds_count", labels)
