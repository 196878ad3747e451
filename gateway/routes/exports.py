"""Taking things out: asking for an export, downloading it, removing it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import HttpMethod, Request, Response, delete, post, route
from litestar.params import JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from gateway.authentication import needs
from gateway.moments import parse_moment
from gateway.parameters import (
    CONTENT,
    UDID_PATTERN,
    SessionsHeader,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.tokens import Caller
from shared.bus import Bus
from shared.contracts.exports import (
    MOST_NAMED,
    DescribeExport,
    Export,
    ExportQuery,
    ExportWish,
    Kind,
    ReadExport,
    RemoveExport,
    RequestExport,
    export_subject,
)
from shared.contracts.identifiers import ArtifactId, FileId, JobId, SessionId, ThreadId, Udid
from shared.contracts.indexer import JobAccepted
from shared.contracts.jobs import GetJob
from shared.contracts.problems import ProblemError, export_gone, not_found, problem
from shared.contracts.requests import Done
from shared.contracts.unlock import FileContent

_Row = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]
_Moment = Annotated[str, msgspec.Meta(max_length=40)]
_Zone = Annotated[str, msgspec.Meta(max_length=64)]
_MEDIA_TYPE = "application/zip"


class ExportQueryBody(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"since": "from", "until": "to"},
):
    """What is exported, as in lists and searches; nothing means everything."""

    q: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    device: Annotated[str, msgspec.Meta(pattern=UDID_PATTERN)] | None = None
    kind: Kind | None = None
    kinds: Annotated[list[Kind], msgspec.Meta(min_length=1, max_length=100)] | None = None
    thread: _Row | None = None
    #: Devices that follow each other as one history, nothing twice.
    lineage: bool = False
    person: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    removed: Literal["exclude", "include", "only"] = "exclude"
    as_of: _Moment | None = None
    artifact_ids: (
        Annotated[list[_Row], msgspec.Meta(min_length=1, max_length=MOST_NAMED)] | None
    ) = None


class ExportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to have."""

    format: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,20}$")]
    query: ExportQueryBody = ExportQueryBody()
    include_media: bool = False
    #: A name of the tz database, such as Europe/Berlin.
    time_zone: _Zone | None = None


@post(
    "/api/exports/content",
    status_code=202,
    opt=needs("write"),
    responses=problems(423, 429),
    tags=["exports"],
)
async def request_export(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    data: JSONBody[ExportBody],
    session_token: SessionsHeader = None,
    time_zone: Annotated[
        str | None,
        QueryParameter(
            max_length=64,
            description="The time zone of documents for people (Europe/Berlin); default UTC."
            " Also a field of the body",
        ),
    ] = None,
) -> Response[JobAccepted]:
    """Make an export in the background; watch the job, whose report says where to download it.

    Files out of encrypted backups need sessions: of each backup that they are in. What is locked is
    left out, and said so file by file.
    """
    query = data.query
    session_ids: tuple[SessionId, ...] = ()
    if session_token is not None:
        session_ids = await parts.sessions.check_each(session_token)
    wish = ExportWish(
        query=ExportQuery(
            q=query.q,
            device=Udid(query.device.upper()) if query.device else None,
            kind=query.kind,
            kinds=query.kinds,
            thread=ThreadId(query.thread) if query.thread else None,
            lineage=query.lineage,
            person=query.person,
            since=parse_moment(query.since, "from"),
            until=parse_moment(query.until, "to", end_of_day=True),
            removed=query.removed,
            as_of=parse_moment(query.as_of, "as_of", end_of_day=True),
            artifact_ids=None
            if query.artifact_ids is None
            else [ArtifactId(one) for one in query.artifact_ids],
        ),
        format=data.format,
        include_media=data.include_media,
        time_zone=time_zone or data.time_zone or "UTC",
    )
    what = f"{wish.format}, with files" if wish.include_media else wish.format
    await parts.audit.record(request.user, "export", what)
    return passed_through(
        await parts.bus.request_bytes(RequestExport(wish=wish, session_ids=session_ids))
    )


@route(
    "/api/exports/content/{export_id:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT | problems(409, 410),
    tags=["exports"],
)
async def get_export(
    *, request: Request[Any, Any, Any], parts: GivenParts, export_id: UuidPath
) -> ASGIResponse:
    """Send a finished export: Range (one span), If-Range, If-None-Match, HEAD."""
    export = await _describe(parts.bus, export_id)

    async def read(offset: int, length: int) -> bytes:
        reply = await parts.bus.request_bytes(
            ReadExport(sha256=export.sha256, offset=offset, length=length),
            subject=export_subject(export_id, ReadExport.subject),
            timeout_seconds=30.0,
        )
        return reply.body

    content = FileContent(
        file_id=FileId(export.id),
        name=export.name,
        media_type=_MEDIA_TYPE,
        size_bytes=export.size_bytes,
        etag=export.sha256,
        modified_at=export.made_at,
    )
    return parts.contents.send(request, content=content, read=read, disposition="attachment")


@delete(
    "/api/exports/content/{export_id:str}",
    status_code=200,
    opt=needs("write"),
    responses=problems(409),
    tags=["exports"],
)
async def remove_export(*, parts: GivenParts, export_id: UuidPath) -> Done:
    """Remove a finished export now; one that is gone already is fine."""
    try:
        return await parts.bus.request(
            RemoveExport(), subject=export_subject(export_id, RemoveExport.subject)
        )
    except ProblemError as error:
        if not _is_gone(error):
            raise
    refusal = await _refusal(parts.bus, export_id)
    if not _is_gone(refusal):
        raise refusal
    return Done(changed=False)


async def _describe(bus: Bus, export_id: str) -> Export:
    try:
        return await bus.request(
            DescribeExport(), subject=export_subject(export_id, DescribeExport.subject)
        )
    except ProblemError as error:
        if not _is_gone(error):
            raise
    raise await _refusal(bus, export_id)


async def _refusal(bus: Bus, export_id: str) -> ProblemError:
    """Return why nobody has the export: it never was, is not there yet, or is not any more."""
    try:
        job = await bus.request(GetJob(job_id=JobId(export_id)))
    except ProblemError as error:
        return not_found("export") if error.problem.status == 404 else error
    if job.kind != "export":
        return not_found("export")
    if job.state in ("pending", "running"):
        return problem(
            "conflict",
            "The export is not ready.",
            409,
            "Its job is under way; wait for the end of it.",
            retry_after_seconds=2,
        )
    return export_gone()


def _is_gone(error: ProblemError) -> bool:
    return error.problem.type == export_gone().problem.type


HANDLERS = (request_export, get_export, remove_export)
