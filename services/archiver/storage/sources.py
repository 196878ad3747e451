"""The table ``source``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.archiver import Source, SourceConfig, SourceId
from shared.contracts.problems import not_found

if TYPE_CHECKING:
    from services.archiver.storage import Connection

_SOURCES = (
    "select s.*, (select max(a.created_at) from archive a where a.source_id = s.id)"
    " as last_archive_at from source s"
)


async def fetch_sources(connection: Connection) -> list[Source]:
    """Return what is archived, by name."""
    rows = await connection.fetch(f"{_SOURCES} where s.removed_at is null order by s.name, s.id")
    return [_to_source(row) for row in rows]


async def get_source(connection: Connection, source_id: UUID) -> Source:
    """Return one source, or raise that there is none."""
    row = await connection.fetchrow(
        f"{_SOURCES} where s.id = $1 and s.removed_at is null", source_id
    )
    if row is None:
        raise not_found("source")
    return _to_source(row)


async def record_source(connection: Connection, source: Source) -> None:
    """Write a source, new or changed. Raises ``UniqueViolationError`` for a name that is taken."""
    await connection.execute(
        "insert into source (id, name, type, preset, config, priority)"
        " values ($1, $2, $3, $4, $5, $6)"
        " on conflict (id) do update set name = excluded.name, config = excluded.config,"
        " priority = excluded.priority",
        UUID(source.id),
        source.name,
        source.type,
        source.preset,
        msgspec.to_builtins(source.config),
        source.priority,
    )


async def remove_source(connection: Connection, source_id: UUID) -> bool:
    """Archive it no more; False when there was none."""
    found = await connection.fetchval(
        "update source set removed_at = now() where id = $1 and removed_at is null returning id",
        source_id,
    )
    await connection.execute("delete from known_file where source_id = $1", source_id)
    return found is not None


def _to_source(row: Any) -> Source:
    return Source(
        id=SourceId(str(row["id"])),
        name=row["name"],
        type=row["type"],
        preset=row["preset"],
        config=msgspec.convert(row["config"], SourceConfig),
        priority=row["priority"],
        created_at=row["created_at"],
        last_archive_at=row["last_archive_at"],
    )
