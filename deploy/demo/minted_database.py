"""A phone's SQLite store in the making."""

from __future__ import annotations

import datetime as dt
import plistlib
import random
import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)


def cocoa_seconds(at: dt.datetime) -> float:
    """Return a moment in Apple's seconds."""
    return (at - _COCOA).total_seconds()


def binary_plist(value: Any) -> bytes:
    """Return a property list as phones write it; moments are in UTC."""
    return plistlib.dumps(_plain(value), fmt=plistlib.FMT_BINARY)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


class MintedStore:
    """A database in memory, whose tables are still to be made."""

    connection: sqlite3.Connection
    _random: random.Random

    def begin(self, schema: str = "", *, seed: int = 1) -> None:
        """Open it with the tables of *schema*; the same *seed* gives the same identities."""
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(schema)
        self._random = random.Random(seed)  # noqa: S311 -- the same phone every time

    def begin_identities(self, seed: int) -> None:
        """Go on with other identities: those of *seed*, whatever was added before."""
        self._random = random.Random(seed)  # noqa: S311 -- as above

    def next_uuid(self) -> uuid.UUID:
        """Return the next identity, the same in every run."""
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    def uuid(self) -> str:
        """Return the next identity as phones write it."""
        return str(self.next_uuid()).upper()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change anything else."""
        self.connection.execute(statement, parameters)

    def to_bytes(self) -> bytes:
        """Return the file."""
        self.connection.commit()
        return self.connection.serialize()


class MintedTables(MintedStore):
    """A store whose rows are added table by table."""

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; return its number."""
        marks = ", ".join("?" for _ in values)
        cursor = self.connection.execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        )
        return int(cursor.lastrowid or 0)


class MintedForms(MintedTables):
    """A store in the forms of several versions of iOS, some of which lack columns."""

    def begin(self, schema: str = "", *, seed: int = 1) -> None:
        """Open it with the tables of *schema*; the same *seed* gives the same identities."""
        super().begin(schema, seed=seed)
        self._columns: dict[str, set[str]] = {}

    def columns(self, table: str) -> set[str]:
        """Return the columns that the table has in this form."""
        known = self._columns.get(table)
        if known is None:
            rows = self.connection.execute(f"pragma table_info({table})")
            known = self._columns[table] = {row[1] for row in rows}
        return known

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; what this form has no column for is left out. Return its number."""
        there = self.columns(table)
        kept = {name: value for name, value in values.items() if name in there}
        return super().insert(table, **kept)


class MintedDatabase(MintedTables):
    """A database in memory."""

    def __init__(self, schema: str, *, seed: int = 1) -> None:
        """Make empty tables; the same *seed* gives the same identities."""
        self.begin(schema, seed=seed)

    def number(self, statement: str, parameters: Sequence[Any] = ()) -> int | None:
        """Return the first number that a question finds."""
        found = self.connection.execute(statement, parameters).fetchone()
        return None if found is None else int(found[0])
