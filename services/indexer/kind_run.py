"""One kind of one run: fetch its files, let its parser read them, merge what it found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from services.indexer.errors import WorkerError
from services.indexer.isolation import Bounds, Parsing, WorkerRequest, parsing
from services.indexer.kinds.protocol import KindParser, NeededFile
from services.indexer.metrics import count_kind
from services.indexer.progress import ProgressReporter
from services.indexer.session_files import SessionFiles
from services.indexer.storage_merge import (
    count_first,
    fill_stage,
    merge_stage,
    open_stage,
    record_unread,
)
from services.indexer.storage_names import rebuild_address_book
from services.indexer.storage_shards import (
    SMALL_BYTES,
    Pieces,
    ShardLoader,
    attach_shards,
    drop_abandoned,
)
from services.indexer.storage_timeline import Moment, has_no_history
from shared.contracts.indexer import KindReport
from shared.settings import Settings

if TYPE_CHECKING:
    from services.indexer.storage_shards import Connect

    Connection = asyncpg.pool.PoolConnectionProxy[Any]

#: A store's write-ahead log holds its newest rows; without it the copy would be an old state.
_SIBLINGS = ("-wal", "-shm")
_LISTING = "listing.jsonl"
_MANY_ROWS = 5_000


class _Unread(Exception):  # noqa: N818 -- an outcome that leaves the transaction
    """The kind cannot take its place on the timeline."""

    def __init__(self, report: KindReport) -> None:
        super().__init__(report.kind)
        self.report = report


class _Fetched(msgspec.Struct, kw_only=True):
    files: dict[str, str]
    listing: str | None = None


class KindRun:
    """What one kind needs, put together by the run."""

    def __init__(
        self,
        parser: KindParser,
        *,
        files: SessionFiles,
        folder: Path,
        settings: Settings,
        region: str | None,
        command: Sequence[str],
        bounds: Bounds,
        progress: ProgressReporter,
        connect: Connect,
        small_bytes: int = SMALL_BYTES,
    ) -> None:
        self._parser = parser
        self._files = files
        self._folder = folder
        self._settings = settings
        self._region = region
        self._command = command
        self._bounds = bounds
        self._progress = progress
        self._connect = connect
        self._small_bytes = small_bytes

    async def index(
        self,
        connection: Connection,
        *,
        job_id: str,
        planned: Moment,
        record: Callable[[], Awaitable[Moment]],
        check: Callable[[], Awaitable[None]],
    ) -> KindReport:
        """Read the kind and merge it in one transaction; a kind that fails costs only itself.

        *record* puts the revision on the timeline, at *planned*; *check* raises when the files are
        no longer those of the revision, and is called after the last byte was read.
        """
        try:
            fetched = await self._fetch()
            # Copies are complete here; what happens to the backup later does not matter.
            await check()
            report = await self._read(
                connection, fetched, job_id=job_id, planned=planned, record=record
            )
            count_kind(report)
            return report  # noqa: TRY300 -- the branches below are other outcomes
        except _Unread as unread:
            report = unread.report
        except WorkerError as error:
            report = self._report("failed", note=str(error))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            report = self._report("failed", note="The parser gave rows that cannot be stored.")
        except asyncpg.ProgramLimitExceededError:
            report = self._report("failed", note="The parser gave a row that is too large.")
        async with connection.transaction():
            await record_unread(
                connection,
                at=await record(),
                report=report,
                parser_version=self._parser.version,
                job_id=job_id,
            )
        count_kind(report)
        return report

    async def _read(
        self,
        connection: Connection,
        fetched: _Fetched,
        *,
        job_id: str,
        planned: Moment,
        record: Callable[[], Awaitable[Moment]],
    ) -> KindReport:
        kind, title = self._parser.kind, self._parser.title
        request = WorkerRequest(
            kind=kind,
            device=planned.device,
            files=fetched.files,
            listing=fetched.listing,
            region=self._region or self._settings.indexer.region,
            memory_bytes=self._settings.indexer.worker_memory_bytes,
            cpu_seconds=self._settings.indexer.worker_cpu_seconds,
        )

        async def tell(done: int, total: int | None) -> None:
            await self._progress.tell(f"Reading {title}", done, total)

        await tell(0, None)
        async with parsing(
            request, bounds=self._bounds, on_progress=tell, command=self._command
        ) as worker:
            pieces = Pieces(worker.pieces())
            if await has_no_history(connection, planned.device, kind) and await pieces.look_ahead(
                self._small_bytes
            ):
                return await self._load(
                    connection, worker, pieces, job_id=job_id, planned=planned, record=record
                )
            report = await self._merge(connection, worker, pieces, job_id=job_id, record=record)
        if report.added > _MANY_ROWS:
            # Searches would be planned for the table as it was, until autovacuum comes by.
            await connection.execute("analyze artifact_0")
        return report

    async def _load(
        self,
        connection: Connection,
        worker: Parsing,
        pieces: Pieces,
        *,
        job_id: str,
        planned: Moment,
        record: Callable[[], Awaitable[Moment]],
    ) -> KindReport:
        """Put the first rows of the kind into tables that are attached when all are there."""
        try:
            loader = ShardLoader(self._connect, at=planned, kind=self._parser.kind)
            numbers = await loader.load(pieces)
            report = self._read_whole(worker)
            await self._progress.tell(f"Storing {self._parser.title}")
            async with connection.transaction():
                at = await record()
                assert at == planned, "the device is ours, so nobody else moved its moments"
                await attach_shards(connection, numbers)
                report = await count_first(
                    connection,
                    at=at,
                    threads=worker.threads,
                    report=report,
                    parser_version=self._parser.version,
                    job_id=job_id,
                )
                await self._after(connection, at)
                return report
        except Exception:
            # What is left when even this fails, or the run is cancelled, goes at the next run.
            await drop_abandoned(connection, planned.device)
            raise

    async def _merge(
        self,
        connection: Connection,
        worker: Parsing,
        pieces: Pieces,
        *,
        job_id: str,
        record: Callable[[], Awaitable[Moment]],
    ) -> KindReport:
        async with connection.transaction():
            await open_stage(connection)
            await fill_stage(connection, pieces.portion())
            report = self._read_whole(worker)
            await self._progress.tell(f"Storing {self._parser.title}")
            at = await record()
            report = await merge_stage(
                connection,
                at=at,
                threads=worker.threads,
                report=report,
                parser_version=self._parser.version,
                job_id=job_id,
            )
            await self._after(connection, at)
            return report

    def _read_whole(self, worker: Parsing) -> KindReport:
        if worker.report.state != "indexed":
            raise _Unread(worker.report)
        return msgspec.structs.replace(worker.report, kind=self._parser.kind)

    async def _after(self, connection: Connection, at: Moment) -> None:
        if self._parser.kind == "contact":
            await rebuild_address_book(connection, at.device)

    async def _fetch(self) -> _Fetched:
        fetched = _Fetched(files={})
        needed = self._parser.files
        for n, file in enumerate(needed):
            await self._progress.tell(f"Fetching {self._parser.title}", n, len(needed))
            await self._fetch_file(file, n, fetched)
        if self._parser.listings:
            target = self._folder / _LISTING
            await self._files.write_listing(self._parser.listings, target)
            fetched.listing = str(target)
        return fetched

    async def _fetch_file(self, needed: NeededFile, n: int, fetched: _Fetched) -> None:
        # Siblings lie beside their store under the same name, which is how SQLite finds them.
        folder = self._folder / str(n)
        folder.mkdir(mode=0o700)
        name = needed.relative_path.rpartition("/")[2]
        for suffix in ("", *_SIBLINGS):
            found = await self._files.find(needed.domain, f"{needed.relative_path}{suffix}")
            if found is None:
                if suffix:
                    continue
                if needed.required:
                    raise _Unread(
                        self._report("absent", note="The backup has no store of this kind.")
                    )
                return
            if found.present is False:
                if suffix == "-shm" or not (needed.required or suffix):
                    continue
                raise _Unread(
                    self._report(
                        "failed",
                        missing_files=1,
                        note="The backup lists a file of this kind that is not on disk.",
                    )
                )
            target = folder / f"{name}{suffix}"
            await self._files.copy(found, target)
            if not suffix:
                fetched.files[needed.name] = str(target)

    def _report(self, state: Any, *, note: str, missing_files: int = 0) -> KindReport:
        return KindReport(
            kind=self._parser.kind, state=state, note=note, missing_files=missing_files
        )
