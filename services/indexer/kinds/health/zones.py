"""Local days of samples: seconds since 2001 in a time zone, quickly enough for millions."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}")
_FIXED = re.compile(r"(?:GMT|UTC)([+-])(\d\d?):?(\d\d)?")
DAY_SECONDS = 86_400
#: Days of which the offset is remembered; more are looked up again.
_MOST_KNOWN = 200_000


def zone_of(name: str | None) -> dt.tzinfo | None:
    """Return the zone that a phone calls *name* (``Europe/Zurich``, ``GMT+0200``), or None."""
    if name is None:
        return None
    fixed = _FIXED.fullmatch(name)
    if fixed:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        if minutes > 18 * 60:
            return None
        return dt.timezone(dt.timedelta(minutes=minutes if fixed[1] == "+" else -minutes))
    if not _NAME.fullmatch(name):
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Zones:
    """The zones of a store by small numbers; 0 is UTC, for what names none."""

    def __init__(self) -> None:
        """Begin with UTC."""
        self.names: list[str | None] = [None]
        self._zones: list[dt.tzinfo] = [dt.UTC]
        self._numbers: dict[str, int] = {}
        #: By zone and day: the offset in seconds; None where the clocks change on that day.
        self._offsets: dict[int, float | None] = {}
        self.has_unknown = False

    def number(self, name: str | None) -> int:
        """Return the number of a zone; 0 for one that is not known here."""
        if name is None:
            return 0
        known = self._numbers.get(name)
        if known is None:
            zone = zone_of(name)
            known = 0
            if zone is None:
                self.has_unknown = True
            else:
                known = len(self._zones)
                self._zones.append(zone)
                self.names.append(name)
            if len(self._numbers) < 10_000:
                self._numbers[name] = known
        return known

    def offset(self, zone: int, at: float) -> float:
        """Return how many seconds the clocks of a zone were ahead of UTC."""
        if not zone:
            return 0.0
        day = int(at // DAY_SECONDS)
        key = day << 16 | zone
        try:
            known = self._offsets[key]
        except KeyError:
            first = self._exact(zone, day * DAY_SECONDS)
            last = self._exact(zone, day * DAY_SECONDS + DAY_SECONDS - 1)
            known = first if first == last else None
            if len(self._offsets) >= _MOST_KNOWN:
                self._offsets.clear()
            self._offsets[key] = known
        return self._exact(zone, at) if known is None else known

    def _exact(self, zone: int, at: float) -> float:
        moment = _COCOA + dt.timedelta(seconds=at)
        offset = moment.astimezone(self._zones[zone]).utcoffset()
        return 0.0 if offset is None else offset.total_seconds()

    def local(self, zone: int, at: float) -> str:
        """Return what the clock showed: ``2024-07-05T12:10:00+02:00``."""
        moment = (_COCOA + dt.timedelta(seconds=round(at))).astimezone(self._zones[zone])
        return moment.isoformat()

    def noon_us(self, zone: int, day: int) -> int:
        """Return the microseconds since 1970 of noon of a day that is counted from 2001-01-01."""
        noon = day * DAY_SECONDS + DAY_SECONDS // 2
        # By the offset of that noon, so that changes of the clocks in the night do not matter.
        utc = noon - self.offset(zone, noon)
        return round((utc + 978_307_200) * 1_000_000)


def date_of(day: int) -> str:
    """Return the date of a day that is counted from 2001-01-01."""
    return (_COCOA + dt.timedelta(days=day)).date().isoformat()


def moment(at: float) -> dt.datetime:
    """Return the moment that is *at* seconds after 2001 began; within the life of phones."""
    return _COCOA + dt.timedelta(microseconds=round(at * 1_000_000))


def microseconds(at: float) -> int:
    """Return that moment in microseconds since 1970."""
    return round(at * 1_000_000) + 978_307_200_000_000
