"""Putting a tree into a store: only what the store does not hold is stored.

The tree is looked at first (``tree_survey``). Then one thread reads what is not known, and a few
store. Nothing is kept of a file's content but the blobs of the group in hand and what is on its
way, so memory does not depend on the tree.

What was read is written to a file of ours first, without places: a blob's place is known when its
pack is stored. Lines of the tree are in the order in which it was walked through, whatever of it
was known before, and are the proof that all blobs are there.
"""

from __future__ import annotations

import io
import itertools
import os
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.archiver.errors import CancelledByPersonError
from services.archiver.format.names import (
    SMALL_BYTES,
    cut,
    object_path,
    pack_path,
    sha256_hex,
)
from services.archiver.format.packs import PackBuilder, PackedBlob
from services.archiver.sources.tree import Found, TreeSource, found_of
from services.archiver.store.journal import Journal, StoredObject
from services.archiver.store.seen import Seen, batches, read_seen, write_seen
from services.archiver.store.transport import Transport
from services.archiver.store.tree_lines import fill_in
from services.archiver.store.tree_survey import TreeSums, survey
from services.archiver.store.uploads import Uploads

#: What is read before the store is asked whether it holds it.
_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_BLOBS = 1000
#: How long after a change another one may leave the same time: clocks of file systems tick.
_TICK_NS = 20_000_000
#: How often a file that changes is read again.
_TRIES = 3


class StoredTree(msgspec.Struct, frozen=True, kw_only=True):
    """A tree whose blobs are all in the store."""

    sums: TreeSums
    #: Rows of the catalogue that say what there is, as it is.
    same: array[int]
    #: All else that there is, for ``read_seen``.
    seen: Path


class _Reading:
    """A file that is read, perhaps more than once."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.blobs: list[str] = []
        self.size_bytes = 0
        self.is_torn = False
        #: Whether a later change shows itself in the file's times.
        self.is_settled = False


def put_tree(
    source: TreeSource,
    *,
    transport: Transport,
    journal: Journal,
    folder: Path,
    lines: BinaryIO,
    on_looked: Callable[[TreeSums], None] = lambda _sums: None,
    on_progress: Callable[[TreeSums], None] = lambda _sums: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> StoredTree:
    """Store what is below *source*, and write the lines of its tree to *lines*.

    *folder* is for files of ours that are written meanwhile; ``seen`` stays there. *on_looked* is
    called once, when it is known how much there is.

    Raises ``TransportError``, ``SourceError``, ``CancelledByPersonError``, and
    ``DamagedArchiveError`` when the store lost something meanwhile; what was stored until then is
    written down, and is not stored again. Blocking.
    """
    sums = TreeSums()
    seen_path, unread_path, told_path = folder / "seen", folder / "unread", folder / "told"
    with seen_path.open("w+b") as seen:
        with unread_path.open("wb") as unread, told_path.open("wb") as told:
            same = survey(
                source,
                journal,
                sums=sums,
                told=told,
                seen=seen,
                unread=unread,
                is_cancelled=is_cancelled,
            )
        on_looked(sums)
        known_bytes = seen.tell()
        with unread_path.open("rb") as unread:
            gone = _put_unread(
                source,
                unread,
                seen,
                transport=transport,
                journal=journal,
                sums=sums,
                on_progress=on_progress,
                is_cancelled=is_cancelled,
            )
        seen.seek(known_bytes)
        with told_path.open("rb") as told:
            fill_in(told, _with_gone(read_seen(seen), gone), lines, journal)
    unread_path.unlink()
    told_path.unlink()
    return StoredTree(sums=sums, same=same, seen=seen_path)


def _put_unread(
    source: TreeSource,
    unread: BinaryIO,
    seen: BinaryIO,
    *,
    transport: Transport,
    journal: Journal,
    sums: TreeSums,
    on_progress: Callable[[TreeSums], None],
    is_cancelled: Callable[[], bool],
) -> set[int]:
    """Read and store what is *unread*; return which of it was not there any more, by number."""
    gone: set[int] = set()

    def tell() -> None:
        sums.waiting_bytes = uploads.held_bytes
        on_progress(sums)

    uploads = Uploads(transport, journal, on_stored=tell, is_cancelled=is_cancelled)
    with uploads:
        writer = _Writer(source, journal, uploads, sums, is_cancelled, on_read=tell)
        numbers = itertools.count()
        for batch in batches(one.found for one in read_seen(unread)):
            # Numbers last: what is asked for them after the last one is lost.
            for reading, number in zip(writer.store(batch), numbers, strict=False):
                if reading is None:
                    gone.add(number)
                    continue
                one = Seen(reading.found, tuple(reading.blobs), reading.size_bytes, reading.is_torn)
                write_seen(seen, one)
                sums.count(one)
            sums.batch_count = sums.batch_bytes = 0
            tell()
        writer.finish()
        uploads.wait()
        sums.added_bytes = uploads.size_bytes
        sums.object_count = uploads.object_count
    return gone


def _with_gone(read: Iterator[Seen], gone: set[int]) -> Iterator[Seen | None]:
    """Yield what was *read*, with None for what was *gone*, without an end."""
    for number in itertools.count():
        yield None if number in gone else next(read)


class _Writer:
    def __init__(
        self,
        source: TreeSource,
        journal: Journal,
        uploads: Uploads,
        sums: TreeSums,
        is_cancelled: Callable[[], bool],
        *,
        on_read: Callable[[], None],
    ) -> None:
        self._on_read = on_read
        self._source = source
        self._journal = journal
        self._uploads = uploads
        self._sums = sums
        self._is_cancelled = is_cancelled
        self._pack = PackBuilder()
        #: Given to the uploads, and perhaps not written down yet.
        self._on_the_way: set[str] = set()
        self._group: list[tuple[str, bytes]] = []
        self._group_bytes = 0

    def store(self, batch: list[Found]) -> list[_Reading | None]:
        """Read the files of *batch* and have stored what is not; None for those that are gone."""
        read = [reading if self._read(reading) else None for reading in map(_Reading, batch)]
        self._flush_group()
        fresh = [one for one in read if one is not None and one.is_settled and not one.is_torn]
        if fresh:
            self._journal.remember([(reading.found, reading.blobs) for reading in fresh])
        return read

    def finish(self) -> None:
        """Have the last pack stored."""
        self._flush_group()
        self._put_pack()

    def _read(self, reading: _Reading) -> bool:
        """Read a file, again when it changed meanwhile; False when it is not there any more."""
        path = reading.found.path
        for left in reversed(range(_TRIES)):
            self._check()
            try:
                is_whole = self._read_once(reading)
            except FileNotFoundError:
                return False
            except OSError as error:
                said = os.strerror(error.errno).lower() if error.errno else "cannot be read"
                self._source.skipped.append((path, said))
                return False
            if is_whole:
                break
            if not left:
                reading.is_torn = True
        self._sums.read_count += 1
        self._sums.batch_count += 1
        self._sums.read_bytes += reading.size_bytes
        return True

    def _read_once(self, reading: _Reading) -> bool:
        reading.blobs, reading.size_bytes = [], 0
        descriptor = self._source.open(reading.found.path)
        with os.fdopen(descriptor, "rb", buffering=0) as content:
            before = found_of(reading.found.path, os.fstat(descriptor))
            if before is None or before.type != "file":
                raise FileNotFoundError
            reading.found = before
            reading.is_settled = time.time_ns() - before.ctime_ns >= _TICK_NS
            # No more than was there to begin with: a file may grow as fast as it is read. What is
            # asked for is bounded by what is there, so a small file costs a small buffer.
            for size_bytes in cut(before.size_bytes):
                piece = _read_exactly(content, size_bytes)
                if piece:
                    reading.size_bytes += len(piece)
                    reading.blobs.append(self._take(piece))
                    self._sums.batch_bytes += len(piece)
                    self._on_read()
                self._check()
            after = found_of(reading.found.path, os.fstat(descriptor))
        return (
            after is not None and after.is_like(before) and reading.size_bytes == before.size_bytes
        )

    def _take(self, piece: bytes) -> str:
        sha256 = sha256_hex(piece)
        self._group.append((sha256, piece))
        self._group_bytes += len(piece)
        if self._group_bytes >= _GROUP_BYTES or len(self._group) >= _GROUP_BLOBS:
            self._flush_group()
        return sha256

    def _flush_group(self) -> None:
        """Have stored what the store does not hold of the pieces that were read."""
        group, self._group, self._group_bytes = self._group, [], 0
        present = self._journal.places({sha256 for sha256, _ in group}) if group else {}
        self._on_the_way.difference_update(present)
        for sha256, piece in group:
            if sha256 in present or sha256 in self._on_the_way or sha256 in self._pack:
                continue
            if len(piece) >= SMALL_BYTES:
                blob = PackedBlob(sha256=sha256, offset=0, size_bytes=len(piece))
                self._put(
                    object_path(sha256),
                    [piece],
                    StoredObject(name=sha256, is_pack=False, size_bytes=len(piece), blobs=[blob]),
                )
                continue
            if not self._pack.has_room(len(piece)):
                self._put_pack()
            self._pack.add(sha256, piece)

    def _put_pack(self) -> None:
        pack = self._pack.finish()
        if pack is not None:
            self._put(
                pack_path(pack.name),
                pack.pieces,
                StoredObject(
                    name=pack.name,
                    is_pack=True,
                    size_bytes=pack.size_bytes,
                    blobs=pack.blobs,
                ),
            )

    def _put(self, path: str, pieces: list[bytes], stored: StoredObject) -> None:
        self._check()
        self._on_the_way.update(blob.sha256 for blob in stored.blobs)
        self._uploads.put(path, pieces, stored)

    def _check(self) -> None:
        if self._is_cancelled():
            raise CancelledByPersonError("The job was asked to stop.")


def _read_exactly(content: io.RawIOBase, size_bytes: int) -> bytes:
    """Read that much, less only at the end: some file systems give it in pieces."""
    piece = content.read(size_bytes) or b""
    while len(piece) < size_bytes and (more := content.read(size_bytes - len(piece))):
        piece += more
    return piece
