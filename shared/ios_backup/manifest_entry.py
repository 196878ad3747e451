"""One entry of a manifest, and the reader of the archived ``MBFile`` objects of Manifest.db.

An ``MBFile`` is a binary property list written by NSKeyedArchiver. A manifest holds up to a
million of them, so this reader takes what it needs straight from the bytes: objects are found
through the offset table, never by position, and nothing is built that is not asked for. Whatever
is missing or of the wrong type becomes None.

Layout observed on a real iOS 14.3 manifest (3,721 entries): ``EncryptionKey`` is an NSMutableData
whose ``NS.data`` is inline; other writers put the bytes behind one more UID. Integers of 8 bytes
are signed (-2 occurs as a group).
"""

from __future__ import annotations

import datetime as dt
import plistlib
import struct
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

#: Real entries are 400 bytes to 3 KB.
MAX_ARCHIVE_BYTES = 100 * 1024
MAX_OBJECTS = 20_000
TRAILER = struct.Struct(">6xBBQQQ")
_FLAGS_OF_MODE = {0o100000: 1, 0o040000: 2, 0o120000: 4}
_NS_DATA = b"NS.data"
_NAMES = {
    name.encode(): name
    for name in (
        "Size", "Mode", "LastModified", "Birth", "ProtectionClass",
        "EncryptionKey", "Target", "Digest", "ExtendedAttributes",
    )
}  # fmt: skip


#: What the reader raises on garbage, all of it.
GARBAGE = (LookupError, ValueError, TypeError, OverflowError, struct.error)
#: The numbers of an archive's objects, and the number of each known value of its root.
Layout = tuple[Sequence[int], dict[str, int]]


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry. Sizes are bytes as the manifest claims them, often a bit off."""

    #: Row in the manifest; the position from which a page continues.
    row: int
    file_id: str
    domain: str
    relative_path: str
    kind: Literal["file", "directory", "symlink", "other"]
    size_bytes: int | None
    modified_at: dt.datetime | None
    created_at: dt.datetime | None
    mode: int | None
    protection_class: int | None
    target: str | None
    #: Class and wrapped key (44 bytes); harmless without the keybag's keys, yet not for display.
    wrapped_key: bytes | None
    #: Covers the stored bytes, not the plaintext (observed on iOS 14.3).
    digest: bytes | None = None
    #: A property list of the file's extended attributes, unparsed.
    extended_attributes: bytes | None = None

    def __repr__(self) -> str:
        """Show the row only: names are content."""
        return f"ManifestEntry(file_id={self.file_id!r}, kind={self.kind!r})"


class EntryFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an archived entry says beside its name. Times are seconds since 1970."""

    size_bytes: int | None = None
    mode: int | None = None
    modified: int | None = None
    created: int | None = None
    protection_class: int | None = None
    wrapped_key: bytes | None = None
    target: str | None = None
    digest: bytes | None = None
    extended_attributes: bytes | None = None


def read_archive(blob: bytes) -> EntryFacts:
    """Read an archived MBFile. Garbage gives facts that are all None; it never raises."""
    try:
        archive = Archive(blob)
        root = archive.values(archive.layout())
    except GARBAGE:
        return EntryFacts()
    return facts_from(root)


def facts_from(root: Mapping[str, object]) -> EntryFacts:
    """Take the facts from the values of an MBFile; what is of the wrong type becomes None."""
    target = root.get("Target")
    return EntryFacts(
        size_bytes=_positive(root.get("Size")),
        mode=_positive(root.get("Mode")),
        modified=_integer(root.get("LastModified")),
        created=_integer(root.get("Birth")),
        protection_class=_positive(root.get("ProtectionClass")),
        wrapped_key=_bytes(root.get("EncryptionKey")),
        target=target if isinstance(target, str) else None,
        digest=_bytes(root.get("Digest")),
        extended_attributes=_bytes(root.get("ExtendedAttributes")),
    )


def effective_flags(flags: int, mode: int | None) -> int:
    """Return *flags* (1 file, 2 directory, 4 link), taken from *mode* where they are 0.

    Other writers than phones leave them 0 (observed in a public sample).
    """
    return flags or _FLAGS_OF_MODE.get((mode or 0) & 0o170000, 0)


def utc(seconds: int | None) -> dt.datetime | None:
    """Return seconds since 1970 as a moment; None for none, zero and what no calendar holds."""
    if not seconds or not 0 < seconds < 32_503_680_000:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


class Archive:
    """A binary property list, read object by object. Raises LookupError and the like on garbage."""

    __slots__ = ("_blob", "_offsets", "_ref_bytes")

    def __init__(self, blob: bytes) -> None:
        if not blob.startswith(b"bplist00") or len(blob) > MAX_ARCHIVE_BYTES:
            raise ValueError("not an archive")
        self._blob = blob
        trailer = TRAILER.unpack_from(blob, len(blob) - TRAILER.size)
        offset_bytes, self._ref_bytes, count, _, table = trailer
        if not (
            1 <= offset_bytes <= 8
            and 1 <= self._ref_bytes <= 8
            and count <= MAX_OBJECTS
            and table + count * offset_bytes <= len(blob)
        ):
            raise ValueError("impossible trailer")
        #: Where each object begins.
        self._offsets = numbers(blob, table, count, width=offset_bytes)

    def layout(self) -> Layout:
        """Find the archive's objects, and the root object's values that ``_NAMES`` knows."""
        top = TRAILER.unpack_from(self._blob, len(self._blob) - TRAILER.size)[3]
        archive = dict(self._items(top))
        objects = self._references(archive[b"$objects"], 0xA0)
        root = dict(self._items(archive[b"$top"]))[b"root"]
        items = self._items(objects[self._uid(root)])
        return objects, {_NAMES[key]: number for key, number in items if key in _NAMES}

    def values(self, layout: Layout) -> dict[str, object]:
        """Return the values at *layout*, which may come from another archive of the same shape."""
        objects, known = layout
        return {name: self._resolved(number, objects) for name, number in known.items()}

    def _resolved(self, reference: int, objects: Sequence[int]) -> object:
        """Return a scalar; through at most one UID, one data object and one more UID."""
        value = self._scalar(reference)
        if isinstance(value, plistlib.UID):
            reference = objects[value.data]
            if self._blob[self._offsets[reference]] & 0xF0 != 0xD0:
                return self._scalar(reference)
            for key, inner in self._items(reference):
                if key == _NS_DATA:
                    value = self._scalar(inner)
                    if isinstance(value, plistlib.UID):
                        value = self._scalar(objects[value.data])
                    return value
            return None
        return value

    def _uid(self, reference: int) -> int:
        value = self._scalar(reference)
        if not isinstance(value, plistlib.UID):
            raise TypeError("not a UID")
        return value.data

    def _sized(self, offset: int) -> tuple[int, int]:
        """Return the count of the object at *offset* and where its content begins."""
        low = self._blob[offset] & 0x0F
        if low != 0x0F:
            return low, offset + 1
        width = 1 << (self._blob[offset + 1] & 0x03)
        begin = offset + 2 + width
        return int.from_bytes(self._blob[offset + 2 : begin], "big"), begin

    def _references(self, index: int, marker: int) -> Sequence[int]:
        offset = self._offsets[index]
        if self._blob[offset] & 0xF0 != marker:
            raise TypeError("another type of object")
        count, begin = self._sized(offset)
        count *= 2 if marker == 0xD0 else 1
        if count > MAX_OBJECTS or begin + count * self._ref_bytes > len(self._blob):
            raise LookupError("impossible count")
        return numbers(self._blob, begin, count, width=self._ref_bytes)

    def _items(self, index: int) -> list[tuple[bytes, int]]:
        """Return a dictionary's ASCII keys with the numbers of their values."""
        references = self._references(index, 0xD0)
        half = len(references) // 2
        keys = []
        for reference in references[:half]:
            count, begin = self._sized(self._offsets[reference])
            keys.append(self._blob[begin : begin + count])
        return list(zip(keys, references[half:], strict=True))

    def _scalar(self, index: int) -> object:
        blob = self._blob
        offset = self._offsets[index]
        marker = blob[offset] & 0xF0
        if marker == 0x10:
            width = 1 << (blob[offset] & 0x07)
            raw = blob[offset + 1 : offset + 1 + width]
            return int.from_bytes(raw, "big", signed=width >= 8)
        if marker == 0x80:
            width = (blob[offset] & 0x0F) + 1
            return plistlib.UID(int.from_bytes(blob[offset + 1 : offset + 1 + width], "big"))
        count, begin = self._sized(offset)
        if marker == 0x40:
            return blob[begin : begin + count]
        if marker == 0x50:
            return blob[begin : begin + count].decode("ascii", "replace")
        if marker == 0x60:
            # Lone surrogates may come from any app; they cannot go to JSON.
            return blob[begin : begin + 2 * count].decode("utf-16-be", "replace")
        return None


def numbers(blob: bytes, begin: int, count: int, *, width: int) -> Sequence[int]:
    """Return *count* unsigned numbers of *width* bytes each."""
    if width == 1:
        return blob[begin : begin + count]
    if width == 2:
        return struct.unpack_from(f">{count}H", blob, begin)
    return [
        int.from_bytes(blob[at : at + width], "big")
        for at in range(begin, begin + count * width, width)
    ]


def _integer(value: object) -> int | None:
    # Beyond 64 bits there is no count and no time, and SQLite has no such integers.
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _positive(value: object) -> int | None:
    number = _integer(value)
    return None if number is None or number < 0 else number


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
