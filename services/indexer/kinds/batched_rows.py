"""Rows of a phone's table in batches, and the rows of other tables that belong to them.

Joins over a whole store multiply rows and hold all of it; reading a few hundred numbers at a time
costs one look-up per table and keeps memory flat.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, fields_of, note_damage, note_too_many_parts

#: Rows that are read at once.
BATCH = 100
#: A meeting has hundreds of guests at most, a photo fewer faces; more parts are a forgery.
MOST_PARTS = 2000
#: Of one table for one batch: a hundred meetings with five hundred guests each.
_MOST_AT_ONCE = 50_000
#: Rows of one table that are looked at for one batch, for a forged store may name the same ones
#: in every batch.
_MOST_LOOKED_AT = 500_000


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
        fields = fields_of({key, *there}, self._names)
        self._select = (
            f"select {fields} from {table}"  # noqa: S608 -- names are ours
            f" where {key} in (select value from json_each(?))"
        )

    def numbers(self, *, where: str = "", by: Sequence[str] = ()) -> array[int]:
        """Return the numbers of all rows that fit *where*, in order.

        *by* are columns of moments: a row stands where the first of them that it has puts it.
        """
        there = [name for name in by if name in self._database.columns(self._table)]
        order = f"coalesce({', '.join(there)}, null)" if there else None
        return ordered_numbers(
            self._database, self._table, self._tally, key=self._key, where=where, by=order
        )

    def batches(self, numbers: Sequence[int]) -> Iterator[list[Record]]:
        """Yield the rows with these numbers in their order, ``BATCH`` at a time."""
        for at in range(0, len(numbers), BATCH):
            yield self.read(numbers[at : at + BATCH])

    def read(self, numbers: Sequence[int]) -> list[Record]:
        """Return the rows with these numbers in their order; unreadable ones are counted."""
        return list(read_each(self._read, numbers, self._tally).values())

    def _read(self, numbers: Sequence[int]) -> dict[int, Record]:
        found: dict[int, Record] = {}
        for row in self._database.rows(self._select, (json_of(numbers),)):
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
        fields = fields_of(there, self._names)
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
            for count, (number, *row) in enumerate(
                self._database.rows(self._statement, (json_of(numbers),))
            ):
                rows = found.setdefault(number, [])
                if len(rows) < MOST_PARTS and left > 0:
                    left -= 1
                    rows.append(dict(zip(self._names, row, strict=True)))
                    continue
                note_too_many_parts(self._tally)
                if left == 0 or count >= _MOST_LOOKED_AT:
                    break
        except sqlite3.Error:
            note_damage(self._tally)
        return found


def ordered_numbers(
    database: Database, table: str, tally: Tally, *, key: str, where: str = "", by: str | None
) -> array[int]:
    """Return the numbers *key* of all rows that fit *where*, each once, in the order of *by*.

    A table that cannot be read so is read as it lies; the numbers are in their own order then.
    """
    select = f"select {key} from {table}"  # noqa: S608 -- names are ours
    numbers: array[int] = array("q")
    if not _scan(database, f"{select} {where} {f'order by {by}, {key}' if by else ''}", numbers):
        # A broken index, or a broken page: from both sides up to it is what there is.
        found: array[int] = array("q")
        rest = f"not indexed {where} order by rowid"
        if not any(_scan(database, f"{select} {rest} {way}", found) for way in ("asc", "desc")):
            note_damage(tally)
        return array("q", sorted({*numbers, *found}))
    # A forged table may have a number again and again; asked for once, all its rows cost once.
    return numbers if key == "rowid" else array("q", dict.fromkeys(numbers))


def _scan(database: Database, statement: str, numbers: array[int]) -> bool:
    """Append to *numbers* what stands in the table; return whether it was read to the end."""
    try:
        for (number,) in database.numbers(statement):
            if type(number) is int:
                numbers.append(number)
    except (sqlite3.Error, UnicodeDecodeError):
        return False
    return True


def read_each(
    read: Callable[[Sequence[int]], dict[int, Record]], numbers: Sequence[int], tally: Tally
) -> dict[int, Record]:
    """Return the rows that *read* finds, in the order of *numbers*.

    When *read* raises sqlite3.Error, each is read by itself; unreadable ones are counted.
    """
    try:
        found = read(numbers)
    except sqlite3.Error:
        found = {}
        for number in numbers:
            try:
                found |= read([number])
            except sqlite3.Error:
                tally.read += 1
                tally.undecodable += 1
                note_damage(tally)
    return {number: found[number] for number in numbers if number in found}


def is_empty(database: Database, table: str) -> bool:
    """Whether a table has no row; of one that cannot be read nobody knows."""
    try:
        return next(database.numbers(f"select 1 from {table} limit 1"), None) is None  # noqa: S608
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def numbers_in(rows: Sequence[Record], *columns: str) -> list[int]:
    """Return the numbers that stand in *columns* of *rows*, each once."""
    found = dict.fromkeys(
        row[column] for row in rows for column in columns if type(row[column]) is int
    )
    return list(found)


def json_of(numbers: Iterable[int]) -> str:
    """Return *numbers* for ``json_each(?)``."""
    return msgspec.json.encode(list(numbers)).decode()
