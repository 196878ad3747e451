"""Many messages at once, by their row numbers: the quickest way in which SQLite finds them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt
from typing import Any

from services.indexer.kinds.database import Database

#: How many row numbers one walk may pass for each that is wanted.
_MOST_PASSED = 2


def read_batch(database: Database, fields: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
    """Return *fields* of the messages ``m`` of those *numbers*, the row number first, in order.

    What is not there is left out. Raises like ``Database.quick_rows``.
    """
    wanted = list(numbers)
    # Phones number messages as they come, so that in the order of time they mostly stand one after
    # the other: one walk finds them for less than looking each of them up.
    if wanted[-1] - wanted[0] < _MOST_PASSED * len(wanted) and all(map(lt, wanted, wanted[1:])):
        rows = database.quick_rows(
            f"select {fields} from message as m where m.rowid between ? and ?",  # noqa: S608 -- names are ours
            (wanted[0], wanted[-1]),
        )
        if [row[0] for row in rows] == wanted:
            return rows
    return database.quick_rows(
        f"select {fields} from json_each(?) as q "  # noqa: S608 -- names are ours
        "cross join message as m on m.rowid = q.value",
        listed(wanted),
    )


def listed(numbers: Sequence[int]) -> tuple[str]:
    """Return the parameter of a statement over ``json_each`` of some row numbers."""
    return (str(list(numbers)),)
