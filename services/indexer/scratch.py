"""Private directories for copies of phone databases, and their removal after a crash.

Layout: ``<root>/<process id of ours>/<job>/``, each process holding a lock on ``<id>.lock`` while
it lives. The kernel drops the lock with the process, so whoever starts next can tell leftovers
from a living neighbour's files. Blocking; called off the event loop.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from pathlib import Path
from uuid import uuid4

from services.indexer.errors import ScratchError


class Scratch:
    """The directories of one process of the indexer."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = uuid4().hex
        self._lock: int | None = None

    def open(self) -> int:
        """Take a place of our own; return how many dead processes' leftovers were removed."""
        _make_private(self._root)
        # Locked before the directory exists, so that nobody takes it for a leftover in between.
        self._lock = _lock(self._root / f"{self._name}.lock")
        if self._lock is None:
            raise ScratchError("the scratch directory cannot be locked")
        removed = self._sweep()
        _make_private(self._root / self._name)
        return removed

    def make(self, name: str) -> Path:
        """Return a new, empty directory that only we can look into."""
        folder = self._root / self._name / f"{name}-{uuid4().hex[:8]}"
        folder.mkdir(mode=0o700)
        return folder

    def remove(self, folder: Path) -> None:
        """Remove a directory made here with all that is in it. Idempotent."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything of ours."""
        shutil.rmtree(self._root / self._name, ignore_errors=True)
        (self._root / f"{self._name}.lock").unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _sweep(self) -> int:
        removed = 0
        for name in sorted({entry.name.removesuffix(".lock") for entry in self._root.iterdir()}):
            path = self._root / f"{name}.lock"
            if name == self._name or (lock := _lock(path)) is None:
                continue
            leftover = self._root / name
            try:
                if leftover.is_symlink() or leftover.is_file():
                    leftover.unlink()
                elif leftover.exists():
                    shutil.rmtree(leftover, ignore_errors=True)
                    removed += 1
                path.unlink(missing_ok=True)
            finally:
                os.close(lock)
        return removed


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ScratchError("the scratch directory is somebody else's; set KEEPSAKE_SCRATCH_DIR")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _lock(path: Path) -> int | None:
    """Lock *path*, made if need be; None while another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # A sweep may have unlinked the file between open and flock; then nobody sees this lock.
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
