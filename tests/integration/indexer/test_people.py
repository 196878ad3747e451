"""One person over devices: put together after runs, found by every handle, changed by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from staged import Body, artifact, index_staged

from services.indexer.kinds import PARSERS
from services.indexer.staging import StagedThread
from services.indexer.storage_artifacts import list_artifacts
from services.indexer.storage_names import rebuild_address_book
from services.indexer.storage_people import refresh_people
from services.indexer.storage_people_changes import (
    merge_people,
    rename_person,
    split_person,
    undo_change,
)
from services.indexer.storage_people_pages import get_person, list_changes, list_people
from services.indexer.storage_search import search
from services.indexer.storage_seen import note_seen, read_cards, read_everything, reread_seen
from services.indexer.storage_threads import list_threads
from shared.contracts.indexer import (
    ArtifactPage,
    ListArtifacts,
    ListThreads,
    Search,
    SearchPage,
    Thread,
)
from shared.contracts.people import (
    GetPerson,
    ListPeople,
    ListPersonChanges,
    MergePeople,
    Person,
    PersonSummary,
    RenamePerson,
    SplitPerson,
    UndoPersonChange,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page

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


async def test_cards_of_all_devices_make_one_person_of_their_handles(connection: Any) -> None:
    await two_phones(connection)
    listed = await people(connection)
    assert [one.name for one in listed] == ["Anna", "Mira", STRANGER]
    assert [one.handles for one in listed] == [[MOBILE, WORK, MAIL], ["+491"], [STRANGER]]
    assert [one.is_me for one in listed] == [False, True, False]
    anna = await person(connection, listed[0].id)
    assert await person(connection, WORK) == anna
    assert {(one.device, one.name) for one in anna.cards} == {("d1", "Anna"), ("d2", "Mama")}
    origins = {one.handle: (one.origin, one.devices, one.kinds) for one in anna.origins}
    assert origins[MOBILE] == ("card", ["d1", "d2"], ["contact", "message"])
    assert origins[WORK] == ("card", ["d2"], ["contact", "message"])
    assert anna.thread_count == len(anna.threads) == 2
    assert anna.first_at is not None
    stranger = await person(connection, STRANGER)
    assert [one.origin for one in stranger.origins] == ["seen"]


async def test_people_are_listed_by_words_and_devices_and_page_without_loss(
    connection: Any,
) -> None:
    await two_phones(connection)
    await index_messages(connection, "d3", *(f"+1555{n:06}" for n in range(25)))
    assert [one.name for one in await people(connection, q="ANN")] == ["Anna"]
    assert [one.name for one in await people(connection, q="301234")] == ["Anna"]
    assert [one.name for one in await people(connection, device="d2")] == ["Anna"]
    seen: list[str] = []
    cursor = None
    while True:
        page = await list_people(connection, ListPeople(limit=7, cursor=cursor))
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 28
    for cursor in ("x", "W10", "WzEsImEiLCJiIl0"):
        with pytest.raises(ProblemError) as raised:
            await list_people(connection, ListPeople(cursor=cursor))
        assert raised.value.problem.status == 400


async def test_every_page_says_who_it_was(connection: Any) -> None:
    await two_phones(connection)
    anna = await person(connection, MAIL)
    body = await list_artifacts(connection, ListArtifacts(kind="message"), most_bytes=ROOM)
    senders = {
        one.sender.handle: (one.sender.person_id, one.sender.name)
        for one in msgspec.json.decode(body, type=ArtifactPage).items
        if one.sender
    }
    assert senders[MOBILE] == (anna.id, "Anna")
    # The phone's own name for a person comes before that of another phone.
    assert senders[WORK] == (anna.id, "Mama")
    assert senders[STRANGER] == ((await person(connection, STRANGER)).id, None)
    body = await search(connection, Search(q="hello"), most_bytes=ROOM, labels=LABELS)
    hits = msgspec.json.decode(body, type=SearchPage).items
    assert {one.artifact.sender.person_id for one in hits if one.artifact.sender} == {
        known for known, _ in senders.values()
    }
    body = await list_threads(connection, ListThreads(person=anna.id), most_bytes=ROOM)
    threads = msgspec.json.decode(body, type=Page[Thread]).items
    assert {one.participants[0].person_id for one in threads} == {anna.id}
    assert {one.participants[0].handle for one in threads} == {MOBILE, WORK}


async def test_a_search_for_a_person_finds_all_handles(connection: Any) -> None:
    await two_phones(connection)
    both = {f"m {MOBILE}", f"m {WORK}"}
    anna = await person(connection, MAIL)
    for text in (anna.id, MOBILE, MAIL, " +49 30 1234567"):
        assert await found(connection, person=text) == both
    for q in ("from:anna", "from:mama", "with:anna", f"from:{MAIL}"):
        assert await found(connection, q) == both
    assert await found(connection, person=STRANGER) == {f"m {STRANGER}"}
    assert await found(connection, person="nobody@example.org") == set()
    gone = "11111111-8b86-4d01-b42d-00cf4fc964ff"
    with pytest.raises(ProblemError, match="person"):
        await found(connection, person=gone)
    with pytest.raises(ProblemError, match="person"):
        await list_threads(connection, ListThreads(person=gone), most_bytes=ROOM)


async def test_members_of_chats_are_people_by_the_names_that_the_app_knows(connection: Any) -> None:
    members = [Member("+4917700", "Zoë"), Member("9@lid", "Ghost"), Member("1@g.us", "A group")]
    await index_staged(
        connection,
        device="d",
        moment=1,
        kind="whatsapp",
        artifacts=[
            artifact(1, "whatsapp:chat:group:1", "x", payload=ChatBody(Chat(members=members))),
            artifact(2, "whatsapp:in:2", "hi", payload=Body(), sender_handle="+4917700"),
        ],
    )
    async with connection.transaction():
        await note_seen(connection, "d", "whatsapp", None)
    await refresh_people(connection)
    assert [one.name for one in await people(connection)] == ["Ghost", "Zoë"]
    assert await found(connection, "from:zoe") == {"whatsapp:in:2"}
    async with connection.transaction():
        await note_seen(connection, "d", "whatsapp", None)
    assert not await refresh_people(connection), "the same again is no news"


async def test_ids_are_the_same_after_every_re_index(connection: Any) -> None:
    await two_phones(connection)
    before = {one.name: one.id for one in await people(connection)}
    # Anna gets another number, and Mira's card goes and comes back.
    await index_cards(connection, "d1", ("Anna", Card([MOBILE, "+4930999", MAIL])), moment=2)
    await index_messages(connection, "d1", MOBILE, "+491", STRANGER, moment=2)
    await index_cards(
        connection, "d1", ("Anna", Card(["+4930999", MAIL, MOBILE])), ("Mira", Card(["+491"])),
        moment=3,
    )  # fmt: skip
    await index_cards(connection, "d2", ("Mum", Card([WORK, MOBILE])), moment=2)
    anna = await person(connection, MAIL)
    assert anna.id == before["Anna"]
    assert "+4930999" in anna.handles
    assert (await person(connection, STRANGER)).id == before[STRANGER]


async def test_a_merge_outlives_re_indexing_and_can_be_undone(connection: Any) -> None:
    await two_phones(connection)
    anna, stranger = await person(connection, MAIL), await person(connection, STRANGER)
    change = await merge_people(connection, MergePeople(person_id=anna.id, other_id=stranger.id))
    assert change.can_be_undone
    merged = await person(connection, STRANGER)
    assert (merged.id, merged.name) == (anna.id, "Anna")
    assert {one.handle: one.origin for one in merged.origins}[STRANGER] == "manual"
    assert [one.id for one in merged.changes] == [change.id]
    assert await found(connection, person=anna.id) == {
        f"m {handle}" for handle in (MOBILE, WORK, STRANGER)
    }
    with pytest.raises(ProblemError) as raised:
        await person(connection, stranger.id)
    assert raised.value.problem.status == 404

    await index_cards(connection, "d1", ("Anna", Card([MAIL])), moment=2)
    assert (await person(connection, STRANGER)).id == anna.id
    await index_cards(connection, "d1", ("Anna", Card([MOBILE, MAIL])), moment=3)

    undone = await undo_change(connection, UndoPersonChange(change_id=change.id))
    assert undone.undone_at is not None
    assert not undone.can_be_undone
    assert (await person(connection, STRANGER)).id == stranger.id
    assert (await person(connection, MAIL)).handles == anna.handles
    assert await undo_change(connection, UndoPersonChange(change_id=change.id)) == undone


async def test_a_split_parts_what_a_card_joins(connection: Any) -> None:
    await two_phones(connection)
    anna = await person(connection, MAIL)
    change = await split_person(
        connection, SplitPerson(person_id=anna.id, handles=[MOBILE, "+49 (30) 1234567"])
    )
    assert (await person(connection, MAIL)).id == anna.id
    other = await person(connection, MOBILE)
    assert other.id == change.other_id
    assert other.handles == [MOBILE, WORK]
    async with connection.transaction():
        await reread_seen(connection, "d1")
        await read_cards(connection, "d1")
    await refresh_people(connection)
    assert (await person(connection, WORK)).id == change.other_id
    await undo_change(connection, UndoPersonChange(change_id=change.id))
    assert (await person(connection, MOBILE)).handles == anna.handles


async def test_a_given_name_is_shown_everywhere_and_undone_in_order(connection: Any) -> None:
    await two_phones(connection)
    anna = await person(connection, MAIL)
    first = await rename_person(connection, RenamePerson(person_id=anna.id, name=" Anna B. "))
    second = await rename_person(connection, RenamePerson(person_id=anna.id, name="Mum"))
    assert (await person(connection, WORK)).given_name == "Mum"
    body = await list_artifacts(connection, ListArtifacts(device="d2"), most_bytes=ROOM)
    names = {
        one.sender.name for one in msgspec.json.decode(body, type=ArtifactPage).items if one.sender
    }
    assert names == {"Mum"}
    assert await found(connection, "from:mum") == {f"m {MOBILE}", f"m {WORK}"}
    with pytest.raises(ProblemError) as raised:
        await undo_change(connection, UndoPersonChange(change_id=first.id))
    assert raised.value.problem.status == 409
    await undo_change(connection, UndoPersonChange(change_id=second.id))
    assert (await person(connection, WORK)).name == "Anna B."
    await rename_person(connection, RenamePerson(person_id=anna.id, name=None))
    assert (await person(connection, WORK)).name == "Anna"
    changes = (await list_changes(connection, ListPersonChanges())).items
    assert [(one.kind, one.can_be_undone) for one in changes] == [
        ("rename", True),
        ("rename", False),
        ("rename", False),
    ]


async def test_what_cannot_be_meant_is_refused_and_changes_nothing(connection: Any) -> None:
    await two_phones(connection)
    anna = (await person(connection, MAIL)).id
    before = await people(connection)
    wrong = [
        (merge_people, MergePeople(person_id=anna, other_id=anna), 400),
        (merge_people, MergePeople(person_id=anna, other_id="nobody"), 404),
        (split_person, SplitPerson(person_id=anna, handles=[STRANGER]), 400),
        (split_person, SplitPerson(person_id=anna, handles=[MOBILE, WORK, MAIL]), 400),
        (rename_person, RenamePerson(person_id=anna, name="  "), 400),
        (rename_person, RenamePerson(person_id=anna, name="a\x1bb"), 400),
        (undo_change, UndoPersonChange(change_id="x"), 404),
        (undo_change, UndoPersonChange(change_id=anna), 404),
    ]
    for change, request, status in wrong:
        with pytest.raises(ProblemError) as raised:
            await change(connection, request)
        assert raised.value.problem.status == status
    assert await people(connection) == before


async def test_a_history_from_before_there_were_people_is_read_once(pool: Any) -> None:
    async with pool.acquire() as connection:
        await index_staged(
            connection,
            device="d",
            moment=1,
            kind="contact",
            artifacts=[artifact(1, "c", title="Anna", payload=Card([MOBILE]))],
        )
        await index_staged(
            connection,
            device="d",
            moment=1,
            artifacts=[artifact(1, "m", "hello", sender_handle=STRANGER)],
        )
    assert await read_everything(pool)
    assert not await read_everything(pool)
    async with pool.acquire() as connection:
        assert [one.name for one in await people(connection)] == ["Anna", STRANGER]


async def test_runs_of_two_devices_at_once_lose_nobody(pool: Any) -> None:
    async def run(device: str) -> None:
        async with pool.acquire() as connection:
            for n in range(8):
                handles = [f"+1555{device}{n:05}"]
                cards = [(f"{device} {n}", Card([*handles, MOBILE]))]
                await index_cards(connection, device, *cards, moment=n + 1)
                await index_messages(connection, device, *handles, moment=n + 1)

    await asyncio.gather(*(run(device) for device in ("1", "2", "3")))
    async with pool.acquire() as connection:
        assert not await connection.fetchval("select is_stale from people_state")
        listed = await people(connection)
        assert len([one for one in listed if MOBILE in one.handles]) == 1
        everyone = {handle for one in listed for handle in one.handles}
        # Also who wrote what was deleted since.
        assert everyone == {f"+1555{d}{n:05}" for d in "123" for n in range(8)} | {MOBILE}


async def test_who_is_nowhere_any_more_is_nobody(connection: Any) -> None:
    await two_phones(connection)
    async with connection.transaction():
        await connection.execute("delete from artifact where sender_handle = $1", STRANGER)
        await connection.execute("delete from thread where key = $1", STRANGER)
        await reread_seen(connection, "d1")
    await refresh_people(connection)
    assert STRANGER not in {one.name for one in await people(connection)}
    assert (
        await connection.fetchval("select count(*) from person_handle where handle = $1", STRANGER)
        == 0
    )


async def test_a_forged_card_has_no_more_handles_than_anybody(connection: Any) -> None:
    handles = [f"+1555{n:07}" for n in range(20_000)]
    links = [f"card {n}" for n in range(20_000)]
    await index_cards(
        connection,
        "d",
        ("Forged", Card(["x" * 5000, *handles], unified_with=links)),
        ("Anna", Card([MAIL])),
    )
    listed = {one.name: one.handle_count for one in await people(connection)}
    assert listed == {"Anna": 1, "Forged": 500}
    shown = await person(connection, handles[0])
    assert len(shown.handles) == 50
