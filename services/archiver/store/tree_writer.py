"""Putting a tree into a store: only what the store does not hold is stored.

One thread walks and reads, a few store. Files that are as they were the last time are not read at
all, as long as everything they consist of is present. Nothing is kept of a file's content but the
blobs of the group in hand and what is on its way, so memory does not depend on the tree.

What the tree consists of is written to a file of ours first, without places: a blob's place is
known when its pack is stored. ``write_tree`` adds them, and is the proof that all blobs are there.
"""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeVar

import msgspec

from services.archiver.errors import CancelledByPersonError, DamagedArchiveError
from services.archiver.format.names import (
    SMALL_BYTES,
    cut,
    object_path,
    pack_path,
    sha256_hex,
)
from services.archiver.format.packs import PackBuilder, PackedBlob
from services.archiver.format.tree import TreeEntry, write_line
from services.archiver.sources.tree import Found, TreeSource, found_of
from services.archiver.store.journal import Journal, StoredObject
from services.archiver.store.transport import Transport
from services.archiver.store.uploads import Uploads

#: How many files are looked up at a time.
_BATCH_FILES = 1000
#: What is read before the store is asked whether it holds it.
_GROUP_BYTES = 8 * 1024 * 1024
_GROUP_BLOBS = 1000
#: How long after a change another one may leave the same time: clocks of file systems tick.
_TICK_NS = 20_000_000
#: How often a file that changes is read again.
_TRIES = 3

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A line of the tree before places are known."""

    found: Found
    blobs: tuple[str, ...] = ()
    size_bytes: int = 0
    is_torn: bool = False


class TreeSums(msgspec.Struct, kw_only=True):
    """What a tree adds up to, and what putting it into the store came to."""

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


class _Reading:
    """A file of which some blobs are known, and some are still to be looked for."""

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
    seen: BinaryIO,
    on_progress: Callable[[TreeSums], None] = lambda _sums: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> TreeSums:
    """Store what is below *source*, and write what it consists of to *seen*.

    Raises ``TransportError``, ``SourceError`` and ``CancelledByPersonError``; what was stored until
    then is written down, and is not stored again. Blocking.
    """
    sums = TreeSums()

    def tell() -> None:
        sums.waiting_bytes = uploads.held_bytes
        on_progress(sums)

    uploads = Uploads(transport, journal, on_stored=tell, is_cancelled=is_cancelled)
    with uploads:
        writer = _Writer(source, journal, uploads, sums, is_cancelled, on_read=tell)
        for batch in _batches(source.walk()):
            for reading in writer.store(batch):
                write_seen(
                    seen,
                    Seen(reading.found, tuple(reading.blobs), reading.size_bytes, reading.is_torn),
                )
                _count(sums, reading)
            sums.batch_count = sums.batch_bytes = 0
            tell()
        writer.finish()
        uploads.wait()
        sums.added_bytes = uploads.size_bytes
        sums.object_count = uploads.object_count
    seen.flush()
    return sums


def write_tree(seen: BinaryIO, output: BinaryIO, journal: Journal) -> None:
    """Write the lines of a tree with the places of its blobs. Raises ``DamagedArchiveError``.

    That is when a blob is not present: the store lost it while the archive was made.
    """
    for batch in _batches(read_seen(seen)):
        places = journal.places({blob for one in batch for blob in one.blobs})
        for one in batch:
            try:
                blobs = tuple(places[blob] for blob in one.blobs)
            except KeyError:
                raise DamagedArchiveError(
                    "The destination lost something of the archive."
                ) from None
            output.write(
                write_line(
                    TreeEntry(
                        path=one.found.path,
                        type=one.found.type,
                        mode=one.found.mode,
                        mtime_ns=one.found.mtime_ns,
                        size_bytes=one.size_bytes,
                        blobs=blobs,
                        target=one.found.target,
                        is_torn=one.is_torn,
                    )
                )
            )


def write_seen(seen: BinaryIO, one: Seen) -> None:
    """Write one line of what ``read_seen`` yields."""
    line = _encode(one)
    seen.write(len(line).to_bytes(4, "big") + line)


def read_seen(seen: BinaryIO) -> Iterator[Seen]:
    """Yield what ``put_tree`` wrote."""
    decode = msgspec.msgpack.Decoder(Seen).decode
    while head := seen.read(4):
        yield decode(seen.read(int.from_bytes(head, "big")))


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

    def store(self, batch: list[Found]) -> list[_Reading]:
        """Read what is not known of *batch* and have it stored; return all of it, in order."""
        readings = [_Reading(found) for found in batch]
        files = [found for found in batch if found.type == "file"]
        known = self._journal.unchanged(files)
        present = self._journal.places({blob for blobs in known.values() for blob in blobs})
        fresh: list[_Reading] = []
        kept: list[_Reading] = []
        for reading in readings:
            found = reading.found
            if found.type != "file":
                kept.append(reading)
                continue
            blobs = known.get(found.path)
            if blobs is not None and all(blob in present for blob in blobs):
                reading.blobs = list(blobs)
                reading.size_bytes = found.size_bytes
                kept.append(reading)
            elif self._read(reading):
                kept.append(reading)
                if reading.is_settled and not reading.is_torn:
                    fresh.append(reading)
        self._flush_group()
        if fresh:
            self._journal.remember([(reading.found, reading.blobs) for reading in fresh])
        return kept

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


def _count(sums: TreeSums, reading: _Reading) -> None:
    match reading.found.type:
        case "file":
            sums.file_count += 1
            sums.size_bytes += reading.size_bytes
            sums.torn_count += reading.is_torn
        case "directory":
            sums.directory_count += 1
        case "symlink":
            sums.symlink_count += 1


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, _BATCH_FILES)):
        yield batch
