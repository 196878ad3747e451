"""Waiting until a disk holds what another program wrote."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path


def sync_file_system(folder: Path) -> None:
    """Wait until all that was written to the file system of *folder* is on its disk. Blocking.

    Raises OSError when the disk did not take something.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
