"""A journal in memory, as Postgres keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from services.archiver.format.tree import BlobPlace
from services.archiver.sources.tree import Found
from services.archiver.store.journal import KnownFile, StoredObject


class MemoryJournal:
    """Implements ``Journal``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.objects: dict[str, StoredObject] = {}
        self._places: dict[str, BlobPlace] = {}
        self._files: dict[bytes, tuple[Found, Sequence[str]]] = {}

    def places(self, blobs: Iterable[str]) -> dict[str, BlobPlace]:
        with self._lock:
            return {blob: self._places[blob] for blob in blobs if blob in self._places}

    def record(self, stored: StoredObject) -> None:
        with self._lock:
            self.objects[stored.name] = stored
            for blob in stored.blobs:
                self._places[blob.sha256] = BlobPlace(
                    blob.sha256,
                    stored.name if stored.is_pack else None,
                    blob.offset,
                    blob.size_bytes,
                )

    def strike(self, name: str) -> None:
        """Forget an object that was found missing or damaged."""
        with self._lock:
            struck = self.objects.pop(name, None)
            for blob in struck.blobs if struck else ():
                place = self._places.get(blob.sha256)
                if place is not None and (place.pack or place.sha256) == name:
                    del self._places[blob.sha256]

    def unchanged(self, entries: Sequence[Found]) -> Mapping[bytes, KnownFile]:
        found: dict[bytes, KnownFile] = {}
        for entry in entries:
            known = self._files.get(entry.path)
            if known is None or not known[0].is_like(entry):
                continue
            places = self.places(known[1])
            if all(blob in places for blob in known[1]):
                found[entry.path] = KnownFile(tuple(places[blob] for blob in known[1]))
        return found

    def remember(self, read: Sequence[tuple[Found, Sequence[str]]]) -> None:
        self._files |= {found.path: (found, blobs) for found, blobs in read}
