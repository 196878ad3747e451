"""Rows of a table of modest length in the order of time, read around damaged pages.

To sort, SQLite may read everything first, so one damaged page would cost all rows. What an ordered
reading did not give is read again as it lies, from the front and from the back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, fields_of, note_damage


def rows_in_order(
    database: Database, table: str, columns: Sequence[str], tally: Tally, *, by: str
) -> Iterator[Record]:
    """Yield every row that can be read, once, by the column *by*, with its ``rowid``.

    *columns* that the table lacks are None. A table that is not there has no rows.
    """
    there = database.columns(table)
    if not there:
        return
    names = ("rowid", *columns)
    fields = fields_of(there, names)
    seen: set[object] = set()
    for way in (f"{by}, rowid", "rowid", "rowid desc"):
        try:
            for values in database.rows(f"select {fields} from {table} order by {way}"):  # noqa: S608 -- names are ours
                if values[0] not in seen:
                    seen.add(values[0])
                    yield dict(zip(names, values, strict=True))
        except sqlite3.Error:
            continue
        break
    else:
        note_damage(tally)
