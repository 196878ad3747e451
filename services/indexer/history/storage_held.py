"""The merge of a run of which only what the history does not hold came here.

It gives exactly the rows that the merge of everything would give: what the history holds at the
moment was told to the process that parsed, which left it out and says what of it was not met. Runs
inside the caller's transaction, on the connection that holds the device's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.indexer.held import count_held, numbers_of
from services.indexer.history.storage_counts import count_moment
from services.indexer.history.storage_difference import DoubtError
from services.indexer.history.storage_merge import make_tables, name_threads, use_threads
from services.indexer.history.storage_newest import before_changes, count_changes
from services.indexer.history.storage_timeline import Moment, find_following, record_kind
from services.indexer.lineage.storage import begin_change, end_change, note_written
from services.indexer.sql import statement
from services.indexer.staging import StagedThread
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]

#: A million rows take 40 MB of the process that parses; larger kinds are merged as a whole.
MOST_HELD = 4_000_000
#: More are not looked up one by one.
_MANY_ROWS = 20_000


async def write_held(
    connection: Connection, at: Moment, kind: str, target: Path, *, most: int
) -> bool:
    """Write what is there at a moment to *target*; return whether it is not more than *most*."""
    await connection.copy_from_query(
        statement("held", "held"),
        at.device,
        kind,
        at.taken_at,
        most + 1,
        output=target,
        format="binary",
    )
    count = count_held(target)
    return count is not None and count <= most


async def merge_held(
    connection: Connection,
    *,
    at: Moment,
    threads: Sequence[StagedThread],
    left: bytes,
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> KindReport:
    """Merge the staged artifacts, which the history does not hold, and end those of *left*.

    Raises ``DoubtError`` unless both are what they are said to be.
    """
    kind = report.kind
    place = (at.device, kind, at.taken_at)
    gone = numbers_of(left)
    following = await find_following(connection, at, kind)
    await make_tables(connection)
    await connection.execute("analyze stage")
    staged: int = await connection.fetchval("select count(*) from stage")
    if await connection.fetchval(statement("held", "is_unusable")):
        raise DoubtError
    change = await begin_change(connection, at.device, kind)
    if staged or gone:
        is_much = max(staged, len(gone)) > _MANY_ROWS
        if is_much:
            await connection.execute("set local enable_nestloop = off")
        await connection.execute(statement("held", "find_gone"), *place, following, gone)
        await connection.execute(statement("merge", "find_fresh"), *place, following)
        await connection.execute("analyze gone, fresh")
        if await connection.fetchval(statement("held", "has_doubt"), *place, len(gone)):
            raise DoubtError
        if is_much:
            await connection.execute("set local enable_nestloop = on")
    await note_written(connection, change)
    before = await before_changes(connection, at, kind, following)
    if staged or gone:
        await connection.execute(statement("merge", "close_gone"), at.taken_at, following)
        await connection.execute(statement("merge", "open_fresh"), *place, following)
    await use_threads(connection, at, kind, threads)
    await name_threads(connection, at, kind, threads)
    await record_kind(connection, at, report, parser_version, job_id)
    if following is None:
        counted = await count_changes(connection, at, report, before)
    else:
        counted = await count_moment(connection, at, report, following)
    await end_change(connection, change, is_whole=False)
    return counted
