"""What kinds were read from: a revision that brings nothing new for a kind costs next to nothing.

Runs inside the caller's transaction, on the connection that holds the device's lock.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.history.storage_reasons import look_into
from services.indexer.history.storage_timeline import Moment, record_kind
from services.indexer.people.storage import mark_stale
from services.indexer.sql import statement
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import datetime as dt

    import asyncpg

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy[Any]


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """The revision before, of which a kind is the same."""

    taken_at: dt.datetime
    report: KindReport


async def find_unchanged(
    connection: Connection, at: Moment, kind: str, *, parser_version: int, inputs: bytes | None
) -> Unchanged | None:
    """Return the newest indexed revision, if it comes before *at* and was read from the same."""
    row = await connection.fetchrow(
        statement("inputs", "unchanged"), at.device, kind, at.taken_at, parser_version, inputs
    )
    if row is None:
        return None
    return Unchanged(
        taken_at=row["taken_at"], report=msgspec.convert(row["report"], type=KindReport)
    )


async def note_inputs(connection: Connection, at: Moment, kind: str, inputs: bytes | None) -> None:
    """Say from what the kind was read whole at the moment; None where nobody knows."""
    await connection.execute(statement("inputs", "note"), at.device, kind, at.taken_at, inputs)


async def forget_inputs(connection: Connection, device: str) -> None:
    """Have everything of the device read again: what it led to is not what is there now."""
    await connection.execute("update kind_index set inputs = null where device = $1", device)


async def stay_unchanged(
    connection: Connection,
    at: Moment,
    unchanged: Unchanged,
    *,
    inputs: bytes | None,
    parser_version: int,
    job_id: str,
) -> KindReport:
    """Put the kind on the timeline as it was; nothing begins and nothing ends here."""
    report = unchanged.report
    await record_kind(connection, at, report, parser_version, job_id)
    await note_inputs(connection, at, report.kind, inputs)
    await connection.execute(
        statement("inputs", "move_memory"), at.device, report.kind, unchanged.taken_at, at.taken_at
    )
    if report.kind == "contact" and await connection.fetchval(
        "select exists (select 1 from revision where device <> $1)", at.device
    ):
        # Whom other devices call differently is called as on the one that was backed up last.
        await mark_stale(connection)
    await look_into(connection, at.device, report.kind, (at.taken_at,))
    return msgspec.structs.replace(report, added=0, removed=0)
