"""Reader of Apple's typedstream, the archive in which Messages keeps attributed text.

Only what such text needs: strings, numbers, data, dates, links, arrays and dictionaries become
Python values, everything else an ``Instance``. Input is hostile: depth and the number of values
are bounded, and every failure is a ``TypedStreamError``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

_HEADER_LITTLE = b"\x04\x0bstreamtyped"
_HEADER_BIG = b"\x04\x0btypedstream"
_INT16, _INT32, _FLOAT, _NEW, _NIL, _END = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86
#: The first number of both reference tables, as a signed byte (0x92).
_FIRST_REFERENCE = -110

_DEEPEST = 40
_MOST_VALUES = 200_000


class TypedStreamError(Exception):
    """The bytes are no typedstream, or not a whole one."""


class Instance(msgspec.Struct, kw_only=True):
    """An object of a class that has no Python value; ``groups`` are its typed values in order."""

    classes: tuple[str, ...]
    groups: list[tuple[str, list[Any]]]


class _ClassName(msgspec.Struct, frozen=True):
    chain: tuple[str, ...]


class TypedStream:
    """One pass over one stream."""

    def __init__(self, data: bytes) -> None:
        """Check the header and stand before the first value."""
        self._data = data
        if data.startswith(_HEADER_LITTLE):
            self._order = "<"
        elif data.startswith(_HEADER_BIG):
            self._order = ">"
        else:
            raise TypedStreamError("no typedstream header")
        self._at = len(_HEADER_LITTLE)
        # Two tables, counted apart: strings (types and class names), and objects with classes.
        self._strings: list[bytes] = []
        self._objects: list[Any] = []
        self._values_left = _MOST_VALUES
        self._integer(self._byte())  # system version

    def read_root(self) -> Any:
        """Return the first object of the stream."""
        groups = self._group(0)
        if not groups[1]:
            raise TypedStreamError("empty stream")
        return groups[1][0]

    def _byte(self) -> int:
        at = self._at
        if at >= len(self._data):
            raise TypedStreamError("cut short")
        self._at = at + 1
        return self._data[at]

    def _take(self, length: int) -> bytes:
        at = self._at
        if length < 0 or at + length > len(self._data):
            raise TypedStreamError("cut short")
        self._at = at + length
        return self._data[at : at + length]

    def _integer(self, head: int, *, signed: bool = True) -> int:
        if head == _INT16:
            body, form = self._take(2), "h" if signed else "H"
        elif head == _INT32:
            body, form = self._take(4), "i" if signed else "I"
        elif _FLOAT <= head < 0x92:
            raise TypedStreamError("a tag where an integer should be")
        else:
            return head - 256 if signed and head > 127 else head
        value: int = struct.unpack(self._order + form, body)[0]
        return value

    def _reference(self, head: int) -> int:
        return self._integer(head) - _FIRST_REFERENCE

    def _shared_string(self, head: int) -> bytes | None:
        if head == _NIL:
            return None
        if head == _NEW:
            text = self._take(self._integer(self._byte(), signed=False))
            self._strings.append(text)
            return text
        number = self._reference(head)
        if not 0 <= number < len(self._strings):
            raise TypedStreamError("dangling string reference")
        return self._strings[number]

    def _group(self, depth: int, head: int | None = None) -> tuple[str, list[Any]]:
        """Read one type encoding and the values it announces."""
        encoding = self._shared_string(self._byte() if head is None else head)
        if encoding is None:
            raise TypedStreamError("a group without a type")
        if len(encoding) > 4096:
            raise TypedStreamError("an endless type")
        name = encoding.decode("ascii", "replace")
        values: list[Any] = []
        at = 0
        while at < len(name):
            value, at = self._value(name, at, depth)
            values.append(value)
        return name, values

    def _value(self, encoding: str, at: int, depth: int) -> tuple[Any, int]:
        self._values_left -= 1
        if self._values_left < 0 or depth > _DEEPEST:
            raise TypedStreamError("too many values")
        kind = encoding[at]
        if kind == "[":
            return self._array(encoding, at, depth)
        if kind == "{":
            return self._structure(encoding, at, depth)
        return self._scalar(kind, depth), at + 1

    def _scalar(self, kind: str, depth: int) -> Any:
        value: Any = None
        if kind == "@":
            value = self._object(depth)
        elif kind in "silqSILQ":
            value = self._integer(self._byte(), signed=kind.islower())
        elif kind in "cCB":
            byte = self._byte()
            value = byte - 256 if kind == "c" and byte > 127 else byte
        elif kind in "fd":
            value = self._real(kind)
        elif kind == "+":
            value = self._take(self._integer(self._byte(), signed=False))
        elif kind in ":%":
            value = self._shared_string(self._byte())
        elif kind == "*":
            value = self._c_string()
        elif kind == "#":
            value = self._class()
        elif kind != "!":  # a value that is not there
            raise TypedStreamError("unknown type")
        return value

    def _real(self, kind: str) -> float:
        head = self._byte()
        if head != _FLOAT:
            return float(self._integer(head))
        size, form = (4, "f") if kind == "f" else (8, "d")
        value: float = struct.unpack(self._order + form, self._take(size))[0]
        return value

    def _c_string(self) -> bytes | None:
        head = self._byte()
        if head == _NIL:
            return None
        if head == _NEW:
            text = self._shared_string(self._byte())
            self._objects.append(text)  # takes a number among the objects
            return text
        found = self._find(head)
        return found if isinstance(found, bytes) else None

    def _array(self, encoding: str, at: int, depth: int) -> tuple[Any, int]:
        end = _closing(encoding, at, "[", "]")
        digits = at + 1
        while digits < end and encoding[digits].isdigit():
            digits += 1
        count = int(encoding[at + 1 : digits] or "0")
        element = encoding[digits:end]
        if element in {"c", "C"}:
            return self._take(count), end + 1
        if count > self._values_left or not element:
            raise TypedStreamError("too many values")
        return [self._value(element, 0, depth + 1)[0] for _ in range(count)], end + 1

    def _structure(self, encoding: str, at: int, depth: int) -> tuple[Any, int]:
        end = _closing(encoding, at, "{", "}")
        field = encoding.find("=", at, end) + 1 or at + 1
        values = []
        while field < end:
            value, field = self._value(encoding, field, depth + 1)
            values.append(value)
        return values, end + 1

    def _find(self, head: int) -> Any:
        number = self._reference(head)
        if not 0 <= number < len(self._objects):
            raise TypedStreamError("dangling object reference")
        return self._objects[number]

    def _class(self) -> tuple[str, ...]:
        names: list[str] = []
        opened: list[int] = []
        while True:
            head = self._byte()
            if head == _NIL:
                rest: tuple[str, ...] = ()
                break
            if head != _NEW:
                found = self._find(head)
                rest = found.chain if isinstance(found, _ClassName) else ()
                break
            name = self._shared_string(self._byte())
            self._integer(self._byte())  # version of the class
            names.append((name or b"").decode("ascii", "replace"))
            opened.append(len(self._objects))
            self._objects.append(None)
            if len(names) > _DEEPEST:
                raise TypedStreamError("an endless class")
        for position, number in enumerate(opened):
            self._objects[number] = _ClassName((*names[position:], *rest))
        return (*names, *rest)

    def _object(self, depth: int) -> Any:
        head = self._byte()
        if head == _NIL:
            return None
        if head != _NEW:
            return self._find(head)
        number = len(self._objects)
        self._objects.append(None)  # numbered before its class is read
        classes = self._class()
        groups: list[tuple[str, list[Any]]] = []
        while True:
            head = self._byte()
            if head == _END:
                break
            groups.append(self._group(depth + 1, head))
        value = _python_value(classes, groups)
        self._objects[number] = value
        return value


def _closing(encoding: str, at: int, opening: str, closing: str) -> int:
    level = 0
    for position in range(at, len(encoding)):
        if encoding[position] == opening:
            level += 1
        elif encoding[position] == closing:
            level -= 1
            if level == 0:
                return position
    raise TypedStreamError("a type without its end")


def _python_value(classes: tuple[str, ...], groups: list[tuple[str, list[Any]]]) -> Any:
    values = [value for _, group in groups for value in group]
    for name in classes:
        convert = _CONVERTERS.get(name)
        if convert is not None:
            return convert(values)
    return Instance(classes=classes, groups=groups)


def _string(values: list[Any]) -> str:
    text = values[0] if values else b""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else ""


def _dictionary(values: list[Any]) -> dict[str, Any]:
    pairs = values[1:]  # behind their count
    return {
        key: value
        for key, value in zip(pairs[::2], pairs[1::2], strict=False)
        if isinstance(key, str)
    }


_CONVERTERS: dict[str, Callable[[list[Any]], Any]] = {
    "NSString": _string,
    "NSNumber": lambda values: values[-1] if values else None,
    "NSValue": lambda values: values[-1] if values else None,
    "NSData": lambda values: next((v for v in values[1:] if isinstance(v, bytes)), b""),
    "NSURL": lambda values: next((v for v in values[::-1] if isinstance(v, str)), None),
    "NSDate": lambda values: values[0] if values else None,
    "NSArray": lambda values: values[1:],
    "NSDictionary": _dictionary,
}
