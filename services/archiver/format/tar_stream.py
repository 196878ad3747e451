"""Reading tar from front to back, of what an archive's tar may hold: plain files and nothing else.

Python's own reader takes extended headers of any length into memory, fills holes of sparse files
without end, and understands numbers below nought. This one knows the two kinds of headers that
bundles have, bounds what it keeps, and reads to the end, so that the last checksum is checked too.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

BLOCK_BYTES = 512
#: Extended headers hold a name and a size.
_MOST_EXTENDED_BYTES = 64 * 1024
#: What fills the last record of a tar.
_MOST_FILLING_BYTES = 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


class TarHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next in the tar."""

    name: str
    size_bytes: int


class TarStream:
    """A tar that is read once. Whatever is wrong with it raises ``tarfile.TarError``."""

    def __init__(self, source: BinaryIO) -> None:
        """Read *source*, which need not seek."""
        self._source = source
        self._left = 0
        self._filling = 0

    def next(self) -> TarHeader | None:
        """Return the header of the next file, whatever was read of this one; None at the end."""
        for _ in self.pieces():
            pass
        self._exactly(self._filling)
        self._filling = 0
        name: str | None = None
        size_bytes: int | None = None
        block = self._exactly(BLOCK_BYTES)
        while any(block):
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            if found.size < 0:
                raise tarfile.ReadError("a size below nought")
            if found.type == tarfile.XHDTYPE:
                if found.size > _MOST_EXTENDED_BYTES:
                    raise tarfile.ReadError("an extended header that is too large")
                content = self._exactly(found.size + -found.size % BLOCK_BYTES)
                name, size_bytes = _extended(content[: found.size])
                block = self._exactly(BLOCK_BYTES)
                continue
            if found.type not in _REGULAR:
                raise tarfile.ReadError("neither a file nor its extended header")
            self._left = found.size if size_bytes is None else size_bytes
            self._filling = -self._left % BLOCK_BYTES
            return TarHeader(name=found.name if name is None else name, size_bytes=self._left)
        if name is not None or size_bytes is not None:
            raise tarfile.ReadError("an extended header of nothing")
        self._end()
        return None

    def pieces(self) -> Iterator[bytes]:
        """Yield the rest of the content of the file whose header was returned last."""
        while self._left:
            piece = self._source.read(min(self._left, _PIECE_BYTES))
            if not piece:
                raise tarfile.ReadError("it breaks off")
            self._left -= len(piece)
            yield piece

    def _exactly(self, size_bytes: int) -> bytes:
        content = b""
        while len(content) < size_bytes and (piece := self._source.read(size_bytes - len(content))):
            content += piece
        if len(content) < size_bytes:
            raise tarfile.ReadError("it breaks off")
        return content

    def _end(self) -> None:
        read_bytes = 0
        while piece := self._source.read(_PIECE_BYTES):
            read_bytes += len(piece)
            if any(piece) or read_bytes > _MOST_FILLING_BYTES:
                raise tarfile.ReadError("something follows its end")


def _extended(content: bytes) -> tuple[str | None, int | None]:
    """Return name and size of an extended header: lines of ``LENGTH KEY=VALUE``."""
    found: dict[bytes, bytes] = {}
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or len(length) > 6:
            raise tarfile.ReadError("an extended header that is none")
        line, content = content[: int(length)], content[int(length) :]
        key, sign, value = line[len(length) + 1 :].partition(b"=")
        if not sign or not value.endswith(b"\n"):
            raise tarfile.ReadError("an extended header that is none")
        found[key] = value[:-1]
    try:
        name = found[b"path"].decode() if b"path" in found else None
    except UnicodeDecodeError:
        raise tarfile.ReadError("a name that is not UTF-8") from None
    size = found.get(b"size")
    if size is not None and not (size.isdigit() and len(size) < 19):
        raise tarfile.ReadError("a size that is none")
    return name, None if size is None else int(size)
