from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calendar_database import (
    ACCEPTED,
    CALDAV,
    DAILY,
    SUBSCRIBED,
    WEEKLY,
    CalendarDatabase,
    seconds,
)
from deploy.demo.calendar_events import demo_calendar, demo_files
from deploy.demo.calendar_schema import Form
from deploy.demo.reminders import old_tasks
from services.indexer.kinds.backup_files import NOT_DOWNLOADED, file_id_of
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, parse

STORE = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
FORMS: tuple[Form, ...] = ("8", "10", "26")
AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)


def run(database: CalendarDatabase | bytes, folder: Path, **more: Any) -> Collected:
    content = database if isinstance(database, bytes) else database.to_bytes()
    return parse("calendar_event", {STORE: content}, folder, **more)


def named(found: Collected, title: str) -> tuple[StagedArtifact, dict[str, Any]]:
    artifact = next(one for one in found.artifacts if one.title == title)
    return artifact, found.payload(artifact.key)


@pytest.fixture
def empty() -> CalendarDatabase:
    return CalendarDatabase()


@pytest.fixture
def work(empty: CalendarDatabase) -> int:
    return empty.calendar(empty.account("Cloud"), "Work")


@pytest.fixture(params=FORMS, scope="module")
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(demo_calendar(form=request.param), tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(demo_calendar(), tmp_path_factory.mktemp("demo"))


def test_every_event_is_read_in_the_order_of_time(demo: Collected) -> None:
    events = [one for one in demo.artifacts if demo.payload(one.key)["form"] != "invitation"]
    assert len(events) == 15
    assert (demo.tally.skipped, demo.tally.undecodable) == (1, 0)
    moments = [one.occurred_at_us or 0 for one in events]
    assert moments == sorted(moments)
    assert len({one.key for one in demo.artifacts}) == len(demo.artifacts)


def test_an_event_has_its_time_place_alarms_and_words(demo: Collected) -> None:
    artifact, payload = named(demo, "Haul the boat out")
    assert payload["starts_at"] == "2024-08-12T06:30:00Z"
    assert payload["ends_at"] == "2024-08-12T09:00:00Z"
    assert (payload["time_zone"], payload["duration_seconds"]) == ("Europe/Zurich", 9000.0)
    assert artifact.occurred_at_us == 1_723_444_200_000_000
    place = payload["place"]
    assert (place["title"], place["latitude"], place["longitude"]) == (
        "Bootswerft Enge", 47.3547, 8.5312,
    )  # fmt: skip
    assert place["radius_metres"] == 70.6
    before, at, arrive = payload["alarms"]
    assert (before["offset_seconds"], before["is_default"]) == (-1800, True)
    assert (at["at"], at["type"]) == ("2024-08-11T18:00:00Z", "sound")
    assert "offset_seconds" not in at
    assert (arrive["proximity"], arrive["place"]["title"]) == ("arrive", "Boathouse")
    assert "offset_seconds" not in arrive
    assert payload["availability"] == "out_of_office"
    assert payload["status"] == "confirmed"
    assert artifact.has_link is True
    assert artifact.is_me is False
    for word in ("Haul", "Enge", "rope", "berth/17", "Boathouse", "Boat"):
        assert word in (artifact.text or "")


def test_the_way_there_is_known_since_ios_10(newest: Collected) -> None:
    _, payload = named(newest, "Haul the boat out")
    assert payload["travel_seconds"] == 1800
    assert payload["travel_from"]["address"] == "12 Lindenweg, 8001 Zürich"


def test_attachments_are_named_though_they_stayed_on_the_server(demo: Collected) -> None:
    artifact, payload = named(demo, "Haul the boat out")
    (file,) = artifact.attachments
    assert (file.name, file.media_type, file.size_bytes) == (
        "Berth contract.pdf", "application/pdf", 48_000,
    )  # fmt: skip
    assert (file.present, file.reason) == (False, NOT_DOWNLOADED)
    assert payload["links"] == [{"n": 0, "url": "https://cloud.example/att/1"}]
    assert demo.tally.missing_files == 0


def test_an_attachment_that_the_phone_fetched_is_found_in_the_backup(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    path = "Library/Calendar/Attachments/7/plan.pdf"
    item = empty.event(work, "Plan", start=AT)
    empty.attach(item, "plan.pdf", local_path=f"/var/mobile/{path}")
    listing = [
        {
            "domain": "HomeDomain",
            "relative_path": path,
            "file_id": file_id_of("HomeDomain", path),
            "size_bytes": 7,
        }
    ]
    (file,) = run(empty, tmp_path, listing=listing).artifacts[0].attachments
    assert (file.present, file.relative_path, file.size_bytes) == (True, path, 7)
    found = run(empty, tmp_path, listing=[])
    assert found.artifacts[0].attachments[0].present is False
    assert found.tally.missing_files == 1


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


def test_who_invites_is_the_sender_and_guests_answer(newest: Collected) -> None:
    artifact, payload = named(newest, "Lake weekend: dinner")
    assert artifact.sender_handle == "jonas@example.com"
    assert artifact.is_me is False
    assert payload["organiser"]["name"] == "Jonas Sandoval"
    mira, yuki, amelie, terrace = payload["guests"]
    assert mira["is_me"] is True
    assert "my_answer" not in payload
    assert (yuki["handle"], yuki["answer"], yuki["role"]) == (
        "+819012345678", "tentative", "optional",
    )  # fmt: skip
    assert yuki["comment"] == "After the children sleep"
    assert amelie["answer"] == "declined"
    assert (terrace["type"], terrace["answer"]) == ("room", "accepted")
    assert (payload["status"], payload["availability"]) == ("tentative", "tentative")
    assert payload["categories"] == ["Feste"]
    assert payload["end_time_zone"] == "Asia/Tokyo"
    assert payload["conference_url"] == "https://meet.example.com/lake-weekend"
    for word in ("由紀 田中", "amelie.dubois@example.org", "children", "Feste", "meet.example.com"):
        assert word in (artifact.text or "")


def test_what_the_owner_invites_to_is_the_owners(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    item = empty.event(work, "Mine", start=AT)
    empty.guest(item, "Mira", "mailto:mira@example.com", is_organiser=True, is_self=1)
    nothing = {"email": None, "phone_number": None}
    empty.guest(item, None, "urn:uuid:1234", status=ACCEPTED, **nothing)
    empty.guest(item, "Server", "invalid:nomail", status=9, role=44, type=55, **nothing)
    artifact, payload = named(run(empty, tmp_path), "Mine")
    assert (artifact.is_me, artifact.sender_handle) == (True, None)
    # One of them has neither name nor address of a person.
    (server,) = payload["guests"]
    assert server["raw"] == {"status": 9, "role": 44, "type": 55}
    assert "handle" not in server


def test_the_owners_own_answer_is_known_by_its_number_alone(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    item = empty.event(work, "Asked", start=AT)
    me = empty.guest(item, "Mira", "mailto:mira@example.com", status=ACCEPTED)
    empty.set(item, self_attendee_id=me)
    _, payload = named(run(empty, tmp_path), "Asked")
    assert payload["my_answer"] == "accepted"


def test_calendars_are_threads_with_account_and_owner(newest: Collected) -> None:
    threads = {thread.title: thread for thread in newest.threads}
    assert list(threads) == [
        "Family", "Pixel", "Boat", "Swiss holidays", "Ferry times", "Birthdays",
    ]  # fmt: skip
    assert threads["Family"].is_group is True
    assert threads["Family"].participants == ["jonas@example.com"]
    assert threads["Pixel"].participants == ["praxis@tierklinik.example"]
    assert threads["Boat"].is_group is False
    assert threads["Boat"].services == ["on_my_phone"]
    artifact, payload = named(newest, "Pixel: vaccination")
    assert artifact.thread_key == threads["Pixel"].key == payload["calendar"]["key"]
    assert payload["calendar"]["owner"] == "Dr. Zoë Größl"
    assert payload["calendar"]["sharing"] == "shared_with_me"
    assert payload["is_private"] is True


def test_birthdays_holidays_and_subscribed_calendars_are_told_apart(demo: Collected) -> None:
    _, jonas = named(demo, "Jonas Sandoval\u2019s Birthday")
    assert jonas["form"] == "birthday"
    assert jonas["birthday"]["date"] == "1984-11-03"
    assert jonas["calendar"]["form"] == "birthdays"
    artifact, amelie = named(demo, "Amélie Dubois\u2019s Birthday")
    assert amelie["birthday"]["date"] == "--02-29"
    assert artifact.occurred_at_us is None
    _, national = named(demo, "Bundesfeier")
    assert (national["form"], national["calendar"]["form"]) == ("holiday", "holidays")
    _, ferry = named(demo, "Last ferry")
    assert (ferry["form"], ferry["calendar"]["form"]) == ("event", "subscribed")


@pytest.mark.parametrize(
    ("account", "where", "form"),
    [
        (CALDAV, "/caldav/v2/en.usa%23holiday%40group.v.calendar.google.com/events", "holidays"),
        (CALDAV, "/remote.php/dav/calendars/mira/holidays/", "calendar"),
        (SUBSCRIBED, "webcal://p12-calendars.example/holidays/us_en.ics", "holidays"),
        (SUBSCRIBED, "https://school.example/holidaysAreOver.ics", "subscribed"),
    ],
)
def test_public_holidays_are_told_from_what_people_call_so(
    empty: CalendarDatabase, tmp_path: Path, account: int, where: str, form: str
) -> None:
    of = empty.calendar(empty.account("Any", type_=account), "Any", external_id=where)
    empty.event(of, "Day", start=AT)
    assert named(run(empty, tmp_path), "Day")[1]["calendar"].get("form", "calendar") == form


def test_accounts_and_sharing_of_unknown_sorts_keep_their_number(
    empty: CalendarDatabase, tmp_path: Path
) -> None:
    of = empty.calendar(empty.account("New", type_=9), "New", sharing_status=7)
    empty.event(of, "Day", start=AT)
    calendar = named(run(empty, tmp_path), "Day")[1]["calendar"]
    assert (calendar["account_type"], calendar["sharing"]) == ("type_9", "status_7")


def test_a_birthday_is_known_by_the_calendar_it_counts_in(
    empty: CalendarDatabase, work: int, tmp_path: Path
) -> None:
    empty.event(work, "Somebody", start=dt.date(1931, 4, 2), calendar_scale="gregorian")
    artifact, payload = named(run(empty, tmp_path), "Somebody")
    assert payload["birthday"]["date"] == "1931-04-02"
    assert (artifact.occurred_at_us or 0) < 0


def test_the_inbox_of_the_calendar_tells_who_shares_what(newest: Collected) -> None:
    artifact, payload = named(newest, "Pixel")
    assert payload["form"] == "invitation"
    assert artifact.sender_handle == "praxis@tierklinik.example"
    assert payload["raw"] == {"entity_type": 21, "status": 1}


def test_cancelled_events_stay_with_their_state(demo: Collected) -> None:
    assert named(demo, "Cancelled: dental check")[1]["status"] == "cancelled"


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


def test_four_weeks_later_some_are_new_changed_and_gone(tmp_path: Path) -> None:
    (before,) = demo_files(later=False)
    (after,) = demo_files(later=True)
    old = {one.key: one for one in run(before.content, tmp_path).artifacts}
    new = {one.key: one for one in run(after.content, tmp_path).artifacts}
    assert [new[key].title for key in new.keys() - old.keys()] == ["Boat back into the water"]
    assert [old[key].title for key in old.keys() - new.keys()] == ["Anchor light on"]
    changed = {new[key].title for key in old.keys() & new.keys() if old[key] != new[key]}
    assert changed == {"Engine service and new filter", "Lake weekend: dinner"}
