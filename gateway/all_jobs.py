"""Jobs of all services as one list: whoever has a job answers for it."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from uuid import UUID

from shared.bus import Bus
from shared.contracts.jobs import Job, JobState, ListJobs
from shared.contracts.problems import ProblemError, unavailable
from shared.contracts.requests import Page, Request
from shared.cursors import created_cursor

R = TypeVar("R")

#: Who has jobs, the one with most of them first.
_OWNERS = ("indexer", "archiver")
_AWAY = (503, 504)


async def list_jobs(
    bus: Bus, *, state: JobState | None, kind: str | None, limit: int, cursor: str | None
) -> tuple[Page[Job], list[str]]:
    """Return jobs of all services, newest first, and the services that did not answer.

    Raises ``ProblemError`` when the request is wrong, or nobody answers.
    """
    request = ListJobs(state=state, kind=kind, limit=limit, cursor=cursor)
    answers = await asyncio.gather(
        *(bus.request(request, subject=_of(request, owner)) for owner in _OWNERS),
        return_exceptions=True,
    )
    pages, away = [], []
    for owner, answer in zip(_OWNERS, answers, strict=True):
        match answer:
            case Page():
                pages.append(answer)
            case ProblemError() if answer.problem.status in _AWAY:
                away.append(owner)
            case BaseException():
                raise answer
    if not pages:
        raise unavailable(_OWNERS[0])
    jobs = sorted(
        (job for page in pages for job in page.items),
        key=lambda job: (job.created_at, UUID(job.id)),
        reverse=True,
    )
    is_more = len(jobs) > limit or any(page.next_cursor is not None for page in pages)
    jobs = jobs[:limit]
    last = None
    if is_more and jobs:
        last = created_cursor(jobs[-1].created_at, jobs[-1].id)
    return Page(items=jobs, next_cursor=last), away


async def ask_owner(bus: Bus, request: Request[R]) -> R:
    """Ask whoever has the job.

    Raises ``ProblemError``: that somebody is away who may have it, or that nobody has it.
    """
    refusals: list[ProblemError] = []
    for owner in _OWNERS:
        try:
            return await bus.request(request, subject=_of(request, owner))
        except ProblemError as error:
            if error.problem.status not in (404, *_AWAY):
                raise
            refusals.append(error)
    raise max(refusals, key=lambda error: error.problem.status)


def _of(request: Request[R], owner: str) -> str:
    verb = request.subject.rpartition(".")[2]
    return f"cmd.{owner}.{verb}"
