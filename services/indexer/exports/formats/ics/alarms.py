"""What reminds of an event or a task, as a VALARM."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from icalendar import Alarm

from services.indexer.kinds.calendar_event import payload as event
from services.indexer.kinds.reminder import payload as reminder


def alarm_of(
    alarm: event.Alarm | reminder.Alarm, *, related: Mapping[str, str] | None = None
) -> Alarm | None:
    """Return what reminds at a time; None for alarms that are off or tied to a place alone.

    *related* says from what a distance is counted, where that is not the beginning.
    """
    if alarm.is_off or (alarm.at is None and alarm.offset_seconds is None):
        return None
    reminds = Alarm()
    reminds.add("action", "DISPLAY")
    reminds.add("description", "Reminder")
    if alarm.at is not None:
        reminds.add("trigger", alarm.at.astimezone(dt.UTC), parameters={"VALUE": "DATE-TIME"})
    else:
        before = dt.timedelta(seconds=alarm.offset_seconds or 0)
        reminds.add("trigger", before, parameters=dict(related or {}))
    if alarm.acknowledged_at is not None:
        reminds.add("acknowledged", alarm.acknowledged_at.astimezone(dt.UTC))
    return reminds
