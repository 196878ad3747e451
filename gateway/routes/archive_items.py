"""Single things in archives of databases: listed without loading anything, taken out one by one."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import HttpMethod, Request, Response, get, route
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.response.base import ASGIResponse

from gateway.authentication import needs
from gateway.disposition import Disposition
from gateway.parameters import CONTENT, PROBLEMS, Cursor, Limit, Text, UuidPath, passed_through
from gateway.parts import GivenParts
from shared.contracts.archiver import ArchiveId
from shared.contracts.archiver_items import (
    ArchiveItem,
    GetArchiveItem,
    ListArchiveItems,
    ReadArchiveItem,
)
from shared.contracts.identifiers import FileId
from shared.contracts.problems import problem
from shared.contracts.requests import DEFAULT_LIMIT, Page
from shared.contracts.unlock import FileContent

#: As long as it takes to read a bundle up to its last member, from far away.
_READ_SECONDS = 60.0

Kind = Annotated[str | None, QueryParameter(min_length=1, max_length=40, pattern="^[a-z_]+$")]
ItemPath = Annotated[
    str, PathParameter(min_length=1, max_length=300, description="`id` of the item in its list")
]


@get(
    "/api/archives/{archive_id:str}/items",
    opt=needs("read"),
    responses=PROBLEMS,
    tags=["archives"],
)
async def list_archive_items(
    *,
    parts: GivenParts,
    archive_id: UuidPath,
    q: Text = None,
    kind: Kind = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[ArchiveItem]]:
    """List what has a name of its own in an archive: tables, workflows, credentials."""
    return passed_through(
        await parts.bus.request_bytes(
            ListArchiveItems(
                archive_id=ArchiveId(archive_id), q=q, kind=kind, limit=limit, cursor=cursor
            )
        )
    )


@route(
    "/api/archives/{archive_id:str}/items/{item_id:str}/download",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    status_code=200,
    opt=needs("read"),
    responses=CONTENT,
    tags=["archives"],
)
async def download_archive_item(
    *,
    request: Request[Any, Any, Any],
    parts: GivenParts,
    archive_id: UuidPath,
    item_id: ItemPath,
    disposition: FromQuery[Disposition] = "attachment",
) -> ASGIResponse:
    """Send what one item holds, such as a workflow as n8n takes it; of the bundle only that."""
    whose = ArchiveId(archive_id)
    item = await parts.bus.request(GetArchiveItem(archive_id=whose, item_id=item_id))
    if item.size_bytes is None:
        raise problem(
            "conflict",
            "That cannot be taken out by itself.",
            409,
            f"It is a {item.kind}: restore the archive to get it back.",
        )

    async def read(offset: int, length: int) -> bytes:
        return await parts.bus.request(
            ReadArchiveItem(archive_id=whose, item_id=item_id, offset=offset, length=length),
            timeout_seconds=_READ_SECONDS,
        )

    content = FileContent(
        file_id=FileId(f"{archive_id}-{item_id}"),
        name=f"{item.name}.json",
        media_type="application/json",
        size_bytes=item.size_bytes,
        # What an archive holds never changes.
        etag=f"{archive_id}-{item.facts.get('checksum', '')}",
        modified_at=None,
    )
    return parts.contents.send(request, content=content, read=read, disposition=disposition)


HANDLERS = (list_archive_items, download_archive_item)
