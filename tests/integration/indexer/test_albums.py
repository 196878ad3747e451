"""A photo is in every album that holds it: pages, counts and positions of each."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from random_histories import index_all, random_contents
from staged import artifact, day, index_staged, load_staged

from services.indexer.browsing.storage_threads import list_thread_artifacts, list_threads
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_timeline import Moment
from services.indexer.kinds.photo.payload import Album, PhotoPayload
from services.indexer.search.storage import search
from services.indexer.staging import StagedArtifact, StagedThread, thread_number
from shared.contracts.indexer import (
    ArtifactPage,
    ListThreadArtifacts,
    ListThreads,
    Search,
    SearchPage,
    Thread,
)
from shared.contracts.requests import Page

ROOM = 1 << 20


def photo(n: int, *albums: str, at: int | None = None) -> StagedArtifact:
    return artifact(
        n,
        f"p{n:03}",
        f"photo {n}",
        payload=PhotoPayload(media="photo", albums=tuple(Album(key=key) for key in albums)),
        thread_key=albums[0] if albums else None,
        occurred_at_us=int(day(n if at is None else at).timestamp()) * 1_000_000,
    )


def album(key: str, title: str) -> StagedThread:
    return StagedThread(
        key=key, title=title, is_group=False, participants=[], services=["album"], raw_keys=[key]
    )


async def page(connection: Any, key: str, **asked: Any) -> ArtifactPage:
    body = await list_thread_artifacts(
        connection,
        ListThreadArtifacts(thread_id=str(thread_number(key, device="d", kind="photo")), **asked),
        most_bytes=ROOM,
    )
    return msgspec.json.decode(body, type=ArtifactPage)


async def keys(connection: Any, key: str, **asked: Any) -> list[str]:
    """Read an album from its beginning by pages of three."""
    found: list[str] = []
    cursor = None
    while True:
        items = await page(connection, key, limit=3, cursor=cursor, **asked)
        assert items.position == len(found) or not items.items
        found += [one.key for one in items.items]
        cursor = items.next_cursor
        if cursor is None:
            return found


async def counts(connection: Any) -> dict[str, int]:
    body = await list_threads(connection, ListThreads(device="d", kind="photo"), most_bytes=ROOM)
    return {
        one.title: one.artifact_count for one in msgspec.json.decode(body, type=Page[Thread]).items
    }


@pytest.mark.parametrize("first", ["merged", "loaded"])
async def test_an_album_lists_every_photo_that_is_in_it(
    connection: Any, connect: Any, first: str
) -> None:
    photos = [photo(0, "A"), photo(1, "A", "B"), photo(2, "B", "A"), photo(3), photo(4, "B")]
    photos += [photo(n, "A", "B") for n in range(5, 200)]
    threads = [album("A", "Lake"), album("B", "Boats"), album("C", "Nothing yet")]
    if first == "loaded":
        await load_staged(
            connection, connect, device="d", moment=1, artifacts=photos, threads=threads,
            kind="photo", shard_bytes=20_000,
        )  # fmt: skip
    else:
        await index_staged(
            connection, device="d", moment=1, artifacts=photos, threads=threads, kind="photo"
        )
    rest = [f"p{n:03}" for n in range(5, 200)]
    assert await keys(connection, "A") == ["p000", "p001", "p002", *rest]
    assert await keys(connection, "B") == ["p001", "p002", "p004", *rest]
    assert await counts(connection) == {"Lake": 198, "Boats": 198}
    # From a photo of the other album's row on, and from the end back.
    there = (await page(connection, "A", limit=3)).items[2]
    around = await page(connection, "A", at=there.id, limit=2)
    assert [one.key for one in around.items] == ["p002", "p005"]
    back = await page(connection, "B", direction="backward", limit=2)
    assert [one.key for one in back.items] == ["p198", "p199"]
    assert back.position == 196
    before = await page(connection, "B", cursor=back.previous_cursor, limit=2)
    assert [one.key for one in before.items] == ["p196", "p197"]


async def test_a_photo_that_leaves_an_album_or_the_phone_is_listed_as_of_then(
    connection: Any,
) -> None:
    threads = [album("A", "Lake"), album("B", "Boats")]
    states = [
        [photo(0, "A", "B"), photo(1, "A"), photo(2, "B", "A")],
        [photo(0, "A"), photo(1, "A", "B")],
        [photo(0, "A"), photo(1, "B")],
    ]
    for moment, photos in enumerate(states):
        await index_staged(
            connection, device="d", moment=moment, artifacts=photos, threads=threads, kind="photo"
        )
    assert await counts(connection) == {"Lake": 1, "Boats": 1}
    assert await keys(connection, "A") == ["p000"]
    assert await keys(connection, "B") == ["p001"]
    assert await keys(connection, "A", as_of=day(0)) == ["p000", "p001", "p002"]
    assert await keys(connection, "B", as_of=day(1)) == ["p001"]
    assert "p002" in await keys(connection, "B", include_removed=True)
    async with connection.transaction():
        for moment in (2, 1):
            await forget_moment(connection, Moment(device="d", taken_at=day(moment)))
    assert await counts(connection) == {"Lake": 3, "Boats": 2}
    assert await keys(connection, "B") == ["p000", "p002"]


async def test_photos_of_vaults_from_before_are_put_into_their_albums_by_the_next_run(
    connection: Any,
) -> None:
    photos = [photo(0, "A", "B"), photo(1, "B")]
    await index_staged(connection, device="d", moment=1, artifacts=photos, kind="photo")
    await connection.execute("delete from thread_member")
    await index_staged(
        connection, device="d", moment=2, artifacts=[*photos, photo(2, "A")], kind="photo"
    )
    assert await keys(connection, "A") == ["p000", "p002"]
    assert await keys(connection, "B") == ["p000", "p001"]


@pytest.mark.parametrize("seed", range(3))
async def test_albums_hold_what_the_newest_revision_says(connection: Any, seed: int) -> None:
    chance = random.Random(seed)
    contents = {
        place: photos
        for place, photos in random_contents(chance, moments=5).items()
        if place[1] == "photo"
    }
    order = sorted(contents)
    newest = order[-1]
    chance.shuffle(order)
    await index_all(connection, "d", contents, order)
    for (moment, kind), photos in contents.items():
        for key in "ABCD":
            expected = [
                one.key
                for one in sorted(photos, key=lambda one: one.occurred_at_us or 0)
                if isinstance(one.payload, PhotoPayload)
                and any(held.key == key for held in one.payload.albums)
            ]
            thread = thread_number(key, device="d", kind="photo")
            if not await connection.fetchval("select true from thread where id = $1", thread):
                assert not expected
                continue
            assert await keys(connection, key, as_of=day(moment)) == expected
            if (moment, kind) == newest:
                assert await keys(connection, key) == expected
                assert await connection.fetchval(
                    "select artifact_count from thread where id = $1", thread
                ) == len(expected)


@pytest.mark.parametrize("rows", [None, 1_000_000], ids=["few", "as if many"])
async def test_a_search_within_an_album_finds_every_photo_that_is_in_it(
    connection: Any, rows: int | None
) -> None:
    photos = [photo(0, "A"), photo(1, "A", "B"), photo(2, "B", "A"), photo(3), photo(4, "B")]
    await index_staged(
        connection,
        device="d",
        moment=1,
        artifacts=photos,
        threads=[album("A", "Lake"), album("B", "Boats")],
        kind="photo",
    )
    if rows is not None:  # what is said to be large is looked for in another way
        await connection.execute("update thread set artifact_count = $1", rows)
    number = str(thread_number("B", device="d", kind="photo"))
    for question, found in (
        (Search(q="photo", thread=number), {"p001", "p002", "p004"}),
        (Search(q="", thread=number), {"p001", "p002", "p004"}),
        (Search(q="photo in:boats"), {"p001", "p002", "p004"}),
        (Search(q="in:boats in:lake"), {"p000", "p001", "p002", "p004"}),
        (Search(q="photo -1 in:boats"), {"p002", "p004"}),
        (Search(q="xylophone", thread=number), set()),
    ):
        body = await search(connection, question, most_bytes=ROOM, labels={"photo": "Photos"})
        hits = msgspec.json.decode(body, type=SearchPage)
        assert {hit.artifact.key for hit in hits.items} == found, question
