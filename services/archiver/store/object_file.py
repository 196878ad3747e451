"""An object of a destination as a file that is read in parts, of any size."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from services.archiver.store.transport import Transport

_PART_BYTES = 8 * 1024 * 1024


class _ObjectFile(io.RawIOBase):
    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation
        self._at = offset if whence == io.SEEK_SET else self._at + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = len(buffer)
        piece = self._transport.get(self._path, offset=self._at, size_bytes=wanted)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def open_object(transport: Transport, path: str) -> BinaryIO:
    """Open an object. Reading raises ``TransportError``, also when there is none."""
    return cast("BinaryIO", io.BufferedReader(_ObjectFile(transport, path), _PART_BYTES))
