"""One person over devices: put together after runs, and found by every handle."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from people import (
    LABELS,
    MAIL,
    MOBILE,
    ROOM,
    STRANGER,
    WORK,
    Card,
    Chat,
    ChatBody,
    Member,
    found,
    index_cards,
    index_messages,
    people,
    person,
    two_phones,
)
from staged import Body, artifact, index_staged

from services.indexer.browsing.storage_artifacts import list_artifacts
from services.indexer.browsing.storage_threads import list_threads
from services.indexer.people.storage import refresh_people
from services.indexer.people.storage_pages import list_people
from services.indexer.people.storage_seen import note_seen, read_everything, reread_seen
from services.indexer.search.storage import search
from shared.contracts.indexer import (
    ArtifactPage,
    ListArtifacts,
    ListThreads,
    Search,
    SearchPage,
    Thread,
)
from shared.contracts.people import (
    ListPeople,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page


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


async def test_what_somebody_wrote_on_his_own_phone_is_found_by_him_and_nobody_else(
    connection: Any,
) -> None:
    await two_phones(connection)
    for device, thread in (("d1", MOBILE), ("d2", WORK)):
        await index_staged(
            connection,
            device=device,
            moment=2,
            artifacts=[
                artifact(0, f"m {thread}", "hello 0", thread_key=thread, sender_handle=thread),
                artifact(1, f"own {device}", "hello me", thread_key=thread, is_me=True),
            ],
        )
    mira = next(one.id for one in await people(connection) if one.is_me)
    for whom in (mira, "+491"):
        # The other phone says nothing of whose it is.
        assert await found(connection, person=whom) == {"own d1"}
        assert await found(connection, "hello", person=whom) == {"own d1"}
        assert await found(connection, "goodbye", person=whom) == set()
    assert await found(connection, "hello", person=STRANGER) == set()
