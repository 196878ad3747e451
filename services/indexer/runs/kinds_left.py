"""Which kinds of a run are to be read: not those that were read, and not those that are not there.

Both are found out for all kinds at once, before the first one is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from services.indexer.history.storage_merge import record_unread
from services.indexer.history.storage_timeline import Moment, find_indexed_kinds
from services.indexer.jobs.storage import IndexJob
from services.indexer.kinds import PARSERS
from services.indexer.metrics import count_kind
from services.indexer.runs.kind_files import find_absent, say_absent
from services.indexer.runs.session_files import SessionFiles
from shared.contracts.indexer import KindReport

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.pool.PoolConnectionProxy[Any]


async def find_left(
    connection: Connection,
    job: IndexJob,
    kinds: Sequence[str],
    reports: dict[str, KindReport],
    *,
    device: str,
    digest: str,
) -> list[str]:
    """Return the *kinds* of a revision that are to be read; add the *reports* of others."""
    known = await find_indexed_kinds(connection, device=device, digest=digest)
    left = []
    for kind in kinds:
        done = known.get(kind)
        # A person who names kinds wants them read anew; a rule wants what is not there.
        asked_again = (
            job.origin == "person"
            and job.kinds is not None
            and (done is None or done.job_id != job.id)
        )
        if done is None or done.parser_version != PARSERS[kind].version or asked_again:
            left.append(kind)
        else:
            reports[kind] = done.report
    return left


async def leave_out_absent(
    connection: Connection,
    kinds: Sequence[str],
    reports: dict[str, KindReport],
    *,
    files: SessionFiles,
    job_id: str,
    encrypted: bool,
    record: Callable[[], Awaitable[Moment]],
) -> list[str]:
    """Return the *kinds* of which the backup may have something; add the *reports* of others.

    *record* puts the revision on the timeline.
    """
    parsers = [PARSERS[kind] for kind in kinds]
    absent = await find_absent(parsers, files)
    if not absent:
        return list(kinds)
    async with connection.transaction():
        at = await record()
        for parser in parsers:
            if parser.kind not in absent:
                continue
            report = say_absent(parser, encrypted=encrypted)
            await record_unread(
                connection, at=at, report=report, parser_version=parser.version, job_id=job_id
            )
            count_kind(report)
            reports[parser.kind] = report
    return [kind for kind in kinds if kind not in absent]
