"""What rules ask of a backup, and when the next night is."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from services.indexer.rules.nightly import next_nightly, read_clock
from services.indexer.rules.wanted import lacking_kinds, wanted_kinds
from shared.contracts.identifiers import Udid
from shared.contracts.index_rules import IndexRule

KNOWN = ("contact", "message", "note")
PHONE, PAD = Udid("00008110-000A1B2C3D4E5F60"), Udid("00008110-000A1B2C3D4E5F61")


def rule(
    device: Udid | None = None, kinds: list[str] | None = None, *, enabled: bool = True
) -> IndexRule:
    return IndexRule(
        id="b7c1f0de-6a0b-4c64-9d39-6d3d2f9f1a77",
        device=device,
        kinds=kinds,
        enabled=enabled,
        created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        pytest.param([], (), id="no rule"),
        pytest.param([rule()], KNOWN, id="everything"),
        pytest.param([rule(enabled=False)], (), id="switched off"),
        pytest.param([rule(PAD)], (), id="another device"),
        pytest.param([rule(PHONE, ["note", "contact"])], ("contact", "note"), id="known order"),
        pytest.param(
            [rule(kinds=["note"]), rule(PHONE, ["contact"])], ("contact", "note"), id="or"
        ),
        pytest.param([rule(kinds=["note"]), rule(PHONE)], KNOWN, id="all and some are all"),
        pytest.param([rule(kinds=["fax"])], (), id="a kind of another version"),
    ],
)
def test_a_backup_is_read_for_what_any_rule_wants_of_its_device(
    rules: list[IndexRule], wanted: tuple[str, ...]
) -> None:
    assert wanted_kinds(rules, device=PHONE, known=KNOWN) == wanted


def test_a_kind_is_lacking_until_the_parser_of_today_has_read_it() -> None:
    versions = {"contact": 2, "message": 7, "note": 1}
    read_by = {"contact": 1, "message": 7}
    assert lacking_kinds(KNOWN, versions=versions, read_by=read_by) == ("contact", "note")
    assert lacking_kinds(("message",), versions=versions, read_by=read_by) == ()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        pytest.param("2026-01-10T01:00", "2026-01-10T02:30", id="tonight"),
        pytest.param("2026-01-10T02:30", "2026-01-11T02:30", id="not twice"),
        pytest.param("2026-07-10T12:00", "2026-07-11T01:30", id="summer time"),
        pytest.param("2026-10-24T12:00", "2026-10-25T02:30", id="the night of the long hour"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_the_night_is_the_next_time_that_the_clock_on_the_wall_shows_it(
    moment: str, due: str
) -> None:
    assert next_nightly(read_clock("03:30"), utc(moment)) == utc(due)


@pytest.mark.usefixtures("berlin")
def test_an_hour_that_the_clocks_leave_out_is_no_reason_to_miss_a_night() -> None:
    moment = utc("2026-03-28T23:30")
    due = next_nightly(read_clock("02:30"), moment)
    assert due is not None
    assert dt.timedelta(0) < due - moment < dt.timedelta(hours=3)


def test_there_is_no_night_when_it_is_switched_off() -> None:
    assert next_nightly(read_clock("off"), utc("2026-01-10T01:00")) is None
