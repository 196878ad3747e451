"""Calendar: events, who is invited, whose calendars they are in, and what changes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.calendar_database import (
    ACCEPTED,
    CALDAV,
    SUBSCRIBED,
    CalendarDatabase,
)
from deploy.demo.calendar_events import demo_files
from services.indexer.kinds.backup_files import NOT_DOWNLOADED, file_id_of
from tests.unit.kinds.calendar_stores import (  # noqa: F401 -- fixtures
    AT,
    fixture_demo,
    fixture_empty,
    fixture_newest,
    fixture_work,
    named,
    run,
)
from tests.unit.kinds.collected import Collected


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


def test_four_weeks_later_some_are_new_changed_and_gone(tmp_path: Path) -> None:
    (before,) = demo_files(later=False)
    (after,) = demo_files(later=True)
    old = {one.key: one for one in run(before.content, tmp_path).artifacts}
    new = {one.key: one for one in run(after.content, tmp_path).artifacts}
    assert [new[key].title for key in new.keys() - old.keys()] == ["Boat back into the water"]
    assert [old[key].title for key in old.keys() - new.keys()] == ["Anchor light on"]
    changed = {new[key].title for key in old.keys() & new.keys() if old[key] != new[key]}
    assert changed == {"Engine service and new filter", "Lake weekend: dinner"}
