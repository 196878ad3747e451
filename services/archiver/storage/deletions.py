"""Archives that are to be deleted: when, what that gives back, and their rows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.store.collection import Held, would_free

if TYPE_CHECKING:
    import asyncpg

    from services.archiver.storage import Connection

#: An archive *a* holds an entry *t*.
_HOLDS = (
    "a.source_id = t.source_id and a.destination_id = t.destination_id"
    " and a.number >= t.since and (t.until is null or a.number < t.until)"
)
#: ``SHA256  NAME`` and a line feed.
_SUM_LINE_BYTES = 67


class Freed(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with an archive."""

    bundle_bytes: int
    object_bytes: int
    object_count: int


class DueArchive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive whose time has come."""

    id: UUID
    path: str
    bundle_bytes: int


async def schedule_deletion(
    connection: Connection, archive_id: UUID, *, grace: dt.timedelta
) -> dt.datetime | None:
    """Have an archive deleted after the grace; return when. None: it is protected, or not there.

    Asking again changes nothing.
    """
    at: dt.datetime | None = await connection.fetchval(
        "update archive set deletion_scheduled_at ="
        " coalesce(deletion_scheduled_at, clock_timestamp() + $2::interval)"
        " where id = $1 and not protected returning deletion_scheduled_at",
        archive_id,
        grace,
    )
    return at


async def cancel_deletion(connection: Connection, archive_id: UUID) -> bool:
    """Keep an archive; False when its deletion began already, or it is not there."""
    found = await connection.fetchval(
        "update archive set deletion_scheduled_at = null"
        " where id = $1 and deletion_began_at is null returning true",
        archive_id,
    )
    return bool(found)


async def fetch_due_archives(connection: Connection, destination_id: UUID) -> list[DueArchive]:
    """Return what is to be deleted in a destination now, the oldest first."""
    rows = await connection.fetch(
        "select id, path, bundle_bytes from archive where destination_id = $1 and not protected"
        " and deletion_scheduled_at <= clock_timestamp() order by created_at, id",
        destination_id,
    )
    return [
        DueArchive(
            id=row["id"],
            path=row["path"],
            bundle_bytes=row["bundle_bytes"] + _sum_bytes(row["path"]),
        )
        for row in rows
    ]


async def begin_deletion(connection: Connection, archive_id: UUID) -> bool:
    """Say that its bundle goes now; False when somebody wants to keep it after all."""
    found = await connection.fetchval(
        "update archive set deletion_began_at = coalesce(deletion_began_at, clock_timestamp())"
        " where id = $1 and not protected and deletion_scheduled_at <= clock_timestamp()"
        " returning true",
        archive_id,
    )
    return bool(found)


async def remove_archive(connection: Connection, archive_id: UUID) -> None:
    """Forget an archive whose bundle is gone, with what only it had. In a transaction."""
    gone = await connection.fetchrow(
        "delete from archive where id = $1 returning source_id, destination_id, number", archive_id
    )
    if gone is None:
        return
    await connection.execute(
        "delete from tree_entry t where t.source_id = $1 and t.destination_id = $2"  # noqa: S608 -- ours
        " and t.since <= $3 and (t.until is null or t.until > $3)"
        f" and not exists (select from archive a where {_HOLDS})",
        gone["source_id"],
        gone["destination_id"],
        gone["number"],
    )


async def preview_deletion(
    connection: asyncpg.pool.PoolConnectionProxy[Any], archive: Any
) -> Freed:
    """Return what goes with an archive (its row), beside what is to go already.

    Inside a transaction, which sees one state of everything.
    """
    await connection.execute(
        "create temporary table wanted (sha256 bytea, remains boolean) on commit drop"
    )
    await connection.execute(
        "insert into wanted select substring(e.blobs from n * 32 + 1 for 32), bool_or(e.remains)"  # noqa: S608 -- ours
        " from (select t.blobs, exists (select from archive a where a.id <> $2"
        f"  and a.deletion_scheduled_at is null and {_HOLDS}) as remains,"
        f" exists (select from archive a where a.id = $2 and {_HOLDS}) as is_its"
        "  from tree_entry t where t.destination_id = $1) e"
        " cross join lateral generate_series(0, length(e.blobs) / 32 - 1) as n"
        " where e.remains or e.is_its group by 1",
        archive["destination_id"],
        archive["id"],
    )
    await connection.execute("analyze wanted")
    rows = await connection.fetch(
        "select o.name, o.is_pack, o.size_bytes, o.stored_at, min(encode(w.sha256, 'hex')) as one,"
        " min(encode(w.sha256, 'hex')) filter (where w.remains) as kept from wanted w"
        " join blob b on b.destination_id = $1 and b.sha256 = w.sha256"
        " join stored_object o on o.destination_id = $1 and o.name = b.object group by o.name,"
        " o.is_pack, o.size_bytes, o.stored_at",
        archive["destination_id"],
    )
    # One blob of each object decides, and one that stays if there is any.
    objects = [
        Held(
            name=row["name"].hex(),
            is_pack=row["is_pack"],
            size_bytes=row["size_bytes"],
            stored_at=row["stored_at"],
            blobs=tuple(blob for blob in (row["one"], row["kept"]) if blob is not None),
        )
        for row in rows
    ]
    going = [held for held, row in zip(objects, rows, strict=True) if row["kept"] is None]
    return Freed(
        bundle_bytes=archive["bundle_bytes"] + _sum_bytes(archive["path"]),
        object_bytes=would_free(
            objects,
            referred={row["one"] for row in rows},
            remaining={row["kept"] for row in rows if row["kept"] is not None},
        ),
        object_count=len(going),
    )


def _sum_bytes(path: str) -> int:
    """Return how long the line is that lies beside a bundle."""
    return _SUM_LINE_BYTES + len(path.rpartition("/")[2])
