"""Requests that search through archives without loading them."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from shared.contracts.archiver import ArchiveFile, ArchiveId, DestinationId, SourceId
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request


class FoundFile(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a file, folder or link, and the archives that hold it."""

    #: Its number ``n`` belongs to any archive that holds it.
    file: ArchiveFile
    source_id: SourceId
    destination_id: DestinationId
    #: The newest of them.
    archive_id: ArchiveId
    archived_at: dt.datetime
    archive_count: int


class FindArchiveFiles(Request[Page[FoundFile]], frozen=True, kw_only=True):
    """Find paths in all archives by words, or by how words begin; what came last is first."""

    subject: ClassVar[str] = "cmd.archiver.find_archive_files"
    reply: ClassVar[object] = Page[FoundFile]
    words: str
    source_id: SourceId | None = None
    destination_id: DestinationId | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
