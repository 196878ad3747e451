"""Exports in the table of jobs, beside index runs: made, listed, cancelled, asked for again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec

from services.indexer.jobs.abandoned import ask_again
from services.indexer.jobs.storage import (
    ExportJob,
    IndexJob,
    create_export,
    create_job,
    export_lock,
    find_job,
    finish_job,
    get_job,
    list_jobs,
    request_cancel,
    reset_job,
    start_job,
)
from shared.contracts.exports import ExportQuery, ExportWish
from shared.contracts.identifiers import Udid
from shared.contracts.jobs import ListJobs

WISH = ExportWish(
    query=ExportQuery(kinds=["message"], device=Udid("00008110-000A1B2C3D4E5F60")),
    format="html",
    include_media=True,
    time_zone="Europe/Berlin",
)


async def create(connection: Any, *, at_most: int = 4) -> str | None:
    job_id = str(uuid4())
    async with connection.transaction():
        made = await create_export(
            connection, job_id=job_id, session_ids=(), wish=WISH, at_most=at_most
        )
    return job_id if made else None


async def test_exports_and_index_runs_are_jobs_of_one_list(connection: Any) -> None:
    export_id = await create(connection)
    assert export_id is not None
    backup_id = str(uuid4())
    index = await create_job(
        connection, job_id=str(uuid4()), backup_id=backup_id, session_id=None, kinds=None
    )
    found = await find_job(connection, export_id)
    assert isinstance(found, ExportJob)
    assert found.wish == WISH
    assert isinstance(await find_job(connection, index.id), IndexJob)
    page = await list_jobs(connection, ListJobs())
    assert {job.kind for job in page.items} == {"index", "export"}
    only = (await list_jobs(connection, ListJobs(kind="export"))).items
    assert [(job.subject.type, job.subject.id) for job in only] == [("export", export_id)]
    # What somebody looks for is not shown to everybody who lists jobs.
    assert "query" not in msgspec.json.encode(only).decode()


async def test_so_many_exports_are_under_way_and_no_more(connection: Any) -> None:
    first = await create(connection, at_most=2)
    assert first is not None
    assert await create(connection, at_most=2) is not None
    assert await create(connection, at_most=2) is None
    assert (await request_cancel(connection, first)).state == "cancelled"
    assert await create(connection, at_most=2) is not None


async def test_an_export_is_reset_when_it_is_over_and_an_index_run_only_when_it_did_not_end_well(
    connection: Any,
) -> None:
    export_id = await create(connection)
    assert export_id is not None
    assert not await reset_job(connection, export_id, session_id=None)
    assert await start_job(connection, export_id, device=None)
    assert await finish_job(connection, export_id, state="completed", report={"export": {"a": 1}})
    assert not await start_job(connection, export_id, device=None)
    assert await reset_job(connection, export_id, session_id=str(uuid4()))
    job = await get_job(connection, export_id)
    assert job.state == "pending"
    assert job.report == {}
    index = await create_job(
        connection, job_id=str(uuid4()), backup_id=str(uuid4()), session_id=None, kinds=None
    )
    await finish_job(connection, index.id, state="completed", report={"kinds": []})
    assert not await reset_job(connection, index.id, session_id=None)


async def test_an_abandoned_export_is_asked_for_again_unless_somebody_is_at_it(
    pool: Any, connection: Any
) -> None:
    export_id = await create(connection)
    assert export_id is not None
    await connection.execute(
        "update job set state = 'running', started_at = now() - interval '1 hour'"
    )
    lock = f"indexer:{export_lock(export_id)}"
    await connection.execute("select pg_advisory_lock(hashtextextended($1, 1))", lock)
    assert await ask_again(pool, older_than_seconds=900) == []
    await connection.execute("select pg_advisory_unlock(hashtextextended($1, 1))", lock)
    assert await ask_again(pool, older_than_seconds=900) == [export_id]
    assert await ask_again(pool, older_than_seconds=900) == []
    subjects = await connection.fetch("select subject from outbox")
    assert [row["subject"] for row in subjects] == ["export.requested"]
