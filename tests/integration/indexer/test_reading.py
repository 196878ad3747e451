"""Threads, artifacts, versions, revisions and differences as they are asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from staged import BACKUP, Body, artifact, day, index_staged

from services.indexer.browsing.storage_artifacts import (
    get_artifact,
    list_artifacts,
    list_versions,
    locate_attachment,
)
from services.indexer.browsing.storage_threads import list_thread_artifacts, list_threads
from services.indexer.history.storage_comparison import diff_revisions
from services.indexer.history.storage_revisions import fetch_kind_totals, list_revisions
from services.indexer.people.address_book import rebuild_address_book
from services.indexer.staging import StagedAttachment, StagedThread
from shared.contracts.indexer import (
    Artifact,
    ArtifactPage,
    DiffRevisions,
    GetArtifact,
    ListArtifacts,
    ListRevisions,
    ListThreadArtifacts,
    ListThreads,
    ListVersions,
    LocateAttachment,
    RevisionDiff,
    RevisionSummary,
    Thread,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page

ROOM = 1 << 20
ANNA, BEN = "+4915112345678", "ben@example.org"


async def ask(fetch: Any, connection: Any, request: Any, kind: Any, room: int = ROOM) -> Any:
    return msgspec.json.decode(await fetch(connection, request, most_bytes=room), type=kind)


def thread(key: str, *participants: str, title: str | None = None) -> StagedThread:
    return StagedThread(
        key=key,
        title=title,
        is_group=len(participants) > 1,
        participants=list(participants),
        services=["iMessage"],
        raw_keys=[],
    )


async def a_long_thread(connection: Any, count: int = 1200) -> str:
    await index_staged(
        connection,
        device="d",
        moment=1,
        artifacts=[
            artifact(n, f"m{n}", f"message {n}", thread_key="t", sender_handle=ANNA)
            for n in range(count)
        ],
        threads=[thread("t", ANNA)],
    )
    page = await ask(list_threads, connection, ListThreads(), Page[Thread])
    return str(page.items[0].id)


async def test_a_thread_can_be_walked_both_ways_from_anywhere(connection: Any) -> None:
    thread_id = await a_long_thread(connection)
    seen: list[str] = []
    cursor = None
    while True:
        request = ListThreadArtifacts(thread_id=thread_id, limit=500, cursor=cursor)
        page = await ask(list_thread_artifacts, connection, request, ArtifactPage)
        assert page.position == len(seen)
        seen += [one.key for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"m{n}" for n in range(1200)]

    back: list[str] = []
    request = ListThreadArtifacts(thread_id=thread_id, limit=500, direction="backward")
    while True:
        page = await ask(list_thread_artifacts, connection, request, ArtifactPage)
        back = [one.key for one in page.items] + back
        if page.previous_cursor is None:
            break
        request = ListThreadArtifacts(thread_id=thread_id, limit=500, cursor=page.previous_cursor)
    assert back == seen


async def test_around_an_artifact_shows_what_came_before_and_after(connection: Any) -> None:
    thread_id = await a_long_thread(connection)
    found = await connection.fetchval("select id from artifact where key = 'm700'")
    request = ListThreadArtifacts(thread_id=thread_id, at=str(found), direction="around", limit=10)
    page = await ask(list_thread_artifacts, connection, request, ArtifactPage)
    assert [one.key for one in page.items] == [f"m{n}" for n in range(695, 705)]
    assert page.position == 695
    assert page.next_cursor
    assert page.previous_cursor
    by_time = ListThreadArtifacts(thread_id=thread_id, at="2024-01-01T00:01:00Z", limit=1)
    page = await ask(list_thread_artifacts, connection, by_time, ArtifactPage)
    assert page.items[0].key == "m60"


async def test_pages_end_before_they_are_too_large_and_lose_nothing(connection: Any) -> None:
    thread_id = await a_long_thread(connection, 400)
    seen: list[str] = []
    cursor = None
    for _ in range(50):
        request = ListThreadArtifacts(thread_id=thread_id, limit=400, cursor=cursor)
        body = await list_thread_artifacts(connection, request, most_bytes=100_000)
        assert len(body) < 100_000
        page = msgspec.json.decode(body, type=ArtifactPage)
        seen += [one.key for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"m{n}" for n in range(400)]


async def test_one_artifact_that_is_too_large_is_shortened(connection: Any) -> None:
    huge = artifact(1, "a", "x " * 450_000, payload=Body(words="y" * 900_000))
    await index_staged(connection, device="d", moment=1, artifacts=[huge])
    page = await ask(list_artifacts, connection, ListArtifacts(), ArtifactPage)
    assert page.items[0].payload == {"shortened": True}
    assert page.items[0].text


async def test_names_come_from_the_devices_own_contacts_when_shown(connection: Any) -> None:
    """Two devices that know one number under two names each show their own."""
    for device, name in (("d1", "Anna"), ("d2", "Mama")):
        await index_staged(
            connection,
            device=device,
            moment=1,
            kind="contact",
            artifacts=[artifact(1, "c", title=name, payload=Body(handles=[ANNA]))],
        )
        await rebuild_address_book(connection, device)
        await index_staged(
            connection,
            device=device,
            moment=1,
            artifacts=[artifact(1, "m", "hello", thread_key="t", sender_handle=ANNA)],
            threads=[thread("t", ANNA, BEN)],
        )
    threads = await ask(list_threads, connection, ListThreads(), Page[Thread])
    assert {one.title for one in threads.items} == {f"Anna, {BEN}", f"Mama, {BEN}"}
    found = await ask(list_threads, connection, ListThreads(q="mam"), Page[Thread])
    assert [one.device for one in found.items] == ["d2"]
    found = await ask(list_threads, connection, ListThreads(q="ben@EX"), Page[Thread])
    assert len(found.items) == 2
    found = await ask(list_threads, connection, ListThreads(q="%"), Page[Thread])
    assert found.items == []
    page = await ask(
        list_artifacts, connection, ListArtifacts(kind="message", device="d2"), ArtifactPage
    )
    assert page.items[0].sender is not None
    assert page.items[0].sender.name == "Mama"


async def test_what_was_removed_and_what_was_changed_are_told_apart(connection: Any) -> None:
    first = [artifact(n, k, f"{k} first") for n, k in enumerate(("stays", "goes", "changes"))]
    second = [first[0], artifact(2, "changes", "changes second"), artifact(9, "new", "new")]
    await index_staged(connection, device="d", moment=1, artifacts=first)
    await index_staged(connection, device="d", moment=5, artifacts=second)

    async def texts(**fields: Any) -> set[str | None]:
        page = await ask(list_artifacts, connection, ListArtifacts(**fields), ArtifactPage)
        return {one.text for one in page.items}

    assert await texts() == {"stays first", "changes second", "new"}
    assert await texts(removed="only") == {"goes first"}
    assert await texts(removed="include") == {"stays first", "changes second", "new", "goes first"}
    assert await texts(as_of=day(3)) == {"stays first", "goes first", "changes first"}
    assert await texts(as_of=day(0)) == set()
    assert (await fetch_kind_totals(connection, None))["message"] == (3, 1)

    page = await ask(list_artifacts, connection, ListArtifacts(removed="only"), ArtifactPage)
    gone = page.items[0]
    assert gone.added_revision == f"{1:040x}"
    assert gone.removed_revision == f"{5:040x}"
    assert gone.removed_at == day(5)

    current = await connection.fetchval("select id from artifact where text = 'changes second'")
    versions = await ask(
        list_versions, connection, ListVersions(artifact_id=str(current)), Page[Artifact]
    )
    assert [one.text for one in versions.items] == ["changes first", "changes second"]
    one = await ask(get_artifact, connection, GetArtifact(artifact_id=str(current)), Artifact)
    assert one.text == "changes second"

    diff = await ask(
        diff_revisions,
        connection,
        DiffRevisions(
            device="d", from_revision=f"{1:040x}", to_revision=f"{5:040x}", kind="message"
        ),
        RevisionDiff,
    )
    assert (diff.added, diff.removed, diff.changed) == (1, 1, 1)
    assert [(e.change, (e.before or e.after).key) for e in diff.items] == [  # type: ignore[union-attr]
        ("changed", "changes"),
        ("removed", "goes"),
        ("added", "new"),
    ]
    revisions = await ask(
        list_revisions, connection, ListRevisions(device="d"), Page[RevisionSummary]
    )
    assert [(r.kinds[0].added, r.kinds[0].removed) for r in revisions.items] == [(2, 2), (3, 0)]
    assert revisions.items[0].backup_id == BACKUP


async def test_what_went_and_came_back_is_no_difference(connection: Any) -> None:
    content = [artifact(1, "a", "a")]
    for moment, seen in ((1, content), (2, []), (3, content)):
        await index_staged(connection, device="d", moment=moment, artifacts=seen)
    request = DiffRevisions(
        device="d", from_revision=f"{1:040x}", to_revision=f"{3:040x}", kind="message"
    )
    diff = await ask(diff_revisions, connection, request, RevisionDiff)
    assert (diff.items, diff.added, diff.removed, diff.changed) == ([], 0, 0, 0)


async def test_differences_page_without_loss(connection: Any) -> None:
    await index_staged(connection, device="d", moment=1, artifacts=[])
    many = [artifact(n, f"k{n:03}", "x") for n in range(25)]
    await index_staged(connection, device="d", moment=2, artifacts=many)
    keys: list[str] = []
    cursor = None
    for _ in range(10):
        request = DiffRevisions(
            device="d",
            from_revision=f"{1:040x}",
            to_revision=f"{2:040x}",
            kind="message",
            limit=10,
            cursor=cursor,
        )
        page = await ask(diff_revisions, connection, request, RevisionDiff)
        keys += [entry.after.key for entry in page.items if entry.after]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert keys == [f"k{n:03}" for n in range(25)]
    assert page.added == 25


async def test_an_attachment_names_the_backups_that_held_it_newest_first(connection: Any) -> None:
    def with_file(n: int, *, present: bool) -> Any:
        return artifact(
            n,
            f"k{n}",
            attachments=[
                StagedAttachment(
                    name="a.heic",
                    media_type="image/heic",
                    size_bytes=3,
                    domain="MediaDomain",
                    relative_path="a.heic",
                    file_id="ab" * 20,
                    present=present,
                    reason=None if present else "It is in iCloud.",
                )
            ],
        )

    other = "11111111-8b86-4d01-b42d-00cf4fc964ff"
    content = [with_file(1, present=True), with_file(2, present=False)]
    await index_staged(connection, device="d", moment=1, artifacts=content)
    await index_staged(connection, device="d", moment=2, artifacts=content, backup_id=other)
    await index_staged(connection, device="d", moment=3, artifacts=[])
    ids = {r["key"]: str(r["id"]) for r in await connection.fetch("select key, id from artifact")}
    found = await locate_attachment(connection, LocateAttachment(artifact_id=ids["k1"], n=0))
    assert found.backup_ids == [other, BACKUP]
    with pytest.raises(ProblemError) as raised:
        await locate_attachment(connection, LocateAttachment(artifact_id=ids["k2"], n=0))
    assert raised.value.problem.detail == "It is in iCloud."


async def test_lists_of_artifacts_page_both_ways(connection: Any) -> None:
    await a_long_thread(connection, 30)
    first = await ask(list_artifacts, connection, ListArtifacts(limit=10), ArtifactPage)
    second = await ask(
        list_artifacts, connection, ListArtifacts(limit=10, cursor=first.next_cursor), ArtifactPage
    )
    back = await ask(
        list_artifacts,
        connection,
        ListArtifacts(limit=10, cursor=second.previous_cursor),
        ArtifactPage,
    )
    assert [a.key for a in first.items] == [f"m{n}" for n in range(29, 19, -1)]
    assert [a.key for a in second.items] == [f"m{n}" for n in range(19, 9, -1)]
    assert back.items == first.items
    assert back.previous_cursor is None


async def test_a_cursor_that_was_made_up_is_a_bad_request(connection: Any) -> None:
    cursors = ("x", "W10", "!!", "WzksMiwidCJd" * 9, "é", "WzkyMjMzNzIwMzY4NTQ3NzU4MDcsMV0")
    requests = [
        pair
        for cursor in cursors
        for pair in (
            (list_artifacts, ListArtifacts(cursor=cursor)),
            (list_threads, ListThreads(cursor=cursor)),
            (list_revisions, ListRevisions(device="d", cursor=cursor)),
        )
    ]
    for fetch, request in requests:
        with pytest.raises(ProblemError) as raised:
            await fetch(connection, request, most_bytes=ROOM)
        assert raised.value.problem.status == 400
