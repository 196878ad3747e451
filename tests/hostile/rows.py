"""Databases that are whole as files and wrong in what they say: values, types, schemas."""

from __future__ import annotations

import contextlib
import plistlib
import random
import sqlite3
from collections.abc import Callable, Sequence

from tests.hostile.mutations import mutate, sqlite_spots

Value = None | int | float | str | bytes

HOSTILE_TEXTS = (
    "", " ", "\0", "a\0b", "../../../etc/passwd", "/etc/passwd", "..\\..\\x", "\u202egpj.exe",
    "<script>alert(1)</script>", "\r\nSet-Cookie: a=b", "p:0/", "p:zz/x", "bp:x", "#\ufeff",
    "\U0001f4a9" * 300, "x" * 70_000, "-9223372036854775808", "NaN", "9" * 5000, "%s%n", "'\";--",
    "\ufffc", "a\u0300" * 2000, "+" + "1" * 300, "iMessage;+;chat1",
)  # fmt: skip
HOSTILE_NUMBERS: tuple[Value, ...] = (
    0, 1, -1, 2, 3, 255, 1000, 2005, 3007, 4000, 2**31 - 1, 2**31, -(2**31), 2**53, 2**62,
    2**63 - 1, -(2**63), 7e17, 1e300, -1e300, 0.5, float("inf"), float("-inf"),
)  # fmt: skip
_HOSTILE_SCHEMAS = (
    "create trigger t1 after insert on {table} begin delete from {table}; end",
    "create view v1 as with recursive n(x) as (select 1 union all select x from n) select x from n",
    "create index i1 on {table}({column})",
    "create index i2 on {table}({column} desc) where {column} is not null",
    "alter table {table} add column extra as (zeroblob(1000000000)) virtual",
    "alter table {table} rename column {column} to {column}x",
    "alter table {table} drop column {column}",
    "alter table {table} rename to {table}2",
    "drop table {table}",
    "delete from {table}",
    "create table sqlite_stat9(x)",
    "create table keepsake_message_date(x)",
    "create temp table {table}(x)",
)
_REWRITES = (
    ("CREATE TABLE", "CREATE VIRTUAL TABLE"),
    ("CREATE TABLE", "CREATE VIEW"),
    ("INTEGER", "TEXT"),
    ("TEXT", "BLOB COLLATE NOSUCH"),
    ("PRIMARY KEY", ""),
    ("(", "(evil as (randomblob(900000000)), "),
    (")", ") WITHOUT ROWID"),
    (")", ""),
)

#: A column of thousands of rows is not filled with a long text to the end: the database would be
#: larger than what its reader may take into memory, and this process with it.
_MOST_WRITTEN_BYTES = 32 << 20

#: Damages one cell; gets what stood there.
Change = Callable[[Value, random.Random], Value]


def change_value(value: Value, chance: random.Random) -> Value:
    """Return something that does not belong where *value* stood."""
    draw = chance.random()
    if isinstance(value, bytes) and value and draw < 0.7:
        return mutate(value, chance, others=(_SOME_PLIST,))
    if isinstance(value, str) and draw < 0.2:
        return value + chance.choice(HOSTILE_TEXTS)
    if draw < 0.45:
        return chance.choice(HOSTILE_TEXTS)
    if draw < 0.85:
        return chance.choice(HOSTILE_NUMBERS)
    if draw < 0.95:
        return chance.choice((b"", b"\0", b"bplist00", _SOME_PLIST, chance.randbytes(40)))
    return None


def disturb(
    content: bytes, chance: random.Random, *, tables: Sequence[str], change: Change = change_value
) -> bytes:
    """Return the database *content* with some of its cells, or its schema, made hostile."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.deserialize(content)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for _ in range(chance.choice((1, 2, 5, 12))):
            with contextlib.suppress(sqlite3.Error):
                _disturb_once(connection, chance, tables, change)
        return bytes(connection.serialize())
    finally:
        connection.close()


def _disturb_once(
    connection: sqlite3.Connection, chance: random.Random, tables: Sequence[str], change: Change
) -> None:
    table = chance.choice(tables)
    columns = [row[1] for row in connection.execute(f"pragma table_info('{table}')")]
    if not columns:
        return
    column = chance.choice(columns)
    draw = chance.random()
    if draw < 0.05:
        connection.execute(chance.choice(_HOSTILE_SCHEMAS).format(table=table, column=column))
    elif draw < 0.09:
        connection.execute("pragma writable_schema = on")
        connection.execute(
            "update sqlite_master set sql = replace(sql, ?, ?) where name = ?",
            (*chance.choice(_REWRITES), table),
        )
    elif draw < 0.12:
        # The same rows again: equal identities where there can be only one.
        others = ", ".join(name for name in columns if name.lower() not in {"rowid", "id"})
        connection.execute(f"insert or ignore into {table}({others}) select {others} from {table}")
    elif draw < 0.2:
        new = change(None, chance)
        most = 2**31
        if isinstance(new, str | bytes) and new:
            most = _MOST_WRITTEN_BYTES // len(new)
        connection.execute(
            f"update {table} set {column} = ? "
            f"where rowid in (select rowid from {table} limit {most})",
            (new,),
        )
    else:
        rows = connection.execute(f"select rowid, {column} from {table}").fetchall()
        if rows:
            rowid, value = chance.choice(rows)
            new = change(value, chance)
            connection.execute(
                f"update or ignore {table} set {column} = ? where rowid = ?", (new, rowid)
            )
            if isinstance(new, str) and chance.random() < 0.1:
                connection.execute(
                    f"update {table} set {column} = cast(x'c328ff00f0' as text) where rowid = ?",
                    (rowid,),
                )


_SOME_PLIST = plistlib.dumps(
    {"$top": {"root": plistlib.UID(1)}, "$objects": ["$null", {"NS.objects": [plistlib.UID(1)]}]},
    fmt=plistlib.FMT_BINARY,
)


def hurt_database(
    content: bytes, chance: random.Random, others: Sequence[bytes], *tables: str
) -> bytes:
    """Return a database that is wrong in what *tables* say, or in its bytes, or in both."""
    draw = chance.random()
    if draw < 0.65:
        content = disturb(content, chance, tables=tables)
    if draw > 0.6:
        content = mutate(content, chance, others=others, spots=sqlite_spots)
    return content
