"""Builds Calendar.sqlitedb."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from deploy.demo.calendar_schema import INDEXES, Form, schema_of
from deploy.demo.minted_database import MintedForms

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
EVENT, TASK = 2, 3
LOCAL, EXCHANGE, CALDAV, SUBSCRIBED, BIRTHDAYS = 0, 1, 2, 4, 5
GUEST, ORGANISER = 7, 8
ACCEPTED, DECLINED, TENTATIVE = 1, 2, 3
DAILY, WEEKLY, MONTHLY, YEARLY = 1, 2, 3, 4


def seconds(at: dt.datetime | dt.date) -> float:
    """Return a moment, or a day by the clock, as the calendar keeps it."""
    if not isinstance(at, dt.datetime):
        at = dt.datetime(at.year, at.month, at.day, tzinfo=dt.UTC)
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    return (at - _COCOA).total_seconds()


@dataclass
class CalendarDatabase(MintedForms):
    """Calendars in the making."""

    form: Form = "26"
    seed: int = 1

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.begin(schema_of(self.form), seed=self.seed)
        for table, *columns in INDEXES:
            for column in columns:
                if column in self.columns(table):
                    self.connection.execute(f"create index {table}_{column} on {table}({column})")

    def account(self, name: str, *, type_: int = CALDAV, **columns: Any) -> int:
        """Add an account."""
        return self.insert(
            "Store", **({"name": name, "type": type_, "persistent_id": self.uuid()} | columns)
        )

    def calendar(self, account: int, title: str, *, colour: str = "#1BADF8", **columns: Any) -> int:
        """Add a calendar, or a list of reminders of iOS 12 and before."""
        return self.insert(
            "Calendar",
            **(
                {"store_id": account, "title": title, "color": colour, "UUID": self.uuid()}
                | columns
            ),
        )

    def event(
        self,
        calendar: int,
        summary: str | None,
        *,
        start: dt.datetime | dt.date,
        end: dt.datetime | dt.date | None = None,
        zone: str | None = "Europe/Zurich",
        **columns: Any,
    ) -> int:
        """Add an event; days make one of whole days. *columns* are the table's own."""
        all_day = not isinstance(start, dt.datetime)
        if end is None:
            end = start + (dt.timedelta(days=1) if all_day else dt.timedelta(hours=1))
        zone = "_float" if all_day else zone
        own: dict[str, Any] = {
            "summary": summary, "start_date": seconds(start), "end_date": seconds(end),
            "start_tz": zone, "end_tz": zone, "all_day": int(all_day), "calendar_id": calendar,
            "entity_type": EVENT, "UUID": self.uuid(), "unique_identifier": self.uuid(),
            "status": 1, "availability": 0, "orig_item_id": 0, "birthday_id": -1,
            "creation_date": seconds(dt.datetime(2024, 6, 1, 9, tzinfo=dt.UTC)),
            "last_modified": seconds(dt.datetime(2024, 6, 1, 9, tzinfo=dt.UTC)),
        } | columns  # fmt: skip
        return self.insert("CalendarItem", **own)

    def task(self, calendar: int, summary: str, **columns: Any) -> int:
        """Add a reminder as iOS 12 and before kept it."""
        own: dict[str, Any] = {
            "summary": summary, "calendar_id": calendar, "entity_type": TASK,
            "UUID": self.uuid(), "unique_identifier": self.uuid(),
            "creation_date": seconds(dt.datetime(2018, 3, 1, 9, tzinfo=dt.UTC)),
        } | columns  # fmt: skip
        return self.insert("CalendarItem", **own)

    def set(self, item: int, **columns: Any) -> None:
        """Change columns of an item."""
        there = self.columns("CalendarItem")
        columns = {name: value for name, value in columns.items() if name in there}
        if not columns:
            return
        changes = ", ".join(f"{name} = ?" for name in columns)
        self.connection.execute(
            f"update CalendarItem set {changes} where ROWID = ?",  # noqa: S608 -- own names
            (*columns.values(), item),
        )

    def place(self, title: str, *, of: int | None = None, **columns: Any) -> int:
        """Add a place; the place of the item *of*, if that is given."""
        number = self.insert("Location", **({"title": title, "item_owner_id": of} | columns))
        if of is not None:
            self.set(of, location_id=number)
        return number

    def identity(self, name: str | None, address: str | None) -> int:
        """Add somebody's name and address."""
        return self.insert("Identity", display_name=name, address=address)

    def guest(
        self,
        item: int,
        name: str | None,
        address: str | None,
        *,
        status: int = 0,
        is_organiser: bool = False,
        **columns: Any,
    ) -> int:
        """Invite somebody, or say who invites."""
        plain = (address or "").partition(":")[2] or None
        own: dict[str, Any] = {
            "entity_type": ORGANISER if is_organiser else GUEST, "type": 1, "status": status,
            "role": 0 if is_organiser else 1, "owner_id": item, "UUID": self.uuid(),
            "identity_id": self.identity(name, address), "is_self": 0,
            "email": plain if plain and "@" in plain else None,
            "phone_number": plain if plain and "@" not in plain else None,
        } | columns  # fmt: skip
        number = self.insert("Participant", **own)
        if is_organiser:
            self.set(item, organizer_id=number, has_attendees=1)
        if own["is_self"]:
            self.set(item, self_attendee_id=number)
        return number

    def repeat(self, item: int, frequency: int, **columns: Any) -> int:
        """Let an item come again."""
        self.set(item, has_recurrences=1)
        own = {"frequency": frequency, "interval": 1, "count": 0, "owner_id": item} | columns
        return self.insert("Recurrence", **own)

    def skip(self, item: int, *days: dt.datetime | dt.date) -> None:
        """Delete single dates of a series."""
        for day in days:
            self.insert("ExceptionDate", owner_id=item, date=seconds(day))

    def alarm(self, item: int, *, before: dt.timedelta | None = None, **columns: Any) -> int:
        """Add an alarm; what belongs to it is named by another column since about iOS 10."""
        interval = None if before is None else -int(before.total_seconds())
        own = {
            "trigger_interval": interval, "type": 0, "UUID": self.uuid(), "owner_id": item,
            "calendaritem_owner_id": item,
        } | columns  # fmt: skip
        return self.insert("Alarm", **own)

    def attach(self, item: int, name: str, **columns: Any) -> None:
        """Add an attachment."""
        own = {"filename": name, "UUID": self.uuid(), "url": f"cid:{name}"} | columns
        if "file_id" in self.columns("Attachment"):
            file = self.insert("AttachmentFile", **own)
            self.insert("Attachment", owner_id=item, file_id=file)
        else:
            self.insert("Attachment", **(own | {"owner_id": item}))


def many_events(count: int) -> bytes:
    """Return a calendar with *count* events, every tenth with guests, an alarm and a place."""
    database = CalendarDatabase(seed=77)
    calendar = database.calendar(database.account("Cloud"), "Work")
    start = dt.datetime(2015, 1, 5, 8, tzinfo=dt.UTC)
    for number in range(count):
        item = database.event(
            calendar, f"Meeting {number} about the harbour", start=start + number * _HALF_HOUR,
            description="Bring the plans of the pier\nand the list of berths",
        )  # fmt: skip
        if number % 10 == 0:
            database.guest(item, "Jonas Sandoval", "mailto:jonas@example.com", status=ACCEPTED)
            database.guest(item, "Amélie Dubois", "mailto:amelie.dubois@example.org")
            database.alarm(item, before=dt.timedelta(minutes=15))
            database.place("Harbour office", of=item, latitude=47.35, longitude=8.55)
    return database.to_bytes()


_HALF_HOUR = dt.timedelta(minutes=30)
