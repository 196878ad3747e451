"""Apple's dates: seconds or nanoseconds since 2001, told apart by size; and Unix seconds."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_COCOA_US = 978_307_200_000_000
_NANOSECONDS_FROM = 1_000_000_000_000
# Outside of these a date is a mistake or a stand-in for "never".
_EARLIEST_US = 315_532_800_000_000  # 1980
_LATEST_US = 4_733_510_400_000_000  # 2120


def cocoa_microseconds(value: object) -> int | None:
    """Return microseconds since 1970 of a Cocoa date in seconds or nanoseconds, or None."""
    if type(value) is int:
        if value >= _NANOSECONDS_FROM:
            at_us = value // 1000 + _COCOA_US
        elif value == 0:
            return None
        else:
            at_us = value * 1_000_000 + _COCOA_US
    elif isinstance(value, float) and value == value and abs(value) < 1e19:  # noqa: PLR0124 -- NaN
        if value == 0:
            return None
        if value >= _NANOSECONDS_FROM:
            value *= 1e-9
        # The nearest microsecond: the part of a second alone is exact enough, the sum is not.
        whole = int(value)
        at_us = whole * 1_000_000 + round((value - whole) * 1e6) + _COCOA_US
    else:
        return None
    return at_us if _EARLIEST_US <= at_us <= _LATEST_US else None


def unix_microseconds(value: object) -> int | None:
    """Return microseconds since 1970 of a date in Unix seconds, or None."""
    if isinstance(value, int | float) and -1e12 < value < 1e12:  # which no NaN is
        whole = int(value)
        at_us = whole * 1_000_000 + round((value - whole) * 1e6)
        return at_us if _EARLIEST_US <= at_us <= _LATEST_US else None
    return None


def utc(at_us: int | None) -> dt.datetime | None:
    """Return the moment as a datetime, or None for none."""
    return None if at_us is None else _EPOCH + dt.timedelta(microseconds=at_us)


def cocoa_utc(value: object) -> dt.datetime | None:
    """Return the moment of a Cocoa date, or None."""
    return utc(cocoa_microseconds(value))


def unix_utc(value: object) -> dt.datetime | None:
    """Return the moment of a date in Unix seconds, or None."""
    return utc(unix_microseconds(value))


def microseconds_of(at: dt.datetime | None) -> int | None:
    """Return microseconds since 1970 of a file's time, or None for none, or one that cannot be."""
    if at is None or at.tzinfo is None:
        return None
    at_us = (at - _EPOCH) // dt.timedelta(microseconds=1)
    return at_us if _EARLIEST_US <= at_us <= _LATEST_US else None
