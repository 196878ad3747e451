"""Where in time a search looks next: pieces of the history, each with the tables it may lie in.

The newest hits are wanted, and an index of words knows nothing of time. So a search asks for the
hits of one piece of time after the other, and guesses from what it found, or at first from how
often its words are in which table, how long the next piece has to be. The pieces meet, so hits come
in order and none is lost, whatever the guess was worth.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from services.indexer.history.storage_shards import Shard
from services.indexer.history.storage_words import Expected
from services.indexer.search.dated import LONGEST_SECONDS

Way = Literal["asc", "desc"]
#: The statement that looks into a piece, see search.sql.
How = Literal["walked", "narrow", "filtered", "read", "within", "dated", "indexed"]

#: About so many artifacts lie in the first piece: enough to see how frequent hits are, and so few
#: that they are read one by one. An index of words is slow to ask, however short the piece.
FIRST_ROWS = 800
#: So few are read one by one although it is known how frequent hits are.
READ_ROWS = 6_000
#: Of those, more than seem to be needed: reading ends when there are enough.
_READ_SURPLUS = 2
#: What it costs to find one artifact in the index of time, for each that need not be read then.
_LOOK_COST = 0.03
#: What it costs to ask the index of words and times of a table, for each hit that is not read then.
_DATED_COST = 30
#: So many artifacts have to be looked at for each that holds a phrase.
ROUGHLY = 10
#: Where looking is dear, or one piece more is cheap, and a few hits are all that is known, so much
#: less is looked at next: a piece more costs less than hits that nobody needs.
_DEAR_STEPS = 3
#: A piece has at most so many times the artifacts of those before it.
_MOST_GROWTH = 1000
#: More than what seems to be needed.
_SURPLUS = 1.15
#: How many standard deviations fewer hits are expected than were seen.
_DOUBT = 0.75
#: How many more standard deviations are looked for where it is told how many hits there are.
_SURE = 3.0
#: Where so many times as many may be hits as seem to be, it is not known how many are.
_MOST_DOUBTFUL = 3.0
#: With fewer it is hardly known how frequent hits are.
_FEW_HITS = 30

_MICROSECOND = dt.timedelta(microseconds=1)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From ``since`` up to but without ``until``; null is the beginning or the end of time."""

    since: dt.datetime | None
    until: dt.datetime | None
    shards: list[int]
    how: How


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
        is_rough: bool = False,
        is_dear: bool = False,
        is_dated: bool = False,
        own_rows: int | None = None,
        expected: Mapping[int, Expected] | None = None,
    ) -> None:
        """Cover everything from *since* up to *until* until *limit* hits are found.

        *is_rough* when an index finds more than what matches, *is_dear* when it finds many times
        as much, *is_dated* when an index finds words within a time; *own_rows* how many artifacts
        lie in the conversations that are asked for, if it is not all that count; *expected* how
        many hits the tables may have, as far as that is known.
        """
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
        self._is_rough = is_rough
        self._is_dear = is_dear
        self._is_dated = is_dated
        self._is_narrow = own_rows is not None
        all_rows = sum(shard.row_count for shard, _ in self._known)
        #: How many of the artifacts of any time are those that count.
        self._share = 1.0 if own_rows is None else min(1.0, max(1, own_rows) / max(1, all_rows))
        self._seen_rows = 0.0
        self.found = 0
        #: How many hits are in which table, where that is told well; and how many of all rows are.
        self._hits: dict[int, float] = {}
        self._told_often = 0.0
        if expected and not self._is_narrow:
            self._tell(expected)

    def __iter__(self) -> Iterator[Window]:
        """Yield until nothing is left; whoever has enough stops asking."""
        since, until = self._since, self._until
        is_last = False
        while not is_last:
            told = self._expected_rows(since, until)
            rows, often = told or (self._wanted_rows(), self._often())
            is_read = rows <= READ_ROWS
            if is_read and often:
                rows *= _READ_SURPLUS
            edge = self._edge(since, until, rows / self._share)
            start, end = self._ends(since, until, edge)
            # What has no end may hold more than is known of.
            window = self._window(start, end, rows, often, is_read=is_read and edge is not None)
            if window.how == "indexed" and edge is not None:
                edge = self._beyond(edge, window.shards)
                start, end = self._ends(since, until, edge)
                window = msgspec.structs.replace(window, since=start, until=end)
                rows = max(rows, self._rows_between(*self._known_ends(start, end)) * self._share)
            is_last = edge is None
            yield window
            if self._way == "desc":
                until = edge
            else:
                since = edge
            self._seen_rows += rows

    def _ends(
        self, since: dt.datetime | None, until: dt.datetime | None, edge: dt.datetime | None
    ) -> tuple[dt.datetime | None, dt.datetime | None]:
        return (edge or since, until) if self._way == "desc" else (since, edge or until)

    def _beyond(self, edge: dt.datetime, shards: Sequence[int]) -> dt.datetime | None:
        """Return how far beyond *edge* nothing lies but in *shards*; None when that is all.

        An index of words knows no time: what it finds there is fetched with the rest of a table.
        """
        looked = set(shards)
        others = [shard for shard, _ in self._known if shard.number not in looked]
        if self._way == "desc":
            last = [shard.last_at for shard in others if shard.last_at and shard.last_at < edge]
            return max(last) + _MICROSECOND if last else None
        first = [shard.first_at for shard in others if shard.first_at and shard.first_at > edge]
        return min(first, default=None)

    def _tell(self, expected: Mapping[int, Expected]) -> None:
        told = [shard for shard, _ in self._known if shard.number in expected]
        rows = sum(shard.row_count for shard in told)
        hits = sum(expected[shard.number].hits for shard in told)
        if not rows:
            return
        self._told_often = hits / rows
        # Words that may always come together, or hardly ever: nobody knows before having looked.
        if sum(expected[shard.number].most for shard in told) <= hits * _MOST_DOUBTFUL:
            self._hits = {
                # Of what is not listed, as many are hits as of what is.
                shard.number: expected[shard.number].hits
                if shard.number in expected
                else shard.row_count * self._told_often
                for shard, _ in self._known
            }

    def _expected_rows(
        self, since: dt.datetime | None, until: dt.datetime | None
    ) -> tuple[float, float] | None:
        """Return how many artifacts seem to hold enough hits, and how many of them are hits.

        None where that is not told well enough to begin with.
        """
        if not self._hits or self._seen_rows:
            return None
        first, last = self._known_ends(since, until)
        wanted = self._limit + _SURE * math.sqrt(self._limit)
        if first < last and self._rows_between(first, last, self._hits) > wanted:
            edge = self._after_rows(first, last, wanted, self._hits)
            first, last = (edge, last) if self._way == "desc" else (first, edge)
        rows = max(1.0, self._rows_between(first, last))
        return rows, self._rows_between(first, last, self._hits) / rows

    def _often(self) -> float:
        return self.found / self._seen_rows if self._seen_rows else 0.0

    def _wanted_rows(self) -> float:
        if not self._seen_rows:
            return FIRST_ROWS
        told = self._told_often * self._seen_rows
        if (
            told
            and self.found < _FEW_HITS
            and abs(self.found - told) <= _SURE * math.sqrt(told) + 1
        ):
            # What little was found is what was told.
            left = self._limit - self.found
            wanted = (left + _SURE * math.sqrt(left)) / self._told_often
            return min(max(wanted, self._seen_rows), self._seen_rows * _MOST_GROWTH)
        # Rarer than a few hits seem to say: one piece too many costs more than one too long.
        often = max(self.found - _DOUBT * math.sqrt(self.found), 0.5) / self._seen_rows
        wanted = (self._limit - self.found) / often * _SURPLUS
        if (self._is_dear or self._is_dated) and 0 < self.found < _FEW_HITS:
            wanted /= _DEAR_STEPS
        # Of what is hardly known, no piece is shorter than all those before it.
        least = self._seen_rows if self.found < _FEW_HITS else FIRST_ROWS
        return min(max(wanted, least), self._seen_rows * _MOST_GROWTH)

    def _window(
        self,
        since: dt.datetime | None,
        until: dt.datetime | None,
        rows: float,
        often: float,
        *,
        is_read: bool,
    ) -> Window:
        first = None if since is None else since.timestamp()
        end = None if until is None else until.timestamp()
        inside = [
            shard
            for shard, span in self._known
            if (first is None or span[1] >= first) and (end is None or span[0] <= end)
        ]
        how: How = "narrow" if self._is_narrow else "read"
        if not is_read:
            beside = sum(shard.row_count for shard in inside) * self._share - rows
            often *= ROUGHLY if self._is_rough else 1
            is_dated = self._is_dated and self._is_short(since, until)
            look_cost = len(inside) * _DATED_COST if is_dated else rows * _LOOK_COST
            how = "indexed"
            if beside * often > look_cost:
                how = "dated" if is_dated else "within"
        return Window(
            since=since,
            until=until,
            shards=[*self._everywhere, *(shard.number for shard in inside if shard.number)],
            how=how,
        )

    def _edge(
        self, since: dt.datetime | None, until: dt.datetime | None, rows: float
    ) -> dt.datetime | None:
        """Return where a piece of about *rows* artifacts ends; None when it holds all the rest.

        Artifacts are taken to lie evenly between the first and the last of their table.
        """
        if not self._known:
            return None
        first, last = self._known_ends(since, until)
        if first >= last or self._rows_between(first, last) <= rows * _SURPLUS:
            return None
        try:
            edge = dt.datetime.fromtimestamp(self._after_rows(first, last, rows), dt.UTC)
        except (OverflowError, ValueError):  # rounded past the end of the calendar
            return None
        # Where nothing is left between the ends, a piece would be empty and the next one the same.
        if (since is not None and edge <= since) or (until is not None and edge >= until):
            return None
        return edge

    def _is_short(self, since: dt.datetime | None, until: dt.datetime | None) -> bool:
        if not self._known:
            return True
        first, last = self._known_ends(since, until)
        return last - first < LONGEST_SECONDS

    def _known_ends(
        self, since: dt.datetime | None, until: dt.datetime | None
    ) -> tuple[float, float]:
        """Return between which moments of a piece anything is known to lie."""
        first = min(span[0] for _, span in self._known)
        last = max(span[1] for _, span in self._known)
        return (
            first if since is None else max(first, since.timestamp()),
            last if until is None else min(last, until.timestamp()),
        )

    def _after_rows(
        self, first: float, last: float, rows: float, hits: Mapping[int, float] | None = None
    ) -> float:
        """Return where about *rows* artifacts lie between it and that end where a search begins.

        Or so many hits, if it is given how many of those the tables have.
        """
        # From end to end of tables: between two of them artifacts come at one pace.
        sign = 1.0 if self._way == "asc" else -1.0
        turns: list[tuple[float, float, float]] = []
        for shard, (begin, end) in self._known:
            start, stop = (begin, end) if self._way == "asc" else (end, begin)
            count = shard.row_count if hits is None else hits[shard.number]
            if end > begin:
                pace = count / (end - begin)
                turns += [(sign * start, pace, 0.0), (sign * stop, -pace, 0.0)]
            else:
                turns.append((sign * start, 0.0, float(count)))
        turns.sort()
        here, there = (first, last) if self._way == "asc" else (-last, -first)
        place, pace, seen = here, 0.0, 0.0
        for at, change, jump in turns:
            turn = min(at, there)
            if turn > place:
                if seen + pace * (turn - place) > rows:
                    break
                seen += pace * (turn - place)
                place = turn
            pace += change
            if here <= at <= there:
                seen += jump
            if seen > rows:
                return sign * place
        return sign * min(place + max(0.0, rows - seen) / pace if pace > 0 else there, there)

    def _rows_between(
        self, first: float, last: float, hits: Mapping[int, float] | None = None
    ) -> float:
        total = 0.0
        for shard, (begin, end) in self._known:
            inside = min(end, last) - max(begin, first)
            if inside >= 0:
                count = shard.row_count if hits is None else hits[shard.number]
                total += count * (inside / (end - begin) if end > begin else 1.0)
        return total


def _span(shard: Shard) -> tuple[float, float] | None:
    # Seconds as floats are rounded, but their order stays: comparing with "or equal" is safe.
    if shard.first_at is None or shard.last_at is None:
        return None
    return shard.first_at.timestamp(), shard.last_at.timestamp()
