"""Tapbacks, stickers and votes: rows of their own on the phone, part of their message here.

The last word of each sender about each part of a message counts. What is about a message that the
backup does not hold stays for ``remaining``, so that nothing is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.message.balloons import is_poll, read_poll, read_votes
from services.indexer.kinds.message.payload import PollOption, Reaction
from services.indexer.kinds.message.vocabulary import TAPBACKS
from services.indexer.kinds.phone_time import utc

_TARGET = re.compile(r"(?:p:(\d{1,5})/|bp:|s:\d{1,5}/)?([^/]+)\Z")
PLACED_STICKER = 1000
VOTE = 4000


class ReactionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row that is about another message."""

    rowid: int
    guid: str
    type: int
    by: str | None
    is_me: bool
    at_us: int | None
    part: int | None
    emoji: str | None
    payload: bytes | None = None
    #: For rows whose message is missing: the chat's thread is found through the row.
    service: str | None = None

    @property
    def is_removal(self) -> bool:
        """Whether the row takes a tapback back."""
        return 3000 <= self.type < 4000

    @property
    def kind(self) -> str:
        """The reaction's name in the API."""
        if self.type == PLACED_STICKER:
            return "sticker"
        if self.type == VOTE:
            return "vote"
        return TAPBACKS.get(self.type % 1000, ("unknown", None))[0]

    @property
    def shown_emoji(self) -> str | None:
        """The emoji to draw."""
        return self.emoji or TAPBACKS.get(self.type % 1000, (None, None))[1]

    @property
    def has_sticker(self) -> bool:
        """Whether the row brings a picture."""
        return self.type in {PLACED_STICKER, 2007}


def is_about_another(associated_type: object) -> bool:
    """Whether a row of this type belongs to another message."""
    return isinstance(associated_type, int) and PLACED_STICKER <= associated_type < 5000


def parse_target(associated_guid: str) -> tuple[str, int | None]:
    """Return the key of the message that a row is about, and the part of it."""
    match = _TARGET.match(associated_guid)
    if match is None:
        return associated_guid, None
    return match[2], None if match[1] is None else int(match[1])


class Reactions:
    """All rows about other messages, by the key of those."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_target: dict[str, list[ReactionRow]] = {}
        self.count = 0

    def add(self, target: str, row: ReactionRow) -> None:
        """Take one row; rows must come in the order of time."""
        self._by_target.setdefault(target, []).append(row)
        self.count += 1

    @property
    def targets(self) -> Collection[str]:
        """The keys of messages that rows are about, as long as nobody took those."""
        return self._by_target.keys()

    def take(self, target: str) -> list[ReactionRow] | None:
        """Return the rows about a message, once."""
        return self._by_target.pop(target, None)

    def peek(self, target: str) -> list[ReactionRow] | None:
        """Return the rows about a message without taking them."""
        return self._by_target.get(target)

    def remaining(self) -> Iterator[tuple[str, ReactionRow]]:
        """Yield what nobody took: its message is not in this backup."""
        for target, rows in self._by_target.items():
            for row in rows:
                yield target, row


def standing(rows: list[ReactionRow]) -> list[ReactionRow]:
    """Return what is left of *rows* after every change of mind, in the order of time."""
    last: dict[object, ReactionRow] = {}
    for row in rows:
        if row.type == PLACED_STICKER:
            last[row.guid] = row  # any number of stickers may be put on a message
        elif row.type == VOTE:
            last[("vote", row.by, row.is_me)] = row
        elif row.type >= 2000:
            key = (row.by, row.is_me, row.part)
            last.pop(key, None)
            if not row.is_removal:
                last[key] = row
    return list(last.values())


def shown(row: ReactionRow, attachment: int | None = None) -> Reaction:
    """Return a row as the payload shows it."""
    return Reaction(
        kind=row.kind,
        emoji=row.shown_emoji,
        by=row.by,
        at=utc(row.at_us),
        is_me=row.is_me,
        part=row.part,
        attachment=attachment,
    )


def count_votes(options: tuple[PollOption, ...], rows: list[ReactionRow]) -> tuple[PollOption, ...]:
    """Return a poll's options, as last changed, with the handles that chose each."""
    for row in rows:
        if row.type < PLACED_STICKER and row.payload is not None:
            changed = read_poll(load_archive(row.payload))[1]
            options = changed or options
    voters: dict[str, list[str]] = {}
    for row in standing(rows):
        if row.type == VOTE:
            for handle, option in read_votes(row.payload):
                voters.setdefault(option, []).append(handle or row.by or "")
    return tuple(
        msgspec.structs.replace(option, voters=tuple(dict.fromkeys(voters.get(option.id, ()))))
        for option in options
    )


def is_poll_change(bundle_id: str | None, own: str, target: str | None) -> bool:
    """Whether the row is a later edition of another row's poll."""
    return bool(target) and is_poll(bundle_id) and target != own


def comes_with_another(row: Sequence[Any]) -> bool:
    """Whether a row of the store is about another message and not shown by itself."""
    guid, target = row[1], row[13]
    return (
        isinstance(target, str)
        and bool(target)
        and isinstance(guid, str)
        and (is_about_another(row[12]) or is_poll_change(row[16], guid, parse_target(target)[0]))
    )
