"""Long-running work: list, look, cancel, run again."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post
from litestar.params import QueryParameter

from gateway.all_jobs import ask_owner
from gateway.all_jobs import list_jobs as list_all_jobs
from gateway.authentication import needs
from gateway.parameters import (
    PROBLEMS,
    Cursor,
    KindQuery,
    Limit,
    SessionsHeader,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from shared.contracts.archiver_limits import GetJobLog, JobLog
from shared.contracts.identifiers import BackupId, JobId, SessionId
from shared.contracts.jobs import CancelJob, GetJob, Job, JobState, RetryJob
from shared.contracts.requests import DEFAULT_LIMIT, Page


@get("/api/jobs", opt=needs("read"), responses=PROBLEMS, tags=["jobs"])
async def list_jobs(
    *,
    parts: GivenParts,
    # ``state`` is a name that Litestar keeps for itself.
    job_state: Annotated[JobState | None, QueryParameter(name="state")] = None,
    kind: KindQuery = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[Job]]:
    """List jobs of all services, newest first."""
    page, away = await list_all_jobs(
        parts.bus, state=job_state, kind=kind, limit=limit, cursor=cursor
    )
    return Response(page, headers={"keepsake-degraded": ", ".join(away)} if away else {})


@get("/api/jobs/{job_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["jobs"])
async def get_job(*, parts: GivenParts, job_id: UuidPath) -> Job:
    """Show one job."""
    return await ask_owner(parts.bus, GetJob(job_id=JobId(job_id)))


@get("/api/jobs/{job_id:str}/log", opt=needs("read"), responses=PROBLEMS, tags=["jobs"])
async def get_job_log(*, parts: GivenParts, job_id: UuidPath) -> Response[JobLog]:
    """Show the end of the log of an archive, a restore or other work on destinations."""
    return passed_through(await parts.bus.request_bytes(GetJobLog(job_id=JobId(job_id))))


@post(
    "/api/jobs/{job_id:str}/cancel",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["jobs"],
)
async def cancel_job(*, parts: GivenParts, job_id: UuidPath) -> Job:
    """Stop a job; one that is over stays as it is."""
    return await ask_owner(parts.bus, CancelJob(job_id=JobId(job_id)))


@post(
    "/api/jobs/{job_id:str}/retry",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["jobs"],
)
async def retry_job(
    *,
    parts: GivenParts,
    job_id: UuidPath,
    session_token: SessionsHeader = None,
) -> Job:
    """Run a job again; send a session when the one it began with is gone."""
    session_id: SessionId | None = None
    session_ids: tuple[SessionId, ...] = ()
    if session_token is not None:
        job = await ask_owner(parts.bus, GetJob(job_id=JobId(job_id)))
        if job.subject.type == "backup":
            session_id = await parts.sessions.check(
                backup_id=BackupId(job.subject.id), token=session_token
            )
        else:
            session_ids = await parts.sessions.check_each(session_token)
    return await ask_owner(
        parts.bus, RetryJob(job_id=JobId(job_id), session_id=session_id, session_ids=session_ids)
    )


HANDLERS = (list_jobs, get_job, get_job_log, cancel_job, retry_job)
