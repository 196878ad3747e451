"""Find the blobs that a readable manifest lists and the disk has not.

Of Manifest.db a private copy is read: SQLite opens files by name only (it resolves what
``/proc/self/fd`` leads to), and between a look and the opening the name may become a pipe or
another file. An mbdb is read record by record. Nobody has checked either: only a plain table of
plain columns is read, in order, so that the work grows with the manifest whatever it holds. Memory
is 20 bytes for each listed file and 100 for each missing one, plus one blob folder's names; and
the copy, on tmpfs, for as long as it is read.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from services.discovery.errors import Stopped
from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.errors import DamagedManifest
from shared.ios_backup.manifest_entry import MAX_ARCHIVE_BYTES
from shared.ios_backup.manifest_mbdb import MAX_BYTES, read_rows, record_sizes
from shared.ios_backup.manifest_sizes import SizesOf
from shared.ios_backup.manifest_staging import stage_manifest
from shared.ios_backup.safe_files import FILE_ID, open_within, read_within
from shared.scratch import Scratch

MAX_NAMES = 100
#: A manifest can be made so that reading it never ends.
_QUERY_SECONDS = 120.0
_STEPS_BETWEEN_CHECKS = 100_000
_ID_BYTES = 20
#: Three times the largest manifest that anybody has met.
_MAX_ROWS = 3_000_000
_LONGEST_VALUE_BYTES = 16 * 1024 * 1024
#: Entries are 400 bytes to 3 KB; a longer one is a file like any other.
_ARCHIVE = f"case when length(file) <= {MAX_ARCHIVE_BYTES} then file end"


class _Manifest(Struct, frozen=True):
    """The files that a manifest lists; both are walked from the beginning whenever called."""

    names: Callable[[], Iterable[object]]
    entries: Callable[[], Iterable[tuple[object, object]]]
    sizes_of: SizesOf


class MissingBlobs(Struct, frozen=True, kw_only=True):
    """How many blobs are missing, and the names of the first of them, in order."""

    count: int
    names: list[str]


def find_missing_blobs(
    folder: Path, *, is_flat: bool, scratch: Scratch, is_stopping: Callable[[], bool]
) -> MissingBlobs:
    """Compare a plain manifest, or an mbdb, with the disk. A file of no bytes needs no blob.

    Raises ``DamagedManifest``, ``DamagedFile`` and ``Stopped``; ``OSError`` when *scratch* has no
    room for a copy of the manifest.
    """
    with _opened(folder, is_flat=is_flat, scratch=scratch, is_stopping=is_stopping) as manifest:
        missing: set[bytes] = set()
        for prefix, ids in _listed(manifest.names(), is_stopping=is_stopping).items():
            if is_stopping():
                raise Stopped
            # A folder of its own holds no other blobs that could be looked for.
            present = (
                present_blobs(str(folder), prefix)
                if is_flat
                else present_blobs(f"{folder}/{prefix}")
            )
            missing.update(one for one in _split(ids) if one.hex() not in present)
        if missing:
            _drop_empty(missing, manifest, is_stopping=is_stopping)
    names = heapq.nsmallest(MAX_NAMES, missing)
    return MissingBlobs(count=len(missing), names=[name.hex() for name in names])


def has_any_blob(folder: Path) -> bool:
    """Whether a single blob is there; all that can be seen of an encrypted backup's blobs."""
    prefixes = (f"{number:02x}" for number in range(256))
    return any(
        any(map(FILE_ID.fullmatch, present_blobs(f"{folder}/{prefix}", prefix)))
        for prefix in prefixes
    )


@contextmanager
def _opened(
    folder: Path, *, is_flat: bool, scratch: Scratch, is_stopping: Callable[[], bool]
) -> Iterator[_Manifest]:
    """Open the manifest for walks that end in time."""
    if is_flat:
        content = read_within(folder, "Manifest.mbdb", max_bytes=MAX_BYTES)
        yield _Manifest(
            names=lambda: (name.encode() for name, flags, _ in read_rows(content) if flags == 1),
            entries=lambda: (
                (name.encode(), record) for name, flags, record in read_rows(content) if flags == 1
            ),
            sizes_of=record_sizes,
        )
        return
    try:
        with (
            _copied(folder, scratch) as copy,
            closing(_connect(copy, is_stopping=is_stopping)) as connection,
        ):
            _check_table(connection)
            # "Not indexed": an index may say anything.
            rows = "from Files not indexed where flags = 1"
            yield _Manifest(
                names=lambda: (row[0] for row in connection.execute(f"select fileID {rows}")),
                entries=lambda: connection.execute(f"select fileID, {_ARCHIVE} {rows}"),
                sizes_of=ShapeReader().sizes,
            )
    # Unicode: SQLite's complaint may quote a schema that is no UTF-8, which Python refuses.
    except (sqlite3.Error, UnicodeError, OverflowError) as error:
        if is_stopping():
            raise Stopped from error
        # SQLite's own words may quote what was read.
        raise DamagedManifest("The manifest cannot be read.") from None


@contextmanager
def _copied(folder: Path, scratch: Scratch) -> Iterator[Path]:
    """Copy the manifest from the descriptor that was checked; remove the copy."""
    source = open_within(folder, "Manifest.db")
    try:
        place = scratch.make(uuid4().hex)
        try:
            yield stage_manifest(source, place, key=None)
        finally:
            scratch.remove(place)
    finally:
        os.close(source)


def _connect(path: Path, *, is_stopping: Callable[[], bool]) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE_BYTES)
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma cell_size_check = on")
    connection.execute("pragma mmap_size = 0")
    connection.text_factory = bytes
    deadline = time.monotonic() + _QUERY_SECONDS
    connection.set_progress_handler(
        lambda: int(is_stopping() or time.monotonic() > deadline), _STEPS_BETWEEN_CHECKS
    )
    return connection


def _check_table(connection: sqlite3.Connection) -> None:
    """Refuse what would run expressions or code of the manifest's own: views, generated columns."""
    row = connection.execute(
        "select type, sql from sqlite_master where name = 'Files' collate nocase"
    ).fetchone()
    if row is None or row[0] != b"table" or b"virtual" in bytes(row[1] or b"").lower()[:40]:
        raise DamagedManifest("The manifest has no list of files.")
    hidden = connection.execute("select max(hidden) from pragma_table_xinfo('Files')").fetchone()
    if hidden is None or hidden[0]:
        raise DamagedManifest("The manifest's list of files has other columns than a real one.")


def _listed(names: Iterable[object], *, is_stopping: Callable[[], bool]) -> dict[str, bytearray]:
    """Ids of all files by their first two digits, 20 bytes each, in the manifest's own order."""
    listed: dict[str, bytearray] = {}
    for number, raw in enumerate(names):
        if number % 10_000 == 0 and is_stopping():
            raise Stopped
        if number >= _MAX_ROWS:
            raise DamagedManifest("The manifest lists more files than any real one.")
        name = raw.decode("ascii", "replace") if isinstance(raw, bytes) else ""
        if FILE_ID.fullmatch(name):
            listed.setdefault(name[:2], bytearray()).extend(bytes.fromhex(name))
    return listed


def _split(ids: bytearray) -> Iterator[bytes]:
    return (bytes(ids[at : at + _ID_BYTES]) for at in range(0, len(ids), _ID_BYTES))


def _drop_empty(
    missing: set[bytes], manifest: _Manifest, *, is_stopping: Callable[[], bool]
) -> None:
    """Take out of *missing* what has no bytes and therefore needs no blob.

    One walk for all of them: looking each up takes for ever where the manifest has no index.
    """
    for number, (raw, archive) in enumerate(manifest.entries()):
        if number % 10_000 == 0 and is_stopping():
            raise Stopped
        name = raw.decode("ascii", "replace") if isinstance(raw, bytes) else ""
        if FILE_ID.fullmatch(name) is None:
            continue
        file_id = bytes.fromhex(name)
        if file_id in missing and isinstance(archive, bytes) and manifest.sizes_of(archive)[0] == 0:
            missing.discard(file_id)


def present_blobs(folder: str, prefix: str = "") -> set[str]:
    """Names of the files in *folder* that begin with *prefix*: blobs, and whatever else is there.

    Nothing is asked of the disk but the list of names.
    """
    try:
        # Listed through a descriptor, entries are not given paths that nobody asks for.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    try:
        with os.scandir(descriptor) as entries:
            if prefix:
                return {
                    name
                    for entry in entries
                    if (name := entry.name).startswith(prefix)
                    and entry.is_file(follow_symlinks=False)
                }
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    finally:
        os.close(descriptor)
