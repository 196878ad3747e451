"""Places of events and alarms, which the table Location holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from services.indexer.kinds.batched_rows import BatchedRows
from services.indexer.kinds.database import Database
from services.indexer.kinds.named_place import Place, named_place
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record

_COLUMNS = ("title", "address", "latitude", "longitude", "radius")


class Places:
    """Places by their number; ids may name none."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Read from the table Location, if there is one."""
        self._rows: BatchedRows | None = None
        if database.columns("Location"):
            self._rows = BatchedRows(database, "Location", _COLUMNS, tally)

    def read(self, numbers: Sequence[int]) -> dict[int, Place]:
        """Return the places with these numbers."""
        if self._rows is None or not numbers:
            return {}
        found = ((row["rowid"], place_of(row)) for row in self._rows.read(numbers))
        return {number: place for number, place in found if place is not None}


def place_of(row: Record) -> Place | None:
    """Return the place in a row, or None for an empty one."""
    return named_place(
        title=row["title"],
        address=row["address"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        radius=row["radius"],
    )
