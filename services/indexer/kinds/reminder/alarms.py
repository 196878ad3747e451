"""Alarms of reminders: before something is due, at a time by the clock, at a place, in the car."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from services.indexer.kinds.calendar_time import moment, zone_of
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.named_place import named_place
from services.indexer.kinds.records import Record
from services.indexer.kinds.reminder.payload import Alarm
from services.indexer.kinds.values import flag_of, float_of, int_of

_PROXIMITIES = {1: "arrive", 2: "leave"}
_CAR = {1: "car_connected", 2: "car_disconnected"}
#: Units of what the app calls an early reminder, in seconds; 4 is a month.
_UNITS = {0: 60, 1: 3600, 2: 86_400, 3: 604_800}
_MONTH = 4
_MOST_ALARMS = 100
_LONGEST_OFFSET_SECONDS = 10 * 366 * 86_400
_LARGEST_JSON = 64 * 1024


class _Delta(msgspec.Struct):
    dueDateDeltaUnit: int  # noqa: N815 -- Apple's names
    dueDateDeltaCount: int  # noqa: N815


class _Deltas(msgspec.Struct):
    dueDateDeltaAlerts: list[_Delta] = []  # noqa: N815


def alarm_of(row: Record, trigger: Record | None) -> Alarm | None:
    """Return the alarm of an object and what sets it off; None when that is not known."""
    if trigger is None:
        return None
    raw: dict[str, int] = {}
    offset = float_of(trigger["ZTIMEINTERVAL"])
    local, zone = clock_of(trigger["ZDATECOMPONENTSDATA"])
    place = named_place(
        title=trigger["ZTITLE"],
        address=trigger["ZADDRESS"],
        latitude=trigger["ZLATITUDE"],
        longitude=trigger["ZLONGITUDE"],
        radius=trigger["ZRADIUS"],
    )
    proximity = None
    number = int_of(trigger["ZPROXIMITY"])
    if place is not None:
        proximity = _PROXIMITIES.get(number or 0)
        if proximity is None and number:
            raw["proximity"] = number
    elif (event := int_of(trigger["ZEVENT"])) is not None:
        proximity = _CAR.get(event)
        if proximity is None and event:
            raw["event"] = event
    if place is None and local is None and offset is None and not (proximity or raw):
        return None
    return Alarm(
        # What hangs on a place or a clock has a meaningless 0 beside it.
        offset_seconds=int(offset)
        if offset is not None
        and place is None
        and local is None
        and abs(offset) <= _LONGEST_OFFSET_SECONDS
        else None,
        at_local=local,
        time_zone=zone,
        proximity=proximity,
        place=place,
        is_off=flag_of(row["ZISDISABLED"]),
        acknowledged_at=moment(row["ZACKNOWLEDGEDDATE"]),
        raw=raw,
    )


def early_alarms(data: object) -> tuple[Alarm, ...]:
    """Return the early reminders of iOS 17 and later."""
    if not isinstance(data, bytes | str) or not 0 < len(data) <= _LARGEST_JSON:
        return ()
    try:
        deltas = msgspec.json.decode(data, type=_Deltas).dueDateDeltaAlerts
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ()
    found = []
    for delta in deltas[:_MOST_ALARMS]:
        seconds = _UNITS.get(delta.dueDateDeltaUnit)
        if seconds is not None:
            offset = delta.dueDateDeltaCount * seconds
            if abs(offset) <= _LONGEST_OFFSET_SECONDS:
                found.append(Alarm(offset_seconds=offset))
        elif delta.dueDateDeltaUnit == _MONTH and abs(delta.dueDateDeltaCount) <= 120:
            found.append(Alarm(offset_months=delta.dueDateDeltaCount))
        else:
            found.append(Alarm(raw={"unit": delta.dueDateDeltaUnit}))
    return tuple(found)


def clock_of(data: object) -> tuple[str | None, str | None]:
    """Return ``2024-08-14T09:00:00`` and the zone of date components: JSON, or keyed archive."""
    said: Any = None
    if isinstance(data, bytes) and data.startswith(b"bplist"):
        said = load_archive(data)
    elif isinstance(data, bytes | str) and 0 < len(data) <= _LARGEST_JSON:
        try:
            said = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None, None
    if not isinstance(said, dict):
        return None, None
    parts = {str(name).removeprefix("NS.").lower(): value for name, value in said.items()}
    year, month, day = (int_of(parts.get(name)) for name in ("year", "month", "day"))
    hour, minute, second = (int_of(parts.get(name)) or 0 for name in ("hour", "minute", "second"))
    if year is None or month is None or day is None:
        return None, None
    try:
        at = dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 -- by the clock
    except (ValueError, OverflowError):
        return None, None
    return at.isoformat(), _zone(parts)


def _zone(parts: dict[str, Any]) -> str | None:
    calendar = parts.get("calendar")
    inner = calendar.get("timeZone") if isinstance(calendar, dict) else None
    for said in (parts.get("timezone"), inner):
        name = said
        if isinstance(said, dict):
            name = said.get("identifier") or said.get("NS.name")
        zone = zone_of(name)
        if zone is not None:
            return zone
    return None
