"""When an event is: days, zones, floating times, series and their changed dates."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.calendar_database import (
    DAILY,
    WEEKLY,
    CalendarDatabase,
    seconds,
)
from tests.unit.kinds.calendar_stores import (  # noqa: F401 -- fixtures
    AT,
    fixture_demo,
    fixture_empty,
    fixture_work,
    named,
    run,
)
from tests.unit.kinds.collected import Collected


def test_whole_days_have_days_and_no_moments(demo: Collected) -> None:
    artifact, payload = named(demo, "Engine service")
    assert payload["is_all_day"] is True
    assert (payload["first_day"], payload["last_day"]) == ("2024-08-20", "2024-08-22")
    assert "starts_at" not in payload
    assert "time_zone" not in payload
    assert artifact.occurred_at_us == 1_724_112_000_000_000


@pytest.mark.parametrize(
    ("end", "last"),
    [
        (dt.datetime(2024, 5, 2, 23, 59, 59, tzinfo=dt.UTC), "2024-05-02"),
        (dt.datetime(2024, 5, 3, tzinfo=dt.UTC), "2024-05-02"),
        (dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "2024-05-01"),
        (dt.datetime(2024, 4, 1, tzinfo=dt.UTC), "2024-05-01"),
        (None, "2024-05-01"),
    ],
)
def test_the_last_day_is_right_whether_the_end_counts_or_not(
    empty: CalendarDatabase, work: int, tmp_path: Path, end: dt.datetime | None, last: str
) -> None:
    item = empty.event(work, "Days", start=dt.date(2024, 5, 1))
    empty.set(item, end_date=None if end is None else seconds(end))
    _, payload = named(run(empty, tmp_path), "Days")
    assert (payload["first_day"], payload["last_day"]) == ("2024-05-01", last)


def test_a_floating_time_is_what_the_clock_shows(demo: Collected) -> None:
    artifact, payload = named(demo, "Anchor light on")
    assert payload["starts_local"] == "2024-08-13T20:45:00"
    assert payload["ends_local"] == "2024-08-13T21:00:00"
    assert "starts_at" not in payload
    assert "time_zone" not in payload
    assert artifact.occurred_at_us is not None


def test_the_first_day_of_2001_is_a_day_and_not_a_missing_date(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    empty.event(work, "New year", start=dt.date(2001, 1, 1))
    never = empty.event(work, "Some day", start=AT)
    empty.set(never, start_date=0.0, end_date=0.0)
    found = run(empty, tmp_path)
    assert named(found, "New year")[1]["first_day"] == "2001-01-01"
    assert named(found, "Some day")[0].occurred_at_us is None


@pytest.mark.parametrize("sentinel", [-63_114_076_800.0, 64_092_211_200.0, 1e300, "soon", b"\0"])
def test_a_stand_in_for_no_date_costs_the_date_only(
    empty: CalendarDatabase, work: int, tmp_path: Path, sentinel: object
) -> None:
    item = empty.event(work, "Never", start=AT)
    empty.set(item, start_date=sentinel)
    found = run(empty, tmp_path)
    artifact, payload = named(found, "Never")
    assert artifact.occurred_at_us is None
    assert payload["ends_at"] == "2024-05-01T13:30:00Z"
    said = "The date of a record could not be understood." in found.tally.notes
    assert said is isinstance(sentinel, str | bytes)


def test_a_series_is_one_event_with_its_rule_and_deleted_dates(demo: Collected) -> None:
    _, payload = named(demo, "Swimming with Jonas")
    (rule,) = payload["recurrences"]
    assert rule["rule"] == "FREQ=WEEKLY;UNTIL=20241219T225959Z;BYDAY=MO,TH"
    assert (rule["frequency"], rule["days"]) == ("weekly", ["MO", "TH"])
    assert rule["specifier"] == "D=0MO,0TH"
    assert payload["exceptions"] == ["2024-07-15T16:00:00Z", "2024-08-01T16:00:00Z"]


def test_a_changed_date_names_the_series_and_what_it_replaces(demo: Collected) -> None:
    series, whole = named(demo, "Swimming with Jonas")
    changed, payload = named(demo, "Swimming with Jonas (outdoor pool)")
    assert payload["series_key"] == series.key != changed.key
    assert payload["replaces"] == "2024-07-18T16:00:00Z"
    assert payload["starts_at"] == "2024-07-18T18:00:00Z"
    assert payload["uid"] == whole["uid"] == "SWIM-1"


def test_a_changed_date_that_shares_the_identity_of_its_series_is_kept(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    series = empty.event(work, "Daily", start=AT, UUID="SAME")
    empty.repeat(series, DAILY)
    for day in (1, 2):
        empty.event(
            work, f"Changed {day}", start=AT + dt.timedelta(days=day), UUID="SAME",
            orig_item_id=series, orig_date=seconds(AT + dt.timedelta(days=day)),
        )  # fmt: skip
    found = run(empty, tmp_path)
    assert len({one.key for one in found.artifacts}) == len(found.artifacts) == 3


def test_rules_of_days_and_months_are_written_as_icalendar(demo: Collected) -> None:
    _, rent = named(demo, "Rent")
    assert rent["recurrences"][0]["rule"] == "FREQ=MONTHLY;COUNT=24;BYMONTHDAY=1,-1"
    assert rent["exception_days"] == ["2024-04-01"]
    assert "exceptions" not in rent
    _, brunch = named(demo, "Brunch")
    rule = brunch["recurrences"][0]
    assert rule["rule"] == "FREQ=YEARLY;INTERVAL=2;BYMONTH=1,7;BYDAY=1SU,-1FR"


def test_a_frequency_that_nobody_knows_keeps_its_number(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    item = empty.event(work, "Odd", start=AT)
    empty.repeat(item, 9, specifier="D=0XX,+99MO,;M=0,99,x;;Z=1", interval=-3)
    empty.repeat(item, WEEKLY, specifier="BYDAY=2TU;BYMONTH=3,13", by_month_months=4)
    _, payload = named(run(empty, tmp_path), "Odd")
    odd, other = payload["recurrences"]
    assert odd["raw"] == {"frequency": 9}
    assert "rule" not in odd
    assert odd["specifier"] == "D=0XX,+99MO,;M=0,99,x;;Z=1"
    assert other["rule"] == "FREQ=WEEKLY;BYMONTH=3;BYDAY=2TU"
    assert other["raw"] == {"by_month_months": 4}


def test_the_placeholder_of_a_series_is_left_out_but_not_its_dates(demo: Collected) -> None:
    _, payload = named(demo, "Puppy school, guest lesson")
    assert payload["replaces"] == "2024-05-13T16:00:00Z"
    note = "The placeholder of a series was left out: its single dates are there."
    assert demo.tally.notes == {note: 1}
