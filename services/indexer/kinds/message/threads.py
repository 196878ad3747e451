"""Which chats are one conversation.

The phone keeps a chat per service and per changed address. One person is one thread, whether by
SMS, iMessage or RCS; a group is one thread by its ``group_id``. Keys come from the oldest chat of
a thread, so that a new address of a person does not rename the thread in the next backup.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec

from services.indexer.staging import StagedThread

_GROUP_STYLE = 43
NO_CHAT = StagedThread(
    key="no-chat",
    title="Messages without a conversation",
    is_group=False,
    participants=[],
    services=[],
    raw_keys=[],
)


class Handle(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``handle`` with its normalised form."""

    handle: str
    person: str | None


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``chat`` with its members."""

    id: int
    guid: str
    is_group: bool
    members: tuple[Handle, ...]
    identifier: str
    name: str | None
    group_id: str | None
    service: str | None
    flags: tuple[str, ...]


class Conversations(msgspec.Struct, frozen=True, kw_only=True):
    """The merged threads, and for each chat the number of its thread."""

    threads: list[StagedThread]
    by_chat: dict[int, int]
    #: Flags of each chat that pass on to its messages (junk, blocked, unknown sender).
    flags: dict[int, tuple[str, ...]]


def looks_like_group(style: Any, guid: str, members: int) -> bool:
    """Whether a chat is a group: by style, else by its guid, else by the number of members."""
    if isinstance(style, int) and style in {_GROUP_STYLE, 45}:
        return style == _GROUP_STYLE
    if ";+;" in guid or ";-;" in guid:
        return ";+;" in guid
    return members > 1


class _Merge:
    """Disjoint sets over chats; the root is the oldest chat."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._parent = {number: number for number in ids}

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low


def merge_chats(chats: list[Chat]) -> Conversations:
    """Return the conversations of *chats*."""
    merge = _Merge(chat.id for chat in chats)
    first: dict[tuple[str, Any], int] = {}
    for chat in sorted(chats, key=lambda chat: chat.id):
        for identity in _identities(chat):
            merge.join(first.setdefault(identity, chat.id), chat.id)
    members: dict[int, list[Chat]] = {}
    for chat in sorted(chats, key=lambda chat: chat.id):
        members.setdefault(merge.root(chat.id), []).append(chat)
    threads: list[StagedThread] = []
    by_chat: dict[int, int] = {}
    taken: set[str] = set()
    for together in members.values():
        by_chat.update((chat.id, len(threads)) for chat in together)
        thread = _thread(together)
        if thread.key in taken:  # two conversations must never share a key
            thread = msgspec.structs.replace(thread, key=f"{thread.key}#{together[0].guid}")
        taken.add(thread.key)
        threads.append(thread)
    return Conversations(
        threads=threads, by_chat=by_chat, flags={chat.id: chat.flags for chat in chats}
    )


def _identities(chat: Chat) -> list[tuple[str, Any]]:
    if not chat.is_group:
        handles = [member.handle for member in chat.members[:1]] or [chat.identifier]
        found: list[tuple[str, Any]] = [("handle", handle) for handle in handles if handle]
        found.extend(("person", member.person) for member in chat.members[:1] if member.person)
        return found
    if chat.group_id:
        return [("group", chat.group_id)]
    return [("members", (frozenset(member.handle for member in chat.members), chat.name))]


def _thread(chats: list[Chat]) -> StagedThread:
    oldest = chats[0]
    participants = list(
        dict.fromkeys(member.handle for chat in chats for member in chat.members)
    ) or ([] if oldest.is_group or not oldest.identifier else [oldest.identifier])
    if not oldest.is_group:
        key = f"direct:{participants[0] if participants else oldest.guid}"
    elif oldest.group_id:
        key = f"group:{oldest.group_id}"
    else:
        named = "\n".join((oldest.name or "", *sorted(participants)))
        key = f"group:{blake2b(named.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"
    names = [chat.name for chat in chats if chat.name]
    return StagedThread(
        key=key,
        title=names[-1] if names else None,
        is_group=oldest.is_group,
        participants=participants,
        services=list(dict.fromkeys(chat.service for chat in chats if chat.service)),
        raw_keys=[chat.guid for chat in chats],
    )
