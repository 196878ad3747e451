"""What archiving a source would read, and store in a destination, without doing it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from shared.contracts.archiver import DestinationId, SourceId
from shared.contracts.requests import Request


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not archived, and why."""

    path: str
    reason: str


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What archiving a source would read."""

    file_count: int
    directory_count: int
    symlink_count: int
    #: Of a database, whose size on its server's disk is among the bytes.
    table_count: int = 0
    size_bytes: int
    skipped_count: int
    #: The first of what would be left out, with the reason.
    skipped: list[LeftOut]
    #: What the destination that was asked for does not know yet: it would be read, and no more
    #: than that stored. Null where none was asked for.
    new_file_count: int | None = None
    new_bytes: int | None = None


class DryRunSource(Request[DryRun], frozen=True, kw_only=True):
    """Walk a source without reading it."""

    subject: ClassVar[str] = "cmd.archiver.dry_run_source"
    reply: ClassVar[object] = DryRun
    source_id: SourceId
    destination_id: DestinationId | None = None
