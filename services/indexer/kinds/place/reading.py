"""Reading the stores of Maps: history, favourites, guides and visits, by time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds
from services.indexer.kinds.place.assembly import (
    FAVOURITE,
    GUIDED,
    HISTORY,
    LOCATION,
    VISIT,
    Beside,
    favourite,
    guided,
    history,
    visit,
)
from services.indexer.kinds.place.guides import read_guides
from services.indexer.kinds.protocol import Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, by_number, note_too_many_records, walk
from services.indexer.kinds.values import text_of
from services.indexer.staging import StagedArtifact

#: Maps keeps some hundred; a store with more is read in part.
_MOST_ROWS = 200_000
_MAP_ITEM = ("Z_PK", "ZNAME", "ZLATITUDE", "ZLONGITUDE", "ZMUID", "ZMAPITEMSTORAGE")

_Next = tuple[int, Callable[[], StagedArtifact | None]]
_Make = Callable[[Record, Record, Beside], StagedArtifact | None]
_BATCH = 500
_TABLES = ("ZHISTORYITEM", "ZFAVORITEITEM", "ZCOLLECTIONITEM", "ZVISIT")


def parse_places(stores: Sequence[Path], sink: Sink) -> None:
    """Give every place of the stores to *sink*."""
    records = Records(sink)
    failed: UnsupportedStoreError | None = None
    read = 0
    for path in stores:
        try:
            _read_store(path, sink, records)
            read += 1
        except UnsupportedStoreError as error:
            failed = error
    if failed is not None:
        if not read:
            raise failed
        sink.tally.note("One of several stores could not be read.")
    records.finish()


def _read_store(path: Path, sink: Sink, records: Records) -> None:
    with Database(path) as database:
        if not any(database.columns(table) for table in _TABLES):
            raise UnsupportedStoreError("The database has no table of places.")
        _Reader(database, sink, records).run()


class _Reader:
    def __init__(self, database: Database, sink: Sink, records: Records) -> None:
        self._database = database
        self._sink = sink
        self._records = records
        self._beside = Beside(
            entities={
                number: name
                for number, row in by_number(
                    database, "Z_PRIMARYKEY", ("Z_NAME",), sink.tally, key="Z_ENT"
                ).items()
                if (name := text_of(row["Z_NAME"])) is not None
            },
            guides=read_guides(database, sink.tally),
        )

    def run(self) -> None:
        for _, make in heapq.merge(
            self._rows("ZHISTORYITEM", HISTORY, history),
            self._rows("ZFAVORITEITEM", FAVOURITE, favourite),
            self._rows("ZCOLLECTIONITEM", GUIDED, guided),
            self._rows("ZVISIT", VISIT, visit),
            key=lambda one: one[0],
        ):
            self._records.keep(make)

    def _rows(self, table: str, columns: Sequence[str], make: _Make) -> Iterator[_Next]:
        is_visit = table == "ZVISIT"
        when, to = ("ZSTARTDATE", "ZLOCATION") if is_visit else ("ZCREATETIME", "ZMAPITEM")
        order = self._order(table, when)
        for at in range(0, len(order), _BATCH):
            batch = order[at : at + _BATCH]
            rows = self._by_number(table, columns, [number for _, number in batch])
            places = [row[to] for row in rows.values() if isinstance(row[to], int)]
            items = (
                self._by_number("ZVISITEDLOCATION", LOCATION, places)
                if is_visit
                else self._by_number("ZMIXINMAPITEM", _MAP_ITEM, places)
            )
            for at_us, number in batch:
                row = rows.get(number)
                if row is None:
                    continue
                item = items.get(row[to], {}) if isinstance(row[to], int) else {}
                yield at_us, lambda row=row, item=item: make(row, item, self._beside)  # type: ignore[misc]

    def _order(self, table: str, when: str) -> list[tuple[int, int]]:
        """Return times and numbers of a table's rows, the earliest first."""
        found: list[tuple[int, int]] = []
        rest = f"limit {_MOST_ROWS + 1}"
        for row in walk(self._database, table, ("Z_PK", when), self._sink.tally, rest=rest):
            if len(found) >= _MOST_ROWS:
                note_too_many_records(self._sink.tally)
                break
            if isinstance(row["Z_PK"], int):
                found.append((cocoa_microseconds(row[when]) or 0, row["Z_PK"]))
        return sorted(found)

    def _by_number(
        self, table: str, columns: Sequence[str], numbers: Sequence[int]
    ) -> dict[int, Record]:
        if not numbers or "Z_PK" not in self._database.columns(table):
            return {}
        rest = f"where Z_PK in ({', '.join(str(number) for number in numbers)})"
        return {
            row["Z_PK"]: row
            for row in walk(self._database, table, columns, self._sink.tally, rest=rest)
        }
