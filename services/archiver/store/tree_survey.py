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
from services.archiver.sources.tree import Found, TreeSource
from services.archiver.store.journal import Journal, KnownFile
from services.archiver.store.seen import Seen, batches, write_seen
from services.archiver.store.tree_lines import tree_line, write_gap, write_told

#: Of folders and links, all there is to know was seen.
_NO_FILE = KnownFile(())


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
    told: BinaryIO,
    seen: BinaryIO,
    unread: BinaryIO,
    is_cancelled: Callable[[], bool],
) -> array[int]:
    """Look at all of *source*; return the rows of the catalogue that say the same as it does.

    What else is there goes to *seen*, but for what has to be read, which goes to *unread*. Lines
    of the tree go to *told*, with gaps for the latter. Raises ``SourceError`` and
    ``CancelledByPersonError``. Blocking.
    """
    same = array("q")
    for batch, known in _looked_up(batches(source.walk()), journal):
        if is_cancelled():
            raise CancelledByPersonError("The job was asked to stop.")
        lines: list[bytes] = []
        for found in batch:
            file: KnownFile | None = _NO_FILE
            if found.type == "file":
                sums.found_count += 1
                sums.found_bytes += found.size_bytes
                file = known.get(found.path)
            if file is None:
                write_seen(unread, Seen(found))
                write_told(told, lines)
                write_gap(told)
                lines = []
                continue
            one = Seen(found, tuple(place.sha256 for place in file.places), found.size_bytes)
            if file.row is None:
                write_seen(seen, one)
            else:
                same.append(file.row)
            sums.count(one)
            lines.append(tree_line(one, file.places))
        write_told(told, lines)
    return same


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
