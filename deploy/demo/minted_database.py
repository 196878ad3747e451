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


class MintedDatabase:
    """A database in memory."""

    def __init__(self, schema: str, *, seed: int = 1) -> None:
        """Make empty tables; the same *seed* gives the same identities."""
        self._db = sqlite3.connect(":memory:")
        self._db.executescript(schema)
        self._random = random.Random(seed)  # noqa: S311 -- the same phone every time

    def uuid(self) -> str:
        """Return the next identity, the same in every run."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).upper()

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; return its number."""
        marks = ", ".join("?" for _ in values)
        cursor = self._db.execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        )
        return int(cursor.lastrowid or 0)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change anything else."""
        self._db.execute(statement, parameters)

    def number(self, statement: str, parameters: Sequence[Any] = ()) -> int | None:
        """Return the first number that a question finds."""
        found = self._db.execute(statement, parameters).fetchone()
        return None if found is None else int(found[0])

    def to_bytes(self) -> bytes:
        """Return the file."""
        self._db.commit()
        return self._db.serialize()
