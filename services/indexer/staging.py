"""What a parser hands over, and its form on the way to Postgres.

Rows are encoded once, here, as binary COPY tuples in the order of ``ARTIFACT_COLUMNS``; the parent
passes them on without decoding, in the order in which they came. Text that Postgres refuses
(U+0000, lone surrogates) is mended here, so no parser has to think of it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from services.indexer.folding import search_words

#: Name and type of every column of a row, in COPY order.
ARTIFACT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("key", "text"),
    ("digest", "bytea"),
    ("thread_id", "bigint"),
    ("occurred_at", "timestamptz"),
    ("title", "text"),
    ("text", "text"),
    ("folded", "text"),
    ("sender_handle", "text"),
    ("is_me", "boolean"),
    # Passed on as it is: json is checked, but not taken apart as jsonb would be.
    ("payload", "json"),
    ("attachments", "json"),
    ("has_attachment", "boolean"),
    ("has_link", "boolean"),
)

#: What surrounds rows in a binary COPY stream; frames carry rows alone.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)

#: Longer keys do not fit into an index; no phone writes any.
MOST_KEY_BYTES = 1000
#: Longer texts are cut: a tsvector holds at most one megabyte.
MOST_TEXT_CHARACTERS = 1_000_000
MOST_FOLDED_CHARACTERS = 200_000

_POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_EARLIEST_US = -62_135_596_800_000_000  # 0001-01-01, the first that Python can read back
_LATEST_US = 253_402_300_799_999_999  # 9999-12-31

_NULL = b"\xff\xff\xff\xff"
_TRUE = b"\0\0\0\x01\x01"
_FALSE = b"\0\0\0\x01\0"
_EMPTY_LIST = struct.pack(">i", 2) + b"[]"
_COLUMN_COUNT = struct.pack(">h", len(ARTIFACT_COLUMNS))
_DIGEST_LENGTH = struct.pack(">i", 16)
_length = struct.Struct(">i").pack
_bigint = struct.Struct(">iq").pack


class StagedAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to an artifact. ``reason`` says why when it is not in the backup."""

    name: str | None
    media_type: str | None
    size_bytes: int | None
    domain: str | None
    relative_path: str | None
    file_id: str | None
    present: bool
    reason: str | None = None


class StagedThread(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation; ``raw_keys`` are the phone's own ids of what was merged into it."""

    key: str
    title: str | None
    is_group: bool
    participants: list[str]
    services: list[str]
    raw_keys: list[str]


#: What is said of a store with more threads than the history takes.
TOO_MANY_THREADS = "The store claims to hold more threads than a phone can."


class StagedArtifact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One artifact as a parser yields it."""

    key: str
    payload: msgspec.Struct
    thread_key: str | None = None
    occurred_at_us: int | None = None
    title: str | None = None
    text: str | None = None
    sender_handle: str | None = None
    is_me: bool = False
    attachments: Sequence[StagedAttachment] = ()
    has_link: bool = False
    #: Null: whether there are attachments; false where all are parts of something else (previews).
    has_attachment: bool | None = None


_encode_json = msgspec.json.Encoder().encode
#: An escaped NUL: an odd number of backslashes before ``u0000``.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def mend_text(text: str) -> str:
    """Return *text* without what Postgres refuses: U+0000 goes, lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _mend_value(value: Any) -> Any:
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, list | tuple):
        return [_mend_value(item) for item in value]
    if isinstance(value, dict):
        return {mend_text(str(key)): _mend_value(item) for key, item in value.items()}
    return value


def encode_json(value: object) -> bytes:
    """Return *value* as JSON that Postgres takes, also when somebody makes jsonb of it."""
    try:
        body = _encode_json(value)
    except UnicodeEncodeError:
        body = _encode_json(_mend_value(msgspec.to_builtins(value)))
    if b"\\u0000" in body and _ESCAPED_NUL.search(body):
        body = _encode_json(_mend_value(msgspec.json.decode(body)))
    return body


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    try:
        body = value.encode()
    except UnicodeEncodeError:
        body = mend_text(value).encode()
    if b"\0" in body:
        body = body.replace(b"\0", b"")
    return _length(len(body)) + body


#: Senders, which come again and again.
_SENDERS: dict[str | None, bytes] = {None: _NULL}
_MOST_SENDERS = 20_000


def _sender(value: str | None) -> bytes:
    known = _SENDERS.get(value)
    if known is None:
        known = _text(value)
        if len(_SENDERS) < _MOST_SENDERS:
            _SENDERS[value] = known
    return known


def thread_number(key: str, *, device: str, kind: str) -> int:
    """Return the id of a thread: rows name it before anybody has written the thread itself."""
    name = "\0".join((device, kind, mend_text(key))).encode("utf-8", "replace")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") >> 1


class Threads:
    """The threads that rows of one kind of one device name, each in the two forms a row needs."""

    def __init__(self, *, device: str = "", kind: str = "") -> None:
        """Begin with none."""
        self._device = device
        self._kind = kind
        #: By key: the column, and what the digest covers in its place.
        self._known: dict[str | None, tuple[bytes, bytes]] = {None: (_NULL, _NULL)}

    def encode(self, key: str | None) -> tuple[bytes, bytes]:
        """Return the column of a thread, and what the digest covers in its place."""
        known = self._known.get(key)
        if known is None:
            assert key is not None
            number = thread_number(key, device=self._device, kind=self._kind)
            known = self._known[key] = _bigint(8, number), _text(key)
        return known

    @property
    def keys(self) -> list[str]:
        """The keys that rows named."""
        return [key for key in self._known if key is not None]


_NO_DEVICE = Threads()


def _json(value: object) -> bytes:
    body = encode_json(value)
    return _length(len(body)) + body


def encode_row(artifact: StagedArtifact, threads: Threads = _NO_DEVICE) -> bytes:
    """Return one tuple of a binary COPY stream, digest and folded text included."""
    key = _text(artifact.key)
    thread_id, thread_key = threads.encode(artifact.thread_key)
    at_us = artifact.occurred_at_us
    occurred_at = (
        _bigint(8, at_us - _POSTGRES_EPOCH_US)
        if at_us is not None and _EARLIEST_US <= at_us <= _LATEST_US
        else _NULL
    )
    words = artifact.text
    if words is not None and len(words) > MOST_TEXT_CHARACTERS:
        words = words[:MOST_TEXT_CHARACTERS]
    title = _text(artifact.title)
    text = _text(words)
    sender = _sender(artifact.sender_handle)
    is_me = _TRUE if artifact.is_me else _FALSE
    payload = _json(artifact.payload)
    attachments = _json(artifact.attachments) if artifact.attachments else _EMPTY_LIST
    has_link = _TRUE if artifact.has_link else _FALSE
    counts = artifact.has_attachment
    has_attachment = _TRUE if (artifact.attachments if counts is None else counts) else _FALSE
    searched = words or ""
    if artifact.title:
        searched = f"{artifact.title}\n{searched}"
    folded = _text(search_words(searched[:MOST_FOLDED_CHARACTERS]))
    # Every field carries its length, so no two different rows give the same bytes to hash.
    before = occurred_at + title + text
    after = sender + is_me + payload + attachments + has_attachment + has_link
    digest = blake2b(key + thread_key + before + after, digest_size=16).digest()
    return b"".join((_COLUMN_COUNT, key, _DIGEST_LENGTH, digest, thread_id, before, folded, after))


def stage_ddl(table: str) -> str:
    """Return the statement that makes the temporary staging table *table*."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in ARTIFACT_COLUMNS)
    # Rows are merged in the order in which they came, and their ids tell it afterwards.
    place = "place bigint generated always as identity"
    return f"create temporary table {table} ({place}, {columns}) on commit drop"
