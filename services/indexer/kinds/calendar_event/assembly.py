"""From a row of the calendar to its event."""

from __future__ import annotations

import re
from typing import Any

from services.indexer.kinds.backup_files import BackupFiles
from services.indexer.kinds.calendar_event.alarms import alarms_of, recurrences_of
from services.indexer.kinds.calendar_event.attachments import attachments_of
from services.indexer.kinds.calendar_event.calendars import Calendars
from services.indexer.kinds.calendar_event.payload import (
    Birthday,
    Calendar,
    CalendarEventPayload,
    Form,
    Guest,
)
from services.indexer.kinds.calendar_event.people import Guests
from services.indexer.kinds.calendar_event.store import Item
from services.indexer.kinds.calendar_event.vocabulary import (
    AVAILABILITIES,
    GUEST,
    NEVER,
    STATUSES,
    word,
)
from services.indexer.kinds.calendar_time import (
    FLOATING,
    birthday_of,
    first_day,
    last_day,
    microseconds,
    moment,
    wall_clock,
    zone_of,
)
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.values import flag_of, int_of, text_of
from services.indexer.staging import StagedArtifact

_LONGEST = 4000
_LONGEST_NOTES = 200_000
_LINK = re.compile(r"\b(?:https?|webcal|facetime|tel|zoommtg)://?\S", re.IGNORECASE)
_MOST_TRAVEL_SECONDS = 30 * 86_400


def assemble(
    item: Item, calendars: Calendars, guests: Guests, files: BackupFiles
) -> StagedArtifact:
    """Return the artifact of one event."""
    row = item.row
    raw: dict[str, int] = {}
    calendar = calendars.find(row["calendar_id"])
    form = _form(row, calendar)
    start = moment(row["start_date"], zero=_begins_2001(row))
    organiser, invited = _people(item, guests)
    attached, links = attachments_of(item.attachments, files)
    me = next((guest for guest in invited if guest.is_me), None)
    payload = CalendarEventPayload(
        form=form,
        title=_text(row["summary"]),
        calendar=calendar,
        uid=_text(row["unique_identifier"]),
        **_times(row),
        **_series(item),
        recurrences=recurrences_of(item),
        place=item.places.get(row["location_id"]) or item.places.get(row["client_location_id"]),
        travel_seconds=_travel(row),
        travel_from=item.places.get(row["start_location_id"]),
        ends_at_place=item.places.get(row["end_location_id"]),
        organiser=organiser,
        guests=invited,
        my_answer=None if me is None else me.answer,
        response_comment=_text(row["response_comment"]),
        proposed_at=moment(row["proposed_start_date"]),
        notes=_text(row["description"], longest=_LONGEST_NOTES),
        url=_text(row["url"]),
        conference_url=_text(row["conference_url"])
        or next((url for one in item.conferences if (url := _text(one["url"]))), None),
        conference_url_detected=_text(row["conference_url_detected"]),
        categories=tuple(item.categories),
        alarms=alarms_of(item),
        links=links,
        birthday=_birthday(row) if form == "birthday" else None,
        special_day=_text(row["special_day"]),
        status=word(STATUSES, row, "status", raw),
        availability=word(AVAILABILITIES, row, "availability", raw, quiet=NEVER),
        is_private=(int_of(row["privacy_level"]) or 0) > 1,
        is_hidden=flag_of(row["hidden"]),
        is_junk=(int_of(row["junk_status"]) or 0) > 0,
        is_suggested=(int_of(row["suggested_event_info_id"]) or 0) > 0,
        priority=int_of(row["priority"]) or None,
        created_at=moment(row["creation_date"]),
        modified_at=moment(row["last_modified"]),
        raw=raw | _codes(row),
    )
    return StagedArtifact(
        key=_key(item, calendar),
        payload=payload,
        thread_key=None if calendar is None else calendar.key,
        occurred_at_us=microseconds(start),
        title=payload.title,
        text=searchable(payload),
        sender_handle=None if organiser is None or organiser.is_me else organiser.handle,
        is_me=organiser is not None and organiser.is_me,
        attachments=attached,
        has_link=has_link(payload.url, payload.conference_url, payload.conference_url_detected)
        or _says_link(payload.notes, payload.place.title if payload.place else None),
    )


def searchable(event: CalendarEventPayload) -> str | None:
    """Return all that people would look for, each part on a line."""
    people = (event.organiser, *event.guests)
    places = (
        event.place, event.travel_from, event.ends_at_place, *(one.place for one in event.alarms),
    )  # fmt: skip
    parts = [
        event.title,
        *(part for place in places if place for part in (place.title, place.address)),
        *(
            part
            for one in people
            if one
            for part in (one.name, one.email, one.phone, one.handle, one.comment)
        ),
        event.notes,
        event.url,
        event.conference_url,
        event.conference_url_detected,
        *event.categories,
        event.birthday.name if event.birthday else None,
        event.response_comment,
        event.calendar.title if event.calendar else None,
    ]
    return "\n".join(dict.fromkeys(part for part in parts if part)) or None


def has_link(*urls: str | None) -> bool:
    """Whether one of some addresses is there."""
    return any(urls)


def _says_link(*texts: str | None) -> bool:
    return any(_LINK.search(text) is not None for text in texts if text)


def _key(item: Item, calendar: Calendar | None) -> str:
    row = item.row
    own = text_of(row["UUID"])
    if own is not None and not (item.master and text_of(item.master["UUID"]) == own):
        return own
    uid = own or text_of(row["unique_identifier"])
    of = None if calendar is None else calendar.key
    if uid is not None:
        return key_of("event", of, uid, row["orig_date"])
    return key_of("event", of, row["summary"], row["creation_date"], row["start_date"])


def _form(row: Record, calendar: Calendar | None) -> Form:
    scale = row["calendar_scale"]
    if (int_of(row["birthday_id"]) or 0) > 0 or scale == "gregorian":
        return "birthday"
    if calendar is not None and calendar.form == "birthdays":
        return "birthday"
    is_special = text_of(row["special_day"]) is not None
    if is_special or (calendar is not None and calendar.form == "holidays"):
        return "holiday"
    return "event"


def _begins_2001(row: Record) -> bool:
    """Whether 0 is the first day of 2001, and not a date that nobody gave."""
    end = moment(row["end_date"])
    return end is not None and end.year == 2001


def _times(row: Record) -> dict[str, Any]:
    start = moment(row["start_date"], zero=_begins_2001(row))
    end = moment(row["end_date"])
    seconds = None if start is None or end is None else (end - start).total_seconds()
    found: dict[str, Any] = {
        "duration_seconds": seconds if seconds is not None and seconds >= 0 else None
    }
    if flag_of(row["all_day"]):
        # A day that ends before it begins, or at its own beginning, is one day.
        last = last_day(end if start is None or end is None or end > start else None)
        day = first_day(start)
        found |= {"is_all_day": True, "first_day": day, "last_day": last or day}
    elif row["start_tz"] == FLOATING:
        found |= {"starts_local": wall_clock(start), "ends_local": wall_clock(end)}
    else:
        zone, end_zone = zone_of(row["start_tz"]), zone_of(row["end_tz"])
        found |= {
            "starts_at": start,
            "ends_at": end,
            "time_zone": zone,
            "end_time_zone": end_zone if end_zone != zone else None,
        }
    return found


def _series(item: Item) -> dict[str, Any]:
    row = item.row
    dates = [at for one in item.exceptions if (at := moment(one["date"], zero=True)) is not None]
    found: dict[str, Any] = (
        {"exception_days": tuple(at.date().isoformat() for at in dates)}
        if flag_of(row["all_day"])
        else {"exceptions": tuple(dates)}
    )
    if (int_of(row["orig_item_id"]) or 0) > 0:
        found["series_key"] = None if item.master is None else text_of(item.master["UUID"])
        found["replaces"] = moment(row["orig_date"])
    return found


def _people(item: Item, guests: Guests) -> tuple[Guest | None, tuple[Guest, ...]]:
    mine = int_of(item.row["self_attendee_id"])
    organiser = None if item.organiser is None else guests.read(item.organiser)
    found = (
        guests.read(row, is_me=mine is not None and row["rowid"] == mine)
        for row in item.guests
        if row["entity_type"] in (GUEST, None)
    )
    return organiser, tuple(guest for guest in found if guest is not None)


def _birthday(row: Record) -> Birthday:
    return Birthday(
        name=_text(row["contact_name"]),
        date=birthday_of(row["start_date"]),
        contact=_text(row["contact_identifier"]),
    )


def _travel(row: Record) -> int | None:
    seconds = int_of(row["travel_time"])
    return seconds if seconds is not None and 0 < seconds <= _MOST_TRAVEL_SECONDS else None


def _codes(row: Record) -> dict[str, int]:
    """Return numbers of which only Apple knows what they mean."""
    columns = ("invitation_status", "privacy_level")
    return {name: number for name in columns if (number := int_of(row[name])) not in (None, 0)}


def _text(value: object, *, longest: int = _LONGEST) -> str | None:
    text = text_of(value)
    return None if text is None else text[:longest]
