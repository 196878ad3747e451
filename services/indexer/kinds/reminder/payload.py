"""The payload of a reminder. Only fields that say something are there, but for the title."""

from __future__ import annotations

import datetime as dt

import msgspec

from services.indexer.kinds.named_place import Place
from services.indexer.kinds.recurrence import Recurrence


class ReminderList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list that holds the reminder. Its key is that of the thread."""

    key: str
    title: str | None = None
    account: str | None = None
    #: The groups that the list lies in, the outermost first.
    groups: tuple[str, ...] = ()
    is_shared: bool = False
    #: Marked to go, with all that is in it.
    is_deleted: bool = False
    #: An emoji or Apple's name of a symbol.
    emblem: str | None = None
    #: ``#RRGGBB``.
    colour: str | None = None


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When the phone reminds: before it is due, at a time, or at a place."""

    #: Below zero: before it is due.
    offset_seconds: int | None = None
    offset_months: int | None = None
    at: dt.datetime | None = None
    #: A time by the clock in a zone, or wherever the phone is: ``2024-08-14T09:00:00``.
    at_local: str | None = None
    time_zone: str | None = None
    #: ``arrive`` or ``leave``, with the place; or ``car_connected``, ``car_disconnected``.
    proximity: str | None = None
    place: Place | None = None
    is_off: bool = False
    acknowledged_at: dt.datetime | None = None
    raw: dict[str, int] = {}


class Assignee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom the reminder was given to in a shared list."""

    name: str | None = None
    address: str | None = None
    #: The address in the form in which handles are compared.
    handle: str | None = None
    assigned_at: dt.datetime | None = None


class FileInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attachment *n* of the artifact is."""

    n: int
    #: The type of file in Apple's words (``public.jpeg``).
    uti: str | None = None
    width: int | None = None
    height: int | None = None


class ReminderPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``reminder``."""

    title: str | None
    notes: str | None = None
    list: ReminderList | None = None
    section: str | None = None
    #: The reminder that this one is a part of.
    parent_key: str | None = None

    # When. A moment with the zone it was entered in, or a whole day.
    due_at: dt.datetime | None = None
    due_day: str | None = None
    is_all_day: bool = False
    time_zone: str | None = None
    starts_at: dt.datetime | None = None
    start_day: str | None = None
    #: Where the list shows another time than that at which it is due.
    shown_at: dt.datetime | None = None
    recurrences: tuple[Recurrence, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    # State.
    is_completed: bool = False
    completed_at: dt.datetime | None = None
    is_flagged: bool = False
    is_urgent: bool = False
    #: ``high``, ``medium``, ``low``.
    priority: str | None = None
    #: Marked to go: in *Recently Deleted*, or not yet gone from other devices.
    is_deleted: bool = False

    # What belongs to it.
    tags: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    assignees: tuple[Assignee, ...] = ()
    files: tuple[FileInfo, ...] = ()

    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    #: Kept in the calendar's database, as until iOS 12.
    is_old_form: bool = False
    #: The phone's numbers where they are none that we know.
    raw: dict[str, int] = {}
