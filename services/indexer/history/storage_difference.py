"""The merge of a run that parsed only what it did not know from the revision before.

It gives exactly the rows that the merge of everything would give, at the cost of what changed:
nothing is compared that is known to be the same. Runs inside the caller's transaction, on the
connection that holds the device's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_memory import add_groups
from services.indexer.history.storage_merge import make_tables, name_threads, use_threads
from services.indexer.history.storage_newest import before_changes, count_changes
from services.indexer.history.storage_timeline import Moment, record_kind
from services.indexer.lineage.storage import begin_change, end_change, note_written
from services.indexer.memory import FINGERPRINT_BYTES, timeline_number
from services.indexer.sql import statement
from services.indexer.staging import StagedThread
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]


class DoubtError(Exception):
    """What was remembered is not what is there; the transaction must be given up."""


async def merge_difference(
    connection: Connection,
    *,
    at: Moment,
    threads: Sequence[StagedThread],
    lapsed: bytes,
    groups: Path,
    report: KindReport,
    parser_version: int,
    job_id: str | None,
) -> KindReport:
    """Merge the staged artifacts of groups that were not known, and end those of *lapsed* groups.

    *at* follows all that is indexed. *groups* is the file of what was not known; *lapsed* holds
    the fingerprints that were known and are no more. Raises ``DoubtError``.
    """
    kind = report.kind
    place = (at.device, kind, at.taken_at)
    await make_tables(connection)
    await connection.execute(statement("difference", "make_lapsed"))
    await connection.execute(
        statement("difference", "fill_lapsed"),
        timeline_number(at.device, kind),
        [
            lapsed[start : start + FINGERPRINT_BYTES]
            for start in range(0, len(lapsed), FINGERPRINT_BYTES)
        ],
    )
    await connection.execute("analyze stage, lapsed")
    if await connection.fetchval(statement("merge", "has_doubles")):
        raise DoubtError
    await connection.execute(statement("difference", "drop_unchanged"))
    change = await begin_change(connection, at.device, kind)
    await connection.execute("analyze stage, lapsed")
    await connection.execute(statement("difference", "find_gone"), *place)
    await connection.execute(statement("merge", "find_fresh"), *place, None)
    if await connection.fetchval(statement("difference", "has_lost_count")):
        raise DoubtError
    await connection.execute("analyze gone, fresh")
    await note_written(connection, change)
    before = await before_changes(connection, at, kind, None)
    await connection.execute(statement("merge", "close_gone"), at.taken_at, None)
    await connection.execute(statement("merge", "open_fresh"), *place, None)
    await use_threads(connection, at, kind, threads)
    await name_threads(connection, at, kind, threads)
    await record_kind(connection, at, report, parser_version, job_id)
    await add_groups(connection, at, kind, parser_version, groups)
    counted = await count_changes(connection, at, report, before)
    await end_change(connection, change, is_whole=False)
    return counted
