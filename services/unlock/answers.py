"""What the manifest says, in the words of the contract; pages and their cursors. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

from shared.contracts.identifiers import FileId
from shared.contracts.problems import bad_request
from shared.contracts.requests import MAX_LIMIT
from shared.contracts.unlock import READ_CHUNK_BYTES, CheckFiles, File, ListFiles, ReadFile
from shared.ios_backup import ManifestEntry
from shared.ios_backup.extended_attributes import read_extended_attributes

_FILE_ID = re.compile(r"[0-9a-f]{40}")
#: SQLite refuses longer patterns, and LIKE gets slow with many wildcards.
_LONGEST_PATTERN = 1000
_LONGEST_NAME = 16 * 1024
_MOST_PATTERNS = 1000


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Inside of a cursor: the entry to continue after, and what was asked for."""

    after: int
    question: str


def as_file(entry: ManifestEntry, *, present: bool | None, attributes: str | None = None) -> File:
    """Return *entry* as callers see it, with the *attributes* that begin like this."""
    return File(
        file_id=FileId(entry.file_id),
        domain=entry.domain,
        relative_path=entry.relative_path,
        kind=entry.kind,
        size_bytes=entry.size_bytes,
        modified_at=entry.modified_at,
        created_at=entry.created_at,
        mode=entry.mode,
        protection_class=entry.protection_class,
        target=entry.target,
        present=present,
        attributes=msgspec.UNSET
        if attributes is None
        else read_extended_attributes(entry.extended_attributes, prefix=attributes),
    )


def check_list(request: ListFiles) -> None:
    """Refuse what no page can answer."""
    if not 1 <= request.limit <= MAX_LIMIT:
        raise bad_request(f"limit must be between 1 and {MAX_LIMIT}.")
    if request.path_like is not None and len(request.path_like.encode()) > _LONGEST_PATTERN:
        raise bad_request(f"path_like must be at most {_LONGEST_PATTERN} bytes long.")
    if request.domain is not None and len(request.domain) > _LONGEST_NAME:
        raise bad_request("domain is too long.")


def check_patterns(request: CheckFiles) -> None:
    """Refuse more than the kinds of a phone can ask for, and what no statement takes."""
    if len(request.patterns) > _MOST_PATTERNS:
        raise bad_request(f"patterns must be at most {_MOST_PATTERNS}.")
    for one in request.patterns:
        if max(len(one.domain.encode()), len(one.relative_path.encode())) > _LONGEST_PATTERN:
            raise bad_request(f"A pattern must be at most {_LONGEST_PATTERN} bytes long.")


def check_file_id(file_id: str) -> None:
    """Refuse what is no file id; it would become part of a path."""
    if not _FILE_ID.fullmatch(file_id):
        raise bad_request("file_id must be 40 lower-case hex digits.")


def check_read(request: ReadFile) -> None:
    """Refuse ranges that no reply can hold."""
    if request.offset < 0 or request.offset >= 2**63:
        raise bad_request("offset must not be negative.")
    if not 1 <= request.length <= READ_CHUNK_BYTES:
        raise bad_request(f"length must be between 1 and {READ_CHUNK_BYTES}.")


def make_cursor(request: ListFiles, *, after: int) -> str:
    """Return the cursor that continues *request* after the entry *after*."""
    body = msgspec.json.encode(_Position(after, _question(request)))
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def read_cursor(request: ListFiles) -> int | None:
    """Return the entry that *request* continues after; None for its beginning."""
    if request.cursor is None:
        return None
    try:
        padded = request.cursor.encode("ascii") + b"=" * (-len(request.cursor) % 4)
        position = msgspec.json.decode(
            base64.b64decode(padded, altchars=b"-_", validate=True), type=_Position
        )
    except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError):
        raise bad_request("The cursor is not one of ours.") from None
    if position.question != _question(request) or not 0 <= position.after < 2**63:
        raise bad_request("The cursor belongs to another list; start again without it.")
    return position.after


def _question(request: ListFiles) -> str:
    asked = msgspec.json.encode([request.domain, request.path_like, request.kind, request.sort])
    return hashlib.blake2b(asked, digest_size=6).hexdigest()


class FittedPage(msgspec.Struct, frozen=True, kw_only=True):
    """An encoded page and how many of its items fitted."""

    body: bytes
    kept: int


def fit_page(
    files: Sequence[File],
    *,
    max_bytes: int,
    cursor_after: Callable[[int], str | None],
) -> FittedPage:
    """Encode as many *files* as fit into *max_bytes*, the first one in any case.

    ``cursor_after(n)`` is the cursor that continues after the n-th file.
    """
    encoder = msgspec.json.Encoder()
    # Room for the braces, the names and the cursor.
    left = max_bytes - 256
    pieces: list[bytes] = []
    for file in files:
        piece = encoder.encode(file)
        left -= len(piece) + 1
        if pieces and left < 0:
            break
        pieces.append(piece)
    cursor = encoder.encode(cursor_after(len(pieces)))
    body = b'{"items":[' + b",".join(pieces) + b'],"next_cursor":' + cursor + b"}"
    return FittedPage(body=body, kept=len(pieces))
