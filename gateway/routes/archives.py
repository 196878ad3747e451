"""Archives: made, browsed without being loaded, and got back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import HttpMethod, Request, Response, get, post, route
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.response.base import ASGIResponse

from gateway.authentication import needs
from gateway.disposition import Disposition
from gateway.parameters import (
    CONTENT,
    PROBLEMS,
    UUID_PATTERN,
    Cursor,
    Limit,
    Text,
    UuidPath,
    passed_through,
    problems,
)
from gateway.parts import GivenParts
from gateway.routes.sources import Path
from gateway.tokens import Caller
from shared.contracts.archiver import (
    Accepted,
    Archive,
    ArchiveContents,
    ArchiveFile,
    ArchiveId,
    DestinationId,
    GetArchive,
    GetArchiveContents,
    GetArchiveFile,
    ListArchiveFiles,
    ListArchives,
    ProtectArchive,
    ReadArchiveFile,
    RequestArchive,
    RequestRestore,
    SourceId,
)
from shared.contracts.identifiers import FileId
from shared.contracts.problems import bad_request, problem
from shared.contracts.requests import DEFAULT_LIMIT, Page
from shared.contracts.unlock import FileContent

_READ_SECONDS = 60.0
_MOST_PATHS = 10_000
_CONFIRMATION = "RESTORE"

UuidQuery = Annotated[str | None, QueryParameter(pattern=UUID_PATTERN)]
FilePath = Annotated[
    int, PathParameter(ge=0, le=2**63 - 1, description="`n` of the file in its list")
]
Uuid = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]


class ArchiveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be archived where."""

    source_id: Uuid
    destination_id: Uuid
    allow_deletions: bool = False
    #: Take over from a run that has been silent for too long, and wait no longer to try again.
    force: bool = False


class TargetBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of the machine that Keepsake runs on."""

    type: Literal["folder"]
    path: Path


class RestoreBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to come back, and where to. Everything has to be confirmed with ``RESTORE``."""

    what: Literal["all", "paths"]
    paths: (
        Annotated[
            list[Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]],
            msgspec.Meta(min_length=1, max_length=_MOST_PATHS),
        ]
        | None
    ) = None
    target: TargetBody
    overwrite: bool = False
    dry_run: bool = False
    confirm: Annotated[str, msgspec.Meta(max_length=20)] | None = None


@post(
    "/api/archives",
    status_code=202,
    opt=needs("write"),
    responses=problems(409),
    tags=["archives"],
)
async def request_archive(
    *, request: Request[Caller, Any, Any], parts: GivenParts, data: JSONBody[ArchiveBody]
) -> Response[Accepted]:
    """Archive a source in the background; watch the job, whose report names the archive."""
    await parts.audit.record(request.user, "archive", f"source {data.source_id}")
    return passed_through(
        await parts.bus.request_bytes(
            RequestArchive(
                source_id=SourceId(data.source_id),
                destination_id=DestinationId(data.destination_id),
                allow_deletions=data.allow_deletions,
                force=data.force,
            )
        )
    )


@get("/api/archives", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def list_archives(
    *,
    parts: GivenParts,
    source: UuidQuery = None,
    destination: UuidQuery = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[Archive]]:
    """List archives, newest first."""
    return passed_through(
        await parts.bus.request_bytes(
            ListArchives(
                source_id=None if source is None else SourceId(source),
                destination_id=None if destination is None else DestinationId(destination),
                limit=limit,
                cursor=cursor,
            )
        )
    )


@get("/api/archives/{archive_id:str}", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def get_archive(*, parts: GivenParts, archive_id: UuidPath) -> Response[Archive]:
    """Show one archive."""
    return passed_through(
        await parts.bus.request_bytes(GetArchive(archive_id=ArchiveId(archive_id)))
    )


@get(
    "/api/archives/{archive_id:str}/contents",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def get_archive_contents(
    *, parts: GivenParts, archive_id: UuidPath
) -> Response[ArchiveContents]:
    """Show what an archive holds; nothing is loaded from its destination."""
    return passed_through(
        await parts.bus.request_bytes(GetArchiveContents(archive_id=ArchiveId(archive_id)))
    )


@get(
    "/api/archives/{archive_id:str}/files",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def list_archive_files(
    *,
    parts: GivenParts,
    archive_id: UuidPath,
    path_like: Text = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[ArchiveFile]]:
    """List files of an archive by path (`path_like`: `%` and `_` stand for anything)."""
    return passed_through(
        await parts.bus.request_bytes(
            ListArchiveFiles(
                archive_id=ArchiveId(archive_id), path_like=path_like, limit=limit, cursor=cursor
            )
        )
    )


@route(
    "/api/archives/{archive_id:str}/files/{n:int}/content",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT,
    tags=["archives"],
)
async def get_archive_file(
    *,
    request: Request[Any, Any, Any],
    parts: GivenParts,
    archive_id: UuidPath,
    n: FilePath,
    disposition: FromQuery[Disposition] = "attachment",
) -> ASGIResponse:
    """Send one file out of an archive: Range (one span); only its blocks are fetched."""
    file = await parts.bus.request(GetArchiveFile(archive_id=ArchiveId(archive_id), n=n))
    if file.type != "file":
        raise problem("conflict", "That is not a file.", 409, f"It is a {file.type}.")

    async def read(offset: int, length: int) -> bytes:
        return await parts.bus.request(
            ReadArchiveFile(archive_id=ArchiveId(archive_id), n=n, offset=offset, length=length),
            timeout_seconds=_READ_SECONDS,
        )

    content = FileContent(
        file_id=FileId(f"{archive_id}-{n}"),
        name=file.path.rpartition("/")[2],
        media_type="application/octet-stream",
        size_bytes=file.size_bytes,
        # What an archive holds never changes.
        etag=f"{archive_id}-{n}",
        modified_at=file.modified_at,
    )
    return parts.contents.send(request, content=content, read=read, disposition=disposition)


@post(
    "/api/archives/{archive_id:str}/protect",
    status_code=200,
    opt=needs("write"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def protect_archive(
    *, request: Request[Caller, Any, Any], parts: GivenParts, archive_id: UuidPath
) -> Response[Archive]:
    """Protect an archive from deletion."""
    await parts.audit.record(request.user, "protect", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(
            ProtectArchive(archive_id=ArchiveId(archive_id), protected=True)
        )
    )


@post(
    "/api/archives/{archive_id:str}/unprotect",
    status_code=200,
    opt=needs("admin"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def unprotect_archive(
    *, request: Request[Caller, Any, Any], parts: GivenParts, archive_id: UuidPath
) -> Response[Archive]:
    """Protect an archive no more."""
    await parts.audit.record(request.user, "unprotect", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(
            ProtectArchive(archive_id=ArchiveId(archive_id), protected=False)
        )
    )


@post(
    "/api/archives/{archive_id:str}/restore",
    status_code=202,
    opt=needs("admin"),
    responses=problems(409),
    tags=["archives"],
)
async def request_restore(
    *,
    request: Request[Caller, Any, Any],
    parts: GivenParts,
    archive_id: UuidPath,
    data: JSONBody[RestoreBody],
) -> Response[Accepted]:
    """Get an archive, or paths of it, back into a folder; `dry_run` tells what that would be."""
    if (data.what == "paths") != (data.paths is not None):
        raise bad_request("paths belong to what: paths.")
    if data.what == "all" and not data.dry_run and data.confirm != _CONFIRMATION:
        raise problem(
            "confirmation-needed",
            "Restoring everything has to be confirmed.",
            409,
            f'Send "confirm": "{_CONFIRMATION}".',
        )
    await parts.audit.record(request.user, "restore", f"archive {archive_id}")
    return passed_through(
        await parts.bus.request_bytes(
            RequestRestore(
                archive_id=ArchiveId(archive_id),
                paths=data.paths,
                target=data.target.path,
                overwrite=data.overwrite,
                dry_run=data.dry_run,
            )
        )
    )


HANDLERS = (
    request_archive,
    list_archives,
    get_archive,
    get_archive_contents,
    list_archive_files,
    get_archive_file,
    protect_archive,
    unprotect_archive,
    request_restore,
)
