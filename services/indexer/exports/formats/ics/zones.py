"""Times of calendars as iCalendar has them, and the rules of the zones that they are in."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from zoneinfo import ZoneInfo

from icalendar import Timezone

#: Rules are written for series up to here, as a table: those of the zone as this machine knows it.
_LAST = dt.date(2060, 1, 1)
_FIRST_YEAR = 1900
_DAY = dt.timedelta(days=1)


class Zones:
    """The zones of one file. Rules of a zone stand in front of what first needs them."""

    def __init__(self) -> None:
        self._known: dict[str, ZoneInfo | None] = {}
        self._written: set[str] = set()
        self._wanted: dict[str, dt.date] = {}

    def find(self, name: str | None) -> ZoneInfo | None:
        """Return the zone that is called so; None where nobody knows it."""
        if name is None:
            return None
        if name not in self._known:
            try:
                self._known[name] = ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                self._known[name] = None
        return self._known[name]

    def moment(self, at: dt.datetime, name: str | None) -> dt.datetime:
        """Return *at* in the zone in which it was entered, else in UTC."""
        zone = self.find(name)
        if zone is None or zone.key == "UTC":
            return at.astimezone(dt.UTC).replace(microsecond=0)
        there = at.astimezone(zone).replace(microsecond=0)
        if zone.key not in self._written:
            day = there.date()
            self._wanted[zone.key] = min(day, self._wanted.get(zone.key, day))
        return there

    def take_new(self) -> bytes:
        """Return the rules of zones that were used since and have none yet."""
        written = b""
        while self._wanted:
            key, day = self._wanted.popitem()
            first = dt.date(max(_FIRST_YEAR, day.year - 1), 1, 1)
            # Of a zone whose rules cannot be told there is only the name, once and for all.
            self._written.add(key)
            with suppress(ValueError, OverflowError):
                rules = Timezone.from_tzid(key, first_date=first, last_date=max(_LAST, day))
                written += rules.to_ical()
        return written


def day_of(written: str | None) -> dt.date | None:
    """Return the day of ``2024-08-14``."""
    return None if written is None else dt.date.fromisoformat(written)


def day_after(day: dt.date) -> dt.date:
    """Return the day behind the last one, with which iCalendar ends whole days."""
    return day + _DAY


def clock_of(written: str | None) -> dt.datetime | None:
    """Return the time that floats of ``2024-08-14T09:00:00``."""
    if written is None:
        return None
    return dt.datetime.fromisoformat(written).replace(tzinfo=None, microsecond=0)
