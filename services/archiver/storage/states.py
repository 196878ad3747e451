"""Whether archives are all there, from what is known of the objects that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from services.archiver.storage import Connection

#: Entries of which a blob lies nowhere any more.
_BROKEN = (
    "select distinct t.source_id, t.since, t.until from tree_entry t"
    " cross join lateral generate_series(0, length(t.blobs) / 32 - 1) as n"
    " left join blob b on b.destination_id = t.destination_id"
    "  and b.sha256 = substring(t.blobs from n * 32 + 1 for 32)"
    " where t.destination_id = $1 and b.sha256 is null"
)


async def refresh_states(connection: Connection, destination_id: UUID) -> int:
    """Find out which archives of a destination are damaged, or whole again; return how many are.

    An archive is damaged when its bundle is, or when anything that its files consist of is missing.
    """
    await connection.execute(
        f"with broken as materialized ({_BROKEN})"  # noqa: S608 -- ours
        " update archive a set state = case when a.bundle_state <> 'right' or exists ("
        "  select from broken k where k.source_id = a.source_id and k.since <= a.number"
        "  and (k.until is null or k.until > a.number)) then 'damaged' else 'complete' end"
        " where a.destination_id = $1",
        destination_id,
    )
    return await _count_damaged(connection, destination_id)


async def heal_states(connection: Connection, destination_id: UUID) -> None:
    """Call archives whole again that are, after something was stored."""
    if await _count_damaged(connection, destination_id):
        await refresh_states(connection, destination_id)


async def _count_damaged(connection: Connection, destination_id: UUID) -> int:
    return int(
        await connection.fetchval(
            "select count(*) from archive where destination_id = $1 and state = 'damaged'",
            destination_id,
        )
    )
