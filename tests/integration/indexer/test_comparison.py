"""Two revisions beside each other, against the difference of what was put into them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from random_histories import KINDS, everything_of, index_all, random_contents
from staged import artifact, day, index_staged

from services.indexer.history.storage_comparison import compare_revisions, diff_revisions
from services.indexer.history.storage_merge import record_unread
from services.indexer.history.storage_timeline import record_revision
from services.indexer.sql import statement
from shared.contracts.comparison import CompareRevisions, KindDifference, RevisionComparison
from shared.contracts.identifiers import Udid
from shared.contracts.indexer import DiffEntry, DiffRevisions, KindReport, RevisionDiff
from shared.contracts.problems import ProblemError

ROOM = 1 << 20
DEVICE = Udid("D")


async def compare(connection: Any, before: int, after: int) -> dict[str, KindDifference]:
    body = await compare_revisions(
        connection,
        CompareRevisions(
            device=DEVICE, from_revision=f"{before:040x}", to_revision=f"{after:040x}"
        ),
        most_bytes=ROOM,
    )
    found = msgspec.json.decode(body, type=RevisionComparison)
    assert (found.from_at, found.to_at) == (day(before), day(after))
    return {one.kind: one for one in found.kinds}


async def diff(
    connection: Any, kind: str, before: int, after: int, *, limit: int = 1000
) -> tuple[list[DiffEntry], RevisionDiff]:
    cursor: str | None = None
    items: list[DiffEntry] = []
    while True:
        request = DiffRevisions(
            device=DEVICE, from_revision=f"{before:040x}", to_revision=f"{after:040x}", kind=kind,
            limit=limit, cursor=cursor,
        )  # fmt: skip
        body = await diff_revisions(connection, request, most_bytes=ROOM)
        page = msgspec.json.decode(body, type=RevisionDiff)
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items, page


Naive = dict[str, tuple[str, bool, object]]


@pytest.mark.parametrize("seed", range(5))
async def test_a_difference_is_the_difference_of_the_sets(connection: Any, seed: int) -> None:
    """Of any two revisions, either way round, of every kind; whatever order they were found in."""
    chance = random.Random(seed)
    contents = random_contents(chance)
    order = sorted(contents)
    chance.shuffle(order)
    await index_all(connection, DEVICE, contents, order)
    known: dict[tuple[int, str], Naive] = {
        place: {
            one.key: (one.text or "", all(file.present for file in one.attachments), one.payload)
            for one in things
        }
        for place, things in contents.items()
    }
    moments = sorted({moment for moment, _ in contents})
    for before, after in [
        (a, b) for a in moments for b in moments if a != b and (a + b + seed) % 2
    ]:
        compared = await compare(connection, before, after)
        for kind in KINDS:
            if (before, kind) not in contents or (after, kind) not in contents:
                if kind in compared:
                    assert compared[kind].added is None
                    assert "never" in (compared[kind].from_state, compared[kind].to_state)
                continue
            left, right = known[before, kind], known[after, kind]
            naive = {
                **dict.fromkeys(right.keys() - left.keys(), "added"),
                **dict.fromkeys(left.keys() - right.keys(), "removed"),
                **{key: "changed" for key in left.keys() & right.keys() if left[key] != right[key]},
            }
            items, page = await diff(
                connection, kind, before, after, limit=chance.choice([2, 1000])
            )
            assert [(i.change, (i.before or i.after).key) for i in items] == [  # type: ignore[union-attr]
                (change, key) for key, change in sorted(naive.items())
            ]
            for one in items:
                for side, content in ((one.before, left), (one.after, right)):
                    assert side is None or side.text == content[side.key][0]
            counted = compared[kind]
            for change in ("added", "removed", "changed"):
                count = list(naive.values()).count(change)
                assert getattr(page, change) == getattr(counted, change) == count
            assert (page.reasons, page.offloaded) == (counted.reasons, counted.offloaded)
            check_reasons(items, page, left, right, forwards=before < after)


def check_reasons(
    items: list[DiffEntry], page: RevisionDiff, left: Naive, right: Naive, *, forwards: bool
) -> None:
    """What went has one reason each; what lost its file is told from other changes."""
    if not forwards:
        assert page.reasons is None
        assert page.offloaded is None
        assert all(one.removal is None for one in items)
        return
    assert page.reasons is not None
    assert sum(msgspec.to_builtins(page.reasons).values()) == page.removed
    assert sum(one.removal is not None for one in items if one.change == "removed") == page.removed
    assert all(one.removal is None for one in items if one.change == "added")
    lost = {
        one.before.key for one in items if one.change == "changed" and one.removal and one.before
    }
    assert len(lost) == page.offloaded
    # What had its file then and has not now, lost it between.
    assert {key for key in left.keys() & right.keys() if left[key][1] and not right[key][1]} <= lost
    assert all(not right[key][1] for key in lost)


async def test_a_kind_that_one_of_them_does_not_know_is_named_and_not_counted(
    connection: Any,
) -> None:
    await index_staged(
        connection, device=DEVICE, moment=1, kind="note", artifacts=[artifact(0, "a")]
    )
    await index_staged(
        connection, device=DEVICE, moment=2, kind="call", artifacts=[artifact(0, "b")]
    )
    async with connection.transaction():
        at = await record_revision(
            connection, device=DEVICE, digest=f"{2:040x}", taken_at=day(2),
            backup_id="6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        )  # fmt: skip
        report = KindReport(kind="note", state="absent")
        await record_unread(connection, at=at, report=report, parser_version=1, job_id=None)
    compared = await compare(connection, 1, 2)
    assert {kind: (one.from_state, one.to_state) for kind, one in compared.items()} == {
        "call": ("never", "indexed"),
        "note": ("indexed", "absent"),
    }
    assert all(one.added is None and one.reasons is None for one in compared.values())


async def test_revisions_that_nobody_knows_are_not_compared(connection: Any) -> None:
    await index_staged(
        connection, device=DEVICE, moment=1, kind="note", artifacts=[artifact(0, "a")]
    )
    for before, after in ((1, 7), (7, 1)):
        with pytest.raises(ProblemError) as refused:
            await compare(connection, before, after)
        assert refused.value.problem.status == 404
    assert (await compare(connection, 1, 1))["note"].removed == 0


async def test_only_what_begins_or_ends_between_them_is_read(connection: Any) -> None:
    """However large a kind is: counting two backups that differ by little reads little."""
    many = [artifact(n, f"k{n:05}", f"text {n}") for n in range(6000)]
    await index_staged(connection, device=DEVICE, moment=1, artifacts=many)
    await index_staged(connection, device=DEVICE, moment=2, artifacts=many[20:])
    await connection.execute("vacuum analyze artifact")
    plan = await connection.fetchval(
        "explain (analyze, buffers, format json) " + statement("comparison", "count"),
        DEVICE, ["message"], day(1), day(2),
    )  # fmt: skip
    whole = msgspec.json.decode(plan)[0]["Plan"]
    # The rows alone fill some three hundred.
    assert whole["Shared Hit Blocks"] + whole["Shared Read Blocks"] < 150


@pytest.mark.parametrize("seed", range(4))
async def test_indexing_again_and_in_any_order_gives_the_same_history_of_every_kind(
    connection: Any, seed: int
) -> None:
    """index(A), index(B), index(A) is index(A), index(B); and so is any order of any of them."""
    chance = random.Random(100 + seed)
    contents = random_contents(chance, moments=5)
    order = sorted(contents)
    await index_all(connection, "in order", contents, order)
    expected = await everything_of(connection, "in order")
    assert len([table for table in expected if table]) >= len(expected) - 1  # few have anchors
    again = chance.sample(order, len(order) // 2)
    await index_all(connection, "in order", contents, again)
    assert await everything_of(connection, "in order") == expected
    chance.shuffle(order)
    await index_all(connection, "in any order", contents, [*order, *chance.sample(order, 5)])
    assert await everything_of(connection, "in any order") == expected
