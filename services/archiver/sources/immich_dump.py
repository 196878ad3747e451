"""The dumps of its database that Immich writes into a library: the newest, and whether it is whole.

They are called ``immich-db-backup-20260731T020000-v2.5.0-pg14.19.sql.gz``, by the clock of Immich's
container, or ``immich-db-backup-1753927200000.sql.gz`` by older versions, in milliseconds. What is
being written ends in ``.tmp``. Dumps that Immich made before a restore, or that somebody uploaded,
have other names and are not looked at.
"""

from __future__ import annotations

import datetime as dt
import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from services.archiver.errors import (
    CancelledByPersonError,
    DumpRefusedError,
    SourceChangedError,
    SourceUnmountedError,
)

_NAME = re.compile(
    r"immich-db-backup-(?:(?P<ms>\d{10,16})"
    r"|(?P<at>\d{8}T\d{6})-v(?P<server>[^/]*?)-pg(?P<postgres>[^/]*))\.sql\.gz"
)
#: How far the clock of a container may be ahead of UTC's: a zone of the Pacific.
_MOST_AHEAD = dt.timedelta(hours=12)
_PIECE_BYTES = 1024 * 1024
#: What ``pg_dump`` and ``pg_dumpall`` end with, but for a line or two.
_END = re.compile(rb"PostgreSQL database (cluster )?dump complete")
_END_BYTES = 8192
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """A dump that is finished."""

    name: str
    #: No later than it was finished.
    taken_at: dt.datetime
    status: os.stat_result
    server: str | None = None
    postgres: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {
            "name": self.name,
            "size_bytes": self.status.st_size,
            "taken_at": self.taken_at.isoformat(),
            "server_version": self.server,
            "postgres_version": self.postgres,
        }


def choose(folder: Path, *, now: dt.datetime, most_age: dt.timedelta) -> Dump:
    """Return the newest dump in *folder*, which is no older than *most_age*. Blocking.

    Raises ``DumpRefusedError``, ``SourceUnmountedError`` when the folder cannot be read, and
    ``SourceChangedError`` for one that is not finished yet by our clock.
    """
    try:
        with os.scandir(folder) as entries:
            found = [dump for entry in entries if (dump := _dump(entry)) is not None]
    except OSError:
        raise SourceUnmountedError("The folder of the database dumps cannot be read.") from None
    if not found:
        raise DumpRefusedError("There is none in the folder backups.")
    newest = max(found, key=lambda dump: (dump.taken_at, dump.name))
    if _written_at(newest.status) > now:
        raise SourceChangedError(
            "The newest database dump has a time in the future: it was written this moment, or the"
            " clocks of this machine and of its disk differ."
        )
    if now - newest.taken_at > most_age:
        hours = int((now - newest.taken_at).total_seconds() // 3600)
        raise DumpRefusedError(f"The newest is {hours} hours old.")
    return newest


def read_through(path: Path, is_stopping: Callable[[], bool]) -> None:
    """Unpack a dump to its end, which must be that of a dump. Blocking; keeps nothing.

    Raises ``DumpRefusedError`` and ``CancelledByPersonError``.
    """
    end = b""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as packed, gzip.open(packed) as content:
            while piece := content.read(_PIECE_BYTES):
                end = (end + piece)[-_END_BYTES:]
                if is_stopping():
                    raise CancelledByPersonError("The job was asked to stop.")
    except (OSError, EOFError, zlib.error):
        raise DumpRefusedError("The newest cannot be read: it is damaged, or cut.") from None
    if not _END.search(end):
        raise DumpRefusedError("The newest breaks off before its end.")


def _dump(entry: os.DirEntry[str]) -> Dump | None:
    name = _NAME.fullmatch(entry.name)
    if name is None:
        return None
    try:
        status = entry.stat(follow_symlinks=False)
        said = _said_at(name)
    except (FileNotFoundError, ValueError, OverflowError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Dump(
        name=entry.name,
        # A copy of a library may have given all files the time of the copy.
        taken_at=min(_written_at(status), said),
        status=status,
        server=name["server"],
        postgres=name["postgres"],
    )


def _said_at(name: re.Match[str]) -> dt.datetime:
    """Return the latest moment that a name can mean."""
    if name["ms"] is not None:
        return dt.datetime.fromtimestamp(int(name["ms"]) / 1000, dt.UTC)
    at = dt.datetime.strptime(name["at"], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    return at + _MOST_AHEAD


def _written_at(status: os.stat_result) -> dt.datetime:
    return dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
