"""A destination in memory whose calls fail by script, before or after they do what they are for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from services.archiver.errors import DestinationAwayError, ObjectMissingError
from services.archiver.store.transport import StoredName

Moment = Literal["before", "after"]


class MemoryTransport:
    """Implements ``Transport``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.objects: dict[str, bytes] = {}
        #: Every object that was stored, in order, whether the caller heard of it or not.
        self.stored: list[str] = []
        self._calls_left: int | None = None
        self._moment: Moment = "before"
        self.has_failed = False

    def fail(self, *, after_calls: int | None, moment: Moment = "before") -> None:
        """Fail at the call after so many others, and at every one that follows; None: never."""
        self._calls_left = after_calls
        self._moment = moment
        self.has_failed = False

    def put(self, path: str, pieces: list[bytes]) -> None:
        with self._lock:
            fails = self._fails()
            if not fails or self._moment == "after":
                self.objects[path] = b"".join(pieces)
                self.stored.append(path)
            self._end(fails=fails)

    def put_file(self, path: str, source: Path) -> None:
        self.put(path, [source.read_bytes()])

    def get(self, path: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        with self._lock:
            self._end(fails=self._fails())
            if path not in self.objects:
                raise ObjectMissingError("The destination does not hold it.")
            end = None if size_bytes is None else offset + size_bytes
            return self.objects[path][offset:end]

    def size(self, path: str) -> int | None:
        with self._lock:
            self._end(fails=self._fails())
            return len(self.objects[path]) if path in self.objects else None

    def names(self, folder: str) -> Iterator[StoredName]:
        with self._lock:
            self._end(fails=self._fails())
            found = [(path, len(content)) for path, content in self.objects.items()]
        for path, size_bytes in found:
            if path.startswith(f"{folder}/"):
                yield StoredName(path=path, size_bytes=size_bytes)

    def delete(self, path: str) -> bool:
        with self._lock:
            fails = self._fails()
            was_there = path in self.objects
            if not fails or self._moment == "after":
                self.objects.pop(path, None)
            self._end(fails=fails)
            return was_there

    def clean(self) -> int:
        return 0

    def close(self) -> None:
        """There is nothing to end."""

    def _fails(self) -> bool:
        """Whether this call is to fail; the one that does is the last that does anything."""
        if self._calls_left is None:
            return False
        if self.has_failed:
            raise DestinationAwayError("The destination does not answer.")
        self._calls_left -= 1
        return self._calls_left < 0

    def _end(self, *, fails: bool) -> None:
        if fails:
            self.has_failed = True
            raise DestinationAwayError("The destination does not answer.")
