"""Find the blobs that a readable manifest lists and the disk has not.

The manifest is opened where it lies, read-only and immutable, so that SQLite writes nothing beside
it. Memory is 20 bytes for each listed file, plus one blob folder's names.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

from services.discovery.errors import Stopped
from shared.ios_backup.errors import DamagedManifest
from shared.ios_backup.manifest_entry import EntryFacts, read_archive
from shared.ios_backup.manifest_mbdb import MAX_BYTES, read_record, stage_mbdb
from shared.ios_backup.safe_files import FILE_ID, open_within, read_within

MAX_NAMES = 100
#: A manifest can be made so that reading it never ends.
_QUERY_SECONDS = 120.0
_STEPS_BETWEEN_CHECKS = 100_000
_ID_BYTES = 20

FactsOf = Callable[[bytes], EntryFacts]


class MissingBlobs(Struct, frozen=True, kw_only=True):
    """How many blobs are missing, and the names of the first of them, in order."""

    count: int
    names: list[str]


def find_missing_blobs(
    folder: Path, *, is_flat: bool, is_stopping: Callable[[], bool]
) -> MissingBlobs:
    """Compare a plain manifest, or an mbdb, with the disk. A file of no bytes needs no blob.

    Raises ``DamagedManifest``, ``DamagedFile`` and ``Stopped``.
    """
    with _opened(folder, is_flat=is_flat, is_stopping=is_stopping) as (manifest, facts_of):
        listed = _listed(manifest)
        count = 0
        names: list[str] = []
        for prefix, ids in sorted(listed.items()):
            if is_stopping():
                raise Stopped
            present = _present(folder if is_flat else folder / prefix, prefix)
            for name in sorted(_names(ids)):
                if name not in present and _needs_blob(manifest, name, facts_of):
                    count += 1
                    if len(names) < MAX_NAMES:
                        names.append(name)
    return MissingBlobs(count=count, names=names)


def has_any_blob(folder: Path) -> bool:
    """Whether a single blob is there; all that can be seen of an encrypted backup's blobs."""
    prefixes = (f"{number:02x}" for number in range(256))
    return any(_present(folder / prefix, prefix) for prefix in prefixes)


@contextmanager
def _opened(
    folder: Path, *, is_flat: bool, is_stopping: Callable[[], bool]
) -> Iterator[tuple[sqlite3.Connection, FactsOf]]:
    """Open the manifest for queries that end in time."""
    try:
        if is_flat:
            # Names only, and the original lies in the open as well.
            with tempfile.TemporaryDirectory(prefix="keepsake-mbdb-") as scratch:
                content = read_within(folder, "Manifest.mbdb", max_bytes=MAX_BYTES)
                staged = stage_mbdb(content, Path(scratch))
                with closing(_connect(str(staged), is_stopping=is_stopping)) as connection:
                    yield connection, read_record
            return
        descriptor = open_within(folder, "Manifest.db")
        try:
            # The descriptor, and not the name, is sure to be the regular file that was checked.
            by_descriptor = f"/proc/self/fd/{descriptor}"
            name = by_descriptor if Path(by_descriptor).exists() else str(folder / "Manifest.db")
            with closing(_connect(name, is_stopping=is_stopping)) as connection:
                yield connection, read_archive
        finally:
            os.close(descriptor)
    except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
        if is_stopping():
            raise Stopped from error
        # SQLite's own words may quote what was read.
        raise DamagedManifest("The manifest cannot be read.") from None


def _connect(path: str, *, is_stopping: Callable[[], bool]) -> sqlite3.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(f"file:{quoted}?mode=ro&immutable=1", uri=True)
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma mmap_size = 0")
    connection.text_factory = bytes
    deadline = time.monotonic() + _QUERY_SECONDS
    connection.set_progress_handler(
        lambda: int(is_stopping() or time.monotonic() > deadline), _STEPS_BETWEEN_CHECKS
    )
    return connection


def _listed(manifest: sqlite3.Connection) -> dict[str, bytearray]:
    """Names of all files by their first two digits, 20 bytes each, in the manifest's own order.

    Sequential, because following an index through a cold file on a network mount takes minutes.
    """
    table = manifest.execute(
        "select 1 from sqlite_master where type = 'table' and name = 'Files'"
    ).fetchone()
    if table is None:
        raise DamagedManifest("The manifest has no list of files.")
    listed: dict[str, bytearray] = {}
    for (raw,) in manifest.execute("select fileID from Files not indexed where flags = 1"):
        name = raw.decode("ascii", "replace") if isinstance(raw, bytes) else ""
        if FILE_ID.fullmatch(name):
            listed.setdefault(name[:2], bytearray()).extend(bytes.fromhex(name))
    return listed


def _names(ids: bytearray) -> set[str]:
    return {ids[at : at + _ID_BYTES].hex() for at in range(0, len(ids), _ID_BYTES)}


def _present(folder: Path, prefix: str) -> set[str]:
    """Names of the blobs in *folder* that begin with *prefix*."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name
                for entry in entries
                if entry.name.startswith(prefix)
                and FILE_ID.fullmatch(entry.name)
                and entry.is_file(follow_symlinks=False)
            }
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _needs_blob(manifest: sqlite3.Connection, name: str, facts_of: FactsOf) -> bool:
    row = manifest.execute(
        "select file from Files where fileID = ? and flags = 1", (name,)
    ).fetchone()
    archive = row[0] if row is not None else None
    return not (isinstance(archive, bytes) and facts_of(archive).size_bytes == 0)
