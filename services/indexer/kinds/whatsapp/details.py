"""What the app keeps about a message in blobs: the answer's quote, forwards, receipts, reactions.

Nobody published their schema. Fields were read off real stores; see the reference at each. What
cannot be read costs the details, never the message.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from services.indexer.kinds.phone_time import utc
from services.indexer.kinds.protobuf import Message, ProtobufError
from services.indexer.kinds.whatsapp.jids import read_compact, read_jid
from services.indexer.kinds.whatsapp.payload import (
    Poll,
    PollOption,
    Quote,
    Reaction,
    ReactionCount,
    Receipt,
)
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.vocabulary import QUOTED

#: Of receipts and reactions of one message; groups have at most 1024 people, channels count.
_MOST_PEOPLE = 5000
_MOST_OPTIONS = 100
_MOST_TEXT = 70_000
_LONGEST_EMOJI = 64
_FIRST_US, _LAST_US = 1_200_000_000_000_000, 4_733_510_400_000_000


class Metadata(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What ZWAMEDIAITEM.ZMETADATA says: a quote, forwards, a link's summary, other words."""

    quoted_stanza: str | None = None
    quote: Quote | None = None
    forward_count: int = 0
    link_summary: str | None = None
    invited_to: str | None = None
    words: tuple[str, ...] = ()
    disappearing_seconds: int | None = None
    call_seconds: int | None = None


class Receipts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What ZWAMESSAGEINFO.ZRECEIPTINFO says."""

    receipts: tuple[Receipt, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    counts: tuple[ReactionCount, ...] = ()
    poll: Poll | None = None


NO_METADATA = Metadata()
NO_RECEIPTS = Receipts()


def read_metadata(blob: object, people: People, *, form: str) -> Metadata:
    """Return what the details of a message of a type say; raises ProtobufError.

    Fields: 3 summary of a link, 5 and 6 the quoted message and who wrote it, 17 how often it was
    forwarded, 19 the quoted message itself; 24, 43 and 51 texts of businesses, 26 a product,
    28.4 the group of an invitation, 36 a time, 87.1.3 the length of a call.
    """
    if not isinstance(blob, bytes) or not blob:
        return NO_METADATA
    message = Message(blob)
    stanza = message.text(5)
    # Numbers mean something else in other types.
    invitation = message.message(28) if form == "group_invite" else None
    call = message.find(87, 1) if form == "call" else None
    return Metadata(
        quoted_stanza=stanza or None,
        quote=_quote(message, people) if 5 in message or 19 in message else None,
        forward_count=min(message.integer(17) or 0, 2**31),
        link_summary=_cut(message.text(3)),
        invited_to=None if invitation is None else _cut(invitation.text(4)),
        words=_words(message) if form in {"template", "product", "unknown"} else (),
        disappearing_seconds=_seconds(message.integer(36)) if form == "event" else None,
        call_seconds=None if call is None else _seconds(call.integer(3)),
    )


def _quote(message: Message, people: People) -> Quote:
    jid = read_jid(message.text(6))
    by = None if jid is None or not jid.is_person else people.handle_of(jid)
    is_me = by is not None and by == people.own
    kind, text = None, None
    quoted = message.message(19)
    for number, name, paths in QUOTED if quoted is not None else ():
        assert quoted is not None
        if number in quoted:
            kind = name
            if not paths and name == "text":
                text = quoted.text(number)
            elif paths:
                inner = quoted.message(number)
                text = None if inner is None else _first(inner.text(path) for path in paths)
            break
    return Quote(type=kind, text=_cut(text), by=None if is_me else by, is_me=is_me)


def _words(message: Message) -> tuple[str, ...]:
    """Return what businesses write in forms of their own: templates, buttons, products."""
    found: list[str | None] = []
    for number in (24, 43, 51):
        template = _found(message, number, 1)
        if template is not None:
            found += [template.text(inner) for inner in (2, 6, 7)]
    product = _found(message, 26, 1)
    if product is not None:
        about = _found(product, 1)
        if about is not None:
            found += [about.text(3), about.text(4)]
        found.append(product.text(2))
    return tuple(text for text in map(_cut, found) if text is not None)


def _found(message: Message, *path: int) -> Message | None:
    try:
        return message.find(*path)
    except ProtobufError:
        return None


def read_receipts(blob: object, people: People, *, is_poll: bool) -> Receipts:
    """Return receipts, reactions and the poll of a message; raises ProtobufError.

    Fields: 2 people to whom it went, 7.1 reactions of others, 7.2 one's own, 7.3 counts of a
    channel, 8 a poll.
    """
    if not isinstance(blob, bytes) or not blob:
        return NO_RECEIPTS
    message = Message(blob)
    reactions: list[Reaction] = []
    counts: list[ReactionCount] = []
    for group in message.messages(7)[:_MOST_PEOPLE]:
        for entry in group.messages(1)[:_MOST_PEOPLE]:
            reactions += _reaction(entry, people, emoji=3, at=4, by=2)
        for entry in group.messages(2)[:_MOST_PEOPLE]:
            reactions += _reaction(entry, people, emoji=2, at=3)
        for entry in group.messages(3)[:_MOST_PEOPLE]:
            counts += _counts(entry)
    poll = message.message(8) if is_poll else None
    return Receipts(
        receipts=_went_to(message, people),
        reactions=tuple(reactions),
        counts=tuple(counts),
        poll=None if poll is None else _poll(poll, people),
    )


def _went_to(message: Message, people: People) -> tuple[Receipt, ...]:
    found: list[Receipt] = []
    for entry in message.messages(2)[:_MOST_PEOPLE]:
        jid = read_compact(entry.content(1) or b"")
        by = None if jid is None else people.handle_of(jid)
        if by is None or by == people.own:
            continue
        numbers = {str(n): entry.integer(n) for n in entry.numbers if n != 1}
        raw = {n: value for n, value in numbers.items() if value is not None and value < 2**63}
        found.append(Receipt(by=by, raw=raw))
    return tuple(found)


def _reaction(
    entry: Message, people: People, *, emoji: int, at: int, by: int | None = None
) -> list[Reaction]:
    shown = entry.text(emoji)
    if not shown or len(shown) > _LONGEST_EMOJI:
        return []  # taken back
    jid = None if by is None else read_jid(entry.text(by))
    handle = None if jid is None else people.handle_of(jid)
    is_me = by is None or (handle is not None and handle == people.own)
    return [
        Reaction(
            emoji=shown,
            by=None if is_me else handle,
            at=_milliseconds(entry.integer(at)),
            is_me=is_me,
        )
    ]


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


def _poll(poll: Message, people: People) -> Poll:
    """Return a poll: 2 the question, 3.1 the answers, 5 votes of others, 6 one's own."""
    texts = [option.text(1) or "" for option in poll.messages(3)[:_MOST_OPTIONS]]
    voters: list[list[str]] = [[] for _ in texts]
    votes = [0] * len(texts)
    for number in (5, 6):
        for vote in poll.messages(number)[:_MOST_PEOPLE]:
            jid = read_jid(vote.text(4))
            by = people.own if number == 6 and jid is None else None
            by = by if jid is None else people.handle_of(jid)
            for choice in set(vote.integers(1)):
                if choice < len(texts):
                    votes[choice] += 1
                    if by is not None:
                        voters[choice].append(by)
    return Poll(
        question=_cut(poll.text(2)),
        options=tuple(
            PollOption(text=_cut(text) or "", voters=tuple(who), votes=count)
            for text, who, count in zip(texts, voters, votes, strict=True)
        ),
    )


def _first(texts: object) -> str | None:
    return next((text for text in texts if text), None)  # type: ignore[attr-defined]


def _cut(text: str | None) -> str | None:
    return (text[:_MOST_TEXT].strip() or None) if text else None


def _seconds(value: int | None) -> int | None:
    return value if value is not None and value < 2**31 else None


def _milliseconds(value: int | None) -> dt.datetime | None:
    at_us = (value or 0) * 1000
    return utc(at_us) if _FIRST_US <= at_us <= _LAST_US else None
