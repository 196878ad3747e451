"""Writing into the catalogue what lies in a destination already."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

import msgspec

from services.archiver.format.manifest import SourceFacts
from services.archiver.format.names import parse_object_path
from services.archiver.sources.remembering import config_of
from services.archiver.storage.archives import NewArchive, record_archive
from services.archiver.storage.trees import merge_tree
from services.archiver.store.transport import StoredName

if TYPE_CHECKING:
    import asyncpg

    from services.archiver.storage import Connection

_BATCH = 5000
_LONGEST_NAME = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: SHA-256 of the blob, name of its object, and where in it.
CLAIM_COLUMNS = ("sha256", "object", "is_pack", "offset", "size_bytes")
_PADDED = "c.ends + mod(512 - mod(c.ends, 512), 512) + 1024"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an archive that was taken up."""

    number: int
    #: Objects that were not known before, and their bytes.
    object_count: int
    object_bytes: int


async def fetch_known_paths(connection: Connection, destination_id: UUID) -> set[str]:
    """Return where the bundles of a destination lie that the catalogue knows."""
    rows = await connection.fetch(
        "select path from archive where destination_id = $1", destination_id
    )
    return {row["path"] for row in rows}


async def keep_listing(connection: asyncpg.Connection[Any], listed: Iterable[StoredName]) -> None:
    """Keep for this connection which objects lie in the destination."""
    await connection.execute(
        "create temporary table if not exists lying"
        " (name bytea, is_pack boolean, size_bytes bigint, primary key (name, is_pack))"
    )
    await connection.execute("truncate lying")
    records = (
        (bytes.fromhex(parsed[0]), parsed[1], found.size_bytes)
        for found in listed
        if (parsed := parse_object_path(found.path)) is not None
    )
    while batch := list(itertools.islice(records, _BATCH)):
        await connection.copy_records_to_table(
            "lying", columns=("name", "is_pack", "size_bytes"), records=batch
        )
    await connection.execute("analyze lying")


async def adopt_source(connection: Connection, facts: SourceFacts) -> bool:
    """Register the source of an archive as its manifest tells it; False if it is known."""
    source_id = UUID(facts.id)
    if await connection.fetchval("select exists (select from source where id = $1)", source_id):
        return False
    # Whoever wrote it may not have been bound by what names are here.
    name = _CONTROL.sub(" ", facts.name)[:_LONGEST_NAME].strip() or facts.type
    if await connection.fetchval(
        "select exists (select from source where name = $1 and removed_at is null)", name
    ):
        name = f"{name[: _LONGEST_NAME - 11]} ({facts.id[:8]})"
    await connection.execute(
        "insert into source (id, name, type, preset, config, priority)"
        " values ($1, $2, $3, $4, $5, $6)",
        source_id,
        name,
        facts.type,
        facts.preset,
        msgspec.to_builtins(config_of(facts)),
        facts.priority,
    )
    return True


async def record_taken(
    connection: asyncpg.Connection[Any],
    archive: NewArchive,
    *,
    claims: Iterator[tuple[object, ...]],
    seen: BinaryIO | None,
) -> Taken:
    """Write an archive down that lies there, with its objects as far as they do. In a transaction.

    Its number is the next one, also where it is older than others: numbers part trees, not times.
    """
    destination_id = archive.destination_id
    await connection.execute(
        "create temporary table claimed (sha256 bytea, object bytea, is_pack boolean,"
        ' "offset" bigint, size_bytes integer) on commit drop'
    )
    while batch := list(itertools.islice(claims, _BATCH)):
        await connection.copy_records_to_table("claimed", columns=CLAIM_COLUMNS, records=batch)
    await connection.execute("analyze claimed")
    sizes = await connection.fetch(
        "insert into stored_object (destination_id, name, is_pack, size_bytes)"  # noqa: S608 -- ours
        " select $1, l.name, l.is_pack, l.size_bytes from lying l join (select object, is_pack,"
        '  max("offset" + size_bytes) as ends from claimed group by object, is_pack) c'
        " on c.object = l.name and c.is_pack = l.is_pack"
        f" where case when l.is_pack then l.size_bytes >= {_PADDED} else l.size_bytes = c.ends end"
        " and not exists (select from struck_object s where s.destination_id = $1"
        "  and s.name = l.name) on conflict do nothing returning size_bytes",
        destination_id,
    )
    # What was stored again lies where the newest archive says; but what is known of a store in
    # use is newer than an archive that was left out until now.
    is_newest = await connection.fetchval(
        "select not exists (select from archive where destination_id = $1 and created_at >= $2)",
        destination_id,
        archive.created_at,
    )
    moved = 'do update set object = excluded.object, "offset" = excluded."offset"'
    await connection.execute(
        'insert into blob (destination_id, sha256, object, "offset", size_bytes)'  # noqa: S608 -- ours
        ' select distinct on (c.sha256) $1, c.sha256, c.object, c."offset", c.size_bytes'
        " from claimed c join stored_object o on o.destination_id = $1 and o.name = c.object"
        f" on conflict (destination_id, sha256) {moved if is_newest else 'do nothing'}",
        destination_id,
    )
    object_bytes = sum(row["size_bytes"] for row in sizes)
    number = await connection.fetchval(
        "select coalesce(max(number), 0) + 1 from archive"
        " where source_id = $1 and destination_id = $2",
        archive.source_id,
        destination_id,
    )
    await record_archive(
        connection,
        msgspec.structs.replace(
            archive, number=number, added_bytes=archive.added_bytes + object_bytes
        ),
    )
    if seen is not None:
        await merge_tree(
            connection,
            seen,
            source_id=archive.source_id,
            destination_id=destination_id,
            number=number,
        )
    return Taken(number=number, object_count=len(sizes), object_bytes=object_bytes)
