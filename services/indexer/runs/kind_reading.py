"""One kind of one run, from private copies to the history: parse them, merge what was found.

What was read from the same files by the same parser right before is not read again. Else there are
four ways to merge. The first rows of a large store are loaded into tables of their own; when the
revision right before left a memory, only what it does not know is parsed and merged; of what is
parsed as a whole, only what the history does not hold comes here; and whenever anything stands
against these, everything comes here and is compared, which is always right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from services.indexer.history.storage_difference import DoubtError, merge_difference
from services.indexer.history.storage_held import MOST_HELD, merge_held, write_held
from services.indexer.history.storage_inputs import find_unchanged, note_inputs, stay_unchanged
from services.indexer.history.storage_memory import is_newest, recall, replace_memory
from services.indexer.history.storage_merge import count_first, fill_stage, merge_stage, open_stage
from services.indexer.history.storage_shards import (
    SMALL_BYTES,
    Halves,
    Pieces,
    ShardLoader,
    attach_shards,
    drop_abandoned,
)
from services.indexer.history.storage_timeline import Moment, has_no_history
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.kinds.protocol import KindParser
from services.indexer.parsing.frames import DIVIDE_FROM, WorkerRequest
from services.indexer.parsing.isolation import Bounds, Parsing, WaitingWorker, parsing
from services.indexer.people.address_book import rebuild_address_book
from services.indexer.people.storage_seen import note_seen, read_cards
from services.indexer.runs.kind_files import Fetched, UnreadError
from services.indexer.runs.kind_inputs import digest_of
from shared.contracts.indexer import KindReport
from shared.settings import Settings

if TYPE_CHECKING:
    from services.indexer.history.storage_shards import Connect

    Connection = asyncpg.pool.PoolConnectionProxy[Any]
    Record = Callable[[], Awaitable[Moment]]

_MANY_ROWS = 5_000
#: Names of files beside the copies.
_KNOWN, _REMEMBERED, _HELD = "known", "remembered", "held"


class KindReading:
    """What reading one kind needs, put together by the run."""

    def __init__(
        self,
        parser: KindParser,
        *,
        folder: Path,
        settings: Settings,
        region: str | None,
        command: Sequence[str],
        bounds: Bounds,
        progress: ProgressReporter,
        connect: Connect,
        small_bytes: int = SMALL_BYTES,
        divide_from: int = DIVIDE_FROM,
        halve_from: int | None = DIVIDE_FROM,
        most_held: int = MOST_HELD,
        waiting: WaitingWorker | None = None,
        next_modules: Sequence[str] | None = None,
    ) -> None:
        """Use the private *folder*, in which the copies lie, for what runs leave for each other.

        The worker that is *waiting* parses, or a new one. Another one takes its place when
        everything is read, and imports *next_modules*; None: no kind is read after this one.
        """
        self._parser = parser
        self._folder = folder
        self._settings = settings
        self._region = region
        self._command = command
        self._bounds = bounds
        self._progress = progress
        self._connect = connect
        self._small_bytes = small_bytes
        self._divide_from = divide_from
        self._halve_from = halve_from
        self._most_held = most_held
        self._waiting = waiting or WaitingWorker(command)
        self._next_modules = next_modules
        #: What decided what the last read found.
        self._inputs: bytes | None = None
        #: How it was merged: ``unchanged``, ``loaded``, ``difference``, ``held`` or ``merged``.
        self.way = ""

    async def read(
        self,
        connection: Connection,
        fetched: Fetched,
        *,
        job_id: str,
        planned: Moment,
        record: Record,
    ) -> KindReport:
        """Parse the copies and merge them in one transaction, see ``KindRun.index``.

        Raises ``UnreadError``, ``WorkerError`` and what Postgres says of rows that do not fit.
        """
        request = self._request(fetched, planned)
        self._inputs = await asyncio.to_thread(
            digest_of, request, contents=fetched.contents, version=self._parser.version
        )
        report = await self._stay(connection, job_id=job_id, planned=planned, record=record)
        if report is not None:
            return report
        whole, request = request, await self._with_what_is_known(request, connection, planned)
        if request != whole:
            try:
                return await self._with(
                    request, connection, job_id=job_id, planned=planned, record=record
                )
            except DoubtError:
                request = msgspec.structs.replace(whole, remember=request.remember)
        return await self._with(request, connection, job_id=job_id, planned=planned, record=record)

    async def _stay(
        self, connection: Connection, *, job_id: str, planned: Moment, record: Record
    ) -> KindReport | None:
        """Leave the kind as it is, if the revision right before was read from the same."""
        version = self._parser.version
        unchanged = await find_unchanged(
            connection, planned, self._parser.kind, parser_version=version, inputs=self._inputs
        )
        if unchanged is None:
            return None
        self.way = "unchanged"
        async with connection.transaction():
            return await stay_unchanged(
                connection, await record(), unchanged, inputs=self._inputs, parser_version=version,
                job_id=job_id,
            )  # fmt: skip

    async def _with_what_is_known(
        self, request: WorkerRequest, connection: Connection, planned: Moment
    ) -> WorkerRequest:
        kind = self._parser.kind
        has_history = not await has_no_history(connection, planned.device, kind)
        remember: str | None = None
        known: str | None = None
        held: str | None = None
        if self._parser.keeps_memory and await is_newest(connection, planned, kind):
            remember = str(self._folder / _REMEMBERED)
            left = await recall(connection, planned, kind, self._parser.version)
            if left is not None:
                (self._folder / _KNOWN).write_bytes(left)
                known = str(self._folder / _KNOWN)
        if has_history and known is None:
            target = self._folder / _HELD
            if await write_held(connection, planned, kind, target, most=self._most_held):
                held = str(target)
        return msgspec.structs.replace(
            request,
            remember=remember,
            known=known,
            held=held,
            # Nothing is compared with what there was, so only what is shown must be in order.
            halve_from=None if has_history or remember is None else self._halve_from,
        )

    def _request(self, fetched: Fetched, planned: Moment) -> WorkerRequest:
        return WorkerRequest(
            kind=self._parser.kind,
            device=planned.device,
            files=fetched.files,
            listing=fetched.listing,
            apps=fetched.apps,
            missing=fetched.missing,
            left_out=fetched.left_out,
            region=self._region or self._settings.indexer.region,
            divide_from=self._divide_from,
            memory_bytes=self._settings.indexer.worker_memory_bytes,
            cpu_seconds=self._settings.indexer.worker_cpu_seconds,
        )

    async def _with(
        self,
        request: WorkerRequest,
        connection: Connection,
        *,
        job_id: str,
        planned: Moment,
        record: Record,
    ) -> KindReport:
        title = self._parser.title

        async def tell(done: int, total: int | None) -> None:
            await self._progress.tell(f"Reading {title}", done, total)

        await tell(0, None)
        async with parsing(
            request,
            bounds=self._bounds,
            on_progress=tell,
            command=self._command,
            waiting=self._waiting.take(),
        ) as worker:
            await worker.begin()
            if worker.is_divided:
                return await self._load(
                    connection, worker, None, job_id=job_id, planned=planned, record=record
                )
            pieces = Pieces(worker.pieces())
            if (
                request.known is None
                and request.held is None
                and await has_no_history(connection, planned.device, self._parser.kind)
                and await pieces.look_ahead(self._small_bytes)
            ):
                return await self._load(
                    connection, worker, pieces, job_id=job_id, planned=planned, record=record
                )
            report = await self._merge(
                connection, worker, pieces, request, job_id=job_id, record=record
            )
        if report.added > _MANY_ROWS:
            # Searches would be planned for the table as it was, until autovacuum comes by.
            await connection.execute("analyze artifact_0")
        return report

    async def _load(
        self,
        connection: Connection,
        worker: Parsing,
        pieces: Pieces | None,
        *,
        job_id: str,
        planned: Moment,
        record: Record,
    ) -> KindReport:
        """Put the first rows of the kind into tables that are attached when all are there.

        No *pieces*: they come in two halves.
        """
        try:
            loader = ShardLoader(self._connect, at=planned, kind=self._parser.kind)
            if pieces is None:
                numbers = await self._load_halves(loader, worker)
                self.way = "loaded in halves"
            else:
                numbers = await loader.load(pieces)
                self.way = "loaded"
            report = await self._read_whole(worker)
            await self._progress.tell(f"Storing {self._parser.title}")
            async with connection.transaction():
                at = await record()
                assert at == planned, "the device is ours, so nobody else moved its moments"
                await attach_shards(connection, numbers)
                counted = await count_first(
                    connection,
                    at=at,
                    threads=worker.threads,
                    report=report,
                    parser_version=self._parser.version,
                    job_id=job_id,
                )
                await self._keep(connection, worker, at, parsed=report, merged=counted)
                await self._after(connection, at, numbers)
                return counted
        except Exception:
            # What is left when even this fails, or the run is cancelled, goes at the next run.
            await drop_abandoned(connection, planned.device)
            raise

    async def _load_halves(self, loader: ShardLoader, worker: Parsing) -> list[int]:
        numbers = await loader.load_halves(Halves(worker.parts()))
        if worker.is_refused:
            raise DoubtError
        return numbers

    async def _merge(
        self,
        connection: Connection,
        worker: Parsing,
        pieces: Pieces,
        request: WorkerRequest,
        *,
        job_id: str,
        record: Record,
    ) -> KindReport:
        async with connection.transaction():
            await open_stage(connection)
            await fill_stage(connection, pieces.portion())
            if worker.is_refused:
                raise DoubtError
            parsed = await self._read_whole(worker)
            await self._progress.tell(f"Storing {self._parser.title}")
            at = await record()
            self.way = (
                "held" if request.held else "merged" if request.known is None else "difference"
            )
            if request.held is not None:
                report = await merge_held(
                    connection,
                    at=at,
                    threads=worker.threads,
                    left=worker.gone,
                    report=parsed,
                    parser_version=self._parser.version,
                    job_id=job_id,
                )
                await self._keep(connection, worker, at, parsed=parsed, merged=report)
            elif request.known is not None and worker.has_remembered:
                report = await merge_difference(
                    connection,
                    at=at,
                    threads=worker.threads,
                    lapsed=worker.lapsed,
                    groups=self._folder / _REMEMBERED,
                    report=parsed,
                    parser_version=self._parser.version,
                    job_id=job_id,
                )
            elif request.known is not None:
                raise DoubtError
            else:
                report = await merge_stage(
                    connection,
                    at=at,
                    threads=worker.threads,
                    report=parsed,
                    parser_version=self._parser.version,
                    job_id=job_id,
                )
                await self._keep(connection, worker, at, parsed=parsed, merged=report)
            await self._after(connection, at)
            return report

    async def _keep(
        self,
        connection: Connection,
        worker: Parsing,
        at: Moment,
        *,
        parsed: KindReport,
        merged: KindReport,
    ) -> None:
        """Leave for the next run what is known now, if this run was the newest one's."""
        if not self._parser.keeps_memory or not await is_newest(connection, at, parsed.kind):
            return
        # Artifacts that shared their key are not all there: nothing to rely on.
        is_complete = worker.has_remembered and parsed.kept == merged.kept
        await replace_memory(
            connection,
            at,
            parsed.kind,
            self._parser.version,
            self._folder / _REMEMBERED if is_complete else None,
        )

    async def _read_whole(self, worker: Parsing) -> KindReport:
        if self._next_modules is not None:
            await self._waiting.start(self._next_modules)
        if worker.report.state != "indexed":
            raise UnreadError(worker.report)
        return msgspec.structs.replace(worker.report, kind=self._parser.kind)

    async def _after(self, connection: Connection, at: Moment, shards: Sequence[int] = ()) -> None:
        kind = self._parser.kind
        if kind == "contact":
            await rebuild_address_book(connection, at.device)
            await read_cards(connection, at.device)
        await note_seen(connection, at.device, kind, at.taken_at, shards=shards)
        await note_inputs(connection, at, kind, self._inputs)
