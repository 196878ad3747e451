"""A cheap look at a backup folder: a few sizes and times, no content.

The marks of the plists and the manifest change with every run; those of the blob folders with
every blob that comes or goes. A look costs some 260 ``lstat`` calls, whatever the backup's size.
"""

# Names on disk are bytes, which pathlib does not take:
# ruff: noqa: PTH118

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator

from msgspec import Struct

from services.discovery.errors import FolderUnreadable, FolderVanished
from services.discovery.folders import is_clutter, reason_of

_MARKED = (b"Info.plist", b"Manifest.plist", b"Status.plist", b"Manifest.db", b"Manifest.mbdb")
_BLOB_FOLDER = re.compile(rb"[0-9a-f]{2}")


class Marks(Struct, frozen=True, kw_only=True):
    """What a look saw. Two equal digests mean that nothing was written in between."""

    #: Of the plists, the manifest, and whether a run's Snapshot folder holds anything.
    run: bytes
    #: Of the blob folders.
    blobs: bytes
    #: Seconds since 1970; the youngest time in the folder.
    newest_write: float
    has_snapshot: bool


def look_at(path: bytes, *, with_blobs: bool = True) -> Marks:
    """Look at the folder. Raises ``FolderVanished`` or ``FolderUnreadable``.

    Without blobs a look costs half a dozen calls, and only ``run`` means anything.
    """
    try:
        run = hashlib.blake2b(digest_size=16)
        times = [os.lstat(path).st_mtime_ns]
        for name in _MARKED:
            mark = _mark(os.path.join(path, name))
            run.update(b"%s %d %d\n" % (name, *mark))
            times.append(mark[1])
        snapshot = os.path.join(path, b"Snapshot")
        has_snapshot = False
        for change in _snapshot_times(snapshot):
            has_snapshot = True
            times.append(change)
        run.update(b"snapshot %d" % has_snapshot)
        blobs = hashlib.blake2b(digest_size=16)
        for name, change in _blob_folders(path) if with_blobs else []:
            blobs.update(b"%s %d\n" % (name, change))
            times.append(change)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderVanished from error
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error
    return Marks(
        run=run.digest(),
        blobs=blobs.digest(),
        newest_write=max(times) / 1e9,
        has_snapshot=has_snapshot,
    )


def _mark(path: bytes) -> tuple[int, int]:
    """Size and time of a regular file; what is no regular file counts as absent."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return (-1, 0)
    if not stat.S_ISREG(status.st_mode):
        return (-1, 0)
    return (status.st_size, status.st_mtime_ns)


def _snapshot_times(path: bytes) -> Iterator[int]:
    """Times of what a run has put aside so far; nothing when there is no Snapshot folder."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return
        with os.scandir(path) as entries:
            for number, entry in enumerate(entries):
                # 256 folders and three plists; anything more is not worth a stat.
                if number >= 1000:
                    return
                if not is_clutter(entry.name):
                    yield _time(entry)
    except FileNotFoundError:
        return


def _blob_folders(path: bytes) -> list[tuple[bytes, int]]:
    """Blob folders and their times; for iOS 9 and before the folder itself holds the blobs."""
    found: list[tuple[bytes, int]] = []
    with os.scandir(path) as entries:
        is_flat = False
        for entry in entries:
            if entry.name == b"Manifest.mbdb":
                is_flat = True
            elif _BLOB_FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                found.append((entry.name, _time(entry)))
    if is_flat:
        found.append((b".", os.lstat(path).st_mtime_ns))
    return sorted(found)


def _time(entry: os.DirEntry[bytes]) -> int:
    """Time of an entry; a running backup may take it away between the listing and the look."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:
        return 0
