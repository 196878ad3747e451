"""How many hits a table may have, from what is known of the words of a search before it begins.

A first guess and no more: it says how long the first piece of time is, see windows.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.indexer.history.storage_words import Expected
from services.indexer.memory import timeline_number
from services.indexer.search.windows import ROUGHLY
from services.indexer.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.indexer.history.storage_rows import Connection
    from services.indexer.history.storage_shards import Shard


async def expect_hits(
    connection: Connection,
    known: Mapping[int, Expected],
    shards: Sequence[Shard],
    *,
    is_parted: bool,
    is_dear: bool,
    is_once: bool,
) -> dict[int, Expected]:
    """Return how many hits the tables that have all words may have, from how many rows have them.

    *is_parted* where words are written without spaces: they are hardly anywhere by themselves.
    *is_dear* where they have to stand in an order. *is_once* where a lineage counts as one.
    """
    seen = await _seen_shares(connection, shards) if is_once and known else {}
    found: dict[int, Expected] = {}
    for number, one in known.items():
        share = seen.get(number, 1.0)
        hits = one.most if is_parted else one.hits / (ROUGHLY if is_dear else 1)
        found[number] = Expected(hits * share, one.most * share)
    return found


async def _seen_shares(connection: Connection, shards: Sequence[Shard]) -> dict[int, float]:
    """Return by table how much of it is seen where lineages count as one."""
    rows: Counter[int] = Counter()
    timelines: dict[int, int] = {}
    for shard in shards:
        if shard.device is not None and shard.kind is not None:
            timelines[shard.number] = timeline_number(shard.device, shard.kind)
            rows[timelines[shard.number]] += shard.row_count
    found = await connection.fetch(statement("search", "superseded"), list(rows))
    shares = {
        row["timeline"]: 1 - min(1.0, row["artifact_count"] / max(1, rows[row["timeline"]]))
        for row in found
    }
    return {number: shares.get(timeline, 1.0) for number, timeline in timelines.items()}
