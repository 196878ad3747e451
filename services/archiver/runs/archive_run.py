"""One archive: a source is put into a store, a bundle says what it is, the catalogue knows it.

Committed in this order: objects, bundle, catalogue row. Without a bundle there is no archive, so
one that is half made is nowhere to be seen; what was stored for it is written down, and the next
run goes on from there. One run writes to a store at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.archiver.format.bundle import BundleFile, describe, write_bundle
from services.archiver.format.compression import Compression, compressed
from services.archiver.format.manifest import (
    ITEMS_MEMBER,
    TREE_MEMBER,
    VERSION,
    Manifest,
    SourceFacts,
    tree_facts,
)
from services.archiver.format.names import bundle_path
from services.archiver.format.standalone import standalone_files
from services.archiver.opening import Destinations, OpenPlace
from services.archiver.runs.at_work import around, at_work
from services.archiver.runs.bundle_healing import heal_bundles
from services.archiver.runs.pulse import Pulse
from services.archiver.runs.run_log import RunLogs
from services.archiver.runs.tidying import begin_writing
from services.archiver.sources.gathered import Gathered
from services.archiver.sources.gathering import gathered
from services.archiver.sources.item import Item
from services.archiver.sources.means import Means
from services.archiver.sources.remembering import told_config
from services.archiver.sources.tree import TreeSource
from services.archiver.storage.archives import NewArchive, Turn, find_made, next_turn
from services.archiver.storage.destinations import get_destination
from services.archiver.storage.jobs import ArchiverJob
from services.archiver.storage.journal import PostgresJournal
from services.archiver.storage.sources import get_source
from services.archiver.storage.upkeep import mark_tidy
from services.archiver.store.transport import Transport
from services.archiver.store.tree_survey import TreeSums
from services.archiver.store.tree_writer import StoredTree, put_tree
from shared.bus import Bus
from shared.contracts.archiver import Destination, Source
from shared.scratch import Scratch

if TYPE_CHECKING:
    import asyncpg


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An archive whose bundle lies in its place; the catalogue does not know it yet."""

    archive: NewArchive
    #: What the tree consists of, for the catalogue; removed when the run is over. None: no tree.
    seen: Path | None
    items: Sequence[Item]
    report: dict[str, Any]
    #: What else it consists of: rows that the catalogue has already.
    same: Sequence[int] = ()
    #: An earlier try had come so far, and whoever wrote there next took the archive up.
    is_known: bool = False


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
        logs: RunLogs,
        means: Means,
    ) -> None:
        """Use *scratch* for what is written before it goes to a destination."""
        self._pool = pool
        self._bus = bus
        self._scratch = scratch
        self._destinations = destinations
        self._connect = connect
        self._logs = logs
        self._means = means

    async def run(self, job: ArchiverJob, record: Callable[[Made], Awaitable[None]]) -> None:
        """Make an archive and *record* it. Whose turn it is calls this (see ``turns``).

        Raises ``ArchiverError``, ``ProblemError``, OSError of our own disk.
        """
        assert job.source_id is not None
        assert job.destination_id is not None
        source = await get_source(self._pool, job.source_id)
        destination = await get_destination(self._pool, job.destination_id)
        pulse = Pulse(pool=self._pool, bus=self._bus, job_id=job.id, log=self._logs.of(job))
        async with at_work(job, scratch=self._scratch, pulse=pulse) as folder:
            ids = {"source_id": UUID(source.id), "destination_id": UUID(destination.id)}
            place = await self._destinations.find(destination)
            await begin_writing(
                self._pool,
                self._connect,
                destination=destination,
                place=place,
                folder=folder,
                pulse=pulse,
                archive_id=job.archive_id,
            )
            assert job.archive_id is not None
            if known := await find_made(self._pool, job.archive_id):
                await record(_taken_up(known))
                await mark_tidy(self._pool, job.destination_id)
                return
            around_it = around(folder, bus=self._bus, pulse=pulse, means=self._means)
            async with gathered(source, around_it) as found:
                work = _Work(
                    job=job,
                    source=source,
                    destination=destination,
                    place=place,
                    gathered=found,
                    pulse=pulse,
                    folder=folder,
                    journal=PostgresJournal(self._pool, asyncio.get_running_loop(), **ids),
                    turn=await next_turn(self._pool, **ids, asked_at=job.created_at),
                    compression=self._means.settings.archiver.bundle_compression,
                )
                made = await asyncio.to_thread(work.make)
            # What other archives lacked is there now, if this source had it.
            await heal_bundles(
                self._pool, destination_id=job.destination_id, place=place, folder=folder
            )
            await record(made)
            await mark_tidy(self._pool, job.destination_id)


class _Work:
    """The part that blocks."""

    def __init__(
        self,
        *,
        job: ArchiverJob,
        source: Source,
        destination: Destination,
        place: OpenPlace,
        gathered: Gathered,
        pulse: Pulse,
        folder: Path,
        journal: PostgresJournal,
        turn: Turn,
        compression: Compression,
    ) -> None:
        self._job = job
        self._source = source
        self._destination = destination
        self._place = place
        self._gathered = gathered
        self._pulse = pulse
        self._folder = folder
        self._journal = journal
        self._turn = turn
        self._compression = compression
        self._skipped: list[tuple[bytes, str]] = []

    def make(self) -> Made:
        with self._place.opened() as transport:
            source = self._gathered.tree
            member = self._folder / "tree.jsonl.zst"
            tree = None if source is None else self._put_tree(transport, source, member)
            sums = tree.sums if tree else TreeSums()
            self._pulse.begin("writing the bundle")
            at = self._turn.at
            manifest, bundle = self._bundle(member if tree else None, sums)
            digest = _sha256(bundle)
            path = bundle_path(
                self._source.id, at=at, kind=manifest.kind, compression=self._compression
            )
            name = path.rpartition("/")[2]
            transport.put_file(path, bundle)
            transport.put(f"{path}.sha256", [f"{digest}  {name}\n".encode()])
            bundle_bytes = bundle.stat().st_size
        assert self._job.archive_id is not None
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
            source_bytes=sums.size_bytes + self._member_bytes(manifest),
            added_bytes=sums.added_bytes + bundle_bytes,
            file_count=sums.file_count + len(self._gathered.members),
            torn_count=sums.torn_count,
            skipped_count=len(self._skipped),
            format_version=VERSION,
            manifest=msgspec.to_builtins(manifest),
        )
        return Made(
            archive=archive,
            seen=tree.seen if tree else None,
            same=tree.same if tree else (),
            items=self._gathered.items,
            report=self._report(sums, archive),
        )

    def _put_tree(self, transport: Transport, source: TreeSource, member: Path) -> StoredTree:
        position = self._pulse.position

        def begin(sums: TreeSums) -> None:
            position.files_total, position.bytes_total = sums.found_count, sums.found_bytes
            tell(sums)
            self._pulse.begin("reading and storing")

        def tell(sums: TreeSums) -> None:
            position.files_done = sums.file_count + sums.batch_count
            done = sums.size_bytes + sums.batch_bytes - sums.waiting_bytes
            position.bytes_done = max(position.bytes_done, done)

        self._pulse.begin("looking for what is new")
        with source, member.open("wb") as file, compressed(file, "zst") as lines:
            tree = put_tree(
                source,
                transport=transport,
                journal=self._journal,
                folder=self._folder,
                lines=lines,
                on_looked=begin,
                on_progress=tell,
                is_cancelled=self._pulse.is_stopping,
            )
        self._skipped = source.skipped
        return tree

    def _bundle(self, tree: Path | None, sums: TreeSums) -> tuple[Manifest, Path]:
        files = standalone_files()
        if self._gathered.items:
            # For whoever makes the catalogue anew from what lies in a destination.
            items = msgspec.json.encode(self._gathered.items) + b"\n"
            files.append(BundleFile(path=ITEMS_MEMBER, content=items))
        files += self._gathered.members
        if tree is not None:
            files.append(BundleFile(path=TREE_MEMBER, content=tree))
        manifest = Manifest(
            archive_id=str(self._job.archive_id),
            store_id=self._destination.store_id,
            kind=self._gathered.kind,
            created_at=self._turn.at,
            keepsake_version=version("keepsake"),
            source=SourceFacts(
                id=self._source.id,
                name=self._source.name,
                type=self._source.type,
                preset=self._source.preset,
                facts=self._gathered.facts,
                config=told_config(self._source),
                priority=self._source.priority,
            ),
            members=[describe(file) for file in files],
            tree=None if tree is None else tree_facts(sums, self._skipped),
            contents=self._gathered.contents,
        )
        bundle = self._folder / "bundle"
        with bundle.open("wb") as output:
            write_bundle(
                output, manifest, files, key=self._place.key, compression=self._compression
            )
        return manifest, bundle

    def _member_bytes(self, manifest: Manifest) -> int:
        """Return how long the source's own members are, without what every bundle has."""
        own = {file.path for file in self._gathered.members}
        return sum(member.size_bytes for member in manifest.members if member.path in own)

    def _report(self, sums: TreeSums, archive: NewArchive) -> dict[str, Any]:
        return {
            **self._pulse.report(),
            "archive_id": str(archive.id),
            "files_done": archive.file_count,
            "bytes_done": archive.source_bytes,
            # Members are read anew every time.
            "files_read": sums.read_count + len(self._gathered.members),
            "bytes_read": sums.read_bytes + archive.source_bytes - sums.size_bytes,
            "bytes_added": archive.added_bytes,
            "objects_added": sums.object_count,
            "torn": sums.torn_count,
            "skipped": archive.skipped_count,
            # What is sent out encrypted is lost with its passwords.
            "warnings": self._destination.warnings if self._destination.crypt else [],
            **self._gathered.report,
        }


def _taken_up(archive: NewArchive) -> Made:
    report = {
        "archive_id": str(archive.id),
        "files_done": archive.file_count,
        "bytes_done": archive.source_bytes,
        "bytes_added": archive.added_bytes,
        "torn": archive.torn_count,
        "skipped": archive.skipped_count,
    }
    return Made(archive=archive, seen=None, items=(), report=report, is_known=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
