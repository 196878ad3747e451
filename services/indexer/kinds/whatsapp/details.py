"""What ZWAMEDIAITEM.ZMETADATA says of a message: what it answers, how often it was forwarded.

Nobody published its schema; the fields were read off real stores. What cannot be read costs the
details, never the message.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from services.indexer.kinds.protobuf import Message, ProtobufError
from services.indexer.kinds.whatsapp.jids import read_jid
from services.indexer.kinds.whatsapp.payload import Quote
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.vocabulary import QUOTED

#: A message has at most 65,536 characters.
_MOST_TEXT = 70_000


class Metadata(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A quote, forwards, a link's summary, other words."""

    quoted_stanza: str | None = None
    quote: Quote | None = None
    forward_count: int = 0
    link_summary: str | None = None
    invited_to: str | None = None
    words: tuple[str, ...] = ()
    disappearing_seconds: int | None = None
    call_seconds: int | None = None


NO_METADATA = Metadata()


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
        link_summary=cut(message.text(3)),
        invited_to=None if invitation is None else cut(invitation.text(4)),
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
    return Quote(type=kind, text=cut(text), by=None if is_me else by, is_me=is_me)


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
    return tuple(text for text in map(cut, found) if text is not None)


def _found(message: Message, *path: int) -> Message | None:
    try:
        return message.find(*path)
    except ProtobufError:
        return None


def _first(texts: Iterable[str | None]) -> str | None:
    return next((text for text in texts if text), None)


def cut(text: str | None) -> str | None:
    """Return a text that says something, cut to what a message may have, or None."""
    return (text[:_MOST_TEXT].strip() or None) if text else None


def _seconds(value: int | None) -> int | None:
    return value if value is not None and value < 2**31 else None
