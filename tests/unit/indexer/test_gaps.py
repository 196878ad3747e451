"""Gaps, against a model that asks of every moment which revisions tell of it."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.history.gaps import TRASHED_KINDS, Coverage, Gap, covered_since, find_gaps
from services.indexer.history.reasons import TRASH_DAYS

EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def day(number: float) -> dt.datetime:
    return EPOCH + dt.timedelta(days=number)


def coverage(kind: str, since: float | None, taken_at: float) -> Coverage:
    return Coverage(kind, None if since is None else day(since), day(taken_at))


def test_what_fell_off_the_list_between_two_backups_is_a_gap() -> None:
    known = [coverage("call", 0, 100), coverage("call", 160, 200), coverage("call", 190, 210)]
    assert find_gaps(known) == [Gap("call", day(100), day(160), "nothing")]


def test_backups_that_follow_each_other_closely_leave_none() -> None:
    known = [coverage("message", n * 20 - 30, n * 20) for n in range(10)]
    assert find_gaps(known) == []


def test_a_phone_that_keeps_everything_has_no_gaps_but_times_of_survivors() -> None:
    known = [coverage("note", None, 0), coverage("note", None, 20), coverage("note", None, 100)]
    assert find_gaps(known) == []
    assert find_gaps(known, with_survivors=True) == [Gap("note", day(20), day(70), "survivors")]
    contacts = [one._replace(kind="contact") for one in known]
    assert find_gaps(contacts, with_survivors=True) == [
        Gap("contact", day(0), day(20), "survivors"),
        Gap("contact", day(20), day(100), "survivors"),
    ]


def test_a_backup_of_another_phone_of_the_lineage_fills_a_gap() -> None:
    old = [coverage("call", 0, 100)]
    new = [coverage("call", 160, 200)]
    between = [coverage("call", 90, 165)]
    assert len(find_gaps([*old, *new])) == 1
    assert find_gaps([*old, *new, *between]) == []


@pytest.mark.parametrize(
    ("kind", "oldest", "keeps", "expected"),
    [
        ("note", 3, None, None),
        ("call", 3, None, 3),
        ("call", None, None, 100),  # an empty list tells nothing
        ("call", 500, None, 100),  # of a clock that was wrong
        ("message", 3, None, None),
        ("message", 3, 0, None),
        ("message", 3, 30, 70),
    ],
)
def test_what_a_revision_covers_follows_from_its_kind_and_its_settings(
    kind: str, oldest: int | None, keeps: int | None, expected: int | None
) -> None:
    oldest_at = None if oldest is None else day(oldest)
    since = covered_since(kind, day(100), oldest_at=oldest_at, keeps_days=keeps)
    assert since == (None if expected is None else day(expected))


def test_a_clock_at_the_first_year_covers_everything() -> None:
    first = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
    assert covered_since("message", first, oldest_at=None, keeps_days=365) is None


SPANS = st.lists(
    st.tuples(
        st.sampled_from(["call", "note"]),
        st.integers(0, 60),
        st.one_of(st.none(), st.integers(0, 60)),
    ).map(lambda one: coverage(one[0], None if one[2] is None else one[1] - one[2], one[1])),
    max_size=7,
)


def holds(spans: list[Coverage], moment: dt.datetime) -> str | None:
    """What is known of a moment that is no border: all (None), survivors, nothing; or outside."""
    if not spans or moment > max(one.taken_at for one in spans):
        return None
    covering = [
        one for one in spans if (one.since is None or one.since < moment) and moment < one.taken_at
    ]
    if not covering:
        begins = [one.since for one in spans if one.since is not None]
        covered = len(begins) < len(spans) or min(begins) < moment
        return "nothing" if covered else None
    following = min(one.taken_at for one in spans if one.taken_at > moment)
    days = TRASH_DAYS if spans[0].kind in TRASHED_KINDS else 0
    has_before = any(one.taken_at < moment for one in spans)
    seen = following - dt.timedelta(days=days) < moment
    return None if seen or not has_before else "survivors"


@given(SPANS, st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_every_moment_lies_in_the_gap_that_the_revisions_say(
    spans: list[Coverage], chance: object
) -> None:
    shuffled = list(spans)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    found = find_gaps(shuffled, with_survivors=True)
    assert found == find_gaps(spans, with_survivors=True)
    assert [gap for gap in found if gap.holds == "nothing"] == find_gaps(spans)
    for kind in ("call", "note"):
        of_kind = [one for one in spans if one.kind == kind]
        gaps = [gap for gap in found if gap.kind == kind]
        assert all(gap.since < gap.until for gap in gaps)
        assert all(one.until <= other.since for one, other in pairwise(gaps)), gaps
        for step in range(-70, 62):
            moment = day(step + 0.5)
            around = [gap.holds for gap in gaps if gap.since < moment < gap.until]
            expected = holds(of_kind, moment)
            assert around == ([] if expected is None else [expected]), (moment, gaps)


@given(SPANS, SPANS)
@settings(max_examples=150, deadline=None)
def test_another_revision_never_opens_a_gap_inside_of_what_was_covered(
    spans: list[Coverage], more: list[Coverage]
) -> None:
    newest = {one.kind: max(s.taken_at for s in spans if s.kind == one.kind) for one in spans}
    before = find_gaps(spans)
    for gap in find_gaps([*spans, *more]):
        if gap.kind in newest and gap.until <= newest[gap.kind]:
            begins = [one.since for one in spans if one.kind == gap.kind]
            outside = None not in begins and gap.since < min(b for b in begins if b is not None)
            inside = any(
                old.kind == gap.kind and old.since <= gap.since and gap.until <= old.until
                for old in before
            )
            assert inside or outside
