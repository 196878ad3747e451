"""The timelines of devices: revisions, and where each kind of one stands.

Everything here runs inside the caller's transaction, on the connection that holds the device's
lock.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]

_MICROSECOND = dt.timedelta(microseconds=1)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A revision on its device's timeline."""

    device: str
    taken_at: dt.datetime


async def plan_moment(
    connection: Connection, *, device: str, digest: str, taken_at: dt.datetime
) -> Moment:
    """Return where ``record_revision`` will put a revision, if the caller holds the device."""
    known = await connection.fetchval(
        "select taken_at from revision where device = $1 and digest = $2", device, digest
    )
    while known is None:
        if await connection.fetchval(
            "select not exists (select 1 from revision where device = $1 and taken_at = $2)",
            device,
            taken_at,
        ):
            known = taken_at
        taken_at += _MICROSECOND
    return Moment(device=device, taken_at=known)


async def record_revision(
    connection: Connection,
    *,
    device: str,
    digest: str,
    taken_at: dt.datetime,
    backup_id: str,
) -> Moment:
    """Make sure that the revision stands on the device's timeline. Idempotent.

    Two different revisions of one moment exist (a clock that was set back, copies that went
    different ways): the later one found is put a microsecond after.
    """
    known = await connection.fetchval(
        "select taken_at from revision where device = $1 and digest = $2", device, digest
    )
    while known is None:
        known = await connection.fetchval(
            "insert into revision (device, taken_at, digest) values ($1, $2, $3)"
            " on conflict (device, taken_at) do nothing returning taken_at",
            device,
            taken_at,
            digest,
        )
        taken_at += _MICROSECOND
    await connection.execute(
        "insert into revision_backup (backup_id, device, taken_at) values ($1, $2, $3)"
        " on conflict do nothing",
        UUID(backup_id),
        device,
        known,
    )
    return Moment(device=device, taken_at=known)


class IndexedKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind that stands on the timeline of a revision already."""

    parser_version: int
    job_id: str | None
    report: KindReport


async def find_indexed_kinds(
    connection: Connection, *, device: str, digest: str
) -> dict[str, IndexedKind]:
    """Return what is known of the kinds of a revision that were read whole."""
    rows = await connection.fetch(
        "select k.kind, k.parser_version, k.job_id::text, k.report, k.added, k.removed"
        " from kind_index k join revision r on r.device = k.device and r.taken_at = k.taken_at"
        " where r.device = $1 and r.digest = $2 and k.state = 'indexed'",
        device,
        digest,
    )
    return {
        row["kind"]: IndexedKind(
            parser_version=row["parser_version"],
            job_id=row["job_id"],
            report=msgspec.structs.replace(
                msgspec.convert(row["report"], KindReport),
                added=row["added"],
                removed=row["removed"],
            ),
        )
        for row in rows
    }


async def moments_only_of(connection: Connection, backup_id: str) -> list[Moment]:
    """Return the revisions that no other folder holds, newest first."""
    rows = await connection.fetch(
        "select b.device, b.taken_at from revision_backup b where b.backup_id = $1"
        " and not exists (select 1 from revision_backup other where other.device = b.device"
        " and other.taken_at = b.taken_at and other.backup_id <> b.backup_id)"
        " order by b.device, b.taken_at desc",
        UUID(backup_id),
    )
    return [Moment(device=row["device"], taken_at=row["taken_at"]) for row in rows]


async def devices_of(connection: Connection, backup_id: str) -> list[str]:
    """Return the devices whose revisions the folder held (more than one if it was reused)."""
    rows = await connection.fetch(
        "select distinct device from revision_backup where backup_id = $1 order by device",
        UUID(backup_id),
    )
    return [row["device"] for row in rows]


async def release_backup(connection: Connection, backup_id: str) -> None:
    """Forget that a folder held anything."""
    await connection.execute("delete from revision_backup where backup_id = $1", UUID(backup_id))


async def find_following(connection: Connection, at: Moment, kind: str) -> dt.datetime | None:
    """Return the next moment at which the kind was read whole."""
    moment: dt.datetime | None = await connection.fetchval(
        "select min(taken_at) from kind_index"
        " where device = $1 and kind = $2 and taken_at > $3 and state = 'indexed'",
        at.device,
        kind,
        at.taken_at,
    )
    return moment


async def has_no_history(connection: Connection, device: str, kind: str) -> bool:
    """Return whether nothing of the kind was ever read from the device."""
    found = await connection.fetchval(
        "select exists (select 1 from artifact where device = $1 and kind = $2)"
        " or exists (select 1 from kind_index"
        " where device = $1 and kind = $2 and state = 'indexed')",
        device,
        kind,
    )
    return not found


async def record_kind(
    connection: Connection,
    at: Moment,
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> None:
    """Put what was made of a kind on the timeline."""
    # A revision that was read whole once stays on the timeline when it cannot be read again.
    await connection.execute(
        "insert into kind_index as k"
        " (device, kind, taken_at, state, parser_version, job_id, report)"
        " values ($1, $2, $3, $4, $5, $6, $7)"
        " on conflict (device, kind, taken_at) do update set state = excluded.state,"
        " parser_version = excluded.parser_version, job_id = excluded.job_id,"
        " report = excluded.report, indexed_at = now()"
        " where excluded.state = 'indexed' or k.state <> 'indexed'",
        at.device,
        report.kind,
        at.taken_at,
        report.state,
        parser_version,
        None if job_id is None else UUID(job_id),
        msgspec.to_builtins(report),
    )
