"""What is read of ChatStorage.sqlite, by the columns that are there.

Messages come in the order of time, a batch of rows at a time with what belongs to them, so that a
chat of any length needs no more memory than a number for each message.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import note_damage

#: Messages that are read at a time.
BATCH_ROWS = 256
#: Longer details hold pictures, of which nothing is taken; a quoted picture has some kilobytes.
_MOST_DETAIL_BYTES = 512 * 1024

R = TypeVar("R", bound=msgspec.Struct)


class MessageRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ZWAMESSAGE; every column may hold anything."""

    pk: Any
    chat: Any
    is_from_me: Any
    date: Any
    sent_date: Any
    type: Any
    event: Any
    status: Any
    starred: Any
    flags: Any
    member: Any
    media: Any
    info: Any
    parent: Any
    from_jid: Any
    to_jid: Any
    stanza: Any
    text: Any
    push_name: Any
    delivered: Any
    read: Any
    played: Any
    error: Any


class MediaRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ZWAMEDIAITEM. The key of the media is not among them and never read."""

    pk: Any
    message: Any
    path: Any
    thumbnail: Any
    title: Any
    size: Any
    duration: Any
    vcard_name: Any
    vcard: Any
    latitude: Any
    longitude: Any
    accuracy: Any
    metadata: Any


class InfoRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ZWAMESSAGEINFO."""

    pk: Any
    message: Any
    receipts: Any


class LinkRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ZWAMESSAGEDATAITEM."""

    pk: Any
    message: Any
    index: Any
    content: Any
    other_content: Any
    matched: Any
    title: Any
    summary: Any


_MESSAGE = (
    "Z_PK", "ZCHATSESSION", "ZISFROMME", "ZMESSAGEDATE", "ZSENTDATE", "ZMESSAGETYPE",
    "ZGROUPEVENTTYPE", "ZMESSAGESTATUS", "ZSTARRED", "ZFLAGS", "ZGROUPMEMBER", "ZMEDIAITEM",
    "ZMESSAGEINFO", "ZPARENTMESSAGE", "ZFROMJID", "ZTOJID", "ZSTANZAID", "ZTEXT", "ZPUSHNAME",
    "ZCHILDMESSAGESDELIVEREDCOUNT", "ZCHILDMESSAGESREADCOUNT", "ZCHILDMESSAGESPLAYEDCOUNT",
    "ZMESSAGEERRORSTATUS",
)  # fmt: skip
_MEDIA = (
    "Z_PK", "ZMESSAGE", "ZMEDIALOCALPATH", "ZXMPPTHUMBPATH", "ZTITLE", "ZFILESIZE",
    "ZMOVIEDURATION", "ZVCARDNAME", "ZVCARDSTRING", "ZLATITUDE", "ZLONGITUDE", "ZHACCURACY",
    "ZMETADATA",
)  # fmt: skip
_INFO = ("Z_PK", "ZMESSAGE", "ZRECEIPTINFO")
_LINK = (
    "Z_PK", "ZMESSAGE", "ZINDEX", "ZCONTENT1", "ZCONTENT2", "ZMATCHEDTEXT", "ZTITLE", "ZSUMMARY",
)  # fmt: skip
_BOUNDED = frozenset({"ZMETADATA", "ZRECEIPTINFO", "ZVCARDSTRING"})


class Batch(msgspec.Struct, gc=False):
    """Messages in the order of time, with what belongs to them by the number of the message."""

    messages: list[MessageRow]
    media: dict[int, MediaRow]
    infos: dict[int, InfoRow]
    links: dict[int, LinkRow]


class ChatStore:
    """One ChatStorage.sqlite."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Look at the columns. Raises UnsupportedStoreError when there are no messages at all."""
        if "Z_PK" not in database.columns("ZWAMESSAGE"):
            raise UnsupportedStoreError("The WhatsApp store has no table of messages.")
        self.database = database
        self._tally = tally
        self._statements: dict[tuple[str, str], str] = {}
        self._has_stanzas = "ZSTANZAID" in database.columns("ZWAMESSAGE")
        # Where a message does not name what belongs to it, that names the message.
        columns = database.columns("ZWAMESSAGE")
        self._media_of = "Z_PK" if "ZMEDIAITEM" in columns else "ZMESSAGE"
        self._info_of = "Z_PK" if "ZMESSAGEINFO" in columns else "ZMESSAGE"
        for table, by in (
            ("ZWAMEDIAITEM", self._media_of),
            ("ZWAMESSAGEINFO", self._info_of),
            ("ZWAMESSAGEDATAITEM", "ZMESSAGE"),
        ):
            database.ensure_index(table, by)
        database.ensure_index("ZWAMESSAGE", "ZSTANZAID")
        self._has_links = self._any("ZWAMESSAGEDATAITEM")

    def _any(self, table: str) -> bool:
        if "ZMESSAGE" not in self.database.columns(table):
            return False
        try:
            return bool(self.database.quick_rows(f"select 1 from {table} limit 1"))  # noqa: S608 -- ours
        except sqlite3.Error:
            return False

    def order(self) -> array[int]:
        """Return the numbers of all messages in the order of time."""
        there = self.database.columns("ZWAMESSAGE")
        wanted = ("ZMESSAGEDATE", "ZSORT", "Z_PK")
        by = ", ".join(name for name in wanted if name in there)
        found: array[int] = array("q")
        if self._add(found, f"order by {by}"):
            return found
        note_damage(self._tally)
        # An index by date tells the numbers without the table; else the table, from both ends.
        found = array("q")
        ways = [f"order by {by.split(',', maxsplit=1)[0]}", "order by Z_PK", "order by Z_PK desc"]
        for way in ways:
            self._add(found, way)
        return array("q", dict.fromkeys(found))

    def _add(self, found: array[int], rest: str) -> bool:
        """Add the numbers of messages as far as they can be read; return whether that is all."""
        statement = f"select Z_PK from ZWAMESSAGE {rest}"  # noqa: S608 -- ours
        try:
            for row in self.database.numbers(statement):
                found.append(row[0])
        except (sqlite3.Error, TypeError, OverflowError):
            return False
        return True

    def shared_stanzas(self) -> frozenset[tuple[object, bool]]:
        """Return which of the app's identities several messages of one direction have."""
        if not self._has_stanzas:
            return frozenset()
        direction = "ZISFROMME" if "ZISFROMME" in self.database.columns("ZWAMESSAGE") else "0"
        statement = (
            # The inner question is one walk along the index, and it mostly has no answer.
            f"select ZSTANZAID, coalesce({direction}, 0) from ZWAMESSAGE where ZSTANZAID in"  # noqa: S608 -- ours
            " (select ZSTANZAID from ZWAMESSAGE where ZSTANZAID is not null"
            " group by ZSTANZAID having count(*) > 1) group by 1, 2 having count(*) > 1"
        )
        try:
            return frozenset((stanza, bool(mine)) for stanza, mine in self.database.rows(statement))
        except sqlite3.Error:
            note_damage(self._tally)
            return frozenset()

    def batches(self, order: Sequence[int]) -> Iterator[Batch]:
        """Yield the messages named by *order*."""
        for start in range(0, len(order), BATCH_ROWS):
            yield self.batch(order[start : start + BATCH_ROWS])

    def batch(self, numbers: Iterable[int]) -> Batch:
        """Return some messages with what belongs to them."""
        wanted = list(numbers)
        found = {
            row.pk: row
            for row in self._fetch("ZWAMESSAGE", _MESSAGE, "Z_PK", wanted, MessageRow, lost=True)
        }
        messages = [found[number] for number in wanted if number in found]
        links: dict[int, LinkRow] = {}
        if self._has_links:
            rows = self._fetch("ZWAMESSAGEDATAITEM", _LINK, "ZMESSAGE", list(found), LinkRow)
            for link in sorted(rows, key=_place):
                if isinstance(link.message, int):
                    links.setdefault(link.message, link)
        return Batch(
            messages=messages,
            media=self._belonging(
                "ZWAMEDIAITEM",
                _MEDIA,
                self._media_of,
                messages,
                named=lambda row: row.media,
                form=MediaRow,
            ),
            infos=self._belonging(
                "ZWAMESSAGEINFO",
                _INFO,
                self._info_of,
                messages,
                named=lambda row: row.info,
                form=InfoRow,
            ),
            links=links,
        )

    def rows(self, numbers: Sequence[int]) -> list[MessageRow]:
        """Return messages alone."""
        return self._fetch("ZWAMESSAGE", _MESSAGE, "Z_PK", numbers, MessageRow)

    def find(self, stanzas: Sequence[str]) -> list[MessageRow]:
        """Return the messages that have one of these identities, in a stable order."""
        if not self._has_stanzas or not stanzas:
            return []
        rows = self._fetch("ZWAMESSAGE", _MESSAGE, "ZSTANZAID", stanzas, MessageRow)
        return sorted(rows, key=lambda row: row.pk if isinstance(row.pk, int) else 0)

    def _belonging(
        self,
        table: str,
        columns: Sequence[str],
        by: str,
        messages: Sequence[MessageRow],
        *,
        named: Callable[[MessageRow], Any],
        form: type[R],
    ) -> dict[int, R]:
        """Return the rows of another table by the number of their message."""
        if by == "ZMESSAGE":
            numbers = [row.pk for row in messages]
            rows = self._fetch(table, columns, by, numbers, form)
            return {row.message: row for row in rows if isinstance(row.message, int)}  # type: ignore[attr-defined]
        of = {named(row): row.pk for row in messages if type(named(row)) is int}
        rows = self._fetch(table, columns, by, list(of), form)
        return {of[row.pk]: row for row in rows if row.pk in of}  # type: ignore[attr-defined]

    def _fetch(
        self,
        table: str,
        columns: Sequence[str],
        by: str,
        values: Sequence[Any],
        form: type[R],
        *,
        lost: bool = False,
    ) -> list[R]:
        """Return the rows whose column *by* has one of *values*; *lost* ones are counted."""
        if not values or by not in self.database.columns(table):
            return []
        statement = self._statement(table, columns, by)
        try:
            return [
                form(*row) for row in self.database.quick_rows(statement, (json.dumps(values),))
            ]
        except sqlite3.Error:
            pass  # one of them is bad: which?
        found: list[R] = []
        for value in values:
            try:
                rows = self.database.rows(statement, (json.dumps([value]),))
                found.extend(form(*row) for row in rows)
            except sqlite3.Error:
                if lost:
                    self._tally.read += 1
                    self._tally.undecodable += 1
                note_damage(self._tally)
        return found

    def _statement(self, table: str, columns: Sequence[str], by: str) -> str:
        known = self._statements.get((table, by))
        if known is None:
            there = self.database.columns(table)
            fields = ", ".join(_field(name) if name in there else "null" for name in columns)
            known = f"select {fields} from {table} where {by} in (select value from json_each(?))"  # noqa: S608 -- ours
            self._statements[table, by] = known
        return known


def _field(name: str) -> str:
    if name in _BOUNDED:
        return f"case when length({name}) <= {_MOST_DETAIL_BYTES} then {name} end"
    return name


def _place(link: LinkRow) -> tuple[int, int]:
    return (
        link.index if isinstance(link.index, int) else 0,
        link.pk if isinstance(link.pk, int) else 0,
    )
