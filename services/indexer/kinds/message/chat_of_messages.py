"""Which chats each message is in."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

_NO_THREAD = -1


class ChatOfMessage:
    """Message to chat, in four bytes per message where row numbers are dense."""

    def __init__(self, order: array[int]) -> None:
        """Make room for the messages of *order*."""
        highest = max(order, default=0)
        dense = min(order, default=0) >= 0 and highest <= 8 * len(order) + 1_000_000
        self._dense = array("i", [_NO_THREAD]) * (highest + 1 if dense else 0)
        self._sparse: dict[int, int] = {}
        self._further: dict[int, list[int]] = {}

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows of chat and message."""
        dense = self._dense
        size = len(dense)
        for chat_id, message_id in rows:
            if type(chat_id) is not int or type(message_id) is not int:
                continue
            if 0 <= message_id < size and 0 <= chat_id < 2**31 and dense[message_id] == _NO_THREAD:
                dense[message_id] = chat_id
            else:
                self.add(message_id, chat_id)

    def add(self, message_id: int, chat_id: int) -> None:
        """Put a message into a chat; its first one counts most."""
        if not -(2**31) <= chat_id < 2**31:
            return
        if self.first(message_id) != _NO_THREAD:
            self._further.setdefault(message_id, []).append(chat_id)
        elif 0 <= message_id < len(self._dense):
            self._dense[message_id] = chat_id
        else:
            self._sparse[message_id] = chat_id

    def first(self, message_id: int) -> int:
        """Return the message's chat, or -1."""
        if 0 <= message_id < len(self._dense):
            return self._dense[message_id]
        return self._sparse.get(message_id, _NO_THREAD)

    def first_of(self, message_ids: Iterable[int]) -> list[int]:
        """Return each message's chat, or -1."""
        dense, sparse, size = self._dense, self._sparse, len(self._dense)
        return [
            dense[number] if 0 <= number < size else sparse.get(number, _NO_THREAD)
            for number in message_ids
        ]

    @property
    def in_several(self) -> Iterable[int]:
        """The messages that are in more than one chat."""
        return self._further.keys()

    def further(self, message_id: int) -> list[int]:
        """Return the message's other chats."""
        return self._further.get(message_id, [])
