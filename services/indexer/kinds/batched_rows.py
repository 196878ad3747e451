"""Rows of a phone's table in batches, and the rows of other tables that belong to them.

Joins over a whole store multiply rows and hold all of it; reading a few hundred numbers at a time
costs one look-up per table and keeps memory flat. Called by the kinds ``calendar_event`` and
``reminder``.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, note_damage, note_too_many_parts, walk

#: Rows that are read at once.
BATCH = 100
#: A meeting has hundreds of guests at most; more parts than this are a forgery.
MOST_PARTS = 2000
#: Of one table for one batch: a hundred meetings with five hundred guests each.
_MOST_AT_ONCE = 50_000
_TOO_MANY_ROWS = "The store claims to hold more threads than a phone can."


class BatchedRows:
    """The rows of one table by their number, in an order of the caller's."""

    def __init__(
        self,
        database: Database,
        table: str,
        columns: Sequence[str],
        tally: Tally,
        *,
        key: str = "rowid",
    ) -> None:
        """Read *columns* of *table*; those it lacks are None. *key* is the column of numbers."""
        self._database = database
        self._table = table
        self._tally = tally
        self._key = key
        if key != "rowid" and not database.is_indexed(table, key):
            database.ensure_index(table, key)
        there = database.columns(table)
        self._names = (key, *columns)
        fields = ", ".join(name if name in there or name == key else "null" for name in self._names)
        self._select = (
            f"select {fields} from {table}"  # noqa: S608 -- names are ours
            f" where {key} in (select value from json_each(?))"
        )

    def numbers(self, *, where: str = "", by: Sequence[str] = ()) -> array[int]:
        """Return the numbers of all rows that fit *where*, in order.

        *by* are columns of moments: a row stands where the first of them that it has puts it.
        """
        there = [name for name in by if name in self._database.columns(self._table)]
        order = f"order by coalesce({', '.join(there)}, null), {self._key}" if there else ""
        numbers: array[int] = array("q")
        if self._scan(f"{where} {order}", numbers):
            return numbers
        # A broken index, or a broken page: from both sides up to it is what there is.
        found: array[int] = array("q")
        ways = [f"not indexed {where} order by {self._key} {way}" for way in ("asc", "desc")]
        if not any(self._scan(way, found) for way in ways):
            note_damage(self._tally)
        return array("q", sorted({*numbers, *found}))

    def _scan(self, rest: str, numbers: array[int]) -> bool:
        """Append to *numbers* what stands in the table; return whether it was read to the end."""
        try:
            for (number,) in self._database.numbers(
                f"select {self._key} from {self._table} {rest}"  # noqa: S608 -- names are ours
            ):
                if type(number) is int:
                    numbers.append(number)
        except (sqlite3.Error, UnicodeDecodeError):
            return False
        return True

    def batches(self, numbers: Sequence[int]) -> Iterator[list[Record]]:
        """Yield the rows with these numbers in their order, ``BATCH`` at a time."""
        for at in range(0, len(numbers), BATCH):
            yield self.read(numbers[at : at + BATCH])

    def read(self, numbers: Sequence[int]) -> list[Record]:
        """Return the rows with these numbers in their order; unreadable ones are counted."""
        try:
            found = self._read(numbers)
        except sqlite3.Error:
            found = {}
            for number in numbers:
                try:
                    found |= self._read([number])
                except sqlite3.Error:
                    self._tally.read += 1
                    self._tally.undecodable += 1
                    note_damage(self._tally)
        # A forged table may have a number twice, and so may the order.
        return [found[number] for number in dict.fromkeys(numbers) if number in found]

    def _read(self, numbers: Sequence[int]) -> dict[int, Record]:
        found: dict[int, Record] = {}
        for row in self._database.rows(self._select, (_json(numbers),)):
            found.setdefault(row[0], dict(zip(self._names, row, strict=True)))
        return found


class Parts:
    """The rows of one table by what they belong to; none where there is no such table."""

    def __init__(
        self,
        database: Database,
        table: str,
        columns: Sequence[str],
        tally: Tally,
        *,
        of: str | None,
        where: str = "",
    ) -> None:
        """Read *columns* of *table* by its column *of*; *where* is a further condition."""
        self._database = database
        self._tally = tally
        self._names = tuple(columns)
        self._statement: str | None = None
        there = database.columns(table)
        if of is None or of not in there or is_empty(database, table):
            return
        # Phones have most of these; one more would be written through to the disk.
        if not database.is_indexed(table, of):
            database.ensure_index(table, of)
        fields = ", ".join(
            name if name in there or name == "rowid" else "null" for name in self._names
        )
        self._statement = (
            f"select {of}, {fields} from {table}"  # noqa: S608 -- names are ours or of a pattern
            f" where {of} in (select value from json_each(?)) {where} order by {of}, rowid"
        )

    def read(self, numbers: Sequence[int]) -> dict[int, list[Record]]:
        """Return the rows of each of *numbers*, in the order in which they were written."""
        found: dict[int, list[Record]] = {}
        if self._statement is None or not numbers:
            return found
        left = _MOST_AT_ONCE
        try:
            for number, *row in self._database.rows(self._statement, (_json(numbers),)):
                rows = found.setdefault(number, [])
                if len(rows) < MOST_PARTS and left > 0:
                    left -= 1
                    rows.append(dict(zip(self._names, row, strict=True)))
                else:
                    note_too_many_parts(self._tally)
        except sqlite3.Error:
            note_damage(self._tally)
        return found


def is_empty(database: Database, table: str) -> bool:
    """Whether a table has no row; of one that cannot be read nobody knows."""
    try:
        return next(database.numbers(f"select 1 from {table} limit 1"), None) is None  # noqa: S608
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def first_rows(
    database: Database,
    table: str,
    columns: Sequence[str],
    tally: Tally,
    *,
    most: int,
    key: str = "rowid",
) -> dict[int, Record]:
    """Return the rows of a small table by their number, at most *most* of them."""
    found: dict[int, Record] = {}
    for row in walk(database, table, (key, *columns), tally):
        if len(found) >= most:
            tally.note(_TOO_MANY_ROWS)
            break
        if isinstance(row[key], int):
            found[row[key]] = row
    return found


def numbers_in(rows: Sequence[Record], *columns: str) -> list[int]:
    """Return the numbers that stand in *columns* of *rows*, each once."""
    found = dict.fromkeys(
        row[column] for row in rows for column in columns if type(row[column]) is int
    )
    return list(found)


def _json(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
