"""Fingerprints of groups of messages: all that decides what becomes of them, in a few bytes.

Two groups with one fingerprint give the same artifacts. So it covers the rows as they were read
and, for each row, whatever ``assembly`` looks up beside it: the conversation of its chat, its
sender, its details, its attachments with their files, what reacted to it, whether it was deleted.
What is the same for all of a run (the region, the columns that are there, the versions of what
parses) is the key of the hash. Whoever lets a message depend on something new adds it here.
"""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from services.indexer.kinds.message.attachment_files import AttachmentRow, MessageFiles
from services.indexer.kinds.message.chat_of_messages import ChatOfMessage
from services.indexer.kinds.message.reactions import Reactions
from services.indexer.kinds.message.store import Row
from services.indexer.kinds.message.threads import Conversations, Handle

#: Raised whenever fingerprints of the same rows become others.
_FORMAT = 1
#: A group ends behind a row whose number this divides, wherever the row stands: a row that comes or
#: goes moves no other group's borders.
GROUP_ROWS = 16
_MOST_GROUP_ROWS = 256
_CONTEXT_BYTES = 8
_NOBODY = b"\0" * _CONTEXT_BYTES

_encode = msgspec.msgpack.Encoder().encode


def groups_of(batch: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the groups of a batch; batches end where groups do."""
    start = 0
    for end, row in enumerate(batch, 1):
        if not row[0] % GROUP_ROWS or end - start == _MOST_GROUP_ROWS:
            yield batch[start:end]
            start = end
    if start < len(batch):
        yield batch[start:]


def find_border(order: Sequence[int]) -> int:
    """Return where the second half of *order* begins, between two groups; 0 for nowhere."""
    middle = len(order) // 2
    for end in range(middle, min(len(order), middle + 64 * GROUP_ROWS)):
        if end and not order[end - 1] % GROUP_ROWS:
            return end
    return 0


def _context(*parts: Any) -> bytes:
    return blake2b(_encode(parts), digest_size=_CONTEXT_BYTES).digest()


class _Chats(dict[int, bytes]):
    """By chat: what its messages take from their conversation."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    def __missing__(self, chat: int) -> bytes:
        number = self._conversations.by_chat.get(chat)
        if number is None:
            return _NOBODY
        thread = self._conversations.threads[number]
        context = self[chat] = _context(
            thread.key, thread.is_group, thread.participants, self._conversations.flags[chat]
        )
        return context


class Fingerprints:
    """Takes the fingerprints of one store."""

    def __init__(
        self,
        *,
        salt: Sequence[Any],
        conversations: Conversations,
        chats: ChatOfMessage,
        people: Mapping[int, Handle],
        files: MessageFiles,
        reactions: Reactions,
        recoverable: Mapping[int, tuple[int, Any]],
        deleted_parts: Mapping[int, list[Row]],
    ) -> None:
        """Take all that messages are put together from; *salt* is what all of them share."""
        self._key = blake2b(
            _encode([_FORMAT, sys.version, _version("phonenumbers"), _media_types(), *salt]),
            digest_size=32,
        ).digest()
        self._chats = _Chats(conversations)
        self._chat_of = chats
        self._people = {number: _context(person.handle) for number, person in people.items()}
        self._files = files
        self._reactions = reactions
        self._recoverable = recoverable
        self._deleted_parts = deleted_parts
        self._unusual = {*recoverable, *deleted_parts, *chats.in_several}
        #: By row of the batch: what few rows have; None when it cannot be told.
        self._further: dict[int, bytes | None] = {}

    def look_at(
        self,
        batch: Sequence[Row],
        *,
        attachments: Mapping[int, list[AttachmentRow]],
        details: Mapping[int, Row],
        targets: Sequence[Row],
    ) -> None:
        """Prepare for the groups of *batch*; *targets* are its rows that others are about."""
        self._further = {}
        about = {row[0]: row[1] for row in targets}
        rows = {*attachments, *details, *about}
        if self._unusual:
            rows.update(self._unusual.intersection([row[0] for row in batch]))
        for rowid in rows:
            try:
                self._further[rowid] = _encode(
                    (
                        rowid,
                        details.get(rowid),
                        self._person_of(details.get(rowid)),
                        self._attached(attachments.get(rowid)),
                        self._about(about.get(rowid), attachments),
                        self._unusual_of(rowid) if rowid in self._unusual else None,
                    )
                )
            except Exception:  # noqa: BLE001 -- an odd value: such a row is parsed every time
                self._further[rowid] = None

    def of(self, group: Sequence[Row]) -> bytes | None:
        """Return the fingerprint of a group, or None when there can be none."""
        numbers = [row[0] for row in group]
        chats, people = self._chats, self._people
        further = self._further
        try:
            parts = [
                _encode(group),
                *[chats[chat] for chat in self._chat_of.first_of(numbers)],
                *[people.get(row[4], _NOBODY) for row in group],
                *[further[number] for number in numbers if number in further],
            ]
            return blake2b(b"".join(parts), digest_size=16, key=self._key).digest()  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
            return None

    def _person_of(self, details: Row | None) -> bytes | None:
        return None if details is None else self._people.get(details[8], _NOBODY)

    def _attached(self, rows: Sequence[AttachmentRow] | None) -> list[Any] | None:
        if rows is None:
            return None
        return [(row, self._files.context(row)) for row in rows]

    def _about(
        self, guid: str | None, attachments: Mapping[int, list[AttachmentRow]]
    ) -> list[Any] | None:
        if guid is None:
            return None
        return [
            (row, self._attached(attachments.get(row.rowid)) if row.has_sticker else None)
            for row in self._reactions.peek(guid) or ()
        ]

    def _unusual_of(self, rowid: int) -> list[Any]:
        recoverable = self._recoverable.get(rowid)
        return [
            [(chat, self._chats[chat]) for chat in self._chat_of.further(rowid)],
            recoverable and (*recoverable, self._chats[recoverable[0]]),
            self._deleted_parts.get(rowid),
        ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _media_types() -> list[tuple[str, str]]:
    mimetypes.init()
    return sorted(mimetypes.types_map.items())
