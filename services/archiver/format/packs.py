"""Packs: many small blobs in one plain tar, so that a store has hundreds of objects, not millions.

A pack is built in memory and never grows beyond ``PACK_BYTES`` of blobs. It is a USTAR archive
whose members are named by their content and carry nothing else, so that it depends on its blobs and
their order alone.
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
    content: bytearray
    blobs: list[PackedBlob]


class PackBuilder:
    """Puts blobs together until there is enough for a pack."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._content = bytearray()
        self._blobs: list[PackedBlob] = []
        self._names: set[str] = set()
        self._blob_bytes = 0

    def __contains__(self, sha256: str) -> bool:
        """Whether the blob is in the pack that is being built."""
        return sha256 in self._names

    def has_room(self, size_bytes: int) -> bool:
        """Whether a blob of that size may still come in; the first one always may."""
        return not self._blobs or self._blob_bytes + size_bytes <= PACK_BYTES

    def add(self, sha256: str, content: bytes | memoryview) -> None:
        """Take a blob that is not in the pack yet."""
        header = tarfile.TarInfo(sha256)
        header.size = len(content)
        header.mode = 0o444
        self._content += header.tobuf(tarfile.USTAR_FORMAT)
        self._blobs.append(
            PackedBlob(sha256=sha256, offset=len(self._content), size_bytes=len(content))
        )
        self._names.add(sha256)
        self._blob_bytes += len(content)
        self._content += content
        self._content += bytes(-len(content) % _BLOCK)

    def finish(self) -> Pack | None:
        """Return the pack and begin the next one; None if there is nothing in it."""
        if not self._blobs:
            return None
        self._content += _END
        pack = Pack(
            name=pack_name(blob.sha256 for blob in self._blobs),
            content=self._content,
            blobs=self._blobs,
        )
        self.__init__()  # type: ignore[misc]
        return pack


def read_pack(content: bytes | bytearray) -> Iterator[tuple[PackedBlob, bool]]:
    """Yield the blobs of a pack, each with whether it is what its name says.

    Raises ``tarfile.TarError`` where the pack is no tar any more.
    """
    offset = 0
    while offset + _BLOCK <= len(content) and any(content[offset : offset + _BLOCK]):
        header = tarfile.TarInfo.frombuf(
            bytes(content[offset : offset + _BLOCK]), "utf-8", "surrogateescape"
        )
        offset += _BLOCK
        blob = memoryview(content)[offset : offset + header.size]
        found = PackedBlob(sha256=header.name, offset=offset, size_bytes=header.size)
        yield found, len(blob) == header.size and sha256_hex(blob) == header.name
        offset += header.size + -header.size % _BLOCK
