"""The hours of a destination, at the edges of days and of summers."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from services.archiver.hours import are_hours, opens_at

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: dt.tzinfo = BERLIN) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "now"),
    [
        (None, "2026-11-21T12:00"),
        ("22:00-06:00", "2026-11-21T22:00"),
        ("22:00-06:00", "2026-11-21T23:59:59"),
        ("22:00-06:00", "2026-11-22T00:00"),
        ("22:00-06:00", "2026-11-22T05:59:59"),
        ("09:00-17:30", "2026-11-21T09:00"),
        ("09:00-17:30", "2026-11-21T17:29:59"),
        ("00:00-12:00", "2026-11-21T00:00"),
        ("12:00-00:00", "2026-11-21T23:59"),
    ],
)
def test_within_the_hours_nobody_waits(hours: str | None, now: str) -> None:
    assert opens_at(hours, at(now)) is None


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("22:00-06:00", "2026-11-21T06:00", "2026-11-21T22:00"),
        ("22:00-06:00", "2026-11-21T21:59:58", "2026-11-21T22:00"),
        ("09:00-17:30", "2026-11-21T17:30", "2026-11-22T09:00"),
        ("09:00-17:30", "2026-11-21T03:00", "2026-11-21T09:00"),
        ("12:00-00:00", "2026-12-31T00:00", "2026-12-31T12:00"),
        # The clock goes back at three, so the night is an hour longer.
        ("04:00-05:00", "2026-10-24T05:00", "2026-10-25T04:00"),
    ],
)
def test_outside_of_them_the_next_beginning_is_waited_for(hours: str, now: str, opens: str) -> None:
    assert opens_at(hours, at(now)) == at(opens).astimezone(dt.UTC)


def test_a_beginning_that_the_clock_jumps_over_comes_after_the_jump() -> None:
    opens = opens_at("02:30-03:30", at("2026-03-28T12:00"))
    assert opens is not None
    assert opens.astimezone(BERLIN).strftime("%d %H:%M") == "29 03:30"


def test_whoever_waits_is_never_told_a_moment_that_is_over() -> None:
    for minute in range(0, 24 * 60, 7):
        now = at("2026-10-25T00:00") + dt.timedelta(minutes=minute)
        opens = opens_at("02:30-02:45", now)
        assert opens is None or opens > now.astimezone(dt.UTC)


@pytest.mark.parametrize("text", ["", "22-6", "22:00", "24:00-01:00", "22:00-22:00", "a:00-b:00"])
def test_what_is_no_hours_is_told_from_what_is(text: str) -> None:
    assert not are_hours(text)
    assert are_hours("22:00-06:00")
