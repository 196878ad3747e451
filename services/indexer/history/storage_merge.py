"""Writing histories: the merge of one kind into its device's rows.

Everything here runs inside the caller's transaction, on the connection that holds the device's
lock, so two runs of one device never merge at the same time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.folding import fold
from services.indexer.history.storage_counts import count_all, count_moment
from services.indexer.history.storage_inputs import forget_inputs
from services.indexer.history.storage_members import MEMBER_KINDS, keep_members
from services.indexer.history.storage_memory import forget_memory
from services.indexer.history.storage_timeline import (
    Moment,
    find_following,
    has_no_history,
    record_kind,
)
from services.indexer.history.storage_words import forget_words
from services.indexer.lineage.storage import Change, begin_change, end_change, note_written
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

_COLUMNS = [name for name, _ in ARTIFACT_COLUMNS]


async def open_stage(connection: Connection) -> None:
    """Make the empty staging table of this transaction."""
    await connection.execute(
        "drop table if exists pg_temp.stage, pg_temp.touched, pg_temp.gone, pg_temp.fresh,"
        " pg_temp.lapsed"
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
    following = await find_following(connection, at, kind)
    await _begin(connection)
    if kind not in MEMBER_KINDS:
        await connection.execute(
            "insert into used_thread"
            " select distinct thread_id from stage where thread_id is not null"
        )
        await name_threads(connection, at, kind, threads)
    change = await begin_change(connection, at.device, kind)
    is_first = await has_no_history(connection, at.device, kind)
    if is_first:
        await connection.execute(statement("merge", "load_first"), at.device, kind, at.taken_at)
        await connection.execute(statement("merge", "touch_all"), at.device, kind)
    else:
        await _merge_differences(connection, at, kind, following, change)
    if kind in MEMBER_KINDS:  # known when the rows are there
        await use_threads(connection, at, kind, threads)
        await name_threads(connection, at, kind, threads)
    report = _without(report, dropped)
    await record_kind(connection, at, report, parser_version, job_id)
    counted = await count_moment(connection, at, report, following)
    await end_change(connection, change, is_whole=is_first)
    return counted


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
    change = await begin_change(connection, at.device, kind)
    # Sorted by index and read in that order: a million keys need no memory.
    await connection.execute("set local enable_hashagg = off")
    if await connection.fetchval(statement("merge", "has_double_rows"), at.device, kind):
        dropped = _rows(
            await connection.execute(statement("merge", "drop_double_rows"), at.device, kind)
        )
    await connection.execute("set local enable_hashagg = on")
    await _begin(connection)
    await use_threads(connection, at, kind, threads)
    await name_threads(connection, at, kind, threads)
    await connection.execute(statement("merge", "touch_all"), at.device, kind)
    following = await find_following(connection, at, kind)
    report = _without(report, dropped)
    await record_kind(connection, at, report, parser_version, job_id)
    counted = await count_moment(connection, at, report, following)
    await end_change(connection, change, is_whole=True)
    return counted


def _without(report: KindReport, dropped: int) -> KindReport:
    return msgspec.structs.replace(
        report, kept=report.kept - dropped, skipped=report.skipped + dropped
    )


async def make_tables(connection: Connection) -> None:
    """Make the empty tables in which a merge notes what it is going to do."""
    await _begin(connection)
    for name in ("make_gone", "make_fresh"):
        await connection.execute(statement("merge", name))


async def _begin(connection: Connection) -> None:
    await connection.execute("drop table if exists pg_temp.used_thread, pg_temp.touched")
    await connection.execute(statement("merge", "make_touched"))
    await connection.execute("create temporary table used_thread (id bigint) on commit drop")


async def record_unread(
    connection: Connection, *, at: Moment, report: KindReport, parser_version: int, job_id: str
) -> None:
    """Remember that a kind was absent or failed. What was indexed of this moment before, stays."""
    await record_kind(connection, at, report, parser_version, job_id)


async def forget_moment(connection: Connection, at: Moment) -> None:
    """Take a revision out of the device's history as if it had never been indexed. Idempotent."""
    kinds = await connection.fetch(
        "select kind from kind_index where device = $1 and taken_at = $2 and state = 'indexed'",
        at.device,
        at.taken_at,
    )
    for row in kinds:
        kind = row["kind"]
        following = await find_following(connection, at, kind)
        change = await begin_change(connection, at.device, kind)
        await connection.execute("drop table if exists pg_temp.touched")
        await connection.execute(statement("merge", "make_touched"))
        place = (at.device, kind, at.taken_at, following)
        await connection.execute(statement("merge", "forget_starting"), *place)
        await connection.execute(statement("merge", "forget_ending"), *place)
        if kind in MEMBER_KINDS:
            await keep_members(connection, at.device, kind, (following,))
        await connection.execute(
            "delete from kind_index where device = $1 and kind = $2 and taken_at = $3", *place[:3]
        )
        await count_all(connection, at, kind, following)
        await end_change(connection, change, is_whole=True)
    await forget_memory(connection, at)
    await forget_inputs(connection, at.device)
    await forget_words(connection, at.device)
    await connection.execute(
        "delete from revision where device = $1 and taken_at = $2", at.device, at.taken_at
    )


async def _merge_differences(
    connection: Connection,
    at: Moment,
    kind: str,
    following: dt.datetime | None,
    change: Change | None,
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
    await note_written(connection, change)
    await connection.execute(statement("merge", "close_gone"), at.taken_at, following)
    await connection.execute(statement("merge", "open_fresh"), *place)


async def _drop_unusable(connection: Connection) -> int:
    dropped = _rows(await connection.execute(statement("merge", "drop_long_keys")))
    if await connection.fetchval(statement("merge", "has_doubles")):
        dropped += _rows(await connection.execute(statement("merge", "drop_doubles")))
    return dropped


async def use_threads(
    connection: Connection, at: Moment, kind: str, threads: Sequence[StagedThread]
) -> None:
    """Put into ``used_thread`` those of *threads* in which something is, by looking for each."""
    has_members = kind in MEMBER_KINDS
    if has_members:
        following = await find_following(connection, at, kind)
        await keep_members(connection, at.device, kind, (at.taken_at, following))
    await connection.execute(
        statement("members", "use") if has_members else statement("merge", "use_threads"),
        [thread_number(thread.key, device=at.device, kind=kind) for thread in threads],
        at.taken_at,
    )


async def name_threads(
    connection: Connection, at: Moment, kind: str, threads: Sequence[StagedThread]
) -> None:
    """Write the threads of which ``used_thread`` has the ids."""
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


def _rows(status: str) -> int:
    """Return the number of rows in a command's status such as ``DELETE 3``."""
    return int(status.rpartition(" ")[2])
