"""What the indexer and the process that writes an export say to each other: frames both ways.

Each has a letter and a length before it. In go the task, then group after group: its files as they
are in the zip (where media were asked for), then its items; at last the end. Out come the bytes of
the zip, how far it is, and a report as the last of all.
"""

from __future__ import annotations

import struct

import msgspec

from services.indexer.exports.formats.protocol import About
from shared.contracts.exports import KindExported, LeftOut, LockedBackup, MediaExported
from shared.contracts.indexer import Artifact

#: The letter and the number of bytes that follow.
HEAD = struct.Struct(">cI")

TASK, GROUP, ITEMS, END = b"T", b"G", b"I", b"Z"
#: A file: that it begins, its bytes, that it is over. And the bytes of one that is embedded, for
#: the item that comes next.
FILE, DATA, FILE_END, CONTENT = b"F", b"D", b"E", b"C"
#: Out: bytes of the zip, how many items are done, what was made.
ZIP, PROGRESS, REPORT = b"A", b"P", b"R"

#: The number of the attachment in front of its bytes.
CONTENT_HEAD = struct.Struct(">I")
MOST_FRAME_BYTES = 64 << 20


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one process is asked to write, on which bounds."""

    format: str
    about: About
    memory_bytes: int
    cpu_seconds: int


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """A file that follows: attachment ``n`` of an artifact."""

    artifact: Artifact
    n: int
    size_bytes: int


class FileEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The file is over; ``reason`` says why it is not whole."""

    reason: str | None = None


class SentItem(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact, and the reasons why files of it are not in the zip, by their numbers."""

    artifact: Artifact
    reasons: dict[int, str] = {}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """How far the process is."""

    items: int


class MissingFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is not in the export."""

    artifact: str
    n: int
    name: str | None
    reason: str
    #: The locked backup that has it.
    backup_id: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What the indexer knows beside: kinds that were not sent, and what happened meanwhile."""

    left_out: dict[str, list[LeftOut]] = {}
    #: The files that were not had, one by one, as far as they are listed.
    missing: list[MissingFile] = []
    media_left_out: list[LeftOut] = []
    locked: list[LockedBackup] = []
    notes: list[str] = []


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    kinds: list[KindExported]
    media: MediaExported
    members: int
    notes: list[str] = []
