"""What a run found in its source, written to a file of ours: memory does not depend on the tree."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeVar

import msgspec

from services.archiver.sources.tree import Found

#: How many files are looked up at a time.
BATCH_FILES = 1000

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A line of the tree before places are known."""

    found: Found
    blobs: tuple[str, ...] = ()
    size_bytes: int = 0
    is_torn: bool = False


def write_seen(seen: BinaryIO, one: Seen) -> None:
    """Write one line of what ``read_seen`` yields."""
    line = _encode(one)
    seen.write(len(line).to_bytes(4, "big") + line)


def read_seen(seen: BinaryIO) -> Iterator[Seen]:
    """Yield what ``write_seen`` wrote."""
    decode = msgspec.msgpack.Decoder(Seen).decode
    while head := seen.read(4):
        yield decode(seen.read(int.from_bytes(head, "big")))


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield *items* as many at a time as are looked up at once."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, BATCH_FILES)):
        yield batch
