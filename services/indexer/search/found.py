"""What a search finds before anything of it is shown: up to a thousand hits, as columns.

They are ranked, counted and sorted into facets, and fifty are shown. As columns of plain numbers
they come over from Postgres in a tenth of the time that rows with their moments take.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: Postgres counts from 2000.
_EPOCH_US = 946_684_800_000_000


class FoundHit(NamedTuple):
    """One hit: where it lies, and what orders it. Times are microseconds since 1970."""

    shard: int
    id: int
    at_us: int
    rank: float


class Found:
    """Hits in the order of time, whichever way that goes."""

    def __init__(self) -> None:
        self.shards: list[int] = []
        self.ids: list[int] = []
        self.at_us: list[int] = []
        self.ranks: list[float] = []
        #: Of hits in the open table, which holds what every other one holds alone.
        self.kinds: list[str] = []
        self.devices: list[str] = []

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, row: Mapping[str, Any]) -> None:
        """Append what a statement found, see ``packed`` in search.sql."""
        if row["ids"] is None:
            return
        count = len(row["ids"]) // 8
        self.shards += struct.unpack(f">{count}i", row["shards"])
        self.ids += struct.unpack(f">{count}q", row["ids"])
        self.at_us += [at + _EPOCH_US for at in struct.unpack(f">{count}q", row["times"])]
        self.ranks += struct.unpack(f">{count}d", row["ranks"]) if row["ranks"] else [0.0] * count
        self.kinds += row["kinds"] or ()
        self.devices += row["devices"] or ()

    def __getitem__(self, place: int) -> FoundHit:
        return FoundHit(self.shards[place], self.ids[place], self.at_us[place], self.ranks[place])

    def __iter__(self) -> Iterator[FoundHit]:
        return map(FoundHit, self.shards, self.ids, self.at_us, self.ranks)

    def ranked(self, most: int) -> list[int]:
        """Return the places of the first *most* hits, those that fit best first.

        Hits of one rank stay in the order they came in, which is that of time.
        """
        return sorted(range(min(most, len(self))), key=self.ranks.__getitem__, reverse=True)


def microseconds(at: dt.datetime) -> int:
    """Return a moment as hits have it."""
    return (at - _UNIX) // _MICROSECOND


_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
