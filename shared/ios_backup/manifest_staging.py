"""A private plaintext copy of Manifest.db, which SQLite needs as a file.

The copy is made of plain manifests too: it does not change while a phone writes the next run, and
SQLite never opens a file of the backup itself.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from shared.ios_backup.decryption import BLOCK_BYTES, plain_pieces, write_all
from shared.ios_backup.errors import DamagedManifest

SQLITE_MAGIC = b"SQLite format 3\0"
#: Half a million entries are 500 MB. The copy lies on tmpfs, where a file of nothing but holes
#: becomes as much memory.
MAX_MANIFEST_BYTES = 2 * 1024**3


def stage_manifest(source: int, scratch: Path, *, key: bytes | None) -> Path:
    """Copy the manifest open at *source* into *scratch*, decrypted with *key* where there is one.

    Whether the ciphertext was padded or not, the copy ends with SQLite's last page. Raises
    DamagedManifest, and leaves nothing behind then.
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
        left = total
        for piece in plain_pieces(source, key=key):
            # A file that somebody goes on writing has no end.
            write_all(target, piece[:left])
            left -= len(piece)
            if left <= 0:
                break
        os.ftruncate(target, _exact_length(target))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(target)
    return path


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
