"""Searches and thread pages over HTTP, as people wait for them."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.bench.figures import Figure, percentile
from tests.running_stack import RunningStack

_ROUNDS = 30
_QUESTIONS: dict[str, dict[str, Any]] = {
    "a common word": {"q": "river"},
    "a common word, newest first": {"q": "river", "sort": "newest"},
    "a common word, oldest first": {"q": "river", "sort": "oldest"},
    "only how many": {"q": "river", "limit": 1},
    "two words and a prefix": {"q": "lemon gard"},
    "a phrase": {"q": '"quiet later"'},
    "inside words": {"q": "icycl"},
    "CJK": {"q": "東京駅"},
    "nothing found": {"q": "xylophonist"},
}


def _timed(ask: Callable[[], httpx.Response], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
    return times


def _percentiles(path: str, times: list[float]) -> list[Figure]:
    return [
        Figure(path=f"{path}, p50", value=percentile(times, 0.5) * 1000, unit="ms", goal="<=15"),
        Figure(path=f"{path}, p95", value=percentile(times, 0.95) * 1000, unit="ms", goal="<=50"),
    ]


def _searches(stack: RunningStack) -> list[Figure]:
    figures = []
    for name, parameters in _QUESTIONS.items():

        def ask(parameters: dict[str, Any] = parameters) -> httpx.Response:
            return stack.client.get("/api/search", params={"limit": 50} | parameters)

        figures += _percentiles(f"search, {name}", _timed(ask, _ROUNDS))
    return figures


def _thread_pages(stack: RunningStack) -> Figure:
    dice = random.Random(3)
    threads = stack.client.get("/api/threads", params={"limit": 200}).json()["items"]
    first, last = dt.datetime(2016, 2, 1, tzinfo=dt.UTC), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)

    def ask() -> httpx.Response:
        thread = dice.choice(threads)["id"]
        at = first + (last - first) * dice.random()
        return stack.client.get(
            f"/api/threads/{thread}/artifacts", params={"at": at.isoformat(), "limit": 100}
        )

    return Figure(
        path="thread page anywhere, p95",
        value=percentile(_timed(ask, 200), 0.95) * 1000,
        unit="ms",
        goal="<=10",
    )


def measure(stack: RunningStack) -> list[Figure]:
    """Everything that people read from what is indexed."""
    return [*_searches(stack), _thread_pages(stack)]
