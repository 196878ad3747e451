"""Paths of all archives, searched without loading anything."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from gateway.authentication import needs
from gateway.parameters import PROBLEMS, Cursor, Limit, passed_through
from gateway.parts import GivenParts
from gateway.routes.archives import UuidQuery
from shared.contracts.archiver import DestinationId, SourceId
from shared.contracts.archiver_search import FindArchiveFiles, FoundFile
from shared.contracts.requests import DEFAULT_LIMIT, Page

_Words = Annotated[
    str,
    QueryParameter(
        name="q", min_length=1, max_length=200, description="Words of a path, or how they begin"
    ),
]


@get("/api/archives/files", opt=needs("read"), responses=PROBLEMS, tags=["archives"])
async def find_archive_files(
    *,
    parts: GivenParts,
    words: _Words,
    source: UuidQuery = None,
    destination: UuidQuery = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[FoundFile]]:
    """Find files in all archives by words of their paths; what came last is first."""
    return passed_through(
        await parts.bus.request_bytes(
            FindArchiveFiles(
                words=words,
                source_id=None if source is None else SourceId(source),
                destination_id=None if destination is None else DestinationId(destination),
                limit=limit,
                cursor=cursor,
            )
        )
    )


HANDLERS = (find_archive_files,)
