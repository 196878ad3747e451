"""From a store's row to its reminder."""

from __future__ import annotations

import re
from typing import Any

from services.indexer.kinds.calendar_event.calendars import address_of
from services.indexer.kinds.calendar_time import (
    microseconds,
    moment,
    moment_us,
    nearest_day,
    zone_of,
)
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.recurrence import reminder_rule
from services.indexer.kinds.reminder.alarms import alarm_of, early_alarms
from services.indexer.kinds.reminder.files import ReminderFiles
from services.indexer.kinds.reminder.payload import Assignee, ReminderPayload
from services.indexer.kinds.reminder.store import Item, Store
from services.indexer.kinds.values import flag_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact

_LONGEST = 4000
_LONGEST_NOTES = 200_000
_MOST = 100
_LINK = re.compile(r"\bhttps?://\S", re.IGNORECASE)


def assemble(item: Item, store: Store, files: ReminderFiles, handles: Handles) -> StagedArtifact:
    """Return the artifact of one reminder."""
    row, objects = item.row, item.objects
    raw: dict[str, int] = {}
    attached, about, urls = files.gather(objects.get("attachment", ()))
    own_url = text(row["ZICSURL"])
    held = store.lists.find(row["ZLIST"])
    if held is None and item.parent is not None:
        # A part lies where the whole does.
        held = store.lists.find(item.parent["ZLIST"])
    payload = ReminderPayload(
        title=text(row["ZTITLE"]),
        notes=text(row["ZNOTES"], longest=_LONGEST_NOTES),
        list=held,
        section=store.lists.section(text(row["ZCKIDENTIFIER"]), uuid_of(row["ZIDENTIFIER"])),
        parent_key=None if item.parent is None else key(item.parent, store.name),
        **_times(row),
        recurrences=tuple(
            reminder_rule(rule, until=moment(rule["ZENDDATE"]))
            for rule in objects.get("rule", ())[:_MOST]
        ),
        alarms=(
            *(
                alarm
                for one in objects.get("alarm", ())[:_MOST]
                if (alarm := alarm_of(one, item.triggers.get(one["Z_PK"]))) is not None
            ),
            *early_alarms(row["ZDUEDATEDELTAALERTSDATA"]),
        ),
        is_completed=flag_of(row["ZCOMPLETED"]),
        completed_at=moment(row["ZCOMPLETIONDATE"]),
        is_flagged=flag_of(row["ZFLAGGED"]),
        is_urgent=flag_of(row["ZISURGENTSTATEENABLEDFORCURRENTUSER"]),
        priority=priority_of(row["ZPRIORITY"], raw),
        is_deleted=flag_of(row["ZMARKEDFORDELETION"]),
        tags=_tags(item),
        urls=tuple(dict.fromkeys((*((own_url,) if own_url else ()), *urls))),
        assignees=_assignees(item, handles),
        files=about,
        created_at=moment(row["ZCREATIONDATE"]),
        modified_at=moment(row["ZLASTMODIFIEDDATE"]),
        raw=raw,
    )
    return artifact_of(
        key(row, store.name), payload, due_us=moment_us(row["ZDUEDATE"]), attached=attached
    )


def artifact_of(
    key: str, payload: ReminderPayload, *, due_us: int | None, attached: Any = ()
) -> StagedArtifact:
    """Return the artifact of a payload; it stands where it is due, was done, or was written."""
    return StagedArtifact(
        key=key,
        payload=payload,
        thread_key=None if payload.list is None else payload.list.key,
        occurred_at_us=due_us
        if due_us is not None
        else microseconds(payload.completed_at or payload.created_at),
        title=payload.title,
        text=searchable(payload),
        attachments=attached,
        has_link=bool(payload.urls)
        or any(_LINK.search(said) for said in (payload.title, payload.notes) if said),
    )


def searchable(reminder: ReminderPayload) -> str | None:
    """Return all that people would look for, each part on a line."""
    places = (alarm.place for alarm in reminder.alarms)
    parts = [
        reminder.title,
        reminder.notes,
        *(f"#{tag}" for tag in reminder.tags),
        *reminder.urls,
        *(part for place in places if place for part in (place.title, place.address)),
        *(part for one in reminder.assignees for part in (one.name, one.address, one.handle)),
        reminder.section,
        reminder.list.title if reminder.list else None,
    ]
    return "\n".join(dict.fromkeys(part for part in parts if part)) or None


def key(row: Record, store: str) -> str:
    """Return a reminder's own identity, or one of what never changes about it."""
    return (
        uuid_of(row["ZIDENTIFIER"])
        or text_of(row["ZCKIDENTIFIER"])
        or key_of("reminder", store, row["ZTITLE"], row["ZCREATIONDATE"])
    )


def priority_of(value: object, raw: dict[str, int]) -> str | None:
    """Return the word for iCalendar's 1 to 9; the app itself writes 1, 5 and 9."""
    number = int_of(value)
    if number is None or number == 0:
        return None
    if not 1 <= number <= 9:
        raw["priority"] = number
        return None
    return "high" if number < 5 else "medium" if number == 5 else "low"


def text(value: object, *, longest: int = _LONGEST) -> str | None:
    """Return a text that is no longer than people write."""
    said = text_of(value)
    return None if said is None else said[:longest]


def _times(row: Record) -> dict[str, Any]:
    due, start = moment(row["ZDUEDATE"]), moment(row["ZSTARTDATE"])
    shown = moment(row["ZDISPLAYDATEDATE"])
    if flag_of(row["ZALLDAY"]):
        return {
            "is_all_day": True,
            "due_day": nearest_day(due),
            "start_day": nearest_day(start),
        }
    return {
        "due_at": due,
        "starts_at": start,
        "time_zone": zone_of(row["ZTIMEZONE"]),
        "shown_at": shown if shown != due else None,
    }


def _tags(item: Item) -> tuple[str, ...]:
    found = []
    for one in item.objects.get("tag", ())[:_MOST]:
        label = item.labels.get(one["ZHASHTAGLABEL"])
        name = text(one["ZNAME"] if label is None else label["ZNAME"])
        if name is not None:
            found.append(name.lstrip("#"))
    return tuple(dict.fromkeys(found))


def _assignees(item: Item, handles: Handles) -> tuple[Assignee, ...]:
    found = []
    for one in item.objects.get("assignment", ())[:_MOST]:
        who = item.sharees.get(one["ZASSIGNEE"])
        if who is None:
            continue
        parts = (text(who["ZFIRSTNAME"]), text(who["ZLASTNAME"]))
        address = address_of(who["ZADDRESS"])
        found.append(
            Assignee(
                name=text(who["ZDISPLAYNAME"]) or " ".join(part for part in parts if part) or None,
                address=address,
                handle=None if address is None else handles.normalise(address),
                assigned_at=moment(one["ZASSIGNEDDATE"]),
            )
        )
    return tuple(found)
