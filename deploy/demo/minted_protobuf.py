"""Writes the wire format of protocol buffers, as apps keep it in columns of their databases."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

#: A whole number (negative ones as 64 bits), a double, text, data, or a message in a message.
Value: TypeAlias = Union[int, float, str, bytes, "Fields"]
#: Fields by number; a list is a field that comes several times.
Fields: TypeAlias = Mapping[int, Value | Sequence[Value] | None]


def protobuf(fields: Fields) -> bytes:
    """Return the message with *fields* in the order given; fields that are None are left out."""
    written = bytearray()
    for number, value in fields.items():
        several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        for one in value if several else [value]:  # type: ignore[union-attr]
            if one is not None:
                written += _field(number, one)  # type: ignore[arg-type]
    return bytes(written)


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):  # a bool is one, too
        return varint(number << 3) + varint(int(value) & (2**64 - 1))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, str):
        value = value.encode()
    elif not isinstance(value, bytes):
        value = protobuf(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """Return a number as it is written, seven bits at a time."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)
