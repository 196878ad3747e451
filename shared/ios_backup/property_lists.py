"""Property lists of unknown origin, read within bounds; and typed looks into them.

The standard reader does the parsing. It already refuses XML entity declarations; added here are
limits of size, objects and depth, refusal of cycles, of objects that overlap and of XML that no
writer of backups writes, and one error for everything that garbage makes it raise.
"""

from __future__ import annotations

import datetime as dt
import plistlib
import re
import struct
from collections.abc import Iterable, Mapping
from xml.parsers.expat import ExpatError

from shared.ios_backup.errors import DamagedPropertyList

PropertyList = Mapping[str, object]

#: Info.plist carries icons of every app: some tens of MiB on full phones.
MAX_BYTES = 64 * 1024 * 1024
#: A phone with a thousand apps has twenty thousand.
MAX_OBJECTS = 200_000
MAX_DEPTH = 64
_LONGEST = {"Info.plist": MAX_BYTES, "Manifest.plist": 16 * 1024 * 1024, "Status.plist": 1024**2}
#: An element has at most two tags, and keys and texts of dictionaries are elements as well.
_MAX_TAGS = 4 * MAX_OBJECTS
#: Texts come in pieces, cut at line breaks and references: data of 64 MiB has a million lines.
_MAX_PIECES = 2_000_000
_LONGEST_START = 1024
#: One that lies beyond Unicode's first 65,536 makes all of a text take four bytes each.
_MAX_CHARACTERS = 16 * 1024 * 1024
_MAX_TEXT = 1_000
#: Numbers that need sixteen bytes: those from 2^63 on, which hardly occur.
_MAX_LONG_NUMBERS = 1_000
#: What comes before the first value, as all writers of backups have it.
_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<>]*\?>)?\s*(?:<!DOCTYPE\s+plist[^<>\[]*>)?\s*"
    rb"(?:<plist(?:\s+version\s*=\s*[\"'][\d.]{1,8}[\"'])?\s*>)?"
)
#: A declaration, a comment or an instruction; an attribute; a tag or a reference without an end.
_ODD = re.compile(rb"<(?:[!?]|[^<>]*=|[^<>]{40})|&(?![#\w]{1,10};)")
_TRAILER = struct.Struct(">6xBBQQQ")
_LONG_NUMBER = 0x14
#: Bytes of one item of data, text, array, set and dictionary: so many, and so many references.
_UNITS = {0x4: (1, 0), 0x5: (1, 0), 0x6: (2, 0), 0xA: (0, 1), 0xC: (0, 1), 0xD: (0, 2)}
#: Integers that offsets are, by their bytes; other widths are legal, and nobody writes them.
_WIDTHS = {2: "H", 4: "I", 8: "Q"}


def read_property_list(data: bytes, *, max_bytes: int = MAX_BYTES) -> PropertyList:
    """Parse a binary or XML property list whose root is a dictionary.

    Raises DamagedPropertyList for everything else, before memory or time run away.
    """
    if len(data) > max_bytes:
        raise DamagedPropertyList("The property list is larger than any real one.")
    check_form(data)
    try:
        value = plistlib.loads(data)
    except (
        ArithmeticError,
        AttributeError,
        ExpatError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
    ):
        # The cause could quote the content: it is dropped on purpose.
        raise DamagedPropertyList("The property list cannot be read.") from None
    _check_shape(value)
    if not isinstance(value, dict):
        raise DamagedPropertyList("The property list is not a dictionary.")
    return value


def longest(name: str) -> int:
    """Return how many bytes the property list of this name, in a backup, may have."""
    return _LONGEST[name]


def check_form(data: bytes) -> None:
    """Refuse a list, of either form, that would cost more than it is long to read.

    For whoever gives it to the standard reader. Raises DamagedPropertyList.
    """
    if data.startswith(b"bplist"):
        check_objects(data)
    else:
        _check_tags(data)


def _check_tags(data: bytes) -> None:
    """Refuse XML that cannot be read in linear time, or whose values take many times its length.

    Expat reads pieces of two kilobytes, and each time from the beginning of the tag or comment that
    it is in: one comment of 60 MiB takes a quarter of an hour. Attributes become objects.
    """
    start = _START.match(data[:_LONGEST_START])
    assert start is not None
    if b"\0" in data[:4]:
        raise DamagedPropertyList("The property list is in an encoding that backups do not have.")
    if data.count(b"<") > _MAX_TAGS:
        # Ten million empty dictionaries in 64 MiB would become a gigabyte.
        raise DamagedPropertyList("The property list holds too many values.")
    if sum(data.count(one) for one in (b"\n", b"\r", b"&")) > _MAX_PIECES:
        raise DamagedPropertyList("The property list's texts are cut into too many pieces.")
    if _ODD.search(data, start.end()) is not None:
        raise DamagedPropertyList("The property list holds tags that no backup's has.")


def check_objects(data: bytes) -> None:
    """Refuse a binary list whose objects claim more bytes than it has. Raises DamagedPropertyList.

    Objects that overlap let a list of one megabyte unfold to any size: a thousand strings may each
    claim the whole rest of the file, and the standard reader copies it for each of them. Numbers
    may claim to have 32 KiB, and those of 16 bytes can be chosen so that all fall into one place
    of a dictionary, which then takes minutes to fill.
    """
    if len(data) < 8 + _TRAILER.size:
        raise DamagedPropertyList("The property list is cut off.")
    offset_bytes, ref_bytes, count, _, table = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    if count > min(MAX_OBJECTS, len(data)):
        raise DamagedPropertyList("The property list claims too many objects.")
    if not 1 <= offset_bytes <= 8 or table + count * offset_bytes > len(data):
        raise DamagedPropertyList("The property list is cut off.")
    units = [0] * 16
    for kind, (fixed, references) in _UNITS.items():
        units[kind] = fixed + references * ref_bytes
    claimed = long_numbers = 0
    end = len(data)
    for offset in _offsets(data, table, count, offset_bytes):
        marker = data[offset] if offset < end else 0
        if _LONG_NUMBER <= marker < 0x20:
            long_numbers += 1 if marker == _LONG_NUMBER else 1 + _MAX_LONG_NUMBERS
        unit = units[marker >> 4]
        if unit:
            length = marker & 0x0F
            claimed += unit * (length if length != 0x0F else _long_length(data, offset))
    if long_numbers > _MAX_LONG_NUMBERS:
        raise DamagedPropertyList("The property list holds numbers that no backup's has.")
    if claimed > len(data):
        raise DamagedPropertyList("The property list claims more than it holds.")


def _offsets(data: bytes, table: int, count: int, width: int) -> Iterable[int]:
    """Return where each object of a list begins."""
    if width == 1:
        return data[table : table + count]
    form = _WIDTHS.get(width)
    if form is not None:
        return struct.unpack_from(f">{count}{form}", data, table)
    ends = range(table, table + count * width, width)
    return (int.from_bytes(data[at : at + width], "big") for at in ends)


def _long_length(data: bytes, offset: int) -> int:
    """Return the length that stands behind the first byte of the object at *offset*."""
    width = 1 << (data[offset + 1] & 0x03) if offset + 1 < len(data) else 0
    return int.from_bytes(data[offset + 2 : offset + 2 + width], "big")


def _check_shape(root: object) -> None:
    """Refuse depth, cycles, more values than MAX_OBJECTS, shared ones counted each time, and books.

    A few hundred bytes of a binary list can share arrays in arrays so that walking them would
    take for ever; whoever gets the value may walk it without care.
    """
    seen = characters = 0
    level: list[object] = [root]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
                characters += sum(len(key) for key in value if isinstance(key, str))
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str):
                characters += len(value)
            if seen + len(below) > MAX_OBJECTS:
                raise DamagedPropertyList("The property list holds too many values.")
        if characters > _MAX_CHARACTERS:
            raise DamagedPropertyList("The property list holds more text than any real one.")
        if not below:
            return
        seen += len(below)
        level = below
    raise DamagedPropertyList("The property list is nested too deep.")


def text(values: PropertyList, key: str) -> str | None:
    """Return a text without white space around it and without NULs; None where there is none."""
    value = values.get(key)
    if not isinstance(value, str):
        return None
    # Lone surrogates are legal in property lists and illegal in UTF-8.
    clean = value[: 4 * _MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "").strip()
    return clean[:_MAX_TEXT] or None


def number(values: PropertyList, key: str) -> int | None:
    """Return an integer; None where there is none."""
    value = values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(values: PropertyList, key: str) -> bool | None:
    """Return a boolean; None where there is none."""
    value = values.get(key)
    return value if isinstance(value, bool) else None


def data(values: PropertyList, key: str) -> bytes | None:
    """Return bytes; None where there are none."""
    value = values.get(key)
    return value if isinstance(value, bytes) else None


def moment(values: PropertyList, key: str) -> dt.datetime | None:
    """Return a date in UTC; None where there is none or only a placeholder of year 1 or 4001."""
    value = values.get(key)
    if not isinstance(value, dt.datetime) or not 1990 <= value.year <= 3000:
        return None
    return value.replace(tzinfo=dt.UTC)


def mapping(values: PropertyList, key: str) -> PropertyList:
    """Return a dictionary, empty where there is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}
