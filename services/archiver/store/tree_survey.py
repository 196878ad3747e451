"""Looking at a tree before any of it is read: what is as it was, and what has to be read.

Files that are as they were the last time are not read at all, as long as everything they consist
of is present. Those that the catalogue has as they are cost a line of the tree and a number each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import msgspec

from services.archiver.errors import CancelledByPersonError
from services.archiver.format.tree import BlobPlace, TreeEntry, write_line
from services.archiver.sources.tree import Found, TreeSource
from services.archiver.store.journal import Journal, KnownFile
from services.archiver.store.seen import Seen, batches, write_seen


class TreeSums(msgspec.Struct, kw_only=True):
    """What a tree adds up to, and what putting it into the store came to."""

    #: Files that were there when the tree was looked at, and their bytes.
    found_count: int = 0
    found_bytes: int = 0
    #: What the tree consists of, as far as it is known or was read.
    file_count: int = 0
    directory_count: int = 0
    symlink_count: int = 0
    size_bytes: int = 0
    torn_count: int = 0
    #: Files that were read, and their bytes; the others were known.
    read_count: int = 0
    read_bytes: int = 0
    #: Of the batch in hand, whose files are not counted yet.
    batch_count: int = 0
    batch_bytes: int = 0
    #: Of what was read, what is not stored yet.
    waiting_bytes: int = 0
    #: What the store did not hold.
    added_bytes: int = 0
    object_count: int = 0

    def count(self, one: Seen) -> None:
        """Take in a line of the tree."""
        match one.found.type:
            case "file":
                self.file_count += 1
                self.size_bytes += one.size_bytes
                self.torn_count += one.is_torn
            case "directory":
                self.directory_count += 1
            case "symlink":
                self.symlink_count += 1


def survey(
    source: TreeSource,
    journal: Journal,
    *,
    sums: TreeSums,
    lines: BinaryIO,
    seen: BinaryIO,
    unread: BinaryIO,
    is_cancelled: Callable[[], bool],
) -> array[int]:
    """Look at all of *source*; return the rows of the catalogue that say the same as it does.

    Lines of the tree for those go to *lines*. Of the rest, what has to be read goes to *unread*,
    and what has not to *seen*. Raises ``SourceError`` and ``CancelledByPersonError``. Blocking.
    """
    same = array("q")
    for batch, known in _looked_up(batches(source.walk()), journal):
        if is_cancelled():
            raise CancelledByPersonError("The job was asked to stop.")
        told: list[bytes] = []
        for found in batch:
            if found.type != "file":
                _note(seen, Seen(found), sums)
                continue
            sums.found_count += 1
            sums.found_bytes += found.size_bytes
            file = known.get(found.path)
            if file is None:
                write_seen(unread, Seen(found))
            elif file.row is None:
                names = tuple(place.sha256 for place in file.places)
                _note(seen, Seen(found, names, found.size_bytes), sums)
            else:
                one = Seen(found, (), found.size_bytes)
                sums.count(one)
                same.append(file.row)
                told.append(tree_line(one, file.places))
        lines.write(b"".join(told))
    return same


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


def _note(seen: BinaryIO, one: Seen, sums: TreeSums) -> None:
    write_seen(seen, one)
    sums.count(one)


def _looked_up(
    found: Iterable[list[Found]], journal: Journal
) -> Iterator[tuple[list[Found], Mapping[bytes, KnownFile]]]:
    """Yield batches with what is known of their files: looked up while the next one is walked."""

    def look_up(batch: list[Found]) -> Mapping[bytes, KnownFile]:
        return journal.unchanged([one for one in batch if one.type == "file"])

    with ThreadPoolExecutor(1, thread_name_prefix="archive survey") as thread:
        before = None
        for batch in found:
            asked = thread.submit(look_up, batch)
            if before is not None:
                yield before[0], before[1].result()
            before = batch, asked
        if before is not None:
            yield before[0], before[1].result()
