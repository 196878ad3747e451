"""Measure the size of backups in the background, one folder at a time.

What is still to be measured stands in the database, so a restart takes up where it stopped. A
folder that changes while it is measured is measured again when it is quiet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from msgspec import Struct

from services.discovery import storage
from services.discovery.disk import Disk
from services.discovery.errors import FolderUnreadable, FolderVanished, Stopped
from services.discovery.folders import reason_of
from services.discovery.records import Record
from shared import postgres

#: Hostile folders may be nested for ever; a backup has three levels.
_MAX_DEPTH = 16
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Size(Struct, frozen=True, kw_only=True):
    """Regular files below a folder. Links are neither followed nor counted."""

    size_bytes: int
    file_count: int


def measure(  # noqa: C901 -- one loop; its cases are the disk's
    path: bytes, *, is_stopping: Callable[[], bool] = lambda: False
) -> Size:
    """Add up the files below *path*. Raises ``FolderVanished``, ``FolderUnreadable``, ``Stopped``.

    A file that vanishes on the way is not counted; a folder that cannot be read ends it, because
    a size that is too small would be believed.
    """
    size_bytes = file_count = 0
    waiting = [(path, 0)]
    while waiting:
        if is_stopping():
            raise Stopped
        folder, depth = waiting.pop()
        try:
            # Through a descriptor, files are looked up in their folder and not by a long path.
            descriptor = os.open(folder, _FOLDER_FLAGS)
            try:
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            if depth < _MAX_DEPTH:
                                waiting.append((b"/".join((folder, _name(entry))), depth + 1))
                            continue
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        if stat.S_ISREG(status.st_mode):
                            size_bytes += status.st_size
                            file_count += 1
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            if depth == 0:
                raise FolderVanished from error
        except OSError as error:
            raise FolderUnreadable(reason_of(error)) from error
    return Size(size_bytes=size_bytes, file_count=file_count)


def _name(entry: os.DirEntry[str]) -> bytes:
    # Listed through a descriptor, names are text; whatever is none comes back as it was.
    return os.fsencode(entry.name)


class Measurer:
    """Measures whatever is quiet and not measured yet."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        disk: Disk,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._pool = pool
        self._disk = disk
        self._log = log
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A scan ended: there may be something to measure."""
        self._wake.set()

    async def run(self) -> None:
        """Measure until cancelled, or until the disk's work is stopped."""
        with contextlib.suppress(Stopped):
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self.measure_all()

    async def measure_all(self) -> None:
        """Measure until nothing is left; what cannot be read is left for the next time."""
        failed: list[UUID] = []
        try:
            while record := await storage.find_unmeasured(self._pool, but=failed):
                try:
                    size = await self._measure(record)
                except (FolderVanished, FolderUnreadable) as error:
                    failed.append(record.id)
                    self._log.warning(
                        "backup_not_measured",
                        backup_id=str(record.id),
                        reason=getattr(error, "reason", "vanished"),
                    )
                    continue
                is_written = await storage.record_measured(
                    self._pool, record, size_bytes=size.size_bytes, file_count=size.file_count
                )
                if not is_written:
                    failed.append(record.id)
        except postgres.FAILED as error:
            # The database is away; the next scan wakes us again.
            self._log.warning("measuring_interrupted", error=type(error).__name__)

    async def _measure(self, record: Record) -> Size:
        return await self._disk.run_at(
            record.root,
            lambda: record.path,
            lambda: measure(record.path, is_stopping=self._disk.stopping.is_set),
            purpose="measure",
        )
