"""What a destination has to be able to do. Blocking: called from threads, several at once.

Names are relative paths of the format (``format.names``). An object is either there as a whole or
not at all: ``put`` may be killed at any moment and leaves nothing under the name that was asked
for, or what was there before. It may leave leftovers, which ``clean`` removes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec


class StoredName(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lies in a destination."""

    path: str
    size_bytes: int


class Transport(Protocol):
    """A destination. All raise ``TransportError``; reading ``DamagedArchiveError`` as well."""

    def put(self, path: str, pieces: list[bytes]) -> None:
        """Store an object; one of the same name is replaced.

        The list is taken over, and may be emptied as soon as its pieces are held elsewhere.
        """

    def put_file(self, path: str, source: Path) -> None:
        """Store the content of a file of ours."""

    def get(self, path: str, *, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """Return a part of an object; shorter where the object ends."""

    def size(self, path: str) -> int | None:
        """Return how long the object is; None if there is none."""

    def names(self, folder: str) -> Iterator[StoredName]:
        """Yield everything below a folder, in any order, leftovers not included."""

    def delete(self, path: str) -> bool:
        """Remove an object; False if there was none."""

    def clean(self) -> int:
        """Remove what interrupted writes left behind; return how much. Nobody else may write."""

    def close(self) -> None:
        """End whatever serves this transport. Safe to call twice."""
