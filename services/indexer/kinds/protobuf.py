"""Reader of the wire format of protocol buffers, for blobs whose schema nobody published.

A message is its fields by number; what a field means is the caller's knowledge. Nested messages
are read when they are asked for. Input is hostile: length, depth and the number of fields are
bounded over a message and all that is read out of it, and every failure is a ``ProtobufError``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

#: Longer than any blob of a phone: the body of a note with tables has a few megabytes.
MOST_BYTES = 32 * 1024 * 1024
#: Fields of a message and of all messages in it that are read. A long note has some 100,000.
MOST_FIELDS = 1_000_000
#: Tables in notes are ten messages deep.
DEEPEST = 40

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10
_WHOLE = 2**64 - 1
_SIGN = 2**63


class ProtobufError(Exception):
    """The bytes are no message, or more than any real one."""


class _Fixed(bytes):
    """Four or eight bytes that are a number, to be told from content that has a length."""

    __slots__ = ()


class _Budget:
    """How many fields may still be read out of one blob."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_FIELDS


class Message:
    """The fields of one message by number; where one comes several times, the last one counts."""

    __slots__ = ("_budget", "_depth", "_fields")

    def __init__(self, data: bytes, *, depth: int = 0, budget: _Budget | None = None) -> None:
        """Read the fields of *data*; raises ProtobufError."""
        if len(data) > MOST_BYTES:
            _fail("too long")
        if depth > DEEPEST:
            _fail("too deep")
        self._depth = depth
        self._budget = budget or _Budget()
        self._fields: dict[int, list[int | bytes]] = {}
        self._read(data)

    # One loop without calls for the small numbers that most fields are.
    def _read(self, data: bytes) -> None:  # noqa: C901, PLR0912 -- as above
        fields, end, at = self._fields, len(data), 0
        left = self._budget.left
        while at < end:
            tag = data[at]
            at += 1
            if tag > 127:
                tag, at = _varint(data, at - 1)
            number, wire = tag >> 3, tag & 7
            left -= 1
            if left < 0 or not number or number >= 2**29:
                _fail("too many fields, or one without a number")
            value: int | bytes
            if wire in {_VARINT, _LENGTH}:
                if at >= end:
                    _fail("cut short")
                length = data[at]
                at += 1
                if length > 127:
                    length, at = _varint(data, at - 1)
                if wire == _VARINT:
                    value = length
                else:
                    if length > end - at:
                        _fail("cut short")
                    value = data[at : at + length]
                    at += length
            elif wire in {_FIXED64, _FIXED32}:
                length = 8 if wire == _FIXED64 else 4
                if length > end - at:
                    _fail("cut short")
                value = _Fixed(data[at : at + length])
                at += length
            else:  # groups, which nobody has written for fifteen years, and what does not exist
                _fail("an unknown type")
            known = fields.get(number)
            if known is None:
                fields[number] = [value]
            else:
                known.append(value)
        self._budget.left = left

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the fields that are there, in the order in which they came first."""
        return tuple(self._fields)

    def integers(self, number: int) -> list[int]:
        """Return every whole number of a field, as it is written: 0 to 2**64 - 1."""
        return [value for value in self._fields.get(number, ()) if isinstance(value, int)]

    def integer(self, number: int) -> int | None:
        """Return a whole number from 0 to 2**64 - 1, or None."""
        values = self._fields.get(number)
        if values is None:
            return None
        last = values[-1]
        # Real messages have one type for a number.
        return last if type(last) is int else next(reversed(self.integers(number)), None)

    def signed(self, number: int) -> int | None:
        """Return a whole number that may be below zero, or None."""
        value = self.integer(number)
        return value if value is None or value < _SIGN else value - _SIGN * 2

    def real(self, number: int) -> float | None:
        """Return a float of four or a double of eight bytes; it may be no number at all."""
        value = next(reversed(self._fields.get(number, ())), None)
        if not isinstance(value, _Fixed):
            return None
        found: float = struct.unpack("<f" if len(value) == 4 else "<d", value)[0]
        return found

    def contents(self, number: int) -> list[bytes]:
        """Return every content of a field: text, data and messages look alike."""
        return [value for value in self._fields.get(number, ()) if type(value) is bytes]

    def content(self, number: int) -> bytes | None:
        """Return a field's content, or None."""
        values = self._fields.get(number)
        if values is None:
            return None
        last = values[-1]
        return last if type(last) is bytes else next(reversed(self.contents(number)), None)

    def texts(self, number: int) -> list[str]:
        """Return every text of a field; bytes that are no UTF-8 are replaced."""
        return [value.decode("utf-8", "replace") for value in self.contents(number)]

    def text(self, number: int) -> str | None:
        """Return a text, or None; bytes that are no UTF-8 are replaced."""
        value = self.content(number)
        return None if value is None else value.decode("utf-8", "replace")

    def messages(self, number: int) -> list[Message]:
        """Return every message of a field; raises ProtobufError when one of them is none."""
        return [self.nested(value) for value in self.contents(number)]

    def each(self, number: int) -> Iterator[Message]:
        """Yield every message of a field, one at a time; raises ProtobufError on the way."""
        for value in self.contents(number):
            yield self.nested(value)

    def message(self, number: int) -> Message | None:
        """Return a message, or None when the field is not there; raises ProtobufError."""
        value = self.content(number)
        return None if value is None else self.nested(value)

    def find(self, *path: int) -> Message | None:
        """Return the message at the end of a path of numbers, or None; raises ProtobufError."""
        at: Message | None = self
        for number in path:
            at = None if at is None else at.message(number)
        return at

    def nested(self, data: bytes) -> Message:
        """Return the message in one of the contents of this one; raises ProtobufError."""
        return Message(data, depth=self._depth + 1, budget=self._budget)


def read_message(data: object) -> Message | None:
    """Return the message in a cell of a table, or None for whatever is none."""
    if not isinstance(data, bytes):
        return None
    try:
        return Message(data)
    except ProtobufError:
        return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + _MOST_VARINT_BYTES]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _WHOLE, at
        shift += 7
    raise ProtobufError("a number without its end")


def _fail(why: str) -> NoReturn:
    raise ProtobufError(why)
