"""Reminders that are damaged, doubled, nonsense or kept under other names."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from deploy.demo.calendar_database import CalendarDatabase
from deploy.demo.reminders import (
    DOMAIN,
    LOCAL,
    demo_cloud,
)
from deploy.demo.reminders_database import DAILY, RemindersDatabase
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.kinds.reminder.alarms import clock_of, early_alarms
from tests.unit.kinds.collected import parse
from tests.unit.kinds.reminder_stores import STORE, fixture_empty, named, run  # noqa: F401 -- a fixture


@pytest.mark.parametrize(
    "data",
    [None, b"", b"{", "[]", b"\xff\xfe", b'{"dueDateDeltaAlerts": [{}]}', b"[" * 60_000, 5],
)
def test_early_reminders_that_are_none_are_left_out(data: object) -> None:
    assert early_alarms(data) == ()


def test_an_early_reminder_in_an_unknown_unit_keeps_it() -> None:
    said = {"dueDateDeltaAlerts": [{"dueDateDeltaUnit": 9, "dueDateDeltaCount": 2**40}]}
    (alarm,) = early_alarms(json.dumps(said))
    assert alarm.raw == {"unit": 9}


@pytest.mark.parametrize(
    "data",
    [
        {"year": 2024, "month": 13, "day": 1},
        {"year": 10**30, "month": 1, "day": 1},
        {"year": 2024, "month": 2, "day": 30},
        {"year": "x", "month": 1, "day": 1},
        {"month": 1, "day": 1},
        {"year": 2024, "month": 1, "day": 1, "hour": 99},
    ],
)
def test_a_time_that_no_clock_shows_is_none(data: dict[str, object]) -> None:
    assert clock_of(json.dumps(data).encode()) == (None, None)


def test_damaged_sections_cost_the_headings_only(tmp_path: Path) -> None:
    store = demo_cloud()
    store.execute("update ZREMCDBASELIST set ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA = x'7b00ff'")
    found = run(store, tmp_path)
    assert len(found.artifacts) == 7
    assert "The sections of a list of reminders could not be read." in found.tally.notes


def test_a_rule_of_nonsense_costs_its_parts(empty: RemindersDatabase, tmp_path: Path) -> None:
    item = empty.reminder(None, "Odd")
    empty.repeat(
        item, DAILY, ZDAYSOFTHEWEEK=[9, "x", {"dayOfTheWeek": None}, 3, None],
        ZDAYSOFTHEMONTH=[0, 99, 1.5, "7"], ZMONTHSOFTHEYEAR=b"\xff", ZSETPOSITIONS="{}",
        ZINTERVAL="often",
    )  # fmt: skip
    empty.repeat(item, 77)
    _, payload = named(run(empty, tmp_path), "Odd")
    daily, unknown = payload["recurrences"]
    assert daily["rule"] == "FREQ=DAILY;BYMONTHDAY=1,7;BYDAY=TU"
    assert unknown == {"raw": {"frequency": 77}}


def test_entities_are_known_by_what_they_have_where_the_store_names_none(tmp_path: Path) -> None:
    store = demo_cloud()
    store.execute("delete from Z_PRIMARYKEY")
    _, payload = named(run(store, tmp_path), "Varnish the deck")
    assert payload["tags"] == ["boat", "Grüße"]
    assert len(payload["alarms"]) == 7
    assert len(payload["files"]) == 2


def test_columns_of_other_digits_are_found(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(demo_cloud().to_bytes())
        for old, new in (
            ("ZTRIGGER", "Z16_TRIGGER"), ("ZREMINDER3", "ZREMINDER17"), ("ZADDRESS1", "ZADDRESS9"),
        ):  # fmt: skip
            connection.execute(f"alter table ZREMCDOBJECT rename column {old} to {new}")
        found = run(connection.serialize(), tmp_path)
    _, payload = named(found, "Varnish the deck")
    assert payload["tags"] == ["boat", "Grüße"]
    assert len(payload["alarms"]) == 7
    assert named(found, "Oat milk for 由紀")[1]["assignees"][0]["handle"] == "jonas@example.com"


def test_one_broken_store_costs_itself(tmp_path: Path) -> None:
    stores: dict[str, bytes | Path] = {
        STORE: demo_cloud().to_bytes(), f"{DOMAIN}/{LOCAL}": b"broken",
    }  # fmt: skip
    found = parse("reminder", stores, tmp_path)
    assert len(found.artifacts) == 7
    assert found.tally.notes == {"One of several stores of reminders could not be read.": 1}


@pytest.mark.parametrize("content", [b"", b"no database", CalendarDatabase().to_bytes()])
def test_what_is_no_store_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match=r"The (file|database) .*\."):
        run(content, tmp_path)


def test_an_identity_that_comes_again_counts_once(tmp_path: Path) -> None:
    content = demo_cloud().to_bytes()
    found = parse("reminder", {STORE: content, f"{DOMAIN}/{LOCAL}": content}, tmp_path)
    assert len(found.artifacts) == 7
    assert found.tally.notes == {"Several records claim the same identity.": 7}


def test_a_reminder_without_an_identity_gets_one_of_what_never_changes(
    empty: RemindersDatabase, tmp_path: Path
) -> None:
    empty.reminder(None, "One", ZIDENTIFIER=None, ZCKIDENTIFIER=None)
    empty.reminder(None, "Two", ZIDENTIFIER=b"short", ZCKIDENTIFIER="CK-2")
    one, two = run(empty, tmp_path).artifacts
    assert one.key.startswith("digest:")
    assert two.key == "CK-2"


def test_a_table_that_is_missing_costs_what_it_holds(tmp_path: Path) -> None:
    content = demo_cloud().to_bytes()
    for table in (
        "Z_PRIMARYKEY", "ZREMCDBASELIST", "ZREMCDBASESECTION", "ZREMCDOBJECT", "ZREMCDHASHTAGLABEL",
    ):  # fmt: skip
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(content)
            connection.execute(f"drop table {table}")
            found = run(connection.serialize(), tmp_path)
        assert len(found.artifacts) == 7, table
        assert found.tally.undecodable == 0, table


def test_groups_that_lie_in_each_other_end_somewhere(
    empty: RemindersDatabase, tmp_path: Path
) -> None:
    first = empty.list("A", ZISGROUP=1)
    second = empty.list("B", ZISGROUP=1, ZPARENTLIST=first)
    empty.execute("update ZREMCDBASELIST set ZPARENTLIST = ? where Z_PK = ?", (second, first))
    empty.reminder(empty.list("C", ZPARENTLIST=second), "Lost in groups")
    _, payload = named(run(empty, tmp_path), "Lost in groups")
    assert payload["list"]["groups"] == ["A", "B"]


def test_text_in_place_of_dates_and_numbers_costs_these_only(
    empty: RemindersDatabase, tmp_path: Path
) -> None:
    empty.reminder(
        77, "Odd", ZDUEDATE="tomorrow", ZCREATIONDATE=b"\0", ZPRIORITY=44, ZFLAGGED="no",
        ZPARENTREMINDER="x", ZTIMEZONE="z" * 500, ZNOTES="n" * 300_000,
    )  # fmt: skip
    found = run(empty, tmp_path)
    artifact, payload = named(found, "Odd")
    assert artifact.occurred_at_us is None
    assert payload["raw"] == {"priority": 44}
    assert len(payload["notes"]) == 200_000
    assert not {"list", "time_zone", "parent_key", "is_flagged"} & payload.keys()
    assert found.tally.notes == {"The date of a record could not be understood.": 1}
