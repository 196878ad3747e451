"""One index run: a backup's revision becomes a point on its device's timelines.

Kinds are indexed one after the other, each in its own process and its own transaction, so what is
done stays done: a run that is delivered again goes on where it was. Runs of one device take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.errors import BackupChangedError, JobIsOverError
from services.indexer.history.storage_reasons import look_into_rest
from services.indexer.history.storage_shards import DEVICE_LOCK, SMALL_BYTES, drop_abandoned
from services.indexer.history.storage_timeline import (
    Moment,
    plan_moment,
    record_revision,
)
from services.indexer.jobs.cancelling import until_cancelled
from services.indexer.jobs.progress import ProgressReporter
from services.indexer.jobs.storage import IndexJob, start_job
from services.indexer.kinds import PARSERS
from services.indexer.lineage.product_types import ProductTypes
from services.indexer.lineage.storage_offers import look_for_lineages
from services.indexer.parsing.isolation import WORKER_COMMAND, Bounds, WaitingWorker
from services.indexer.people.storage import refresh_people
from services.indexer.runs.kind_files import KindFiles
from services.indexer.runs.kind_reading import KindReading
from services.indexer.runs.kind_run import KindRun
from services.indexer.runs.kinds_left import find_left, leave_out_absent
from services.indexer.runs.session_files import SessionFiles
from shared.bus import Bus
from shared.contracts.discovery import LocateBackup, Location
from shared.contracts.identifiers import BackupId
from shared.contracts.indexer import KindReport
from shared.contracts.passphrase_references import OpenUnattended
from shared.contracts.problems import ProblemError, locked, problem
from shared.contracts.unlock import OpenedSession, OpenSession
from shared.scratch import Scratch
from shared.settings import Settings

if TYPE_CHECKING:
    import asyncpg

    from services.indexer.history.storage_shards import Connect

#: Runs that read at the same time; more wait. Parsing is bound by the processor.
_RUNS = 2
_TURN_POLL_SECONDS = 0.3
_OPEN_TIMEOUT_SECONDS = 60.0
#: What changes whenever a run of the phone's backup touches the folder.
_MARKS = ("Manifest.db", "Manifest.mbdb", "Manifest.plist", "Status.plist")

#: Kinds whose stores may be large, and what reads them.
_READERS = {"message": ("services.indexer.kinds.message.conversation",)}

Marks = tuple[tuple[int, int] | None, ...]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What a run reads; all of it is known, or there is no run."""

    backup_id: BackupId
    path: str
    udid: str
    digest: str
    location: Location


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run that went through has to say."""

    device: str
    revision: str
    reports: dict[str, KindReport]

    @property
    def kept(self) -> dict[str, int]:
        """Artifacts kept, per kind that was read whole."""
        return {
            kind: report.kept for kind, report in self.reports.items() if report.state == "indexed"
        }

    @property
    def incomplete_kinds(self) -> list[str]:
        """Kinds that did not move on their timeline because they could not be read whole."""
        return [kind for kind, report in self.reports.items() if report.state == "failed"]


class IndexRunner:
    """Carries out index runs for one process of the indexer."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        bus: Bus,
        settings: Settings,
        scratch: Scratch,
        connect: Connect,
        command: Sequence[str] = WORKER_COMMAND,
        bounds: Bounds | None = None,
        small_bytes: int = SMALL_BYTES,
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._settings = settings
        self._scratch = scratch
        self._command = command
        self._bounds = bounds or Bounds()
        self._connect = connect
        self._small_bytes = small_bytes
        self._room = asyncio.Semaphore(_RUNS)

    async def run(self, job: IndexJob) -> RunResult:
        """Index the job's backup.

        Raises ``ProblemError`` when it cannot be read (423 when it is locked), and
        ``BackupChangedError`` or ``RunCancelledError``. When cancelled, nothing is left behind but
        the kinds that were finished.
        """
        return await until_cancelled(self._pool, job.id, self._run(job))

    async def _run(self, job: IndexJob) -> RunResult:
        revision = await self.read_revision(job.backup_id)
        async with self._turn(revision.udid) as connection:
            if not await start_job(connection, job.id, device=revision.udid):
                raise JobIsOverError
            await drop_abandoned(connection, revision.udid)
            async with self._files(job, revision) as files:
                return await self._index(job, revision, files, connection)

    async def read_revision(self, backup_id: str) -> Revision:
        """Return what there is to index now; 409 when no completed run of the phone stands."""
        location = await self._bus.request(LocateBackup(backup_id=BackupId(backup_id)))
        return readable_revision(location)

    async def _index(
        self,
        job: IndexJob,
        revision: Revision,
        files: SessionFiles,
        connection: asyncpg.pool.PoolConnectionProxy[Any],
    ) -> RunResult:
        marks = await asyncio.to_thread(read_marks, revision.path)
        reports: dict[str, KindReport] = {}
        progress = ProgressReporter(
            self._bus, self._pool, job.id, lambda: {"kinds": list(reports.values())}
        )
        kinds = [kind for kind in PARSERS if job.kinds is None or kind in job.kinds]

        async def check() -> None:
            await self._check_unchanged(revision, marks)

        left = await find_left(
            connection, job, kinds, reports, device=revision.udid, digest=revision.digest
        )
        if len(left) < len(kinds):
            await self._record(connection, revision)
        left = await leave_out_absent(
            connection, left, reports, files=files, job_id=job.id,
            encrypted=bool(revision.location.encrypted),
            record=lambda: self._record(connection, revision),
        )  # fmt: skip
        async with WaitingWorker(self._command) as waiting:
            if left and modules_of(left[0]):  # else its files are here as soon as a worker is
                await waiting.start(modules_of(left[0]))
            for kind, following in zip_longest(left, left[1:]):
                reports[kind] = await self._read(
                    job, revision, kind, files=files, connection=connection, progress=progress,
                    check=check, waiting=waiting, next_modules=following and modules_of(following),
                )  # fmt: skip
        # Once, not after each kind. Also what a run that was broken off has left to do.
        await refresh_people(connection)
        await look_into_rest(connection, revision.udid)
        await look_for_lineages(connection, revision.udid, ProductTypes(self._bus).find)
        return RunResult(
            device=revision.udid,
            revision=revision.digest,
            reports={kind: reports[kind] for kind in kinds},
        )

    async def _read(
        self,
        job: IndexJob,
        revision: Revision,
        kind: str,
        *,
        files: SessionFiles,
        connection: asyncpg.pool.PoolConnectionProxy[Any],
        progress: ProgressReporter,
        check: Callable[[], Awaitable[None]],
        waiting: WaitingWorker,
        next_modules: Sequence[str] | None,
    ) -> KindReport:
        parser = PARSERS[kind]
        folder = await asyncio.to_thread(self._scratch.make, f"{job.id}-{kind}")
        try:
            return await KindRun(
                parser,
                files=KindFiles(
                    parser,
                    files=files,
                    backup=Path(revision.path),
                    encrypted=bool(revision.location.encrypted),
                    folder=folder,
                    progress=progress,
                ),
                reading=KindReading(
                    parser,
                    folder=folder,
                    settings=self._settings,
                    region=revision.location.region,
                    command=self._command,
                    bounds=self._bounds,
                    progress=progress,
                    connect=self._connect,
                    small_bytes=self._small_bytes,
                    waiting=waiting,
                    next_modules=next_modules,
                ),
            ).index(
                connection,
                job_id=job.id,
                planned=await self._plan(connection, revision),
                record=lambda: self._record(connection, revision),
                check=check,
            )
        finally:
            await asyncio.shield(asyncio.to_thread(self._scratch.remove, folder))

    async def _plan(
        self, connection: asyncpg.pool.PoolConnectionProxy[Any], revision: Revision
    ) -> Moment:
        assert revision.location.taken_at is not None
        return await plan_moment(
            connection,
            device=revision.udid,
            digest=revision.digest,
            taken_at=revision.location.taken_at,
        )

    async def _record(
        self, connection: asyncpg.pool.PoolConnectionProxy[Any], revision: Revision
    ) -> Moment:
        assert revision.location.taken_at is not None
        return await record_revision(
            connection,
            device=revision.udid,
            digest=revision.digest,
            taken_at=revision.location.taken_at,
            backup_id=revision.backup_id,
        )

    @asynccontextmanager
    async def _turn(self, device: str) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[Any]]:
        """Give the device's lock with the connection that holds it.

        All writing goes through that connection: when it dies, the lock and the means to write
        are lost together. Waiting is done without a connection and without room, which other
        devices need.
        """
        while True:
            async with self._room, self._pool.acquire() as connection:
                if await connection.fetchval(DEVICE_LOCK, f"indexer:{device}"):
                    # asyncpg gives all advisory locks back when the connection is released.
                    yield connection
                    return
            await asyncio.sleep(_TURN_POLL_SECONDS)

    @asynccontextmanager
    async def _files(self, job: IndexJob, revision: Revision) -> AsyncIterator[SessionFiles]:
        if job.session_id is not None and revision.location.encrypted:
            files = SessionFiles(self._bus, job.session_id)
            await files.check(revision.location)
            yield files
            return
        opened = await self._open(job, revision)
        files = SessionFiles(self._bus, opened.session_id)
        try:
            await files.check(revision.location)
            yield files
        finally:
            await asyncio.shield(files.close())

    async def _open(self, job: IndexJob, revision: Revision) -> OpenedSession:
        """Open a session for this run alone."""
        if not revision.location.encrypted:
            return await self._bus.request(
                OpenSession(backup_id=revision.backup_id, caller="indexer", unattended=True),
                timeout_seconds=_OPEN_TIMEOUT_SECONDS,
            )
        if job.origin == "person":
            raise locked()
        return await self._bus.request(
            OpenUnattended(backup_id=revision.backup_id),
            timeout_seconds=_OPEN_TIMEOUT_SECONDS,
        )

    async def _check_unchanged(self, revision: Revision, marks: Marks) -> None:
        if await asyncio.to_thread(read_marks, revision.path) != marks:
            raise BackupChangedError
        try:
            now = await self.read_revision(revision.backup_id)
        except ProblemError as error:
            if error.problem.status in (404, 409):
                raise BackupChangedError from None
            raise
        if now.digest != revision.digest:
            raise BackupChangedError


def modules_of(kind: str) -> Sequence[str]:
    """Return what reads a kind, for workers that import it while its files are fetched."""
    return _READERS.get(kind, ())


def readable_revision(location: Location) -> Revision:
    """Return what can be indexed at *location*; 409 while there is no completed run."""
    if (
        location.state not in ("complete", "partial")
        or location.revision is None
        or location.taken_at is None
        or location.udid is None
    ):
        raise problem(
            "incomplete-backup",
            "The backup is not complete.",
            409,
            "Let the phone finish a backup into this folder, then index it.",
            state=location.state,
        )
    return Revision(
        backup_id=location.backup_id,
        path=location.path,
        udid=location.udid,
        digest=location.revision,
        location=location,
    )


def read_marks(path: str) -> Marks:
    """Return what a new run into the folder changes; blanks where nothing can be seen from here."""

    def mark(name: str) -> tuple[int, int] | None:
        try:
            found = (Path(path) / name).stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size)

    return tuple(mark(name) for name in _MARKS)
