"""Times of calendars and reminders: moments, and what a clock or a calendar on the wall shows.

An event of the whole day, and one that "floats", are at the same time wherever the phone is: the
store keeps them as if that place were at UTC. Nothing here converts between time zones, so that
the same backup gives the same artifacts whatever rules for zones this machine knows.
"""

from __future__ import annotations

import datetime as dt
import math

_COCOA_SECONDS = 978_307_200
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: People enter the birthdays of ancestors; year 1604 is Apple's stand-in for an unknown one.
_EARLIEST = int(dt.datetime(1605, 1, 1, tzinfo=dt.UTC).timestamp())
#: What is later is a stand-in for "for ever" (4001) or a mistake.
_LATEST = int(dt.datetime(3000, 1, 1, tzinfo=dt.UTC).timestamp())
_YEAR_UNKNOWN = 1604
_HALF_A_DAY = dt.timedelta(hours=12)
_SECOND = dt.timedelta(seconds=1)
#: The phone's word for "no time zone".
FLOATING = "_float"
_LONGEST_ZONE = 64


def moment_us(value: object, *, zero: bool = False) -> int | None:
    """Return microseconds since 1970 of seconds since 2001, or None for none.

    *zero*: whether 0 is the first moment of 2001 here, and not "no date".
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if (value == 0 and not zero) or not _EARLIEST <= value + _COCOA_SECONDS <= _LATEST:
        return None
    whole = int(value)
    return (whole + _COCOA_SECONDS) * 1_000_000 + round((value - whole) * 1e6)


def moment(value: object, *, zero: bool = False) -> dt.datetime | None:
    """Return the moment of seconds since 2001, or None for none."""
    at_us = moment_us(value, zero=zero)
    return None if at_us is None else _EPOCH + dt.timedelta(microseconds=at_us)


def microseconds(at: dt.datetime | None) -> int | None:
    """Return microseconds since 1970."""
    return None if at is None else (at - _EPOCH) // dt.timedelta(microseconds=1)


def wall_clock(at: dt.datetime | None) -> str | None:
    """Return what a clock shows at a moment that floats: ``2024-08-14T09:00:00``."""
    return None if at is None else at.replace(tzinfo=None, microsecond=0).isoformat()


def first_day(at: dt.datetime | None) -> str | None:
    """Return the day on which an event of whole days begins: ``2024-08-14``."""
    return None if at is None else at.date().isoformat()


def last_day(at: dt.datetime | None) -> str | None:
    """Return its last day; some calendars end it at 23:59:59, others at the midnight after."""
    return None if at is None else (at - _SECOND).date().isoformat()


def nearest_day(at: dt.datetime | None) -> str | None:
    """Return the day of a midnight, whether it is that of UTC or of the phone's own zone."""
    return None if at is None else (at + _HALF_A_DAY).date().isoformat()


def birthday_of(value: object) -> str | None:
    """Return ``1984-11-03`` of seconds since 2001, or ``--11-03`` where the year is not known."""
    at = moment(value)
    if at is not None:
        return at.date().isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if not -13_000_000_000 < value < 0:
        return None
    day = _EPOCH + dt.timedelta(seconds=value + _COCOA_SECONDS)
    return day.strftime("--%m-%d") if day.year == _YEAR_UNKNOWN else None


def zone_of(value: object) -> str | None:
    """Return the name of a time zone; None where the time floats, or nobody says."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ZONE or value == FLOATING:
        return None
    return value.strip("\0 ") or None
