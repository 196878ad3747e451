"""Statements over Health's tables.

Columns that a store lacks are null, tables it lacks are left out, and a damaged page costs its
neighbourhood, not what lies behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import note_damage

#: Rows per statement: a statement that fails is taken up behind its last row.
_CHUNK = 100_000
#: Numbers that are left out behind the first damage; twice as many each time.
_STEP = 512
_MOST_DAMAGES = 60
_LAST = 2**62

#: Name of the result, table and its alias, column.
Column = tuple[str, str]
Join = tuple[str, str, str]


def fields(database: Database, columns: Sequence[Column], tables: dict[str, str]) -> str:
    """Return the list of *columns* (alias, name); *tables* are the tables' names by alias."""
    return ", ".join(
        f"{alias}.{name}" if name in database.columns(tables[alias]) else "null"
        for alias, name in columns
    )


def numbered_rows(
    database: Database,
    columns: Sequence[Column],
    *,
    table: str,
    key: str,
    joins: Sequence[Join],
    tally: Tally,
) -> Iterator[tuple[Any, ...]]:
    """Yield the key and the *columns* of every row of *table*, in the order of its key.

    *table* has the alias ``a``; *joins* are (alias, table, column that equals the key or, as
    ``b.column``, another alias's).
    """
    tables = {"a": table} | {alias: name for alias, name, _ in joins}
    behind = ""
    for alias, name, on in joins:
        column, _, of = on.partition("=")
        if column in database.columns(name):
            behind += f" left join {name} {alias} on {alias}.{column} = {of or f'a.{key}'}"
        else:
            tables[alias] = ""
    statement = (
        f"select a.{key}, {fields(database, columns, tables)} from {table} a{behind} "  # noqa: S608 -- names are ours
        f"where a.{key} > ? order by a.{key} limit {_CHUNK}"
    )
    last, step, damages = -(2**62), _STEP, 0
    while last < _LAST:
        count = 0
        try:
            for row in database.rows(statement, (last,)):
                if type(row[0]) is not int:
                    return
                last = row[0]
                count += 1
                yield row
        except sqlite3.Error:
            damages += 1
            if damages == 1:
                note_damage(tally)
            if damages > _MOST_DAMAGES:
                return
            last += step
            step *= 2
            continue
        if count < _CHUNK:
            return


def count_of(database: Database, table: str, rest: str = "") -> int:
    """Return how many rows there are; 0 when nobody can tell."""
    try:
        ((count,),) = database.quick_rows(f"select count(*) from {table} {rest}")  # noqa: S608
    except (sqlite3.Error, ValueError):
        return 0
    return count if isinstance(count, int) else 0
