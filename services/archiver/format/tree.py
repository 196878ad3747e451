"""The tree of an archive: one line of JSON for each file, folder and link, in the order of paths.

Paths are those of the source, separated by ``/``, relative, and may be any bytes but NUL: what is
not UTF-8 stands as base64 in a field of its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import msgspec

from services.archiver.format.names import MOST_BLOB_BYTES, is_name

EntryType = Literal["file", "directory", "symlink"]
#: Longer lines are none of ours: a file of 4 TB has a quarter of a million blobs.
MOST_LINE_BYTES = 64 * 1024 * 1024
#: Folders are read down to half of this depth.
_MOST_PARTS = 256
#: Twice what file systems take, in the longest of encodings.
_MOST_PART_BYTES = 2048
_MOST_TARGET_BYTES = 4096

_Name = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
_Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_BlobSize = Annotated[int, msgspec.Meta(ge=1, le=MOST_BLOB_BYTES)]


class TreeError(ValueError):
    """A line is not one of a tree; the message is a sentence without content."""


class BlobPlace(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a file: its SHA-256, its pack (null: an object of its own), where in it."""

    sha256: _Name
    pack: _Name | None
    offset: _Offset
    size_bytes: _BlobSize


class TreeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file, folder or link as it was when it was read."""

    path: bytes
    type: EntryType
    mode: int
    mtime_ns: int
    size_bytes: int = 0
    blobs: tuple[BlobPlace, ...] = ()
    target: bytes | None = None
    #: It changed while it was read, again and again: what is here was never all there at once.
    is_torn: bool = False


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    path: str | None = None
    path_base64: str | None = None
    type: EntryType
    mode: Annotated[int, msgspec.Meta(ge=0, le=0o7777)]
    mtime_ns: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    size: Annotated[int, msgspec.Meta(ge=0)] = 0
    blobs: tuple[BlobPlace, ...] = ()
    target: str | None = None
    target_base64: str | None = None
    torn: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


def write_line(entry: TreeEntry) -> bytes:
    """Return the line of *entry*, with the end of line."""
    line = _Line(
        type=entry.type,
        mode=entry.mode,
        mtime_ns=entry.mtime_ns,
        size=entry.size_bytes,
        blobs=entry.blobs,
        torn=entry.is_torn,
    )
    line.path, line.path_base64 = _as_text(entry.path)
    if entry.target is not None:
        line.target, line.target_base64 = _as_text(entry.target)
    return _encode(line) + b"\n"


def read_line(line: bytes) -> TreeEntry:
    """Return the entry of a line. Raises ``TreeError``."""
    try:
        found = _decode(line)
        path = _as_bytes(found.path, found.path_base64)
        target = _as_bytes(found.target, found.target_base64)
    except (msgspec.MsgspecError, RecursionError, binascii.Error, UnicodeError):
        raise TreeError("A line of the tree cannot be read.") from None
    if path is None or not is_safe(path) or (found.type == "symlink") != (target is not None):
        raise TreeError("A line of the tree names no place inside the archive.")
    if target is not None and not _is_target(target):
        raise TreeError("A line of the tree has a link to what is no path.")
    if sum(blob.size_bytes for blob in found.blobs) != found.size or (
        found.blobs and found.type != "file"
    ):
        raise TreeError("A line of the tree does not add up.")
    if not all(
        is_name(blob.sha256) and (blob.pack is None or is_name(blob.pack)) for blob in found.blobs
    ):
        raise TreeError("A line of the tree names no blob.")
    return TreeEntry(
        path=path,
        type=found.type,
        mode=found.mode,
        mtime_ns=found.mtime_ns,
        size_bytes=found.size,
        blobs=found.blobs,
        target=target,
        is_torn=found.torn,
    )


def read_lines(pieces: Iterable[bytes]) -> Iterator[TreeEntry]:
    """Yield the entries of a tree that comes in *pieces*. Raises ``TreeError``."""
    begun: list[bytes] = []
    begun_bytes = 0
    for piece in pieces:
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = b"".join((*begun, lines[0]))
            begun, begun_bytes = [], 0
        begun.append(rest)
        begun_bytes += len(rest)
        if begun_bytes > MOST_LINE_BYTES:
            raise TreeError("A line of the tree is longer than any can be.")
        for line in lines:
            yield read_line(line)
    if begun_bytes:
        raise TreeError("The tree breaks off in the middle of a line.")


def is_safe(path: bytes) -> bool:
    """Whether *path* stays below the folder it is put into."""
    parts = path.split(b"/", _MOST_PARTS)
    return (
        len(parts) <= _MOST_PARTS
        and b"\0" not in path
        and all(part not in (b"", b".", b"..") and len(part) <= _MOST_PART_BYTES for part in parts)
    )


def _is_target(target: bytes) -> bool:
    return 0 < len(target) <= _MOST_TARGET_BYTES and b"\0" not in target


def _as_text(value: bytes) -> tuple[str | None, str | None]:
    try:
        return value.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(value).decode("ascii")


def _as_bytes(text: str | None, encoded: str | None) -> bytes | None:
    if text is not None:
        return text.encode()
    return None if encoded is None else base64.b64decode(encoded, validate=True)
