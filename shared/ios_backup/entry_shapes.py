"""Archived entries by their shape: the fast way to read many of one manifest.

The general reader takes 25 µs for an entry, ten seconds for a large manifest. But a manifest has
few shapes of entries: everything from the start to the last key of the root object is the same
bytes. A shape is learnt once through the general reader and then recognised by comparing those
bytes, so that nothing is guessed; only the values are read from the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.ios_backup.manifest_entry import (
    GARBAGE,
    MAX_OBJECTS,
    TRAILER,
    Archive,
    EntryFacts,
    Layout,
    facts_from,
    read_archive,
)

#: More shapes than real manifests have; hostile ones fall back to the general reader.
_MAX_SHAPES = 2048
#: Bytes that differ between most shapes in archives laid out as the phone does it: the numbers
#: of objects of the root. Only a bucket; the whole head is compared afterwards.
_BUCKET = slice(83, 125)


_INTEGERS = ("Size", "Mode", "LastModified", "Birth", "ProtectionClass")
_KEY = "EncryptionKey"
#: A data object of 44 bytes, and the key it stands under.
_WRAPPED_KEY = b"\x4f\x10\x2c"
_WRAPPED_KEY_BYTES = 44
_NS_DATA = b"\x57NS.data"
_ONE_BYTE, _TWO_BYTES, _FOUR_BYTES = 0x10, 0x11, 0x12


class _Shape(NamedTuple):
    """The bytes up to the last key of the root, and the numbers of objects that follow from it."""

    head: bytes
    size: int
    modified: int
    layout: Layout
    #: The numbers of ``_INTEGERS`` and of the key, in this order, None where there is none.
    usual: tuple[int | None, ...]
    #: There is nothing else but these.
    is_usual: bool


class ShapeReader:
    """Reads archived entries of one manifest. Garbage gives facts that are None, never an error."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, _Shape | None] = {}

    def facts(self, blob: bytes) -> EntryFacts:
        """Read everything of one entry."""
        shape = self._shape(blob)
        if shape is not None:
            try:
                found = _read_usual(blob, shape) if shape.is_usual else None
                if found is not None:
                    return found
                return facts_from(Archive(blob).values(shape.layout))
            except GARBAGE:
                pass
        return read_archive(blob)

    def sizes(self, blob: bytes) -> tuple[int | None, int | None]:
        """Read the size in bytes and the modification time in seconds since 1970."""
        # Half a second for half a million entries: the lookup is written out here.
        shape = self._shapes.get(blob[_BUCKET])
        if shape is None:
            shape = self._shape(blob)
        elif not blob.startswith(shape.head):
            shape = None
        found = None if shape is None else _read_sizes(blob, shape.size, shape.modified)
        if found is not None:
            return found
        facts = read_archive(blob)
        return facts.size_bytes, facts.modified

    def _shape(self, blob: bytes) -> _Shape | None:
        bucket = blob[_BUCKET]
        shape = self._shapes.get(bucket)
        if shape is not None:
            return shape if blob.startswith(shape.head) else None
        if bucket not in self._shapes and len(self._shapes) < _MAX_SHAPES:
            self._shapes[bucket] = shape = _learn(blob)
        return shape


def _read_usual(blob: bytes, shape: _Shape) -> EntryFacts | None:
    """Read an entry of nothing but small integers and a key; None where one is unusual.

    Raises ``GARBAGE`` as the general reader does.
    """
    offset_bytes, ref_bytes, count, _, table = TRAILER.unpack_from(blob, len(blob) - TRAILER.size)
    # Offsets of two bytes are what phones write; others are left to the general reader.
    if ref_bytes != 1 or offset_bytes != 2 or count > MAX_OBJECTS or table + 2 * count > len(blob):
        return None
    values: list[int | None] = []
    for number in shape.usual[:-1]:
        if number is None:
            values.append(None)
            continue
        if number >= count:
            return None
        at = table + 2 * number
        at = blob[at] << 8 | blob[at + 1]
        marker = blob[at]
        if marker == _FOUR_BYTES:
            values.append(int.from_bytes(blob[at + 1 : at + 5], "big"))
        elif marker == _TWO_BYTES:
            values.append(blob[at + 1] << 8 | blob[at + 2])
        elif marker == _ONE_BYTE:
            values.append(blob[at + 1])
        else:
            # Integers of up to 4 bytes are unsigned; longer ones are left to the general reader.
            return None
    key = None
    if (number := shape.usual[-1]) is not None:
        key = _read_key(blob, table, count, shape.layout[0], number)
        if key is None:
            return None
    size, mode, modified, created, protection_class = values
    return EntryFacts(
        size_bytes=size,
        mode=mode,
        modified=modified,
        created=created,
        protection_class=protection_class,
        wrapped_key=key,
    )


def _read_key(
    blob: bytes, table: int, count: int, objects: Sequence[int], number: int
) -> bytes | None:
    """Follow the UID *number* to a dictionary of two, and take 44 bytes from under NS.data."""
    at = _offset(blob, table, count, number)
    if blob[at] != 0x80:
        return None
    at = _offset(blob, table, count, objects[blob[at + 1]])
    if blob[at] != 0xD2:
        return None
    for key, value in ((at + 1, at + 3), (at + 2, at + 4)):
        name = _offset(blob, table, count, blob[key])
        if blob[name : name + len(_NS_DATA)] == _NS_DATA:
            begin = _offset(blob, table, count, blob[value]) + len(_WRAPPED_KEY)
            found = blob[begin : begin + _WRAPPED_KEY_BYTES]
            is_whole = len(found) == _WRAPPED_KEY_BYTES
            return found if is_whole and blob[begin - 3 : begin] == _WRAPPED_KEY else None
    return None


def _offset(blob: bytes, table: int, count: int, number: int) -> int:
    """Return where an object begins, by a table of offsets of two bytes."""
    if number >= count:
        raise IndexError("no such object")
    at = table + 2 * number
    return blob[at] << 8 | blob[at + 1]


def _read_sizes(blob: bytes, size: int, modified: int) -> tuple[int, int] | None:
    """Read the integers with these object numbers; None where they are unusual."""
    try:
        offset_bytes = blob[-26]
        table = int.from_bytes(blob[-8:], "big")
        if offset_bytes == 2:
            at = table + 2 * size
            size_at = blob[at] << 8 | blob[at + 1]
            at = table + 2 * modified
            time_at = blob[at] << 8 | blob[at + 1]
        elif offset_bytes == 1:
            size_at = blob[table + size]
            time_at = blob[table + modified]
        else:
            return None
        # Integers of up to 4 bytes are unsigned; longer ones are left to the general reader.
        if 0x10 <= blob[size_at] <= 0x12 and 0x10 <= blob[time_at] <= 0x12:
            return (
                int.from_bytes(blob[size_at + 1 : size_at + 1 + (1 << (blob[size_at] & 3))], "big"),
                int.from_bytes(blob[time_at + 1 : time_at + 1 + (1 << (blob[time_at] & 3))], "big"),
            )
    except IndexError:
        pass
    return None


def _learn(blob: bytes) -> _Shape | None:
    """Return the shape of *blob*; None when it is not laid out as phones write it.

    That is: references of one byte, the root right behind the string "$null", its keys next.
    """
    root = blob.find(b"\x55$null") + 6
    if root < 6 or len(blob) < root + 34 or blob[-25] != 1:
        return None
    keys = _keys(blob, root)
    if keys is None:
        return None
    values, end = keys
    try:
        objects, known = Archive(blob).layout()
    except GARBAGE:
        return None
    # Learnt only where the general reader found the same root.
    if not {"Size", "LastModified"} <= known.keys() or any(
        values.get(name.encode()) != number for name, number in known.items()
    ):
        return None
    usual = (*_INTEGERS, _KEY)
    return _Shape(
        blob[:end],
        known["Size"],
        known["LastModified"],
        (objects, known),
        usual=tuple(known.get(name) for name in usual),
        is_usual=known.keys() <= set(usual),
    )


def _keys(blob: bytes, root: int) -> tuple[dict[bytes, int], int] | None:
    """Return the object number of each key's value, and where the last key ends."""
    head = _counted(blob, root, 0xD0)
    if head is None:
        return None
    count, begin = head
    position = begin + 2 * count
    values: dict[bytes, int] = {}
    for index in range(count):
        key = _counted(blob, position, 0x50) if position + 3 < len(blob) else None
        # Keys follow in order of their numbers.
        if key is None or blob[begin + index] != blob[begin] + index:
            return None
        length, start = key
        position = start + length
        values[blob[start:position]] = blob[begin + count + index]
    return values, position


def _counted(blob: bytes, at: int, marker: int) -> tuple[int, int] | None:
    """Return the count of the object at *at* and where its content begins."""
    if blob[at] & 0xF0 != marker:
        return None
    if blob[at] & 0x0F != 0x0F:
        return blob[at] & 0x0F, at + 1
    return (blob[at + 2], at + 3) if blob[at + 1] == 0x10 else None
