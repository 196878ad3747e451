"""The folder of one rclone below the scratch folder: its socket, and what is on its way.

A folder is locked for as long as its process lives. What nobody locks is a leftover of a crash and
is removed, after the rclone that may still listen in it was ended: not every system ends children
with their parents.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from uuid import uuid4

from services.archiver.destinations.rclone_client import GoneError, RcloneClient

_PREFIX = "rclone-"
_LOCK = "lock"
_QUIT_SECONDS = 5.0


class PrivateFolder:
    """A folder that nobody else reads."""

    def __init__(self, scratch: Path) -> None:
        """Make one below *scratch*, which is private; remove those that crashes left."""
        for leftover in scratch.glob(f"{_PREFIX}*"):
            _remove_leftover(leftover)
        name = uuid4().hex[:8]
        self.path = scratch / f"{_PREFIX}{name}"
        making = scratch / f"new-{_PREFIX}{name}"
        making.mkdir(mode=0o700)
        # Locked before it has its name: nobody may take it for a leftover in between.
        self._lock = _lock(making)
        making.rename(self.path)
        self.spool = self.path / "spool"
        self.spool.mkdir(mode=0o700)

    def remove(self) -> None:
        """Remove it and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _remove_leftover(folder: Path) -> None:
    try:
        lock = _lock(folder)
    except OSError:
        # Gone by now, or made by somebody who made no lock: not ours.
        return
    if lock is None:
        return
    try:
        for socket in folder.glob("s[0-9]*"):
            client = RcloneClient(socket, ping_seconds=_QUIT_SECONDS)
            with contextlib.suppress(GoneError):
                client.call("core/quit", {})
            client.close()
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _lock(folder: Path) -> int | None:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
