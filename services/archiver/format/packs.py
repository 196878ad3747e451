"""Packs: many small blobs in one plain tar, so that a store has hundreds of objects, not millions.

A pack is put together in memory, of the very pieces that were read, and never grows beyond
``PACK_BYTES`` and the blocks that end it. It is a USTAR archive whose members are named by their
content and carry nothing else, so that it depends on its blobs and their order alone.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

import msgspec

from services.archiver.format.names import PACK_BYTES, pack_name, sha256_hex

_BLOCK = 512
_END = bytes(2 * _BLOCK)


class PackedBlob(msgspec.Struct, frozen=True, kw_only=True):
    """Where a blob lies in its pack."""

    sha256: str
    offset: int
    size_bytes: int


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """A finished pack."""

    name: str
    #: Its content, in order.
    pieces: list[bytes]
    size_bytes: int
    blobs: list[PackedBlob]


class PackBuilder:
    """Puts blobs together until there is enough for a pack."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._blobs: list[PackedBlob] = []
        self._names: set[str] = set()

    def __contains__(self, sha256: str) -> bool:
        """Whether the blob is in the pack that is being built."""
        return sha256 in self._names

    def has_room(self, size_bytes: int) -> bool:
        """Whether a blob of that size may still come in; the first one always may."""
        room = PACK_BYTES - self._size_bytes
        return not self._blobs or _BLOCK + size_bytes + -size_bytes % _BLOCK <= room

    def add(self, sha256: str, content: bytes) -> None:
        """Take a blob that is not in the pack yet; it is not copied."""
        offset = self._size_bytes + _BLOCK
        self._blobs.append(PackedBlob(sha256=sha256, offset=offset, size_bytes=len(content)))
        self._names.add(sha256)
        filling = -len(content) % _BLOCK
        self._pieces += (_header(sha256, len(content)), content, _END[:filling])
        self._size_bytes = offset + len(content) + filling

    def finish(self) -> Pack | None:
        """Return the pack and begin the next one; None if there is nothing in it."""
        if not self._blobs:
            return None
        pack = Pack(
            name=pack_name(blob.sha256 for blob in self._blobs),
            pieces=[*self._pieces, _END],
            size_bytes=self._size_bytes + len(_END),
            blobs=self._blobs,
        )
        self.__init__()  # type: ignore[misc]
        return pack


def read_pack(content: bytes | bytearray) -> Iterator[tuple[PackedBlob, bool]]:
    """Yield the blobs of a pack, each with whether it is what its name says.

    Raises ``tarfile.TarError`` where the pack is none any more.
    """
    offset = 0
    while any(content[offset : offset + _BLOCK]):
        head = bytes(content[offset : offset + _BLOCK])
        header = tarfile.TarInfo.frombuf(head, "ascii", "surrogateescape")
        if header.size < 0 or head != _header(header.name, header.size):
            raise tarfile.ReadError("a header that no pack has")
        offset += _BLOCK
        blob = memoryview(content)[offset : offset + header.size]
        found = PackedBlob(sha256=header.name, offset=offset, size_bytes=header.size)
        yield found, len(blob) == header.size and sha256_hex(blob) == header.name
        offset += header.size
        filling = -header.size % _BLOCK
        if any(content[offset : offset + filling]):
            raise tarfile.ReadError("something between two blobs")
        offset += filling
    if content[offset:] != _END:
        raise tarfile.ReadError("an end that no pack has")


def is_whole_pack(name: str, content: bytes | bytearray) -> bool:
    """Whether this is, byte for byte, the pack of that *name*."""
    try:
        blobs = list(read_pack(content))
    except tarfile.TarError:
        return False
    return pack_name(blob.sha256 for blob, _ in blobs) == name and all(right for _, right in blobs)


def _header(sha256: str, size_bytes: int) -> bytes:
    header = tarfile.TarInfo(sha256)
    header.size = size_bytes
    header.mode = 0o444
    try:
        return header.tobuf(tarfile.USTAR_FORMAT, "ascii", "surrogateescape")
    except (ValueError, UnicodeError):
        raise tarfile.ReadError("a name that no blob has") from None
