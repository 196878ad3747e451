"""What is read of a tree, and what of it is stored."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from services.archiver.format.names import CHUNK_BYTES, SMALL_BYTES
from services.archiver.format.tree import read_lines
from services.archiver.sources.tree import Found, TreeSource
from services.archiver.store.seen import Seen, read_seen
from services.archiver.store.transport import Transport
from services.archiver.store.tree_survey import TreeSums
from services.archiver.store.tree_writer import put_tree
from tests.unit.archiver.memory_journal import MemoryJournal
from tests.unit.archiver.memory_transport import MemoryTransport


class HeldJournal(MemoryJournal):
    """A journal that says when the files of a batch were all read."""

    def __init__(self) -> None:
        super().__init__()
        self.has_read = threading.Event()

    def remember(self, read: Sequence[tuple[Found, Sequence[str]]]) -> None:
        super().remember(read)
        self.has_read.set()


class SlowTransport(MemoryTransport):
    """A destination that stores nothing until all files were read."""

    def __init__(self, has_read: threading.Event) -> None:
        super().__init__()
        self._has_read = has_read

    def put(self, path: str, pieces: list[bytes]) -> None:
        assert self._has_read.wait(100)
        super().put(path, pieces)


def _put(
    source: Path,
    transport: Transport,
    journal: MemoryJournal,
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[Seen], TreeSums]:
    with TemporaryDirectory() as folder, TreeSource(source) as tree:
        stored = put_tree(
            tree,
            transport=transport,
            journal=journal,
            folder=Path(folder),
            lines=io.BytesIO(),
            is_cancelled=is_cancelled,
        )
        with stored.seen.open("rb") as seen:
            return list(read_seen(seen)), stored.sums


def _settle(folder: Path) -> None:
    """Wait until no later change can have the time of those that were made."""
    newest = max(path.lstat().st_ctime_ns for path in folder.rglob("*"))
    while time.time_ns() - newest < 50_000_000:
        time.sleep(0.01)


def test_what_is_the_same_is_stored_once_also_while_it_is_on_its_way(tmp_path: Path) -> None:
    """More than a group of the same large files, and of small ones, before any is stored."""
    for number in range(10):
        (tmp_path / f"large {number}").write_bytes(b"L" * SMALL_BYTES)
    for number in range(300):
        (tmp_path / f"small {number}").write_bytes(b"s%d" % (number % 3))
    _settle(tmp_path)
    journal = HeldJournal()
    transport = SlowTransport(journal.has_read)
    _, sums = _put(tmp_path, transport, journal)
    blobs = Counter(blob.sha256 for one in journal.objects.values() for blob in one.blobs)
    assert sorted(blobs.values()) == [1] * 4
    assert sorted(Counter(transport.stored).values()) == [1, 1]
    assert sums.object_count == 2
    assert sums.added_bytes == sum(len(content) for content in transport.objects.values())


def test_files_that_did_not_change_are_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    _settle(tmp_path)
    transport, journal = MemoryTransport(), MemoryJournal()
    first, sums = _put(tmp_path, transport, journal)
    second, again = _put(tmp_path, transport, journal)
    assert (sums.read_count, again.read_count, again.added_bytes) == (1, 0, 0)
    assert first == second


def test_a_file_that_changed_a_moment_ago_is_read_again_the_next_time(tmp_path: Path) -> None:
    """A second change in the same tick of the clock would not show."""
    place = tmp_path / "file"
    transport, journal = MemoryTransport(), MemoryJournal()
    # On a slow machine the moment may have passed before the file is read.
    for number in range(200):
        place.write_bytes(b"content %d" % number)
        _put(tmp_path, transport, journal)
        _, again = _put(tmp_path, transport, journal)
        if again.read_count:
            return
    assert time.time_ns() - place.stat().st_ctime_ns > 20_000_000


def test_a_file_that_grows_as_fast_as_it_is_read_ends(tmp_path: Path) -> None:
    place = tmp_path / "growing"
    place.write_bytes(b"x" * 1000)

    def grow() -> bool:
        with place.open("ab") as file:
            file.write(b"y" * 1000)
        return False

    transport, journal = MemoryTransport(), MemoryJournal()
    (seen,), sums = _put(tmp_path, transport, journal, is_cancelled=grow)
    assert (seen.is_torn, sums.torn_count) == (True, 1)
    assert len(seen.blobs) == 1
    assert seen.size_bytes == seen.found.size_bytes < place.stat().st_size


def test_a_file_that_shrinks_while_it_is_read_is_torn_and_adds_up(tmp_path: Path) -> None:
    place = tmp_path / "shrinking"
    place.write_bytes(bytes(CHUNK_BYTES + 10_000))

    def shrink() -> bool:
        os.truncate(place, place.stat().st_size - 1000)
        return False

    (seen,), _ = _put(tmp_path, MemoryTransport(), MemoryJournal(), is_cancelled=shrink)
    assert seen.is_torn
    assert seen.size_bytes < CHUNK_BYTES + 10_000


def test_lines_are_in_the_order_of_the_walk_whatever_was_known_and_what_is_gone(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    names = [f"{letter}{number}" for letter in "abc" for number in range(1500)]
    for name in names:
        (source / name).write_bytes(name.encode())
    _settle(source)
    transport, journal = MemoryTransport(), MemoryJournal()
    _put(source, transport, journal)
    for name in ("a0", "b7", "c1499"):
        (source / name).write_bytes(b"another content")
    gone = ("a1", "a2", "c1498")
    for name in gone:
        (source / name).write_bytes(b"here for a moment")

    def remove(_sums: TreeSums) -> None:
        for name in gone:
            (source / name).unlink()

    lines, folder = io.BytesIO(), tmp_path / "work"
    folder.mkdir()
    with TreeSource(source) as tree:
        stored = put_tree(
            tree,
            transport=transport,
            journal=journal,
            folder=folder,
            lines=lines,
            on_looked=remove,
        )
    entries = list(read_lines([lines.getvalue()]))
    left = sorted(name.encode() for name in names if name not in gone)
    assert [entry.path for entry in entries] == left
    assert stored.sums.file_count == len(left)
    assert stored.sums.found_count == len(names)
    for entry in entries:
        assert [journal.places([blob.sha256])[blob.sha256] for blob in entry.blobs] == [
            *entry.blobs
        ]
    sizes = {entry.path: entry.size_bytes for entry in entries}
    assert sizes[b"b7"] == len(b"another content")
    assert sizes[b"b8"] == 2
