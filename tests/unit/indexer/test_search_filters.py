"""Filters among the words of a search: strict, and errors that people understand."""

import contextlib
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.indexer.search.filters import FilterError, Filters, split_filters

KINDS = ("message", "note", "web_visit", "photo")


def day(year: int, month: int = 1, of_month: int = 1) -> dt.datetime:
    return dt.datetime(year, month, of_month, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "fields", "words"),
    [
        ("from:anna dinner", {"senders": ("anna",)}, "dinner"),
        ('dinner FROM:"Anna Maria" -late', {"senders": ("Anna Maria",)}, "dinner -late"),
        ("from:me", {"from_me": True}, ""),
        ("with:bob with:+15550142000", {"people": ("bob", "+15550142000")}, ""),
        ('in:"Family chat" "exact words" -word', {"threads": ("Family chat",)},
         '"exact words" -word'),
        ("kind:note kind:messages kind:web-visit", {"kinds": ("note", "message", "web_visit")}, ""),
        ("has:photos has:link", {"has": ("photo", "link")}, ""),
        ("is:gone cake", {"removed": "only"}, "cake"),
        ("after:2021", {"since": day(2021)}, ""),
        ("after:2021-05 before:2021-12-24",
         {"since": day(2021, 5), "until": day(2021, 12, 24)}, ""),
        ("until:2021-12", {"until": day(2022)}, ""),
        ("on:2020-02", {"since": day(2020, 2), "until": day(2020, 3)}, ""),
        ("on:2020-12-31", {"since": day(2020, 12, 31), "until": day(2021)}, ""),
        ("device:abc-1", {"device": "ABC-1"}, ""),
    ],
)  # fmt: skip
def test_filters_are_told_from_words(text: str, fields: dict[str, Any], words: str) -> None:
    assert split_filters(text, kinds=KINDS) == (Filters(**fields), words)


@pytest.mark.parametrize(
    "text",
    [
        "at 10:30", "https://example.org/a:b", "http://x", "mailto:anna@example.org", "a: b", ":)",
        '"from:anna"', 'say "kind:nothing here"', "x:y", "C:/Users", "from : anna", "Re: lake",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_filter_is_text(text: str) -> None:
    filters, words = split_filters(text, kinds=KINDS)
    assert filters.is_empty
    assert words == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("form:anna", "There is no filter form:"),
        ("kind:nite", "there are the kinds message, note"),
        ("has:nothing", "knows attachment"),
        ("is:here", "knows removed"),
        ("after:yesterday", "needs a year, a month or a day"),
        ("after:2021-13", "needs a year, a month or a day"),
        ("on:2021-02-30", "needs a year, a month or a day"),
        ("on:9999-12-31", "needs a year, a month or a day"),
        ("before:0000", "needs a year, a month or a day"),
        ('from:""', "needs something behind it"),
        ("dinner from: anna", "needs something behind it"),
        ("lake has:", "needs something behind it"),
        ("from:me from:anna", "cannot both be true"),
        ("after:2021 since:2022", "says again"),
        ("after:2022 before:2021", "leaves no time"),
        ("-from:anna", "cannot be turned round"),
        ("from:a " * 21, "at most 20 filters"),
        ("x" * 1001, "not be longer than"),
        ('"not closed from:a', "quote at character 1 is not closed"),
        ('lake "a b" -"c', "quote at character 13 is not closed"),
        ('from:"Anna', "quote at character 6 is not closed"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_an_error_in_words(text: str, said: str) -> None:
    with pytest.raises(FilterError, match=said):
        split_filters(text, kinds=KINDS)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        filters, words = split_filters(text, kinds=KINDS)
        assert not filters.is_empty or words.split() == text.split()
