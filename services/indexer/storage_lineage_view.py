"""Looking at a lineage as one history: which devices are meant, and what is left out.

A row is left out where a newer device of its lineage has the same thing; as of a moment, where it
had it by then. Asked for each row that fits, by its number: a join would read all marks first.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from services.indexer.storage_lineage_links import lineage_of
from services.indexer.storage_shards import Shard, fetch_shards

if TYPE_CHECKING:
    from services.indexer.storage_rows import Conditions, Connection

_SINCE = "(select s.since from superseded s where s.artifact_id = a.id)"


def see_once(where: Conditions, as_of: dt.datetime | None = None) -> None:
    """Require of an artifact ``a`` that no newer device of its lineage has it (by then)."""
    if as_of is None:
        where.add(f"{_SINCE} is null")
    else:
        where.add(f"coalesce({_SINCE} > {{at}}, true)", at=as_of)


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
