"""The table ``destination``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.archiver import (
    CryptConfig,
    Destination,
    DestinationConfig,
    DestinationId,
)
from shared.contracts.problems import not_found

if TYPE_CHECKING:
    from services.archiver.storage import Connection


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A source with archives in a destination."""

    source_id: str
    name: str
    type: str
    archive_count: int
    newest_at: dt.datetime


_DESTINATIONS = (
    "select d.*, (select count(*) from archive a where a.destination_id = d.id) as archive_count,"
    " (select coalesce(sum(o.size_bytes), 0) from stored_object o where o.destination_id = d.id)"
    " + (select coalesce(sum(a.bundle_bytes), 0) from archive a where a.destination_id = d.id)"
    # Of a mirror: what its sources hold now.
    " + (select coalesce(sum(m.source_bytes), 0) from (select distinct on (a.source_id)"
    " a.source_bytes from archive a where a.destination_id = d.id and a.format_version = 0"
    " order by a.source_id, a.number desc) m) as stored_bytes from destination d"
)


_NO_SHEET = "Nobody has its recovery sheet yet, which says how to get archives back."
_NO_SHEET_ENCRYPTED = (
    "Nobody has its recovery sheet yet: if this machine is lost, and its passwords with it, nobody"
    " can read the archives again."
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
        "insert into destination (id, name, type, config, crypt, store_id, mode)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        UUID(destination.id),
        destination.name,
        destination.type,
        msgspec.to_builtins(destination.config),
        None if destination.crypt is None else msgspec.to_builtins(destination.crypt),
        UUID(destination.store_id),
        destination.mode,
    )


async def revive_destination(connection: Connection, destination: Destination) -> UUID | None:
    """Take up the row of a store that was forgotten, with its archives; None if there is none.

    Raises ``UniqueViolationError`` for a name or store in use.
    """
    found: UUID | None = await connection.fetchval(
        "update destination set removed_at = null, name = $2, type = $3, config = $4, crypt = $5,"
        " mode = $6, sheet_downloaded_at = null, is_untidy = true where id = (select id"
        " from destination where store_id = $1 and mode = $6 and removed_at is not null"
        " order by removed_at desc limit 1) returning id",
        UUID(destination.store_id),
        destination.name,
        destination.type,
        msgspec.to_builtins(destination.config),
        None if destination.crypt is None else msgspec.to_builtins(destination.crypt),
        destination.mode,
    )
    return found


async def change_destination(connection: Connection, destination: Destination) -> None:
    """Write what can be changed. Raises ``UniqueViolationError`` for a name in use."""
    await connection.execute(
        "update destination set name = $2, config = $3 where id = $1 and removed_at is null",
        UUID(destination.id),
        destination.name,
        msgspec.to_builtins(destination.config),
    )


async def remove_destination(connection: Connection, destination_id: UUID) -> bool:
    """Forget a destination; False when there was none."""
    found = await connection.fetchval(
        "update destination set removed_at = now() where id = $1 and removed_at is null"
        " returning id",
        destination_id,
    )
    return found is not None


async def record_sheet(connection: Connection, destination_id: UUID) -> None:
    """Write down that somebody has the recovery sheet now."""
    await connection.execute(
        "update destination set sheet_downloaded_at = now() where id = $1", destination_id
    )


async def fetch_held(connection: Connection, destination_id: UUID) -> list[Held]:
    """Return which sources have archives in a destination, by name."""
    rows = await connection.fetch(
        "select s.id, s.name, s.type, count(*) as archive_count, max(a.created_at) as newest_at"
        " from archive a join source s on s.id = a.source_id where a.destination_id = $1"
        " group by s.id order by s.name, s.id",
        destination_id,
    )
    return [
        Held(
            source_id=str(row["id"]),
            name=row["name"],
            type=row["type"],
            archive_count=row["archive_count"],
            newest_at=row["newest_at"].astimezone(dt.UTC),
        )
        for row in rows
    ]


def _to_destination(row: Any) -> Destination:
    warnings = []
    if row["sheet_downloaded_at"] is None:
        warnings.append(_NO_SHEET if row["crypt"] is None else _NO_SHEET_ENCRYPTED)
    return Destination(
        id=DestinationId(str(row["id"])),
        name=row["name"],
        type=row["type"],
        mode=row["mode"],
        config=msgspec.convert(row["config"], DestinationConfig),
        crypt=None if row["crypt"] is None else msgspec.convert(row["crypt"], CryptConfig),
        store_id=str(row["store_id"]),
        created_at=row["created_at"],
        archive_count=row["archive_count"],
        stored_bytes=int(row["stored_bytes"]),
        sheet_downloaded_at=row["sheet_downloaded_at"],
        warnings=warnings,
    )
