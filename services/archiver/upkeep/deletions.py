"""Requests about deleting archives: what it gives back, doing it, and thinking better of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.archiver.identifiers import parse_id
from services.archiver.storage.archives import find_archive_row, get_archive
from services.archiver.storage.deletions import (
    cancel_deletion,
    preview_deletion,
    schedule_deletion,
)
from services.archiver.storage.destinations import get_destination
from shared.bus import RequestContext
from shared.contracts.archiver import Archive, ArchiveId
from shared.contracts.archiver_upkeep import (
    DeleteArchive,
    DeletionPreview,
    PreviewDeletion,
    UndeleteArchive,
)
from shared.contracts.problems import ProblemError, not_found, problem
from shared.contracts.requests import Request

if TYPE_CHECKING:
    import asyncpg


class DeletionRequests:
    """Schedules deletions, and takes them back."""

    def __init__(self, *, pool: asyncpg.Pool[Any], grace_seconds: float) -> None:
        """Keep archives for so long after their deletion was asked for."""
        self._pool = pool
        self._grace = dt.timedelta(seconds=grace_seconds)

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            PreviewDeletion: self.preview_deletion,
            DeleteArchive: self.delete_archive,
            UndeleteArchive: self.undelete_archive,
        }

    async def preview_deletion(
        self, request: PreviewDeletion, _: RequestContext
    ) -> DeletionPreview:
        """Tell what deleting an archive would give back."""
        archive_id = parse_id(request.archive_id, "archive")
        async with self._pool.acquire() as connection, connection.transaction():
            row = await find_archive_row(connection, archive_id)
            if row is None:
                raise not_found("archive")
            at = row["deletion_scheduled_at"] or dt.datetime.now(dt.UTC) + self._grace
            return await self._preview(connection, row, at)

    async def delete_archive(self, request: DeleteArchive, _: RequestContext) -> DeletionPreview:
        """Have an archive deleted after the grace."""
        archive_id = parse_id(request.archive_id, "archive")
        async with self._pool.acquire() as connection, connection.transaction():
            row = await find_archive_row(connection, archive_id)
            if row is None:
                raise not_found("archive")
            # Nothing is deleted in a destination that was forgotten.
            destination = await get_destination(connection, row["destination_id"])
            if destination.mode != "store":
                raise problem(
                    "conflict",
                    "That is the archive of a mirror.",
                    409,
                    "What it had before lies in its folders by date: remove the oldest there.",
                )
            at = await schedule_deletion(connection, archive_id, grace=self._grace)
            if at is None:
                raise _protected()
            return await self._preview(connection, row, at)

    async def undelete_archive(self, request: UndeleteArchive, _: RequestContext) -> Archive:
        """Keep an archive that was to be deleted."""
        archive_id = parse_id(request.archive_id, "archive")
        archive = await get_archive(self._pool, archive_id)
        if archive.deletion_scheduled_at is None:
            return archive
        if not await cancel_deletion(self._pool, archive_id):
            raise _begun()
        return await get_archive(self._pool, archive_id)

    async def _preview(
        self, connection: asyncpg.pool.PoolConnectionProxy[Any], row: Any, at: dt.datetime
    ) -> DeletionPreview:
        freed = await preview_deletion(connection, row)
        archive_id: UUID = row["id"]
        return DeletionPreview(
            archive_id=ArchiveId(str(archive_id)),
            freed_bytes=freed.bundle_bytes + freed.object_bytes,
            bundle_bytes=freed.bundle_bytes,
            object_bytes=freed.object_bytes,
            object_count=freed.object_count,
            deletion_scheduled_at=at,
        )


def _protected() -> ProblemError:
    return problem(
        "archive-protected",
        "The archive is protected.",
        409,
        "Take the protection away first, if it is to go.",
    )


def _begun() -> ProblemError:
    return problem(
        "conflict",
        "The archive is being deleted.",
        409,
        "Its grace was over: its bundle may be gone already.",
    )
