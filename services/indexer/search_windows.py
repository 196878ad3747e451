"""Where in time a search looks next: pieces of the history, each with the tables it may lie in.

The newest hits are wanted, and an index of words knows nothing of time. So a search asks for the
hits of one piece of time after the other, and guesses from what it found how long the next piece
has to be. The pieces meet, so hits come in order and none is lost, whatever the guess was worth.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from services.indexer.storage_shards import Shard

Way = Literal["asc", "desc"]

#: About so many artifacts lie in the first piece: enough to see how frequent hits are, and so few
#: that they are read one by one. An index of words is slow to ask, however short the piece.
FIRST_ROWS = 800
#: A piece has at most so many times the artifacts of those before it.
_MOST_GROWTH = 1000
#: More than what seems to be needed.
_SURPLUS = 1.15
_STEPS = 24
#: So much more than wanted is near enough: looking closer takes a look at every table.
_NEAR = 1.03


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From ``since`` up to but without ``until``; null is the beginning or the end of time."""

    since: dt.datetime | None
    until: dt.datetime | None
    shards: list[int]
    #: So few artifacts that reading them is quicker than asking an index of words.
    is_short: bool


class Windows:
    """The pieces of one search, in its order. Tell ``found`` after each."""

    def __init__(
        self,
        shards: Sequence[Shard],
        *,
        way: Way,
        limit: int,
        since: dt.datetime | None,
        until: dt.datetime | None,
    ) -> None:
        """Cover everything from *since* up to *until* until *limit* hits are found."""
        # What was written since the shards were looked up lies in the first one, at any time.
        self._everywhere = [shard.number for shard in shards if shard.number == 0]
        self._known = [
            (shard, span)
            for shard in shards
            if (span := _span(shard)) is not None
            and (since is None or span[1] >= since.timestamp())
            and (until is None or span[0] <= until.timestamp())
        ]
        self._way: Way = way
        self._limit = limit
        self._since, self._until = since, until
        self._seen_rows = 0.0
        self.found = 0

    def __iter__(self) -> Iterator[Window]:
        """Yield until nothing is left; whoever has enough stops asking."""
        since, until = self._since, self._until
        is_last = False
        while not is_last:
            rows = self._wanted_rows()
            edge = self._edge(since, until, rows)
            is_last = edge is None
            if self._way == "desc":
                yield self._window(since if edge is None else edge, until, is_last=is_last)
                until = edge
            else:
                yield self._window(since, until if edge is None else edge, is_last=is_last)
                since = edge
            self._seen_rows += rows

    def _wanted_rows(self) -> float:
        if not self._seen_rows:
            return FIRST_ROWS
        # As rare as a few hits may mean: one piece too many costs more than one too long.
        often = max(self.found - math.sqrt(self.found), 0.5) / self._seen_rows
        wanted = (self._limit - self.found) / often * _SURPLUS
        return min(max(wanted, self._seen_rows), self._seen_rows * _MOST_GROWTH)

    def _window(
        self, since: dt.datetime | None, until: dt.datetime | None, *, is_last: bool
    ) -> Window:
        first = None if since is None else since.timestamp()
        end = None if until is None else until.timestamp()
        return Window(
            since=since,
            until=until,
            shards=[
                *self._everywhere,
                *(
                    shard.number
                    for shard, span in self._known
                    if shard.number
                    and (first is None or span[1] >= first)
                    and (end is None or span[0] <= end)
                ),
            ],
            is_short=not (self._seen_rows or is_last),
        )

    def _edge(
        self, since: dt.datetime | None, until: dt.datetime | None, rows: float
    ) -> dt.datetime | None:
        """Return where a piece of about *rows* artifacts ends; None when it holds all the rest.

        Artifacts are taken to lie evenly between the first and the last of their table.
        """
        if not self._known:
            return None
        first = min(span[0] for _, span in self._known)
        last = max(span[1] for _, span in self._known)
        first = first if since is None else max(first, since.timestamp())
        last = last if until is None else min(last, until.timestamp())
        if first >= last or self._rows_between(first, last) <= rows * _SURPLUS:
            return None
        low, high = first, last
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if self._way == "desc":
                inside = self._rows_between(middle, last)
                low, high = (middle, high) if inside > rows else (low, middle)
            else:
                inside = self._rows_between(first, middle)
                low, high = (low, middle) if inside > rows else (middle, high)
            if rows < inside < rows * _NEAR:
                break
        try:
            edge = dt.datetime.fromtimestamp(low if self._way == "desc" else high, dt.UTC)
        except (OverflowError, ValueError):  # rounded past the end of the calendar
            return None
        # Where nothing is left between the ends, a piece would be empty and the next one the same.
        if (since is not None and edge <= since) or (until is not None and edge >= until):
            return None
        return edge

    def _rows_between(self, first: float, last: float) -> float:
        total = 0.0
        for shard, (begin, end) in self._known:
            inside = min(end, last) - max(begin, first)
            if inside >= 0:
                total += shard.row_count * (inside / (end - begin) if end > begin else 1.0)
        return total


def _span(shard: Shard) -> tuple[float, float] | None:
    # Seconds as floats are rounded, but their order stays: comparing with "or equal" is safe.
    if shard.first_at is None or shard.last_at is None:
        return None
    return shard.first_at.timestamp(), shard.last_at.timestamp()
