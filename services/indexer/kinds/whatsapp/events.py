"""Rows that are no messages: who came and went, new names, notices."""

from __future__ import annotations

import msgspec

from services.indexer.kinds.whatsapp.details import Metadata
from services.indexer.kinds.whatsapp.jids import Jid, jids_in, without_jids
from services.indexer.kinds.whatsapp.payload import Event
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.vocabulary import (
    ABOUT_MEMBERS,
    DISAPPEARING,
    DISAPPEARING_TYPE,
    EVENTS,
    RENAMED,
)

_MOST_TARGETS = 2000


class _Renamed(msgspec.Struct):
    previous_subject: str | None = None
    new_subject: str | None = None


def describe_event(
    form: int,
    event: int | None,
    *,
    text: str | None,
    member: str | None,
    metadata: Metadata,
    people: People,
) -> Event:
    """Return what happened; *member* is whom the row names beside its text.

    Of the text of people who came or went the first identity is who did it, if there is a
    semicolon behind it or the row names somebody else; otherwise nobody says who did it.
    """
    kind = EVENTS.get((form, event or 0), "unknown")
    if form == DISAPPEARING_TYPE:
        kind = DISAPPEARING
    if kind == RENAMED:
        return _renamed(text, member)
    if kind == DISAPPEARING:
        seconds = _written_seconds(text)
        return Event(
            kind=kind,
            by=member,
            text=text if seconds is None else None,
            duration_seconds=metadata.disappearing_seconds if seconds is None else seconds,
        )
    jids = [] if text is None else jids_in(text)[:_MOST_TARGETS]
    if kind in ABOUT_MEMBERS:
        return _members(kind, text, jids, member, people)
    named = tuple(people.handle_of(jid) for jid in jids)
    return Event(kind=kind, by=member, targets=named, text=_beside_people(text))


def _members(
    kind: str, text: str | None, jids: list[Jid], member: str | None, people: People
) -> Event:
    handles = [people.handle_of(jid) for jid in jids]
    if not handles:
        return Event(kind=kind, targets=() if member is None else (member,), text=text)
    if text is not None and ";" in text:
        return Event(kind=kind, by=handles[0], targets=tuple(handles[1:]))
    if member is not None and member != handles[0]:
        return Event(kind=kind, by=handles[0], targets=(member, *handles[1:]))
    return Event(kind=kind, by=None, targets=tuple(handles))


def _renamed(text: str | None, member: str | None) -> Event:
    if text is not None and text.startswith("{"):
        try:
            names = msgspec.json.decode(text.encode("utf-8", "replace"), type=_Renamed)
        except msgspec.MsgspecError:
            pass
        else:
            return Event(
                kind=RENAMED,
                by=member,
                title=names.new_subject,
                previous_title=names.previous_subject,
            )
    return Event(kind=RENAMED, by=member, title=text)


def _written_seconds(text: str | None) -> int | None:
    if text is not None and text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return None


def _beside_people(text: str | None) -> str | None:
    """Return a text unless it is nothing but a list of people."""
    return text if text is not None and without_jids(text).strip(" ,;") else None
