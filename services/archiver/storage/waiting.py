"""Jobs that wait: who is next at a destination, who has waited long enough, who is forgotten."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from services.archiver.storage.jobs import ArchiverJob, to_run
from services.archiver.storage.upkeep import WRITING
from shared.contracts.jobs import Progress
from shared.contracts.problems import Problem

if TYPE_CHECKING:
    from services.archiver.storage import Connection


async def wait_job(
    connection: Connection,
    job_id: str,
    *,
    step: str,
    until: dt.datetime | None = None,
    error: Problem | None = None,
    is_ours: bool = False,
) -> bool:
    """Let a job wait, and say for what; False when it is over, or under way.

    *is_ours*: it is under way, and whoever calls is who runs it.
    """
    found = await connection.fetchval(
        "update job set state = 'pending', wait_until = $3, error = $4, progress = $2,"
        " heartbeat_at = clock_timestamp()"
        " where id = $1 and (state = 'pending' or $5 and state = 'running') returning id",
        UUID(job_id),
        msgspec.to_builtins(Progress(step=step, unit="bytes")),
        until,
        None if error is None else msgspec.to_builtins(error),
        is_ours,
    )
    return found is not None


async def find_next(connection: Connection, destination_id: UUID) -> ArchiverJob | None:
    """Return the job that is to write to a destination next: of those that may begin."""
    row = await connection.fetchrow(
        "select * from job where state = 'pending' and kind = any($2) and destination_id = $1"
        " and (wait_until is null or wait_until <= clock_timestamp())"
        " order by priority desc, created_at, id limit 1",
        destination_id,
        ["archive", *WRITING],
    )
    return None if row is None else to_run(row)


async def take_due(connection: Connection) -> list[ArchiverJob]:
    """Return the jobs that have waited long enough; they wait for their turn only, from now on."""
    rows = await connection.fetch(
        "update job set wait_until = null, heartbeat_at = clock_timestamp()"
        " where state = 'pending' and wait_until <= clock_timestamp() returning *"
    )
    return [to_run(row) for row in rows]


async def fetch_silent(connection: Connection, *, seconds: float) -> list[ArchiverJob]:
    """Return running jobs that nobody has said anything of for so long."""
    rows = await connection.fetch(
        "select * from job where state = 'running'"
        " and coalesce(heartbeat_at, started_at) < clock_timestamp() - $1::interval"
        " order by created_at for update",
        dt.timedelta(seconds=seconds),
    )
    return [to_run(row) for row in rows]


async def fetch_forgotten(connection: Connection, *, seconds: float) -> list[ArchiverJob]:
    """Return jobs that could begin and that nobody has looked at for so long.

    Of those that wait for a destination where somebody is at work nobody is forgotten.
    """
    rows = await connection.fetch(
        "select * from job j where state = 'pending' and wait_until is null"
        " and coalesce(heartbeat_at, created_at) < clock_timestamp() - $1::interval"
        " and not exists (select from job b where b.state = 'running'"
        "  and b.destination_id = j.destination_id"
        "  and b.heartbeat_at >= clock_timestamp() - $1::interval)"
        " order by priority desc, created_at",
        dt.timedelta(seconds=seconds),
    )
    return [to_run(row) for row in rows]


async def give_up_silent(
    connection: Connection,
    *,
    source_id: UUID,
    destination_id: UUID,
    seconds: float,
    error: Problem,
) -> ArchiverJob | None:
    """Interrupt the archive of a source there that nobody has said anything of for so long."""
    row = await connection.fetchrow(
        "update job set state = 'interrupted', finished_at = clock_timestamp(), error = $4"
        " where source_id = $1 and destination_id = $2 and kind = 'archive' and state = 'running'"
        " and coalesce(heartbeat_at, started_at) < clock_timestamp() - $3::interval returning *",
        source_id,
        destination_id,
        dt.timedelta(seconds=seconds),
        msgspec.to_builtins(error),
    )
    return None if row is None else to_run(row)


async def hurry(connection: Connection, job_id: str) -> bool:
    """Let a job that waits to be tried again, or for its turn, begin as soon as it may."""
    found = await connection.fetchval(
        "update job set wait_until = null where id = $1 and state = 'pending' returning id",
        UUID(job_id),
    )
    return found is not None


async def end_waiting(connection: Connection, destination_id: UUID) -> None:
    """Let the jobs of a destination look again what they wait for."""
    await connection.execute(
        "update job set wait_until = clock_timestamp()"
        " where state = 'pending' and destination_id = $1 and wait_until is not null",
        destination_id,
    )
