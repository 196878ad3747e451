"""What an rclone says while it works, one line of JSON at a time: how far it is, and what failed.

Lines hold names and addresses, so they are read for their meaning and never passed on. Its exit
codes are too coarse to tell anything but that there was a failure.
"""

from __future__ import annotations

import re

import msgspec

from services.archiver.destinations.failures import failure
from services.archiver.errors import ArchiverError

#: Of these, the first say the same again of what was said of single files, and the others follow.
_SUMMARY = re.compile(
    r"Attempt \d+/\d+ failed|Failed to \w+ with \d+ errors|Failed to (sync|lsjson|delete):"
    r"|not deleting |Cancelling sync|Fatal error received|Can't retry|Can't limit|Failed to save"
)
_TOO_MANY = "--max-delete threshold reached"
#: rclone's own words for trouble with what it reads.
_SOURCE = re.compile(r"source (object|file|directory)|lstat |readlink ")
_TOO_LONG = re.compile(r"name too long|KeyTooLong|path too long", re.IGNORECASE)
_MOST_TOLD = 1000
_LONGEST_LINE = 1024 * 1024


class Stats(msgspec.Struct):
    """How far it is."""

    bytes: int = 0
    total_bytes: int = msgspec.field(default=0, name="totalBytes")
    transfers: int = 0
    total_transfers: int = msgspec.field(default=0, name="totalTransfers")
    checks: int = 0
    copies: int = msgspec.field(default=0, name="serverSideCopies")
    copied_bytes: int = msgspec.field(default=0, name="serverSideCopyBytes")

    @property
    def sent_count(self) -> int:
        """How many files were sent; what a server copied by itself is among the transfers."""
        return max(self.transfers - self.copies, 0)

    @property
    def sent_bytes(self) -> int:
        """How much was sent."""
        return max(self.bytes - self.copied_bytes, 0)


class _Line(msgspec.Struct):
    level: str = ""
    msg: str = ""
    object: str | None = None
    stats: Stats | None = None


class RcloneLog:
    """The log of one process."""

    def __init__(self, source: str) -> None:
        """Tell trouble with the folder *source* from trouble with the destination."""
        self._source = source
        self._rest = b""
        self.stats = Stats()
        #: Files that were not copied and why; the first of them.
        self.left_out: list[tuple[str, str]] = []
        #: What the destination did not do, one per line.
        self.errors: list[ArchiverError] = []
        #: Whether the bound on deletions was met.
        self.is_bounded = False
        #: How often in a row the destination did not do what it was asked.
        self.failures = 0

    def feed(self, piece: bytes) -> None:
        """Read what was written."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._rest = b""
        for line in lines:
            self._read(line)

    def _read(self, content: bytes) -> None:
        try:
            line = msgspec.json.decode(content, type=_Line)
        except msgspec.DecodeError:
            return
        if line.stats is not None:
            if line.stats.transfers > self.stats.transfers:
                self.failures = 0
            self.stats = line.stats
        if line.level not in ("error", "critical") or _SUMMARY.match(line.msg):
            return
        if _TOO_MANY in line.msg:
            self.is_bounded = True
        elif line.object is not None and _TOO_LONG.search(line.msg):
            self._leave_out(line.object, "its name is too long for the destination")
        elif self._source in line.msg or _SOURCE.search(line.msg):
            self._leave_out(line.object or "", _source_reason(line.msg))
        else:
            self.failures += 1
            if len(self.errors) < _MOST_TOLD:
                self.errors.append(failure(line.msg.encode()))

    def _leave_out(self, name: str, reason: str) -> None:
        if len(self.left_out) < _MOST_TOLD:
            self.left_out.append((name, reason))


def _source_reason(message: str) -> str:
    if "being updated" in message:
        return "changed while it was read"
    if "permission denied" in message:
        return "permission denied"
    return "cannot be read"
