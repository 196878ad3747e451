"""Long-running work as every service describes it, and the progress it sends while running."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.identifiers import JobId, SessionId
from shared.contracts.problems import Problem
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request

JobState = Literal["pending", "running", "completed", "interrupted", "failed", "cancelled"]
#: Who asked for a job: a person, a rule, or the nightly look at all rules.
JobOrigin = Literal["person", "rule", "nightly"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is. ``total`` is null while it is not known."""

    step: str
    done: int = 0
    total: int | None = None
    unit: str = "items"
    eta_seconds: float | None = None
    #: How fast it went in the last seconds, in units.
    per_second: float | None = None
    #: Of what is counted in bytes: the files.
    files_done: int | None = None
    files_total: int | None = None


class JobSubject(msgspec.Struct, frozen=True, kw_only=True):
    """What the job works on, in words of the word list."""

    type: str
    id: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. ``report`` depends on the kind and is empty until there is something to report."""

    id: JobId
    kind: str
    state: JobState
    subject: JobSubject
    progress: Progress | None
    attempts: int
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    error: Problem | None
    report: dict[str, Any]
    origin: JobOrigin = "person"


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Sent on ``progress.<service>.<job id>``; never stored."""

    job_id: JobId
    state: JobState
    progress: Progress | None
    #: Of the archiver's jobs: how often it was begun, and why it waits or how it ended.
    attempts: int | None = None
    error: Problem | None = None


class ListJobs(Request[Page[Job]], frozen=True, kw_only=True):
    """Newest first."""

    subject: ClassVar[str] = "cmd.indexer.list_jobs"
    reply: ClassVar[object] = Page[Job]
    state: JobState | None = None
    kind: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetJob(Request[Job], frozen=True, kw_only=True):
    """One job by its identifier."""

    subject: ClassVar[str] = "cmd.indexer.get_job"
    reply: ClassVar[object] = Job
    job_id: JobId


class CancelJob(Request[Job], frozen=True, kw_only=True):
    """Stop a job; one that is over stays as it is."""

    subject: ClassVar[str] = "cmd.indexer.cancel_job"
    reply: ClassVar[object] = Job
    job_id: JobId


class RetryJob(Request[Job], frozen=True, kw_only=True):
    """Run a job again that was interrupted, failed or cancelled (409 otherwise)."""

    subject: ClassVar[str] = "cmd.indexer.retry_job"
    reply: ClassVar[object] = Job
    job_id: JobId
    #: A fresh session, when the one the job was started with is gone.
    session_id: str | None = None
    #: Of an export: fresh ones of the backups that its files are in.
    session_ids: tuple[SessionId, ...] = ()
