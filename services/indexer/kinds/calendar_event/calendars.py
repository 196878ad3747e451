"""The calendars of a database with their accounts: the threads of events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from services.indexer.kinds.batched_rows import BatchedRows
from services.indexer.kinds.calendar_event.payload import Calendar, CalendarForm
from services.indexer.kinds.calendar_event.vocabulary import (
    ACCOUNT_TYPES,
    BIRTHDAYS,
    SHARINGS,
    SUBSCRIBED,
)
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protocol import Sink, Tally
from services.indexer.kinds.records import Record, by_number, key_of, walk
from services.indexer.kinds.values import flag_of, int_of, text_of
from services.indexer.staging import StagedThread

_ACCOUNT_COLUMNS = ("name", "type", "owner_name", "disabled", "persistent_id", "external_id")
_CALENDAR_COLUMNS = (
    "store_id", "title", "color", "type", "UUID", "external_id", "sharing_status",
    "shared_owner_name", "shared_owner_address", "shared_owner_email", "published_URL",
    "is_published", "subcal_url", "subscription_id", "supported_entity_types",
)  # fmt: skip
#: Nobody has more calendars than this.
MOST_CALENDARS = 10_000
_MOST_SHAREES = 1000
_MOST_KNOWN = 10_000
_LONGEST = 4000
#: Google's calendars of public holidays, and how others name theirs: ``/holidays/us_en.ics``.
_PUBLIC_HOLIDAYS = re.compile(r"(?:#|%23)holiday(?:@|%40)", re.IGNORECASE)
_HOLIDAYS = re.compile(r"[/._-]holidays?(?:[/._-]|$)", re.IGNORECASE)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_ADDRESS = re.compile(r"^(mailto|tel):", re.IGNORECASE)


class Identities:
    """Names and addresses of people, by the number that the rows about them give."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Read from the table Identity, if there is one."""
        self._rows: BatchedRows | None = None
        self._known: dict[int, Record] = {}
        if database.columns("Identity"):
            columns = ("display_name", "address", "first_name", "last_name")
            self._rows = BatchedRows(database, "Identity", columns, tally)

    def load(self, numbers: Sequence[int]) -> None:
        """Make ready for *numbers*, and forget those before."""
        rows = self._rows.read(numbers) if self._rows is not None else []
        self._known = {row["rowid"]: row for row in rows}

    def find(self, number: object) -> tuple[str | None, str | None]:
        """Return name and address of somebody, each None if not known."""
        if type(number) is int and number not in self._known:
            self._known |= {row["rowid"]: row for row in self._read_one(number)}
        row = self._known.get(number) if isinstance(number, int) else None
        if row is None:
            return None, None
        name = text_of(row["display_name"]) or " ".join(
            part for part in (text_of(row["first_name"]), text_of(row["last_name"])) if part
        )
        return (name or "")[:_LONGEST] or None, address_of(row["address"])

    def _read_one(self, number: int) -> list[Record]:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        return self._rows.read([number]) if self._rows is not None else []


def address_of(value: object) -> str | None:
    """Return an e-mail address or number without what says which of them it is."""
    text = text_of(value)
    return None if text is None else _ADDRESS.sub("", text)[:_LONGEST] or None


class Calendars:
    """All calendars by their row's number."""

    def __init__(
        self, database: Database, identities: Identities, handles: Handles, tally: Tally
    ) -> None:
        """Read calendars, accounts and with whom calendars are shared."""
        most = MOST_CALENDARS
        accounts = by_number(database, "Store", _ACCOUNT_COLUMNS, tally, key="rowid", most=most)
        rows = by_number(database, "Calendar", _CALENDAR_COLUMNS, tally, key="rowid", most=most)
        self._calendars: dict[int, Calendar] = {}
        self._raw_keys: dict[int, str | None] = {}
        taken: set[str] = set()
        for number, row in rows.items():
            calendar = _calendar(row, accounts.get(row["store_id"]))
            if calendar.key in taken:
                calendar = msgspec.structs.replace(
                    calendar, key=key_of(calendar.key, calendar.account, calendar.title, number)
                )
            taken.add(calendar.key)
            self._calendars[number] = calendar
            self._raw_keys[number] = text_of(row["external_id"])
        self._people: dict[int, list[str]] = {}
        for number, row in rows.items():
            owner = address_of(row["shared_owner_address"]) or address_of(row["shared_owner_email"])
            if owner:
                self._people.setdefault(number, []).append(handles.normalise(owner))
        for row in walk(database, "Sharee", ("owner_id", "identity_id"), tally):
            if row["owner_id"] not in rows:
                continue
            _, address = identities.find(row["identity_id"])
            people = self._people.setdefault(row["owner_id"], [])
            if address and len(people) < _MOST_SHAREES:
                people.append(handles.normalise(address))

    def find(self, number: object) -> Calendar | None:
        """Return a calendar; None where an event names one that is not there."""
        return self._calendars.get(number) if isinstance(number, int) else None

    def give(
        self,
        sink: Sink,
        *,
        only: AbstractSet[str] | None = None,
        without: AbstractSet[int] = frozenset(),
    ) -> None:
        """Give every calendar to *sink*, or those whose keys are in *only*.

        *without* are the numbers of those that are lists of reminders.
        """
        for number, calendar in self._calendars.items():
            if number not in without and (only is None or calendar.key in only):
                people = list(dict.fromkeys(self._people.get(number, ())))
                sink.thread(thread_of(calendar, people, raw_key=self._raw_keys[number]))


def thread_of(calendar: Calendar, people: list[str], *, raw_key: str | None) -> StagedThread:
    """Return the thread of a calendar, which is a group's if it is shared."""
    is_shared = calendar.sharing is not None
    return StagedThread(
        key=calendar.key,
        title=calendar.title,
        is_group=is_shared,
        participants=people if is_shared else [],
        services=[calendar.account_type or "calendar"],
        raw_keys=[calendar.key if raw_key is None else raw_key[:_LONGEST]],
    )


def _calendar(row: Record, account: Record | None) -> Calendar:
    said: Mapping[str, object] = account or dict.fromkeys(_ACCOUNT_COLUMNS)
    title = text_of(row["title"])
    name = text_of(said["name"]) or text_of(said["owner_name"])
    colour = text_of(row["color"])
    found = None if colour is None else _COLOUR.match(colour)
    owner = text_of(row["shared_owner_name"]) or address_of(
        row["shared_owner_address"] or row["shared_owner_email"]
    )
    url = text_of(row["subcal_url"]) or text_of(row["published_URL"])
    return Calendar(
        key=text_of(row["UUID"])
        or key_of("calendar", name, text_of(said["persistent_id"]), row["external_id"], title),
        title=None if title is None else title[:_LONGEST],
        form=_form(row, said),
        account=None if name is None else name[:_LONGEST],
        account_type=_said(ACCOUNT_TYPES, said["type"], "type"),
        is_off=flag_of(said["disabled"]),
        colour=None if found is None else found[0],
        sharing=_said(SHARINGS, row["sharing_status"] or None, "status"),
        owner=None if owner is None else owner[:_LONGEST],
        is_published=flag_of(row["is_published"]),
        url=None if url is None else url[:_LONGEST],
    )


def _said(words: dict[int, str], value: object, name: str) -> str | None:
    """Return the word for a number, or the number by the name of what it is."""
    number = int_of(value)
    return None if number is None else words.get(number, f"{name}_{number}")


def _form(row: Record, account: Mapping[str, object]) -> CalendarForm:
    type_ = (text_of(row["type"]) or "")[:_LONGEST].lower()
    if account["type"] == BIRTHDAYS or "birthday" in type_:
        return "birthdays"
    names = ("subcal_url", "external_id", "subscription_id")
    sources = [said[:_LONGEST] for name in names if (said := text_of(row[name])) is not None]
    is_subscribed = (
        account["type"] == SUBSCRIBED
        or "subscri" in type_
        or text_of(row["subcal_url"]) is not None
        or text_of(row["subscription_id"]) is not None
    )
    # People call their own calendars so, too; those are no public holidays.
    if "holiday" in type_ or any(_PUBLIC_HOLIDAYS.search(said) for said in sources):
        return "holidays"
    if is_subscribed and any(_HOLIDAYS.search(said) for said in sources):
        return "holidays"
    return "subscribed" if is_subscribed else "calendar"
