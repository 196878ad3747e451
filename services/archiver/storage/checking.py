"""What of a store is to be looked at, and what came of looking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from services.archiver.store.journal import StoredObject
from services.archiver.store.verification import Verdict
from shared.contracts.archiver_upkeep import VerifyLevel

if TYPE_CHECKING:
    from services.archiver.storage import Connection


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An object that should be there."""

    stored: StoredObject
    stored_at: dt.datetime
    #: When it was last read and found right.
    checked_at: dt.datetime | None


class KnownArchive(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that should be there."""

    id: UUID
    path: str
    bundle_sha256: bytes
    bundle_bytes: int


async def fetch_known_archives(
    connection: Connection, destination_id: UUID, archive_id: UUID | None
) -> list[KnownArchive]:
    """Return one archive of a destination, or all of them."""
    rows = await connection.fetch(
        "select id, path, bundle_sha256, bundle_bytes from archive where destination_id = $1"
        " and ($2::uuid is null or id = $2) and deletion_began_at is null order by created_at, id",
        destination_id,
        archive_id,
    )
    return [
        KnownArchive(
            id=row["id"],
            path=row["path"],
            bundle_sha256=row["bundle_sha256"],
            bundle_bytes=row["bundle_bytes"],
        )
        for row in rows
    ]


async def fetch_known_objects(
    connection: Connection, destination_id: UUID, archive_id: UUID | None
) -> list[Known]:
    """Return the objects that an archive needs, or all of a destination."""
    columns = "o.name, o.is_pack, o.size_bytes, o.stored_at, o.checked_at"
    if archive_id is None:
        rows = await connection.fetch(
            f"select {columns} from stored_object o where o.destination_id = $1",  # noqa: S608 -- ours
            destination_id,
        )
    else:
        rows = await connection.fetch(
            # Joined set by set: looked up one by one, a large archive takes minutes.
            "with needed as materialized (select distinct"  # noqa: S608 -- ours
            "  substring(t.blobs from n * 32 + 1 for 32) as sha256 from archive a"
            "  join tree_entry t on t.source_id = a.source_id"
            "   and t.destination_id = a.destination_id and t.since <= a.number"
            "   and (t.until is null or t.until > a.number)"
            "  cross join lateral generate_series(0, length(t.blobs) / 32 - 1) as n"
            "  where a.id = $2),"
            " objects as materialized (select distinct b.object from blob b"
            "  join needed using (sha256) where b.destination_id = $1)"
            f" select {columns} from stored_object o join objects on objects.object = o.name"
            " where o.destination_id = $1",
            destination_id,
            archive_id,
        )
    return [
        Known(
            stored=StoredObject(
                name=row["name"].hex(),
                is_pack=row["is_pack"],
                size_bytes=row["size_bytes"],
                blobs=(),
            ),
            stored_at=row["stored_at"],
            checked_at=row["checked_at"],
        )
        for row in rows
    ]


async def fetch_struck(connection: Connection, destination_id: UUID) -> set[str]:
    """Return the names of objects that were struck out and not stored again."""
    rows = await connection.fetch(
        "select encode(name, 'hex') as name from struck_object where destination_id = $1",
        destination_id,
    )
    return {row["name"] for row in rows}


async def record_checked(
    connection: Connection, destination_id: UUID, names: Sequence[str]
) -> None:
    """Say that objects were read and found right just now."""
    await connection.execute(
        "update stored_object set checked_at = clock_timestamp()"
        " where destination_id = $1 and name = any($2)",
        destination_id,
        [bytes.fromhex(name) for name in names],
    )


async def strike_objects(
    connection: Connection, destination_id: UUID, wrong: Sequence[Known]
) -> int:
    """Strike out what is missing or damaged, unless it was stored again since; return how many."""
    struck = await connection.fetch(
        "delete from stored_object o using unnest($2::bytea[], $3::timestamptz[])"
        " as wrong (name, stored_at) where o.destination_id = $1 and o.name = wrong.name"
        " and o.stored_at = wrong.stored_at returning o.name",
        destination_id,
        [bytes.fromhex(known.stored.name) for known in wrong],
        [known.stored_at for known in wrong],
    )
    await connection.execute(
        "insert into struck_object (destination_id, name) select $1, unnest($2::bytea[])"
        " on conflict do nothing",
        destination_id,
        [row["name"] for row in struck],
    )
    return len(struck)


async def record_bundles(
    connection: Connection, verdicts: Mapping[UUID, Verdict], *, was_read: bool
) -> None:
    """Write down how bundles are. What was only listed is not right for that if it was damaged."""
    for archive_id, verdict in verdicts.items():
        await connection.execute(
            "update archive set bundle_state = $2 where id = $1"
            " and ($3 or $2 <> 'right' or bundle_state = 'missing')",
            archive_id,
            verdict,
            was_read,
        )


async def record_verified(
    connection: Connection, archives: Sequence[UUID], *, level: VerifyLevel
) -> None:
    """Say that archives were looked through just now."""
    await connection.execute(
        "update archive set verified_at = clock_timestamp(), verified_level = $2"
        " where id = any($1)",
        archives,
        level,
    )
