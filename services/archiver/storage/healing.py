"""What the catalogue knows of archives whose bundles are lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.archiver.format.tree import TreeEntry
from services.archiver.storage.journal import fetch_places, split_digests

if TYPE_CHECKING:
    import asyncpg

_BATCH = 2000


async def fetch_lost_bundles(pool: asyncpg.Pool[Any], destination_id: UUID) -> list[Any]:
    """Return the rows of archives whose bundle is missing or damaged."""
    rows: list[Any] = await pool.fetch(
        "select * from archive where destination_id = $1 and bundle_state <> 'right'"
        " and deletion_began_at is null order by created_at, id",
        destination_id,
    )
    return rows


async def fetch_tree_by_path(
    pool: asyncpg.Pool[Any], archive: Any
) -> AsyncIterator[list[TreeEntry] | None]:
    """Yield the entries of an archive, a folder before what is in it; None where a blob is missing.

    By the bytes of paths: what begins with another one comes after it.
    """
    after = b""
    while True:
        rows = await pool.fetch(
            "select * from tree_entry where source_id = $1 and destination_id = $2"
            " and since <= $3 and (until is null or until > $3) and path > $4"
            " order by path limit $5",
            archive["source_id"],
            archive["destination_id"],
            archive["number"],
            after,
            _BATCH,
        )
        if not rows:
            return
        after = rows[-1]["path"]
        names = {blob for row in rows for blob in split_digests(row["blobs"])}
        places = await fetch_places(pool, archive["destination_id"], names)
        if len(places) < len(names):
            yield None
            return
        yield [
            TreeEntry(
                path=row["path"],
                type=row["type"],
                mode=row["mode"],
                mtime_ns=row["mtime_ns"],
                size_bytes=row["size_bytes"],
                blobs=tuple(places[blob] for blob in split_digests(row["blobs"])),
                target=row["target"],
                is_torn=row["is_torn"],
            )
            for row in rows
        ]


async def record_bundle(
    pool: asyncpg.Pool[Any],
    archive_id: UUID,
    *,
    sha256: bytes,
    size_bytes: int,
    manifest: Mapping[str, Any],
) -> None:
    """Write down that a bundle was written again."""
    await pool.execute(
        "update archive set bundle_sha256 = $2, bundle_bytes = $3, manifest = $4,"
        " bundle_state = 'right' where id = $1",
        archive_id,
        sha256,
        size_bytes,
        manifest,
    )
