"""What a run found in its source, written to a file of ours: memory does not depend on the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from services.archiver.sources.tree import Found

#: How many files are looked up at a time, and with how many bytes: large ones have many blobs.
BATCH_FILES = 1000
_BATCH_BYTES = 128 * 1024**3

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


def batches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Yield what was *found*, as many at a time as are looked up at once."""
    batch: list[Found] = []
    batch_bytes = 0
    for one in found:
        batch.append(one)
        batch_bytes += one.size_bytes
        if len(batch) >= BATCH_FILES or batch_bytes >= _BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch
