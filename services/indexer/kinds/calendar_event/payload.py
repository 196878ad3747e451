"""The payload of an event. Only fields that say something are there, but for ``form``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from services.indexer.kinds.named_place import Place
from services.indexer.kinds.recurrence import Recurrence

#: ``invitation``: one to share a calendar, or an answer, in the phone's inbox of the calendar.
Form = Literal["event", "birthday", "holiday", "invitation"]
CalendarForm = Literal["calendar", "birthdays", "holidays", "subscribed"]


class Calendar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The calendar that holds the event. Its key is that of the thread."""

    key: str
    title: str | None = None
    form: CalendarForm = "calendar"
    #: The account that it belongs to, and its sort: ``on_my_phone``, ``caldav``, ``exchange``, …
    account: str | None = None
    account_type: str | None = None
    #: Whether the account's calendars are switched off on the phone.
    is_off: bool = False
    #: ``#RRGGBB``.
    colour: str | None = None
    #: ``shared_by_me`` or ``shared_with_me``, and whose it is.
    sharing: str | None = None
    owner: str | None = None
    is_published: bool = False
    #: Where it is subscribed from, or published at.
    url: str | None = None


class Guest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who invites or is invited; rooms and things are guests, too."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    #: Number or address in the form in which handles are compared.
    handle: str | None = None
    is_me: bool = False
    #: ``accepted``, ``declined``, ``tentative``; null: no answer.
    answer: str | None = None
    #: ``required``, ``optional``, ``chair``.
    role: str | None = None
    #: ``person``, ``room``, ``resource``, ``group``.
    type: str | None = None
    comment: str | None = None
    #: The other time that the guest asks for.
    proposed_at: dt.datetime | None = None
    raw: dict[str, int] = {}


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When the phone reminds of it: before or after its beginning, at a moment, or at a place."""

    #: Below zero: before the beginning.
    offset_seconds: int | None = None
    at: dt.datetime | None = None
    #: ``arrive`` or ``leave``, with the place.
    proximity: str | None = None
    place: Place | None = None
    #: ``display``, ``sound``, ``email``, …
    type: str | None = None
    email: str | None = None
    is_default: bool = False
    is_off: bool = False
    acknowledged_at: dt.datetime | None = None
    raw: dict[str, int] = {}


class Birthday(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose birthday it is: ``1984-11-03``, or ``--11-03`` without a year."""

    name: str | None = None
    date: str | None = None
    #: The phone's own id of the contact.
    contact: str | None = None


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attachment *n* of the artifact as its server knows it."""

    n: int
    url: str


class CalendarEventPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``calendar_event``."""

    form: Form
    title: str | None = None
    calendar: Calendar | None = None
    #: The iCalendar UID, which all guests and all dates of a series share.
    uid: str | None = None

    # When. A moment with the zone it was entered in; whole days; or a time that floats, the same
    # by the clock wherever one is. Days and floating times have no moments.
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    time_zone: str | None = None
    end_time_zone: str | None = None
    is_all_day: bool = False
    first_day: str | None = None
    last_day: str | None = None
    starts_local: str | None = None
    ends_local: str | None = None
    duration_seconds: float | None = None

    # Again. What stands in ``exceptions`` was deleted from the series; changed dates of it are
    # events of their own, which name the series' key and the beginning that they replace. Where the
    # series floats, these moments are what a clock shows, too.
    recurrences: tuple[Recurrence, ...] = ()
    exceptions: tuple[dt.datetime, ...] = ()
    #: For series of whole days.
    exception_days: tuple[str, ...] = ()
    series_key: str | None = None
    replaces: dt.datetime | None = None

    # Where, and the way there.
    place: Place | None = None
    travel_seconds: int | None = None
    travel_from: Place | None = None
    ends_at_place: Place | None = None

    # Who. The owner's own answer is that of the guest who is the owner.
    organiser: Guest | None = None
    guests: tuple[Guest, ...] = ()
    my_answer: str | None = None
    response_comment: str | None = None
    proposed_at: dt.datetime | None = None

    # What is written, and what belongs to it.
    notes: str | None = None
    url: str | None = None
    conference_url: str | None = None
    #: An address that the phone found in the notes or the place.
    conference_url_detected: str | None = None
    categories: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    links: tuple[Link, ...] = ()
    birthday: Birthday | None = None
    special_day: str | None = None

    # State: ``confirmed``, ``tentative``, ``cancelled``; ``busy``, ``free``, ``tentative``, …
    status: str | None = None
    availability: str | None = None
    is_private: bool = False
    is_hidden: bool = False
    is_junk: bool = False
    #: Found by the phone in a mail or message.
    is_suggested: bool = False
    priority: int | None = None
    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None

    #: The phone's numbers where they are none that we know.
    raw: dict[str, int] = {}
