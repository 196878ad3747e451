"""Writing histories: revisions, and the merge of one kind into its device's rows.

Everything here runs inside the caller's transaction, on the connection that holds the device's
lock, so two runs of one device never merge at the same time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.indexer.folding import fold
from services.indexer.sql import statement
from services.indexer.staging import (
    ARTIFACT_COLUMNS,
    StagedThread,
    mend_text,
    stage_ddl,
    thread_number,
)
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]

_MICROSECOND = dt.timedelta(microseconds=1)
_COLUMNS = [name for name, _ in ARTIFACT_COLUMNS]


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


async def find_indexed_kind(
    connection: Connection, *, device: str, digest: str, kind: str
) -> IndexedKind | None:
    """Return what is known of a kind of a revision, if it was read whole."""
    row = await connection.fetchrow(
        "select k.parser_version, k.job_id::text, k.report, k.added, k.removed"
        " from kind_index k join revision r on r.device = k.device and r.taken_at = k.taken_at"
        " where r.device = $1 and r.digest = $2 and k.kind = $3 and k.state = 'indexed'",
        device,
        digest,
        kind,
    )
    if row is None:
        return None
    report = msgspec.convert(row["report"], KindReport)
    return IndexedKind(
        parser_version=row["parser_version"],
        job_id=row["job_id"],
        report=msgspec.structs.replace(report, added=row["added"], removed=row["removed"]),
    )


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


async def open_stage(connection: Connection) -> None:
    """Make the empty staging table of this transaction."""
    await connection.execute(
        "drop table if exists pg_temp.stage, pg_temp.touched, pg_temp.gone, pg_temp.fresh"
    )
    await connection.execute(stage_ddl("stage"))


async def fill_stage(connection: Connection, rows: AsyncIterator[bytes]) -> None:
    """Pipe a whole binary COPY stream into the staging table."""
    await connection.copy_to_table("stage", source=rows, columns=_COLUMNS, format="binary")


async def merge_stage(
    connection: Connection,
    *,
    at: Moment,
    threads: Sequence[StagedThread],
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> KindReport:
    """Observe the staged artifacts at a moment of the device, and say what changed.

    The same content again changes no artifact. The kind's point on the timeline is part of the
    same transaction.
    """
    kind = report.kind
    dropped = await _drop_unusable(connection)
    # Nobody analyses temporary tables for us, and without it joins go through row by row.
    await connection.execute("analyze stage")
    following = await _following(connection, at, kind)
    await _begin(connection)
    await connection.execute(
        "insert into used_thread select distinct thread_id from stage where thread_id is not null"
    )
    await _name_threads(connection, at, kind, threads)
    if await has_no_history(connection, at.device, kind):
        await connection.execute(statement("merge", "load_first"), at.device, kind, at.taken_at)
        await connection.execute(statement("merge", "touch_all"), at.device, kind)
    else:
        await _merge_differences(connection, at, kind, following)
    report = _without(report, dropped)
    await _record_kind(connection, at, report, parser_version, job_id)
    return await _count(connection, at, report, following)


async def count_first(
    connection: Connection,
    *,
    at: Moment,
    threads: Sequence[StagedThread],
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> KindReport:
    """Take rows that were attached in this transaction for what the kind's first moment holds."""
    kind = report.kind
    dropped = 0
    # Sorted by index and read in that order: a million keys need no memory.
    await connection.execute("set local enable_hashagg = off")
    if await connection.fetchval(statement("merge", "has_double_rows"), at.device, kind):
        dropped = _rows(
            await connection.execute(statement("merge", "drop_double_rows"), at.device, kind)
        )
    await connection.execute("set local enable_hashagg = on")
    await _begin(connection)
    await connection.execute(
        "insert into used_thread select distinct thread_id from artifact"
        " where device = $1 and kind = $2 and thread_id is not null",
        at.device,
        kind,
    )
    await _name_threads(connection, at, kind, threads)
    await connection.execute(statement("merge", "touch_all"), at.device, kind)
    following = await _following(connection, at, kind)
    report = _without(report, dropped)
    await _record_kind(connection, at, report, parser_version, job_id)
    return await _count(connection, at, report, following)


def _without(report: KindReport, dropped: int) -> KindReport:
    return msgspec.structs.replace(
        report, kept=report.kept - dropped, skipped=report.skipped + dropped
    )


async def _begin(connection: Connection) -> None:
    await connection.execute("drop table if exists pg_temp.used_thread, pg_temp.touched")
    await connection.execute(statement("merge", "make_touched"))
    await connection.execute("create temporary table used_thread (id bigint) on commit drop")


async def _count(
    connection: Connection, at: Moment, report: KindReport, following: dt.datetime | None
) -> KindReport:
    """Bring every figure up to date and say what the kind's moment changed."""
    await _count_all(connection, at, report.kind, following)
    figures = await connection.fetchrow(
        "select added, removed from kind_index where device = $1 and kind = $2 and taken_at = $3",
        at.device,
        report.kind,
        at.taken_at,
    )
    assert figures is not None
    return msgspec.structs.replace(report, added=figures["added"], removed=figures["removed"])


async def record_unread(
    connection: Connection, *, at: Moment, report: KindReport, parser_version: int, job_id: str
) -> None:
    """Remember that a kind was absent or failed. What was indexed of this moment before, stays."""
    await _record_kind(connection, at, report, parser_version, job_id)


async def forget_moment(connection: Connection, at: Moment) -> None:
    """Take a revision out of the device's history as if it had never been indexed. Idempotent."""
    kinds = await connection.fetch(
        "select kind from kind_index where device = $1 and taken_at = $2 and state = 'indexed'",
        at.device,
        at.taken_at,
    )
    for row in kinds:
        kind = row["kind"]
        following = await _following(connection, at, kind)
        await connection.execute("drop table if exists pg_temp.touched")
        await connection.execute(statement("merge", "make_touched"))
        place = (at.device, kind, at.taken_at, following)
        await connection.execute(statement("merge", "forget_starting"), *place)
        await connection.execute(statement("merge", "forget_ending"), *place)
        await connection.execute(
            "delete from kind_index where device = $1 and kind = $2 and taken_at = $3", *place[:3]
        )
        await _count_all(connection, at, kind, following)
    await connection.execute(
        "delete from revision where device = $1 and taken_at = $2", at.device, at.taken_at
    )


async def _merge_differences(
    connection: Connection, at: Moment, kind: str, following: dt.datetime | None
) -> None:
    place = (at.device, kind, at.taken_at, following)
    for name in ("make_gone", "make_fresh"):
        await connection.execute(statement("merge", name))
    # Both sides are whole kinds here. Statistics of a table that was just filled are wrong, and
    # a plan that loops over one side for each row of the other never ends.
    await connection.execute("set local enable_nestloop = off")
    await connection.execute(statement("merge", "find_gone"), *place)
    await connection.execute(statement("merge", "find_fresh"), *place)
    await connection.execute("set local enable_nestloop = on")
    await connection.execute("analyze gone, fresh")
    await connection.execute(statement("merge", "close_gone"), at.taken_at, following)
    await connection.execute(statement("merge", "open_fresh"), *place)


async def _drop_unusable(connection: Connection) -> int:
    dropped = _rows(await connection.execute(statement("merge", "drop_long_keys")))
    if await connection.fetchval(statement("merge", "has_doubles")):
        dropped += _rows(await connection.execute(statement("merge", "drop_doubles")))
    return dropped


async def _following(connection: Connection, at: Moment, kind: str) -> dt.datetime | None:
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


async def _name_threads(
    connection: Connection, at: Moment, kind: str, threads: Sequence[StagedThread]
) -> None:
    described = {
        mend_text(thread.key): {
            "id": thread_number(thread.key, device=at.device, kind=kind),
            "key": mend_text(thread.key),
            "title": None if thread.title is None else mend_text(thread.title),
            "folded": fold(mend_text(thread.title or "")),
            "is_group": thread.is_group,
            "participants": [mend_text(handle) for handle in thread.participants],
            "services": [mend_text(service) for service in thread.services],
        }
        for thread in threads
    }
    await connection.execute(
        statement("merge", "name_threads"),
        at.device,
        kind,
        at.taken_at,
        list(described.values()),
    )


async def _record_kind(
    connection: Connection,
    at: Moment,
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> None:
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


async def _count_all(
    connection: Connection, at: Moment, kind: str, following: dt.datetime | None
) -> None:
    await connection.execute("analyze touched")
    for name in ("count_threads", "drop_empty_threads", "drop_anchors", "set_anchors"):
        await connection.execute(statement("merge", name))
    await connection.execute(statement("merge", "count_kind"), at.device, kind)
    await connection.execute(
        statement("merge", "count_moment"), at.device, kind, at.taken_at, following
    )


def _rows(status: str) -> int:
    """Return the number of rows in a command's status such as ``DELETE 3``."""
    return int(status.rpartition(" ")[2])
