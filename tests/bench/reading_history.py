"""Searches and thread pages over HTTP, as people wait for them.

Asked by a client that does nothing but send and read: a comfortable one takes half a millisecond
for each question, which is not ours to count.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

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
    "with an attachment": {"q": "river", "has": "attachment"},
    "of one kind": {"q": "river", "kind": "message"},
    "since a day": {"q": "river", "from": "2025-03-01T00:00:00Z"},
    "until a day": {"q": "river", "to": "2016-08-01T00:00:00Z"},
    "within a month": {"q": "river", "from": "2019-03-01T00:00:00Z", "to": "2019-04-01T00:00:00Z"},
    "with a person": {"q": "river", "person": "+15550000090"},
}
#: Words that only a filled vault has, see filling.
_OLD_QUESTIONS: dict[str, dict[str, Any]] = {
    "a word of every third artifact": {"q": "the"},
    "a phrase of frequent words": {"q": '"the you"'},
    "a word whose many hits are all old": {"q": "antediluvian"},
    "the same, oldest first": {"q": "antediluvian", "sort": "oldest"},
    "a word whose few hits are all old": {"q": "forgotten"},
}

#: What only a vault with more than messages has.
_MIXED_QUESTIONS: dict[str, dict[str, Any]] = {
    "of a large kind": {"q": "river", "kind": "photo"},
    "of a small kind": {"q": "river", "kind": "note"},
    "of a small kind, a rarer word": {"q": "stelqui", "kind": "note"},
    "kind and time as words": {"q": "river kind:web_visit after:2021"},
    "without any word": {"q": "kind:photo after:2021"},
    "a word of which most hits are of other kinds": {"q": "the", "kind": "calendar_event"},
}


class _Wire:
    """One connection that stays open."""

    def __init__(self, stack: RunningStack) -> None:
        self._connection = HTTPConnection(urlsplit(str(stack.client.base_url)).netloc)
        self._headers = {"Authorization": stack.client.headers["authorization"]}

    def get(self, path: str, parameters: dict[str, Any]) -> bytes:
        """Return the body of an answer, which must be a good one."""
        self._connection.request("GET", f"{path}?{urlencode(parameters)}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body


def _timed(ask: Callable[[], bytes], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return times


def _percentiles(path: str, times: list[float]) -> list[Figure]:
    return [
        Figure(path=f"{path}, p50", value=percentile(times, 0.5) * 1000, unit="ms", goal="<=15"),
        Figure(path=f"{path}, p95", value=percentile(times, 0.95) * 1000, unit="ms", goal="<=50"),
    ]


def _searches(stack: RunningStack, questions: dict[str, dict[str, Any]]) -> list[Figure]:
    figures, wire = [], _Wire(stack)
    for name, parameters in questions.items():

        def ask(parameters: dict[str, Any] = parameters) -> bytes:
            return wire.get("/api/search", {"limit": 50} | parameters)

        figures += _percentiles(f"search, {name}", _timed(ask, _ROUNDS))
    return figures


def _thread_pages(stack: RunningStack, threads: list[dict[str, Any]], path: str) -> Figure:
    dice = random.Random(3)
    first, last = dt.datetime(2016, 2, 1, tzinfo=dt.UTC), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    wire = _Wire(stack)

    def ask() -> bytes:
        thread = dice.choice(threads)["id"]
        at = first + (last - first) * dice.random()
        return wire.get(
            f"/api/threads/{thread}/artifacts",
            {
                "at": at.isoformat(),
                "limit": 100,
                "direction": dice.choice(["forward", "backward", "around"]),
            },
        )

    return Figure(
        path=path, value=percentile(_timed(ask, 200), 0.95) * 1000, unit="ms", goal="<=10"
    )


def measure(
    stack: RunningStack, *, is_filled: bool = False, is_mixed: bool = False
) -> list[Figure]:
    """Everything that people read from what is indexed; *is_filled* by filling, not by phones."""
    threads: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = stack.client.get(
            "/api/threads", params={"limit": 1000} | ({"cursor": cursor} if cursor else {})
        ).json()
        threads += page["items"]
        cursor = page["next_cursor"]
    longest = max(threads, key=lambda thread: thread["artifact_count"])
    questions = _QUESTIONS | {"in the longest thread": {"q": "river", "thread": longest["id"]}}
    if is_filled:
        questions |= _OLD_QUESTIONS
    if is_mixed:
        questions |= _MIXED_QUESTIONS
    return [
        *_searches(stack, questions),
        _thread_pages(stack, threads, "thread page anywhere, p95"),
        _thread_pages(
            stack,
            [longest],
            f"page anywhere in one thread of {longest['artifact_count']:,}, p95",
        ),
    ]
