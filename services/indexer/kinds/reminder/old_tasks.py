"""Reminders of iOS 12 and before, which are tasks in the calendar's database."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.calendar_event.alarms import alarms_of, recurrences_of
from services.indexer.kinds.calendar_event.calendars import Calendars
from services.indexer.kinds.calendar_event.payload import Alarm as EventAlarm
from services.indexer.kinds.calendar_event.payload import Calendar
from services.indexer.kinds.calendar_event.store import Item
from services.indexer.kinds.calendar_time import FLOATING, moment, moment_us, nearest_day, zone_of
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.reminder.assembly import artifact_of, priority_of, text
from services.indexer.kinds.reminder.payload import Alarm, ReminderList, ReminderPayload
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedArtifact

_LONGEST_NOTES = 200_000


def assemble_task(item: Item, calendars: Calendars) -> StagedArtifact:
    """Return the artifact of one task."""
    row = item.row
    raw: dict[str, int] = {}
    calendar = calendars.find(row["calendar_id"])
    url = text(row["url"])
    completed = moment(row["completion_date"])
    payload = ReminderPayload(
        title=text(row["summary"]),
        notes=text(row["description"], longest=_LONGEST_NOTES),
        list=None if calendar is None else _list(calendar),
        **_times(row),
        recurrences=recurrences_of(item),
        alarms=tuple(_alarm(alarm) for alarm in alarms_of(item)),
        is_completed=completed is not None,
        completed_at=completed,
        priority=priority_of(row["priority"], raw),
        urls=() if url is None else (url,),
        created_at=moment(row["creation_date"]),
        modified_at=moment(row["last_modified"]),
        is_old_form=True,
        raw=raw,
    )
    key = text_of(row["UUID"]) or key_of(
        "task", None if calendar is None else calendar.key, row["summary"], row["creation_date"]
    )
    return artifact_of(key, payload, due_us=moment_us(row["due_date"]))


def _times(row: Record) -> dict[str, Any]:
    due, start = moment(row["due_date"]), moment(row["start_date"])
    if flag_of(row["due_all_day"]) or flag_of(row["all_day"]):
        return {"is_all_day": True, "due_day": nearest_day(due), "start_day": nearest_day(start)}
    zone = row["due_tz"] if row["due_tz"] is not None else row["start_tz"]
    return {
        "due_at": due,
        "starts_at": start,
        "time_zone": zone_of(zone) if zone != FLOATING else None,
    }


def _list(calendar: Calendar) -> ReminderList:
    return ReminderList(
        key=calendar.key,
        title=calendar.title,
        account=calendar.account,
        is_shared=calendar.sharing is not None,
        colour=calendar.colour,
    )


def _alarm(alarm: EventAlarm) -> Alarm:
    return Alarm(
        offset_seconds=alarm.offset_seconds,
        at=alarm.at,
        proximity=alarm.proximity,
        place=alarm.place,
        is_off=alarm.is_off,
        acknowledged_at=alarm.acknowledged_at,
        raw=alarm.raw,
    )
