"""Calendars with parts that are missing, damaged, doubled or hostile."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path

import pytest

from deploy.demo.calendar_database import (
    SUBSCRIBED,
    CalendarDatabase,
)
from deploy.demo.calendar_events import demo_calendar
from deploy.demo.reminders import old_tasks
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.calendar_stores import AT, STORE, fixture_empty, fixture_work, named, run  # noqa: F401 -- fixtures
from tests.unit.kinds.collected import parse


def test_an_event_whose_calendar_is_gone_stands_alone(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    empty.event(999, "Lost", start=AT, location_id=77, organizer_id=88, orig_item_id=99)
    artifact, payload = named(run(empty, tmp_path), "Lost")
    assert artifact.thread_key is None
    assert not {"calendar", "place", "organiser", "series_key"} & payload.keys()


def test_numbers_without_a_word_are_kept(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    item = empty.event(
        work, "Odd", start=AT, status=7, availability=8, invitation_status=3, hidden=1,
        junk_status=1, suggested_event_info_id=5, travel_time=-4, priority=9,
    )  # fmt: skip
    empty.alarm(item, type=12, proximity=6, trigger_interval=2**31 - 1, disabled=1)
    _, payload = named(run(empty, tmp_path), "Odd")
    assert payload["raw"] == {"status": 7, "availability": 8, "invitation_status": 3}
    assert payload["is_hidden"] is payload["is_junk"] is payload["is_suggested"] is True
    assert "travel_seconds" not in payload
    (alarm,) = payload["alarms"]
    assert alarm["raw"] == {"type": 12, "proximity": 6, "trigger_interval": 2**31 - 1}
    assert alarm["is_off"] is True


def test_calendars_of_an_account_that_is_off_are_marked(
    empty: CalendarDatabase, tmp_path: Path
) -> None:
    off = empty.calendar(empty.account("Old", type_=SUBSCRIBED, disabled=1), "Old", color="red")
    empty.event(off, "Still there", start=AT)
    _, payload = named(run(empty, tmp_path), "Still there")
    assert payload["calendar"]["is_off"] is True
    assert "colour" not in payload["calendar"]


def test_reminders_of_old_phones_are_no_events(tmp_path: Path) -> None:
    found = run(old_tasks(), tmp_path)
    assert [one.title for one in found.artifacts] == ["Picnic"]
    assert [thread.title for thread in found.threads] == ["Family"]
    assert found.tally.read == 1


def test_one_identity_in_several_databases_counts_once_and_the_main_one_first(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    empty.event(work, "Main", start=AT, UUID="A")
    other = CalendarDatabase()
    of = other.calendar(other.account("Cloud"), "Aux")
    other.event(of, "Copy", start=AT, UUID="A")
    other.event(of, "Own", start=AT, UUID="B")
    found = parse(
        "calendar_event",
        {
            "HomeDomain/Library/Calendar/Aux1.sqlitedb": other.to_bytes(),
            STORE: empty.to_bytes(),
            "HomeDomain/Library/Calendar/Broken.sqlitedb": b"no database",
        },
        tmp_path,
    )
    assert [one.title for one in found.artifacts] == ["Main", "Own"]
    assert found.tally.notes == {"Several records claim the same identity.": 1}


def test_a_further_database_that_is_nowhere_is_missed(tmp_path: Path) -> None:
    database = demo_calendar()
    database.execute("create table AuxDatabase (path text)")
    for path in ("/private/var/mobile/Library/Calendar/Aux7.sqlitedb", None, "Calendar.sqlitedb"):
        database.execute("insert into AuxDatabase values (?)", (path,))
    notes = run(database, tmp_path).tally.notes
    assert notes["The calendar names a further database that was not found."] == 1


def test_events_without_an_identity_get_one_of_what_they_say(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    for title in ("One", "Two"):
        empty.event(work, title, start=AT, UUID=None, unique_identifier=None)
    empty.event(work, "Three", start=AT, UUID=None, unique_identifier="U")
    keys = [one.key for one in run(empty, tmp_path).artifacts]
    assert len(set(keys)) == 3
    assert [one.key for one in run(empty, tmp_path).artifacts] == keys


def test_a_table_that_is_missing_costs_what_it_holds(tmp_path: Path) -> None:
    content = demo_calendar().to_bytes()
    for table in (
        "Store", "Calendar", "Participant", "Identity", "Location", "Recurrence",
        "ExceptionDate", "Alarm", "Attachment", "AttachmentFile", "Conference", "Category",
        "CategoryLink", "Sharee", "Notification",
    ):  # fmt: skip
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(content)
            connection.execute(f"drop table {table}")
            found = run(connection.serialize(), tmp_path)
        assert len(found.artifacts) >= 15, table
        assert found.tally.undecodable == 0, table


def test_every_column_may_be_missing(tmp_path: Path) -> None:
    database = CalendarDatabase()
    database.execute("drop table CalendarItem")
    database.execute("create table CalendarItem (ROWID integer primary key, summary text)")
    database.execute("insert into CalendarItem values (1, 'Alone')")
    (only,) = run(database, tmp_path).artifacts
    assert only.title == "Alone"
    assert only.occurred_at_us is None


def test_a_damaged_page_costs_what_is_on_it(tmp_path: Path) -> None:
    database = CalendarDatabase()
    work = database.calendar(database.account("Cloud"), "Work")
    for number in range(400):
        database.event(work, f"Event {number}", start=AT + dt.timedelta(hours=number))
    content = bytearray(database.to_bytes())
    size = int.from_bytes(content[16:18], "big")
    middle = content.index(b"Event 200") // size * size
    content[middle : middle + size] = b"\xff" * size
    found = run(bytes(content), tmp_path)
    assert 300 < len(found.artifacts) < 400
    assert "Part of a table is damaged; what could be read was read." in found.tally.notes


@pytest.mark.parametrize(
    "content",
    [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 600],
    ids=["empty", "text", "damaged"],
)
def test_what_is_no_calendar_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match=r"The (file|database) .*\."):
        run(content, tmp_path)


def test_hostile_text_stays_text_and_long_text_is_cut(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    item = empty.event(
        work, "<b>\0\u202e", start=AT, description="x" * 500_000, zone="../../etc/passwd" * 20
    )
    for number in range(3000):
        empty.skip(item, AT + dt.timedelta(days=number))
    found = run(empty, tmp_path)
    payload = found.payload(found.artifacts[0].key)
    assert len(payload["notes"]) == 200_000
    assert "time_zone" not in payload
    assert len(payload["exceptions"]) == 2000
    assert "A record claims to have more parts than any has." in found.tally.notes
