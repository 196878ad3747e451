"""Sizes and times of all entries of a staged manifest: summed by domain, then kept for sorting.

They need a look into every archived entry, which takes longer than putting the entries in order;
so it is done behind people's backs, and the sums, which most wait for, are there before anything
is written. Reading beside the building of the order was tried and took as long as
one after the other: within a process, SQLite's connections wait for each other's memory.
"""

from __future__ import annotations

import itertools
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from shared.ios_backup.errors import Locked
from shared.ios_backup.manifest_entry import EntryFacts, effective_flags
from shared.ios_backup.manifest_index import (
    ARCHIVE,
    BUILD_SECONDS,
    MAX_ROWS,
    VALID_ROW,
    FactsOf,
    connect,
    limited,
    mapped,
)

#: Reads (size, modified) of one archived entry.
SizesOf = Callable[[bytes], tuple[int | None, int | None]]

#: Row, number of the domain, flags, size, time.
_Sized = tuple[int, int, int, int, int]
_WIDTH = 5
_ROWS_BETWEEN_LOOKS = 1000
#: Stands for an unknown size or time, after all known ones.
UNKNOWN = -(2**62)
_SCHEMA = """
create table size (id integer primary key, domain_id integer not null, flags integer not null,
                   size integer not null, modified integer not null);
"""


class Sizes:
    """What was read: 40 bytes for each row until it is written."""

    def __init__(self) -> None:
        self._rows = array("q")
        #: By the domain's number in the order: the bytes that its files claim.
        self.sums: dict[int, int] = {}

    @classmethod
    def read(
        cls,
        manifest: Path,
        order: Path,
        *,
        sizes_of: SizesOf,
        facts_of: FactsOf,
        is_over: Callable[[], bool],
        valid_only: bool,
    ) -> Sizes:
        """Read all rows of *manifest*, or the valid ones only, which takes a third longer.

        *order* is the database with the numbers of its domains.

        Works on a connection of its own, so that others work meanwhile. Raises Locked soon after
        *is_over* says so, and sqlite3.Error.
        """
        found = cls()
        own = manifest.with_name("reader.sqlite")
        reader = connect(own, manifest)
        try:
            reader.execute(
                "attach database ? as main_order", (f"{order.absolute().as_uri()}?mode=ro",)
            )
            # Undecoded text: nothing here looks at names.
            reader.text_factory = bytes
            with limited(reader, BUILD_SECONDS), mapped(reader):
                found._add(reader, sizes_of, facts_of, is_over, valid_only=valid_only)
        finally:
            reader.close()
            own.unlink(missing_ok=True)
        return found

    def _add(
        self,
        reader: sqlite3.Connection,
        sizes_of: SizesOf,
        facts_of: FactsOf,
        is_over: Callable[[], bool],
        *,
        valid_only: bool,
    ) -> None:
        where = VALID_ROW if valid_only else "true"
        rows = reader.execute(
            f"select f.rowid, f.domain, f.flags, {ARCHIVE} from backup.Files f"  # noqa: S608
            f" where {where} limit {MAX_ROWS}"
        )
        numbers = dict(reader.execute("select name, id from main_order.domain"))
        sums: dict[int, int] = defaultdict(int)
        while batch := list(itertools.islice(rows, _ROWS_BETWEEN_LOOKS)):
            if is_over():
                raise Locked("The backup was locked meanwhile.")
            sized: list[_Sized] = []
            # Plain loops: each microsecond is half a second on a large phone.
            for row, domain, flags, archive in batch:
                number = numbers.get(domain)
                if number is None:
                    continue
                size, modified = (None, None) if archive is None else sizes_of(archive)
                kind = 1 if flags == 1 else _flags(flags, archive, facts_of)
                if kind == 1 and size:
                    sums[number] += size
                sized.append(
                    (
                        row,
                        number,
                        kind,
                        UNKNOWN if size is None else size,
                        UNKNOWN if modified is None else modified,
                    )
                )
            self._rows.extend(itertools.chain.from_iterable(sized))
        self.sums = dict(sums)

    def write(self, path: Path, *, is_over: Callable[[], bool]) -> None:
        """Write every row to a new database at *path*. Raises Locked as ``read`` does."""
        writer = sqlite3.connect(path, isolation_level=None)
        try:
            writer.execute("pragma journal_mode = off")
            writer.execute("pragma synchronous = off")
            writer.executescript(_SCHEMA)
            writer.execute("begin")
            for begin in range(0, len(self._rows), _WIDTH * _ROWS_BETWEEN_LOOKS):
                if is_over():
                    raise Locked("The backup was locked meanwhile.")
                values = iter(self._rows[begin : begin + _WIDTH * _ROWS_BETWEEN_LOOKS])
                writer.executemany(
                    "insert into size values (?, ?, ?, ?, ?)", zip(*[values] * _WIDTH, strict=True)
                )
            writer.execute("commit")
        finally:
            writer.close()


def _flags(flags: object, archive: bytes | None, facts_of: FactsOf) -> int:
    """Return the kind of a row, from its archived entry where it is 0; 0 where it is no number."""
    if flags == 0:
        facts = EntryFacts() if archive is None else facts_of(archive)
        return effective_flags(0, facts.mode)
    return flags if isinstance(flags, int) else 0
