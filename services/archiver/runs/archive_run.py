"""One archive: a source is put into a store, a bundle says what it is, the catalogue knows it.

Committed in this order: objects, bundle, catalogue row. Without a bundle there is no archive, so
one that is half made is nowhere to be seen; what was stored for it is written down, and the next
run goes on from there. One run writes to a store at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.format.bundle import BundleFile, describe, write_bundle
from services.archiver.format.compression import compressed
from services.archiver.format.manifest import (
    TREE_MEMBER,
    VERSION,
    Manifest,
    Skipped,
    SourceFacts,
    TreeFacts,
)
from services.archiver.format.names import bundle_path
from services.archiver.format.standalone import standalone_files
from services.archiver.opening import Destinations, OpenPlace
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.store_lock import store_lock
from services.archiver.sources import backup as phone_backup
from services.archiver.sources.trees import tree_of
from services.archiver.storage.archives import NewArchive, Turn, next_turn
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.sources import get_source
from services.archiver.store.transport import Transport
from services.archiver.store.tree_writer import TreeSums, put_tree, write_tree
from shared.bus import Bus
from shared.contracts.archiver import Destination, Source
from shared.contracts.discovery import Location
from shared.scratch import Scratch

if TYPE_CHECKING:
    import asyncpg

_MOST_TOLD = 1000


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An archive whose bundle lies in its place; the catalogue does not know it yet."""

    archive: NewArchive
    #: What the tree consists of, for the catalogue; removed when the run is over.
    seen: Path
    report: dict[str, Any]


class ArchiveRunner:
    """Makes archives."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        scratch: Scratch,
        destinations: Destinations,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
    ) -> None:
        """Use *scratch* for what is written before it goes to a destination."""
        self._pool = pool
        self._bus = bus
        self._scratch = scratch
        self._destinations = destinations
        self._connect = connect

    async def run(self, job: ArchiverJob, record: Callable[[Made], Awaitable[None]]) -> None:
        """Make an archive and *record* it, while nobody else writes to its destination.

        Raises ``ArchiverError``, ``ProblemError``, OSError of our own disk.
        """
        assert job.source_id is not None
        assert job.destination_id is not None
        source = await get_source(self._pool, job.source_id)
        destination = await get_destination(self._pool, job.destination_id)
        pulse = Pulse(pool=self._pool, bus=self._bus, job_id=job.id)
        folder = await asyncio.to_thread(self._scratch.make, job.id)
        try:
            async with pulse.beating(), store_lock(self._connect, destination.id):
                location = await phone_backup.locate_source(self._bus, source)
                ids = {"source_id": UUID(source.id), "destination_id": UUID(destination.id)}
                work = _Work(
                    job=job,
                    source=source,
                    destination=destination,
                    place=await self._destinations.find(destination),
                    location=location,
                    pulse=pulse,
                    folder=folder,
                    journal=PostgresJournal(self._pool, asyncio.get_running_loop(), **ids),
                    turn=await next_turn(self._pool, **ids, asked_at=job.created_at),
                )
                made = await asyncio.to_thread(work.make)
                if location is not None:
                    await phone_backup.check_same(self._bus, location)
                await record(made)
        finally:
            await asyncio.to_thread(self._scratch.remove, folder)


class _Work:
    """The part that blocks."""

    def __init__(
        self,
        *,
        job: ArchiverJob,
        source: Source,
        destination: Destination,
        place: OpenPlace,
        location: Location | None,
        pulse: Pulse,
        folder: Path,
        journal: PostgresJournal,
        turn: Turn,
    ) -> None:
        self._job = job
        self._source = source
        self._destination = destination
        self._place = place
        self._location = location
        self._pulse = pulse
        self._folder = folder
        self._journal = journal
        self._turn = turn
        self._skipped: list[tuple[bytes, str]] = []

    def make(self) -> Made:
        with self._place.opened() as transport:
            transport.clean()
            seen = self._folder / "seen"
            sums = self._put_tree(transport, seen)
            self._pulse.begin("writing the bundle")
            at = self._turn.at
            manifest, bundle = self._bundle(seen, sums)
            digest = _sha256(bundle)
            path = bundle_path(self._source.id, at=at, kind=manifest.kind)
            name = path.rpartition("/")[2]
            transport.put_file(path, bundle)
            transport.put(f"{path}.sha256", [f"{digest}  {name}\n".encode()])
            bundle_bytes = bundle.stat().st_size
        archive = NewArchive(
            id=self._job.archive_id,
            source_id=UUID(self._source.id),
            destination_id=UUID(self._destination.id),
            number=self._turn.number,
            kind=manifest.kind,
            path=path,
            created_at=at,
            bundle_sha256=bytes.fromhex(digest),
            bundle_bytes=bundle_bytes,
            source_bytes=sums.size_bytes,
            added_bytes=sums.added_bytes + bundle_bytes,
            file_count=sums.file_count,
            torn_count=sums.torn_count,
            skipped_count=len(self._skipped),
            format_version=VERSION,
            manifest=msgspec.to_builtins(manifest),
        )
        return Made(archive=archive, seen=seen, report=self._report(sums, bundle_bytes))

    def _put_tree(self, transport: Transport, seen: Path) -> TreeSums:
        position = self._pulse.position
        with tree_of(self._source, self._location) as tree, seen.open("wb") as output:
            self._pulse.begin("counting")
            files = [found.size_bytes for found in tree.walk() if found.type == "file"]
            position.files_total, position.bytes_total = len(files), sum(files)
            tree.skipped.clear()
            self._pulse.begin("reading and storing")

            def tell(sums: TreeSums) -> None:
                position.files_done, position.bytes_done = sums.file_count, sums.size_bytes

            sums = put_tree(
                tree,
                transport=transport,
                journal=self._journal,
                seen=output,
                on_progress=tell,
                is_cancelled=self._pulse.is_stopping,
            )
            self._skipped = tree.skipped
        return sums

    def _bundle(self, seen: Path, sums: TreeSums) -> tuple[Manifest, Path]:
        tree = self._folder / "tree.jsonl.zst"
        with seen.open("rb") as lines, tree.open("wb") as file, compressed(file, "zst") as output:
            write_tree(lines, output, self._journal)
        files = [*standalone_files(), BundleFile(path=TREE_MEMBER, content=tree)]
        manifest = Manifest(
            archive_id=str(self._job.archive_id),
            store_id=self._destination.store_id,
            kind=self._source.type,
            created_at=self._turn.at,
            keepsake_version=version("keepsake"),
            source=SourceFacts(
                id=self._source.id,
                name=self._source.name,
                type=self._source.type,
                facts=self._facts(),
            ),
            members=[describe(file) for file in files],
            tree=TreeFacts(
                file_count=sums.file_count,
                directory_count=sums.directory_count,
                symlink_count=sums.symlink_count,
                size_bytes=sums.size_bytes,
                torn_count=sums.torn_count,
                skipped=[
                    Skipped(path=path.decode("utf-8", "replace"), reason=reason)
                    for path, reason in self._skipped[:_MOST_TOLD]
                ],
                skipped_count=len(self._skipped),
            ),
        )
        bundle = self._folder / "bundle"
        with bundle.open("wb") as output:
            write_bundle(output, manifest, files, key=self._place.key)
        return manifest, bundle

    def _facts(self) -> dict[str, Any]:
        if self._location is None:
            return {"path": self._source.config.path}
        return {
            "udid": self._location.udid,
            "revision": self._location.revision,
            "taken_at": self._location.taken_at,
            "encrypted": self._location.encrypted,
        }

    def _report(self, sums: TreeSums, bundle_bytes: int) -> dict[str, Any]:
        return {
            **self._pulse.report(),
            "archive_id": str(self._job.archive_id),
            "files_done": sums.file_count,
            "bytes_done": sums.size_bytes,
            "files_read": sums.read_count,
            "bytes_read": sums.read_bytes,
            "bytes_added": sums.added_bytes + bundle_bytes,
            "objects_added": sums.object_count,
            "torn": sums.torn_count,
            "skipped": len(self._skipped),
        }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
