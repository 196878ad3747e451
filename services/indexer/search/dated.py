"""Words within a time: the marks that stand beside the words of a row in an index. Pure code.

Every row carries the mark of the three days and of the seven weeks that it is of, and one if it has
an attachment or a link, see ``dated_words`` in the migrations. A search asks the index for a word
and for any mark of a time, and both lists are gone along at once. What it finds is a little more
than what is asked for, up to the ends of the marks, so everything is asked of the rows once more.
"""

from __future__ import annotations

import datetime as dt
import math
import re

#: How long the times are that have one mark each, as powers of two seconds, and their letters.
_SPANS = ((18, "d"), (22, "m"))
#: With more marks it takes longer to go along their lists than to gather the hits of a table.
MOST_MARKS = 24

#: A quoted word, whose quotes are doubled inside, or an operator of order.
_QUOTED_OR_ORDER = re.compile(r"'(?:[^'\\]|''|\\\\)*'|<(?:-|\d+)>")


def marks_between(since: dt.datetime, until: dt.datetime) -> str | None:
    """Return a query for the marks of all times from *since* up to *until*; None for too many."""
    first, last = math.floor(since.timestamp()) - 1, math.ceil(until.timestamp()) + 1
    for bits, letter in _SPANS:
        if (last >> bits) - (first >> bits) < MOST_MARKS:
            marks = range(first >> bits, (last >> bits) + 1)
            return " | ".join(f"'\x01{letter}{mark}'" for mark in marks)
    return None


def marks_of(*, has_attachment: bool, has_link: bool) -> str:
    """Return a query for the marks of what a row has to have; empty for nothing."""
    wanted = [letter for letter, is_wanted in (("a", has_attachment), ("l", has_link)) if is_wanted]
    return " & ".join(f"'\x01{letter}'" for letter in wanted)


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
