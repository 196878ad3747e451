"""What a value of a phone's property list may mean: any type may stand anywhere.

Called by kinds whose stores are property lists. Dates in these are UTC without saying so.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.phone_time import cocoa_microseconds, utc

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- as property lists have it
_MICROSECOND = dt.timedelta(microseconds=1)
# Outside of these a date is a mistake or a stand-in for "never".
_EARLIEST_US = 315_532_800_000_000  # 1980
_LATEST_US = 4_733_510_400_000_000  # 2120


def read_plist(path: Path, *, most_bytes: int) -> dict[str, Any] | None:
    """Return the dictionary that a file holds; None when it holds none, or is too long."""
    if path.stat().st_size > most_bytes:
        return None
    plist = load_plist(path.read_bytes())
    return plist if isinstance(plist, dict) else None


def dict_of(value: object) -> dict[str, Any]:
    """Return a dictionary; empty when *value* is none."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list; empty when *value* is none."""
    return value if isinstance(value, list) else []


def date_microseconds(value: object) -> int | None:
    """Return microseconds since 1970 of a date, or of a number of Cocoa seconds; or None."""
    if isinstance(value, dt.datetime):
        at_us = (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
        return at_us if _EARLIEST_US <= at_us <= _LATEST_US else None
    return None if isinstance(value, bool) else cocoa_microseconds(value)


def date_of(value: object) -> dt.datetime | None:
    """Return the moment of a date, or of a number of Cocoa seconds; or None."""
    return utc(date_microseconds(value))


def yes_of(value: object) -> bool | None:
    """Return what a switch says; None when there is none."""
    return bool(value) if isinstance(value, bool | int) else None
