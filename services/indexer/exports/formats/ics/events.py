"""One event as a VEVENT: its times, its series, who comes, what reminds of it."""

from __future__ import annotations

import datetime as dt

import msgspec
from icalendar import Event, vBinary, vCalAddress, vGeo, vUri
from icalendar.cal import Component

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.exports.formats.ics.alarms import alarm_of
from services.indexer.exports.formats.ics.repeating import add_rules
from services.indexer.exports.formats.ics.zones import Zones, clock_of, day_after, day_of
from services.indexer.exports.formats.protocol import About, Item
from services.indexer.kinds.calendar_event.payload import CalendarEventPayload, Guest

_ANSWERS = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE"}
_ROLES = {"required": "REQ-PARTICIPANT", "optional": "OPT-PARTICIPANT", "chair": "CHAIR"}
_TYPES = {"person": "INDIVIDUAL", "room": "ROOM", "resource": "RESOURCE", "group": "GROUP"}
_STATUSES = {"confirmed": "CONFIRMED", "tentative": "TENTATIVE", "cancelled": "CANCELLED"}
_MOST_GUESTS = 2000
_MOST_EXCEPTIONS = 5000


def event_of(item: Item, zones: Zones, about: About) -> Event | str:
    """Return the event, or why there is none. Raises for payloads that are no such thing."""
    artifact = item.artifact
    payload = msgspec.convert(artifact.payload, CalendarEventPayload)
    if payload.form == "invitation":
        return "an invitation to share a calendar is no event"
    start, end = _times(payload, zones)
    if start is None:
        return "it has no date"
    event = Event()
    event.add("uid", one_line(payload.uid or payload.series_key or artifact.key))
    event.add("dtstamp", (payload.modified_at or about.made_at).astimezone(dt.UTC))
    event.add("dtstart", start)
    if end is not None and end > start:
        event.add("dtend", end)
    if payload.replaces is not None:
        event.add("recurrence-id", _like(start, payload.replaces, payload, zones))
    else:
        add_rules(event, payload.recurrences, start)
        _add_exceptions(event, payload, start, zones)
    add_words(event, title=payload.title or artifact.title, notes=payload.notes)
    _add_place(event, payload)
    _add_people(event, payload)
    _add_state(event, payload)
    for alarm in payload.alarms:
        # Phones alone know how to remind at a place.
        reminds = alarm_of(alarm)
        if reminds is not None:
            event.add_component(reminds)
    _add_addresses(event, payload)
    add_files(event, item)
    return event


def _times(payload: CalendarEventPayload, zones: Zones) -> tuple[dt.date | None, dt.date | None]:
    """Return beginning and end: days, times that float, or moments in their zones."""
    if (first := day_of(payload.first_day)) is not None:
        last = day_of(payload.last_day) or first
        return first, day_after(max(first, last))
    if (clock := clock_of(payload.starts_local)) is not None:
        return clock, clock_of(payload.ends_local)
    if payload.starts_at is None:
        return None, None
    start = zones.moment(payload.starts_at, payload.time_zone)
    if payload.ends_at is None:
        return start, None
    return start, zones.moment(payload.ends_at, payload.end_time_zone or payload.time_zone)


def _like(start: dt.date, at: dt.datetime, payload: CalendarEventPayload, zones: Zones) -> dt.date:
    """Return a moment of the series in the form of its beginning."""
    if not isinstance(start, dt.datetime):
        return at.date()
    if start.tzinfo is None:
        return at.replace(tzinfo=None, microsecond=0)
    return zones.moment(at, payload.time_zone)


def _add_exceptions(
    event: Event, payload: CalendarEventPayload, start: dt.date, zones: Zones
) -> None:
    if not isinstance(start, dt.datetime):
        days = [dt.date.fromisoformat(day) for day in payload.exception_days]
        days = days or [at.date() for at in payload.exceptions]
        if days:
            event.add("exdate", days[:_MOST_EXCEPTIONS])
    elif payload.exceptions:
        gone = [_like(start, at, payload, zones) for at in payload.exceptions[:_MOST_EXCEPTIONS]]
        event.add("exdate", gone)


def add_words(component: Component, *, title: str | None, notes: str | None) -> None:
    """Add what is written."""
    component.add("summary", one_line(title, most=4000) or "(no title)")
    if notes:
        component.add("description", clean(notes))


def _add_place(event: Event, payload: CalendarEventPayload) -> None:
    place = payload.place
    if place is None:
        return
    named = "\n".join(filter(None, (clean(place.title or ""), clean(place.address or ""))))
    if named:
        event.add("location", named)
    if place.latitude is None or place.longitude is None:
        return
    if abs(place.latitude) <= 90 and abs(place.longitude) <= 180:
        event.add("geo", vGeo((place.latitude, place.longitude)))
        said = {"X-TITLE": one_line(place.title)} if place.title else {}
        if place.radius_metres is not None:
            said["X-APPLE-RADIUS"] = f"{place.radius_metres:.0f}"
        where = vUri(f"geo:{place.latitude},{place.longitude}")
        event.add("x-apple-structured-location", where, parameters={"VALUE": "URI", **said})


def _add_people(event: Event, payload: CalendarEventPayload) -> None:
    if payload.organiser is not None:
        event.add("organizer", _address(payload.organiser))
    for guest in payload.guests[:_MOST_GUESTS]:
        address = _address(guest)
        address.params["PARTSTAT"] = _ANSWERS.get(guest.answer or "", "NEEDS-ACTION")
        if (role := _ROLES.get(guest.role or "")) is not None:
            address.params["ROLE"] = role
        if (kind := _TYPES.get(guest.type or "")) is not None:
            address.params["CUTYPE"] = kind
        event.add("attendee", address)


def _address(guest: Guest) -> vCalAddress:
    if guest.email:
        address = vCalAddress(f"mailto:{_uri(guest.email)}")
    elif guest.phone:
        address = vCalAddress(f"tel:{_uri(guest.phone)}")
    else:
        # As calendars of phones say that they know none.
        address = vCalAddress("invalid:nomail")
    if guest.name:
        address.params["CN"] = one_line(guest.name)
    return address


def _add_state(event: Event, payload: CalendarEventPayload) -> None:
    if (status := _STATUSES.get(payload.status or "")) is not None:
        event.add("status", status)
    if payload.availability is not None:
        event.add("transp", "TRANSPARENT" if payload.availability == "free" else "OPAQUE")
    if payload.is_private:
        event.add("class", "PRIVATE")
    if payload.priority is not None and 0 <= payload.priority <= 9:
        event.add("priority", payload.priority)
    for name, at in (("created", payload.created_at), ("last-modified", payload.modified_at)):
        if at is not None:
            event.add(name, at.astimezone(dt.UTC))
    if payload.travel_seconds:
        travel = dt.timedelta(seconds=payload.travel_seconds)
        event.add("x-apple-travel-duration", travel, parameters={"VALUE": "DURATION"})


def _add_addresses(event: Event, payload: CalendarEventPayload) -> None:
    if payload.url:
        event.add("url", vUri(_uri(payload.url)))
    if payload.conference_url:
        where = vUri(_uri(payload.conference_url))
        event.add("conference", where, parameters={"VALUE": "URI", "FEATURE": "VIDEO"})
    if payload.categories:
        event.add("categories", [one_line(one, most=200) for one in payload.categories])
    for link in payload.links:
        event.add("attach", vUri(_uri(link.url)))


def add_files(component: Component, item: Item) -> None:
    """Add the files themselves, and the names of those that lie beside."""
    for attachment in item.artifact.attachments:
        name = one_line(attachment.name, most=200)
        content = item.contents.get(attachment.n)
        if content is not None:
            said = {"FMTTYPE": one_line(attachment.media_type, most=100), "FILENAME": name}
            component.add(
                "attach",
                vBinary(content),
                parameters={key: one for key, one in said.items() if one},
            )
            continue
        media = item.media.get(attachment.n)
        if media is not None and (media.path or media.reason):
            where = media.path or f"not here: {media.reason}"
            component.add("comment", one_line(f"File {name or attachment.n}: {where}"))


def _uri(value: str) -> str:
    return "".join(one_line(value, most=4000).split())
