"""What is read from one Calendar.sqlitedb, by the columns there.

Between iOS 8 and 26 alarms changed their owner's column, attachments got a table for their files,
and a dozen columns came. The kind ``reminder`` reads the tasks of iOS 12 and before through this.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence

import msgspec

from services.indexer.kinds.batched_rows import BatchedRows, Parts, numbers_in
from services.indexer.kinds.calendar_event.calendars import MOST_CALENDARS, Calendars, Identities
from services.indexer.kinds.calendar_event.people import COLUMNS as GUEST_COLUMNS
from services.indexer.kinds.calendar_event.people import Guests
from services.indexer.kinds.calendar_event.places import Places, place_of
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.named_place import Place
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, by_number
from services.indexer.kinds.values import text_of

_ITEM_COLUMNS = (
    "summary", "location_id", "client_location_id", "start_location_id", "end_location_id",
    "description", "start_date", "start_tz", "end_date", "end_tz", "all_day", "calendar_id",
    "orig_item_id", "orig_date", "organizer_id", "self_attendee_id", "status",
    "invitation_status", "availability", "privacy_level", "url", "last_modified", "birthday_id",
    "unique_identifier", "external_id", "response_comment", "hidden", "UUID", "entity_type",
    "priority", "due_date", "due_tz", "due_all_day", "completion_date", "creation_date",
    "phantom_master", "calendar_scale", "travel_time", "suggested_event_info_id",
    "proposed_start_date", "junk_status", "conference_url", "conference_url_detected",
    "contact_identifier", "contact_name", "special_day",
)  # fmt: skip
_ALARM_COLUMNS = (
    "rowid", "trigger_date", "trigger_interval", "type", "proximity", "disabled", "location_id",
    "acknowledgedDate", "default_alarm", "email_address",
)  # fmt: skip
_RULE_COLUMNS = (
    "frequency", "interval", "week_start", "count", "end_date", "specifier", "by_month_months",
)  # fmt: skip
#: Attachments keep their file in a table of its own since about iOS 12.
_OLD_FILE_COLUMNS = ("file_id", "url", "UUID", "format", "filename", "local_url", "file_size")
_FILE_COLUMNS = ("url", "UUID", "format", "filename", "local_path", "file_size")
_LOCATIONS = ("location_id", "client_location_id", "start_location_id", "end_location_id")
_TASK_ORDER = ("due_date", "completion_date", "creation_date")
_IS_TASK = "entity_type = 3"
_IS_EVENT = "(entity_type is null or entity_type <> 3)"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A row of CalendarItem with what other tables say of it."""

    row: Record
    guests: Sequence[Record] = ()
    organiser: Record | None = None
    alarms: Sequence[Record] = ()
    rules: Sequence[Record] = ()
    exceptions: Sequence[Record] = ()
    attachments: Sequence[Record] = ()
    conferences: Sequence[Record] = ()
    categories: Sequence[str] = ()
    #: All places that the row and its alarms name, and where alarms keep theirs, by the alarm.
    places: dict[int, Place]
    alarm_places: dict[int, Place]
    #: The row of the series that a changed date belongs to.
    master: Record | None = None


class Store:
    """One database of events and tasks."""

    def __init__(self, database: Database, handles: Handles, tally: Tally) -> None:
        """Read calendars and people; items are read in batches."""
        self.database = database
        self.identities = Identities(database, tally)
        self.calendars = Calendars(database, self.identities, handles, tally)
        self.guests = Guests(self.identities, handles)
        self._items = BatchedRows(database, "CalendarItem", _ITEM_COLUMNS, tally)
        self._masters = BatchedRows(database, "CalendarItem", ("UUID",), tally)
        self._places = Places(database, tally)
        self._organisers = (
            BatchedRows(database, "Participant", GUEST_COLUMNS[1:], tally)
            if database.columns("Participant")
            else None
        )
        self._guests = Parts(database, "Participant", GUEST_COLUMNS, tally, of="owner_id")
        alarms = database.columns("Alarm")
        owner = "calendaritem_owner_id" if "calendaritem_owner_id" in alarms else "owner_id"
        self._alarms = Parts(database, "Alarm", _ALARM_COLUMNS, tally, of=owner)
        self._alarm_places = Parts(
            database,
            "Location",
            ("title", "address", "latitude", "longitude", "radius"),
            tally,
            of="alarm_owner_id",
        )
        self._rules = Parts(database, "Recurrence", _RULE_COLUMNS, tally, of="owner_id")
        self._exceptions = Parts(database, "ExceptionDate", ("date",), tally, of="owner_id")
        self._attachments = Parts(database, "Attachment", _OLD_FILE_COLUMNS, tally, of="owner_id")
        self._files = (
            BatchedRows(database, "AttachmentFile", _FILE_COLUMNS, tally)
            if database.columns("AttachmentFile")
            else None
        )
        self._conferences = Parts(database, "Conference", ("url",), tally, of="owner_id")
        self._links = Parts(database, "CategoryLink", ("category_id",), tally, of="owner_id")
        self._categories = by_number(
            database, "Category", ("name",), tally, key="rowid", most=MOST_CALENDARS
        )

    def events(self) -> array[int]:
        """Return the numbers of all events in the order of time."""
        return self._items.numbers(where=self._where(_IS_EVENT), by=("start_date",))

    def tasks(self) -> array[int]:
        """Return the numbers of all reminders of iOS 12 and before, in the order of time."""
        where = self._where(_IS_TASK)
        return self._items.numbers(where=where, by=_TASK_ORDER) if where else array("q")

    def task_lists(self) -> set[int]:
        """Return the numbers of calendars that hold nothing but tasks."""
        if not {"entity_type", "calendar_id"} <= self.database.columns("CalendarItem"):
            return set()
        statement = (
            "select calendar_id, min(ifnull(entity_type, 2) = 3) from CalendarItem"
            " group by calendar_id"
        )
        try:
            return {
                number
                for number, is_tasks in self.database.rows(statement)
                if is_tasks and type(number) is int
            }
        except sqlite3.Error:
            return set()

    def _where(self, condition: str) -> str:
        return (
            f"where {condition}" if "entity_type" in self.database.columns("CalendarItem") else ""
        )

    def read(self, numbers: Sequence[int]) -> list[Item]:
        """Return the items with these numbers, in their order."""
        rows = self._items.read(numbers)
        numbers = [row["rowid"] for row in rows]
        alarms = self._alarms.read(numbers)
        all_alarms = [alarm for of_one in alarms.values() for alarm in of_one]
        alarm_places = self._alarm_places.read(numbers_in(all_alarms, "rowid"))
        places = self._places.read(
            list(
                dict.fromkeys(
                    [*numbers_in(rows, *_LOCATIONS), *numbers_in(all_alarms, "location_id")]
                )
            )
        )
        organisers: dict[int, Record] = {}
        if self._organisers is not None:
            found = self._organisers.read(numbers_in(rows, "organizer_id"))
            organisers = {row["rowid"]: row for row in found}
        masters = {
            row["rowid"]: row
            for row in self._masters.read([n for n in numbers_in(rows, "orig_item_id") if n > 0])
        }
        guests, rules = self._guests.read(numbers), self._rules.read(numbers)
        people = [*organisers.values(), *(row for rows in guests.values() for row in rows)]
        self.identities.load(numbers_in(people, "identity_id"))
        exceptions, attachments = self._exceptions.read(numbers), self._attached(numbers)
        conferences, links = self._conferences.read(numbers), self._links.read(numbers)
        held = self._held(alarm_places)
        return [
            Item(
                row=row,
                guests=guests.get(number, ()),
                organiser=organisers.get(row["organizer_id"]),
                alarms=alarms.get(number, ()),
                rules=rules.get(number, ()),
                exceptions=exceptions.get(number, ()),
                attachments=attachments.get(number, ()),
                conferences=conferences.get(number, ()),
                categories=self._named(links.get(number, ())),
                places=places,
                alarm_places=held,
                master=masters.get(row["orig_item_id"]),
            )
            for number, row in zip(numbers, rows, strict=True)
        ]

    def _attached(self, numbers: Sequence[int]) -> dict[int, list[Record]]:
        found = self._attachments.read(numbers)
        if self._files is None:
            return found
        every = [row for rows in found.values() for row in rows]
        files = {row["rowid"]: row for row in self._files.read(numbers_in(every, "file_id"))}
        return {
            number: [row | files.get(row["file_id"], {}) for row in rows]
            for number, rows in found.items()
        }

    def _held(self, rows: dict[int, list[Record]]) -> dict[int, Place]:
        places = ((alarm, place_of(of_one[0])) for alarm, of_one in rows.items() if of_one)
        return {alarm: place for alarm, place in places if place is not None}

    def _named(self, links: Sequence[Record]) -> tuple[str, ...]:
        found = (self._categories.get(link["category_id"]) for link in links)
        names = (text_of(row["name"]) for row in found if row is not None)
        return tuple(dict.fromkeys(name for name in names if name))
