"""Beginnings of words where the words of large tables are listed, and what becomes of the lists."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from staged import artifact, day, index_staged, load_staged

from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_shards import drop_empty, fetch_shards
from services.indexer.history.storage_timeline import Moment
from services.indexer.history.storage_words import (
    Expected,
    find_without_words,
    list_words,
    look_up_words,
)
from services.indexer.history.table_upkeep import TableUpkeep
from services.indexer.search.storage import search
from services.indexer.search.warming import warm_up
from shared.contracts.indexer import Search, SearchPage

_TEXTS = ("the river bends", "a riverbank in spring", "O'Brien drives", "back\\slash", "lemon")


async def _ask(connection: Any, q: str) -> SearchPage:
    body = await search(connection, Search(q=q), most_bytes=1 << 20, labels={})
    return msgspec.json.decode(body, type=SearchPage)


async def _list_all(connection: Any) -> None:
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)


@pytest.fixture
async def loaded(connection: Any, connect: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A phone in several tables, most of it found by index."""
    monkeypatch.setattr("services.indexer.search.windows.FIRST_ROWS", 5)
    monkeypatch.setattr("services.indexer.search.windows.READ_ROWS", 5)
    await load_staged(
        connection, connect, device="d", moment=1, shard_bytes=6_000,
        artifacts=[artifact(n, f"m{n}", _TEXTS[n % 5], occurred_at_us=n * 1_000_000)
                   for n in range(100)],
    )  # fmt: skip
    return connection


async def test_a_beginning_becomes_the_words_that_begin_so(loaded: Any) -> None:
    shards = await fetch_shards(loaded)
    assert len(shards) > 2
    assert (await look_up_words(loaded, "'riv':*", shards)).query == "'riv':*"
    await _list_all(loaded)
    # Once more does no harm.
    await list_words(loaded, shards[-1].number)
    shards = await fetch_shards(loaded)

    expanded = (await look_up_words(loaded, "'riv':* & !'lem':*", shards)).query
    assert expanded == "( 'river' | 'riverbank' ) & !( 'lemon' )"
    # What begins no word cannot be there, and need not be left out; quotes are those of Postgres.
    for nothing in ("'xyz':*", "'o''x':*", r"'x\\y':*"):
        assert (await look_up_words(loaded, nothing, shards)).query is None
        without = (await look_up_words(loaded, f"'riv':* & !{nothing}", shards)).query
        assert without == f"( 'river' | 'riverbank' ) & !( {nothing[:-2]} )"
    assert (await _ask(loaded, "riv")).total == 40
    assert (await _ask(loaded, "river bends")).total == 20
    assert (await _ask(loaded, "xyz")).total == 0


async def test_tables_without_a_word_are_not_looked_into(loaded: Any, connect: Any) -> None:
    await load_staged(
        loaded, connect, device="e", moment=1, kind="note", shard_bytes=1 << 20,
        artifacts=[artifact(n, f"n{n}", f"{'crayon ' * (n < 4)}river", occurred_at_us=n * 1_000_000)
                   for n in range(10)],
    )  # fmt: skip
    await _list_all(loaded)
    shards = await fetch_shards(loaded)
    (notes,) = (shard.number for shard in shards if shard.kind == "note")

    known = await look_up_words(loaded, "'crayon' & 'riv':*", shards)
    assert known.query == "'crayon' & ( 'river' | 'riverbank' )"
    # Of ten, four have the one and all have the other.
    assert known.expected == {notes: Expected(pytest.approx(4), pytest.approx(4))}
    everywhere = (await look_up_words(loaded, "'river'", shards)).expected
    assert everywhere is not None
    assert sum(one.hits for one in everywhere.values()) == pytest.approx(30)
    # They are everywhere, but never in one table; and of what must not be there nothing is told.
    assert (await look_up_words(loaded, "'crayon' & 'lemon'", shards)).query is None
    assert (await look_up_words(loaded, "'river' & !'lemon'", shards)).expected is None
    assert (await _ask(loaded, "crayon riv")).total == 4
    assert (await _ask(loaded, "crayon lemon")).total == 0
    assert (await _ask(loaded, "river -crayon")).total == 26


async def test_with_too_many_words_a_beginning_is_asked_for_as_it_is(
    loaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _list_all(loaded)
    shards = await fetch_shards(loaded)
    monkeypatch.setattr("services.indexer.history.storage_words.MOST_WORDS", 1)
    assert (await look_up_words(loaded, "'riv':*", shards)).query == "'riv':*"
    assert (await look_up_words(loaded, "'lem':*", shards)).query == "( 'lemon' )"
    assert (await _ask(loaded, "riv")).total == 40


async def test_words_that_came_later_are_found_by_their_beginning(loaded: Any) -> None:
    await _list_all(loaded)
    await index_staged(
        loaded, device="e", moment=1,
        artifacts=[artifact(n, f"later{n}", "a rivulet", occurred_at_us=n) for n in range(3)],
    )  # fmt: skip
    page = await _ask(loaded, "riv")
    assert page.total == 43
    assert [facet.count for facet in page.facets["device"]] == [40, 3]


async def test_words_are_forgotten_with_what_said_them_and_listed_anew(
    loaded: Any, connect: Any
) -> None:
    await _list_all(loaded)
    # Half of the messages are not in the next backup.
    await index_staged(
        loaded, device="d", moment=2,
        artifacts=[artifact(n, f"m{n}", _TEXTS[n % 5], occurred_at_us=n * 1_000_000)
                   for n in range(100) if n % 5 != 1],
    )  # fmt: skip
    async with loaded.transaction():
        await forget_moment(loaded, Moment(device="d", taken_at=day(1)))
    assert await loaded.fetchval("select count(*) from shard_word") == 0
    assert (await _ask(loaded, "riv")).total == 20

    await _list_all(loaded)
    words = {row["word"] for row in await loaded.fetch("select word from shard_word")}
    assert "river" in words
    assert "riverbank" not in words
    assert (await _ask(loaded, "riv")).total == 20

    async with loaded.transaction():
        await forget_moment(loaded, Moment(device="d", taken_at=day(2)))
    await _list_all(loaded)
    await drop_empty(loaded)
    assert await loaded.fetchval("select count(*) from shard_word") == 0
    assert await loaded.fetchval("select count(*) from artifact_shard") == 1


async def test_words_that_are_forgotten_during_a_search_are_not_missed(loaded: Any) -> None:
    await _list_all(loaded)
    known = await fetch_shards(loaded)
    await loaded.execute("update artifact_shard set has_words = false")
    await loaded.execute("delete from shard_word")
    assert (await look_up_words(loaded, "'riv':*", known)).query == "'riv':*"


async def test_whoever_searches_first_finds_statements_planned(loaded: Any) -> None:
    await _list_all(loaded)
    await warm_up(loaded, most_bytes=1 << 20, labels={})
    how_many = "select count(*) from pg_prepared_statements"
    await loaded.fetchval(how_many)
    planned = await loaded.fetchval(how_many)
    for question in ("lemon", "river bends", '"riverbank in"', "nothing"):
        await _ask(loaded, question)
    assert await loaded.fetchval(how_many) == planned


async def test_upkeep_lists_the_words_of_new_tables_and_builds_their_indexes(
    loaded: Any, pool: Any, connect: Any
) -> None:
    for _ in range(2):
        await TableUpkeep(pool=pool, connect=connect).look()
    assert await find_without_words(loaded) is None
    known = await fetch_shards(loaded)
    assert all(shard.has_dated and shard.has_paired for shard in known if shard.number)
    assert await loaded.fetchval("select count(*) from shard_word where word = 'river'") > 2
