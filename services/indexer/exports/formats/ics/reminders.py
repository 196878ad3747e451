"""One reminder as a VTODO."""

from __future__ import annotations

import datetime as dt

import msgspec
from icalendar import Todo, vUri

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.ics.alarms import alarm_of
from services.indexer.exports.formats.ics.events import add_files, add_words
from services.indexer.exports.formats.ics.repeating import add_rules
from services.indexer.exports.formats.ics.zones import Zones, day_of
from services.indexer.exports.formats.protocol import About, Item
from services.indexer.kinds.reminder.payload import ReminderPayload

_PRIORITIES = {"high": 1, "medium": 5, "low": 9}
_MOST = 500


def reminder_of(item: Item, zones: Zones, about: About) -> Todo | str:
    """Return the reminder. Raises for payloads that are no such thing."""
    artifact = item.artifact
    payload = msgspec.convert(artifact.payload, ReminderPayload)
    todo = Todo()
    todo.add("uid", one_line(artifact.key))
    todo.add("dtstamp", (payload.modified_at or about.made_at).astimezone(dt.UTC))
    add_words(todo, title=payload.title or artifact.title, notes=payload.notes)
    _add_times(todo, payload, zones)
    _add_state(todo, payload)
    _add_alarms(todo, payload)
    add_files(todo, item)
    return todo


def _add_times(todo: Todo, payload: ReminderPayload, zones: Zones) -> None:
    due = _when(payload.due_day, payload.due_at, payload, zones)
    start = _when(payload.start_day, payload.starts_at, payload, zones)
    if due is not None and type(start) is not type(due):
        start = None
    if payload.recurrences and start is None:
        # A rule needs a beginning; phones write the day on which it is due.
        start = due
    if start is not None:
        todo.add("dtstart", start)
    if due is not None:
        todo.add("due", due)
    add_rules(todo, payload.recurrences, start)


def _when(
    day: str | None, at: dt.datetime | None, payload: ReminderPayload, zones: Zones
) -> dt.date | None:
    if day is not None:
        return day_of(day)
    return None if at is None else zones.moment(at, payload.time_zone)


def _add_state(todo: Todo, payload: ReminderPayload) -> None:
    todo.add("status", "COMPLETED" if payload.is_completed else "NEEDS-ACTION")
    if payload.completed_at is not None:
        todo.add("completed", payload.completed_at.astimezone(dt.UTC))
    if payload.is_completed:
        todo.add("percent-complete", 100)
    if (priority := _PRIORITIES.get(payload.priority or "")) is not None:
        todo.add("priority", priority)
    if payload.parent_key:
        todo.add("related-to", one_line(payload.parent_key))
    named = [one_line(tag, most=200) for tag in payload.tags[:_MOST]]
    named += ["Flagged"] if payload.is_flagged else []
    if named:
        todo.add("categories", named)
    for number, url in enumerate(payload.urls[:_MOST]):
        where = vUri("".join(one_line(url, most=4000).split()))
        # There is one URL; others are attachments.
        todo.add("attach" if number else "url", where)
    for name, at in (("created", payload.created_at), ("last-modified", payload.modified_at)):
        if at is not None:
            todo.add(name, at.astimezone(dt.UTC))


def _add_alarms(todo: Todo, payload: ReminderPayload) -> None:
    for alarm in payload.alarms[:_MOST]:
        place = alarm.place
        if place is not None and not alarm.is_off:
            where = one_line(place.title or place.address) or "a place"
            todo.add("comment", f"Reminds on {alarm.proximity or 'arrival'}: {where}")
        if alarm.at is None and "DUE" not in todo and "DTSTART" not in todo:
            continue
        reminds = alarm_of(alarm, related={"RELATED": "END"} if "DUE" in todo else {})
        if reminds is not None:
            todo.add_component(reminds)
