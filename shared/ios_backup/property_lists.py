"""Property lists of unknown origin, read within bounds; and typed looks into them.

The standard reader does the parsing. It already refuses XML entity declarations and claims of
more objects than the bytes can hold; added here are limits of size, objects and depth, refusal of
cycles, and one error for everything that garbage makes it raise.
"""

from __future__ import annotations

import datetime as dt
import plistlib
import struct
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

from shared.ios_backup.errors import DamagedPropertyList

PropertyList = Mapping[str, object]

#: Info.plist carries icons of every app: some tens of MiB on full phones.
MAX_BYTES = 64 * 1024 * 1024
MAX_OBJECTS = 1_000_000
MAX_DEPTH = 64
_MAX_TEXT = 1_000
_TRAILER = struct.Struct(">6xBBQQQ")


def read_property_list(data: bytes, *, max_bytes: int = MAX_BYTES) -> PropertyList:
    """Parse a binary or XML property list whose root is a dictionary.

    Raises DamagedPropertyList for everything else, before memory or time run away.
    """
    if len(data) > max_bytes:
        raise DamagedPropertyList("The property list is larger than any real one.")
    if data.startswith(b"bplist"):
        _check_trailer(data)
    elif b"<!ENTITY" in data:
        raise DamagedPropertyList("The property list declares XML entities.")
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


def _check_trailer(data: bytes) -> None:
    if len(data) < 8 + _TRAILER.size:
        raise DamagedPropertyList("The property list is cut off.")
    objects = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)[2]
    if objects > min(MAX_OBJECTS, len(data)):
        raise DamagedPropertyList("The property list claims too many objects.")


def _check_shape(root: object) -> None:
    """Refuse depth, cycles and more values than MAX_OBJECTS, shared ones counted each time.

    A few hundred bytes of a binary list can share arrays in arrays so that walking them would
    take for ever; whoever gets the value may walk it without care.
    """
    seen = 0
    level: list[object] = [root]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            if seen + len(below) > MAX_OBJECTS:
                raise DamagedPropertyList("The property list holds too many values.")
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
    clean = value.encode("utf-8", "replace").decode().replace("\0", "").strip()
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
