"""Requests about people: who there is, and who is who by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.indexer.people.storage_changes import (
    merge_people,
    rename_person,
    split_person,
    undo_change,
)
from services.indexer.people.storage_pages import get_person, list_changes, list_people
from services.indexer.plain_answers import plain
from shared.bus import Bus, RequestContext
from shared.contracts.people import (
    GetPerson,
    ListPeople,
    ListPersonChanges,
    MergePeople,
    Person,
    RenamePerson,
    SplitPerson,
    UndoPersonChange,
)
from shared.contracts.requests import Request


class PeopleRequests:
    """Answers about people."""

    def __init__(self, *, pool: asyncpg.Pool[Any], bus: Bus) -> None:
        self._pool = pool
        self._bus = bus

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            **{request_type: plain(self._pool, answer) for request_type, answer in _PLAIN.items()},
            GetPerson: self.get_person,
        }

    async def get_person(self, request: GetPerson, _context: RequestContext) -> Person:
        """One person."""
        async with self._pool.acquire() as connection:
            return await get_person(connection, request, most_bytes=self._bus.max_payload_bytes)


#: Requests that need nothing but the database.
_PLAIN: dict[type[Any], Callable[[Any, Any], Awaitable[Any]]] = {
    ListPeople: list_people,
    ListPersonChanges: list_changes,
    MergePeople: merge_people,
    SplitPerson: split_person,
    RenamePerson: rename_person,
    UndoPersonChange: undo_change,
}
