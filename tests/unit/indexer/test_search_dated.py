"""What the indexes of words and times are asked for."""

from __future__ import annotations

import datetime as dt

import pytest

from services.indexer.search.dated import MOST_MARKS, marks_between, marks_of, without_order

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


def test_nothing_special_needs_no_mark() -> None:
    assert marks_of(has_attachment=False, has_link=False) == ""
    assert marks_of(has_attachment=True, has_link=True) == "'\x01a' & '\x01l'"
