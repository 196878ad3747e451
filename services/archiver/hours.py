"""The hours of a day in which a destination may be written to, by the machine's clock."""

from __future__ import annotations

import datetime as dt
import re

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def are_hours(text: str) -> bool:
    """Whether *text* says hours, such as ``22:00-06:00``, that are neither none nor all."""
    found = _HOURS.fullmatch(text)
    return found is not None and found[1] + found[2] != found[3] + found[4]


def opens_at(hours: str | None, now: dt.datetime) -> dt.datetime | None:
    """Return when the hours begin next; None when they have begun, or there are none.

    *now* has a zone, whose days and clock are meant. A beginning that the clock jumps over is the
    moment after the jump.
    """
    if hours is None or (found := _HOURS.fullmatch(hours)) is None:
        return None
    begin = dt.time(int(found[1]), int(found[2]))
    end = dt.time(int(found[3]), int(found[4]))
    clock = now.time()
    is_open = begin <= clock < end if begin < end else clock >= begin or clock < end
    if is_open:
        return None
    day = now.date() if clock < begin else now.date() + dt.timedelta(days=1)
    opens = dt.datetime.combine(day, begin, tzinfo=now.tzinfo)
    # Through the clock of the world: times that do not exist become some that do.
    return max(opens.astimezone(dt.UTC), now.astimezone(dt.UTC) + dt.timedelta(seconds=1))
