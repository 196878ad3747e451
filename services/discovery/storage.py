"""All SQL of discovery. Rows of ``backup`` go in and come out as records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec

from services.discovery.lifecycle import Announced
from services.discovery.paging import Position
from services.discovery.records import Annotated, Facts, ManifestMemo, Record
from shared.contracts.discovery import BackupProblem

if TYPE_CHECKING:
    # Generic only in the stubs.
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]
    Database = Connection | asyncpg.Pool[Any]

#: Makes "no date" the oldest date, so that one comparison orders and pages.
_ORDER = "coalesce(last_backup_at, '-infinity'::timestamptz)"

_SCANNED = (
    "path",
    "shown_path",
    "root",
    "file_system",
    "is_reachable",
    "udid",
    "facts",
    "state",
    "problems",
    "missing_files",
    "encrypted",
    "format",
    "last_backup_at",
    "revision",
    "first_seen_at",
    "run_marks",
    "blob_marks",
    "changed_at",
    "judged_run",
    "judged_blobs",
    "manifest_size",
    "manifest_mtime_ns",
    "manifest_sha256",
    "announced_state",
    "announced_revision",
    "is_settled",
)
_INSERT = (
    f"insert into backup (id, {', '.join(_SCANNED)}) values "  # noqa: S608 -- constants
    f"({', '.join(f'${n}' for n in range(1, len(_SCANNED) + 2))})"
)
# A new revision has another size; the old one is not shown until it is measured.
_REVISION = f"${_SCANNED.index('revision') + 2}"
_UPDATE = (
    f"update backup set {', '.join(f'{c} = ${n}' for n, c in enumerate(_SCANNED, 2))}, "  # noqa: S608
    f"size_bytes = case when revision is distinct from {_REVISION} then null else size_bytes end, "
    f"file_count = case when revision is distinct from {_REVISION} then null else file_count end "
    "where id = $1 returning id"
)


async def lock_scan(connection: Connection) -> None:
    """Wait until no other replica scans; held until the connection goes back to the pool."""
    await connection.execute(
        "select pg_advisory_lock(hashtextextended('discovery: one scan at a time', 0))"
    )


async def fetch_records(database: Database) -> list[Record]:
    """Everything that is known, removed backups too."""
    return [_record(row) for row in await database.fetch("select * from backup order by id")]


async def fetch_forgotten(database: Database) -> dict[bytes, bytes]:
    """Return the marks that each forgotten folder had."""
    rows = await database.fetch("select path, run_marks from forgotten")
    return {row["path"]: row["run_marks"] for row in rows}


async def remember(database: Database, paths: Iterable[bytes] | None = None) -> None:
    """Let forgotten folders be found again; all of them without *paths*."""
    if paths is None:
        await database.execute("delete from forgotten")
        return
    await database.execute("delete from forgotten where path = any($1)", list(paths))


async def record_scanned(connection: Connection, record: Record, *, is_new: bool) -> bool:
    """Write what a scan decided. False when a person forgot the backup meanwhile."""
    memo = record.manifest
    values = (
        record.id,
        record.path,
        record.shown_path,
        record.root,
        record.file_system,
        record.is_reachable,
        record.udid,
        record.facts,
        record.state,
        record.problems,
        record.missing_files,
        record.encrypted,
        record.format,
        record.last_backup_at,
        record.revision,
        record.first_seen_at,
        record.run_marks,
        record.blob_marks,
        record.changed_at,
        record.judged_run,
        record.judged_blobs,
        None if memo is None else memo.size,
        None if memo is None else memo.mtime_ns,
        None if memo is None else memo.sha256,
        record.announced.state,
        record.announced.revision,
        record.is_settled,
    )
    if is_new:
        await connection.execute(_INSERT, *values)
        return True
    return await connection.fetchval(_UPDATE, *values) is not None


async def fetch_backup(
    database: Database, backup_id: UUID, *, for_update: bool = False
) -> Annotated | None:
    """One backup, or None."""
    query = "select * from backup where id = $1" + (" for update" if for_update else "")  # noqa: S608
    row = await database.fetchrow(query, backup_id)
    return None if row is None else _annotated(row)


async def fetch_backups(
    database: Database, *, udid: str | None, after: Position | None, limit: int
) -> list[Annotated]:
    """Return a page of backups, newest run first."""
    rows = await database.fetch(
        f"select * from backup where ($1::text is null or udid = $1) "  # noqa: S608 -- a constant
        f"and ($2::uuid is null or ({_ORDER}, id) < (coalesce($3, '-infinity'::timestamptz), $2)) "
        f"order by {_ORDER} desc, id desc limit $4",
        udid,
        None if after is None else UUID(after.id),
        None if after is None else after.at,
        limit,
    )
    return [_annotated(row) for row in rows]


async def fetch_devices(
    database: Database, *, udid: str | None, after: Position | None, limit: int
) -> list[tuple[Record, list[UUID]]]:
    """Return a page of devices, the one with the newest backup first, each with its backups."""
    rows = await database.fetch(
        f"""
        with newest as (
            select distinct on (udid) * from backup
            where udid is not null and ($1::text is null or udid = $1)
            order by udid, (state = 'removed'), {_ORDER} desc, id desc
        )
        select newest.*, (
            select array_agg(b.id order by coalesce(b.last_backup_at, '-infinity') desc, b.id desc)
            from backup b where b.udid = newest.udid
        ) as backup_ids
        from newest
        where $2::text is null
            or ({_ORDER}, udid) < (coalesce($3, '-infinity'::timestamptz), $2)
        order by {_ORDER} desc, udid desc limit $4
        """,  # noqa: S608 -- a constant
        udid,
        None if after is None else after.id,
        None if after is None else after.at,
        limit,
    )
    return [(_record(row), row["backup_ids"]) for row in rows]


async def record_words(
    connection: Connection, backup_id: UUID, *, label: str | None, notes: str | None
) -> None:
    """Write what a person says about a backup."""
    await connection.execute(
        "update backup set label = $2, notes = $3 where id = $1", backup_id, label, notes
    )


async def record_forgotten(connection: Connection, record: Record) -> None:
    """Delete a backup and leave its folder alone until that changes."""
    await connection.execute("delete from backup where id = $1", record.id)
    if record.state != "removed":
        await connection.execute(
            "insert into forgotten (path, run_marks) values ($1, $2) "
            "on conflict (path) do update set run_marks = excluded.run_marks, forgotten_at = now()",
            record.path,
            record.run_marks,
        )


async def find_unmeasured(database: Database, *, but: Sequence[UUID]) -> Record | None:
    """Return a quiet backup whose size is not known in its present form, except *but* those."""
    row = await database.fetchrow(
        "select * from backup where is_settled and is_reachable and state <> 'removed' "
        "and measured_marks is distinct from run_marks || blob_marks and id <> all($1::uuid[]) "
        "order by first_seen_at, id limit 1",
        list(but),
    )
    return None if row is None else _record(row)


async def record_measured(
    database: Database, record: Record, *, size_bytes: int, file_count: int
) -> bool:
    """Write the size of the form that was measured; False when the backup has another by now."""
    written = await database.fetchval(
        "update backup set size_bytes = $2, file_count = $3, measured_marks = $4 "
        "where id = $1 and run_marks || blob_marks = $4 returning true",
        record.id,
        size_bytes,
        file_count,
        record.run_marks + record.blob_marks,
    )
    return written is not None


def _record(row: asyncpg.Record) -> Record:
    memo = None
    if row["manifest_sha256"] is not None:
        memo = ManifestMemo(
            size=row["manifest_size"],
            mtime_ns=row["manifest_mtime_ns"],
            sha256=row["manifest_sha256"],
        )
    return Record(
        id=row["id"],
        path=row["path"],
        shown_path=row["shown_path"],
        root=row["root"],
        file_system=row["file_system"],
        is_reachable=row["is_reachable"],
        udid=row["udid"],
        facts=msgspec.convert(row["facts"], Facts),
        state=row["state"],
        problems=msgspec.convert(row["problems"], list[BackupProblem]),
        missing_files=row["missing_files"],
        encrypted=row["encrypted"],
        format=row["format"],
        last_backup_at=row["last_backup_at"],
        revision=row["revision"],
        first_seen_at=row["first_seen_at"],
        run_marks=row["run_marks"],
        blob_marks=row["blob_marks"],
        changed_at=row["changed_at"],
        judged_run=row["judged_run"],
        judged_blobs=row["judged_blobs"],
        manifest=memo,
        announced=Announced(state=row["announced_state"], revision=row["announced_revision"]),
        is_settled=row["is_settled"],
    )


def _annotated(row: asyncpg.Record) -> Annotated:
    return Annotated(
        record=_record(row),
        label=row["label"],
        notes=row["notes"],
        size_bytes=row["size_bytes"],
        file_count=row["file_count"],
    )
