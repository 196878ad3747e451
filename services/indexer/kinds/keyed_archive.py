"""Property lists and NSKeyedArchiver archives of unknown origin as plain Python values.

Sizes, depth and the number of values are bounded and references may go round in circles; whatever
cannot be read is None, because no caller can do more than leave it out.
"""

from __future__ import annotations

import plistlib
from typing import Any

from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.property_lists import check_form

_LARGEST_BYTES = 8 * 1024 * 1024
_DEEPEST = 60
#: Lists in lists that share their items unfold to any number of values.
_MOST_VALUES = 20_000
_LONGEST_URL = 64 * 1024
#: Fields of objects that are only a wrapper around one value.
_WRAPPERS = ("NS.string", "NS.bytes", "NS.data", "NS.time", "NS.uuidbytes", "NSString")


def load_plist(data: object) -> Any:
    """Return the value of a property list, or None."""
    if not isinstance(data, bytes) or not 8 < len(data) <= _LARGEST_BYTES:
        return None
    try:
        check_form(data)
        # Told which form it is: finding out takes the standard reader a tenth of its time.
        return plistlib.loads(data, fmt=plistlib.FMT_BINARY if data[:6] == b"bplist" else None)
    except DamagedPropertyList:
        return None
    except Exception:  # noqa: BLE001 -- plistlib raises a dozen kinds for damaged input
        return None


def load_archive(data: object, name: str = "root") -> Any:
    """Return the root of an archive; a plain property list as it is; None when unreadable.

    CloudKit's archives have no root but named values, one of which *name* asks for.
    Dictionaries, arrays, strings, data, dates and URLs become Python's own; other objects become
    dictionaries of their fields, with their class under ``$class``.
    """
    plist = load_plist(data)
    if not isinstance(plist, dict) or "$objects" not in plist:
        return plist
    objects, top = plist["$objects"], plist.get("$top")
    if not isinstance(objects, list) or not isinstance(top, dict) or not top:
        return None
    root = top.get(name, next(iter(top.values())) if name == "root" else None)
    try:
        return _Archive(objects).resolve(root, 0)
    except _EndlessError:
        return None


class _EndlessError(Exception):
    """The archive unfolds to more values than any real one."""


class _Archive:
    def __init__(self, objects: list[Any]) -> None:
        self._objects = objects
        self._known: dict[int, Any] = {}
        self._values_left = _MOST_VALUES

    def resolve(self, value: Any, depth: int) -> Any:
        self._values_left -= 1
        if self._values_left < 0:
            raise _EndlessError
        if depth > _DEEPEST:
            return None
        if not isinstance(value, plistlib.UID):
            return self._convert(value, depth) if isinstance(value, dict | list) else value
        number = value.data
        if number in self._known:
            return self._known[number]
        if not 0 < number < len(self._objects):
            return None
        self._known[number] = None  # a circle ends here
        resolved = self._convert(self._objects[number], depth)
        self._known[number] = resolved
        return resolved

    def _convert(self, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            return [self.resolve(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "NS.objects" in value:
            return self._collection(value.get("NS.keys"), value["NS.objects"], depth)
        for name in _WRAPPERS:
            if name in value:
                return self.resolve(value[name], depth + 1)
        if "NS.relative" in value:
            return self._url(value, depth)
        resolved = {
            _name(key): self.resolve(item, depth + 1)
            for key, item in value.items()
            if key != "$class"
        }
        if "$class" in value:
            resolved["$class"] = self._class_name(value["$class"])
        return resolved

    def _collection(self, keys: Any, items: Any, depth: int) -> Any:
        if not isinstance(items, list):
            return None
        values = [self.resolve(item, depth + 1) for item in items]
        if not isinstance(keys, list):
            return values
        names = (_name(self.resolve(key, depth + 1)) for key in keys)
        return dict(zip(names, values, strict=False))

    def _url(self, value: dict[str, Any], depth: int) -> str | None:
        relative = self.resolve(value.get("NS.relative"), depth + 1)
        base = self.resolve(value.get("NS.base"), depth + 1)
        if not isinstance(relative, str):
            return None
        if not isinstance(base, str):
            return relative
        # An address that is made of itself twice, and that again, doubles sixty times.
        return f"{base}{relative}" if len(base) + len(relative) <= _LONGEST_URL else None

    def _class_name(self, reference: Any) -> str | None:
        if isinstance(reference, plistlib.UID) and 0 <= reference.data < len(self._objects):
            described = self._objects[reference.data]
            if isinstance(described, dict) and isinstance(described.get("$classname"), str):
                name: str = described["$classname"]
                return name
        return None


def _name(key: Any) -> str:
    """Return a key as text; a list as a key would be written out with all that is in it."""
    return str(key) if isinstance(key, str | int | float) else type(key).__name__
