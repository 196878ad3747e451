"""The times of photos, which may be older than phones: people date what they scan."""

from __future__ import annotations

import datetime as dt
import math

from services.indexer.kinds.values import int_of, text_of

_COCOA_SECONDS = 978_307_200
#: The first photograph was taken in 1826; what is later than 2120 is a mistake.
_EARLIEST = -4_544_208_000
_LATEST = 4_733_510_400
#: Nowhere on Earth do clocks differ by more from UTC.
_MOST_OFFSET_SECONDS = 18 * 3600
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def moment_us(value: object) -> int | None:
    """Return microseconds since 1970 of seconds since 2001, or None for none.

    Core Data keeps seconds only, so that large numbers are no nanoseconds but mistakes.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    if value == 0 or not _EARLIEST <= value + _COCOA_SECONDS <= _LATEST:
        return None
    return round(value * 1_000_000) + _COCOA_SECONDS * 1_000_000


def moment(value: object) -> dt.datetime | None:
    """Return the moment of seconds since 2001."""
    at_us = moment_us(value)
    return None if at_us is None else _EPOCH + dt.timedelta(microseconds=at_us)


def offset_of(value: object) -> int | None:
    """Return how many seconds clocks were ahead of UTC, or None."""
    seconds = int_of(value)
    return seconds if seconds is not None and abs(seconds) <= _MOST_OFFSET_SECONDS else None


def local_time(at: dt.datetime | None, offset_seconds: int | None) -> str | None:
    """Return what the clock showed: ``2024-07-05T12:10:00+02:00``."""
    if at is None or offset_seconds is None:
        return None
    return at.astimezone(dt.timezone(dt.timedelta(seconds=offset_seconds))).isoformat()


def microseconds(at: dt.datetime | None) -> int | None:
    """Return microseconds since 1970."""
    return None if at is None else (at - _EPOCH) // dt.timedelta(microseconds=1)


def offset_by_clock(at: dt.datetime | None, clock: object) -> int | None:
    """Return the offset that the camera's own words for the time (``2019:09:13 17:18:32``) tell.

    They are of the same moment only if they differ from UTC as clocks do: by quarters of an hour.
    """
    words = text_of(clock)
    if at is None or words is None or len(words) > 40:
        return None
    try:
        shown = dt.datetime.strptime(words[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    seconds = (shown - at.replace(microsecond=0)) // dt.timedelta(seconds=1)
    return seconds if seconds % 900 == 0 and abs(seconds) <= _MOST_OFFSET_SECONDS else None
