"""How statements name tables, so that few plans do for all searches and each opens what it needs.

A number that stands by itself is looked at before tables are opened. An array of numbers is not: a
plan that is used again would open each table of the vault and look for its number in every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.indexer.history.storage_rows import Conditions

#: Tables that a statement has places for, at least.
_FEWEST = 8
_NO_TABLE = -1


def slots(where: Conditions, shards: Sequence[int]) -> str:
    """Return places for the numbers of *shards*, as many as the next power of two."""
    places = _FEWEST
    while places < len(shards):
        places *= 2
    numbers = [*shards, *[_NO_TABLE] * (places - len(shards))]
    return ", ".join(f"{where.parameter(number)}::int" for number in numbers)
