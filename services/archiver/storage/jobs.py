"""The table ``job``: a row per archive or restore that was asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.identifiers import JobId
from shared.contracts.jobs import Job, JobState, JobSubject, ListJobs, Progress
from shared.contracts.problems import Problem, not_found
from shared.contracts.requests import Page
from shared.cursors import created_page, read_created, read_limit

if TYPE_CHECKING:
    from services.archiver.storage import Connection


class RestoreWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a restore was asked for."""

    paths: list[str] | None = None
    target: str
    overwrite: bool = False
    dry_run: bool = False


class ArchiverJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs to know of its row."""

    id: JobId
    kind: str
    state: JobState
    source_id: UUID | None
    destination_id: UUID | None
    #: None for what is about a whole destination.
    archive_id: UUID | None
    request: dict[str, Any]
    priority: int
    #: Runs since it was asked for, or asked for again.
    tries: int
    created_at: dt.datetime


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a run hears when it says that it is alive."""

    #: Somebody wants it to stop, or the job is not its own any more.
    is_to_stop: bool
    attempts: int | None


async def create_archive_job(
    connection: Connection,
    *,
    job_id: UUID,
    archive_id: UUID,
    source_id: UUID,
    destination_id: UUID,
    priority: int,
    request: Mapping[str, Any],
) -> ArchiverJob:
    """Create a pending job, or return the one that is under way for this source there."""
    while True:
        created = await connection.fetchrow(
            "insert into job (id, kind, state, source_id, destination_id, archive_id, priority,"
            " request) values ($1, 'archive', 'pending', $2, $3, $4, $5, $6)"
            " on conflict do nothing returning *",
            job_id,
            source_id,
            destination_id,
            archive_id,
            priority,
            dict(request),
        )
        existing = created or await connection.fetchrow(
            "select * from job where source_id = $1 and destination_id = $2 and kind = 'archive'"
            " and state in ('pending', 'running')",
            source_id,
            destination_id,
        )
        if existing is not None:
            return to_run(existing)


async def create_restore_job(
    connection: Connection, *, job_id: UUID, archive_id: UUID, wish: RestoreWish
) -> None:
    """Create a pending restore."""
    await connection.execute(
        "insert into job (id, kind, state, archive_id, request)"
        " values ($1, 'restore', 'pending', $2, $3)",
        job_id,
        archive_id,
        msgspec.to_builtins(wish),
    )


async def find_job(connection: Connection, job_id: UUID) -> ArchiverJob | None:
    """Return a job for a run, or None."""
    row = await connection.fetchrow("select * from job where id = $1", job_id)
    return None if row is None else to_run(row)


async def start_job(connection: Connection, job_id: str) -> bool:
    """Mark a pending or running job as running now; False when it is over."""
    found = await connection.fetchval(
        "update job set state = 'running', attempts = attempts + 1, tries = tries + 1,"
        " error = null, progress = null, wait_until = null,"
        " started_at = coalesce(started_at, clock_timestamp()), heartbeat_at = clock_timestamp()"
        " where id = $1 and state in ('pending', 'running') returning id",
        UUID(job_id),
    )
    return found is not None


async def record_progress(
    connection: Connection, job_id: str, *, progress: Progress, report: Mapping[str, Any]
) -> Beat:
    """Say that the job is alive and how far it is; return what there is to know of it."""
    found = await connection.fetchrow(
        "update job set progress = $2, report = $3, heartbeat_at = clock_timestamp()"
        " where id = $1 and state = 'running' returning cancel_requested, attempts",
        UUID(job_id),
        msgspec.to_builtins(progress),
        msgspec.to_builtins(report),
    )
    if found is None:
        return Beat(is_to_stop=True, attempts=None)
    return Beat(is_to_stop=found["cancel_requested"], attempts=found["attempts"])


async def finish_job(
    connection: Connection,
    job_id: str,
    *,
    state: JobState,
    error: Problem | None = None,
    report: Mapping[str, Any] | None = None,
) -> bool:
    """End a job that is under way; False when it was over already."""
    found = await connection.fetchval(
        "update job set state = $2, finished_at = clock_timestamp(), error = $3,"
        " report = coalesce($4, report),"
        " progress = case when $2 = 'completed' then null else progress end"
        " where id = $1 and state in ('pending', 'running') returning id",
        UUID(job_id),
        state,
        None if error is None else msgspec.to_builtins(error),
        None if report is None else msgspec.to_builtins(report),
    )
    return found is not None


async def request_cancel(connection: Connection, job_id: UUID) -> Job:
    """Cancel a pending job at once and ask a running one to stop; idempotent."""
    await connection.execute(
        "update job set cancel_requested = true,"
        " state = case when state = 'pending' then 'cancelled' else state end,"
        " finished_at = case when state = 'pending' then clock_timestamp() else finished_at end"
        " where id = $1 and state in ('pending', 'running')",
        job_id,
    )
    return await get_job(connection, job_id)


async def reset_job(connection: Connection, job_id: UUID) -> bool:
    """Make an ended job pending again; False when it is in a state that is not retried."""
    found = await connection.fetchval(
        "update job set state = 'pending', cancel_requested = false, error = null,"
        " finished_at = null, started_at = null, progress = null, tries = 0, wait_until = null"
        " where id = $1 and state in ('interrupted', 'failed', 'cancelled') returning id",
        job_id,
    )
    return found is not None


async def get_job(connection: Connection, job_id: UUID) -> Job:
    """Return one job as people see it."""
    row = await connection.fetchrow("select * from job where id = $1", job_id)
    if row is None:
        raise not_found("job")
    return _to_job(row)


async def list_jobs(connection: Connection, request: ListJobs) -> Page[Job]:
    """Return jobs, newest first."""
    limit = read_limit(request.limit)
    rows = await connection.fetch(
        "select * from job where ($1::text is null or state = $1)"
        " and ($2::text is null or kind = $2)"
        " and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))"
        " order by created_at desc, id desc limit $5",
        request.state,
        request.kind,
        *read_created(request.cursor),
        limit + 1,
    )
    return created_page(rows, limit=limit, show=_to_job)


def to_run(row: Any) -> ArchiverJob:
    """Return a row for whoever runs it."""
    return ArchiverJob(
        id=JobId(str(row["id"])),
        kind=row["kind"],
        state=row["state"],
        source_id=row["source_id"],
        destination_id=row["destination_id"],
        archive_id=row["archive_id"],
        request=row["request"],
        priority=row["priority"],
        tries=row["tries"],
        created_at=row["created_at"],
    )


def _to_job(row: Any) -> Job:
    if row["kind"] == "archive":
        subject = JobSubject(type="source", id=str(row["source_id"]))
    elif row["archive_id"] is None:
        subject = JobSubject(type="destination", id=str(row["destination_id"]))
    else:
        subject = JobSubject(type="archive", id=str(row["archive_id"]))
    return Job(
        id=JobId(str(row["id"])),
        kind=row["kind"],
        state=row["state"],
        subject=subject,
        progress=None if row["progress"] is None else msgspec.convert(row["progress"], Progress),
        attempts=row["attempts"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=None if row["error"] is None else msgspec.convert(row["error"], Problem),
        report=row["report"],
    )
