"""Finished exports of this replica: kept encrypted for a while, bounded, and served over the bus.

Only whole exports are ever served. Their files lie below the data directory in a folder of this
process; what a former process left there cannot be read by anybody and is removed at start.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from services.indexer.exports.kept import KeptExport
from services.indexer.exports.sealed_file import SealedFile, SealedWriter
from shared.bus import Bus, RequestContext
from shared.contracts.exports import (
    DescribeExport,
    Export,
    ReadExport,
    RemoveExport,
    export_subject,
)
from shared.contracts.identifiers import JobId
from shared.contracts.problems import ProblemError, problem
from shared.contracts.requests import Done, Request
from shared.scratch import Scratch, UnsafeScratchError
from shared.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

#: How often it is looked how much room is left, in bytes that were written.
_LOOK_BYTES = 16 << 20
_EXPIRY_POLL_SECONDS = 1.0


Handler = Callable[[Any, RequestContext], Awaitable[object]]


class ExportStore:
    """Everything that is kept."""

    def __init__(self, bus: Bus, settings: Settings, *, monotonic: Callable[[], float]) -> None:
        self._bus = bus
        self._limits = settings.exports
        self._ttl_seconds = settings.exports.ttl_seconds or settings.session.ttl_seconds
        self._scratch = Scratch(settings.data_dir / "exports" / "indexer", replica_id=uuid4().hex)
        self._folder: Path | None = None
        self._monotonic = monotonic
        self._kept: dict[str, KeptExport] = {}
        self._writing: dict[str, _Writing] = {}

    def open(self) -> int:
        """Make the folder ours; return how many former processes' leftovers were removed.

        An indexer without such a folder does everything but exports.
        """
        try:
            removed = self._scratch.open()
            self._folder = self._scratch.make("sealed")
        except (OSError, UnsafeScratchError) as error:
            log.warning("exports_without_folder", error=type(error).__name__)
            return 0
        return removed

    async def run(self) -> None:
        """Remove what has been kept long enough; at the end, everything."""
        try:
            while True:
                await asyncio.sleep(_EXPIRY_POLL_SECONDS)
                for export_id in [one for one, kept in self._kept.items() if kept.is_over()]:
                    await self.remove(export_id)
                    log.info("export_expired", job_id=export_id)
        finally:
            # Nobody can read them any more.
            self._scratch.close()

    @asynccontextmanager
    async def writing(self, export_id: str) -> AsyncIterator[_Writing]:
        """Begin the file of an export, which is gone when the body fails or is cancelled.

        One that was made before is removed. Raises the 507 problem when there are too many.
        """
        await self.remove(export_id)
        if len(self._kept) + len(self._writing) >= self._limits.most:
            raise _too_many(self._limits.most)
        if self._folder is None:
            raise _no_folder()
        path = self._folder / uuid4().hex
        writer = await asyncio.to_thread(SealedWriter, path)
        writing = _Writing(writer, check=self._check_size, look=self._look_for_room)
        self._writing[export_id] = writing
        try:
            yield writing
        finally:
            del self._writing[export_id]
            if not writing.is_finished:
                await asyncio.shield(asyncio.to_thread(writer.discard))

    async def keep(self, export_id: JobId, file: SealedFile, *, name: str) -> Export:
        """Serve a whole file from now on, for as long as exports are kept."""
        now = dt.datetime.now(dt.UTC)
        export = Export(
            id=export_id,
            name=name,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            made_at=now,
            expires_at=now + dt.timedelta(seconds=self._ttl_seconds),
        )
        kept = KeptExport(file, export, seconds=self._ttl_seconds, monotonic=self._monotonic)
        self._kept[export_id] = kept
        verbs: dict[type[Request[Any]], Handler] = {
            DescribeExport: kept.describe,
            ReadExport: kept.read,
            RemoveExport: lambda _request, _context: self._remove_asked(export_id),
        }
        try:
            for request_type, handler in verbs.items():
                subject = export_subject(export_id, request_type.subject)
                # Without a queue: this process alone has it.
                kept.servings.append(
                    await self._bus.serve(request_type, handler, subject=subject, queue=None)
                )
        except BaseException:
            await asyncio.shield(self.remove(export_id))
            raise
        return export

    async def remove(self, export_id: str) -> bool:
        """Remove an export; False when there is none."""
        kept = self._kept.pop(export_id, None)
        if kept is None:
            return False
        kept.is_gone = True
        for serving in kept.servings:
            with contextlib.suppress(Exception):
                await serving.stop(grace_seconds=1.0)
        await asyncio.to_thread(kept.file.remove)
        return True

    async def _remove_asked(self, export_id: str) -> Done:
        return Done(changed=await self.remove(export_id))

    def _check_size(self, more: int) -> None:
        """Raise the 507 problem when all exports together would have too much."""
        held = sum(kept.file.size_bytes for kept in list(self._kept.values()))
        held += sum(writing.size_bytes for writing in list(self._writing.values()))
        if held + more > self._limits.most_bytes:
            raise _too_large(self._limits.most_bytes)

    def _look_for_room(self, folder: Path) -> None:
        """Raise the 507 problem when the disk is about to be full; in a thread."""
        if shutil.disk_usage(folder).free < self._limits.spare_bytes:
            raise no_room()


class _Writing:
    """An export that is being written. One task at a time."""

    def __init__(
        self,
        writer: SealedWriter,
        *,
        check: Callable[[int], None],
        look: Callable[[Path], None],
    ) -> None:
        self.is_finished = False
        self._writer = writer
        self._check = check
        self._look = look
        self._looked_at = -_LOOK_BYTES

    @property
    def size_bytes(self) -> int:
        """How much there is of it."""
        return self._writer.size_bytes

    async def write(self, data: bytes) -> None:
        """Append *data*. Raises the 507 problem when there is no room."""
        self._check(len(data))
        await asyncio.to_thread(self._write, data)

    async def finish(self) -> SealedFile:
        """Return the whole file, which the caller has to keep or to remove."""
        file = await asyncio.to_thread(self._writer.finish)
        self.is_finished = True
        return file

    def _write(self, data: bytes) -> None:
        if self._writer.size_bytes + len(data) - self._looked_at >= _LOOK_BYTES:
            self._looked_at = self._writer.size_bytes
            self._look(self._writer.path.parent)
        self._writer.write(data)


def no_room() -> ProblemError:
    """The disk of the data directory is full, or soon would be."""
    return problem(
        "no-space",
        "There is no room for the export.",
        507,
        "Make room on the disk that holds Keepsake's data, remove exports that are done with, or"
        " ask for less; then retry the job.",
    )


def _no_folder() -> ProblemError:
    return problem(
        "no-space",
        "There is no folder for exports.",
        507,
        "The indexer cannot write to `exports` in the data directory (KEEPSAKE_DATA_DIR); its log"
        " says why. Restart it when that is repaired, then retry the job.",
    )


def _too_large(most_bytes: int) -> ProblemError:
    return problem(
        "no-space",
        "The export is larger than exports may be.",
        507,
        f"All exports together may have {most_bytes >> 20} MiB (KEEPSAKE_EXPORTS__MOST_BYTES)."
        " Remove one that is done with, or ask for less: a shorter time, fewer kinds, no media.",
        most_bytes=most_bytes,
    )


def _too_many(most: int) -> ProblemError:
    return problem(
        "no-space",
        "There are too many exports.",
        507,
        f"{most} exports are kept at a time (KEEPSAKE_EXPORTS__MOST). Remove one that is done"
        " with, or wait until one has expired; then retry the job.",
        most=most,
    )
