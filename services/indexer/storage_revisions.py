"""Reading the timeline: revisions, what changed between two of them, kinds, index states."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.indexer.cursors import TimePlace, place_of, read_cursor, read_limit, write_cursor
from services.indexer.pages import Cut, assemble, shorten_artifact
from services.indexer.sql import statement
from services.indexer.storage_rows import ARTIFACT_COLUMNS, to_artifacts
from shared.contracts.discovery import IndexState
from shared.contracts.identifiers import BackupId, JobId
from shared.contracts.indexer import (
    Artifact,
    BackupIndex,
    DiffEntry,
    DiffRevisions,
    KindReport,
    ListRevisions,
    RevisionSummary,
)
from shared.contracts.problems import bad_request, not_found, problem

if TYPE_CHECKING:
    from services.indexer.storage_rows import Connection


class DiffPlace(msgspec.Struct, frozen=True, array_like=True):
    """The key that a page of differences ended with."""

    key: str


async def list_revisions(
    connection: Connection, request: ListRevisions, *, most_bytes: int
) -> bytes:
    """Return the indexed revisions of a device, newest first."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, TimePlace)
    rows = await connection.fetch(
        statement("revisions", "list"),
        request.device,
        None if place is None else place.at,
        limit + 1,
    )
    page = [
        RevisionSummary(
            revision=row["digest"],
            backup_id=None if row["backup_id"] is None else BackupId(row["backup_id"]),
            taken_at=row["taken_at"],
            indexed_at=row["indexed_at"],
            kinds=msgspec.convert(row["kinds"], list[KindReport]),
        )
        for row in rows[:limit]
    ]
    cut = Cut(page, most_bytes=most_bytes)
    more = len(rows) > cut.count
    last = place_of(rows[cut.count - 1]["taken_at"], 0) if more and cut.count else None
    return assemble(cut.parts, {"next_cursor": last and write_cursor(last)})


async def diff_revisions(
    connection: Connection, request: DiffRevisions, *, most_bytes: int
) -> bytes:
    """Return what changed between two revisions of one kind, by natural key."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, DiffPlace)
    if place is not None and "\0" in place.key:
        raise bad_request("The cursor is not one that was given out.")
    before = await _moment(connection, request, request.from_revision)
    after = await _moment(connection, request, request.to_revision)
    moments = (request.device, request.kind, before, after)
    counts = await connection.fetchrow(statement("revisions", "count_differences"), *moments)
    rows = await connection.fetch(
        statement("revisions", "differences"),
        *moments,
        None if place is None else place.key,
        limit + 1,
    )
    page = rows[:limit]
    ids = [row[side] for row in page for side in ("before_id", "after_id") if row[side]]
    found = await connection.fetch(
        f"select {ARTIFACT_COLUMNS} from artifact a where a.id = any($1)",  # noqa: S608 -- constant
        ids,
    )
    artifacts = {int(one.id): one for one in await to_artifacts(connection, found)}
    entries = [
        DiffEntry(
            change=row["change"],
            before=artifacts.get(row["before_id"]),
            after=artifacts.get(row["after_id"]),
        )
        for row in page
    ]
    cut = Cut(entries, most_bytes=most_bytes, shorten=_shorten_entry)
    more = len(rows) > cut.count
    assert counts is not None
    return assemble(
        cut.parts,
        {
            "next_cursor": write_cursor(DiffPlace(page[cut.count - 1]["key"]))
            if more and cut.count
            else None,
            **{name: counts[name] for name in ("added", "removed", "changed")},
        },
    )


async def fetch_kind_totals(
    connection: Connection, device: str | None
) -> dict[str, tuple[int, int]]:
    """Return per kind how many artifacts there are, and how many were removed."""
    rows = await connection.fetch(
        "select kind, sum(artifact_count)::bigint as artifact_count,"
        " sum(removed_count)::bigint as removed_count from kind_total"
        " where $1::text is null or device = $1 group by kind",
        device,
    )
    return {row["kind"]: (row["artifact_count"], row["removed_count"]) for row in rows}


async def fetch_index_states(
    connection: Connection, backup_ids: Sequence[str]
) -> dict[str, BackupIndex]:
    """Return how backups stand; those never heard of are left out."""
    try:
        ids = [UUID(backup_id) for backup_id in backup_ids]
    except ValueError:
        raise bad_request("backup_ids must be ids of backups.") from None
    rows = await connection.fetch(statement("revisions", "index_states"), ids)
    return {row["backup_id"]: _index_state(row) for row in rows}


def _index_state(row: Any) -> BackupIndex:
    was_indexed = row["indexed_at"] is not None
    state: IndexState = "indexed" if was_indexed else "none"
    if row["job_state"] == "pending":
        state = "queued"
    elif row["job_state"] == "running":
        state = "indexing"
    elif row["job_state"] in ("failed", "interrupted"):
        state = "failed"
    return BackupIndex(
        state=state,
        indexed_at=row["indexed_at"],
        revision=row["revision"],
        job_id=None if row["job_id"] is None else JobId(row["job_id"]),
    )


async def _moment(connection: Connection, request: DiffRevisions, digest: str) -> dt.datetime:
    row = await connection.fetchrow(
        "select r.taken_at, exists (select 1 from kind_index k where k.device = r.device"
        " and k.kind = $3 and k.taken_at = r.taken_at and k.state = 'indexed') as is_known"
        " from revision r where r.device = $1 and r.digest = $2",
        request.device,
        digest,
        request.kind,
    )
    if row is None:
        raise not_found("revision")
    if not row["is_known"]:
        raise problem(
            "conflict",
            "That revision does not say anything about this kind.",
            409,
            "The kind was absent from the backup or could not be read whole.",
        )
    moment: dt.datetime = row["taken_at"]
    return moment


def _shorten_entry(entry: DiffEntry) -> DiffEntry:
    def shorten(artifact: Artifact | None) -> Artifact | None:
        return None if artifact is None else shorten_artifact(artifact)

    return msgspec.structs.replace(entry, before=shorten(entry.before), after=shorten(entry.after))
