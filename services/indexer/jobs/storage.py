"""The table ``job``: a row per index run, export and lineage, its truth from request to report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.events import ExportRequested, IndexRequested, LineageRequested
from shared.contracts.exports import ExportWish
from shared.contracts.identifiers import BackupId, JobId, SessionId
from shared.contracts.jobs import Job, JobOrigin, JobState, JobSubject, ListJobs, Progress
from shared.contracts.problems import Problem, bad_request, not_found
from shared.contracts.requests import Page
from shared.cursors import created_page, read_created, read_limit

if TYPE_CHECKING:
    import asyncpg

    # Single statements go through the pool as well.
    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Pool[Any]

#: Jobs in these states may still change by themselves.
UNDER_WAY = ("pending", "running")


#: Where the sessions of an export stand in its request.
_SESSIONS = "sessions"

#: What a job says of itself; its words depend on the kind.
Report = Mapping[str, Any]


class IndexJob(msgspec.Struct, frozen=True, kw_only=True):
    """What an index run needs to know of its row."""

    id: JobId
    state: JobState
    backup_id: str
    session_id: str | None
    kinds: list[str] | None
    cancel_requested: bool
    attempts: int
    report: dict[str, Any]
    origin: JobOrigin


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """What an export needs to know of its row."""

    id: JobId
    state: JobState
    session_ids: list[str]
    wish: ExportWish


class LineageJob(msgspec.Struct, frozen=True, kw_only=True):
    """What carrying out a decision about a lineage needs to know of its row."""

    id: JobId
    state: JobState
    link_id: str


#: Any of them, as those who run it need it.
AnyJob = IndexJob | ExportJob | LineageJob


async def create_job(
    connection: Connection,
    *,
    job_id: str,
    backup_id: str,
    session_id: str | None,
    kinds: list[str] | None,
    origin: JobOrigin = "person",
) -> IndexJob:
    """Create a pending job, or return the one that is under way for this backup."""
    while True:
        created = await connection.fetchrow(
            "insert into job (id, state, backup_id, session_id, kinds, origin)"
            " values ($1, 'pending', $2, $3, $4, $5) on conflict do nothing returning *",
            UUID(job_id),
            UUID(backup_id),
            None if session_id is None else UUID(session_id),
            kinds,
            origin,
        )
        if created is not None:
            return _to_index_job(created)
        existing = await connection.fetchrow(
            "select * from job where id = $1"
            " or (backup_id = $2 and state in ('pending', 'running'))"
            " order by id = $1 desc limit 1",
            UUID(job_id),
            UUID(backup_id),
        )
        # Gone in between only if it has just finished: then there is room for a new one.
        if existing is not None:
            return _to_index_job(existing)


async def create_export(
    connection: Connection,
    *,
    job_id: str,
    session_ids: Sequence[str],
    wish: ExportWish,
    at_most: int,
) -> bool:
    """Create a pending export; False when *at_most* are under way. Inside a transaction."""
    # Two that begin at the same time would not see each other.
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('exports', 3))")
    under_way = await connection.fetchval(
        "select count(*) from job where kind = 'export' and state in ('pending', 'running')"
    )
    if under_way >= at_most:
        return False
    await connection.execute(
        "insert into job (id, kind, state, request) values ($1, 'export', 'pending', $2)",
        UUID(job_id),
        {**msgspec.to_builtins(wish), _SESSIONS: list(session_ids)},
    )
    return True


async def create_lineage_job(connection: Connection, *, job_id: str, link_id: str) -> None:
    """Create the pending job that carries out what was decided about a link."""
    await connection.execute(
        "insert into job (id, kind, state, request) values ($1, 'lineage', 'pending', $2)",
        UUID(job_id),
        {"link_id": link_id},
    )


#: What stands for the device in the lock of whoever arranges lineages: one at a time.
LINEAGE_LOCK = "lineages"


def export_lock(job_id: str) -> str:
    """Return what stands for the device in the lock of whoever runs an export."""
    return f"export {job_id}"


def lock_of(row: Any) -> str | None:
    """Return what stands for the device in the lock of whoever runs the job of a row."""
    if row["kind"] == "export":
        return export_lock(str(row["id"]))
    device: str | None = row["device"]
    return LINEAGE_LOCK if row["kind"] == "lineage" else device


async def find_job(connection: Connection, job_id: str) -> AnyJob | None:
    """Return a job for a run, or None."""
    row = await connection.fetchrow("select * from job where id = $1", UUID(job_id))
    return None if row is None else to_run(row)


async def start_job(connection: Connection, job_id: str, *, device: str | None) -> bool:
    """Mark a pending or running job as running now; False when it is over."""
    row = await connection.fetchval(
        "update job set state = 'running', device = $2, attempts = attempts + 1,"
        " started_at = coalesce(started_at, clock_timestamp()), error = null"
        " where id = $1 and state in ('pending', 'running') returning id",
        UUID(job_id),
        device,
    )
    return row is not None


async def record_progress(
    connection: Connection,
    job_id: str,
    *,
    progress: Progress,
    report: Report,
) -> None:
    """Remember how far a running job is, for those who ask instead of listening."""
    await connection.execute(
        "update job set progress = $2, report = $3 where id = $1 and state = 'running'",
        UUID(job_id),
        msgspec.to_builtins(progress),
        msgspec.to_builtins(report),
    )


async def finish_job(
    connection: Connection,
    job_id: str,
    *,
    state: JobState,
    error: Problem | None = None,
    report: Report | None = None,
    revision: str | None = None,
) -> bool:
    """End a job that is under way; False when it was over already."""
    row = await connection.fetchval(
        "update job set state = $2, finished_at = clock_timestamp(), error = $3,"
        " report = coalesce($4, report), revision = coalesce($5, revision),"
        " progress = case when $2 = 'completed' then null else progress end"
        " where id = $1 and state in ('pending', 'running') returning id",
        UUID(job_id),
        state,
        None if error is None else msgspec.to_builtins(error),
        None if report is None else msgspec.to_builtins(report),
        revision,
    )
    return row is not None


async def request_cancel(connection: Connection, job_id: str) -> Job:
    """Cancel a pending job at once and ask a running one to stop; idempotent."""
    await connection.execute(
        "update job set cancel_requested = true,"
        " state = case when state = 'pending' then 'cancelled' else state end,"
        " finished_at = case when state = 'pending' then clock_timestamp() else finished_at end"
        " where id = $1 and state in ('pending', 'running')",
        _uuid(job_id),
    )
    return await get_job(connection, job_id)


async def is_cancel_requested(connection: Connection, job_id: str) -> bool:
    """Return whether somebody asked for the job to stop."""
    found: bool = await connection.fetchval(
        "select cancel_requested from job where id = $1", UUID(job_id)
    )
    return bool(found)


async def reset_job(
    connection: Connection,
    job_id: str,
    *,
    session_id: str | None = None,
    session_ids: Sequence[str] = (),
) -> bool:
    """Make an ended job pending again; False when it is in a state that is not retried.

    Of completed jobs only exports are, which pass away; only they have several sessions.
    """
    row = await connection.fetchval(
        "update job set state = 'pending', cancel_requested = false, error = null,"
        " finished_at = null, started_at = null, progress = null,"
        " report = case kind when 'export' then '{}' else report end,"
        " session_id = coalesce($2, session_id),"
        " request = case when kind = 'export' and $3::jsonb is not null"
        " then jsonb_set(request, '{sessions}', $3::jsonb) else request end"
        " where id = $1 and (state in ('interrupted', 'failed', 'cancelled')"
        " or (kind = 'export' and state = 'completed')) returning id",
        _uuid(job_id),
        None if session_id is None else _uuid(session_id),
        list(session_ids) or None,
    )
    return row is not None


def requested_again(
    job: AnyJob, session_id: str | None
) -> IndexRequested | ExportRequested | LineageRequested:
    """Return the event that has *job* run once more, with that session."""
    if isinstance(job, ExportJob):
        return ExportRequested(job_id=job.id)
    if isinstance(job, LineageJob):
        return LineageRequested(job_id=job.id)
    return IndexRequested(
        job_id=job.id,
        backup_id=BackupId(job.backup_id),
        session_id=None if session_id is None else SessionId(session_id),
        kinds=job.kinds,
    )


async def get_job(connection: Connection, job_id: str) -> Job:
    """Return one job as people see it."""
    row = await connection.fetchrow("select * from job where id = $1", _uuid(job_id))
    if row is None:
        raise not_found("job")
    return _to_job(row)


async def list_jobs(connection: Connection, request: ListJobs) -> Page[Job]:
    """Return jobs, newest first."""
    limit = read_limit(request.limit)
    rows = await connection.fetch(
        "select * from job where ($1::text is null or state = $1)"
        " and ($2::text is null or kind = $2)"
        " and ($3::timestamptz is null or (created_at, id) < ($3, $4))"
        " order by created_at desc, id desc limit $5",
        request.state,
        request.kind,
        *read_created(request.cursor),
        limit + 1,
    )
    return created_page(rows, limit=limit, show=_to_job)


def _to_index_job(row: Any) -> IndexJob:
    return IndexJob(
        id=JobId(str(row["id"])),
        state=row["state"],
        backup_id=str(row["backup_id"]),
        session_id=None if row["session_id"] is None else str(row["session_id"]),
        kinds=row["kinds"],
        cancel_requested=row["cancel_requested"],
        attempts=row["attempts"],
        report=row["report"],
        origin=row["origin"],
    )


def to_run(row: Any) -> AnyJob:
    """Return a row for whoever runs it."""
    if row["kind"] == "lineage":
        return LineageJob(
            id=JobId(str(row["id"])), state=row["state"], link_id=row["request"]["link_id"]
        )
    if row["kind"] != "export":
        return _to_index_job(row)
    return ExportJob(
        id=JobId(str(row["id"])),
        state=row["state"],
        session_ids=row["request"].get(_SESSIONS, []),
        wish=msgspec.convert(row["request"], ExportWish),
    )


def _to_job(row: Any) -> Job:
    started: dt.datetime | None = row["started_at"]
    if row["kind"] == "export":
        subject = JobSubject(type="export", id=str(row["id"]))
    elif row["kind"] == "lineage":
        subject = JobSubject(type="lineage", id=row["request"]["link_id"])
    else:
        subject = JobSubject(type="backup", id=str(row["backup_id"]))
    return Job(
        id=JobId(str(row["id"])),
        kind=row["kind"],
        state=row["state"],
        subject=subject,
        progress=None if row["progress"] is None else msgspec.convert(row["progress"], Progress),
        attempts=row["attempts"],
        created_at=row["created_at"],
        started_at=started,
        finished_at=row["finished_at"],
        error=None if row["error"] is None else msgspec.convert(row["error"], Problem),
        report=row["report"],
        origin=row["origin"],
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise bad_request("That is not an id that Keepsake gives out.") from None
