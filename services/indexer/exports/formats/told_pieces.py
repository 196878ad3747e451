"""The pieces of what messages say, and the words for people and events in them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.indexer.exports.formats.cleaning import one_line
from shared.contracts.indexer import Artifact

#: Handles to names of people.
Names = Mapping[str, str]

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
MOST_LINES = 40


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


def sentence(
    kind: str, *, by: str, target: str, title: str | None, emoji: str | None = None
) -> str:
    """Return what happened as a sentence; kinds without one of their own are named."""
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


def who(handle: str | None, names: Names) -> str:
    """Return the name of somebody who may not be known: then nothing."""
    return "" if handle is None else name_of(handle, names)


def all_of(handles: tuple[str, ...], names: Names) -> str:
    """Return the names of several people, as far as a line holds them."""
    return ", ".join(name_of(handle, names) for handle in handles[:MOST_LINES])


def name_of(handle: str | None, names: Names, *, is_me: bool = False) -> str:
    """Return what somebody is called, else the handle."""
    if is_me:
        return "Me"
    return names.get(handle or "") or one_line(handle, most=80) or "Somebody"


def sender_of(artifact: Artifact) -> str:
    """Return who wrote something, as the subject of a sentence."""
    sender = artifact.sender
    if sender is None:
        return ""
    return "I" if sender.is_me else one_line(sender.name or sender.handle, most=80)
