"""Reading a phone's SQLite database that nobody vouches for.

The file is a private, writable copy with its ``-wal`` beside it, so that opening it applies what
the phone had not yet checkpointed. Nothing of the schema is executed: only real tables are read,
never views or virtual tables, functions in the schema are not trusted, statements other than
reads are refused, and a statement that runs away is stopped.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from services.indexer.kinds.protocol import UnsupportedStoreError

#: One value longer than this costs its record (a payload of a message is a few kilobytes).
LONGEST_VALUE_BYTES = 32 * 1024 * 1024
_OPERATIONS_PER_CHECK = 1_000_000
_MOST_CHECKS = 50_000

_READS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_PRAGMA,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)
_FUNCTIONS = frozenset(
    {"ifnull", "coalesce", "length", "count", "max", "min", "json_each", "substr", "typeof"}
)


class Database:
    """One open copy."""

    def __init__(self, path: Path) -> None:
        """Open *path*; raises UnsupportedStoreError when it is no readable database."""
        self._path = path
        self._open()
        try:
            self._tables = {
                name: sql
                for name, sql in self._connection.execute(
                    "select name, sql from sqlite_master where type = 'table'"
                )
                if isinstance(name, str) and isinstance(sql, str)
            }
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._connection.close()
            raise UnsupportedStoreError("The file is damaged or not a database.") from error
        self._columns: dict[str, frozenset[str]] = {}
        self._allow_reads_only()

    def reopen(self) -> None:
        """Go on with a connection of this process's own: one from before a fork is not touched."""
        self._inherited = self._connection
        self._open()
        self._allow_reads_only()

    def _open(self) -> None:
        self._connection = _connect(self._path)
        self._checks_left = _MOST_CHECKS
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._connection.set_progress_handler(self._check, _OPERATIONS_PER_CHECK)
        for pragma in ("trusted_schema=off", "cell_size_check=on", "temp_store=memory"):
            self._connection.execute(f"pragma {pragma}")
        self._connection.execute("pragma cache_size=-16000")
        # Of a copy that nobody needs after a crash.
        self._connection.execute("pragma synchronous=off")
        defensive = getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None)
        if defensive is not None:  # Python 3.12 and later
            self._connection.setconfig(defensive, True)  # type: ignore[attr-defined,unused-ignore]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _check(self) -> int:
        self._checks_left -= 1
        return 1 if self._checks_left < 0 else 0

    def _allow_reads_only(self) -> None:
        # SQLite sets json_each up at its first use by what looks like a write to the schema.
        self._connection.execute("select count(*) from json_each('[]')").fetchone()
        self._connection.set_authorizer(_authorize)

    @property
    def tables(self) -> frozenset[str]:
        """The names of all tables, virtual ones too."""
        return frozenset(self._tables)

    def columns(self, table: str) -> frozenset[str]:
        """Return the names of a real table's columns; empty when there is no such table."""
        known = self._columns.get(table)
        if known is None:
            known = frozenset()
            sql = self._tables.get(table)
            if sql is not None and not sql.lstrip().lower().startswith("create virtual"):
                with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                    rows = self._connection.execute(f"pragma table_info('{table}')")
                    known = frozenset(str(row[1]) for row in rows)
            self._columns[table] = known
        return known

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield rows; text that is no UTF-8 comes with replacement characters.

        Raises sqlite3.Error for everything that is wrong with the database.
        """
        self._connection.text_factory = _decode
        try:
            yield from self._connection.execute(statement, parameters)
        except UnicodeDecodeError:
            # SQLite's complaint quotes a schema that is no UTF-8, which Python cannot put in words.
            raise sqlite3.DatabaseError("malformed schema") from None
        finally:
            self._connection.text_factory = str

    def quick_rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows at full speed; raises sqlite3.Error when one of them is bad."""
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except UnicodeDecodeError:
            raise sqlite3.DatabaseError("text that is no UTF-8") from None

    def numbers(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield rows in which there is no text to decode, or text that must be UTF-8."""
        return self._connection.execute(statement, parameters)

    def select(self, table: str, wanted: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the wanted columns of every row that can be read; missing ones are None.

        A damaged page ends the walk: what was read until then counts.
        """
        there = self.columns(table)
        if not there:
            return
        fields = ", ".join(name if name in there or name == "rowid" else "null" for name in wanted)
        with contextlib.suppress(sqlite3.Error):
            yield from self.rows(f"select {fields} from {table}")  # noqa: S608 -- names are ours

    def ensure_index(self, table: str, column: str) -> None:
        """Make sure that looking up by *column* is quick; only a copy is changed."""
        if column not in self.columns(table) or self.is_indexed(table, column):
            return
        self._connection.set_authorizer(None)
        try:
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                self._connection.execute(
                    f"create index if not exists keepsake_{table}_{column} on {table}({column})"
                )
        finally:
            self._allow_reads_only()

    def is_unique(self, table: str, column: str) -> bool:
        """Whether the schema says that no two rows have the same value, other than null."""
        return self.is_indexed(table, column, alone_and_unique=True)

    def is_indexed(self, table: str, column: str, *, alone_and_unique: bool = False) -> bool:
        """Whether an index of all rows begins with *column*, which is one of the table's."""
        try:
            keys = [
                (name, type_.upper())
                for _, name, type_, _, _, place in self._connection.execute(
                    f"pragma table_info('{table}')"
                ).fetchall()
                if place
            ]
            # The number of the row by another name, or the key of a table that has no such numbers.
            if keys == [(column, "INTEGER")]:
                return True
            for _, name, unique, _, partial in self._connection.execute(
                f"pragma index_list('{table}')"
            ).fetchall():
                quoted = name.replace("'", "''")
                listed = self._connection.execute(f"pragma index_xinfo('{quoted}')").fetchall()
                columns = [(row[2], row[4]) for row in listed if row[5]]
                if partial or columns[:1] != [(column, "BINARY")]:
                    continue
                if not alone_and_unique or (unique and len(columns) == 1):
                    return True
        except (sqlite3.Error, UnicodeDecodeError, ValueError, AttributeError):
            return False
        return False


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _authorize(
    action: int, _first: str | None, second: str | None, _database: str | None, _by: str | None
) -> int:
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _connect(path: Path) -> sqlite3.Connection:
    name = quote(str(path))
    for query in ("mode=rw", "mode=ro&immutable=1"):
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(f"file:{name}?{query}", uri=True, isolation_level=None)
            connection.execute("select count(*) from sqlite_master").fetchone()
        except (sqlite3.Error, UnicodeDecodeError):
            if connection is not None:
                connection.close()
            continue
        return connection
    raise UnsupportedStoreError("The file is damaged or not a database.")
