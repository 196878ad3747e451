"""What things of WhatsApp say beside their text."""

from __future__ import annotations

import msgspec

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.exports.formats.told_pieces import (
    MOST_LINES,
    Names,
    Told,
    all_of,
    name_of,
    sender_of,
    sentence,
    who,
)
from services.indexer.kinds.whatsapp.payload import WhatsAppPayload
from shared.contracts.indexer import Artifact


def told_of_whatsapp(artifact: Artifact, names: Names) -> Told:
    """Return what a message, a call or an event says. Raises for payloads of other kinds."""
    payload = msgspec.convert(artifact.payload, WhatsAppPayload)
    if payload.chat is not None or payload.event is not None:
        return Told(event=_whatsapp_event(artifact, payload, names))
    notes = []
    if payload.is_deleted_for_everyone or payload.type == "deleted":
        notes.append("Deleted for everyone")
    if payload.is_forwarded:
        notes.append("Forwarded")
    if payload.is_view_once:
        notes.append("To be seen once")
    if payload.is_starred:
        notes.append("Starred")
    reactions = [
        f"{one_line(one.emoji, most=40)} {name_of(one.by, names, is_me=one.is_me)}"
        for one in payload.reactions
    ]
    reactions += [f"{one_line(o.emoji, most=40)} \u00d7 {o.count}" for o in payload.reaction_counts]
    quote = payload.quote
    return Told(
        is_mine=payload.direction == "outgoing",
        quote=None if quote is None else one_line(quote.text or quote.type) or None,
        text=clean(_written(artifact, payload)),
        extras=_whatsapp_extras(payload, names),
        notes=tuple(notes),
        reactions=tuple(reactions[:MOST_LINES]),
    )


def _written(artifact: Artifact, payload: WhatsAppPayload) -> str:
    """Return what was written: the artifact's text has what search should find as well."""
    if payload.text is not None:
        return payload.text
    is_told = payload.poll or payload.call or payload.contacts or payload.place
    return "" if is_told else artifact.text or ""


def _whatsapp_event(artifact: Artifact, payload: WhatsAppPayload, names: Names) -> str:
    event = payload.event
    if event is None:
        return one_line(artifact.title or artifact.text) or "Conversation"
    return sentence(
        event.kind,
        by=who(event.by, names) or sender_of(artifact),
        target=all_of(event.targets, names),
        title=event.title,
        emoji=event.text,
    )


def _whatsapp_extras(payload: WhatsAppPayload, names: Names) -> tuple[str, ...]:
    lines: list[str] = []
    if payload.poll is not None:
        lines.append(one_line(payload.poll.question) or "Poll")
        lines += [
            f"\u2022 {one_line(o.text)} ({o.votes or len(o.voters)})" for o in payload.poll.options
        ]
    if payload.place is not None:
        place = payload.place
        named = ", ".join(filter(None, (one_line(place.name), one_line(place.address))))
        lines.append(f"{named or 'Place'} ({place.latitude:.5f}, {place.longitude:.5f})")
    for card in payload.contacts:
        numbers = ", ".join(one_line(one.value, most=80) for one in (*card.phones, *card.emails))
        lines.append(f"Contact: {one_line(card.name or card.organization)} {numbers}".strip())
    if payload.link is not None:
        link = payload.link
        lines += [s for one in (link.title, link.summary, link.url) if (s := one_line(one))]
    if payload.payment is not None:
        paid = payload.payment
        lines.append(f"Payment: {paid.amount or '?'} {one_line(paid.currency, most=20)}".strip())
    if payload.call is not None:
        call = payload.call
        seconds = "" if not call.duration_seconds else f", {call.duration_seconds:.0f} seconds"
        outcome = one_line(call.outcome or "", most=40)
        what = "Video call" if call.is_video else "Call"
        lines.append(", ".join(filter(None, (what, outcome))) + seconds)
    if payload.type in {"waiting", "unknown"} and not lines:
        lines.append(f"({payload.type})")
    if payload.mentions:
        named = ", ".join(name_of(one.handle, names) for one in payload.mentions[:MOST_LINES])
        lines.append(f"Mentions {named}")
    return tuple(lines[:MOST_LINES])
