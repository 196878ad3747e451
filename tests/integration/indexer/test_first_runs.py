"""First runs in large numbers: tables of their own, attached at once, and what lies in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from staged import artifact, day, index_staged, load_staged

from services.indexer.errors import WorkerError
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_shards import (
    DEVICE_LOCK,
    Pieces,
    ShardLoader,
    attach_shards,
    drop_abandoned,
    drop_empty,
    fetch_shards,
)
from services.indexer.history.storage_substrings import (
    build_substring_index,
    find_without_substring,
)
from services.indexer.history.storage_timeline import Moment
from services.indexer.history.table_upkeep import drop_all_abandoned
from services.indexer.search.storage import search
from services.indexer.staging import StagedArtifact, StagedThread, Threads, encode_row
from shared.contracts.indexer import Search, SearchPage

FAMILY = StagedThread(
    key="t1", title="Family", is_group=True, participants=["+4915112345678"], services=[],
    raw_keys=[],
)  # fmt: skip


def messages(count: int) -> list[StagedArtifact]:
    return [
        artifact(
            n,
            f"m{n:05}",
            f"number {n} {'needle' if n % 3 == 0 else 'straw'}" + (" ancient" if n < 40 else ""),
            thread_key=f"t{n % 4}" if n % 10 else None,
        )
        for n in range(count)
    ]


TABLES = """
select key, digest, occurred_at, sort_at, text, folded, added_at, removed_at, search::text,
    (select t.key from thread t where t.id = a.thread_id)
from artifact a where device = $1 order by id;
select key, title, folded, is_group, participants, artifact_count, removed_count, first_at, last_at,
    last_text, sort_at
from thread where device = $1 order by key;
select t.key, n.position, n.sort_at from thread_anchor n join thread t on t.id = n.thread_id
where t.device = $1 order by 1, 2;
select kind, artifact_count, removed_count from kind_total where device = $1;
select kind, taken_at, added, removed from kind_index where device = $1 order by 1, 2
"""


async def tables(connection: Any, device: str) -> list[list[tuple[Any, ...]]]:
    """What readers see of a device, without the numbers of rows."""
    return [
        [tuple(row) for row in await connection.fetch(statement, device)]
        for statement in TABLES.split(";")
    ]


async def test_a_loaded_first_run_leaves_what_a_merged_one_leaves(
    connection: Any, connect: Any
) -> None:
    content = [*messages(600), artifact(600, "m00007", "the same key again")]
    merged = await index_staged(
        connection, device="merged", moment=1, artifacts=content, threads=[FAMILY]
    )
    loaded = await load_staged(
        connection, connect, device="loaded", moment=1, artifacts=content, threads=[FAMILY],
        shard_bytes=20_000,
    )  # fmt: skip
    assert loaded == merged
    assert (loaded.kept, loaded.skipped) == (600, 1)
    assert await tables(connection, "loaded") == await tables(connection, "merged")
    assert len(await fetch_shards(connection, device="loaded")) > 4

    changed = content[5:-1]
    changed[100] = artifact(105, "m00105", "another wording", thread_key="t1")
    reports = [
        await index_staged(connection, device=device, moment=2, artifacts=changed, threads=[FAMILY])
        for device in ("merged", "loaded")
    ]
    assert reports[0] == reports[1]
    assert (reports[0].added, reports[0].removed) == (1, 6)
    assert await tables(connection, "loaded") == await tables(connection, "merged")


async def test_a_first_run_that_breaks_off_leaves_nothing(connection: Any, connect: Any) -> None:
    named = Threads(device="d", kind="message")

    async def breaking() -> AsyncIterator[bytes]:
        for one in messages(40):
            yield encode_row(one, named)
        raise WorkerError("broken")

    loader = ShardLoader(
        connect, at=Moment(device="d", taken_at=day(1)), kind="message", shard_bytes=2000
    )
    with pytest.raises(WorkerError):
        await loader.load(Pieces(breaking()))
    assert await connection.fetchval("select count(*) from artifact") == 0
    assert await drop_abandoned(connection, "other") == 0
    assert await drop_abandoned(connection, "d") > 0
    left = "select count(*) from pg_class where relname ~ '^artifact_[1-9][0-9]*$'"
    # One whose commit was on its way when the loader hung up may come a moment later.
    async with asyncio.timeout(60):
        while await connection.fetchval(left):
            await drop_abandoned(connection, "d")
    report = await load_staged(connection, connect, device="d", moment=1, artifacts=messages(40))
    assert report.added == 40


async def test_what_a_cancelled_run_left_goes_unless_the_device_is_being_read(
    pool: Any, connect: Any
) -> None:
    at = Moment(device="d", taken_at=day(1))
    await ShardLoader(connect, at=at, kind="message").load(Pieces(rows("d", 10)))
    left = "select count(*) from artifact_shard where state = 'loading'"
    async with pool.acquire() as busy:
        assert await busy.fetchval(DEVICE_LOCK, "indexer:d")
        await drop_all_abandoned(pool)
        assert await pool.fetchval(left) == 1
    await drop_all_abandoned(pool)
    assert await pool.fetchval(left) == 0


async def test_rows_that_cannot_be_stored_are_an_error_of_the_data(
    connection: Any, connect: Any
) -> None:
    async def nonsense() -> AsyncIterator[bytes]:
        yield b"\0\1nonsense"

    loader = ShardLoader(connect, at=Moment(device="d", taken_at=day(1)), kind="message")
    with pytest.raises(asyncpg.DataError):
        await loader.load(Pieces(nonsense()))
    await drop_abandoned(connection, "d")


async def test_nobody_waits_while_tables_are_attached(pool: Any, connect: Any) -> None:
    async with pool.acquire() as writer, pool.acquire() as reader:
        await index_staged(writer, device="a", moment=1, artifacts=messages(20))
        numbers = await ShardLoader(
            connect, at=Moment(device="b", taken_at=day(1)), kind="message", shard_bytes=2000
        ).load(Pieces(rows("b", 30)))
        async with writer.transaction():
            await attach_shards(writer, numbers)
            # Not committed yet: readers read, writers of other devices write.
            async with asyncio.timeout(5):
                assert await reader.fetchval("select count(*) from artifact") == 20
                await index_staged(reader, device="c", moment=1, artifacts=messages(3))
        assert await reader.fetchval("select count(*) from artifact") == 53


async def rows(device: str, count: int) -> AsyncIterator[bytes]:
    named = Threads(device=device, kind="message")
    for one in messages(count):
        yield encode_row(one, named)


async def ask(connection: Any, q: str, **fields: Any) -> SearchPage:
    body = await search(connection, Search(q=q, **fields), most_bytes=1 << 20, labels={})
    return msgspec.json.decode(body, type=SearchPage)


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
@pytest.mark.parametrize("question", ["needle", "number", "ancient"])
async def test_searches_find_everything_in_every_table_in_order(
    connection: Any, connect: Any, sort: str, question: str
) -> None:
    """Rare and frequent words, those of which all are old, and devices that overlap in time."""
    content = messages(1500)
    await load_staged(
        connection, connect, device="a", moment=1, artifacts=content, shard_bytes=50_000
    )
    await load_staged(
        connection, connect, device="b", moment=1, artifacts=content[300:900], shard_bytes=30_000
    )
    await index_staged(connection, device="a", moment=2, artifacts=content[:-1])
    wanted = [
        (device, one.key)
        for device, part in (("a", content[:-1]), ("b", content[300:900]))
        for one in part
        if question in (one.text or "")
    ]
    seen: list[tuple[str, str]] = []
    times: list[Any] = []
    cursor = None
    for _ in range(60):
        page = await ask(connection, question, sort=sort, limit=100, cursor=cursor)
        seen += [(hit.artifact.device, hit.artifact.key) for hit in page.items]
        times += [hit.artifact.occurred_at for hit in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert page.total == min(len(wanted), 1001)
    assert sorted(seen) == sorted(wanted)
    if sort != "relevance":
        assert times == sorted(times, reverse=sort == "newest")


async def test_parts_of_words_are_found_by_index_once_it_is_built(
    connection: Any, connect: Any
) -> None:
    await load_staged(
        connection, connect, device="a", moment=1, artifacts=messages(60), shard_bytes=6000
    )
    builder = await connect()
    try:
        first = await find_without_substring(connection)
        if not any(shard.has_substring for shard in await fetch_shards(connection)):
            pytest.skip("this Postgres has no trigram extension")
        assert first is not None
        assert (await ask(connection, "*ncien*")).total == 40
        # A builder that ends half-way leaves an index that is not valid.
        await builder.execute("set statement_timeout = 300")
        async with connection.transaction():
            await connection.execute("update artifact set is_me = is_me")
            with pytest.raises(asyncpg.QueryCanceledError):
                await build_substring_index(builder, first)
        await builder.execute("reset statement_timeout")
        while (number := await find_without_substring(connection)) is not None:
            assert await build_substring_index(builder, number)
            assert await build_substring_index(builder, number)
    finally:
        await builder.close()
    assert all(shard.has_substring for shard in await fetch_shards(connection))
    page = await ask(connection, "*ncien*")
    assert (page.total, page.total_is_exact) == (40, True)


async def test_tables_go_when_all_their_rows_are_forgotten(connection: Any, connect: Any) -> None:
    await load_staged(connection, connect, device="a", moment=1, artifacts=messages(20))
    await load_staged(connection, connect, device="b", moment=1, artifacts=messages(20))
    async with connection.transaction():
        await forget_moment(connection, Moment(device="a", taken_at=day(1)))
    await drop_empty(connection)
    assert {shard.device for shard in await fetch_shards(connection)} == {None, "b"}
    assert await connection.fetchval("select count(*) from artifact") == 20
