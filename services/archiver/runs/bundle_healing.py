"""A bundle that was lost or damaged is written again from the catalogue, which has all of a tree.

Only where the archive holds nothing else, and every blob of it is there: a dump of a database lay
in the bundle alone. It is the same archive then, with the same files, as of the same moment.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import structlog

from services.archiver.errors import ArchiverError
from services.archiver.format.bundle import BundleFile, describe, write_bundle
from services.archiver.format.compression import Compression, compressed
from services.archiver.format.manifest import TREE_MEMBER, Manifest
from services.archiver.format.standalone import standalone_files
from services.archiver.format.tree import write_line
from services.archiver.opening import OpenPlace
from services.archiver.storage.healing import (
    fetch_lost_bundles,
    fetch_tree_by_path,
    record_bundle,
)
from services.archiver.storage.states import refresh_states

if TYPE_CHECKING:
    import asyncpg

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def heal_bundles(
    pool: asyncpg.Pool[Any], *, destination_id: UUID, place: OpenPlace, folder: Path
) -> int:
    """Write bundles again that can be; return how many. The caller is alone in the destination.

    What cannot be done now is left for the next time: nobody's archive fails for it.
    """
    count = 0
    try:
        for archive in await fetch_lost_bundles(pool, destination_id):
            count += await _heal(pool, archive, place=place, folder=folder)
    except ArchiverError as error:
        log.info("bundles_not_written_again", error=type(error).__name__)
    if count:
        await refresh_states(pool, destination_id)
        log.info("bundles_written_again", count=count)
    return count


async def _heal(pool: asyncpg.Pool[Any], archive: Any, *, place: OpenPlace, folder: Path) -> bool:
    manifest = msgspec.convert(archive["manifest"], Manifest)
    standalone = standalone_files()
    own = {member.path for member in manifest.members} - {file.path for file in standalone}
    if manifest.tree is None or own != {TREE_MEMBER}:
        return False
    tree = folder / "healed tree"
    if not await _write_tree(pool, archive, tree):
        return False
    bundle = folder / "healed bundle"
    compression: Compression = "gz" if archive["path"].endswith(".gz") else "zst"

    def write() -> tuple[str, Manifest]:
        files = [*standalone, BundleFile(path=TREE_MEMBER, content=tree)]
        anew = msgspec.structs.replace(manifest, members=[describe(file) for file in files])
        with bundle.open("wb") as output:
            write_bundle(output, anew, files, key=place.key, compression=compression)
        with bundle.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        name = archive["path"].rpartition("/")[2]
        with place.opened() as transport:
            transport.put_file(archive["path"], bundle)
            transport.put(f"{archive['path']}.sha256", [f"{digest}  {name}\n".encode()])
        return digest, anew

    digest, anew = await asyncio.to_thread(write)
    await record_bundle(
        pool,
        archive["id"],
        sha256=bytes.fromhex(digest),
        size_bytes=bundle.stat().st_size,
        manifest=msgspec.to_builtins(anew),
    )
    return True


async def _write_tree(pool: asyncpg.Pool[Any], archive: Any, tree: Path) -> bool:
    """Write the tree of an archive as bundles have it; False where a blob of it is missing."""
    with tree.open("wb") as file, compressed(file, "zst") as output:
        async for batch in fetch_tree_by_path(pool, archive):
            if batch is None:
                return False
            lines = b"".join(map(write_line, batch))
            await asyncio.to_thread(output.write, lines)
    return True
