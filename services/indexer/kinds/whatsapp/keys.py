"""The identity of a message: the app's own, which all who are in the chat know it by.

It is one of a chat and a direction, and random, so that the chat stands in a key only where one
identity comes several times (a message to a list is in the chats of all who are on it): a chat may
move to another identity of the same person, and its messages are then still the same.
"""

from __future__ import annotations

from services.indexer.kinds.records import key_of
from services.indexer.kinds.values import flag_of, int_of
from services.indexer.kinds.whatsapp.chats import Chats
from services.indexer.kinds.whatsapp.jids import word
from services.indexer.kinds.whatsapp.store import MessageRow
from services.indexer.kinds.whatsapp.vocabulary import EVENT_TYPES

#: Longer ones are forged, and would not fit into an index.
_LONGEST = 200


class Keys:
    """Gives a message its key."""

    def __init__(self, app_key: str, chats: Chats, shared: frozenset[tuple[object, bool]]) -> None:
        """*shared* are the app's identities that several messages have."""
        self._app_key = app_key
        self._chats = chats
        self._shared = shared

    def key(self, row: MessageRow) -> str:
        """Return the key of a message."""
        is_me = flag_of(row.is_from_me)
        stanza = word(row.stanza)
        way = "out" if is_me else "in"
        if stanza is None or len(stanza) > _LONGEST:
            return self._digest(row, way)
        if (row.stanza, is_me) in self._shared:
            stanza = f"{stanza}:{self._digest(row, way)}"
        return f"{self._app_key}:{way}:{stanza}"

    def _digest(self, row: MessageRow, way: str) -> str:
        """Return a digest of what never changes about a message; words of people may."""
        sender = self._chats.senders.get(row.member) if isinstance(row.member, int) else None
        said = row.text if row.stanza is None or int_of(row.type) in EVENT_TYPES else None
        return key_of(
            self._app_key, way, self._chats.thread_of(row.chat), row.date,
            None if sender is None else sender.handle, row.event, said,
        )  # fmt: skip
