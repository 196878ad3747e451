"""What is known of a store without asking it: which blobs it holds, and where.

The truth of "present": an object is written down after it was stored, in one step with its blobs,
and struck out when it is found missing or damaged. Whatever is stored and not written down was in
flight when something ended, is named by its content, and is stored again over itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from services.archiver.format.packs import PackedBlob
from services.archiver.format.tree import BlobPlace
from services.archiver.sources.tree import Found


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the store, with the blobs in it; one that is no pack is its only blob."""

    name: str
    is_pack: bool
    size_bytes: int
    blobs: Sequence[PackedBlob]


class KnownFile(msgspec.Struct, frozen=True):
    """A file that need not be read: everything it consists of is present."""

    places: tuple[BlobPlace, ...]
    #: Of the catalogue, where the newest archive has the file just as it is.
    row: int | None = None


class Journal(Protocol):
    """The journal of one store. Blocking: called from threads, several at once."""

    def places(self, blobs: Iterable[str]) -> dict[str, BlobPlace]:
        """Return where those of the *blobs* lie that are present."""

    def record(self, stored: StoredObject) -> None:
        """Write down an object that was stored. Safe to call twice."""

    def unchanged(self, entries: Sequence[Found]) -> Mapping[bytes, KnownFile]:
        """Return those files that are as they were when they were read last, and present."""

    def remember(self, read: Sequence[tuple[Found, Sequence[str]]]) -> None:
        """Write down what files that were read consist of, for the next time."""
