"""Places of events and alarms, which the table Location holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from services.indexer.kinds.batched_rows import BatchedRows
from services.indexer.kinds.calendar_event.payload import Place
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import coordinates_of, float_of, text_of

_COLUMNS = ("title", "address", "latitude", "longitude", "radius")
_LONGEST = 4000
#: No alarm is about a circle that is larger than Earth.
_LARGEST_RADIUS = 40_000_000


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
    title, address = text_of(row["title"]), text_of(row["address"])
    at = coordinates_of(row["latitude"], row["longitude"])
    if not (title or address or at):
        return None
    radius = float_of(row["radius"])
    return Place(
        title=None if title is None else title[:_LONGEST],
        address=None if address is None else address[:_LONGEST],
        latitude=None if at is None else at[0],
        longitude=None if at is None else at[1],
        radius_metres=radius if radius and 0 < radius <= _LARGEST_RADIUS else None,
    )
