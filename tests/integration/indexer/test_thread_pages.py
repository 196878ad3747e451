"""Pages of one long thread, from any moment both ways: nothing twice, nothing left out."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import msgspec
import pytest
from staged import artifact, day, index_staged, load_staged

from services.indexer.browsing.storage_threads import list_thread_artifacts
from services.indexer.staging import StagedArtifact, thread_number
from shared.contracts.indexer import ArtifactPage, ListThreadArtifacts

_COUNT = 400
_THREAD = str(thread_number("long", device="d", kind="message"))


def _artifacts() -> list[StagedArtifact]:
    start = int(day(0).timestamp())
    return [
        artifact(
            number,
            f"m{number}",
            f"text {number}",
            # Several at one moment, and a few of no known time, which come first.
            occurred_at_us=None if number < 3 else (start + number // 4 * 900) * 1_000_000,
            thread_key="long" if number % 7 else "other",
        )
        for number in range(_COUNT)
    ]


@pytest.fixture
async def keys(connection: Any, connect: Any) -> list[str]:
    """The thread in its order, in several tables beside another phone's one long thread."""
    await load_staged(
        connection, connect, device="d", moment=1, artifacts=_artifacts(), shard_bytes=20_000
    )
    other = [artifact(n, f"e{n}", "text", thread_key="long") for n in range(300)]
    await load_staged(
        connection, connect, device="e", moment=1, artifacts=other, shard_bytes=20_000
    )
    await connection.execute("analyze artifact")
    rows = await connection.fetch(
        "select key from artifact where thread_id = $1 order by sort_at, id", int(_THREAD)
    )
    assert len(rows) > 300
    return [row["key"] for row in rows]


async def _page(connection: Any, **fields: Any) -> ArtifactPage:
    body = await list_thread_artifacts(
        connection, ListThreadArtifacts(thread_id=_THREAD, **fields), most_bytes=1 << 20
    )
    return msgspec.json.decode(body, type=ArtifactPage)


def _keys(page: ArtifactPage) -> list[str]:
    return [one.key for one in page.items]


async def test_every_page_says_where_in_the_thread_it_is(connection: Any, keys: list[str]) -> None:
    dice = random.Random(3)
    for _ in range(30):
        direction = dice.choice(["forward", "backward", "around"])
        hours = dice.randint(-2, 30)
        at = (day(0).timestamp() + hours * 3600) * 1.0
        page = await _page(
            connection,
            at=_rfc(at),
            direction=direction,
            limit=dice.randint(1, 60),
        )
        shown = _keys(page)
        if not shown:
            assert (direction, hours < 0) in {("backward", True), ("forward", False)}
            continue
        assert page.position == keys.index(shown[0])
        assert shown == keys[page.position : page.position + len(shown)]
        assert (page.next_cursor is None) == (shown[-1] == keys[-1])
        assert (page.previous_cursor is None) == (shown[0] == keys[0])


@pytest.mark.parametrize("adds", [False, True])
async def test_pages_go_on_both_ways_while_the_thread_grows(
    connection: Any, keys: list[str], *, adds: bool
) -> None:
    dice = random.Random(4)
    grown = _artifacts()

    async def grow() -> None:
        if adds:
            number = len(grown)
            grown.append(
                artifact(
                    number, f"new{number}", "new", thread_key="long",
                    occurred_at_us=int(day(0).timestamp() + dice.randint(0, 80_000)) * 1_000_000,
                )
            )  # fmt: skip
            await index_staged(connection, device="d", moment=number, artifacts=grown)

    middle = await _page(connection, at=_rfc(day(0).timestamp() + 40_000), limit=20)
    known = _keys(middle)
    seen = list(known)
    cursor = middle.next_cursor
    while cursor is not None:
        await grow()
        page = await _page(connection, cursor=cursor, limit=dice.randint(5, 40))
        seen += _keys(page)
        cursor = page.next_cursor
    cursor = middle.previous_cursor
    while cursor is not None:
        await grow()
        page = await _page(connection, cursor=cursor, limit=dice.randint(5, 40))
        seen = [*_keys(page), *seen]
        cursor = page.previous_cursor
    assert len(seen) == len(set(seen))
    assert [key for key in seen if not key.startswith("new")] == keys
    assert adds == any(key.startswith("new") for key in seen)


async def test_a_jump_to_an_artifact_shows_it_with_what_is_around(
    connection: Any, keys: list[str]
) -> None:
    rows = await connection.fetch("select id, key from artifact where thread_id = $1", int(_THREAD))
    for row in random.Random(5).sample(rows, 12):
        page = await _page(connection, at=str(row["id"]), direction="around", limit=21)
        shown = _keys(page)
        place = keys.index(row["key"])
        assert shown == keys[max(0, place - 10) : max(0, place - 10) + len(shown)]
        assert row["key"] in shown


def _rfc(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
