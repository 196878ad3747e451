"""Words within a time, and phrases: the marks that stand for more than words in indexes. Pure code.

Every row carries the mark of the three days and of the seven weeks that it is of, and one if it has
an attachment or a link (``dated_words`` in the migrations); in an index of its own, it has one for
each two words that follow each other (``paired_words``). A search asks for a word or for pairs, and
for any mark of a time, and the lists are gone along at once. What it finds is a little more than
what is asked for, up to the ends of the marks, so everything is asked of the rows once more.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from services.indexer.history.storage_shards import Shard

#: How long the times are that have one mark each, as powers of two seconds, and their letters.
_SPANS = ((18, "d"), (22, "m"))
#: With more marks it takes longer to go along their lists than to gather the hits of a table.
MOST_MARKS = 24
#: Longer times have too many of the longest marks.
LONGEST_SECONDS = float((MOST_MARKS - 2) << _SPANS[-1][0])

#: The index that is asked, see search.sql.
MarkedIndex = Literal["dated", "paired"]

#: A quoted word, whose quotes are doubled inside, or an operator of order.
_QUOTED = r"'(?:[^'\\]|''|\\\\)*'"
_QUOTED_OR_ORDER = re.compile(rf"{_QUOTED}|<(?:-|\d+)>")
#: The first of two words of which the second one follows right after.
_PAIR = re.compile(rf"({_QUOTED})(?: <-> (?=({_QUOTED})(?!:)))?")


class Marks(NamedTuple):
    """Queries of which an index has to find every one."""

    name: MarkedIndex
    queries: list[str]
    #: Whether what they find has the words, and need not be looked at again.
    is_exact: bool = False
    #: Whether it also has the attachment or the link that is asked for.
    is_special: bool = False


class Marked:
    """What the indexes of words and times, or of pairs and times, are asked for in one search."""

    def __init__(
        self,
        query: str,
        shards: Sequence[Shard],
        *,
        pairs: Sequence[str] = (),
        has_attachment: bool,
        has_link: bool,
    ) -> None:
        """Look for *query*, as Postgres writes it, in *shards*; *pairs* are the marks of its pairs.

        Only tables beside the open one have the indexes, and only where all have one it is asked.
        """
        listed = [shard for shard in shards if shard.number]
        self._spans = {
            shard.number: (shard.first_at, shard.last_at)
            for shard in listed
            if shard.first_at is not None and shard.last_at is not None
        }
        self.is_paired = bool(pairs) and is_paired(shards)
        self._pairs = f"{' & '.join(map(quoted, pairs))} | '\x01p*'"
        self._query = query
        has_dated = bool(listed) and all(shard.has_dated for shard in listed)
        self._words = without_order(query) if has_dated else None
        special = (("a", has_attachment), ("l", has_link))
        self._special = " & ".join(f"'\x01{letter}'" for letter, is_asked in special if is_asked)

    @property
    def is_dated(self) -> bool:
        """Whether an index finds what is asked for within a time."""
        return bool(self._spans) and (self.is_paired or self._words is not None)

    def of(
        self,
        since: dt.datetime | None,
        until: dt.datetime | None,
        numbers: Sequence[int],
        *,
        is_anytime: bool,
    ) -> Marks | None:
        """Return what is asked for in some tables within a time; None where it would not help."""
        times = None if is_anytime else self._times(since, until, numbers)
        if self.is_paired:
            return Marks("paired", [self._pairs, *([times] if times is not None else [])])
        marks = [query for query in (times, self._special) if query]
        if self._words is None or not marks:
            return None
        return Marks(
            "dated",
            [self._words, *marks],
            is_exact=self._words == self._query,
            is_special=bool(self._special),
        )

    def _times(
        self, since: dt.datetime | None, until: dt.datetime | None, numbers: Sequence[int]
    ) -> str | None:
        spans = [self._spans[number] for number in numbers if number in self._spans]
        if not spans:
            return None
        first, last = min(span[0] for span in spans), max(span[1] for span in spans)
        return marks_between(since or first, until or last)


def is_paired(shards: Sequence[Shard]) -> bool:
    """Whether all tables beside the open one tell which word follows which, if there are any."""
    listed = [shard.has_paired for shard in shards if shard.number]
    return bool(listed) and all(listed)


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Return which words have to follow each other in a *query*, as Postgres writes it."""
    if "!" in "".join(_QUOTED_OR_ORDER.split(query)):
        return []
    return [
        (unquoted(match[1][1:-1]), unquoted(match[2][1:-1]))
        for match in _PAIR.finditer(query)
        if match[2] is not None
    ]


def quoted(word: str) -> str:
    """Return *word* as queries have it."""
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def unquoted(text: str) -> str:
    """Return the word of which *text* stands between quotes."""
    return text.replace("''", "'").replace("\\\\", "\\")


def marks_between(since: dt.datetime, until: dt.datetime) -> str | None:
    """Return a query for the marks of all times from *since* up to *until*; None for too many."""
    first, last = math.floor(since.timestamp()) - 1, math.ceil(until.timestamp()) + 1
    for bits, letter in _SPANS:
        if (last >> bits) - (first >> bits) < MOST_MARKS:
            marks = range(first >> bits, (last >> bits) + 1)
            return " | ".join(f"'\x01{letter}{mark}'" for mark in marks)
    return None


def without_order(query: str) -> str | None:
    """Return *query*, as Postgres writes it, for its words in any order: it finds as much or more.

    None where that cannot be said because something must not be there in an order.
    """
    has_order = False

    def anyhow(match: re.Match[str]) -> str:
        nonlocal has_order
        if match[0].startswith("'"):
            return match[0]
        has_order = True
        return "&"

    loose = _QUOTED_OR_ORDER.sub(anyhow, query)
    is_left_out = "!" in "".join(_QUOTED_OR_ORDER.split(query))
    return None if has_order and is_left_out else loose
