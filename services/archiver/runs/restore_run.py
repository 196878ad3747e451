"""One restore: an archive, or some paths of it, becomes files in a folder again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.format.manifest import Manifest
from services.archiver.format.tree import TreeEntry
from services.archiver.opening import Destinations, OpenPlace
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.run_log import RunLogs
from services.archiver.sources import immich
from services.archiver.storage.archives import MIRRORED, find_archive_row
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import ArchiverJob, RestoreWish
from services.archiver.storage.mirrors import mirrored_reader
from services.archiver.storage.trees import fetch_entries, sum_entries
from services.archiver.store.blobs import BlobReader
from services.archiver.store.member_restorer import restore_members, wanted_members
from services.archiver.store.mirrored import MirrorReader
from services.archiver.store.transport import Transport
from services.archiver.store.tree_restorer import Restored, restore_each, restore_tree
from shared.bus import Bus
from shared.contracts.problems import not_found
from shared.heap import give_back

if TYPE_CHECKING:
    import asyncpg

#: Where fewer files than this are wanted, parts of packs are fetched and not whole ones.
_FEW_FILES = 50


class RestoreRunner:
    """Restores archives."""

    def __init__(
        self, *, pool: asyncpg.Pool[Any], bus: Bus, destinations: Destinations, logs: RunLogs
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._destinations = destinations
        self._logs = logs

    async def run(self, job: ArchiverJob) -> dict[str, Any]:
        """Restore what was asked for and return the report.

        Raises ``ArchiverError``, ``ProblemError``, OSError of the disk that it goes to.
        """
        assert job.archive_id is not None
        wish = msgspec.convert(job.request, RestoreWish)
        archive = await find_archive_row(self._pool, job.archive_id)
        if archive is None:
            raise not_found("archive")
        destination = await get_destination(self._pool, UUID(str(archive["destination_id"])))
        manifest = msgspec.convert(archive["manifest"], Manifest)
        members = None if manifest.tree else wanted_members(manifest, wish.paths)
        if members is None:
            files, size_bytes = await sum_entries(self._pool, archive, paths=wish.paths)
        else:
            files, size_bytes = len(members), sum(member.size_bytes for member in members)
        pulse = Pulse(pool=self._pool, bus=self._bus, job_id=job.id, log=self._logs.of(job))
        pulse.position.files_total, pulse.position.bytes_total = files, size_bytes
        if wish.dry_run:
            return {**pulse.report(), "target": wish.target, "dry_run": True}
        async with pulse.beating():
            pulse.begin("restoring")
            place = await self._destinations.find(destination)
            if members is None:
                entries = _Entries(self._pool, asyncio.get_running_loop(), archive, wish.paths)
            if archive["format_version"] == MIRRORED:
                reader = await mirrored_reader(self._pool, archive)
                restored = await asyncio.to_thread(
                    _restore_mirrored, place, entries, wish, pulse, reader
                )
            elif members is None:
                restored = await asyncio.to_thread(
                    _restore, place, entries, wish, pulse, takes_whole_packs=files > _FEW_FILES
                )
            else:
                restored = await asyncio.to_thread(
                    _restore_members, place, archive["path"], wish, pulse
                )
            after = await asyncio.to_thread(_after, archive["manifest"], wish)
        await asyncio.to_thread(give_back)
        return {**pulse.report(), **_report(restored), **after, "target": wish.target}


def _restore_mirrored(
    place: OpenPlace,
    entries: Iterator[TreeEntry],
    wish: RestoreWish,
    pulse: Pulse,
    reader_of: Callable[[Transport], MirrorReader],
) -> Restored:
    with place.opened() as transport:
        reader = reader_of(transport)
        return restore_each(
            ((entry, reader.pieces(entry)) for entry in entries),
            Path(wish.target),
            overwrites=wish.overwrite,
            on_progress=_telling(pulse),
            is_cancelled=pulse.is_stopping,
        )


def _after(manifest: dict[str, Any], wish: RestoreWish) -> dict[str, Any]:
    """Do what has to be done once everything is back, and return what to do next."""
    source = manifest["source"]
    if wish.paths is not None or source.get("preset") != "immich":
        return {}
    made = immich.make_folders(Path(wish.target))
    return {"folders_made": made, "next_steps": immich.next_steps(source["facts"])}


def _restore(
    place: OpenPlace,
    entries: Iterator[TreeEntry],
    wish: RestoreWish,
    pulse: Pulse,
    *,
    takes_whole_packs: bool,
) -> Restored:
    with place.opened() as transport:
        return restore_tree(
            entries,
            Path(wish.target),
            blobs=BlobReader(transport, takes_whole_packs=takes_whole_packs),
            overwrites=wish.overwrite,
            on_progress=_telling(pulse),
            is_cancelled=pulse.is_stopping,
        )


def _restore_members(place: OpenPlace, path: str, wish: RestoreWish, pulse: Pulse) -> Restored:
    with place.opened() as transport:
        return restore_members(
            transport,
            path,
            Path(wish.target),
            key=place.key,
            paths=wish.paths,
            overwrites=wish.overwrite,
            on_progress=_telling(pulse),
            is_cancelled=pulse.is_stopping,
        )


def _telling(pulse: Pulse) -> Callable[[Restored], None]:
    position = pulse.position

    def tell(sums: Restored) -> None:
        position.files_done = sums.file_count + sums.same_count
        position.bytes_done = sums.size_bytes

    return tell


class _Entries(Iterator[TreeEntry]):
    """The entries of an archive, fetched for a thread."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        loop: asyncio.AbstractEventLoop,
        archive: Any,
        paths: list[str] | None,
    ) -> None:
        self._pool = pool
        self._loop = loop
        self._archive = archive
        self._paths = paths
        self._after = 0
        self._batch: Iterator[TreeEntry] = iter(())

    def __next__(self) -> TreeEntry:
        try:
            return next(self._batch)
        except StopIteration:
            pass
        batch, self._after = asyncio.run_coroutine_threadsafe(
            fetch_entries(self._pool, self._archive, paths=self._paths, after=self._after),
            self._loop,
        ).result()
        self._batch = iter(batch)
        return next(self._batch)


def _report(restored: Restored) -> dict[str, Any]:
    return {
        "files_done": restored.file_count,
        "bytes_done": restored.size_bytes,
        "folders": restored.directory_count,
        "links": restored.symlink_count,
        "same": restored.same_count,
        "refused": restored.refused_count,
        "refused_items": [
            {"path": one.path.decode("utf-8", "replace"), "reason": one.reason}
            for one in restored.refused
        ],
    }
