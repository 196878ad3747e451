"""Rows that others refer to by number, a few hundred at once.

A damaged page ends a list of them and costs no record: what refers to such a row is told without
it. Rows that are records themselves are read by ``batched_rows``, which counts each that is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from services.indexer.kinds.batched_rows import json_of
from services.indexer.kinds.core_data import Join
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, walk

_AT_ONCE = 500


def rows_by_number(
    database: Database,
    table: str,
    columns: Sequence[str],
    numbers: Iterable[object],
    tally: Tally,
    *,
    key: str = "id",
) -> dict[int, Record]:
    """Return the rows of *numbers* by their *key*; whatever is no number is left out."""
    if key != "rowid" and key not in database.columns(table):
        return {}
    found: dict[int, Record] = {}
    for listed in _lists(numbers):
        rest = f"where {key} in (select value from json_each(?))"  # noqa: S608 -- names are ours
        for row in walk(database, table, (key, *columns), tally, rest=rest, parameters=(listed,)):
            # An identity that comes again is a forgery; the first one counts.
            if isinstance(row[key], int):
                found.setdefault(row[key], row)
    return found


def pairs_by_number(
    database: Database,
    join: Join,
    numbers: Iterable[object],
    tally: Tally,
    *,
    at_most: int,
) -> dict[int, list[int]]:
    """Return what a join table has on its right for each of *numbers*, *at_most* of each."""
    table, left, right = join
    found: dict[int, list[int]] = {}
    if not {left, right} <= database.columns(table):
        return found
    database.ensure_index(table, left)
    for listed in _lists(numbers):
        rest = f"where {left} in (select value from json_each(?)) order by {left}, {right}"  # noqa: S608 -- found names
        for row in walk(database, table, (left, right), tally, rest=rest, parameters=(listed,)):
            others = found.setdefault(row[left], [])
            if isinstance(row[right], int) and len(others) < at_most:
                others.append(row[right])
    return found


def _lists(numbers: Iterable[object]) -> Iterator[str]:
    """Yield the numbers for ``json_each(?)``: a statement that is the same is prepared once."""
    wanted = iter(sorted({number for number in numbers if type(number) is int}))
    while some := list(islice(wanted, _AT_ONCE)):
        yield json_of(some)
