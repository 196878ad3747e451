"""A phone and the one that it was restored onto: offered, decided, and taken back."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from lineages import (
    NEW,
    OLD,
    ROOM,
    THIRD,
    artifacts,
    confirm,
    confirm_link,
    guid,
    index,
    links,
    message,
    told_nothing,
    undo_link,
)
from staged import artifact, day

from services.indexer.browsing.storage_artifacts import list_versions
from services.indexer.history.storage_comparison import compare_revisions, diff_revisions
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_timeline import Moment
from services.indexer.jobs.storage import finish_job, list_jobs
from services.indexer.lineage.storage_arranging import arrange
from services.indexer.lineage.storage_links import (
    confirm_lineage,
    decline_lineage,
    get_device_lineage,
    undo_lineage,
)
from services.indexer.lineage.storage_offers import find_unlooked
from shared.contracts.comparison import CompareRevisions, RevisionComparison
from shared.contracts.indexer import Artifact, DiffRevisions, ListVersions, RevisionDiff
from shared.contracts.jobs import ListJobs
from shared.contracts.lineage import (
    ConfirmLineage,
    DeclineLineage,
    GetDeviceLineage,
    UndoLineage,
)
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page


class KilledError(Exception):
    """Whoever arranges lineages is killed."""


async def two_phones(connection: Any) -> None:
    """Ten messages; on the next phone the first is gone, one was edited, two are new."""
    await index(connection, OLD, 1, [message(n) for n in range(10)])
    await index(
        connection,
        NEW,
        5,
        [message(n, "edited" if n == 4 else None) for n in range(1, 12)],
    )


async def test_a_phone_that_has_what_an_older_one_had_is_offered_and_confirmed_once(
    connection: Any,
) -> None:
    await two_phones(connection)
    (offer,) = await links(connection)
    assert (offer.state, offer.earlier, offer.later, offer.is_directed) == (
        "offered",
        OLD,
        NEW,
        True,
    )
    # Of the five that the owner of the old phone wrote, four are on the new one.
    (share,) = offer.shares
    assert (share.kind, share.looked_at, share.found) == ("message", 5, 4)
    assert "4 of 5 of kind message" in offer.reason
    assert "before the first of the later one" in offer.reason
    assert await find_unlooked(connection) == []

    apart = await artifacts(connection, device=NEW)
    assert apart == await artifacts(connection, device=NEW, lineage=False)
    link = await confirm(connection)
    assert (link.state, link.devices) == ("confirmed", [OLD, NEW])
    expected = [(NEW, f"message {n}") for n in range(11, 0, -1)]
    expected[expected.index((NEW, "message 4"))] = (NEW, "edited")
    expected.append((OLD, "message 0"))
    for device in (OLD, NEW, None):
        assert await artifacts(connection, device=device) == expected
    # Each phone is as it was.
    assert await artifacts(connection, device=NEW, lineage=False) == apart
    assert len(await artifacts(connection, device=OLD, lineage=False)) == 10
    assert len(await artifacts(connection, lineage=False)) == 21
    lineage = await get_device_lineage(connection, GetDeviceLineage(device=OLD))
    assert (lineage.devices, lineage.links) == ([OLD, NEW], [link])

    again = await confirm_link(connection, link.id)
    assert again == link
    undone = await undo_link(connection, link.id)
    assert (undone.state, undone.devices, undone.decided_at) == ("offered", [], None)
    assert await artifacts(connection, device=NEW) == apart
    for table in ("superseded", "stitched_thread", "stitched_part", "lineage_device"):
        assert await connection.fetchval(f"select count(*) from {table}") == 0


async def test_whoever_is_killed_over_a_decision_goes_on_and_nothing_is_missing_meanwhile(
    connection: Any,
) -> None:
    await two_phones(connection)
    calls = [artifact(n, guid(f"call {n}"), f"call {n}", is_me=True) for n in range(5)]
    for device, moment in ((OLD, 1), (NEW, 5)):
        await index(connection, device, moment, calls, kind="call", threads=[])
    keys = {f"message {n}" for n in range(12)} | {f"call {n}" for n in range(5)} | {"edited"}
    (offer,) = await links(connection)

    async def broken_off(steps: int) -> None:
        left = steps

        async def tell(done: int, total: int) -> None:
            nonlocal left
            assert done <= total
            left -= 1
            if left < 0:
                raise KilledError

        with contextlib.suppress(KilledError):
            await arrange(connection, tell)
        for device in (OLD, NEW, None):
            seen = [text for _, text in await artifacts(connection, device=device)]
            missing = keys - set(seen) - {"message 4"}
            owned = {OLD: {"message 10", "message 11", "edited"}, NEW: {"message 0"}}
            apart = await connection.fetchval("select count(*) = 0 from lineage_device")
            assert missing <= (owned.get(device or "", set()) if apart else set())

    for _ in range(2):
        link = await confirm_lineage(connection, ConfirmLineage(link_id=offer.id))
        assert (link.state, link.devices) == ("confirmed", [OLD, NEW])
        await broken_off(0)
        assert await connection.fetchval("select count(*) from lineage_left") == 2
        # A phone is backed up meanwhile: that is left to who arranges its lineage.
        await index(connection, NEW, 5, calls, kind="call", threads=[])
        await broken_off(1)
        assert await connection.fetchval("select count(*) from lineage_left") == 1
        await broken_off(9)
        together = await artifacts(connection)
        assert len(together) == len(set(together)) == 12 + 5
        assert await connection.fetchval("select count(*) from lineage_left") == 0
        await undo_lineage(connection, UndoLineage(link_id=offer.id))
        await broken_off(0)
        for table in ("superseded", "stitched_thread", "lineage_device", "lineage_left"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0


async def test_a_decision_that_is_taken_back_at_once_is_not_carried_out(connection: Any) -> None:
    await two_phones(connection)
    (offer,) = await links(connection)
    confirmed = await confirm_lineage(connection, ConfirmLineage(link_id=offer.id))
    again = await confirm_lineage(connection, ConfirmLineage(link_id=offer.id))
    assert again == confirmed
    assert confirmed.job_id is not None
    undone = await undo_lineage(connection, UndoLineage(link_id=offer.id))
    assert undone.job_id not in (None, confirmed.job_id)
    await arrange(connection, told_nothing)
    assert await connection.fetchval("select count(*) from lineage_device") == 0
    jobs = (await list_jobs(connection, ListJobs(kind="lineage"))).items
    assert [(job.id, job.subject.type, job.subject.id) for job in jobs] == [
        (undone.job_id, "lineage", offer.id),
        (confirmed.job_id, "lineage", offer.id),
    ]
    # A job that came to nothing is asked for again by who decides the same again.
    assert undone.job_id is not None
    await finish_job(connection, undone.job_id, state="failed")
    renewed = await undo_lineage(connection, UndoLineage(link_id=offer.id))
    assert renewed.job_id not in (None, undone.job_id)


async def test_as_of_a_moment_the_phone_of_that_time_is_seen(connection: Any) -> None:
    await two_phones(connection)
    await confirm(connection)
    assert await artifacts(connection, as_of=day(0)) == []
    assert await artifacts(connection, device=NEW, as_of=day(3)) == [
        (OLD, f"message {n}") for n in range(9, -1, -1)
    ]
    assert len(await artifacts(connection, device=OLD, as_of=day(5))) == 12


async def test_what_the_newer_phone_lost_is_gone_though_the_older_one_had_it(
    connection: Any,
) -> None:
    await two_phones(connection)
    await confirm(connection)
    await index(connection, NEW, 6, [message(n) for n in range(3, 12)])
    assert (OLD, "message 1") not in await artifacts(connection)
    assert await artifacts(connection, removed="only") == [
        (NEW, "message 2"),
        (NEW, "message 1"),
    ]
    assert (OLD, "message 0") in await artifacts(connection)


async def test_versions_go_over_the_lineage(connection: Any) -> None:
    await two_phones(connection)
    row = await connection.fetchrow(
        "select id from artifact where device = $1 and text = 'edited'", NEW
    )

    async def versions() -> list[tuple[str, str | None]]:
        body = await list_versions(
            connection, ListVersions(artifact_id=str(row["id"])), most_bytes=ROOM
        )
        items = msgspec.json.decode(body, type=Page[Artifact]).items
        return [(one.device, one.text) for one in items]

    assert await versions() == [(NEW, "edited")]
    await confirm(connection)
    assert await versions() == [(OLD, "message 4"), (NEW, "edited")]


async def test_a_decline_holds_and_can_be_taken_back(connection: Any) -> None:
    await two_phones(connection)
    (offer,) = await links(connection)
    declined = await decline_lineage(connection, DeclineLineage(link_id=offer.id))
    assert declined.state == "declined"
    await index(connection, NEW, 6, [message(n) for n in range(12)])
    await index(connection, OLD, 2, [message(n) for n in range(10)])
    assert [one.state for one in await links(connection)] == ["declined"]
    with pytest.raises(ProblemError) as refused:
        await confirm_link(connection, offer.id)
    assert refused.value.problem.status == 409
    await undo_link(connection, offer.id)
    assert (await confirm(connection)).state == "confirmed"
    with pytest.raises(ProblemError) as refused:
        await decline_lineage(connection, DeclineLineage(link_id=offer.id))
    assert refused.value.problem.status == 409


async def test_devices_in_use_at_one_time_are_offered_without_an_order(connection: Any) -> None:
    await index(connection, OLD, 1, [message(n) for n in range(10)])
    await index(connection, NEW, 2, [message(n) for n in range(10)])
    await index(connection, OLD, 3, [message(n) for n in range(12)])
    (offer,) = await links(connection)
    assert not offer.is_directed
    assert "side by side" in offer.reason
    for wrong in (None, THIRD):
        with pytest.raises(ProblemError) as refused:
            await confirm_link(connection, offer.id, earlier=wrong)
        assert refused.value.problem.status == 400
    link = await confirm(connection, earlier=NEW)
    assert (link.earlier, link.later, link.devices) == (NEW, OLD, [NEW, OLD])
    with pytest.raises(ProblemError) as refused:
        await confirm_link(connection, offer.id, earlier=OLD)
    assert refused.value.problem.status == 409
    assert {device for device, _ in await artifacts(connection)} == {OLD}


async def test_people_who_write_to_each_other_are_not_offered(connection: Any) -> None:
    """Both phones have the same messages under the same keys, written by the other one."""
    await index(connection, OLD, 1, [message(n) for n in range(20)])
    await index(connection, NEW, 2, [message(n, is_me=n % 2 == 1) for n in range(20)])
    assert await links(connection) == []


async def test_no_device_comes_to_be_older_than_itself(connection: Any) -> None:
    everything = [message(n) for n in range(10)]
    await index(connection, OLD, 1, everything)
    await index(connection, NEW, 3, everything)
    await confirm(connection)
    # The third overlaps with both, so only people can say where it belongs.
    await index(connection, THIRD, 2, everything)
    await index(connection, THIRD, 4, everything)
    offers = {one.earlier: one for one in await links(connection, state="offered")}
    assert set(offers) == {OLD, THIRD}
    await confirm_link(connection, offers[THIRD].id, earlier=NEW)
    with pytest.raises(ProblemError) as refused:
        await confirm_link(connection, offers[OLD].id, earlier=THIRD)
    assert refused.value.problem.status == 409
    assert "older than itself" in refused.value.problem.title
    lineage = await get_device_lineage(connection, GetDeviceLineage(device=THIRD))
    assert lineage.devices == [OLD, NEW, THIRD]
    assert {device for device, _ in await artifacts(connection)} == {THIRD}
    # Nothing is offered of what follows from others: the next run says no more of it.
    await undo_link(connection, offers[THIRD].id)
    assert {device for device, _ in await artifacts(connection, device=OLD)} == {NEW}


async def test_a_device_that_is_forgotten_comes_back_with_what_was_decided(
    connection: Any,
) -> None:
    await two_phones(connection)
    await confirm(connection)
    together = await artifacts(connection)
    async with connection.transaction():
        await forget_moment(connection, Moment(device=NEW, taken_at=day(5)))
    assert await artifacts(connection, device=NEW) == [
        (OLD, f"message {n}") for n in range(9, -1, -1)
    ]
    assert await connection.fetchval("select count(*) from superseded") == 0
    assert [one.state for one in await links(connection)] == ["confirmed"]
    await two_phones(connection)
    assert await artifacts(connection) == together
    (link,) = await links(connection)
    async with connection.transaction():
        for device, moment in ((OLD, 1), (NEW, 5)):
            await forget_moment(connection, Moment(device=device, taken_at=day(moment)))
    # Nothing is offered of devices that are not there; undoing what was decided works all the same.
    undone = await undo_link(connection, link.id)
    assert undone.state == "offered"
    assert await links(connection) == []
    await two_phones(connection)
    assert [one.state for one in await links(connection)] == ["offered"]


async def test_an_offer_goes_when_nothing_speaks_for_it_any_more(connection: Any) -> None:
    await two_phones(connection)
    async with connection.transaction():
        await forget_moment(connection, Moment(device=NEW, taken_at=day(5)))
    await index(connection, NEW, 5, [message(n) for n in range(50, 60)])
    assert await links(connection) == []


async def test_unknown_ids_are_not_found(connection: Any) -> None:
    for link_id in ("x", "0f6e4f6a-6f0d-4c53-9d0e-7f3a5a1d2c01"):
        with pytest.raises(ProblemError) as refused:
            await undo_link(connection, link_id)
        assert refused.value.problem.status == 404


async def test_revisions_of_two_devices_of_a_lineage_are_held_against_each_other(
    connection: Any,
) -> None:
    await two_phones(connection)
    request = DiffRevisions(
        device=NEW, from_revision=f"{1:040x}", to_revision=f"{5:040x}", kind="message", limit=2
    )
    with pytest.raises(ProblemError) as refused:
        await diff_revisions(connection, request, most_bytes=ROOM)
    assert refused.value.problem.status == 404
    await confirm(connection)
    seen: dict[str, str] = {}
    cursor = None
    while True:
        body = await diff_revisions(
            connection, msgspec.structs.replace(request, cursor=cursor), most_bytes=ROOM
        )
        page = msgspec.json.decode(body, type=RevisionDiff)
        assert (page.added, page.removed, page.changed, page.reasons) == (2, 1, 1, None)
        for entry in page.items:
            assert entry.removal is None
            assert entry.before is None or entry.before.device == OLD
            assert entry.after is None or entry.after.device == NEW
            one = entry.after or entry.before
            assert one is not None
            seen[one.text or ""] = entry.change
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == {
        "message 0": "removed",
        "edited": "changed",
        "message 10": "added",
        "message 11": "added",
    }
    body = await compare_revisions(
        connection,
        CompareRevisions(device=OLD, from_revision=f"{1:040x}", to_revision=f"{5:040x}"),
        most_bytes=ROOM,
    )
    (compared,) = msgspec.json.decode(body, type=RevisionComparison).kinds
    assert (compared.added, compared.removed, compared.changed) == (2, 1, 1)
    assert (compared.reasons, compared.offloaded) == (None, None)
