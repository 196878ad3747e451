"""Blocking work on backups, in threads of the mount that each lies on.

A network mount that hangs takes its own threads with it and no others, and whoever waits for it is
told within seconds. See shared.disks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from services.unlock import errors
from shared.disks import Disks, DiskSilentError, mount_of

Result = TypeVar("Result")

#: Threads that read and decrypt; beyond the cores they wait for the disk.
_READERS = 6


class BackupDisk:
    """The disk of one backup's folder."""

    def __init__(self, disks: Disks, path: Path) -> None:
        self._disks = disks
        self._path = path
        self._mount = mount_of(path).point

    async def run(
        self, work: Callable[[], Result], *, on_end: Callable[[], None] = lambda: None
    ) -> Result:
        """Run *work* in a thread. Raises the ``unreachable`` problem when the disk is silent.

        The thread goes on then, as it does when the caller is cancelled; *on_end* is called once,
        when nothing runs any more.
        """
        try:
            return await self._disks.run(self._mount, work, place=lambda: self._path, on_end=on_end)
        except DiskSilentError:
            raise errors.disk_silent() from None


class BackupDisks:
    """All disks that backups lie on."""

    def __init__(self) -> None:
        self._disks = Disks(name="unlock-read", threads=_READERS)

    def of(self, path: Path) -> BackupDisk:
        """Return the disk that *path* (without symbolic links) lies on."""
        return BackupDisk(self._disks, path)

    def stop(self) -> None:
        """Begin nothing more."""
        self._disks.stop()
