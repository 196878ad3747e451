"""What is read of NoteStore.sqlite, by the columns that are there.

One wide table holds notes, folders, accounts and files, told apart by their entity; the digits
behind its columns' names are others in every version of iOS. Which column holds a thing is found by
looking where rows of that entity have values. Notes are read in batches, each body by itself.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from services.indexer.kinds.batched_rows import Parts, json_of, ordered_numbers, read_each
from services.indexer.kinds.core_data import Entities, find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.note.columns import (
    ACCOUNT,
    ATTACHMENT,
    FOLDER,
    INLINE,
    MEDIA,
    NOTE,
    PREVIEW,
    SEALED,
)
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, note_damage

TABLE = "ZICCLOUDSYNCINGOBJECT"
DATA = "ZICNOTEDATA"
BATCH = 64
#: Shares of a hundred people have some 300 kilobytes.
_MOST_SHARE_BYTES = 1024 * 1024

#: What may be long is not read with the rows.
_APART = frozenset({"mergeable", "share"})


class Content(msgspec.Struct, frozen=True, gc=False):
    """The row of a note's content: how it begins, and whether the phone says how it is locked."""

    number: int
    length: int
    head: bytes
    is_encrypted: bool


class Entity:
    """The rows of one entity, with the columns that hold what we know of it."""

    def __init__(self, store: NoteStore, name: str, columns: Mapping[str, str]) -> None:
        """Find the columns; there may be no rows, and no such entity."""
        self._store = store
        self.numbers = store.entities.numbers(name)
        self.columns = store.find_columns(self.numbers, columns)
        self.names = tuple(name for name in columns if name not in _APART)
        self._parts: dict[str, Parts] = {}

    @property
    def where(self) -> str:
        """The condition of these rows."""
        return f"Z_ENT in ({', '.join(str(number) for number in sorted(self.numbers))})"

    def all(self) -> dict[int, Record]:
        """Return all rows of a small entity by number."""
        found: dict[int, Record] = {}
        statement = f"select Z_PK, {self.fields()} from {TABLE} where {self.where}"  # noqa: S608 -- names are ours or of a pattern
        try:
            for number, *row in self._store.database.rows(statement):
                if type(number) is int:
                    found[number] = dict(zip(self.names, row, strict=True))
        except sqlite3.Error:
            note_damage(self._store.tally)
        return found

    def fields(self) -> str:
        """Return what stands behind ``select``, in the order of ``names``."""
        return ", ".join(self.columns[name] or "null" for name in self.names)

    def by(self, name: str, numbers: Sequence[int]) -> dict[int, list[Record]]:
        """Return the rows whose column *name* is one of *numbers*, by that; with their ``pk``."""
        column = "Z_PK" if name == "pk" else self.columns[name]
        if column is None or not numbers or not self.numbers:
            return {}
        parts = self._parts.get(column)
        wanted = tuple(self.columns[one] or "Z_NONE" for one in self.names)
        if parts is None:
            columns = ("Z_PK", "Z_ENT", *wanted)
            parts = self._parts[column] = Parts(
                self._store.database, TABLE, columns, self._store.tally, of=column
            )
        found: dict[int, list[Record]] = {}
        for number, rows in parts.read(numbers).items():
            found[number] = [
                {"pk": row["Z_PK"]}
                | {one: row[column] for one, column in zip(self.names, wanted, strict=True)}
                for row in rows
                if row["Z_ENT"] in self.numbers and isinstance(row["Z_PK"], int)
            ]
        return found


class NoteStore:
    """One NoteStore.sqlite."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Look at the schema; raises UnsupportedStoreError for a store without notes."""
        self.database = database
        self.tally = tally
        if not {"Z_PK", "Z_ENT", "ZIDENTIFIER"} <= database.columns(TABLE):
            raise UnsupportedStoreError("The database has no table of notes.")
        if not {"Z_PK", "ZNOTE", "ZDATA"} <= database.columns(DATA):
            raise UnsupportedStoreError("The database has no table of what is in the notes.")
        self.entities = Entities(database)
        if not self.entities.numbers("ICNote"):
            raise UnsupportedStoreError("The database does not say which of its rows are notes.")
        for table, column in ((TABLE, "Z_PK"), (TABLE, "Z_ENT"), (DATA, "Z_PK"), (DATA, "ZNOTE")):
            database.ensure_index(table, column)
        self.notes = Entity(self, "ICNote", NOTE)
        self.folders = Entity(self, "ICFolder", FOLDER)
        self.accounts = Entity(self, "ICAccount", ACCOUNT)
        self.attachments = Entity(self, "ICAttachment", ATTACHMENT)
        self.inline = Entity(self, "ICInlineAttachment", INLINE)
        self.media = Entity(self, "ICMedia", MEDIA)
        self.previews = Entity(self, "ICAttachmentPreviewImage", PREVIEW)
        there = database.columns(DATA)
        marks = [name for name in ("ZCRYPTOTAG", "ZCRYPTOINITIALIZATIONVECTOR") if name in there]
        self._encrypted = " or ".join(f"{name} is not null" for name in marks) or "0"
        self._folders = find_join(database, "Z_#NOTES", "Z_#FOLDERS", "Z_#NOTES")

    def find_columns(
        self, entities: frozenset[int], wanted: Mapping[str, str]
    ) -> dict[str, str | None]:
        """Return for each pattern the column in which most rows of *entities* have a value."""
        there = sorted(self.database.columns(TABLE), key=lambda name: (len(name), name))
        fitting: dict[str, list[str]] = {}
        for name, pattern in wanted.items():
            stem = pattern.removesuffix("#")
            fitting[name] = [
                column for column in there
                if column == stem
                or (pattern != stem and _is_numbered(column, stem))
            ]  # fmt: skip
        several = sorted(
            {column for found in fitting.values() if len(found) > 1 for column in found}
        )
        counts = dict.fromkeys(several, 0)
        if several and entities:
            fields = ", ".join(f"count({column})" for column in several)
            numbers = ", ".join(str(number) for number in sorted(entities))
            try:
                statement = f"select {fields} from {TABLE} where Z_ENT in ({numbers})"  # noqa: S608 -- names of the schema by patterns of ours
                for row in self.database.rows(statement):
                    counts = dict(zip(several, row, strict=True))
            except sqlite3.Error:
                note_damage(self.tally)
        return {
            name: max(found, key=lambda column: counts.get(column, 0), default=None)
            for name, found in fitting.items()
        }

    def order(self) -> array[int]:
        """Return the numbers of all notes in the order of time."""
        dates = [self.notes.columns[name] for name in ("modified", "created")]
        given = [column for column in dates if column is not None]
        by = f"coalesce({', '.join(given)})" if len(given) > 1 else "".join(given) or "Z_PK"
        where = f"where {self.notes.where}"
        return ordered_numbers(self.database, TABLE, self.tally, key="Z_PK", where=where, by=by)

    def rows(self, numbers: Sequence[int]) -> list[tuple[int, Record]]:
        """Return notes in the order of *numbers*; unreadable ones are counted."""
        return list(read_each(self._rows, numbers, self.tally).items())

    def _rows(self, numbers: Sequence[int]) -> dict[int, Record]:
        statement = (
            f"select Z_PK, {self.notes.fields()} from {TABLE}"  # noqa: S608 -- as above
            " where Z_PK in (select value from json_each(?))"
        )
        found: dict[int, Record] = {}
        for number, *row in self.database.rows(statement, (json_of(numbers),)):
            found.setdefault(number, dict(zip(self.notes.names, row, strict=True)))
        return found

    def contents(self, numbers: Sequence[int]) -> dict[int, Content]:
        """Return what there is of each note's content, by the number of the note."""
        found: dict[int, Content] = {}
        statement = (
            "select ZNOTE, Z_PK, coalesce(length(ZDATA), 0), substr(ZDATA, 1, 8),"  # noqa: S608 -- as above
            f" {self._encrypted} from {DATA} where ZNOTE in (select value from json_each(?))"
            " order by Z_PK"
        )
        try:
            for note, number, length, head, is_encrypted in self.database.rows(
                statement, (json_of(numbers),)
            ):
                if type(number) is int:
                    data = head if isinstance(head, bytes) else b""
                    found[note] = Content(number, length, data, bool(is_encrypted))
        except sqlite3.Error:
            note_damage(self.tally)
        return found

    def numbered(self, key: str) -> list[int]:
        """Return the numbers of the notes with an identity; there should be one."""
        statement = (
            f"select Z_PK from {TABLE} where {self.notes.where} and ZIDENTIFIER = ?"  # noqa: S608 -- as above
            " order by Z_PK limit 10"
        )
        return [row[0] for row in self.database.rows(statement, (key,)) if type(row[0]) is int]

    def sealed(self, number: int, content: int) -> dict[str, object]:
        """Return what a note's lock is made of; the content's own values go before the note's."""
        found: dict[str, object] = {}
        for table, row in ((TABLE, number), (DATA, content)):
            there = {
                name: column
                for name, column in SEALED.items()
                if column in self.database.columns(table)
            }
            if not there:
                continue
            statement = f"select {', '.join(there.values())} from {table} where Z_PK = ?"  # noqa: S608 -- as above
            for values in self.database.rows(statement, (row,)):
                given = zip(there, values, strict=True)
                found |= {name: value for name, value in given if value is not None}
        return found

    def body(self, number: int) -> bytes | None:
        """Return the bytes of a content row; None when they cannot be read."""
        return self._blob(DATA, "ZDATA", number)

    def mergeable(self, number: int) -> bytes | None:
        """Return the bytes in which a table or a gallery is kept."""
        return self._blob(TABLE, self.attachments.columns["mergeable"], number)

    def share(self, entity: Entity, number: int) -> bytes | None:
        """Return with whom a note or folder is shared, as CloudKit keeps it."""
        data = self._blob(TABLE, entity.columns["share"], number)
        return data if data is not None and len(data) <= _MOST_SHARE_BYTES else None

    def _blob(self, table: str, column: str | None, number: int) -> bytes | None:
        if column is None:
            return None
        try:
            for (data,) in self.database.rows(
                f"select {column} from {table} where Z_PK = ?",  # noqa: S608 -- as above
                (number,),
            ):
                return data if isinstance(data, bytes) else None
        except sqlite3.Error:
            note_damage(self.tally)
        return None

    def shared(self, entity: Entity, numbers: Iterable[int]) -> frozenset[int]:
        """Return which rows of an entity are shared."""
        column = entity.columns["share"]
        if column is None:
            return frozenset()
        statement = (
            f"select Z_PK from {TABLE} where {column} is not null"  # noqa: S608 -- as above
            " and Z_PK in (select value from json_each(?))"
        )
        try:
            return frozenset(row[0] for row in self.database.rows(statement, (json_of(numbers),)))
        except sqlite3.Error:
            note_damage(self.tally)
            return frozenset()

    def old_folders(self, numbers: Sequence[int]) -> dict[int, int]:
        """Return the folder of each note, where a table of its own says so (until iOS 11)."""
        if self._folders is None:
            return {}
        table, left, right = self._folders
        statement = (
            f"select {right}, {left} from {table}"  # noqa: S608 -- as above
            f" where {right} in (select value from json_each(?)) order by {left} desc"
        )
        try:
            return dict(self.database.rows(statement, (json_of(numbers),)))
        except (sqlite3.Error, TypeError):
            note_damage(self.tally)
            return {}


def _is_numbered(column: str, stem: str) -> bool:
    digits = column[len(stem) :]
    return column.startswith(stem) and digits.isascii() and digits.isdigit()
