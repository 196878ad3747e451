"""Asking for an export: what cannot be made is refused at once, the rest becomes a job."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.indexer.exports.formats import FORMATS, find_format
from services.indexer.exports.selection import check_words
from services.indexer.jobs.storage import create_export
from services.indexer.kinds import PARSERS
from shared.bus import Bus, RequestContext, publish
from shared.contracts.events import ExportRequested
from shared.contracts.exports import (
    DescribeExport,
    ExportQuery,
    ExportWish,
    RequestExport,
    export_subject,
)
from shared.contracts.identifiers import JobId
from shared.contracts.indexer import JobAccepted
from shared.contracts.problems import ProblemError, bad_request, export_gone, not_found, problem
from shared.cursors import read_id

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.history.storage_rows import Connection

#: Exports that are under way; the consumer has so many places beside those of index runs.
MOST_UNDER_WAY = 4


class ExportRequests:
    """Takes exports."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    async def request_export(self, request: RequestExport, context: RequestContext) -> JobAccepted:
        """Take an export; 429 while too many are under way."""
        # Beside the loop: the first of a format imports it.
        await asyncio.to_thread(check_wish, request.wish)
        job_id = JobId(str(uuid4()))
        for session_id in request.session_ids:
            _check_session(session_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await _check_thread(connection, request.wish.query)
            await check_words(connection, request.wish.query)
            if not await create_export(
                connection,
                job_id=job_id,
                session_ids=request.session_ids,
                wish=request.wish,
                at_most=MOST_UNDER_WAY,
            ):
                raise _busy()
            await publish(
                connection,
                ExportRequested(job_id=job_id),
                service="indexer",
                traceparent=context.traceparent,
            )
        return JobAccepted(job_id=job_id)


async def is_held(bus: Bus, export_id: str) -> bool:
    """Whether some replica still has the finished export."""
    try:
        await bus.request(
            DescribeExport(), subject=export_subject(export_id, DescribeExport.subject)
        )
    except ProblemError as error:
        if error.problem.type != export_gone().problem.type:
            raise
        return False
    return True


def check_wish(wish: ExportWish) -> None:
    """Raise the 400 problem for what no export can be made of."""
    if wish.format not in FORMATS:
        raise bad_request(f"format must be one of: {', '.join(FORMATS)}.", parameter="format")
    try:
        ZoneInfo(wish.time_zone)
    except (KeyError, ValueError, OSError):
        raise bad_request(
            "time_zone must be a name of the tz database, such as Europe/Berlin.",
            parameter="time_zone",
        ) from None
    _check_kinds(wish)
    _check_query(wish.query)


def _check_kinds(wish: ExportWish) -> None:
    kinds = wish.query.wanted_kinds
    unknown = sorted(set(kinds or ()) - PARSERS.keys())
    if unknown:
        raise bad_request(f"kind must be one of: {', '.join(PARSERS)}.", parameter="kinds")
    held = find_format(wish.format).kinds
    if kinds is not None and held is not None and not held & set(kinds):
        raise bad_request(
            f"The format {wish.format} holds: {', '.join(sorted(held))}.", parameter="format"
        )


def _check_query(query: ExportQuery) -> None:
    if query.thread is not None:
        read_id(query.thread, "thread")
    for artifact_id in query.artifact_ids or ():
        read_id(artifact_id, "artifact")
    if query.q is not None and not query.q.strip():
        raise bad_request("q names nothing to find. Leave it out to export everything.")
    if query.q is not None and query.as_of is not None:
        raise bad_request("q searches what is there now: it cannot be had as_of a moment.")
    if query.artifact_ids is not None and query != ExportQuery(
        artifact_ids=query.artifact_ids, lineage=query.lineage
    ):
        raise bad_request("artifact_ids names what is wanted: nothing else narrows it down.")
    if query.since is not None and query.until is not None and query.since >= query.until:
        raise bad_request("from must be before to.")


async def _check_thread(connection: Connection, query: ExportQuery) -> None:
    if query.thread is not None and not await connection.fetchval(
        "select exists (select from thread where id = $1)", read_id(query.thread, "thread")
    ):
        raise not_found("thread")


def _check_session(session_id: str) -> None:
    try:
        UUID(session_id)
    except ValueError:
        raise not_found("session") from None


def _busy() -> ProblemError:
    return problem(
        "busy",
        "Keepsake is busy with other exports.",
        429,
        f"{MOST_UNDER_WAY} exports are under way; try again when one of them is done.",
        retry_after_seconds=15,
    )
