"""Reading artifacts of any kind: lists, one, its versions, where an attachment lies."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from services.indexer.history.storage_rows import (
    ARTIFACT_COLUMNS,
    Conditions,
    staged_attachments,
    to_artifacts,
    to_attachment,
)
from services.indexer.lineage.storage_links import lineage_of
from services.indexer.lineage.storage_view import devices_meant, fetch_shards_of, see_once
from services.indexer.pages import assemble, fit, shorten_artifact
from shared.contracts.identifiers import BackupId, FileId, Udid
from shared.contracts.indexer import (
    AttachmentLocation,
    GetArtifact,
    ListArtifacts,
    ListVersions,
    LocateAttachment,
)
from shared.contracts.problems import not_found, problem
from shared.cursors import (
    TimePlace,
    place_of,
    read_cursor,
    read_id,
    read_limit,
    write_cursor,
)

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row


def utc(moment: dt.datetime | None) -> dt.datetime | None:
    """Return *moment* with its zone; one without is UTC, not the server's own."""
    return moment.replace(tzinfo=dt.UTC) if moment is not None and moment.tzinfo is None else moment


async def list_artifacts(
    connection: Connection, request: ListArtifacts, *, most_bytes: int
) -> bytes:
    """Return a page of artifacts, newest first, with cursors both ways."""
    limit = read_limit(request.limit)
    place = None if request.cursor is None else read_cursor(request.cursor, TimePlace)
    backward = place is not None and place.backward
    where = Conditions()
    # Without it, asking for what there is little of would mean to read everything in order.
    devices = await devices_meant(connection, request.device, lineage=request.lineage)
    shards = await fetch_shards_of(connection, devices, kind=request.kind)
    where.add("a.shard = any({shards})", shards=[shard.number for shard in shards])
    if devices is not None and len(devices) == 1:
        where.add("a.device = {device}", device=devices[0])
    elif devices is not None:
        where.add("a.device = any({devices})", devices=devices)
    if request.lineage:
        see_once(where, utc(request.as_of))
    if request.kind is not None:
        where.add("a.kind = {kind}", kind=request.kind)
    if request.since is not None:
        where.add("a.sort_at >= {since}", since=utc(request.since))
    if request.until is not None:
        where.add("a.sort_at < {until}", until=utc(request.until))
    # A reason is one for which something went: what is there has none.
    is_gone = request.reason is not None and request.reason != "offloaded"
    where.see("only" if is_gone else request.removed, utc(request.as_of))
    if request.reason is not None:
        where.went_for(request.reason)
    if place is not None:
        compare = ">" if backward else "<"
        where.add(f"(a.sort_at, a.id) {compare} ({{at}}, {{id}})", at=place.at, id=place.id)
    way = "asc" if backward else "desc"
    rows = await connection.fetch(
        f"select {ARTIFACT_COLUMNS} from artifact a where {where}"  # noqa: S608 -- parameters only
        f" order by a.sort_at {way}, a.id {way} limit {limit + 1}",
        *where.parameters,
    )
    page = rows[:limit]
    artifacts = await to_artifacts(connection, page)
    cut = await fit(artifacts, rows=page, most_bytes=most_bytes, shorten=shorten_artifact)
    page, parts = page[: cut.count], cut.parts
    more = len(rows) > len(page)
    if backward:
        page, parts = page[::-1], parts[::-1]
    has_next, has_previous = (True, more) if backward else (more, place is not None)
    return assemble(
        parts,
        {
            "next_cursor": _cursor(page[-1]) if page and has_next else None,
            "previous_cursor": _cursor(page[0], backward=True) if page and has_previous else None,
            "position": None,
        },
    )


async def get_artifact(connection: Connection, request: GetArtifact, *, most_bytes: int) -> bytes:
    """Return one artifact, of whichever revision."""
    rows = [await find_artifact(connection, request.artifact_id)]
    artifacts = await to_artifacts(connection, rows)
    cut = await fit(artifacts, rows=rows, most_bytes=most_bytes, shorten=shorten_artifact)
    return cut.parts[0]


async def list_versions(connection: Connection, request: ListVersions, *, most_bytes: int) -> bytes:
    """Return every version of an artifact, oldest first."""
    known = await find_artifact(connection, request.artifact_id)
    # What an older device of the lineage had under the same key are versions as well.
    rows = await connection.fetch(
        f"select {ARTIFACT_COLUMNS} from artifact a"  # noqa: S608 -- parameters only
        " where a.device = any($1) and a.kind = $2 and a.key = $3"
        " order by a.added_at, a.id limit 1000",
        await lineage_of(connection, known["device"]),
        known["kind"],
        known["key"],
    )
    artifacts = await to_artifacts(connection, rows)
    cut = await fit(artifacts, rows=rows, most_bytes=most_bytes, shorten=shorten_artifact)
    return assemble(cut.parts, {"next_cursor": None})


async def locate_attachment(
    connection: Connection, request: LocateAttachment
) -> AttachmentLocation:
    """Return where an attachment lies; 404 says why when it is nowhere."""
    row = await find_artifact(connection, request.artifact_id)
    attachments = staged_attachments(row)
    if not 0 <= request.n < len(attachments):
        raise not_found("attachment")
    staged = attachments[request.n]
    if staged.file_id is None or not staged.present:
        raise problem(
            "not-in-this-backup",
            "The file is not in the backup.",
            404,
            staged.reason or "The phone did not put this file into its backup.",
        )
    return AttachmentLocation(
        attachment=to_attachment(request.n, staged),
        device=Udid(row["device"]),
        backup_ids=await find_holders(connection, row),
        file_id=FileId(staged.file_id),
    )


async def find_holders(connection: Connection, row: Row) -> list[BackupId]:
    """Return the backups that held an artifact, the newest first."""
    holders = await connection.fetch(
        "select b.backup_id::text, max(b.taken_at) as newest from artifact a"
        " join revision_backup b on b.device = a.device and b.taken_at >= a.added_at"
        " and (a.removed_at is null or b.taken_at < a.removed_at)"
        " where a.id = $1 group by b.backup_id order by newest desc",
        row["id"],
    )
    return [BackupId(holder["backup_id"]) for holder in holders]


async def find_artifact(connection: Connection, artifact_id: str) -> Row:
    """Return an artifact's row; 404 when there is none."""
    row = await connection.fetchrow(
        f"select {ARTIFACT_COLUMNS} from artifact a where a.id = $1",  # noqa: S608 -- constant
        read_id(artifact_id, "artifact"),
    )
    if row is None:
        raise not_found("artifact")
    found: Row = row
    return found


def _cursor(row: Row, *, backward: bool = False) -> str:
    return write_cursor(place_of(row["sort_at"], row["id"], backward=backward))
