"""What ZWAMESSAGEINFO.ZRECEIPTINFO says of a message: receipts, reactions, a poll.

Nobody published its schema. Fields: 2 the people to whom the message went, 7.1 reactions of
others, 7.2 one's own, 7.3 counts of a channel, 8 a poll.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protobuf import Message
from services.indexer.kinds.whatsapp.details import cut
from services.indexer.kinds.whatsapp.jids import read_compact, read_jid
from services.indexer.kinds.whatsapp.payload import (
    Poll,
    PollOption,
    Reaction,
    ReactionCount,
    Receipt,
)
from services.indexer.kinds.whatsapp.people import People

#: Of receipts and reactions of one message; groups have at most 1024 people, channels count.
_MOST_PEOPLE = 5000
_MOST_OPTIONS = 100
_LONGEST_EMOJI = 64
#: 2008 to 2120.
_FIRST_US, _LAST_US = 1_200_000_000_000_000, 4_733_510_400_000_000
#: Receipts of a person say the same again and again: within a second, after a second.
_MOST_KNOWN = 50_000
_LONGEST_KNOWN = 100


class Receipts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known about a message beside its words."""

    receipts: tuple[Receipt, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    counts: tuple[ReactionCount, ...] = ()
    poll: Poll | None = None


NO_RECEIPTS = Receipts()


class ReceiptReader:
    """Reads the blobs of one store."""

    def __init__(self, people: People) -> None:
        """Name *people* by their handles."""
        self._people = people
        self._known: dict[bytes, Receipt | None] = {}

    def read(self, blob: object, *, is_poll: bool) -> Receipts:
        """Return what a blob says; raises ProtobufError."""
        if not isinstance(blob, bytes) or not blob:
            return NO_RECEIPTS
        message = Message(blob)
        went_to = [self._receipt(message, entry) for entry in message.contents(2)[:_MOST_PEOPLE]]
        receipts = tuple(receipt for receipt in went_to if receipt is not None)
        if not is_poll and 7 not in message:
            return Receipts(receipts=receipts)
        reactions: list[Reaction] = []
        counts: list[ReactionCount] = []
        for group in message.messages(7)[:_MOST_PEOPLE]:
            for entry in group.messages(1)[:_MOST_PEOPLE]:
                reactions += self._reaction(entry, emoji=3, at=4, by=2)
            for entry in group.messages(2)[:_MOST_PEOPLE]:
                reactions += self._reaction(entry, emoji=2, at=3)
            for entry in group.messages(3)[:_MOST_PEOPLE]:
                counts += _counts(entry)
        poll = message.message(8) if is_poll else None
        return Receipts(
            receipts=receipts,
            reactions=tuple(reactions),
            counts=tuple(counts),
            poll=None if poll is None else self._poll(poll),
        )

    def _receipt(self, message: Message, content: bytes) -> Receipt | None:
        try:
            return self._known[content]
        except KeyError:
            pass
        entry = message.nested(content)
        jid = read_compact(entry.content(1) or b"")
        by = None if jid is None else self._people.handle_of(jid)
        receipt = None
        if by is not None and by != self._people.own:
            numbers = {str(n): entry.integer(n) for n in entry.numbers if n != 1}
            raw = {n: value for n, value in numbers.items() if value is not None}
            # Whoever reads JSON elsewhere may know no larger numbers.
            receipt = Receipt(by=by, raw={n: v for n, v in raw.items() if v < 2**53})
        if len(content) <= _LONGEST_KNOWN and len(self._known) < _MOST_KNOWN:
            self._known[content] = receipt
        return receipt

    def _reaction(
        self, entry: Message, *, emoji: int, at: int, by: int | None = None
    ) -> list[Reaction]:
        shown = entry.text(emoji)
        if not shown or len(shown) > _LONGEST_EMOJI:
            return []  # taken back
        jid = None if by is None else read_jid(entry.text(by))
        handle = None if jid is None else self._people.handle_of(jid)
        is_me = by is None or (handle is not None and handle == self._people.own)
        return [
            Reaction(
                emoji=shown,
                by=None if is_me else handle,
                at=_milliseconds(entry.integer(at)),
                is_me=is_me,
            )
        ]

    def _poll(self, poll: Message) -> Poll:
        """Return a poll: 2 the question, 3.1 the answers, 5 votes of others, 6 one's own."""
        texts = [option.text(1) or "" for option in poll.messages(3)[:_MOST_OPTIONS]]
        voters: list[list[str]] = [[] for _ in texts]
        votes = [0] * len(texts)
        for number in (5, 6):
            for vote in poll.messages(number)[:_MOST_PEOPLE]:
                jid = read_jid(vote.text(4))
                by = self._people.own if number == 6 and jid is None else None
                by = by if jid is None else self._people.handle_of(jid)
                for choice in set(vote.integers(1)):
                    if choice < len(texts):
                        votes[choice] += 1
                        if by is not None:
                            voters[choice].append(by)
        return Poll(
            question=cut(poll.text(2)),
            options=tuple(
                PollOption(text=cut(text) or "", voters=tuple(who), votes=count)
                for text, who, count in zip(texts, voters, votes, strict=True)
            ),
        )


def _counts(group: Message) -> list[ReactionCount]:
    # Some stores have the pairs at once, most in a list of their own.
    count = group.integer(2)
    entries = [group] if count is not None else group.messages(1)[:_MOST_PEOPLE]
    found = []
    for entry in entries:
        emoji, times = entry.text(1), entry.integer(2)
        if emoji and len(emoji) <= _LONGEST_EMOJI and times is not None and times < 2**53:
            found.append(ReactionCount(emoji=emoji, count=times))
    return found


def _milliseconds(value: int | None) -> dt.datetime | None:
    at_us = (value or 0) * 1000
    return utc(at_us) if _FIRST_US <= at_us <= _LAST_US else None
