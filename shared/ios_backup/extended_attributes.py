"""What phones write beside a file: its extended attributes, as the manifest keeps them.

Photos keep most of what they know of a picture there: about 1 KiB of 20 attributes each (observed
on iOS 14.3). Values are bytes whose meaning is their writer's.
"""

from __future__ import annotations

from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.property_lists import read_property_list

#: Of more than any file has; a page of a thousand files must stay a small thing.
_MAX_BYTES = 32 * 1024
_MAX_NAMES = 40
_MAX_NAME_CHARACTERS = 128
_MAX_VALUE_BYTES = 1024


def read_extended_attributes(stored: bytes | None, *, prefix: str) -> dict[str, bytes]:
    """Return the attributes whose names begin with *prefix*; garbage has none."""
    if stored is None:
        return {}
    try:
        found = read_property_list(stored, max_bytes=_MAX_BYTES)
    except DamagedPropertyList:
        return {}
    named = {
        name: value
        for name, value in found.items()
        if name.startswith(prefix)
        and len(name) <= _MAX_NAME_CHARACTERS
        and isinstance(value, bytes)
        and len(value) <= _MAX_VALUE_BYTES
    }
    return {name: named[name] for name in sorted(named)[:_MAX_NAMES]}
