"""Builds AddressBook.sqlitedb and AddressBookImages.sqlitedb."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)

_TABLES = """
create table ABAccount (ROWID integer primary key autoincrement, AccountIdentifier text);
create table ABStore (ROWID integer primary key autoincrement, Name text, Type integer,
AccountID integer, Enabled integer, MeIdentifier integer);
create table ABPerson (ROWID integer primary key autoincrement, First text, Last text,
Middle text, FirstPhonetic text, MiddlePhonetic text, LastPhonetic text, Organization text,
Department text, Note text, Kind integer, Birthday text, JobTitle text, Nickname text,
Prefix text, Suffix text, CreationDate integer, ModificationDate integer, ExternalUUID text,
StoreID integer, DisplayName text, PersonLink integer default -1, ImageURI text,
IsPreferredName integer default 1, guid text unique, OrganizationPhonetic text,
PreviousFamilyName text);
create table ABPersonLink (ROWID integer primary key autoincrement, guid text,
PreferredNamePersonID integer);
create table ABMultiValue (UID integer primary key, record_id integer, property integer,
identifier integer, label integer, value text, guid text unique);
create table ABMultiValueEntry (parent_id integer, key integer, value text,
unique(parent_id, key));
create table ABMultiValueEntryKey (value text unique);
create table ABMultiValueLabel (value text unique);
create table ABGroup (ROWID integer primary key autoincrement, Name text, StoreID integer,
guid text);
create table ABGroupMembers (UID integer primary key, group_id integer, member_type integer,
member_id integer);
"""
_IMAGE_TABLES = """
create table ABFullSizeImage (ROWID integer primary key, record_id integer, crop_x integer,
crop_y integer, crop_width integer, data blob);
create table ABThumbnailImage (ROWID integer primary key, record_id integer, format integer,
derived_from_format integer, data blob);
"""
PHONE, EMAIL, ADDRESS, DATE, MESSENGER, URL, RELATED, SOCIAL = 3, 4, 5, 12, 13, 22, 23, 46

#: (property, label, value); a dictionary is an address or account with its parts.
Value = tuple[int, str | None, str | dict[str, str]]


def cocoa_date(at: dt.datetime) -> int:
    """Return a moment as the address book keeps it."""
    return int((at - _COCOA).total_seconds())


@dataclass
class ContactsDatabase:
    """An address book in the making, and the pictures beside it."""

    seed: int = 1
    _book: sqlite3.Connection = field(init=False, repr=False)
    _images: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open two empty databases in memory."""
        self._book = sqlite3.connect(":memory:")
        self._images = sqlite3.connect(":memory:")
        self._book.executescript(_TABLES)
        self._images.executescript(_IMAGE_TABLES)
        self._random = random.Random(self.seed)  # noqa: S311 -- the same phone every time

    def _guid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).upper()

    def _insert(self, connection: sqlite3.Connection, table: str, **values: Any) -> int:
        marks = ", ".join("?" for _ in values)
        cursor = connection.execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        )
        return int(cursor.lastrowid or 0)

    def store(self, name: str, *, type_: int = 4, is_enabled: bool = True, me: int = -1) -> int:
        """Add an account: 0 on the phone, 4 CardDAV."""
        return self._insert(
            self._book, "ABStore", Name=name, Type=type_, AccountID=-1, Enabled=int(is_enabled),
            MeIdentifier=me,
        )  # fmt: skip

    def person(
        self,
        *,
        store: int | None = None,
        values: Sequence[Value] = (),
        created_at: dt.datetime = dt.datetime(2021, 3, 1, 9, 0, tzinfo=dt.UTC),
        guid: str | None = None,
        **columns: Any,
    ) -> int:
        """Add a card; *columns* are ABPerson's own."""
        when = cocoa_date(created_at)
        number = self._insert(
            self._book,
            "ABPerson",
            **(
                {
                    "guid": guid or self._guid(),
                    "StoreID": store,
                    "Kind": 0,
                    "CreationDate": when,
                    "ModificationDate": when,
                }
                | columns
            ),
        )
        for kind, label, value in values:
            self._value(number, kind, label, value)
        return number

    def address(
        self, person: int, kind: int, label: str | None, value: str | dict[str, str]
    ) -> None:
        """Write another number or address on a card."""
        self._value(person, kind, label, value)

    def _value(
        self, person: int, kind: int, label: str | None, value: str | dict[str, str]
    ) -> None:
        uid = self._insert(
            self._book,
            "ABMultiValue",
            record_id=person,
            property=kind,
            label=None if label is None else self._named("ABMultiValueLabel", label),
            value=value if isinstance(value, str) else None,
            guid=self._guid(),
        )
        if isinstance(value, dict):
            for key, text in value.items():
                number = self._named("ABMultiValueEntryKey", key)
                self._insert(self._book, "ABMultiValueEntry", parent_id=uid, key=number, value=text)

    def _named(self, table: str, value: str) -> int:
        self._book.execute(f"insert or ignore into {table} values (?)", (value,))  # noqa: S608
        found = self._book.execute(f"select rowid from {table} where value = ?", (value,))  # noqa: S608
        return int(found.fetchone()[0])

    def link(self, *people: int) -> None:
        """Show several cards as one; the first gives the name."""
        number = self._insert(
            self._book, "ABPersonLink", guid=self._guid(), PreferredNamePersonID=people[0]
        )
        for person in people:
            self._book.execute(
                "update ABPerson set PersonLink = ?, IsPreferredName = ? where ROWID = ?",
                (number, int(person == people[0]), person),
            )

    def group(self, name: str, people: Sequence[int]) -> int:
        """Add a group with its members."""
        number = self._insert(self._book, "ABGroup", Name=name, guid=self._guid())
        for person in people:
            self._insert(
                self._book, "ABGroupMembers", group_id=number, member_type=0, member_id=person
            )
        return number

    def picture(self, person: int, full: bytes, *thumbnails: tuple[int, bytes]) -> None:
        """Give a card a picture; thumbnails are (format, data)."""
        self._insert(self._images, "ABFullSizeImage", record_id=person, data=full)
        for form, data in thumbnails:
            self._insert(self._images, "ABThumbnailImage", record_id=person, format=form, data=data)

    def me(self, store: int, person: int) -> None:
        """Mark a card as the owner's own."""
        self.execute("update ABStore set MeIdentifier = ? where ROWID = ?", (person, store))

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change anything else in the address book."""
        self._book.execute(statement, parameters)

    def to_bytes(self) -> bytes:
        """Return AddressBook.sqlitedb."""
        self._book.commit()
        return self._book.serialize()

    def images_to_bytes(self) -> bytes:
        """Return AddressBookImages.sqlitedb."""
        self._images.commit()
        return self._images.serialize()
