"""Opening files of a backup folder without following anything out of it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from shared.ios_backup.errors import DamagedFile, MissingFile

_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FILE = "What should be a file is a link or something else."
FILE_ID = re.compile(r"[0-9a-f]{40}")


def open_within(folder: Path, *parts: str) -> int:
    """Open the regular file at *parts* below *folder* for reading; return its descriptor.

    The folder itself may be reached through links; below it none is followed. Raises MissingFile
    when there is nothing, DamagedFile when it is not a regular file or cannot be opened.
    """
    if not parts or any(part in {"", ".", ".."} or "/" in part or "\0" in part for part in parts):
        raise DamagedFile("The file's name is not one that backups have.")
    directory = -1
    # O_NOFOLLOW is about the last name only: the folder's own may be links, and each part is
    # opened by itself. Without O_NONBLOCK a FIFO would hold the caller for ever.
    name = f"{folder}/{parts[0]}"
    try:
        for part in parts[1:]:
            inner = os.open(name, _FOLDER_FLAGS, dir_fd=None if directory < 0 else directory)
            if directory >= 0:
                os.close(directory)
            directory, name = inner, part
        below = None if directory < 0 else directory
        # Looked at before and after: opening a device can do something by itself (a tape is wound
        # back, a watchdog starts), and what was a file may be swapped for something else.
        if not stat.S_ISREG(os.stat(name, dir_fd=below, follow_symlinks=False).st_mode):
            raise DamagedFile(_NO_FILE)
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=below)
    except FileNotFoundError:
        raise MissingFile("The file is not in the backup folder.") from None
    except OSError:
        raise DamagedFile("The file cannot be opened, or is a link.") from None
    finally:
        if directory >= 0:
            os.close(directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFile(_NO_FILE)
    return descriptor


def read_within(folder: Path, *parts: str, max_bytes: int) -> bytes:
    """Read a whole small file; DamagedFile when it is larger than *max_bytes*."""
    descriptor = open_within(folder, *parts)
    try:
        if os.fstat(descriptor).st_size > max_bytes:
            raise DamagedFile("The file is larger than any real one.")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes)
    except OSError:
        raise DamagedFile("The file cannot be read.") from None
    finally:
        os.close(descriptor)
