"""What the indexer and the process that parses for it say to each other.

The request goes in as one JSON object. Out come frames, each with a letter and its length before
it; the last one is the report.
"""

from __future__ import annotations

import struct

import msgspec

#: How many records are worth a second process: it costs as much as reading some thousand.
DIVIDE_FROM = 20_000

ROWS, THREADS, PROGRESS, REPORT = b"A", b"T", b"P", b"R"
#: Fingerprints that were known and not met; that a memory was written; that none may be relied on.
LAPSED, REMEMBERED, REFUSED = b"L", b"M", b"W"
#: Numbers of artifacts that are held and were not met.
GONE = b"G"
#: That rows come in two halves from now on, those of the latter, and that both are over: rows that
#: follow come after them.
DIVIDED, LATTER_ROWS, JOINED = b"H", b"B", b"J"

#: The letter and the number of bytes that follow.
HEAD = struct.Struct(">cI")


class WorkerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is asked to read, on which bounds."""

    kind: str
    device: str = ""
    files: dict[str, str]
    listing: str | None = None
    apps: str | None = None
    #: Files of the kind that are not on disk, and those that were too many to be read.
    missing: int = 0
    left_out: int = 0
    region: str | None = None
    #: Files: what the run before left, and what this one is to leave. See memory.
    known: str | None = None
    remember: str | None = None
    #: A file: what the history holds already, which is not to be sent again. See held.
    held: str | None = None
    #: How many records are worth a second process.
    divide_from: int = DIVIDE_FROM
    #: How many are worth giving rows in two halves; None: they must come in order.
    halve_from: int | None = None
    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 1800
