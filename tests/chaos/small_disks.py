"""Disks of a few megabytes that can be filled and emptied: tmpfs mounts. Needs root."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from pathlib import Path

_DETACH = 2
_BALLAST = "ballast"
_PIECE = 1 << 20


class SmallDisk:
    """A file system of its own at *folder*."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        options = f"size={megabytes}m,mode=0711"
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "keepsake-chaos", str(folder)], check=True
        )

    def fill(self) -> None:
        """Take all the room there is, to the last byte."""
        with (self.folder / _BALLAST).open("ab") as ballast:
            for size in (_PIECE, 4096, 1):
                try:
                    while True:
                        os.write(ballast.fileno(), b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        """Give it back."""
        (self.folder / _BALLAST).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """What is left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def remove(self) -> None:
        """Unmount it, whoever still uses it."""
        ctypes.CDLL(None).umount2(os.fsencode(self.folder), _DETACH)


def can_mount() -> bool:
    """Whether this machine lets us; containers often do not."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
