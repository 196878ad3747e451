"""What an export takes of phones that follow each other: one history, nothing twice, all of it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from lineages import (
    ANNA,
    BEN,
    NEW,
    OLD,
    THIRD,
    artifacts,
    confirm,
    confirm_link,
    direct,
    index,
    links,
    message,
    undo_link,
)
from staged import artifact

from services.indexer.exports.groups import Part
from services.indexer.exports.selection import PIECE_ROWS, Selection
from services.indexer.kinds.photo.payload import Album, PhotoPayload
from services.indexer.staging import StagedThread, thread_number
from shared.contracts.exports import ExportQuery
from shared.contracts.identifiers import ArtifactId, ThreadId, Udid


async def taken(connection: Any, **query: Any) -> list[tuple[Part, list[Any]]]:
    """The groups of an export with their rows."""
    selection = Selection(connection, ExportQuery(**query))
    found = []
    for part in await selection.plan():
        rows = [row async for piece in selection.pieces(part) for row in piece]
        found.append((part, rows))
    return found


async def rows_of(connection: Any, **query: Any) -> list[Any]:
    return [row for _, rows in await taken(connection, **query) for row in rows]


async def confirm_all(connection: Any) -> None:
    while offers := await links(connection, state="offered"):
        await confirm_link(connection, offers[0].id)


async def three_phones(connection: Any, chance: random.Random, messages: int) -> None:
    """Each phone without some of what the one before had; the last one's beginning has expired."""
    for n, (device, end) in enumerate(
        ((OLD, messages // 2), (NEW, messages * 3 // 4), (THIRD, messages))
    ):
        begin = messages // 5 if device == THIRD else 0
        kept = [one for one in range(begin, end) if chance.random() < 0.9]
        await index(
            connection,
            device,
            10 * (n + 1),
            # Two of a second each, so that ids have to decide; some with Ben.
            [
                message(
                    one,
                    f"{device} {one}" if chance.random() < 0.2 else None,
                    occurred_at_us=one // 2 * 1_000_000,
                    thread_key=f"direct:{BEN if one % 7 == 0 else ANNA}",
                )
                for one in kept
            ],
            # Each phone calls its conversations something else.
            threads=[direct(ANNA, f"direct:{ANNA}"), direct(BEN, f"direct:{BEN}")],
        )
    await confirm_all(connection)


@pytest.mark.parametrize("seed", range(3))
async def test_a_conversation_over_three_phones_is_exported_as_one_in_order(
    connection: Any, seed: int
) -> None:
    chance = random.Random(seed)
    # More than a piece of each.
    await three_phones(connection, chance, PIECE_ROWS * 3)
    shown = await artifacts(connection, device=NEW, kind="message")
    assert len({device for device, _ in shown}) == 3

    groups = await taken(connection, lineage=True, device=Udid(OLD), kinds=["message"])
    assert len(groups) == 2
    rows = [row for _, rows in groups for row in rows]
    assert sorted((row["device"], row["text"]) for row in rows) == sorted(shown)
    assert len({row["key"] for row in rows}) == len(rows)
    for part, own in groups:
        places = [(row["sort_at"], row["id"]) for row in own]
        assert places == sorted(places)
        assert part.total == len(own)
        assert part.device == THIRD
        assert [source.device for source in part.sources] == [OLD, NEW, THIRD]

    # Whichever of its threads is named; and of those, each phone's own without lineage.
    anna = [thread_number(f"direct:{ANNA}", device=one, kind="message") for one in (OLD, THIRD)]
    whole = next(own for part, own in groups if part.thread_id == anna[1])
    for thread in anna:
        (one,) = await taken(connection, lineage=True, thread=ThreadId(str(thread)))
        assert [row["id"] for row in one[1]] == [row["id"] for row in whole]
    alone = await rows_of(connection, thread=ThreadId(str(anna[0])))
    assert {row["device"] for row in alone} == {OLD}
    # The title of what is stitched, and its phones.
    selection = Selection(connection, ExportQuery(lineage=True, thread=ThreadId(str(anna[0]))))
    (thread_of,) = (await selection.threads(await selection.plan())).values()
    assert thread_of.devices == [OLD, NEW, THIRD]

    everything = await rows_of(connection, kinds=["message"])
    assert len(everything) > len(rows)
    # Undone, they are three histories again.
    for link in await links(connection, state="confirmed"):
        await undo_link(connection, link.id)
    again = await rows_of(connection, kinds=["message"], lineage=True)
    assert sorted(row["id"] for row in again) == sorted(row["id"] for row in everything)


async def test_an_export_waits_until_what_was_decided_is_carried_out(
    connection: Any, pool: Any
) -> None:
    await index(connection, OLD, 1, [message(n) for n in range(5)])
    await index(connection, NEW, 2, [message(n) for n in range(5)])
    await confirm(connection)
    await connection.execute("insert into lineage_left (lineage, kind) values ($1, 'message')", OLD)
    async with pool.acquire() as another:
        taking = asyncio.create_task(rows_of(another, lineage=True))
        # It may have come anywhere by then, but not past what is left.
        await asyncio.wait({taking}, timeout=1.0)
        assert not taking.done()
        await connection.execute("delete from lineage_left")
        assert len(await taking) == 5


async def test_what_is_searched_or_named_is_taken_once_and_as_of_a_moment(connection: Any) -> None:
    await index(connection, OLD, 1, [message(n, f"lake {n}") for n in range(30)])
    await index(connection, NEW, 2, [message(n, f"lake {n}") for n in range(10, 60)])
    await confirm(connection)
    found = await rows_of(connection, q="lake", lineage=True)
    assert sorted(row["text"] for row in found) == sorted(f"lake {n}" for n in range(60))
    # Before the new phone had its first backup there was the old one alone.
    before = await rows_of(connection, lineage=True, as_of=found[0]["added_at"])
    assert {row["device"] for row in before} == {OLD}
    assert len(before) == 30

    both = await rows_of(connection, kinds=["message"])
    named = [ArtifactId(str(row["id"])) for row in both]
    assert len(both) == 80
    once = await taken(connection, artifact_ids=named, lineage=True)
    assert len(once) == 1
    assert sorted(row["text"] for row in once[0][1]) == sorted(f"lake {n}" for n in range(60))
    # What was named of the old phone alone is not lost because the new one has it too.
    old = [ArtifactId(str(row["id"])) for row in both if row["device"] == OLD]
    assert len(await rows_of(connection, artifact_ids=old, lineage=True)) == 30


async def test_an_album_over_two_phones_is_one_group(connection: Any) -> None:
    def photo(n: int, *albums: str) -> Any:
        payload = PhotoPayload(
            media="photo", albums=tuple(Album(key=one, title=one) for one in albums)
        )
        return artifact(n, f"{n:08X}-0000-4000-8000-000000000000", payload=payload, is_me=True)

    album = StagedThread(
        key="album:lake",
        title="Lake",
        is_group=False,
        participants=[],
        services=[],
        raw_keys=[],
    )
    for device, moment, numbers in ((OLD, 1, range(20)), (NEW, 2, range(5, 30))):
        await index(
            connection,
            device,
            moment,
            [photo(n, "album:lake") for n in numbers],
            kind="photo",
            threads=[album],
        )
    await confirm(connection)
    thread = thread_number("album:lake", device=OLD, kind="photo")
    ((part, rows),) = await taken(connection, lineage=True, thread=ThreadId(str(thread)))
    assert len(rows) == part.total == 30
    assert len({row["key"] for row in rows}) == 30
    assert [row["sort_at"] for row in rows] == sorted(row["sort_at"] for row in rows)
    ((_, alone),) = await taken(connection, thread=ThreadId(str(thread)))
    assert len(alone) == 20
