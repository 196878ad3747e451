"""Revisions of two devices of one lineage beside each other: what the one holds and the other not.

Their rows are different ones, so all that both hold is held against each other, by key and digest.
Why something is not there is not told: it may never have come over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from services.indexer.lineage.storage_links import lineage_of
from services.indexer.sql import statement
from shared.contracts.problems import not_found

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection


class Side(NamedTuple):
    """A revision, and the device whose it is."""

    device: str
    taken_at: dt.datetime


async def find_sides(connection: Connection, device: str, digests: Sequence[str]) -> list[Side]:
    """Return whose the revisions are: the device's own, or another's of its lineage. 404."""
    found: list[Side] = []
    devices = await lineage_of(connection, device)
    for digest in digests:
        row = await connection.fetchrow(statement("lineage", "revision"), devices, digest, device)
        if row is None:
            raise not_found("revision")
        found.append(Side(row["device"], row["taken_at"]))
    return found


async def count_between(
    connection: Connection, kind: str, before: Side, after: Side
) -> dict[str, int]:
    """Return how many artifacts were added, removed and changed."""
    await _prepare(connection)
    row = await connection.fetchrow(statement("lineage", "count_between"), kind, *before, *after)
    assert row is not None, "counts of nothing are noughts"
    return dict(row)


async def fetch_between(
    connection: Connection, kind: str, before: Side, after: Side, *, key: str | None, limit: int
) -> list[Any]:
    """Return a page of differences, beginning after *key*: ``key``, ``before_id``, ``after_id``."""
    await _prepare(connection)
    rows: list[Any] = await connection.fetch(
        statement("lineage", "differences_between"), kind, *before, *after, key, limit
    )
    return rows


async def _prepare(connection: Connection) -> None:
    # Whole kinds on both sides: a loop over one for each row of the other never ends.
    await connection.execute("set local enable_nestloop = off")
