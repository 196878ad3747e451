"""What messages say beside their text, in words for people: events, apps, polls, small print.

Documents that show conversations (PDF, mail) are made from this.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from itertools import pairwise

import msgspec

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.kinds.message.payload import AppMessage, Edit, MessagePayload
from services.indexer.kinds.whatsapp.payload import WhatsAppPayload
from shared.contracts.indexer import Artifact, Thread

#: Handles to names of people.
Names = Mapping[str, str]
Moment = Callable[[dt.datetime], str]

_EVENTS = {
    "member_added": "{by} added {target}",
    "member_removed": "{by} removed {target}",
    "member_left": "{by} left the conversation",
    "renamed": "{by} named the conversation \u201c{title}\u201d",
    "name_removed": "{by} removed the name of the conversation",
    "icon_changed": "{by} changed the picture of the conversation",
    "icon_removed": "{by} removed the picture of the conversation",
    "background_changed": "{by} changed the background",
    "background_removed": "{by} removed the background",
    "location_shared": "{by} shared a location",
    "location_stopped": "{by} stopped sharing a location",
    "audio_kept": "{by} kept an audio message",
    "shareplay": "{by} started SharePlay",
    "number_changed": "{by} changed number to {target}",
    "reaction": "{by} reacted to a message that is not here: {emoji}",
}
_MOST_LINES = 40


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A message in pieces; all of them clean, none of them markup."""

    is_mine: bool = False
    #: Something that happened, told in a sentence; then there is no bubble.
    event: str | None = None
    subject: str | None = None
    #: What is answered, where the message repeats it.
    quote: str | None = None
    text: str = ""
    #: What stands in the bubble beside text: links, polls, places.
    extras: tuple[str, ...] = ()
    #: Small print: edited, unsent, not delivered.
    notes: tuple[str, ...] = ()
    #: One line for each reaction.
    reactions: tuple[str, ...] = ()


def names_of(thread: Thread | None) -> dict[str, str]:
    """Return what the members of a thread are called, by handle."""
    members = () if thread is None else thread.participants
    return {one.handle: one_line(one.name, most=80) for one in members if one.name}


def told(artifact: Artifact, names: Names, moment: Moment) -> Told:
    """Return what an artifact of any kind says. *moment* writes times of the small print.

    Raises ``msgspec.ValidationError`` for payloads that are no such thing.
    """
    if artifact.kind == "message":
        return _message(artifact, names, moment)
    if artifact.kind == "whatsapp":
        return _whatsapp(artifact, names)
    sender = artifact.sender
    title, text = one_line(artifact.title), clean(artifact.text or "")
    first, _, rest = text.partition("\n")
    return Told(
        is_mine=sender is not None and sender.is_me,
        subject=title or None,
        # Notes begin with their titles.
        text=rest if title and first.strip() == title else text,
    )


def _message(artifact: Artifact, names: Names, moment: Moment) -> Told:
    payload = msgspec.convert(artifact.payload, MessagePayload)
    event = payload.event
    if event is not None:
        return Told(
            event=_sentence(
                event.kind,
                by=_who(event.by, names) or _sender_of(artifact),
                target=_who(event.target, names),
                title=event.title,
                emoji=event.emoji or event.reaction,
            )
        )
    notes = [*_edits(payload.edits, moment)]
    if payload.unsent:
        notes.append("Unsent")
    elif payload.unsent_parts:
        notes.append("Part of it was unsent")
    if payload.text_unknown:
        notes.append("There is text here that could not be read")
    elif payload.text_damaged:
        notes.append("Rescued from damaged data")
    if payload.effect:
        notes.append(f"Sent with {payload.effect.replace('_', ' ')}")
    if payload.transcript:
        notes.append(f"Transcript: {clean(payload.transcript)}")
    notes += [f"Deleted part: {clean(part.text or '(unknown)')}" for part in payload.deleted_parts]
    if payload.deleted_at is not None:
        notes.append(f"Deleted {moment(payload.deleted_at)}, recoverable on the phone")
    if payload.error_code:
        notes.append("Not delivered")
    return Told(
        is_mine=payload.direction == "outgoing",
        subject=one_line(payload.subject) or None,
        text=clean(artifact.text or "").replace("\ufffc", "").strip("\n"),
        extras=() if payload.app is None else _app(payload.app, names),
        notes=tuple(notes[:_MOST_LINES]),
        reactions=tuple(
            f"{one_line(one.emoji, most=40) or one.kind} {_name(one.by, names, is_me=one.is_me)}"
            for one in payload.reactions[:_MOST_LINES]
        ),
    )


def _edits(edits: tuple[Edit, ...], moment: Moment) -> list[str]:
    """Return the earlier wordings; the last of each part is what stands there now."""
    lines = []
    for edit, after in pairwise(edits):
        if after.part == edit.part:
            when = "" if edit.at is None else f" ({moment(edit.at)})"
            lines.append(f"Before{when}: {clean(edit.text or '(unknown)')}")
    return lines


def _app(app: AppMessage, names: Names) -> tuple[str, ...]:
    said = [app.title, app.summary, *app.captions, app.site, app.url]
    lines = list(dict.fromkeys(line for one in said if (line := one_line(one, most=2000))))
    if app.app:
        lines.insert(0, f"[{one_line(app.app, most=80)}]")
    lines += [f"{one_line(n, most=80)}: {one_line(v)}" for n, v in app.facts.items()]
    lines += [
        f"\u2022 {one_line(option.text)} ({_all(option.voters, names) or 'no votes'})"
        for option in app.options
    ]
    return tuple(lines[:_MOST_LINES])


def _whatsapp(artifact: Artifact, names: Names) -> Told:
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
        f"{one_line(one.emoji, most=40)} {_name(one.by, names, is_me=one.is_me)}"
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
        reactions=tuple(reactions[:_MOST_LINES]),
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
    return _sentence(
        event.kind,
        by=_who(event.by, names) or _sender_of(artifact),
        target=_all(event.targets, names),
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
        named = ", ".join(_name(one.handle, names) for one in payload.mentions[:_MOST_LINES])
        lines.append(f"Mentions {named}")
    return tuple(lines[:_MOST_LINES])


def _sentence(
    kind: str, *, by: str, target: str, title: str | None, emoji: str | None = None
) -> str:
    known = _EVENTS.get(kind)
    if known is not None:
        return known.format(
            by=by or "Somebody",
            target=target or "somebody",
            title=one_line(title),
            emoji=one_line(emoji, most=200),
        )
    said = [by, kind.replace("_", " "), target, one_line(title), one_line(emoji)]
    return ": ".join(filter(None, said))


def _who(handle: str | None, names: Names) -> str:
    return "" if handle is None else _name(handle, names)


def _all(handles: tuple[str, ...], names: Names) -> str:
    return ", ".join(_name(handle, names) for handle in handles[:_MOST_LINES])


def _name(handle: str | None, names: Names, *, is_me: bool = False) -> str:
    if is_me:
        return "Me"
    return names.get(handle or "") or one_line(handle, most=80) or "Somebody"


def _sender_of(artifact: Artifact) -> str:
    sender = artifact.sender
    if sender is None:
        return ""
    return "I" if sender.is_me else one_line(sender.name or sender.handle, most=80)
