"""The table ``destination``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.archiver import CryptConfig, Destination, DestinationConfig, DestinationId
from shared.contracts.problems import not_found

if TYPE_CHECKING:
    from services.archiver.storage import Connection

_DESTINATIONS = (
    "select d.*, (select count(*) from archive a where a.destination_id = d.id) as archive_count,"
    " (select coalesce(sum(o.size_bytes), 0) from stored_object o where o.destination_id = d.id)"
    " + (select coalesce(sum(a.bundle_bytes), 0) from archive a where a.destination_id = d.id)"
    " as stored_bytes from destination d"
)


async def fetch_destinations(connection: Connection) -> list[Destination]:
    """Return where archives go, by name."""
    rows = await connection.fetch(
        f"{_DESTINATIONS} where d.removed_at is null order by d.name, d.id"
    )
    return [_to_destination(row) for row in rows]


async def get_destination(connection: Connection, destination_id: UUID) -> Destination:
    """Return one destination, or raise that there is none."""
    row = await connection.fetchrow(
        f"{_DESTINATIONS} where d.id = $1 and d.removed_at is null", destination_id
    )
    if row is None:
        raise not_found("destination")
    return _to_destination(row)


async def record_destination(connection: Connection, destination: Destination) -> None:
    """Write a new destination. Raises ``UniqueViolationError`` for a name or store in use."""
    await connection.execute(
        "insert into destination (id, name, type, config, crypt, store_id)"
        " values ($1, $2, $3, $4, $5, $6)",
        UUID(destination.id),
        destination.name,
        destination.type,
        msgspec.to_builtins(destination.config),
        None if destination.crypt is None else msgspec.to_builtins(destination.crypt),
        UUID(destination.store_id),
    )


async def remove_destination(connection: Connection, destination_id: UUID) -> bool:
    """Forget a destination; False when there was none."""
    found = await connection.fetchval(
        "update destination set removed_at = now() where id = $1 and removed_at is null"
        " returning id",
        destination_id,
    )
    return found is not None


def _to_destination(row: Any) -> Destination:
    return Destination(
        id=DestinationId(str(row["id"])),
        name=row["name"],
        type=row["type"],
        config=msgspec.convert(row["config"], DestinationConfig),
        crypt=None if row["crypt"] is None else msgspec.convert(row["crypt"], CryptConfig),
        store_id=str(row["store_id"]),
        created_at=row["created_at"],
        archive_count=row["archive_count"],
        stored_bytes=int(row["stored_bytes"]),
    )
