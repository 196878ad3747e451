from __future__ import annotations

import datetime as dt

import pytest

from services.unlock.throttle import Limit, Tally, delay_seconds, wait_seconds

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
LIMIT = Limit(free_attempts=3, first_delay_seconds=2, longest_delay_seconds=60)


def test_the_first_attempts_are_free() -> None:
    assert [delay_seconds(n, limit=LIMIT) for n in range(3)] == [0, 0, 0]


def test_every_further_attempt_doubles_the_wait_up_to_the_longest() -> None:
    delays = [delay_seconds(n, limit=LIMIT) for n in range(3, 10)]
    assert delays == [2, 4, 8, 16, 32, 60, 60]


def test_a_million_attempts_do_not_overflow() -> None:
    assert delay_seconds(10**6, limit=LIMIT) == 60


@pytest.mark.parametrize(("seconds_ago", "expected"), [(0, 8), (0.5, 8), (7, 1), (8, 0), (3600, 0)])
def test_the_wait_runs_from_the_last_attempt_and_is_rounded_up(
    seconds_ago: float, expected: int
) -> None:
    tally = Tally(attempts=5, last_at=NOW - dt.timedelta(seconds=seconds_ago))
    assert wait_seconds(tally, limit=LIMIT, now=NOW) == expected


def test_without_attempts_nobody_waits() -> None:
    assert wait_seconds(Tally(attempts=0, last_at=None), limit=LIMIT, now=NOW) == 0
