"""Opening files of a backup folder without following anything out of it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Self

from shared.ios_backup.errors import DamagedFile, MissingFile

_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: How a file is made that must not be there yet.
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_NAMES = frozenset({"", ".", ".."})
_NO_NAME = "The file's name is not one that backups have."
_NO_FILE = "What should be a file is a link or something else."
FILE_ID = re.compile(r"[0-9a-f]{40}")


def open_within(folder: Path, *parts: str) -> int:
    """Open the regular file at *parts* below *folder* for reading; return its descriptor.

    The folder itself may be reached through links; below it none is followed. Raises MissingFile
    when there is nothing, DamagedFile when it is not a regular file or cannot be opened.
    """
    return open_with_status(folder, *parts)[0]


def open_with_status(folder: Path, *parts: str) -> tuple[int, os.stat_result]:
    """Open as ``open_within`` does; return what the file is, too, which was looked at anyway."""
    for part in parts:
        if part in _NO_NAMES or "/" in part or "\0" in part:
            raise DamagedFile(_NO_NAME)
    if not parts:
        raise DamagedFile(_NO_NAME)
    directory = -1
    # O_NOFOLLOW is about the last name only: the folder's own may be links, and each part is
    # opened by itself.
    name = f"{folder}/{parts[0]}"
    try:
        for part in parts[1:]:
            inner = _open(name, _FOLDER_FLAGS, directory)
            if directory >= 0:
                os.close(directory)
            directory, name = inner, part
        return _open_regular(name, directory)
    finally:
        if directory >= 0:
            os.close(directory)


class KeptFolders:
    """Opens files of a folder's folders, each of which is looked up once: for reading many files.

    Whatever takes a folder's place meanwhile is not looked at. One thread; holds a descriptor for
    each folder met, 256 in a backup.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._kept: dict[str, int] = {}

    def open_with_status(self, prefix: str, name: str) -> tuple[int, os.stat_result]:
        """Open the regular file *name* in the folder *prefix*; both are sure to be plain names.

        The folder itself is meant by an empty *prefix*. Raises as ``open_within`` does.
        """
        below = self._kept.get(prefix, -1)
        if below < 0:
            below = self._kept[prefix] = _open(f"{self._folder}/{prefix}", _FOLDER_FLAGS, -1)
        return _open_regular(name, below)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._kept:
            os.close(self._kept.popitem()[1])


def _open_regular(name: str, directory: int) -> tuple[int, os.stat_result]:
    below = None if directory < 0 else directory
    # Looked at before and after: opening a device can do something by itself (a tape is wound
    # back, a watchdog starts), and what was a file may be swapped for something else.
    try:
        found = os.stat(name, dir_fd=below, follow_symlinks=False)
    except OSError as error:
        raise _told(error) from None
    if not stat.S_ISREG(found.st_mode):
        raise DamagedFile(_NO_FILE)
    # Without O_NONBLOCK a FIFO would hold the caller for ever.
    descriptor = _open(name, _FILE_FLAGS, directory)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise DamagedFile(_NO_FILE)
    return descriptor, status


def _open(name: str, flags: int, directory: int) -> int:
    try:
        return os.open(name, flags, dir_fd=None if directory < 0 else directory)
    except OSError as error:
        raise _told(error) from None


def _told(error: OSError) -> DamagedFile | MissingFile:
    if isinstance(error, FileNotFoundError):
        return MissingFile("The file is not in the backup folder.")
    return DamagedFile("The file cannot be opened, or is a link.")


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
