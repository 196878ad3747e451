"""Private directories for plaintext that must be a file, and their removal after a crash.

Each service has a root of its own. Layout: ``<root>/<replica id>/<name>/``. Each replica holds
a lock on ``<replica id>.lock`` for as long as its process lives; the kernel drops it with the
process, however that ends. So whoever starts next can tell leftovers from a living neighbour's
files. Blocking; run off the event loop.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from pathlib import Path


class UnsafeScratchError(Exception):
    """The scratch directory cannot be made private to this user."""


class Scratch:
    """The directories of one replica."""

    def __init__(self, root: Path, *, replica_id: str) -> None:
        self._root = root
        self._directory = root / replica_id
        self._lock_path = root / f"{replica_id}.lock"
        self._lock: int | None = None

    def open(self) -> int:
        """Claim this replica's directory; return how many dead replicas' leftovers were removed."""
        for folder in (self._root.parent, self._root):
            _make_private(folder)
        # Locked before the directory exists: nobody may take it for a leftover in between.
        self._lock = _lock_file(self._lock_path)
        if self._lock is None:
            msg = "another process holds this replica's scratch directory"
            raise UnsafeScratchError(msg)
        _make_private(self._directory)
        return self._sweep()

    def make(self, name: str) -> Path:
        """Return a new private directory."""
        # A login session's tmpfs may have been swept under a service that runs on.
        for above in (self._root, self._directory):
            _make_private(above)
        folder = self._directory / name
        folder.mkdir(mode=0o700)
        return folder

    def remove(self, folder: Path) -> None:
        """Remove a directory made here and all that is in it."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything of this replica and let go of it."""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._lock_path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _sweep(self) -> int:
        removed = 0
        for entry in list(self._root.iterdir()):
            replica_id = entry.name.removesuffix(".lock")
            if replica_id == self._directory.name or not entry.exists():
                continue
            lock_path = self._root / f"{replica_id}.lock"
            lock = _lock_file(lock_path)
            if lock is None:
                continue
            try:
                leftover = self._root / replica_id
                if leftover.is_symlink():
                    leftover.unlink()
                elif leftover.exists():
                    shutil.rmtree(leftover, ignore_errors=True)
                    removed += 1
                lock_path.unlink(missing_ok=True)
            finally:
                os.close(lock)
        return removed


def _make_private(folder: Path) -> None:
    """Make *folder* if need be and refuse one that others could have prepared for us."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        msg = "the scratch directory belongs to somebody else; set KEEPSAKE_SCRATCH_DIR"
        raise UnsafeScratchError(msg)
    if found.st_mode & stat.S_ISVTX:
        # /tmp and /dev/shm, where we are root: everybody else would be locked out.
        msg = "the scratch directory is everybody's; set KEEPSAKE_SCRATCH_DIR to a folder in it"
        raise UnsafeScratchError(msg)
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _lock_file(path: Path) -> int | None:
    """Lock *path*, made if it does not exist; None while another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # Another sweep may have unlinked the file between open and flock: the lock is then on
        # a file that nobody else will ever see.
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
