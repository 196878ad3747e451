"""Writes attributed text as Messages stores it: a typedstream of an NSAttributedString.

The counterpart of the indexer's reader, with the same two reference tables, so that both can be
tried against each other and against samples of real phones.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

_HEADER = b"\x04\x0bstreamtyped\x81\xe8\x03"
_NEW, _NIL, _END = b"\x84", b"\x85", b"\x86"
_FIRST_REFERENCE = -110

Value = str | int | float | bytes
#: Length of a run in UTF-16 units, and its attributes.
Run = tuple[int, dict[str, Value]]

_CHAINS = {
    "NSAttributedString": (("NSAttributedString", 0), ("NSObject", 0)),
    "NSString": (("NSString", 1), ("NSObject", 0)),
    "NSDictionary": (("NSDictionary", 0), ("NSObject", 0)),
    "NSNumber": (("NSNumber", 0), ("NSValue", 0), ("NSObject", 0)),
    "NSData": (("NSData", 0), ("NSObject", 0)),
    "NSURL": (("NSURL", 0), ("NSObject", 0)),
}


def _integer(value: int) -> bytes:
    if -110 <= value <= 127:
        return struct.pack("<b", value)
    if -(2**15) <= value < 2**15:
        return b"\x81" + struct.pack("<h", value)
    return b"\x82" + struct.pack("<i", value)


def _unsigned(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    if value < 2**16:
        return b"\x81" + struct.pack("<H", value)
    return b"\x82" + struct.pack("<I", value)


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray(_HEADER)
        self._strings: dict[bytes, int] = {}
        self._classes: dict[str, int] = {}
        self._c_strings: dict[bytes, int] = {}
        self._objects = 0

    def _shared(self, text: bytes) -> None:
        number = self._strings.get(text)
        if number is None:
            self._strings[text] = len(self._strings)
            self.out += _NEW + _unsigned(len(text)) + text
        else:
            self.out += _integer(number + _FIRST_REFERENCE)

    def type(self, encoding: str) -> None:
        self._shared(encoding.encode())

    def begin(self, name: str) -> None:
        """Open an object of a class."""
        self.out += _NEW
        self._objects += 1
        for class_name, version in _CHAINS[name]:
            number = self._classes.get(class_name)
            if number is not None:
                self.out += _integer(number + _FIRST_REFERENCE)
                return
            self._classes[class_name] = self._objects
            self._objects += 1
            self.out += _NEW
            self._shared(class_name.encode())
            self.out += _integer(version)
        self.out += _NIL

    def end(self) -> None:
        self.out += _END

    def string(self, text: str) -> None:
        self.type("@")
        self.begin("NSString")
        self.type("+")
        body = text.encode("utf-8", "replace")
        self.out += _unsigned(len(body)) + body
        self.end()

    def number(self, value: int | float) -> None:  # noqa: PYI041 -- they are written differently
        self.type("@")
        self.begin("NSNumber")
        self.type("*")
        encoding = b"d" if isinstance(value, float) else b"i"
        known = self._c_strings.get(encoding)
        if known is None:
            self._c_strings[encoding] = self._objects
            self._objects += 1
            self.out += _NEW
            self._shared(encoding)
        else:
            self.out += _integer(known + _FIRST_REFERENCE)
        self._shared(encoding)
        if isinstance(value, float):
            self.out += b"\x83" + struct.pack("<d", value)
        else:
            self.out += _integer(value)
        self.end()

    def data(self, body: bytes) -> None:
        self.type("@")
        self.begin("NSData")
        self.type("i")
        self.out += _integer(len(body))
        self.type(f"[{len(body)}c]")
        self.out += body
        self.end()

    def url(self, address: str) -> None:
        self.type("@")
        self.begin("NSURL")
        self.type("c")
        self.out += b"\0"
        self.string(address)
        self.end()

    def attributes(self, values: dict[str, Value]) -> None:
        self.type("@")
        self.begin("NSDictionary")
        self.type("i")
        self.out += _integer(len(values))
        for name, value in values.items():
            self.string(name)
            if name == "__kIMLinkAttributeName" and isinstance(value, str):
                self.url(value)
            elif isinstance(value, str):
                self.string(value)
            elif isinstance(value, bytes):
                self.data(value)
            else:
                self.number(value)
        self.end()


def utf16_length(text: str) -> int:
    """Length of *text* as the phone counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def attributed_body(text: str, runs: Sequence[Run] | None = None) -> bytes:
    """Return *text* as a typedstream; without *runs* it is one plain part."""
    return _plain_body(text) if runs is None else _body(text, runs)


# A phone has all its messages in every backup.
@lru_cache(maxsize=1 << 15)
def _plain_body(text: str) -> bytes:
    return _body(text, [(utf16_length(text), {"__kIMMessagePartAttributeName": 0})])


def _body(text: str, runs: Sequence[Run]) -> bytes:
    writer = _Writer()
    writer.type("@")
    writer.begin("NSAttributedString")
    writer.string(text)
    known: dict[tuple[tuple[str, Value], ...], int] = {}
    for length, attributes in runs:
        writer.type("iI")
        identity = tuple(attributes.items())
        number = known.get(identity)
        writer.out += _integer(number or len(known) + 1) + _unsigned(length)
        if number is None:
            known[identity] = len(known) + 1
            writer.attributes(attributes)
    writer.end()
    return bytes(writer.out)
