"""What the indexes of words and times are asked for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.indexer.history.storage_shards import Shard
from services.indexer.search.dated import (
    MOST_MARKS,
    Marked,
    marks_between,
    pairs_of,
    without_order,
)

_MOMENT = dt.datetime(2024, 5, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("asked", "loose"),
    [
        ("'river'", "'river'"),
        ("'quiet' <-> 'later'", "'quiet' & 'later'"),
        ("'a' <-> 'b' <2> 'c' & ( 'd' | 'e' )", "'a' & 'b' & 'c' & ( 'd' | 'e' )"),
        ("'it''s <-> so' & !'b'", "'it''s <-> so' & !'b'"),
        ("'<->' <-> 'a\\\\' & 'b'", "'<->' & 'a\\\\' & 'b'"),
        ("'a' & !( 'b' <-> 'c' )", None),
        ("'a' <-> 'b!'", "'a' & 'b!'"),
    ],
)
def test_words_are_looked_for_in_any_order_where_that_finds_no_less(
    asked: str, loose: str | None
) -> None:
    assert without_order(asked) == loose


def test_longer_times_have_longer_marks_and_never_too_many() -> None:
    letters = set()
    for days in (0, 1, 10, 60, 100, 1_000, 3_000):
        marks = marks_between(_MOMENT, _MOMENT + dt.timedelta(days=days))
        if marks is not None:
            assert marks.count("|") < MOST_MARKS
            letters.add(marks[2])
    assert letters == {"d", "m"}
    assert marks is None


@pytest.mark.parametrize(
    ("asked", "pairs"),
    [
        ("'river'", []),
        ("'quiet' <-> 'later'", [("quiet", "later")]),
        ("'a' <-> 'b' <-> 'c' & ( 'd' | 'e' )", [("a", "b"), ("b", "c")]),
        ("'it''s <-> so' <-> 'b\\\\'", [("it's <-> so", "b\\")]),
        ("'a' <2> 'b' & 'c' <-> 'd':*", []),
        ("'a' <-> 'b' & !'c'", []),
    ],
)
def test_words_that_must_follow_each_other_are_told(
    asked: str, pairs: list[tuple[str, str]]
) -> None:
    assert pairs_of(asked) == pairs


def _shard(number: int, *, dated: bool = True, paired: bool = False) -> Shard:
    return Shard(
        number=number, device="d", kind="message", row_count=9, first_at=_MOMENT,
        last_at=_MOMENT + dt.timedelta(days=9_000), has_substring=True, has_words=True,
        has_dated=dated, has_paired=paired,
    )  # fmt: skip


def _asked(
    query: str,
    shards: list[Shard],
    *,
    is_anytime: bool = False,
    days: int = 1,
    has_attachment: bool = True,
) -> Any:
    marked = Marked(query, shards, pairs=["x"] * ("<->" in query), has_attachment=has_attachment,
                    has_link=False)  # fmt: skip
    numbers = [shard.number for shard in shards]
    until = _MOMENT + dt.timedelta(days=days)
    return marked.of(_MOMENT, until, numbers, is_anytime=is_anytime)


def test_an_index_is_asked_only_where_every_table_has_it() -> None:
    open_table = _shard(0, dated=False)
    marks = _asked("'a'", [open_table, _shard(1), _shard(2)])
    assert (marks.name, marks.queries[0], marks.queries[2]) == ("dated", "'a'", "'\x01a'")
    assert marks.is_exact
    assert marks.is_special
    assert _asked("'a'", [_shard(1), _shard(2, dated=False)]) is None
    assert _asked("'a'", [open_table]) is None
    # Too long a time has too many marks, and all of time has none; others help all the same.
    assert _asked("'a'", [_shard(1)], days=5_000).queries == ["'a'", "'\x01a'"]
    assert _asked("'a'", [_shard(1)], is_anytime=True).queries == ["'a'", "'\x01a'"]
    assert _asked("'a'", [_shard(1)], days=5_000, has_attachment=False) is None
    assert _asked("'a'", [_shard(1)], is_anytime=True, has_attachment=False) is None
    both = [_shard(1, paired=True), _shard(2, paired=True)]
    assert [len(_asked("'a' <-> 'b'", both, days=days).queries) for days in (1, 5_000)] == [2, 1]
    assert _asked("'a' <-> 'b'", both, is_anytime=True).name == "paired"
    loose = _asked("'a' <-> 'b'", [*both, _shard(3)])
    assert (loose.name, loose.is_exact) == ("dated", False)
