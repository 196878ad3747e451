"""Requests for logs of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.archiver.identifiers import parse_id
from services.archiver.runs.run_log import RunLogs
from services.archiver.storage.jobs import find_job
from shared.bus import RequestContext
from shared.contracts.archiver_limits import GetJobLog, JobLog
from shared.contracts.problems import not_found
from shared.contracts.requests import Request


class JobLogs:
    """Answers who wants to know how a run went."""

    def __init__(self, *, pool: asyncpg.Pool[Any], logs: RunLogs) -> None:
        self._pool = pool
        self._logs = logs

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {GetJobLog: self.get_job_log}

    async def get_job_log(self, request: GetJobLog, _: RequestContext) -> JobLog:
        """The log of one job."""
        job = await find_job(self._pool, parse_id(request.job_id, "job"))
        if job is None:
            raise not_found("job")
        text = await asyncio.to_thread(self._logs.read, job)
        if text is None:
            raise not_found("log")
        return JobLog(text=text)
