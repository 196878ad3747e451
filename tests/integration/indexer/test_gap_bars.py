"""Where a page of a thread has to show that no backup tells of a time."""

from __future__ import annotations

from typing import Any

import msgspec
from staged import artifact, day, index_staged

from services.indexer.browsing.storage_threads import list_thread_artifacts
from services.indexer.history.storage_gaps import list_gaps
from services.indexer.staging import StagedArtifact, thread_number
from shared.contracts.gaps import DeviceGaps, ListGaps
from shared.contracts.identifiers import Udid
from shared.contracts.indexer import ArtifactPage, ListThreadArtifacts

ROOM = 1 << 20
THREAD = str(thread_number("t", device="D", kind="message"))


def message(at: int) -> StagedArtifact:
    return artifact(
        at,
        f"m{at}",
        f"day {at}",
        thread_key="t",
        occurred_at_us=int(day(at).timestamp()) * 1_000_000,
    )


async def page(connection: Any, **asked: Any) -> ArtifactPage:
    body = await list_thread_artifacts(
        connection, ListThreadArtifacts(thread_id=THREAD, **asked), most_bytes=ROOM
    )
    return msgspec.json.decode(body, type=ArtifactPage)


async def index(connection: Any, moment: int, *messages: int, keeps_days: int | None = 30) -> None:
    await index_staged(
        connection, device="D", moment=moment, artifacts=[message(at) for at in messages],
        keeps_days=keeps_days,
    )  # fmt: skip


async def test_a_gap_is_shown_on_the_page_after_whose_last_item_it_begins(connection: Any) -> None:
    await index(connection, 60, 40, 50)
    await index(connection, 160, 135, 140)
    shown: list[tuple[str, int]] = []
    cursor = None
    while True:
        items = await page(connection, include_removed=True, limit=1, cursor=cursor)
        shown.append((items.items[0].key, len(items.gaps)))
        if items.gaps:
            (gap,) = items.gaps
            assert (gap.from_at, gap.to_at, gap.holds) == (day(60), day(130), "nothing")
        cursor = items.next_cursor
        if cursor is None:
            break
    assert shown == [("m40", 0), ("m50", 1), ("m135", 0), ("m140", 0)]
    # Backwards as well, and as one page.
    last = await page(connection, include_removed=True, limit=2, direction="backward")
    assert ([one.key for one in last.items], len(last.gaps)) == (["m135", "m140"], 0)
    before = await page(connection, include_removed=True, limit=2, cursor=last.previous_cursor)
    assert ([one.key for one in before.items], len(before.gaps)) == (["m40", "m50"], 1)
    assert len((await page(connection, include_removed=True)).gaps) == 1


async def test_a_thread_that_begins_after_a_gap_shows_it_first(connection: Any) -> None:
    await index(connection, 60, 40)
    await index(connection, 160, 135, 140)
    first = await page(connection, limit=1)
    assert ([one.key for one in first.items], len(first.gaps)) == (["m135"], 1)
    second = await page(connection, limit=1, cursor=first.next_cursor)
    assert ([one.key for one in second.items], len(second.gaps)) == (["m140"], 0)


async def test_a_phone_that_keeps_its_messages_has_no_gaps(connection: Any) -> None:
    await index(connection, 60, 40, keeps_days=0)
    await index(connection, 160, 40, 135, keeps_days=None)
    assert (await page(connection)).gaps == []


async def test_calls_are_covered_from_the_oldest_one_in_each_revision(connection: Any) -> None:
    def call(at: int) -> StagedArtifact:
        return artifact(at, f"c{at}", "call", occurred_at_us=int(day(at).timestamp()) * 1_000_000)

    for moment, calls in {20: range(20), 60: range(30, 60), 70: range(15, 70)}.items():
        await index_staged(
            connection, device="D", moment=moment, kind="call", artifacts=[call(n) for n in calls]
        )

    async def gaps() -> list[tuple[Any, Any]]:
        body = await list_gaps(connection, ListGaps(device=Udid("D"), kind="call"), most_bytes=ROOM)
        (of_kind,) = msgspec.json.decode(body, type=DeviceGaps).kinds
        assert (of_kind.covered_from, of_kind.covered_to) == (day(0), day(70))
        return [(gap.from_at, gap.to_at) for gap in of_kind.gaps]

    assert await gaps() == []
    # The list was cleared before the last backup.
    await index_staged(
        connection, device="D", moment=70, kind="call", artifacts=[call(n) for n in range(65, 70)]
    )
    assert await gaps() == [(day(20), day(30)), (day(60), day(65))]
