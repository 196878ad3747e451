"""What is read from AddressBook.sqlitedb and AddressBookImages.sqlitedb, by the columns there.

The full-text tables use a private tokenizer and are never touched.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from services.indexer.kinds.contact_payload import Image
from services.indexer.kinds.database import Database
from services.indexer.kinds.values import text_of

PERSON_COLUMNS = (
    "First", "Middle", "Last", "Prefix", "Suffix", "Nickname", "PreviousFamilyName",
    "FirstPhonetic", "MiddlePhonetic", "LastPhonetic", "OrganizationPhonetic",
    "Organization", "Department", "JobTitle", "Note", "DisplayName",
    "Birthday", "Kind", "CreationDate", "ModificationDate", "StoreID", "PersonLink",
    "IsPreferredName", "guid", "ExternalUUID",
)  # fmt: skip

#: Stores that only show what is found on a server: directories of companies.
_SEARCH_STORE = 0x0100_0000
_LARGEST_THUMBNAIL_BYTES = 64 * 1024
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"))


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """An account that holds cards."""

    name: str | None
    is_shown: bool
    me: int | None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a card; ``entries`` are the parts of an address or account."""

    property: int
    label: str | None
    value: Any
    entries: dict[str, str]


def read_stores(database: Database) -> dict[int, Store]:
    """Return the stores by row number."""
    return {
        rowid: Store(
            name=text_of(name),
            is_shown=enabled != 0 and not (isinstance(kind, int) and kind & _SEARCH_STORE),
            me=me if isinstance(me, int) and me >= 0 else None,
        )
        for rowid, name, kind, enabled, me in database.select(
            "ABStore", ("rowid", "Name", "Type", "Enabled", "MeIdentifier")
        )
    }


def read_groups(database: Database) -> dict[int, list[str]]:
    """Return the names of the groups of each card."""
    names = {rowid: text_of(name) for rowid, name in database.select("ABGroup", ("rowid", "Name"))}
    found: dict[int, list[str]] = {}
    for group, kind, member in database.select(
        "ABGroupMembers", ("group_id", "member_type", "member_id")
    ):
        name = names.get(group)
        if name and not kind:
            found.setdefault(member, []).append(name)
    return found


def read_values(database: Database) -> dict[int, list[Value]]:
    """Return numbers, addresses and all else that a card may have several of, by card."""
    labels = dict(database.select("ABMultiValueLabel", ("rowid", "value")))
    keys = dict(database.select("ABMultiValueEntryKey", ("rowid", "value")))
    entries: dict[int, dict[str, str]] = {}
    for parent, key, value in database.select("ABMultiValueEntry", ("parent_id", "key", "value")):
        name, text = text_of(keys.get(key)), text_of(value)
        if name and text:
            entries.setdefault(parent, {})[name.lower()] = text
    found: dict[int, list[Value]] = {}
    for uid, record, kind, label, value in database.select(
        "ABMultiValue", ("UID", "record_id", "property", "label", "value")
    ):
        if isinstance(record, int) and isinstance(kind, int):
            found.setdefault(record, []).append(
                Value(
                    property=kind,
                    label=_plain_label(labels.get(label)),
                    value=value,
                    entries=entries.get(uid, {}),
                )
            )
    return found


def _plain_label(label: Any) -> str | None:
    text = text_of(label)
    if text is None:
        return None
    if text.startswith("_$!<") and text.endswith(">!$_"):
        return text[4:-4] or None
    return text


def read_people(database: Database) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield every card with its columns by name."""
    for rowid, *row in database.select("ABPerson", ("rowid", *PERSON_COLUMNS)):
        yield rowid, dict(zip(PERSON_COLUMNS, row, strict=True))


class Images:
    """Pictures by card; only small ones are read."""

    def __init__(self, database: Database | None) -> None:
        """Find out which cards have pictures."""
        self._database = database
        self._full: dict[int, tuple[int, bytes]] = {}
        self._thumbnails: dict[int, list[tuple[int, int, int, bytes]]] = {}
        if database is None:
            return
        for record, size, head in self._heads("ABFullSizeImage", "record_id"):
            self._full[record] = (size, head)
        for record, rowid, form, size, head in self._heads(
            "ABThumbnailImage", "record_id, rowid, format"
        ):
            self._thumbnails.setdefault(record, []).append((rowid, form or 0, size, head))

    def _heads(self, table: str, fields: str) -> list[tuple[Any, ...]]:
        if self._database is None or not self._database.columns(table):
            return []
        try:
            return list(
                self._database.rows(
                    f"select {fields}, length(data), substr(data, 1, 16) from {table} "  # noqa: S608
                    "where typeof(data) = 'blob' and length(data) > 0"
                )
            )
        except sqlite3.Error:
            return []

    def find(self, record: int) -> Image | None:
        """Return what is known about a card's picture: the full one, else the best thumbnail."""
        full = self._full.get(record)
        thumbnails = self._thumbnails.get(record, [])
        if full is None and not thumbnails:
            return None
        best = max(thumbnails, key=lambda found: (found[1] == 5, found[2]), default=None)
        size, head = full or (best[2], best[3]) if best else full or (0, b"")
        small = min(thumbnails, key=lambda found: found[2], default=None)
        thumbnail = None
        if small is not None and small[2] <= _LARGEST_THUMBNAIL_BYTES:
            thumbnail = self._read(small[0])
        return Image(
            media_type=_media_type(head),
            size_bytes=size,
            thumbnail=None if thumbnail is None else base64.b64encode(thumbnail).decode("ascii"),
            thumbnail_media_type=None if thumbnail is None else _media_type(thumbnail),
        )

    def _read(self, rowid: int) -> bytes | None:
        assert self._database is not None
        try:
            for (data,) in self._database.rows(
                "select data from ABThumbnailImage where rowid = ?", (rowid,)
            ):
                return data if isinstance(data, bytes) else None
        except sqlite3.Error:
            return None
        return None


def _media_type(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)
