"""The way of most messages: text alone, nothing attached, nothing about them, nothing unusual.

Their rows are put together from bytes that repeat, which takes a third of the time of building
structs and encoding those. It is only a shorter way to the same bytes: whatever is not plain in
every respect is left to ``assembly``, and a test holds both against each other.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import Any

from services.indexer.folding import fold_latin, search_words
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.message.assembly import NAMED_FLAGS, has_link, status_of
from services.indexer.kinds.message.attributed_text import PlainBodies
from services.indexer.kinds.message.chat_of_messages import ChatOfMessage
from services.indexer.kinds.message.flags import HAS_EDITS, HAS_SUMMARY, IS_SCHEDULED
from services.indexer.kinds.message.payload import MessagePayload
from services.indexer.kinds.message.store import Row
from services.indexer.kinds.message.threads import Conversations, Handle
from services.indexer.staging import Threads, encode_json

_COCOA_US = 978_307_200_000_000
_POSTGRES_EPOCH_US = 946_684_800_000_000
#: Nanoseconds since 2001 from 2001-09 to 2100: outside of it dates are looked at more closely.
_FIRST_DATE, _LAST_DATE = 10**15, 3 * 10**18
_UNUSUAL = NAMED_FLAGS | HAS_EDITS | HAS_SUMMARY | IS_SCHEDULED
_LONGEST_BYTES = 100_000
_LONGEST_KEY = 200
_MOST_CACHED = 50_000
#: What joins words into compounds, see folding.
_JOINTS = b"@./:_+&=?#%~-"

_length = struct.Struct(">i").pack
_before_text = struct.Struct(">iqii").pack
_digest_length = _length(16)
_columns = struct.pack(">h", 13)
_NULL = b"\xff\xff\xff\xff"
_TRUE, _FALSE = b"\0\0\0\x01\x01", b"\0\0\0\x01\0"
#: No attachments, none that count.
_NOTHING_ATTACHED = struct.pack(">i", 2) + b"[]" + _FALSE
_MINUTES = [b"T%02d:%02d:" % divmod(minute, 60) for minute in range(24 * 60)]
_SECONDS = [b"%02d" % second for second in range(60)]

Encode = Callable[[Row, Mapping[int, object]], bytes | None]


class _Places(dict[int, "tuple[bytes, bytes, tuple[str, ...]] | None"]):
    """By chat: the thread's column, what the digest covers of it, the chat's flags."""

    def __init__(self, conversations: Conversations, used: bytearray, threads: Threads) -> None:
        self._conversations = conversations
        self._used = used
        self._threads = threads

    def __missing__(self, chat: int) -> tuple[bytes, bytes, tuple[str, ...]] | None:
        number = self._conversations.by_chat.get(chat)
        if number is None:
            self[chat] = None
            return None
        self._used[number] = 1
        thread = self._conversations.threads[number]
        place = (*self._threads.encode(thread.key), self._conversations.flags[chat])
        self[chat] = place
        return place


class _Days(dict[int, bytes]):
    """By day since 1970: how a moment of it begins in JSON."""

    def __missing__(self, day: int) -> bytes:
        date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
        written = self[day] = date.isoformat().encode()
        return written


def _payload(**fields: Any) -> MessagePayload:
    always: dict[str, Any] = {
        "service": None, "direction": "incoming", "edits": (), "unsent": False, "reply_to": None,
        "reactions": (), "effect": None, "event": None, "status": None, "deleted_at": None,
    }  # fmt: skip
    return MessagePayload(**(always | fields))


class _Heads(dict[Any, bytes]):
    """By what decides them: the fields that every payload has, without the closing brace."""

    def __missing__(self, known: tuple[str | None, bool, int, bool, bool]) -> bytes:
        service, from_me, flags, read, delivered = known
        if service is not None and not isinstance(service, str):
            raise TypeError
        head = encode_json(
            _payload(
                service=service,
                direction="outgoing" if from_me else "incoming",
                status=status_of(flags, from_me=from_me, error=0, read=read, delivered=delivered),
            )
        )[:-1]
        if len(self) < _MOST_CACHED:
            self[known] = head
        return head


class _Tails(dict[Any, bytes]):
    """By own handle and flags of the chat: what ends the payload."""

    def __init__(self, handles: Handles) -> None:
        self._normalise = handles.normalise
        self._head = len(encode_json(_payload())) - 1

    def __missing__(self, known: tuple[str | None, tuple[str, ...]]) -> bytes:
        own, flags = known
        if own is not None and not isinstance(own, str):
            raise TypeError
        own = None if own is None else self._normalise(own)
        tail = encode_json(_payload(own_handle=own, flags=flags))[self._head :]
        if len(self) < _MOST_CACHED:
            self[known] = tail
        return tail


def plain_encoder(  # noqa: C901 -- see below
    *,
    threads: Threads,
    conversations: Conversations,
    used: bytearray,
    chats: ChatOfMessage,
    people: Mapping[int, Handle],
    handles: Handles,
    special_rows: Collection[int],
    special_keys: tuple[Collection[str], Collection[str]],
) -> Encode:
    """Return what encodes a row with nothing attached, or returns None for one that is not plain.

    *special_rows* and *special_keys* name messages that something else is known about. The
    returned function may raise whatever odd values make it raise: such a row is not plain.
    """
    bodies = PlainBodies()
    places = _Places(conversations, used, threads)
    days, heads, tails = _Days(), _Heads(), _Tails(handles)
    senders = {
        number: _length(len(person.handle.encode())) + person.handle.encode()
        for number, person in people.items()
        if "\0" not in person.handle and _is_text(person.handle)
    }
    first_special, second_special = special_keys
    chat_of = chats.first

    def moment(date: int) -> bytes:
        seconds, microseconds = divmod(date // 1000 + _COCOA_US, 1_000_000)
        day, second = divmod(seconds, 86_400)
        minute, second = divmod(second, 60)
        written = days[day] + _MINUTES[minute] + _SECONDS[second]
        return b"%b.%06dZ" % (written, microseconds) if microseconds else written + b"Z"

    # One straight line: what is split off costs as much to call as what it does.
    def encode(row: Row, attachments: Mapping[int, object]) -> bytes | None:  # noqa: C901, PLR0911, PLR0912 -- as above
        (
            rowid, guid, text, body, handle_id, service, date, date_read, date_delivered, from_me,
            error, item_type, kind, _, reply_to, _, balloon, effect, subject, own_handle, flags,
        ) = row  # fmt: skip
        if (
            kind or item_type or error or balloon or reply_to or effect or subject
            or flags & _UNUSUAL or rowid in attachments or rowid in special_rows
            or guid in first_special or guid in second_special
            or not _FIRST_DATE < date < _LAST_DATE
            or len(guid) > _LONGEST_KEY
        ):  # fmt: skip
            return None
        if body:
            content = bodies.text_of(body)
            if content is None:
                return None
            if text:
                content = text.encode()
        else:
            content = text.encode()
        key = guid.encode()
        if (
            not content or len(content) > _LONGEST_BYTES or b"\0" in content
            or not key or b"\0" in key or key.isspace()
        ):  # fmt: skip
            return None
        folded: bytes | None
        if content.isascii():
            folded = content.lower()
        elif b"\xef\xbf" in content:  # perhaps a stand-in for an attachment, or broken
            return None
        else:
            folded = fold_latin(content.decode())
        if folded is None or len(folded.translate(None, _JOINTS)) != len(folded):
            folded = search_words(content.decode()).encode()
        place = places[chat_of(rowid)]
        if place is None:
            return None
        thread_id, thread_key, chat_flags = place
        sender = _NULL + _TRUE if from_me else senders[handle_id] + _FALSE
        payload = heads[service, bool(from_me), flags, bool(date_read), bool(date_delivered)]
        if date_read:
            if not _FIRST_DATE < date_read < _LAST_DATE:
                return None
            payload = b'%b,"read_at":"%b"' % (payload, moment(date_read))
        if date_delivered:
            if not _FIRST_DATE < date_delivered < _LAST_DATE:
                return None
            payload = b'%b,"delivered_at":"%b"' % (payload, moment(date_delivered))
        payload += tails[own_handle, chat_flags]
        key = _length(len(key)) + key
        # The date, no title, the text.
        before = (
            _before_text(8, date // 1000 + (_COCOA_US - _POSTGRES_EPOCH_US), -1, len(content))
            + content
        )
        after = b"".join((
            sender, _length(len(payload)), payload, _NOTHING_ATTACHED,
            _TRUE if b"." in content and has_link(content.decode()) else _FALSE,
        ))  # fmt: skip
        digest = blake2b(b"".join((key, thread_key, before, after)), digest_size=16).digest()
        return b"".join((
            _columns, key, _digest_length, digest, thread_id, before,
            _length(len(folded)), folded, after,
        ))  # fmt: skip

    return encode


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
