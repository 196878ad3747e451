"""ZPUSHNAME of a message: how the sender called himself, or since about 2020 a note in base64."""

from __future__ import annotations

import base64
import binascii

from services.indexer.kinds.protobuf import Message, read_message

#: 2008 to 2120 in seconds since 1970: a name that is base64 by chance has no such number in it.
_FIRST, _LAST = 1_200_000_000, 4_733_510_400
_LONGEST = 4000


def is_name(said: str) -> bool:
    """Whether this is a name for people."""
    return _note(said) is None


def sent_by(said: str | None) -> str | None:
    """Return the identity that sent a message of one's own, or None: field 3 of the note."""
    note = None if said is None else _note(said)
    return None if note is None else note.text(3)


def _note(said: str) -> Message | None:
    """Return the note, whose field 1 is a time; None for a name."""
    if len(said) > _LONGEST:
        return None
    try:
        note = read_message(base64.b64decode(said, validate=True))
    except (binascii.Error, ValueError):
        return None
    at = None if note is None else note.integer(1)
    return note if at is not None and _FIRST <= at <= _LAST else None
