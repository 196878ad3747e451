"""When the next night's look at all rules is due. Pure, but for the machine's time zone."""

from __future__ import annotations

import datetime as dt


def read_clock(setting: str) -> dt.time | None:
    """Return ``HH:MM`` as a time; None for ``off``."""
    return None if setting == "off" else dt.time.fromisoformat(setting)


def next_nightly(at: dt.time | None, moment: dt.datetime) -> dt.datetime | None:
    """Return the first time after *moment* at which the machine's clocks show *at*; None for never.

    On the day when clocks go forward over it, it is the hour after.
    """
    if at is None:
        return None
    today = moment.astimezone().date()
    for days in range(3):
        # A naive time is taken as the machine's own; whatever is due is told in UTC.
        due = dt.datetime.combine(today + dt.timedelta(days=days), at).astimezone(dt.UTC)
        if due > moment:
            return due
    raise AssertionError("no clock is set back by days")
