"""Phones with contacts and messages for tests, and who is found on them."""

from __future__ import annotations

from typing import Any

import msgspec
from staged import artifact, index_staged

from services.indexer.kinds import PARSERS
from services.indexer.people.address_book import rebuild_address_book
from services.indexer.people.storage import refresh_people
from services.indexer.people.storage_pages import get_person, list_people
from services.indexer.people.storage_seen import note_seen, read_cards
from services.indexer.search.storage import search
from services.indexer.staging import StagedThread
from shared.contracts.indexer import (
    Search,
    SearchPage,
)
from shared.contracts.people import (
    GetPerson,
    ListPeople,
    Person,
    PersonSummary,
)

ROOM = 1 << 20


LABELS = {kind: parser.title for kind, parser in PARSERS.items()}


MOBILE, WORK, MAIL, STRANGER = "+4915112345678", "+49301234567", "anna@example.org", "+15550001"


class Card(msgspec.Struct, frozen=True):
    handles: list[str]
    unified_with: list[str] = []
    is_me: bool = False
    is_preferred: bool = True


class Member(msgspec.Struct, frozen=True):
    handle: str
    name: str | None = None


class Chat(msgspec.Struct, frozen=True):
    handle: str | None = None
    name: str | None = None
    members: list[Member] = []


class ChatBody(msgspec.Struct, frozen=True):
    chat: Chat
    type: str = "chat"


async def index_cards(
    connection: Any, device: str, *cards: tuple[str, Card], moment: int = 1
) -> None:
    await index_staged(
        connection,
        device=device,
        moment=moment,
        kind="contact",
        artifacts=[
            artifact(n, f"card {name}", name, title=name, payload=card)
            for n, (name, card) in enumerate(cards)
        ],
    )
    async with connection.transaction():
        await rebuild_address_book(connection, device)
        await read_cards(connection, device)
    await refresh_people(connection)


async def index_messages(connection: Any, device: str, *handles: str, moment: int = 1) -> None:
    await index_staged(
        connection,
        device=device,
        moment=moment,
        artifacts=[
            artifact(n, f"m {handle}", f"hello {n}", thread_key=handle, sender_handle=handle)
            for n, handle in enumerate(handles)
        ],
        threads=[
            StagedThread(
                key=handle, title=None, is_group=False, participants=[handle], services=[],
                raw_keys=[],
            )
            for handle in handles
        ],
    )  # fmt: skip
    async with connection.transaction():
        await note_seen(connection, device, "message", None)
    await refresh_people(connection)


async def people(connection: Any, **fields: Any) -> list[PersonSummary]:
    return (await list_people(connection, ListPeople(**fields))).items


async def person(connection: Any, text: str) -> Person:
    return await get_person(connection, GetPerson(person_id=text), most_bytes=ROOM)


async def found(connection: Any, q: str = "", **fields: Any) -> set[str]:
    request = Search(q=q, **fields)
    body = await search(connection, request, most_bytes=ROOM, labels=LABELS)
    return {hit.artifact.key for hit in msgspec.json.decode(body, type=SearchPage).items}


async def two_phones(connection: Any) -> None:
    await index_cards(
        connection, "d1", ("Anna", Card([MOBILE, MAIL])), ("Mira", Card(["+491"], is_me=True))
    )
    await index_cards(connection, "d2", ("Mama", Card([MOBILE, WORK])))
    await index_messages(connection, "d1", MOBILE, STRANGER)
    await index_messages(connection, "d2", WORK)
