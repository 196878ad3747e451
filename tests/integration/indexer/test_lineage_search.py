"""Searching a lineage as one: every hit once, with its place in the stitched conversation."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lineages import (
    ANNA,
    BEN,
    NEW,
    OLD,
    confirm,
    direct,
    found,
    index,
    message,
    no_types,
    thread_page,
)
from people import Card, index_cards
from staged import artifact, index_staged, load_staged

from services.indexer.history.storage_dated import build_dated_index, find_without_dated
from services.indexer.history.storage_words import find_without_words, list_words
from services.indexer.lineage.storage_offers import look_for_lineages
from services.indexer.people.storage import refresh_people
from services.indexer.people.storage_pages import get_person
from services.indexer.people.storage_seen import note_seen
from services.indexer.staging import thread_number
from shared.contracts.indexer import SearchPage
from shared.contracts.people import GetPerson

WORDS = ("lighthouse", "garden", "bicycle", "lemon")


def talk(device: str, numbers: range, chance: random.Random) -> list[Any]:
    """Messages with Anna and Ben, some of which say something else on this device."""
    return [
        message(
            n,
            f"{WORDS[n % 4]} {device if chance.random() < 0.1 else ''} number {n}",
            thread_key=f"direct:{BEN if n % 3 == 0 else ANNA}",
            sender_handle=None if n % 2 == 0 else BEN if n % 3 == 0 else ANNA,
        )
        for n in numbers
        if chance.random() < 0.95
    ]


async def two_phones(connection: Any, connect: Any, way: str) -> None:
    chance = random.Random(5)
    threads = [direct(ANNA), direct(BEN)]
    old = talk(OLD, range(200), chance)
    if way == "loaded":
        await load_staged(
            connection, connect, device=OLD, moment=1, artifacts=old, threads=threads,
            shard_bytes=8_000,
        )  # fmt: skip
        new = talk(NEW, range(300), chance)
        await load_staged(
            connection, connect, device=NEW, moment=5, artifacts=new, threads=threads,
            shard_bytes=8_000,
        )  # fmt: skip
        await look_for_lineages(connection, NEW, no_types)
    else:
        await index(connection, OLD, 1, old)
        await index(connection, NEW, 5, talk(NEW, range(300), chance))
    await index_staged(
        connection, device="OTHER", moment=5, artifacts=[artifact(1, "x", "lighthouse elsewhere")]
    )


async def everything(connection: Any, q: str, **fields: Any) -> list[str]:
    """Ids of all hits, by small pages."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await found(connection, q, limit=17, cursor=cursor, **fields)
        ids += [one.artifact.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


async def expected(connection: Any, word: str, *, thread: str | None = None) -> set[str]:
    """What holds the word, of the newest device of each thing."""
    rows = await connection.fetch(
        "select a.id::text, a.text from (select distinct on (a.key) a.* from artifact a"
        " join lineage_device m on m.device = a.device order by a.key, m.place desc) a"
        " join thread t on t.id = a.thread_id"
        " where a.removed_at is null and ($1::text is null or t.key = $1)",
        thread,
    )
    return {row["id"] for row in rows if word in row["text"].split()}


@pytest.mark.parametrize("way", ["merged", "loaded"])
async def test_every_hit_comes_once_whatever_it_is_asked_with(
    connection: Any, connect: Any, way: str
) -> None:
    await two_phones(connection, connect, way)
    apart = await found(connection, "lighthouse", device=NEW)
    await confirm(connection)
    for word in WORDS:
        wanted = await expected(connection, word)
        assert wanted
        for sort in ("relevance", "newest", "oldest"):
            ids = await everything(connection, word, device=OLD, sort=sort)
            assert len(ids) == len(set(ids))
            assert set(ids) == wanted
        page = await found(connection, word, device=NEW)
        assert page.total == len(wanted)
        assert sum(one.count for one in page.facets["device"]) == len(wanted)
        # By a part of a word, and by filters alone.
        assert set(await everything(connection, f"*{word[1:5]}", device=NEW)) == wanted
        assert set(await everything(connection, f"{word} with:{ANNA}", device=NEW)) == (
            await expected(connection, word, thread=f"direct:{ANNA}")
        )
        for device in (OLD, NEW):
            thread = str(thread_number(f"direct:{BEN}", device=device, kind="message"))
            ids = await everything(connection, word, thread=thread)
            assert set(ids) == await expected(connection, word, thread=f"direct:{BEN}")
    # Over everything there is, with what is no part of the lineage.
    assert len(await everything(connection, "lighthouse")) == 1 + len(
        await expected(connection, "lighthouse")
    )
    assert await found(connection, "lighthouse", device=NEW, lineage=False) == apart
    assert len(await everything(connection, f"device:{OLD} lighthouse")) == len(
        await expected(connection, "lighthouse")
    )


async def test_hits_come_once_and_in_order_where_a_history_is_looked_at_in_pieces(
    connection: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than a page has.
    monkeypatch.setattr("services.indexer.search.storage.COUNT_LIMIT", 19)
    monkeypatch.setattr("services.indexer.search.windows.READ_ROWS", 20)
    monkeypatch.setattr("services.indexer.search.windows._DATED_COST", 0)
    await two_phones(connection, connect, "loaded")
    await confirm(connection)
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)
    while (number := await find_without_dated(connection)) is not None:
        await build_dated_index(connection, number)
    asked_for: list[str] = []
    connection.add_query_logger(lambda query: asked_for.append(query.query))
    for word in ("lemon", "bicycle lemon", "number lemon"):
        wanted = await expected(connection, word.split()[-1])
        wanted = set() if word.startswith("bicycle") else wanted
        for sort in ("newest", "oldest"):
            ids = await everything(connection, word, device=OLD, sort=sort)
            assert set(ids) == wanted
            rows = await connection.fetch(
                "select id::text from artifact where id = any($1::bigint[])"
                f" order by sort_at {'desc' if sort == 'newest' else 'asc'},"
                f" id {'desc' if sort == 'newest' else 'asc'}",
                [int(one) for one in ids],
            )
            assert ids == [row["id"] for row in rows]
    assert any("dated_words" in text for text in asked_for)


@pytest.mark.parametrize("way", ["merged", "loaded"])
async def test_hits_say_where_they_stand_in_the_stitched_conversation(
    connection: Any, connect: Any, way: str
) -> None:
    await two_phones(connection, connect, way)
    await confirm(connection)
    page: SearchPage = await found(connection, "lemon", limit=100)
    assert {one.artifact.device for one in page.items} >= {OLD, NEW}
    for hit in page.items[::7]:
        assert hit.artifact.thread_id is not None
        around = await thread_page(
            connection, thread_id=hit.artifact.thread_id, at=hit.artifact.id, limit=1
        )
        assert [one.id for one in around.items] == [hit.artifact.id]
        assert around.position == hit.thread_position


async def test_everything_of_one_person_over_the_lineage(connection: Any, connect: Any) -> None:
    await two_phones(connection, connect, "merged")
    await index_cards(connection, OLD, ("Anna", Card([ANNA])))
    await index_cards(connection, NEW, ("Anna", Card([ANNA, BEN])), moment=5)
    async with connection.transaction():
        for device in (OLD, NEW):
            await note_seen(connection, device, "message", None)
    await refresh_people(connection)
    await confirm(connection)
    ids = await everything(connection, "lemon", person=ANNA)
    assert set(ids) == await expected(connection, "lemon")
    request = GetPerson(person_id=ANNA)
    apart = await get_person(connection, request, most_bytes=1 << 20)
    assert apart.thread_count == len(apart.threads) == 4
    whole = await get_person(
        connection, GetPerson(person_id=ANNA, lineage=True), most_bytes=1 << 20
    )
    assert whole.thread_count == len(whole.threads) == 2
    assert [one.devices for one in whole.threads] == [[OLD, NEW]] * 2
