from __future__ import annotations

import datetime as dt

import pytest

from gateway.moments import parse_moment
from shared.contracts.problems import ProblemError


def test_times_are_read_as_people_and_programs_write_them() -> None:
    noon = dt.datetime(2024, 5, 31, 12, tzinfo=dt.UTC)
    for text in ("2024-05-31T12:00:00Z", "2024-05-31T14:00:00+02:00", "2024-05-31T14:00:00 02:00"):
        assert parse_moment(text, "from") == noon
    assert parse_moment("2024-05-31T12:00:00", "from") == noon
    assert parse_moment(None, "from") is None


def test_a_bare_date_as_an_end_includes_that_day() -> None:
    assert parse_moment("2024-05-31", "from") == dt.datetime(2024, 5, 31, tzinfo=dt.UTC)
    assert parse_moment("2024-05-31", "to", end_of_day=True) == dt.datetime(
        2024, 6, 1, tzinfo=dt.UTC
    )


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "9999-12-31", ""])
def test_what_is_no_time_is_refused_by_the_parameters_name(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_moment(text, "to", end_of_day=True)
    assert refused.value.problem.fields == {"parameter": "to"}


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_zone_that_leads_out_of_the_calendar_is_no_time(text: str) -> None:
    with pytest.raises(ProblemError):
        parse_moment(text, "from")
