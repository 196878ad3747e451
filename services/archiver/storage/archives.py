"""The table ``archive``: the catalogue. A row is written when the bundle lies in its place."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.archiver import (
    Archive,
    ArchiveId,
    ArchiveVerification,
    DestinationId,
    ListArchives,
    SourceId,
)
from shared.contracts.problems import not_found
from shared.contracts.requests import Page
from shared.cursors import created_page, read_created, read_limit

if TYPE_CHECKING:
    from services.archiver.storage import Connection


#: The format version of what is no bundle, but plain files in a mirror.
MIRRORED = 0


class NewArchive(msgspec.Struct, frozen=True, kw_only=True):
    """What is written of an archive that was made."""

    id: UUID
    source_id: UUID
    destination_id: UUID
    number: int
    kind: str
    path: str
    created_at: dt.datetime
    bundle_sha256: bytes
    bundle_bytes: int
    source_bytes: int
    added_bytes: int
    file_count: int
    torn_count: int
    skipped_count: int
    format_version: int
    manifest: dict[str, Any]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The place of the next archive of a source in a destination."""

    number: int
    #: Names the bundle, to the second; no two have the same.
    at: dt.datetime


async def next_turn(
    connection: Connection, *, source_id: UUID, destination_id: UUID, asked_at: dt.datetime
) -> Turn:
    """Return the place of the archive that was asked for then. Whoever asks holds the store's lock.

    It is the same until there is another archive, so a run that was interrupted writes over what
    it left behind.
    """
    row = await connection.fetchrow(
        "select coalesce(max(number), 0) + 1 as number, max(created_at) as newest from archive"
        " where source_id = $1 and destination_id = $2",
        source_id,
        destination_id,
    )
    assert row is not None
    at = asked_at.replace(microsecond=0)
    if row["newest"] is not None:
        at = max(at, row["newest"] + dt.timedelta(seconds=1))
    return Turn(number=row["number"], at=at)


async def record_archive(connection: Connection, archive: NewArchive) -> None:
    """Write an archive down."""
    columns = archive.__struct_fields__
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await connection.execute(
        f"insert into archive ({', '.join(columns)}) values ({values})",  # noqa: S608 -- ours
        *(getattr(archive, column) for column in columns),
    )


async def find_made(connection: Connection, archive_id: UUID) -> NewArchive | None:
    """Return an archive as its run wrote it down, or None."""
    row = await find_archive_row(connection, archive_id)
    if row is None:
        return None
    return NewArchive(**{column: row[column] for column in NewArchive.__struct_fields__})


async def get_archive(connection: Connection, archive_id: UUID) -> Archive:
    """Return one archive, or raise that there is none."""
    row = await connection.fetchrow("select * from archive where id = $1", archive_id)
    if row is None:
        raise not_found("archive")
    return to_archive(row)


async def find_archive_row(connection: Connection, archive_id: UUID) -> Any | None:
    """Return the whole row of an archive, or None."""
    return await connection.fetchrow("select * from archive where id = $1", archive_id)


async def list_archives(connection: Connection, request: ListArchives) -> Page[Archive]:
    """Return archives, newest first."""
    limit = read_limit(request.limit)
    rows = await connection.fetch(
        "select * from archive where ($1::uuid is null or source_id = $1)"
        " and ($2::uuid is null or destination_id = $2)"
        " and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))"
        " order by created_at desc, id desc limit $5",
        None if request.source_id is None else UUID(request.source_id),
        None if request.destination_id is None else UUID(request.destination_id),
        *read_created(request.cursor),
        limit + 1,
    )
    return created_page(rows, limit=limit, show=to_archive)


async def set_protected(connection: Connection, archive_id: UUID, *, protected: bool) -> None:
    """Protect an archive, or no more. One that was to be deleted is kept by it."""
    await connection.execute(
        "update archive set protected = $2, deletion_scheduled_at = case when $2"
        " and deletion_began_at is null then null else deletion_scheduled_at end where id = $1",
        archive_id,
        protected,
    )


def to_archive(row: Any) -> Archive:
    """Return a row as people see it."""
    return Archive(
        id=ArchiveId(str(row["id"])),
        source_id=SourceId(str(row["source_id"])),
        destination_id=DestinationId(str(row["destination_id"])),
        kind=row["kind"],
        name=row["path"].rpartition("/")[2],
        created_at=row["created_at"],
        state=row["state"],
        source_bytes=row["source_bytes"],
        bundle_bytes=row["bundle_bytes"],
        added_bytes=row["added_bytes"],
        file_count=row["file_count"],
        torn_count=row["torn_count"],
        skipped_count=row["skipped_count"],
        protected=row["protected"],
        format_version=row["format_version"],
        deletion_scheduled_at=row["deletion_scheduled_at"],
        verification=None
        if row["verified_at"] is None
        else ArchiveVerification(
            level=row["verified_level"],
            state="verified" if row["state"] == "complete" else "failed",
            at=row["verified_at"],
        ),
    )
