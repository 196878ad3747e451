"""What the archiver is asked about single things in archives: tables, workflows, credentials."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from shared.contracts.archiver import ArchiveId
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request


class ArchiveItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in an archive that has a name of its own. What is secret of it is never told."""

    #: What the source calls it, such as a workflow's id, or ``public.workflow_entity``.
    id: str
    kind: str
    name: str
    #: By kind: rows and columns of a table, whether a workflow is active.
    facts: dict[str, Any]
    #: Of what can be taken out by itself; null for anything else.
    size_bytes: int | None


class ListArchiveItems(Request[Page[ArchiveItem]], frozen=True, kw_only=True):
    """Items of an archive, in its order; nothing is loaded."""

    subject: ClassVar[str] = "cmd.archiver.list_archive_items"
    reply: ClassVar[object] = Page[ArchiveItem]
    archive_id: ArchiveId
    #: Beginnings of words of the name, or a part of it.
    q: str | None = None
    kind: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetArchiveItem(Request[ArchiveItem], frozen=True, kw_only=True):
    """One item of an archive."""

    subject: ClassVar[str] = "cmd.archiver.get_archive_item"
    reply: ClassVar[object] = ArchiveItem
    archive_id: ArchiveId
    item_id: str


class ReadArchiveItem(Request[bytes], frozen=True, kw_only=True):
    """A part of what an item holds, at most 512 KiB; of the bundle only its member is kept."""

    subject: ClassVar[str] = "cmd.archiver.read_archive_item"
    reply: ClassVar[object] = bytes
    archive_id: ArchiveId
    item_id: str
    offset: int
    length: int
