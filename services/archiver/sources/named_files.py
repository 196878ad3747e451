"""Files that a source names one by one: settings and certificates, taken as they are.

They go into one folder of the bundle each, by their names alone. A link is followed, as whoever
named it meant the file: certificates are links as a rule.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from services.archiver.errors import SourceError, SourceMissingError
from services.archiver.format.bundle import BundleFile

#: Whoever names a disk image here did not mean it.
_MOST_BYTES = 4 * 1024 * 1024
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_named_files(paths: Sequence[str], *, folder: str) -> list[BundleFile]:
    """Return them as members below *folder*. Blocking.

    Raises ``SourceMissingError`` and ``SourceError``: an archive without a file that it was to
    have would be found out when the file is needed.
    """
    files: list[BundleFile] = []
    taken: set[str] = set()
    for path in paths:
        name = Path(path).name
        member = f"{folder}/{name}"
        number = 1
        while member in taken:
            number += 1
            member = f"{folder}/{number}/{name}"
        taken.add(member)
        files.append(BundleFile(path=member, content=_read(Path(path))))
    return files


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceMissingError(f"The file {path.name} of the source is not there.") from None
    except OSError as error:
        raise _unreadable(path, os.strerror(error.errno or 0).lower()) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(path, "it is no file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise _unreadable(path, os.strerror(error.errno or 0).lower()) from None
    if len(content) > _MOST_BYTES:
        raise _unreadable(path, f"it is longer than {_MOST_BYTES >> 20} MiB")
    return content


def _unreadable(path: Path, reason: str) -> SourceError:
    return SourceError(f"The file {path.name} of the source cannot be read: {reason}.")
