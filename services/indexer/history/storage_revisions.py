"""Reading the timeline: revisions, kinds, index states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.indexer.memory import timeline_number
from services.indexer.pages import Cut, assemble
from services.indexer.sql import statement
from shared.contracts.discovery import IndexState
from shared.contracts.identifiers import BackupId, JobId
from shared.contracts.indexer import (
    BackupIndex,
    KindReport,
    ListRevisions,
    RevisionSummary,
)
from shared.contracts.problems import bad_request
from shared.cursors import TimePlace, place_of, read_cursor, read_limit, write_cursor

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection


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


async def fetch_kind_totals(
    connection: Connection, devices: Sequence[str] | None, *, lineage: bool = False
) -> dict[str, tuple[int, int]]:
    """Return per kind how many artifacts *devices* have (None: all), and how many were removed.

    With *lineage* what newer devices have as well does not count.
    """
    rows = await connection.fetch(
        "select device, kind, artifact_count, removed_count from kind_total"
        " where $1::text[] is null or device = any($1)",
        devices,
    )
    twice: dict[int, tuple[int, int]] = {}
    if lineage:
        marked = await connection.fetch(
            "select timeline, artifact_count, removed_count from superseded_total"
        )
        twice = {row["timeline"]: (row["artifact_count"], row["removed_count"]) for row in marked}
    totals: dict[str, tuple[int, int]] = {}
    for row in rows:
        count, removed = totals.get(row["kind"], (0, 0))
        less, less_removed = twice.get(timeline_number(row["device"], row["kind"]), (0, 0))
        totals[row["kind"]] = (
            count + row["artifact_count"] - less,
            removed + row["removed_count"] - less_removed,
        )
    return totals


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
