"""Lists of reminders with their groups, sections and members: the threads of reminders."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import msgspec

from services.indexer.kinds.core_data import Entities
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.protocol import Sink, Tally
from services.indexer.kinds.records import Record, key_of, note_too_many_threads, walk
from services.indexer.kinds.reminder.objects import OBJECTS, columns_by_name, merged
from services.indexer.kinds.reminder.payload import ReminderList
from services.indexer.kinds.values import flag_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedThread

_FIELDS = (
    "ZNAME", "ZISGROUP", "ZPARENTLIST", "ZACCOUNT", "ZSHARINGSTATUS", "ZSMARTLISTTYPE",
    "ZMARKEDFORDELETION", "ZIDENTIFIER", "ZCKIDENTIFIER", "ZBADGEEMBLEM", "ZCOLOR",
    "ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA",
)  # fmt: skip
_MOST_LISTS = 10_000
_MOST_SECTIONS = 100_000
_MOST_MEMBERS = 1000
_DEEPEST_GROUP = 20
_LARGEST_JSON = 8 * 1024 * 1024
_LONGEST = 4000
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


class _Membership(msgspec.Struct):
    memberID: str  # noqa: N815 -- Apple's names
    groupID: str  # noqa: N815


class _Memberships(msgspec.Struct):
    memberships: list[_Membership]


class _Emblem(msgspec.Struct):
    emoji: str = msgspec.field(name="Emoji")


class Lists:
    """The lists of one store by their number."""

    def __init__(
        self, database: Database, entities: Entities, handles: Handles, tally: Tally, *, store: str
    ) -> None:
        """Read lists, accounts, sections and members; *store* is the name of the store's file."""
        self._database = database
        self._entities = entities
        self._tally = tally
        self._sections: dict[str, str] = {}
        self.accounts = self._accounts()
        rows = dict(self._rows())
        self._lists: dict[int, ReminderList] = {}
        taken: set[str] = set()
        names = self._section_names()
        for number, row in rows.items():
            if flag_of(row["ZISGROUP"]) or self._is_smart(row):
                continue
            found = self._list(number, row, rows, store)
            if found.key in taken:
                found = msgspec.structs.replace(found, key=key_of(store, found.key, number))
            taken.add(found.key)
            self._lists[number] = found
            self._read_memberships(row["ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA"], names)
        self._members = self._read_members(handles)

    def find(self, number: object) -> ReminderList | None:
        """Return a list; None where a reminder names one that is not there."""
        return self._lists.get(number) if isinstance(number, int) else None

    def section(self, *identities: str | None) -> str | None:
        """Return the section in which a reminder with one of these identities stands."""
        return next(
            (
                name
                for identity in identities
                if identity and (name := self._sections.get(identity.upper()))
            ),
            None,
        )

    def give(self, sink: Sink) -> None:
        """Give every list to *sink*."""
        for number, one in self._lists.items():
            sink.thread(
                StagedThread(
                    key=one.key,
                    title=one.title,
                    is_group=one.is_shared,
                    participants=self._members.get(number, []) if one.is_shared else [],
                    services=["reminders"],
                    raw_keys=[one.key],
                )
            )

    def _rows(self) -> list[tuple[int, Record]]:
        """Read the table of lists, or the table of everything until iOS 15."""
        database, tally = self._database, self._tally
        for table in ("ZREMCDBASELIST", "ZREMCDLIST", OBJECTS):
            columns = columns_by_name(database, table, _FIELDS)
            if not columns["ZNAME"]:
                continue
            rest = ""
            if table == OBJECTS:
                ours = {
                    number
                    for name in ("REMCDBaseList", "REMCDList", "REMCDGroup", "REMCDSmartList")
                    for number in self._entities.numbers(name)
                }
                if not ours:
                    continue
                rest = f"where Z_ENT in ({', '.join(map(str, sorted(ours)))})"
            names = ["Z_PK", "Z_ENT", *(name for group in columns.values() for name in group)]
            found: list[tuple[int, Record]] = []
            for row in walk(database, table, names, tally, rest=rest):
                if len(found) == _MOST_LISTS:
                    note_too_many_threads(tally)
                    break
                if isinstance(row["Z_PK"], int):
                    found.append((row["Z_PK"], merged(row, columns) | {"Z_ENT": row["Z_ENT"]}))
            return found
        return []

    def _is_smart(self, row: Record) -> bool:
        smart = self._entities.numbers("REMCDSmartList")
        return row["Z_ENT"] in smart or text_of(row["ZSMARTLISTTYPE"]) is not None

    def _list(self, number: int, row: Record, rows: dict[int, Record], store: str) -> ReminderList:
        title = text_of(row["ZNAME"])
        return ReminderList(
            key=uuid_of(row["ZIDENTIFIER"])
            or text_of(row["ZCKIDENTIFIER"])
            or key_of("list", store, title, number),
            title=None if title is None else title[:_LONGEST],
            account=self.accounts.get(row["ZACCOUNT"]),
            groups=_groups(row, rows),
            is_shared=(int_of(row["ZSHARINGSTATUS"]) or 0) > 0,
            is_deleted=flag_of(row["ZMARKEDFORDELETION"]),
            emblem=_emblem(row["ZBADGEEMBLEM"]),
            colour=_colour(row["ZCOLOR"]),
        )

    def _accounts(self) -> dict[int, str]:
        numbers = self._entities.numbers("REMCDAccount")
        found: dict[int, str] = {}
        for table in ("ZREMCDACCOUNT", OBJECTS):
            columns = columns_by_name(self._database, table, ("ZNAME",))
            rest = ""
            if table == OBJECTS:
                if not numbers:
                    continue
                rest = f"where Z_ENT in ({', '.join(map(str, sorted(numbers)))})"
            names = ("Z_PK", *columns["ZNAME"])
            for row in walk(self._database, table, names, self._tally, rest=rest):
                name = text_of(merged(row, columns)["ZNAME"])
                if name and isinstance(row["Z_PK"], int) and len(found) < _MOST_LISTS:
                    found[row["Z_PK"]] = name[:_LONGEST]
        return found

    def _section_names(self) -> dict[str, str]:
        found: dict[str, str] = {}
        columns = ("ZDISPLAYNAME", "ZCKIDENTIFIER", "ZIDENTIFIER", "ZMARKEDFORDELETION")
        for row in walk(self._database, "ZREMCDBASESECTION", columns, self._tally):
            name = text_of(row["ZDISPLAYNAME"])
            if name is None or flag_of(row["ZMARKEDFORDELETION"]) or len(found) > _MOST_SECTIONS:
                continue
            for identity in (text_of(row["ZCKIDENTIFIER"]), uuid_of(row["ZIDENTIFIER"])):
                if identity:
                    found[identity.upper()] = name[:_LONGEST]
        return found

    def _read_memberships(self, data: object, names: dict[str, str]) -> None:
        if not names or not isinstance(data, bytes | str) or len(data) > _LARGEST_JSON:
            return
        try:
            said = msgspec.json.decode(data, type=_Memberships)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self._tally.note("The sections of a list of reminders could not be read.")
            return
        for one in said.memberships:
            name = names.get(one.groupID.upper())
            if name is not None:
                self._sections[one.memberID.upper()] = name

    def _read_members(self, handles: Handles) -> dict[int, list[str]]:
        """Return the handles of those who share each list."""
        numbers = self._entities.numbers("REMCDSharee")
        links = columns_by_name(self._database, OBJECTS, ("ZLIST", "ZADDRESS"))
        if not numbers or not links["ZLIST"]:
            return {}
        names = tuple(name for group in links.values() for name in group)
        rest = f"where Z_ENT in ({', '.join(map(str, sorted(numbers)))})"
        found: dict[int, list[str]] = {}
        for row in walk(self._database, OBJECTS, names, self._tally, rest=rest):
            said = merged(row, links)
            address = text_of(said["ZADDRESS"])
            if address and isinstance(said["ZLIST"], int):
                people = found.setdefault(said["ZLIST"], [])
                handle = handles.normalise(address[:_LONGEST])
                if handle not in people and len(people) < _MOST_MEMBERS:
                    people.append(handle)
        return found


def _groups(row: Record, rows: dict[int, Record]) -> tuple[str, ...]:
    names: list[str] = []
    seen: set[Any] = set()
    at = row["ZPARENTLIST"]
    while at in rows and at not in seen and len(seen) < _DEEPEST_GROUP:
        seen.add(at)
        name = text_of(rows[at]["ZNAME"])
        if name:
            names.append(name[:_LONGEST])
        at = rows[at]["ZPARENTLIST"]
    return tuple(reversed(names))


def _emblem(value: object) -> str | None:
    said = text_of(value)
    if said is None:
        return None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
        return msgspec.json.decode(said, type=_Emblem).emoji[:40] or None
    return said[:40]


def _colour(value: object) -> str | None:
    """Return the colour in a keyed archive of Apple's class for it, or in plain text."""
    said = load_archive(value) if isinstance(value, bytes) else value
    if isinstance(said, dict):
        said = next((word for word in said.values() if _is_colour(word)), None)
    return said[:7] if isinstance(said, str) and _is_colour(said) else None


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and _COLOUR.match(value) is not None
