"""Calendars and stores of reminders, several of them at once as phones have them."""

from __future__ import annotations

import json
import random
from pathlib import Path

from deploy.demo.calendar_database import many_events
from deploy.demo.calendar_events import demo_calendar
from deploy.demo.reminders import (
    CLOUD,
    DOMAIN,
    LOCAL,
    PICTURE,
    demo_cloud,
    demo_local,
    old_tasks,
)
from deploy.demo.reminders_database import many_reminders
from services.indexer.kinds.backup_files import file_id_of
from tests.hostile import seeds
from tests.hostile.mutations import mutate, sqlite_spots
from tests.hostile.rows import Value, change_value, disturb
from tests.hostile.workers import Stores

_CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
_OTHER = "HomeDomain/Library/Calendar/Other.sqlitedb"
_CLOUD, _LOCAL = f"{DOMAIN}/{CLOUD}", f"{DOMAIN}/{LOCAL}"
_TABLES = (
    "CalendarItem", "CalendarItem", "CalendarItem", "Recurrence", "Recurrence", "Alarm",
    "Participant", "Participant", "Identity", "Location", "ExceptionDate", "Attachment",
    "AttachmentFile", "Calendar", "Store", "Category", "CategoryLink", "Conference", "Sharee",
    "Notification",
)  # fmt: skip
_REMINDER_TABLES = (
    "ZREMCDREMINDER", "ZREMCDREMINDER", "ZREMCDOBJECT", "ZREMCDOBJECT", "ZREMCDOBJECT",
    "ZREMCDBASELIST", "ZREMCDBASELIST", "ZREMCDBASESECTION", "ZREMCDHASHTAGLABEL",
    "Z_PRIMARYKEY",
)  # fmt: skip
#: Texts that are taken apart: rules, lists, dates, addresses.
_WORDS = (
    "D=" + "+1MO," * 5000, "D=0MO;" * 3000, "M=" + "9" * 4000, "=;=;D;,", "D=-99FR;S=-0",
    '{"memberships":' + "[" * 900, '[{"dayOfTheWeek":1e400}]', "[1e308,-9223372036854775808]",
    '{"year":-1,"month":0,"day":99999999999999999999}', '{"year":9999,"month":12,"day":31}',
    '{"dueDateDeltaAlerts":[{"dueDateDeltaUnit":4,"dueDateDeltaCount":-9223372036854775808}]}',
    "mailto:" * 3000, "tel:", "_float", "gregorian", "#FF00", '{"Emoji":"' + "x" * 5000 + '"}',
    "/" * 9000, "Library/Calendar/../../../etc/passwd", "https://holidays.example/" + "/" * 4000,
)  # fmt: skip


class Calendars(Stores):
    """Calendar.sqlitedb of all ages, sometimes with a further database beside it."""

    name = "calendars (worker)"
    kind = "calendar_event"

    def open(self, folder: Path) -> None:
        self._seeds = [
            demo_calendar(form="26").to_bytes(), demo_calendar(form="10", later=True).to_bytes(),
            demo_calendar(form="8").to_bytes(), many_events(500), old_tasks().to_bytes(),
            *_samples("*Calendar.sqlitedb"),
        ]  # fmt: skip

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = {_CALENDAR: self._damaged(chance)}
        if chance.random() < 0.2:
            stores[_OTHER] = self._damaged(chance)
        return stores

    def _damaged(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.7:
            content = disturb(content, chance, tables=_TABLES, change=_change)
        if draw > 0.65:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        return content

    def listing(self, store: Path) -> str | None:
        return _listing(store, "HomeDomain", "Library/Calendar/Attachments/1/plan.pdf")


class Reminders(Stores):
    """The stores of two accounts, or the calendar of an old phone."""

    name = "reminders (worker)"
    kind = "reminder"

    def open(self, folder: Path) -> None:
        self._seeds = [
            demo_cloud().to_bytes(), demo_cloud(form="13", later=True).to_bytes(),
            many_reminders(500), *_samples("reminders*.sqlite"),
        ]  # fmt: skip
        self._local = demo_local().to_bytes()
        self._old = old_tasks().to_bytes()

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        if chance.random() < 0.15:
            return {_CALENDAR: disturb(self._old, chance, tables=_TABLES, change=_change)}
        content = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.7:
            content = disturb(content, chance, tables=_REMINDER_TABLES, change=_change)
        if draw > 0.65:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        stores = {_CLOUD: content}
        if chance.random() < 0.3:
            stores[_LOCAL] = chance.choice((self._local, content))
        if chance.random() < 0.1:
            stores[_CALENDAR] = self._old
        return stores

    def listing(self, store: Path) -> str | None:
        return _listing(store, DOMAIN, PICTURE)


def _change(value: Value, chance: random.Random) -> Value:
    if chance.random() < 0.2:
        word = chance.choice(_WORDS)
        return word.encode() if isinstance(value, bytes) else word
    return change_value(value, chance)


def _listing(store: Path, domain: str, path: str) -> str:
    line = {
        "domain": domain, "relative_path": path, "file_id": file_id_of(domain, path),
        "size_bytes": 9, "present": True,
    }  # fmt: skip
    listing = store / "listing.jsonl"
    listing.write_text(json.dumps(line))
    return str(listing)


def _samples(pattern: str) -> list[bytes]:
    folder = seeds.samples_folder()
    found = [] if folder is None else sorted(folder.rglob(pattern))
    return [path.read_bytes() for path in found]
