"""The lines of a tree, in the order in which it was walked through, whatever of it was known.

Lines of what is known are written at once, to a file of ours. Where a file has to be read first, a
gap is left, and filled when its blobs are stored and have their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from services.archiver.errors import DamagedArchiveError
from services.archiver.format.tree import BlobPlace, TreeEntry, write_line
from services.archiver.store.journal import Journal
from services.archiver.store.seen import BATCH_FILES, Seen

#: Of lines, in memory.
_MOST_BYTES = 8 * 1024 * 1024
#: Of a blob, roughly, with where it lies.
_PLACE_BYTES = 500


def tree_line(one: Seen, places: tuple[BlobPlace, ...]) -> bytes:
    """Return the line of the tree that *one* is, with where its blobs lie."""
    return write_line(
        TreeEntry(
            path=one.found.path,
            type=one.found.type,
            mode=one.found.mode,
            mtime_ns=one.found.mtime_ns,
            size_bytes=one.size_bytes,
            blobs=places,
            target=one.found.target,
            is_torn=one.is_torn,
        )
    )


def write_told(told: BinaryIO, lines: Sequence[bytes]) -> None:
    """Write lines of the tree whose blobs have their places."""
    if lines:
        block = b"".join(lines)
        told.write(len(block).to_bytes(4, "big") + block)


def write_gap(told: BinaryIO) -> None:
    """Write that a line follows which is not known yet."""
    told.write(bytes(4))


def read_told(told: BinaryIO) -> Iterator[bytes]:
    """Yield lines, many at a time; nothing at all is a gap."""
    while head := told.read(4):
        yield told.read(int.from_bytes(head, "big"))


def fill_in(told: BinaryIO, read: Iterator[Seen | None], lines: BinaryIO, journal: Journal) -> None:
    """Write what was *told*, with lines in its gaps for the files that were *read* since then.

    Raises ``DamagedArchiveError`` when a blob is not present: the store lost it meanwhile.
    """
    for batch in _few(block or next(read) or b"" for block in read_told(told)):
        places = journal.places(
            {blob for one in batch if isinstance(one, Seen) for blob in one.blobs}
        )
        try:
            for one in batch:
                if isinstance(one, Seen):
                    lines.write(tree_line(one, tuple(places[blob] for blob in one.blobs)))
                else:
                    lines.write(one)
        except KeyError:
            raise DamagedArchiveError("The destination lost something of the archive.") from None


def _few(told: Iterable[bytes | Seen]) -> Iterator[list[bytes | Seen]]:
    """Yield what was *told*, as many at a time as are looked up at once and have room."""
    batch: list[bytes | Seen] = []
    batch_bytes = 0
    for one in told:
        batch.append(one)
        batch_bytes += len(one.blobs) * _PLACE_BYTES if isinstance(one, Seen) else len(one)
        if len(batch) >= BATCH_FILES or batch_bytes >= _MOST_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch
