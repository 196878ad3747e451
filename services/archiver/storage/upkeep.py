"""Jobs that look after a store, in the table ``job``, and what a store is known to need."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec

from shared.contracts.archiver_upkeep import VerifyLevel
from shared.contracts.identifiers import JobId

if TYPE_CHECKING:
    from services.archiver.storage import Connection

UpkeepKind = Literal["rebuild", "verify", "collect"]
#: Of those, which are the only ones that write to their destination from beginning to end.
WRITING: tuple[UpkeepKind, ...] = ("rebuild", "collect")


class UpkeepWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for."""

    level: VerifyLevel | None = None
    gives_up_unreadable: bool = False


async def create_upkeep_job(
    connection: Connection,
    *,
    job_id: UUID,
    kind: UpkeepKind,
    destination_id: UUID,
    archive_id: UUID | None = None,
    wish: UpkeepWish,
) -> JobId:
    """Create a pending job and return its id, or that of one that is under way for the same."""
    request = msgspec.to_builtins(wish)
    while True:
        found = await connection.fetchval(
            "insert into job (id, kind, state, destination_id, archive_id, request)"
            " values ($1, $2, 'pending', $3, $4, $5) on conflict do nothing returning id",
            job_id,
            kind,
            destination_id,
            archive_id,
            request,
        )
        if found is None:
            found = await connection.fetchval(
                "select id from job where kind = $1 and destination_id = $2"
                " and archive_id is not distinct from $3"
                " and request ->> 'level' is not distinct from $4"
                " and state in ('pending', 'running')",
                kind,
                destination_id,
                archive_id,
                wish.level,
            )
        if found is not None:
            return JobId(str(found))


async def mark_untidy(connection: Connection, destination_id: UUID) -> bool:
    """Say that something is going to be written there; return whether that was said already.

    If it was, and nobody writes, then somebody ended in the middle of it.
    """
    return bool(
        await connection.fetchval(
            "update destination d set is_untidy = true from destination was"
            " where d.id = $1 and was.id = d.id returning was.is_untidy",
            destination_id,
        )
    )


async def mark_tidy(connection: Connection, destination_id: UUID) -> None:
    """Say that whoever wrote there came to the end, and left nothing behind."""
    await connection.execute(
        "update destination set is_untidy = false where id = $1", destination_id
    )


async def fetch_due(connection: Connection, *, grace: dt.timedelta) -> list[UUID]:
    """Return destinations in which something is to be deleted now.

    Where that was tried within the last hour, it waits: the destination may be away.
    """
    rows = await connection.fetch(
        "select d.id from destination d where d.removed_at is null and ("
        " exists (select from archive a where a.destination_id = d.id"
        "  and a.deletion_scheduled_at <= clock_timestamp())"
        " or exists (select from stored_object o where o.destination_id = d.id"
        "  and o.marked_at <= clock_timestamp() - $1::interval)"
        " or exists (select from stray s where s.destination_id = d.id"
        "  and s.since <= clock_timestamp() - $1::interval))"
        " and not exists (select from job j where j.destination_id = d.id and j.kind = 'collect'"
        "  and j.created_at > clock_timestamp() - interval '1 hour')",
        grace,
    )
    return [row["id"] for row in rows]


async def forget_files(
    connection: Connection, *, source_id: UUID | None, destination_id: UUID | None
) -> int:
    """Forget what files consist of, of a source, in a destination, or both; return how many."""
    status: Any = await connection.execute(
        "delete from known_file where ($1::uuid is null or source_id = $1)"
        " and ($2::uuid is null or destination_id = $2)",
        source_id,
        destination_id,
    )
    return int(status.rpartition(" ")[2])
