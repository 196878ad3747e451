"""Looking at a lineage as one history: which devices are meant, and what is left out.

A row is left out where a newer device of its lineage has the same thing; as of a moment, where it
had it by then. Asked for each row that fits, by its number: a join would read all marks first.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from services.indexer.history.storage_shards import Shard, fetch_shards
from services.indexer.lineage.storage_links import lineage_of

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Conditions, Connection

#: As a condition of its own it is taken for one that half of the rows fulfil. Were it a comparison
#: or a null test, Postgres would expect next to none, and read and sort all of a thread for a page.
_ONCE = "coalesce((select {fits} from superseded s where s.artifact_id = {table}.id), true)"


def see_once(where: Conditions, as_of: dt.datetime | None = None, *, table: str = "a") -> None:
    """Require of an artifact, of *table*, that no newer device of its lineage has it (by then)."""
    if as_of is None:
        where.add(_ONCE.format(fits="false", table=table))
    else:
        where.add(_ONCE.format(fits="s.since > {at}", table=table), at=as_of)


async def devices_meant(
    connection: Connection, device: str | None, *, lineage: bool
) -> list[str] | None:
    """Return the devices that are asked for, the oldest first; None for all."""
    if device is None:
        return None
    return await lineage_of(connection, device) if lineage else [device]


async def fetch_shards_of(
    connection: Connection, devices: list[str] | None, *, kind: str | None
) -> list[Shard]:
    """Return the tables that may hold rows of some devices and a kind."""
    if devices is not None and len(devices) == 1:
        return await fetch_shards(connection, device=devices[0], kind=kind)
    return [
        shard
        for shard in await fetch_shards(connection, kind=kind)
        if devices is None or shard.device is None or shard.device in devices
    ]
