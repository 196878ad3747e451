"""Rows that are no messages: members, names, pictures, shared places, SharePlay."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.message.payload import Event
from services.indexer.kinds.message.store import More
from services.indexer.kinds.message.vocabulary import GROUP_EVENTS, MEMBER_EVENTS

_RENAMED, _GROUP, _LOCATION, _AUDIO_KEPT, _SHAREPLAY = 2, 3, 4, 5, 6


def describe_event(
    item_type: Any, more: More, *, by: str | None, target: str | None, is_same_person: bool
) -> Event | None:
    """Return what happened, or None for a message. Unknown kinds keep the phone's numbers."""
    if not item_type:
        return None
    if not isinstance(item_type, int):
        return Event(kind="unknown", by=by)
    action = more.group_action if isinstance(more.group_action, int) else 0
    title = more.group_title if isinstance(more.group_title, str) and more.group_title else None
    direction = None
    if item_type == 1:
        kind = "number_changed" if is_same_person else MEMBER_EVENTS.get(action, "unknown")
    elif item_type == _RENAMED:
        kind = "renamed" if title else "name_removed"
    elif item_type == _GROUP:
        kind = GROUP_EVENTS.get(action, "unknown")
    elif item_type == _LOCATION:
        kind = "location_stopped" if more.share_status else "location_shared"
        direction = "to_me" if more.share_direction else "by_sender"
    elif item_type == _AUDIO_KEPT:
        kind = "audio_kept"
    else:
        kind = "shareplay" if item_type == _SHAREPLAY else "unknown"
    return Event(
        kind=kind,
        by=by,
        target=target,
        title=title,
        direction=direction,
        raw=(item_type, action) if kind == "unknown" else (),
    )
