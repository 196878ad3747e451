"""What messages say beside their text, in words for people: events, apps, polls, small print.

Documents that show conversations (PDF, mail) are made from this.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise

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
from services.indexer.exports.formats.told_whatsapp import told_of_whatsapp
from services.indexer.kinds.message.payload import AppMessage, Edit, MessagePayload
from shared.contracts.indexer import Artifact, Thread

__all__ = ["Moment", "Names", "Told", "names_of", "told"]

Moment = Callable[[dt.datetime], str]


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
        return told_of_whatsapp(artifact, names)
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
            event=sentence(
                event.kind,
                by=who(event.by, names) or sender_of(artifact),
                target=who(event.target, names),
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
        notes=tuple(notes[:MOST_LINES]),
        reactions=tuple(
            f"{one_line(one.emoji, most=40) or one.kind} {name_of(one.by, names, is_me=one.is_me)}"
            for one in payload.reactions[:MOST_LINES]
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
        f"\u2022 {one_line(option.text)} ({all_of(option.voters, names) or 'no votes'})"
        for option in app.options
    ]
    return tuple(lines[:MOST_LINES])
