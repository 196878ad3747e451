"""Measure the size of backups in the background, one folder at a time.

What is still to be measured stands in the database, so a restart takes up where it stopped. A
folder that changes while it is measured is measured again when it is quiet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
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
#: Fewer are added up sooner than a thread is started.
_MANY_FOLDERS = 16
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Size(Struct, frozen=True, kw_only=True):
    """Regular files below a folder. Links are neither followed nor counted."""

    size_bytes: int
    file_count: int


def measure(path: bytes, *, is_stopping: Callable[[], bool] = lambda: False) -> Size:
    """Add up the files below *path*. Raises ``FolderVanished``, ``FolderUnreadable``, ``Stopped``.

    A file that vanishes on the way is not counted; a folder that cannot be read ends it, because
    a size that is too small would be believed. A second thread takes every other folder of a
    backup: asking the disk releases the interpreter, and a network mount answers two at once.
    """
    if is_stopping():
        raise Stopped
    sums = _Sums()
    try:
        folders = _add_up(path, 0, sums)
    except FileNotFoundError as error:
        raise FolderVanished from error
    second = None
    if len(folders) >= _MANY_FOLDERS:
        second = _SecondWalk(folders, is_stopping)
        second.start()
    try:
        _walk(folders, sums, is_stopping)
    except BaseException:
        # Not waited for: its disk may be what does not answer. It ends at its next folder.
        folders.clear()
        raise
    if second is None:
        return Size(size_bytes=sums.size_bytes, file_count=sums.file_count)
    second.join()
    if second.error is not None:
        raise second.error
    return Size(
        size_bytes=sums.size_bytes + second.sums.size_bytes,
        file_count=sums.file_count + second.sums.file_count,
    )


class _Sums:
    """What one thread has added up so far."""

    def __init__(self) -> None:
        self.size_bytes = self.file_count = 0


class _SecondWalk(threading.Thread):
    """Adds up folders beside the thread that was asked; keeps no process from ending."""

    def __init__(self, folders: list[bytes], is_stopping: Callable[[], bool]) -> None:
        super().__init__(name="second measuring", daemon=True)
        self.sums = _Sums()
        self.error: BaseException | None = None
        self._folders = folders
        self._is_stopping = is_stopping

    def run(self) -> None:
        """Take folders until none is left; after an error nobody else goes on either."""
        try:
            _walk(self._folders, self.sums, self._is_stopping)
        except BaseException as error:  # noqa: BLE001 -- raised by the thread that was asked
            self.error = error
            self._folders.clear()


def _walk(folders: list[bytes], sums: _Sums, is_stopping: Callable[[], bool]) -> None:
    """Add up everything below *folders*, from which other threads take as well."""
    while folders:
        try:
            waiting = [(folders.pop(), 1)]
        except IndexError:
            # The other thread was quicker.
            return
        while waiting:
            if is_stopping():
                raise Stopped
            folder, depth = waiting.pop()
            # What vanished meanwhile is not counted.
            with contextlib.suppress(FileNotFoundError):
                below = _add_up(folder, depth, sums)
                waiting += [(inner, depth + 1) for inner in below if depth < _MAX_DEPTH]


def _add_up(folder: bytes, depth: int, sums: _Sums) -> list[bytes]:
    """Add the files in *folder* to *sums*; return its folders.

    Raises ``FileNotFoundError`` when it is not there, ``FolderUnreadable``.
    """
    folders: list[bytes] = []
    size_bytes = file_count = 0
    try:
        # Through a descriptor, files are looked up in their folder and not by a long path.
        # The folder itself may be a link, what is below it may not have become one.
        descriptor = os.open(folder, _FOLDER_FLAGS | (os.O_NOFOLLOW if depth else 0))
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        try:
                            size_bytes += entry.stat(follow_symlinks=False).st_size
                        except FileNotFoundError:
                            continue
                        file_count += 1
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(b"/".join((folder, _name(entry))))
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error
    sums.size_bytes += size_bytes
    sums.file_count += file_count
    return folders


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
