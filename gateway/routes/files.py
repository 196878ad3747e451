"""What is inside a backup: domains, apps, the manifest's entries, their bytes, and zips."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from litestar import HttpMethod, Request, Response, get, route
from litestar.params import FromQuery, QueryParameter
from litestar.response.base import ASGIResponse
from litestar.types import Send

from gateway.authentication import needs
from gateway.disposition import Disposition, content_disposition
from gateway.parameters import (
    CONTENT,
    INSIDE,
    Cursor,
    FileIdPath,
    Limit,
    SessionHeader,
    Text,
    UuidPath,
    passed_through,
)
from gateway.parts import GivenParts
from gateway.streaming import StreamedResponse
from gateway.zip_stream import ZipSource
from shared.contracts.identifiers import BackupId, FileId
from shared.contracts.problems import problem
from shared.contracts.requests import DEFAULT_LIMIT, Page
from shared.contracts.unlock import (
    AppSummary,
    DomainSummary,
    File,
    FileKind,
    FileSort,
    ListApps,
    ListDomains,
    ListFiles,
    StatFile,
    Summaries,
    WhichSizes,
)

PathLike = Annotated[
    str | None,
    QueryParameter(max_length=1024, description="SQL LIKE over the relative path: `%` and `_`"),
]
SizesQuery = Annotated[
    WhichSizes,
    QueryParameter(description="`wait` answers when all sizes are known, `now` at once"),
]
DispositionQuery = Annotated[
    Literal["inline", "attachment"],
    QueryParameter(description="`inline` only has effect on types that can run nothing"),
]


@get(
    "/api/backups/{backup_id:str}/domains",
    opt=needs("read"),
    responses=INSIDE,
    tags=["files"],
)
async def list_domains(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    session_token: SessionHeader = None,
    sizes: SizesQuery = "now",
) -> Response[Summaries[DomainSummary]]:
    """List domains with file counts and bytes.

    Counts are there at once. Bytes of a phone with very many files are null, and `sizes` is
    `pending`, for some seconds after unlocking: ask again, or with `sizes=wait`.
    """
    return passed_through(
        await parts.sessions.ask_bytes(
            ListDomains(sizes=sizes), backup_id=BackupId(backup_id), token=session_token
        )
    )


@get("/api/backups/{backup_id:str}/apps", opt=needs("read"), responses=INSIDE, tags=["files"])
async def list_apps(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    session_token: SessionHeader = None,
    sizes: SizesQuery = "now",
) -> Response[Summaries[AppSummary]]:
    """List apps with file counts and bytes over all of their domains, largest first.

    While `sizes` is `pending` bytes are null, and apps with most files come first; see domains.
    """
    return passed_through(
        await parts.sessions.ask_bytes(
            ListApps(sizes=sizes), backup_id=BackupId(backup_id), token=session_token
        )
    )


@get(
    "/api/backups/{backup_id:str}/files",
    opt=needs("read"),
    responses=INSIDE,
    tags=["files"],
)
async def list_files(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    session_token: SessionHeader = None,
    domain: Text = None,
    path_like: PathLike = None,
    kind: FromQuery[FileKind | None] = None,
    sort: FromQuery[FileSort] = "path",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[File]]:
    """Page through the manifest."""
    return passed_through(
        await parts.sessions.ask_bytes(
            ListFiles(
                domain=domain,
                path_like=path_like,
                kind=kind,
                sort=sort,
                limit=limit,
                cursor=cursor,
            ),
            backup_id=BackupId(backup_id),
            token=session_token,
        )
    )


@get(
    "/api/backups/{backup_id:str}/files/{file_id:str}",
    opt=needs("read"),
    responses=INSIDE,
    tags=["files"],
)
async def get_file(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    file_id: FileIdPath,
    session_token: SessionHeader = None,
) -> Response[File]:
    """Show one entry of the manifest."""
    return passed_through(
        await parts.sessions.ask_bytes(
            StatFile(file_id=FileId(file_id)), backup_id=BackupId(backup_id), token=session_token
        )
    )


@route(
    "/api/backups/{backup_id:str}/files/{file_id:str}/content",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT,
    tags=["files"],
)
async def get_content(
    *,
    request: Request[Any, Any, Any],
    parts: GivenParts,
    backup_id: UuidPath,
    file_id: FileIdPath,
    session_token: SessionHeader = None,
    disposition: DispositionQuery = "attachment",
) -> ASGIResponse:
    """Send the decrypted bytes: Range (one span), If-Range, If-None-Match, HEAD."""
    return await parts.contents.respond(
        request,
        backup_id=BackupId(backup_id),
        token=session_token,
        file_id=FileId(file_id),
        disposition=disposition,
    )


@get("/api/backups/{backup_id:str}/zip", opt=needs("read"), responses=INSIDE, tags=["files"])
async def get_zip(
    *,
    parts: GivenParts,
    backup_id: UuidPath,
    session_token: SessionHeader = None,
    domain: Text = None,
    path_like: PathLike = None,
) -> ASGIResponse:
    """Send a selection as a zip with original times; what is missing is named in SKIPPED.txt."""
    source = ZipSource(
        parts.sessions,
        backup_id=BackupId(backup_id),
        token=session_token,
        domain=domain,
        path_like=path_like,
        chunk_bytes=parts.chunk_bytes,
    )
    first = await source.first_page()
    if not first.items:
        raise problem("not-in-this-backup", "No file of this backup is selected.", 404)

    async def write_body(send: Send, tasks: asyncio.TaskGroup) -> None:
        await source.write(first, send, tasks)

    media_type = "application/zip"
    wanted: Disposition = "attachment"
    name = content_disposition(f"{domain or backup_id}.zip", wanted, media_type)
    return StreamedResponse(
        write_body,
        slots=parts.zip_slots,
        status_code=200,
        headers={"content-disposition": name},
        media_type=media_type,
    )


HANDLERS = (list_domains, list_apps, list_files, get_file, get_content, get_zip)
