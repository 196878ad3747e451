"""Conversations over the devices of a lineage: listed once, and read both ways without a seam."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from lineages import (
    ANNA,
    BEN,
    NEW,
    OLD,
    ROOM,
    THIRD,
    artifacts,
    confirm,
    confirm_link,
    direct,
    found,
    guid,
    index,
    links,
    message,
    thread_page,
    threads,
    undo_link,
)
from staged import artifact, day

from services.indexer.browsing.storage_threads import list_threads
from services.indexer.kinds.photo.payload import Album, PhotoPayload
from services.indexer.staging import StagedThread, thread_number
from shared.contracts.indexer import ListThreads, Thread
from shared.contracts.requests import Page


def number(device: str, key: str, kind: str = "message") -> str:
    return str(thread_number(key, device=device, kind=kind))


async def three_phones(connection: Any, chance: random.Random) -> list[str]:
    """Four hundred messages of three phones, each without some of what the one before had.

    Returns what a reader of all of them sees, in order.
    """
    everything = list(range(400))
    contents = {OLD: everything[:200], NEW: everything[:300], THIRD: everything}
    for n, (device, content) in enumerate(contents.items()):
        # Half of the last phone's beginning has expired.
        kept = [one for one in content if chance.random() < 0.9 and (device != THIRD or one > 90)]
        contents[device] = kept
        texts = {one: f"{device} {one}" for one in kept if chance.random() < 0.2}
        await index(
            connection,
            device,
            10 * (n + 1),
            # Two of a second each, so that ids have to decide.
            [
                message(
                    one, texts.get(one), occurred_at_us=1_700_000_000_000_000 + one // 2 * 1_000_000
                )
                for one in kept
            ],
        )
    offers = {(one.earlier, one.later): one.id for one in await links(connection)}
    for pair in ((NEW, THIRD), (OLD, NEW)):
        await confirm_link(connection, offers[pair])
    rows = await connection.fetch(
        "select distinct on (a.key) a.id, a.device, a.text, a.sort_at from artifact a"
        " join lineage_device m on m.device = a.device order by a.key, m.place desc"
    )
    ordered = sorted(rows, key=lambda row: (row["sort_at"], row["id"]))
    assert {row["device"] for row in ordered} == {OLD, NEW, THIRD}
    return [str(row["id"]) for row in ordered]


async def test_a_stitched_thread_is_read_both_ways_with_positions(connection: Any) -> None:
    expected = await three_phones(connection, random.Random(1))
    (listed,) = await threads(connection, device=OLD)
    assert (listed.id, listed.device) == (number(THIRD, f"direct:{ANNA}"), THIRD)
    assert listed.devices == [OLD, NEW, THIRD]
    assert listed.artifact_count == len(expected)
    # By the id of the thread on any of the phones.
    for thread_id in (listed.id, number(OLD, f"direct:{ANNA}")):
        seen: list[str] = []
        cursor = None
        while True:
            page = await thread_page(connection, thread_id=thread_id, limit=37, cursor=cursor)
            assert page.position == len(seen)
            seen += [one.id for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == expected
        seen = []
        page = await thread_page(connection, thread_id=thread_id, limit=41, direction="backward")
        assert page.next_cursor is None
        while True:
            seen = [one.id for one in page.items] + seen
            assert page.position == len(expected) - len(seen)
            if page.previous_cursor is None:
                break
            page = await thread_page(
                connection, thread_id=thread_id, limit=41, cursor=page.previous_cursor
            )
            assert page.next_cursor is not None
        assert seen == expected


async def test_a_stitched_thread_is_entered_at_an_artifact_or_a_moment(connection: Any) -> None:
    expected = await three_phones(connection, random.Random(2))
    thread_id = number(OLD, f"direct:{ANNA}")
    for place in (0, 63, 64, 65, 200, len(expected) - 1):
        page = await thread_page(
            connection, thread_id=thread_id, at=expected[place], direction="around", limit=20
        )
        assert page.position == max(0, place - 10)
        assert [one.id for one in page.items] == expected[max(0, place - 10) :][: len(page.items)]
        assert expected[place] in {one.id for one in page.items}
    # An artifact that a newer phone has too leads to where it stands.
    hidden = await connection.fetchrow(
        "select s.artifact_id, n.id from superseded s join artifact a on a.id = s.artifact_id"
        " join artifact n on n.key = a.key and n.device = $1 order by s.artifact_id limit 1",
        THIRD,
    )
    page = await thread_page(
        connection, thread_id=thread_id, at=str(hidden["artifact_id"]), direction="around", limit=9
    )
    assert str(hidden["id"]) in {one.id for one in page.items}
    page = await thread_page(connection, thread_id=thread_id, at="2000-01-01T00:00:00Z", limit=5)
    assert [one.id for one in page.items] == expected[:5]


async def test_runs_keep_figures_and_positions_of_stitched_threads_right(connection: Any) -> None:
    await three_phones(connection, random.Random(3))
    thread_id = number(THIRD, f"direct:{ANNA}")
    await index(
        connection,
        THIRD,
        31,
        [message(n, occurred_at_us=1_690_000_000_000_000 + n) for n in range(150, 420)],
    )
    # An older backup of the phone in the middle is found later.
    await index(
        connection,
        NEW,
        15,
        [message(n, occurred_at_us=1_690_000_000_000_000 + n) for n in range(130)],
    )
    (listed,) = await threads(connection)
    seen: list[str] = []
    cursor = None
    while True:
        page = await thread_page(connection, thread_id=thread_id, limit=50, cursor=cursor)
        assert page.position == len(seen)
        seen += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == listed.artifact_count == len(await artifacts(connection))
    page = await thread_page(connection, thread_id=thread_id, limit=1000, include_removed=True)
    assert len(page.items) > len(seen)
    past = await thread_page(connection, thread_id=thread_id, limit=1000, as_of=day(12))
    assert {one.device for one in past.items} == {OLD}


async def test_the_same_people_are_one_conversation_under_another_key(connection: Any) -> None:
    def content(key: str) -> dict[str, Any]:
        return {
            "messages": [message(n, thread_key=key) for n in range(10)]
            + [message(50 + n, thread_key=f"direct:{BEN}") for n in range(4)],
            "threads": [direct(ANNA, key=key, title=key), direct(BEN)],
        }

    await index(connection, OLD, 1, **content("first"))
    await index(connection, NEW, 3, **content("second"))
    link = await confirm(connection)
    listed = {one.id: one for one in await threads(connection, device=NEW)}
    assert {one.title for one in listed.values()} == {"second", BEN}
    assert [one.artifact_count for one in listed.values()] == [4, 10]
    assert len(await threads(connection, device=NEW, lineage=False)) == 2
    assert len(await threads(connection, lineage=False)) == 4
    assert [one.id for one in await threads(connection, person=ANNA)] == [number(NEW, "second")]
    assert [one.id for one in await threads(connection, q="second")] == [number(NEW, "second")]
    assert await threads(connection, q="first") == []
    # Their name on the newer phone changes, and a group of its own comes.
    await index(
        connection,
        NEW,
        4,
        [message(n, thread_key="second") for n in range(10)]
        + [message(90, thread_key="group")],
        threads=[
            direct(ANNA, key="second", title="renamed"),
            StagedThread(
                key="group", title=None, is_group=True, participants=[ANNA, BEN],
                services=[], raw_keys=[],
            ),
        ],
    )  # fmt: skip
    assert [one.title for one in await threads(connection)] == [
        f"{ANNA}, {BEN}",
        BEN,
        "renamed",
    ]
    # Ben's are gone on the newer phone, which had them.
    counts = {one.title: one.artifact_count for one in await threads(connection)}
    assert counts == {f"{ANNA}, {BEN}": 1, BEN: 0, "renamed": 10}
    await undo_link(connection, link.id)
    assert len(await threads(connection)) == 5


async def test_threads_of_devices_without_a_lineage_are_listed_between_stitched_ones(
    connection: Any,
) -> None:
    await index(connection, OLD, 1, [message(n) for n in range(10)])
    await index(connection, NEW, 3, [message(n) for n in range(10)])
    await index(
        connection,
        "OTHER",
        3,
        [artifact(20 + n, guid(f"other {n}"), thread_key=f"t{n}") for n in range(9)],
        threads=[],
    )
    await confirm(connection)
    listed = await threads(connection)
    assert [one.devices for one in listed] == [*[["OTHER"]] * 9, [OLD, NEW]]
    plain = await thread_page(connection, thread_id=listed[0].id)
    assert plain == await thread_page(connection, thread_id=listed[0].id, lineage=False)
    paged: list[str] = []
    cursor = None
    while True:
        body = await list_threads(
            connection, ListThreads(lineage=True, limit=3, cursor=cursor), most_bytes=ROOM
        )
        page = msgspec.json.decode(body, type=Page[Thread])
        paged += [one.id for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == [one.id for one in listed]


def photo(n: int, *albums: str) -> Any:
    return artifact(
        n,
        guid(f"photo {n}"),
        f"photo {n}",
        payload=PhotoPayload(media="photo", albums=tuple(Album(key=key) for key in albums)),
        thread_key=albums[0] if albums else None,
    )


async def test_a_photo_of_two_phones_is_once_in_every_album_that_holds_it(connection: Any) -> None:
    def albums_of(device: str, n: int) -> list[str]:
        # On the newer phone, every fifth was put into another one.
        return [key for key, every in (("A", 2), ("B", 3)) if n % every == 0] + (
            ["C"] if device == NEW and n % 5 == 0 else []
        )

    described = [
        StagedThread(key=key, title=key, is_group=False, participants=[], services=[], raw_keys=[])
        for key in "ABC"
    ]
    held: dict[str, list[tuple[int, str]]] = {key: [] for key in "ABC"}
    for device, moment, numbers in ((OLD, 1, range(150)), (NEW, 5, range(20, 200))):
        await index(
            connection, device, moment, [photo(n, *albums_of(device, n)) for n in numbers],
            kind="photo", threads=described,
        )  # fmt: skip
    await confirm(connection)
    for n in range(200):
        device = NEW if n >= 20 else OLD
        for key in albums_of(device, n):
            held[key].append((n, device))
    listed = {one.title: one for one in await threads(connection, kind="photo")}
    assert {title: one.artifact_count for title, one in listed.items()} == {
        key: len(own) for key, own in held.items()
    }
    assert listed["C"].devices == [NEW]
    for key, own in held.items():
        seen: list[tuple[str | None, str]] = []
        cursor = None
        while True:
            page = await thread_page(connection, thread_id=listed[key].id, limit=13, cursor=cursor)
            assert page.position == len(seen)
            seen += [(one.text, one.device) for one in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [(f"photo {n}", device) for n, device in own]
    # Hits stand in their first album.
    hits = (await found(connection, "photo", limit=1000)).items
    places = {
        hit.artifact.text: hit.thread_position for hit in hits if hit.thread_position is not None
    }
    first = {f"photo {n}": place for place, (n, _) in enumerate(held["A"])}
    assert first.items() <= places.items()
    await index(
        connection, NEW, 6, [photo(n, "B") for n in range(20, 60)], kind="photo", threads=described
    )
    counts = {one.title: one.artifact_count for one in await threads(connection, kind="photo")}
    assert counts == {"A": 10, "B": 47, "C": 0}
