"""Reading rows that nobody vouches for: one bad record costs one record, and each is counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Sink, Tally
from services.indexer.staging import TOO_MANY_THREADS, StagedArtifact

Record = dict[str, Any]

_PROGRESS_EVERY = 500


class Records:
    """Gives artifacts to a sink and counts; an identity that comes again is left out."""

    def __init__(self, sink: Sink, *, total: int = 0) -> None:
        """Give to *sink*; *total* is about how many there are, for the progress."""
        self._sink = sink
        self._total = total
        self._done = 0
        self._keys: set[str] = set()

    def expect(self, more: int) -> None:
        """Count on *more* records, of a further store."""
        self._total += more

    def keep(self, make: Callable[[], StagedArtifact | None]) -> None:
        """Take what *make* returns. None, and whatever it raises, cost this record only."""
        tally = self._sink.tally
        tally.read += 1
        self._done += 1
        try:
            artifact = make()
        except Exception as error:  # noqa: BLE001 -- one bad record costs one record
            tally.undecodable += 1
            tally.note(f"A record could not be understood ({type(error).__name__}).")
            artifact = None
        else:
            if artifact is None:
                tally.skipped += 1
        if artifact is not None:
            if artifact.key in self._keys:
                tally.skipped += 1
                tally.note("Several records claim the same identity.")
            else:
                self._keys.add(artifact.key)
                self._sink.artifact(artifact)
        if self._done % _PROGRESS_EVERY == 0:
            self._sink.progress(
                min(self._done, self._total or self._done), self._total or self._done
            )

    def finish(self) -> None:
        """Say that all is done."""
        self._sink.progress(self._done, self._done)


def note_damage(tally: Tally) -> None:
    """Say that some of a table could not be read."""
    tally.note("Part of a table is damaged; what could be read was read.")


def note_too_many_parts(tally: Tally) -> None:
    """Say that what belongs to a record was cut off, for no record has so much."""
    tally.note("A record claims to have more parts than any has.")


def note_too_many_threads(tally: Tally) -> None:
    """Say that a list, folder or album was left out, for no phone has so many."""
    tally.note(TOO_MANY_THREADS)


def note_too_many_records(tally: Tally) -> None:
    """Say that records were left out, for no phone has so many."""
    tally.note("The store claims to hold more records than a phone can.")


def fields_of(there: Container[str], columns: Sequence[str]) -> str:
    """Return what stands behind ``select`` for *columns*; those that are not *there* are null."""
    return ", ".join(
        name if name in there or name == "rowid" else f"null as {name}" for name in columns
    )


def walk(
    database: Database,
    table: str,
    columns: Sequence[str],
    tally: Tally,
    *,
    rest: str = "",
    parameters: Sequence[Any] = (),
) -> Iterator[Record]:
    """Yield every row that can be read as a dict of *columns*; those the table lacks are None.

    *rest* is what stands behind the table in the statement (``order by ZDATE``), with *parameters*
    for its question marks. A damaged page ends the walk, and the report says so. ``rowid`` is a
    column, too.
    """
    there = database.columns(table)
    if not there:
        return
    fields = fields_of(there, columns)
    names = tuple(columns)
    try:
        statement = f"select {fields} from {table} {rest}"  # noqa: S608 -- names are ours
        for row in database.rows(statement, parameters):
            yield dict(zip(names, row, strict=True))
    except sqlite3.Error:
        note_damage(tally)


def by_number(
    database: Database,
    table: str,
    columns: Sequence[str],
    tally: Tally,
    *,
    key: str = "Z_PK",
    most: int | None = None,
) -> dict[int, Record]:
    """Return the rows of a small table by their number *key*, at most *most* of them."""
    found: dict[int, Record] = {}
    for row in walk(database, table, (key, *columns), tally):
        if most is not None and len(found) >= most:
            note_too_many_threads(tally)
            break
        if isinstance(row[key], int):
            found[row[key]] = row
    return found


def key_of(*parts: object) -> str:
    """Return an identity for a record that has none of its own: a digest of what it says.

    For records that never change (a call, a visit); those that may change would be followed as two.
    """
    said = repr(parts).encode("utf-8", "replace")
    return f"digest:{blake2b(said, digest_size=16).hexdigest()}"
