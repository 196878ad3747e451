"""Reminders: when they are due, in which list, whose they are, and those of old phones."""

from __future__ import annotations

import datetime as dt
import plistlib
from pathlib import Path

import pytest

from deploy.demo.calendar_database import CalendarDatabase
from deploy.demo.reminders import (
    DOMAIN,
    PICTURE,
    demo_cloud,
    demo_files,
    old_tasks,
)
from deploy.demo.reminders_database import DAILY, RemindersDatabase, seconds
from services.indexer.kinds.backup_files import NOT_DOWNLOADED
from services.indexer.kinds.reminder.alarms import clock_of
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.reminder_stores import (  # noqa: F401 -- fixtures
    CALENDAR,
    STORE,
    fixture_demo,
    fixture_empty,
    fixture_newest,
    named,
    run,
)


def test_every_reminder_of_every_account_is_read(demo: Collected) -> None:
    assert len(demo.artifacts) == demo.tally.read == 8
    assert (demo.tally.skipped, demo.tally.undecodable, demo.tally.notes) == (0, 0, {})
    assert len({one.key for one in demo.artifacts}) == 8


def test_a_store_is_read_in_the_order_of_when_things_are_due_or_were_done(
    newest: Collected,
) -> None:
    moments = [one.occurred_at_us or 0 for one in newest.artifacts]
    assert moments == sorted(moments)


def test_a_reminder_has_its_time_state_words_and_addresses(demo: Collected) -> None:
    artifact, payload = named(demo, "Varnish the deck")
    assert payload["due_at"] == "2024-08-10T07:00:00Z"
    assert payload["shown_at"] == "2024-08-10T06:45:00Z"
    assert payload["time_zone"] == "Europe/Zurich"
    assert artifact.occurred_at_us == 1_723_273_200_000_000
    assert (payload["priority"], payload["is_flagged"]) == ("high", True)
    assert payload["tags"] == ["boat", "Grüße"]
    assert payload["urls"] == [
        "https://boats.example.org/paint", "https://paint.example.com/clear",
    ]  # fmt: skip
    assert artifact.has_link is True
    assert "is_completed" not in payload
    for word in ("Varnish", "coats", "#Grüße", "paint.example.com", "Enge", "Boat"):
        assert word in (artifact.text or "")


def test_alarms_by_time_clock_place_and_car_are_told_apart(demo: Collected) -> None:
    _, payload = named(demo, "Varnish the deck")
    before, clock, arrive, leave, car = payload["alarms"][:5]
    assert before == {"offset_seconds": -1800}
    assert clock == {"at_local": "2024-08-10T08:30:00", "time_zone": "Europe/Zurich"}
    assert arrive["proximity"] == "arrive"
    assert arrive["place"] == {
        "title": "Bootswerft Enge", "address": "Mythenquai 9, 8002 Zürich",
        "latitude": 47.3547, "longitude": 8.5312, "radius_metres": 100.0,
    }  # fmt: skip
    assert leave["proximity"] == "leave"
    assert car == {"proximity": "car_connected"}


def test_early_reminders_and_urgency_are_of_newer_phones(newest: Collected) -> None:
    _, payload = named(newest, "Varnish the deck")
    assert payload["alarms"][5:] == [{"offset_seconds": -900}, {"offset_months": -1}]
    assert payload["is_urgent"] is True


def test_a_time_by_the_clock_may_be_a_keyed_archive() -> None:
    archive = {
        "$archiver": "NSKeyedArchiver",
        "$version": 100_000,
        "$top": {"root": plistlib.UID(1)},
        "$objects": [
            "$null",
            {"NS.year": 2019, "NS.month": 10, "NS.day": 3, "NS.hour": 7, "NS.minute": 5,
             "NS.timezone": plistlib.UID(2), "$class": plistlib.UID(3)},
            {"NS.name": "Asia/Tokyo", "$class": plistlib.UID(4)},
            {"$classname": "NSDateComponents"},
            {"$classname": "NSTimeZone"},
        ],
    }  # fmt: skip
    data = plistlib.dumps(archive, fmt=plistlib.FMT_BINARY)
    assert clock_of(data) == ("2019-10-03T07:05:00", "Asia/Tokyo")


def test_lists_are_threads_and_smart_lists_are_not(demo: Collected) -> None:
    threads = {thread.title: thread for thread in demo.threads}
    assert set(threads) == {"Boat", "Groceries", "Reminders"}
    assert threads["Groceries"].is_group is True
    assert threads["Groceries"].participants == ["jonas@example.com"]
    artifact, payload = named(demo, "Dog food")
    assert artifact.thread_key == threads["Groceries"].key == payload["list"]["key"]
    assert payload["list"]["groups"] == ["Around the house"]
    assert payload["list"]["account"] == "Home account"
    assert payload["list"]["is_shared"] is True
    assert named(demo, "Varnish the deck")[1]["list"]["emblem"] == "⛵"
    _, local = named(demo, "Call Dr. Größl about Pixel")
    assert (local["list"]["title"], local["list"]["account"]) == ("Reminders", "On My iPhone")


def test_sections_are_the_headings_of_a_list(newest: Collected) -> None:
    sections = {
        one.title: newest.payload(one.key).get("section")
        for one in newest.artifacts
        if newest.payload(one.key)["list"]["title"] == "Boat"
    }
    assert sections == {
        "Varnish the deck": "Before the season",
        "Sand it first": "Before the season",
        "Check the bilge pump": "Every month",
        "Sell the old outboard": None,
    }


def test_a_subtask_names_what_it_is_a_part_of(demo: Collected) -> None:
    whole, _ = named(demo, "Varnish the deck")
    assert named(demo, "Sand it first")[1]["parent_key"] == whole.key


def test_whole_days_are_days_in_any_zone(demo: Collected) -> None:
    _, payload = named(demo, "Check the bilge pump")
    # Midnight in Zurich is ten in the evening of the day before in UTC.
    assert (payload["due_day"], payload["is_all_day"]) == ("2024-08-16", True)
    assert "due_at" not in payload


@pytest.mark.parametrize("hours", [-11, -5, 0, 2, 9, 12])
def test_the_day_is_that_of_the_nearest_midnight(
    empty: RemindersDatabase, tmp_path: Path, hours: int
) -> None:
    midnight = dt.datetime(2024, 5, 1, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
    empty.reminder(None, "Day", ZALLDAY=1, ZDUEDATE=seconds(midnight))
    assert named(run(empty, tmp_path), "Day")[1]["due_day"] == "2024-05-01"


def test_rules_of_repetition_are_written_as_icalendar(demo: Collected) -> None:
    _, pump = named(demo, "Check the bilge pump")
    rule = "FREQ=MONTHLY;INTERVAL=2;COUNT=12;BYMONTH=4,8;BYMONTHDAY=15,-1"
    assert pump["recurrences"][0]["rule"] == rule
    _, milk = named(demo, "Oat milk for 由紀")
    (weekly,) = milk["recurrences"]
    assert weekly["rule"] == "FREQ=WEEKLY;UNTIL=20241224T000000Z;BYDAY=SA,1MO"


def test_who_has_to_do_it_is_known_by_name_and_address(demo: Collected) -> None:
    artifact, payload = named(demo, "Oat milk for 由紀")
    assert payload["assignees"] == [
        {
            "name": "Jonas Sandoval",
            "address": "Jonas@example.com",
            "handle": "jonas@example.com",
            "assigned_at": "2024-07-01T08:00:00Z",
        }
    ]
    assert "Jonas Sandoval" in (artifact.text or "")


def test_pictures_are_found_by_what_they_contain(demo: Collected) -> None:
    artifact, payload = named(demo, "Varnish the deck")
    there, gone = artifact.attachments
    assert (there.name, there.present, there.size_bytes) == ("Deck before.png", True, 321)
    assert (there.domain, there.relative_path) == (DOMAIN, PICTURE)
    assert (gone.name, gone.present, gone.reason) == ("Old photo.png", False, NOT_DOWNLOADED)
    assert payload["files"][0] == {"n": 0, "uti": "public.png", "width": 96, "height": 96}
    assert demo.tally.missing_files == 1


def test_done_and_deleted_ones_stay_with_their_state(demo: Collected) -> None:
    artifact, done = named(demo, "Dog food")
    assert (done["is_completed"], done["completed_at"]) == (True, "2024-07-30T17:05:00Z")
    assert artifact.occurred_at_us == 1_722_359_100_000_000
    _, deleted = named(demo, "Sell the old outboard")
    assert (deleted["is_deleted"], deleted["priority"]) == (True, "medium")


def test_what_was_taken_off_a_reminder_is_not_on_it(
    empty: RemindersDatabase, tmp_path: Path
) -> None:
    item = empty.reminder(None, "Plain")
    empty.tag(item, "old")
    empty.repeat(item, DAILY)
    empty.execute("update ZREMCDOBJECT set ZMARKEDFORDELETION = 1")
    _, payload = named(run(empty, tmp_path), "Plain")
    assert not {"tags", "recurrences"} & payload.keys()


def test_a_deleted_reminder_keeps_what_was_deleted_with_it(
    empty: RemindersDatabase, tmp_path: Path
) -> None:
    empty.tag(empty.reminder(None, "Gone", ZMARKEDFORDELETION=1), "old")
    empty.execute("update ZREMCDOBJECT set ZMARKEDFORDELETION = 1")
    assert named(run(empty, tmp_path), "Gone")[1]["tags"] == ["old"]


def test_reminders_of_old_phones_come_from_the_calendar(tmp_path: Path) -> None:
    found = parse("reminder", {CALENDAR: old_tasks().to_bytes()}, tmp_path)
    assert [one.title for one in found.artifacts] == [
        "Water the plants", "Tax return", "Winter tyres",
    ]  # fmt: skip
    assert [thread.title for thread in found.threads] == ["Chores"]
    _, tyres = named(found, "Winter tyres")
    assert tyres["due_at"] == "2018-10-20T06:00:00Z"
    assert tyres["recurrences"][0]["rule"] == "FREQ=YEARLY;BYMONTH=10"
    at, leave = tyres["alarms"]
    assert at["at"] == "2018-10-20T06:00:00Z"
    assert (leave["proximity"], leave["place"]["title"]) == ("leave", "Office")
    assert (tyres["priority"], tyres["is_old_form"]) == ("high", True)
    assert tyres["urls"] == ["https://tyres.example.org"]
    assert named(found, "Tax return")[1]["due_day"] == "2018-06-30"
    assert named(found, "Water the plants")[1]["is_completed"] is True


def test_tasks_of_the_calendar_are_left_out_where_newer_stores_are(tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {
        STORE: demo_cloud().to_bytes(), CALENDAR: old_tasks().to_bytes(),
    }  # fmt: skip
    found = parse("reminder", files, tmp_path)
    assert len(found.artifacts) == 7
    assert (found.tally.read, found.tally.skipped) == (10, 3)
    note = "Reminders of iOS 12 and before were left out: newer stores hold them."
    assert found.tally.notes == {note: 3}


def test_a_calendar_without_tasks_says_that_there_are_no_reminders(tmp_path: Path) -> None:
    found = parse("reminder", {CALENDAR: CalendarDatabase().to_bytes()}, tmp_path)
    assert found.artifacts == []
    note = "The backup has no store of reminders, and its calendar has none."
    assert found.tally.notes == {note: 1}


def test_four_weeks_later_some_are_new_done_and_gone(tmp_path: Path) -> None:
    old, new = (
        {one.key: one for one in run(demo_files(later=later)[0].content, tmp_path).artifacts}
        for later in (False, True)
    )
    assert [new[key].title for key in new.keys() - old.keys()] == ["Order a new cover"]
    gone = [old[key].title for key in old.keys() - new.keys()]
    assert gone == ["Cherries from the neighbours"]
    changed = [new[key].title for key in old.keys() & new.keys() if old[key] != new[key]]
    assert changed == ["Varnish the deck"]
