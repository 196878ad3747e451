"""How long an event loop is busy with one thing: everybody else of the process waits meanwhile.

A beat every 10 ms is late by what kept the loop, be it a callback, a thread with the interpreter's
lock, or a processor that is busy with other processes; what the loop's own thread worked between
two beats tells these apart. It costs a little, so it runs only where somebody reads it.
"""

from __future__ import annotations

import asyncio
import time

from prometheus_client import Gauge, Histogram

_BEAT_SECONDS = 0.01

_LATE = Histogram(
    "keepsake_event_loop_late_seconds",
    "By how much a beat of the event loop was late.",
    ("service",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
_LONGEST = Gauge(
    "keepsake_event_loop_longest_late_seconds", "The longest of these delays.", ("service",)
)
_WORK = Gauge(
    "keepsake_event_loop_longest_work_seconds",
    "The most that the loop's own thread worked between two beats.",
    ("service",),
)


async def watch_loop(service: str) -> None:
    """Beat until cancelled, and note every delay."""
    late, longest_late = _LATE.labels(service), _LONGEST.labels(service)
    most_work = _WORK.labels(service)
    longest = most = 0.0
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _BEAT_SECONDS
        worked = time.thread_time()
        await asyncio.sleep(_BEAT_SECONDS)
        delay = max(0.0, clock() - due)
        late.observe(delay)
        if delay > longest:
            longest = delay
            longest_late.set(longest)
        work = time.thread_time() - worked
        if work > most:
            most = work
            most_work.set(most)
