"""Core Data's way of storing objects in SQLite.

Entity numbers, the digits in names of join tables and the digits behind names of columns differ
between versions of an app, and between stores of one app: they are looked up, never assumed.
Source: ``Z_PRIMARYKEY`` and the names of tables in the stores of iOS 13 to 26.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.indexer.kinds.database import Database
from services.indexer.kinds.values import int_of, text_of


class Entities:
    """The names of a store's entities by their numbers."""

    def __init__(self, database: Database) -> None:
        """Read ``Z_PRIMARYKEY``; without it nothing is known."""
        self._numbers: dict[str, int] = {}
        self._parents: dict[int, int] = {}
        for number, name, parent in database.select("Z_PRIMARYKEY", ("Z_ENT", "Z_NAME", "Z_SUPER")):
            word = text_of(name)
            if isinstance(number, int) and word is not None:
                self._numbers[word] = number
                self._parents[number] = int_of(parent) or 0

    def number(self, name: str) -> int | None:
        """Return the number of the entity *name*."""
        return self._numbers.get(name)

    def numbers(self, name: str) -> frozenset[int]:
        """Return the number of *name* and of everything that inherits from it."""
        top = self._numbers.get(name)
        if top is None:
            return frozenset()
        found = {top}
        for number in self._parents:
            line, at = [], number
            while at and at not in line:
                line.append(at)
                if at == top:
                    found.add(number)
                    break
                at = self._parents.get(at, 0)
        return frozenset(found)


class Join(NamedTuple):
    """A join table, with its columns for one side and the other."""

    table: str
    left: str
    right: str


def find_join(database: Database, table: str, left: str, right: str) -> Join | None:
    """Return the join table whose name and columns match, whatever digits stand in them.

    ``#`` stands for digits: ``find_join(db, "Z_#ASSETS", "Z_#ALBUMS", "Z_#ASSETS")``.
    """
    pattern = _digits(table)
    for name in sorted(database.tables):
        if not pattern.fullmatch(name):
            continue
        columns = sorted(database.columns(name))
        lefts = [column for column in columns if _digits(left).fullmatch(column)]
        rights = [column for column in columns if _digits(right).fullmatch(column)]
        if lefts and rights:
            return Join(name, lefts[0], rights[0])
    return None


def column_like(database: Database, table: str, pattern: str) -> str | None:
    """Return the column that *pattern* names, ``#`` standing for digits; the lowest if several."""
    found = [name for name in database.columns(table) if _digits(pattern).fullmatch(name)]
    return min(found, key=lambda name: (len(name), name), default=None)


def _digits(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\#", "[0-9]*"))
