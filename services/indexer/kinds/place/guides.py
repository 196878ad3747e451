"""Guides: collections of places, joined to them by a table with digits in its name."""

from __future__ import annotations

import sqlite3

from services.indexer.kinds.core_data import find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import by_number, note_damage
from services.indexer.kinds.values import text_of

_MOST_JOINS = 200_000
_MOST_GUIDES_OF_PLACE = 50
_LONGEST = 300


def read_guides(database: Database, tally: Tally) -> dict[int, list[str]]:
    """Return the titles of guides by the number of the place that is in them."""
    found: dict[int, list[str]] = {}
    join = find_join(database, "Z_#PLACES", "Z_#COLLECTIONS", "Z_#PLACES")
    if join is None:
        return found
    titles = {
        number: text_of(row["ZTITLE"])
        for number, row in by_number(database, "ZCOLLECTION", ("ZTITLE",), tally).items()
    }
    try:
        for guide, place in database.rows(
            f"select {join.left}, {join.right} from {join.table} "  # noqa: S608 -- a name that was matched
            f"order by {join.right}, {join.left} limit {_MOST_JOINS}"
        ):
            title = titles.get(guide)
            if isinstance(place, int) and title is not None:
                names = found.setdefault(place, [])
                if title[:_LONGEST] not in names and len(names) < _MOST_GUIDES_OF_PLACE:
                    names.append(title[:_LONGEST])
    except sqlite3.Error:
        note_damage(tally)
    return found
