from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import (
    Span,
    UnsatisfiableRangeError,
    http_date,
    is_unchanged,
    parse_range,
    quoted_etag,
    range_still_holds,
)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-", Span(0, 10)),
        ("bytes=3-5", Span(3, 6)),
        ("bytes=3-500", Span(3, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-300", Span(0, 10)),
        ("bytes = 1 - 2", Span(1, 3)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-3", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("bytes=99999999999999999999999-", None),
    ],
)
def test_one_span_is_read_and_everything_else_means_the_whole(
    header: str | None, span: Span | None
) -> None:
    assert parse_range(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_a_span_outside_of_the_content_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, 10)


def test_no_span_of_an_empty_file_can_be_satisfied() -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range("bytes=0-", 0)


@given(st.text(max_size=40), st.integers(0, 10**15))
def test_whatever_is_sent_the_span_lies_inside(header: str, size: int) -> None:
    try:
        span = parse_range(f"bytes={header}", size)
    except UnsatisfiableRangeError:
        return
    assert span is None or 0 <= span.start < span.stop <= size


def test_etags_get_their_quotes_and_lose_what_a_header_cannot_hold() -> None:
    assert quoted_etag("abc") == '"abc"'
    assert quoted_etag('"abc"') == '"abc"'
    assert quoted_etag('a"b\r\nSet-Cookie: x') == '"abSet-Cookie:x"'


def test_if_none_match_compares_weakly_and_takes_lists() -> None:
    assert is_unchanged('"a"', '"a"')
    assert is_unchanged('W/"a"', '"a"')
    assert is_unchanged('"b", "a"', '"a"')
    assert is_unchanged("*", '"a"')
    assert not is_unchanged('"b"', '"a"')
    assert not is_unchanged(None, '"a"')


def test_a_partial_download_goes_on_only_when_the_content_is_surely_the_same() -> None:
    moment = dt.datetime(2024, 5, 31, 18, 0, 0, 500, tzinfo=dt.UTC)
    assert range_still_holds(None, '"a"', None)
    assert range_still_holds('"a"', '"a"', None)
    assert not range_still_holds('"b"', '"a"', None)
    assert not range_still_holds('W/"a"', 'W/"a"', None)
    assert range_still_holds(http_date(moment), '"a"', moment)
    assert not range_still_holds(http_date(moment), '"a"', moment + dt.timedelta(seconds=1))
    assert not range_still_holds("nonsense", '"a"', moment)


@pytest.mark.parametrize(
    "header",
    ["Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +9" + "9" * 18],
)
def test_a_date_that_no_calendar_holds_does_not_match(header: str) -> None:
    assert not range_still_holds(header, '"a"', dt.datetime(1994, 11, 6, tzinfo=dt.UTC))
