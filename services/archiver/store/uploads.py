"""Storing objects beside the reading: a few at a time, with a bound on what they hold in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from services.archiver.errors import CancelledByPersonError
from services.archiver.store.journal import Journal, StoredObject
from services.archiver.store.transport import Transport

#: Enough to keep a disk busy while one is made safe on it; more only helps far away.
UPLOADS = 3
#: What waits and what is on its way, together.
MOST_BYTES = 64 * 1024 * 1024
#: How often whoever waits looks whether it is wanted still.
_LOOK_SECONDS = 1.0


class Uploads:
    """Stores objects and writes them down in the journal, in threads of its own."""

    def __init__(
        self,
        transport: Transport,
        journal: Journal,
        *,
        on_stored: Callable[[], None] = lambda: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Store into *transport*; *on_stored* is called after each object, by any thread."""
        self._transport = transport
        self._journal = journal
        self._on_stored = on_stored
        self._is_cancelled = is_cancelled
        self._threads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="archive upload")
        self._changed = threading.Condition()
        self._held_bytes = 0
        self._under_way = 0
        self._error: BaseException | None = None
        #: What was stored, and is written down.
        self.object_count = 0
        self.size_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What waits and what is on its way."""
        return self._held_bytes

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is on its way; nothing new is begun after an error.

        Who is not wanted any more waits for nobody: the transport is closed, which ends it.
        """
        if isinstance(error, CancelledByPersonError):
            self._transport.close()
        self._threads.shutdown(cancel_futures=error is not None)

    def put(self, path: str, pieces: list[bytes], stored: StoredObject) -> None:
        """Have an object stored; waits while too much is on its way.

        Raises earlier errors, and ``CancelledByPersonError``.
        """
        with self._changed:
            while (
                self._error is None
                and self._held_bytes
                and self._held_bytes + stored.size_bytes > MOST_BYTES
            ):
                self._wait()
            self._raise()
            self._held_bytes += stored.size_bytes
            self._under_way += 1
        self._threads.submit(self._store, path, pieces, stored)

    def wait(self) -> None:
        """Wait until everything is stored and written down.

        Raises the first error, and ``CancelledByPersonError``.
        """
        with self._changed:
            while self._under_way and self._error is None:
                self._wait()
            self._raise()

    def _store(self, path: str, pieces: list[bytes], stored: StoredObject) -> None:
        error: BaseException | None = None
        try:
            if self._error is None:
                self._transport.put(path, pieces)
                self._journal.record(stored)
        except BaseException as raised:  # noqa: BLE001 -- raised by the thread that reads
            error = raised
        with self._changed:
            self._held_bytes -= stored.size_bytes
            self._under_way -= 1
            if error is None and self._error is None:
                self.object_count += 1
                self.size_bytes += stored.size_bytes
            self._error = self._error or error
            self._changed.notify_all()
        self._on_stored()

    def _wait(self) -> None:
        self._changed.wait(_LOOK_SECONDS)
        if self._is_cancelled():
            raise CancelledByPersonError("The job was asked to stop.")

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
