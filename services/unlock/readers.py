"""A few open files of a backup, so that reading on needs no new key and no new lookup.

Any thread may ask; several may read one file at once. A file that falls out of use is closed when
the last read on it is done.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from shared.ios_backup import FileReader

#: Open files per backup; a page of thumbnails and some downloads beside it.
CAPACITY = 16


class _Slot:
    def __init__(self, reader: FileReader) -> None:
        self.reader = reader
        self.users = 0
        self.is_dropped = False


class ReaderCache:
    """The most recently used readers, by file id."""

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._slots)

    @contextlib.contextmanager
    def using(self, file_id: str, open_reader: Callable[[], FileReader]) -> Iterator[FileReader]:
        """Lend the reader of *file_id*, opened if need be; it stays open while lent."""
        slot = self._take(file_id)
        if slot is None:
            # Not under the lock: a slow disk must not hold up the files that are open.
            slot = self._put(file_id, open_reader())
        try:
            yield slot.reader
        finally:
            with self._lock:
                slot.users -= 1
                is_over = slot.is_dropped and slot.users == 0
            if is_over:
                slot.reader.close()

    def close(self) -> None:
        """Close what nobody reads; the rest is closed by its last reader."""
        with self._lock:
            idle = [slot for slot in self._slots.values() if self._drop(slot)]
            self._slots.clear()
        for slot in idle:
            slot.reader.close()

    def _take(self, file_id: str) -> _Slot | None:
        with self._lock:
            slot = self._slots.get(file_id)
            if slot is not None:
                slot.users += 1
                self._slots.move_to_end(file_id)
            return slot

    def _put(self, file_id: str, reader: FileReader) -> _Slot:
        idle: list[_Slot] = []
        with self._lock:
            slot = self._slots.get(file_id)
            if slot is None:
                slot = self._slots[file_id] = _Slot(reader)
            else:
                # Two threads opened the same file at once: one reader is enough.
                idle.append(_Slot(reader))
            slot.users += 1
            self._slots.move_to_end(file_id)
            while len(self._slots) > self._capacity:
                _, oldest = self._slots.popitem(last=False)
                if self._drop(oldest):
                    idle.append(oldest)
        for one in idle:
            one.reader.close()
        return slot

    @staticmethod
    def _drop(slot: _Slot) -> bool:
        """Mark a slot as out of use; true when it can be closed at once."""
        slot.is_dropped = True
        return slot.users == 0
