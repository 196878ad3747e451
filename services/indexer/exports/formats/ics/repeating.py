"""Rules of repetition as iCalendar allows them. Phones keep some that it does not.

What RFC 5545 forbids beside a frequency is left out, and the phone's whole rule stands in a comment
of the event: a reader must not stumble over it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from icalendar import vRecur
from icalendar.cal import Component

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.kinds.recurrence import Recurrence

_MOST_INTERVAL = 10_000
_MOST_COUNT = 100_000
_FREQUENCIES = ("daily", "weekly", "monthly", "yearly")
#: Parts, as they are called here and there, with the frequencies that may have them.
_PARTS = {
    "months": ("BYMONTH", _FREQUENCIES),
    "weeks": ("BYWEEKNO", ("yearly",)),
    "year_days": ("BYYEARDAY", ("yearly",)),
    "month_days": ("BYMONTHDAY", ("daily", "monthly", "yearly")),
    "days": ("BYDAY", _FREQUENCIES),
}
_MONTHS = range(1, 13)


def add_rules(
    component: Component,
    recurrences: tuple[Recurrence, ...],
    start: dt.date | dt.datetime | None,
) -> None:
    """Add the rules of a series that begins at *start*, as far as they can be written."""
    for recurrence in recurrences:
        rule, is_whole = (None, False) if start is None else _rule(recurrence, start)
        if rule is not None:
            component.add("rrule", rule)
        if not is_whole:
            phones = recurrence.rule or recurrence.specifier or str(recurrence.raw)
            component.add("comment", f"Repeats on the phone: {one_line(phones)}")


def _rule(recurrence: Recurrence, start: dt.date | dt.datetime) -> tuple[vRecur | None, bool]:
    frequency = recurrence.frequency
    if frequency is None or recurrence.interval > _MOST_INTERVAL:
        return None, False
    said: dict[str, object] = {"FREQ": frequency.upper()}
    if recurrence.interval > 1:
        said["INTERVAL"] = recurrence.interval
    if recurrence.count is not None and recurrence.count <= _MOST_COUNT:
        said["COUNT"] = recurrence.count
    elif recurrence.until is not None:
        said["UNTIL"] = _like(start, recurrence.until)
    is_whole = True
    for name, (called, _) in _PARTS.items():
        values = list(getattr(recurrence, name))
        kept = _allowed(name, values, frequency, recurrence)
        is_whole = is_whole and kept == values
        if kept:
            said[called] = kept
    if recurrence.positions:
        if any(name.startswith("BY") for name in said):
            said["BYSETPOS"] = list(recurrence.positions)
        else:
            is_whole = False
    return vRecur(said), is_whole


def _allowed(name: str, values: list[Any], frequency: str, recurrence: Recurrence) -> list[Any]:
    """Return what of a part may stand beside the frequency."""
    if frequency not in _PARTS[name][1]:
        return []
    if name == "months":
        return [month for month in values if month in _MONTHS]
    if name == "days" and (frequency in {"daily", "weekly"} or recurrence.weeks):
        # Numbers of weeks mean nothing there: every such day.
        return list(dict.fromkeys(day[-2:] for day in values))
    return values


def _like(start: dt.date | dt.datetime, until: dt.datetime) -> dt.date | dt.datetime:
    """Return the end in the form of the beginning: a day, a time that floats, or in UTC."""
    if not isinstance(start, dt.datetime):
        return until.date()
    if start.tzinfo is None:
        return until.replace(tzinfo=None, microsecond=0)
    return until.astimezone(dt.UTC).replace(microsecond=0)
