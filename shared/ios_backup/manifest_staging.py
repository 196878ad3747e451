"""A private plaintext copy of Manifest.db, which SQLite needs as a file.

The copy is made of plain manifests too: it does not change while a phone writes the next run, and
SQLite never opens a file of the backup itself.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.ios_backup.decryption import BLOCK_BYTES, plain_pieces, write_all
from shared.ios_backup.errors import DamagedManifest, Locked

SQLITE_MAGIC = b"SQLite format 3\0"
#: Half a million entries are 500 MB. The copy lies on tmpfs, where a file of nothing but holes
#: becomes as much memory.
MAX_MANIFEST_BYTES = 2 * 1024**3
#: Smaller ones are copied before a second thread would have begun.
_LARGE_BYTES = 32 * 1024**2


def stage_manifest(
    source: int, scratch: Path, *, key: bytes | None, is_over: Callable[[], bool] = lambda: False
) -> Path:
    """Copy the manifest open at *source* into *scratch*, decrypted with *key* where there is one.

    Whether the ciphertext was padded or not, the copy ends with SQLite's last page. Raises
    DamagedManifest, and Locked soon after *is_over* says so; nothing is left behind then.
    """
    total = os.fstat(source).st_size
    if total > MAX_MANIFEST_BYTES:
        raise DamagedManifest("The manifest is larger than any real one.")
    if key is not None and total % BLOCK_BYTES:
        raise DamagedManifest("The manifest is cut off.")
    room = os.statvfs(scratch)
    if total > room.f_bavail * room.f_frsize:
        # Said before everything is full: others write there, too.
        raise OSError(errno.ENOSPC, "There is no space for the manifest's copy.")
    path = scratch / "manifest.sqlite"
    target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _copy(source, path, total, key=key, is_over=is_over)
        os.ftruncate(target, _exact_length(target))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(target)
    return path


def _copy(
    source: int, path: Path, total: int, *, key: bytes | None, is_over: Callable[[], bool]
) -> None:
    """Copy *total* bytes, and no more of a file that somebody goes on writing.

    The halves of a large manifest are copied at once: most of it is waiting for memory.
    """
    if total < _LARGE_BYTES:
        _copy_part(source, path, 0, total, key=key, is_over=is_over)
        return
    middle = total // 2 // BLOCK_BYTES * BLOCK_BYTES
    with ThreadPoolExecutor(1, thread_name_prefix="latter half of a manifest") as beside:
        latter = beside.submit(_copy_part, source, path, middle, total, key=key, is_over=is_over)
        _copy_part(source, path, 0, middle, key=key, is_over=is_over)
        latter.result()


def _copy_part(
    source: int,
    path: Path,
    begin: int,
    end: int,
    *,
    key: bytes | None,
    is_over: Callable[[], bool],
) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.lseek(target, begin, os.SEEK_SET)
        left = end - begin
        for piece in plain_pieces(source, key=key, begin=begin):
            if is_over():
                raise Locked("The backup was locked meanwhile.")
            write_all(target, piece[:left])
            left -= len(piece)
            if left <= 0:
                return
        if left > 0:
            # Or there would be a hole where the halves should meet.
            raise DamagedManifest("The manifest is cut off.")
    finally:
        os.close(target)


def _exact_length(target: int) -> int:
    """Return the length that SQLite's header states, or that of all whole pages.

    Real encrypted manifests end with 16 bytes of padding behind the last page (observed on iOS
    14.3), those of other writers do not.
    """
    length = os.fstat(target).st_size
    header = os.pread(target, 100, 0)
    if len(header) < 100 or not header.startswith(SQLITE_MAGIC):
        raise DamagedManifest("The manifest is not a database, or its key is another one.")
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    if page_bytes < 512 or page_bytes & (page_bytes - 1):
        raise DamagedManifest("The manifest's header is damaged.")
    pages = int.from_bytes(header[28:32], "big")
    # The count is valid only if the last writer kept it up to date.
    if pages and header[24:28] == header[92:96]:
        if length < pages * page_bytes:
            raise DamagedManifest("The manifest is cut off.")
        return pages * page_bytes
    return length - length % page_bytes
