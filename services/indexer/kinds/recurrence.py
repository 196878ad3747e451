"""How often an event or a reminder comes again, in the words of iCalendar (RFC 5545).

The calendar keeps days in a compact text (``D=+1MO,0TU;M=15``), reminders in small JSON lists; both
end here in the same struct. Occurrences are not written out: a rule may go on for ever.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from services.indexer.kinds.values import int_of, text_of

Frequency = Literal["daily", "weekly", "monthly", "yearly"]
_FREQUENCIES: tuple[Frequency, ...] = ("daily", "weekly", "monthly", "yearly")
_WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
#: ``0TU`` is every Tuesday, ``+1MO`` the first Monday, ``-1FR`` the last Friday.
_DAY = re.compile(r"([+-]?[0-9]{1,2})?(SU|MO|TU|WE|TH|FR|SA)")
#: A year has 366 days: no list of a rule is longer.
_MOST_VALUES = 366
_LONGEST_SPECIFIER = 4000
_LONGEST_JSON = 64 * 1024
#: The parts of the compact text; the long names are those of iCalendar, which some servers leave.
_PARTS = {
    "M": "month_days", "O": "months", "Y": "year_days", "W": "weeks", "S": "positions",
    "BYMONTHDAY": "month_days", "BYMONTH": "months", "BYYEARDAY": "year_days",
    "BYWEEKNO": "weeks", "BYSETPOS": "positions",
}  # fmt: skip
_LIMITS = {"month_days": 31, "months": 12, "year_days": 366, "weeks": 53, "positions": 366}


class Recurrence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule; without ``count`` and ``until`` it goes on for ever."""

    frequency: Frequency | None = None
    #: Every second week: 2.
    interval: int = 1
    count: int | None = None
    until: dt.datetime | None = None
    #: ``MO``, or ``-1FR`` for the last Friday.
    days: tuple[str, ...] = ()
    #: Below zero: counted from the end.
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    #: All of it as iCalendar's RRULE; null where the frequency is none that we know.
    rule: str | None = None
    #: The phone's own text for days and months.
    specifier: str | None = None
    #: Numbers of the phone that stand for something we do not know, or do not need.
    raw: dict[str, int] = {}


def calendar_rule(row: dict[str, Any], *, until: dt.datetime | None) -> Recurrence:
    """Return the rule in a row of the calendar's table."""
    specifier = text_of(row["specifier"])
    specifier = None if specifier is None else specifier[:_LONGEST_SPECIFIER]
    raw = {
        name: number
        for name in ("week_start", "by_month_months")
        if (number := int_of(row[name])) not in (None, 0)
    }
    return _rule(
        # 1 is daily here.
        number=int_of(row["frequency"]),
        first=1,
        interval=row["interval"],
        count=row["count"],
        until=until,
        parts=_compact(specifier),
        specifier=specifier,
        raw=raw,
    )


def reminder_rule(row: dict[str, Any], *, until: dt.datetime | None) -> Recurrence:
    """Return the rule in an object of a store of reminders."""
    parts: dict[str, Any] = {"days": tuple(_days(_json_list(row["ZDAYSOFTHEWEEK"])))}
    for name, column in (
        ("month_days", "ZDAYSOFTHEMONTH"),
        ("months", "ZMONTHSOFTHEYEAR"),
        ("year_days", "ZDAYSOFTHEYEAR"),
        ("weeks", "ZWEEKSOFTHEYEAR"),
        ("positions", "ZSETPOSITIONS"),
    ):
        parts[name] = _numbers(_json_list(row[column]), _LIMITS[name])
    return _rule(
        # 0 is daily here.
        number=int_of(row["ZFREQUENCY"]),
        first=0,
        interval=row["ZINTERVAL"],
        count=row["ZOCCURRENCECOUNT"],
        until=until,
        parts=parts,
    )


def _rule(
    *,
    number: int | None,
    first: int,
    interval: object,
    count: object,
    until: dt.datetime | None,
    parts: dict[str, Any],
    specifier: str | None = None,
    raw: dict[str, int] | None = None,
) -> Recurrence:
    raw = dict(raw or {})
    frequency: Frequency | None = None
    if number is not None:
        if first <= number < first + len(_FREQUENCIES):
            frequency = _FREQUENCIES[number - first]
        else:
            raw["frequency"] = number
    every = int_of(interval)
    times = int_of(count)
    rule = Recurrence(
        frequency=frequency,
        interval=every if every is not None and every > 0 else 1,
        count=times if times is not None and times > 0 else None,
        until=until,
        specifier=specifier,
        raw=raw,
        **parts,
    )
    return msgspec.structs.replace(rule, rule=_written(rule))


def _written(rule: Recurrence) -> str | None:
    if rule.frequency is None:
        return None
    parts = [f"FREQ={rule.frequency.upper()}"]
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    elif rule.until is not None:
        parts.append(f"UNTIL={rule.until:%Y%m%dT%H%M%SZ}")
    for name, values in (
        ("BYMONTH", rule.months),
        ("BYWEEKNO", rule.weeks),
        ("BYYEARDAY", rule.year_days),
        ("BYMONTHDAY", rule.month_days),
        ("BYDAY", rule.days),
        ("BYSETPOS", rule.positions),
    ):
        if values:
            parts.append(f"{name}={','.join(str(value) for value in values)}")
    return ";".join(parts)


def _compact(specifier: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in (specifier or "").upper().split(";"):
        name, _, said = part.partition("=")
        values = said.split(",")[:_MOST_VALUES]
        if name in {"D", "BYDAY"}:
            matches = (_DAY.fullmatch(value.strip()) for value in values)
            found["days"] = tuple(
                _day(match[2], int(match[1] or 0)) for match in matches if match is not None
            )
        elif name in _PARTS:
            found[_PARTS[name]] = _numbers(values, _LIMITS[_PARTS[name]])
    return found


def _days(items: list[Any]) -> Iterable[str]:
    """Yield days of ``{"dayOfTheWeek": 2, "weekNumber": 0}``, or of the number alone."""
    for item in items:
        day, week = item, 0
        if isinstance(item, dict):
            day, week = item.get("dayOfTheWeek"), int_of(item.get("weekNumber")) or 0
        number = int_of(day)
        if number is not None and 1 <= number <= len(_WEEKDAYS) and abs(week) <= 53:
            yield _day(_WEEKDAYS[number - 1], week)


def _day(name: str, week: int) -> str:
    return f"{week}{name}" if week else name


def _numbers(values: Iterable[object], limit: int) -> tuple[int, ...]:
    numbers = (int_of(value.strip() if isinstance(value, str) else value) for value in values)
    return tuple(n for n in numbers if n is not None and n != 0 and abs(n) <= limit)


def _json_list(value: object) -> list[Any]:
    if not isinstance(value, bytes | str) or len(value) > _LONGEST_JSON:
        return []
    try:
        found = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
    return found[:_MOST_VALUES] if isinstance(found, list) else []
