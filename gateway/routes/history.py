"""The indexed history: threads, artifacts, their versions and attachments."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.response.base import ASGIResponse

from gateway.attachments import respond_with_attachment
from gateway.authentication import needs
from gateway.moments import parse_moment
from gateway.parameters import (
    CONTENT,
    PROBLEMS,
    Cursor,
    Direction,
    KindQuery,
    Limit,
    Lineage,
    Moment,
    PersonQuery,
    Removed,
    RowPath,
    SessionHeader,
    Text,
    UdidQuery,
    passed_through,
)
from gateway.parts import GivenParts
from gateway.routes.files import DispositionQuery
from shared.contracts.identifiers import ArtifactId, ThreadId, Udid
from shared.contracts.indexer import (
    Artifact,
    ArtifactPage,
    GetArtifact,
    ListArtifacts,
    ListThreadArtifacts,
    ListThreads,
    ListVersions,
    Thread,
)
from shared.contracts.removals import Reason
from shared.contracts.requests import DEFAULT_LIMIT, Page

At = Annotated[
    str | None,
    QueryParameter(max_length=40, description="RFC 3339, a date, or the id of an artifact in it"),
]


@get("/api/threads", opt=needs("read"), responses=PROBLEMS, tags=["history"])
async def list_threads(
    *,
    parts: GivenParts,
    device: UdidQuery = None,
    kind: KindQuery = None,
    person: PersonQuery = None,
    q: Text = None,
    lineage: Lineage = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[Thread]]:
    """List conversations and other threads, the one with the newest artifact first."""
    return passed_through(
        await parts.bus.request_bytes(
            ListThreads(
                device=Udid(device.upper()) if device else None,
                kind=kind,
                q=q,
                person=person,
                lineage=lineage,
                limit=limit,
                cursor=cursor,
            )
        )
    )


@get(
    "/api/threads/{thread_id:str}/artifacts",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["history"],
)
async def list_thread_artifacts(
    *,
    parts: GivenParts,
    thread_id: RowPath,
    at: At = None,
    direction: Direction = "forward",
    as_of: Moment = None,
    include_removed: FromQuery[bool] = False,
    lineage: Lineage = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[ArtifactPage]:
    """Read a thread from any moment, with cursors both ways."""
    if at is not None and not at.isdecimal():
        moment = parse_moment(at, "at")
        at = moment.isoformat() if moment else None
    return passed_through(
        await parts.bus.request_bytes(
            ListThreadArtifacts(
                thread_id=ThreadId(thread_id),
                at=at,
                direction=direction,
                as_of=parse_moment(as_of, "as_of", end_of_day=True),
                include_removed=include_removed,
                lineage=lineage,
                limit=limit,
                cursor=cursor,
            )
        )
    )


@get("/api/artifacts", opt=needs("read"), responses=PROBLEMS, tags=["history"])
async def list_artifacts(
    *,
    parts: GivenParts,
    device: UdidQuery = None,
    kind: KindQuery = None,
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    as_of: Moment = None,
    removed: Removed = "exclude",
    lineage: Lineage = False,
    reason: Annotated[
        Reason | None,
        QueryParameter(
            description="Only what went for this reason; offloaded: what is there, but whose file"
            " only older backups hold"
        ),
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[ArtifactPage]:
    """List artifacts of any kind, newest first."""
    return passed_through(
        await parts.bus.request_bytes(
            ListArtifacts(
                device=Udid(device.upper()) if device else None,
                kind=kind,
                since=parse_moment(since, "from"),
                until=parse_moment(until, "to", end_of_day=True),
                as_of=parse_moment(as_of, "as_of", end_of_day=True),
                removed=removed,
                lineage=lineage,
                reason=reason,
                limit=limit,
                cursor=cursor,
            )
        )
    )


@get("/api/artifacts/{artifact_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["history"])
async def get_artifact(*, parts: GivenParts, artifact_id: RowPath) -> Response[Artifact]:
    """Show one artifact."""
    return passed_through(
        await parts.bus.request_bytes(GetArtifact(artifact_id=ArtifactId(artifact_id)))
    )


@get(
    "/api/artifacts/{artifact_id:str}/versions",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["history"],
)
async def list_versions(*, parts: GivenParts, artifact_id: RowPath) -> Response[Page[Artifact]]:
    """List the artifact's versions over the revisions of its lineage, oldest first."""
    return passed_through(
        await parts.bus.request_bytes(ListVersions(artifact_id=ArtifactId(artifact_id)))
    )


@route(
    "/api/artifacts/{artifact_id:str}/attachments/{n:int}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT,
    tags=["history"],
)
async def get_attachment(
    *,
    request: Request[Any, Any, Any],
    parts: GivenParts,
    artifact_id: RowPath,
    n: Annotated[int, PathParameter(ge=0, le=1_000_000)],
    session_token: SessionHeader = None,
    disposition: DispositionQuery = "inline",
) -> ASGIResponse:
    """Send an attachment's bytes; 423 when locked, 404 with the reason when it is nowhere."""
    return await respond_with_attachment(
        request,
        parts.bus,
        parts.contents,
        artifact_id=ArtifactId(artifact_id),
        n=n,
        token=session_token,
        disposition=disposition,
    )


@route(
    "/api/artifacts/{artifact_id:str}/thumbnail",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT,
    tags=["history"],
)
async def get_thumbnail(
    *,
    request: Request[Any, Any, Any],
    parts: GivenParts,
    artifact_id: RowPath,
    session_token: SessionHeader = None,
) -> ASGIResponse:
    """Send a small picture of it: the phone's own, else one that is made now and not kept.

    423 when locked, 404 with the reason when there is no picture.
    """
    return await parts.thumbnails.respond(
        request, parts.bus, artifact_id=ArtifactId(artifact_id), token=session_token
    )


HANDLERS = (
    list_threads,
    list_thread_artifacts,
    list_artifacts,
    get_artifact,
    list_versions,
    get_attachment,
    get_thumbnail,
)
