"""Calendars and reminders of the public samples: invented rows on schemas of real phones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kinds.collected import Collected, parse

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
IOS = Path(SAMPLES or "/nonexistent") / "ios"
NOVKOSTYA = IOS / "novkostya+ios-backup-parser"
MVT = IOS / "mvt-project+mvt/ios_backup/20/2041457d5fe04d39d0ab481178355df6781e6858"
CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
STORES = "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores"

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")

EXPECTED: dict[str, Any] = (
    json.loads((NOVKOSTYA / "EXPECTED.json").read_text()) if NOVKOSTYA.is_dir() else {}
)


def payloads(found: Collected) -> dict[str | None, dict[str, Any]]:
    return {one.title: found.payload(one.key) for one in found.artifacts}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    store = NOVKOSTYA / "calendar/testdata/calendar.1.Calendar.sqlitedb"
    return parse("calendar_event", {CALENDAR: store}, tmp_path_factory.mktemp("calendar"))


@pytest.fixture(scope="module")
def reminders(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    folder = NOVKOSTYA / "reminders/testdata"
    return parse(
        "reminder",
        {
            f"{STORES}/Data-1.sqlite": folder / "reminders.1.cloud.sqlite",
            f"{STORES}/Data-local.sqlite": folder / "reminders.1.local.sqlite",
        },
        tmp_path_factory.mktemp("reminders"),
    )


def test_every_sample_event_is_what_it_is_expected_to_be(events: Collected) -> None:
    said = EXPECTED["calendar"]
    titles = {
        1: "Team Sync", 2: "Holiday", 3: "Birthday of Somebody", 4: "Corrupt", 5: "Quick note",
    }  # fmt: skip
    found = payloads(events)
    assert set(found) == set(titles.values())
    forms = {number: found[title]["form"] for number, title in titles.items()}
    assert [n for n in forms if forms[n] == "birthday"] == said["birthday"]
    assert all(forms[number] == "event" for number in said["events"])
    for number in said["corrupt_date"]:
        assert "starts_at" not in found[titles[number]]
    for number in said["dangling_calendar"]:
        assert "calendar" not in found[titles[number]]
    for number in said["floating_all_day"]:
        assert found[titles[number]]["is_all_day"] is True
        assert "starts_at" not in found[titles[number]]
    assert events.tally.notes == {"The date of a record could not be understood.": 1}
    assert [thread.title for thread in events.threads] == ["Work", "Personal"]


def test_the_sample_meeting_has_all_its_parts(events: Collected) -> None:
    payload = payloads(events)["Team Sync"]
    assert payload["starts_at"] == "2023-03-08T20:26:40.500000Z"
    assert payload["time_zone"] == "America/Los_Angeles"
    assert payload["place"]["address"] == "1 Example Way"
    assert payload["organiser"]["handle"] == "alex@example.invalid"
    answers = [(guest["name"], guest["answer"]) for guest in payload["guests"]]
    assert answers == [("Blair Invitee", "accepted"), ("Casey Invitee", "declined")]
    assert [alarm.get("offset_seconds") for alarm in payload["alarms"]] == [-900, None]
    assert payload["recurrences"][0]["rule"] == "FREQ=WEEKLY;COUNT=10"
    artifact = next(one for one in events.artifacts if one.title == "Team Sync")
    assert [file.name for file in artifact.attachments] == ["agenda.pdf"]
    assert artifact.is_me is True


def test_the_only_event_of_a_real_manifest_is_found(tmp_path: Path) -> None:
    found = parse("calendar_event", {CALENDAR: MVT}, tmp_path)
    (only,) = found.artifacts
    assert (only.key, only.title) == (
        "FAE72C77-4932-47FD-885C-A084D502F3C4", "Super interesting meeting",
    )  # fmt: skip
    assert only.sender_handle == "user@example.org"
    assert found.payload(only.key)["starts_at"] == "2023-04-18T09:15:00Z"


def test_every_sample_reminder_is_what_it_is_expected_to_be(reminders: Collected) -> None:
    said = EXPECTED["reminders"]
    titles = {
        "cloud:10": "Buy milk", "cloud:11": "Submit report", "cloud:12": "Call plumber",
        "cloud:13": "Buy oat milk", "cloud:14": "Corrupt date", "local:10": "Water plants",
    }  # fmt: skip
    found = payloads(reminders)
    assert set(found) == set(titles.values())
    assert len({one.key for one in reminders.artifacts}) == 6
    deleted = [name for name, title in titles.items() if found[title].get("is_deleted")]
    assert deleted == said["deleted"]
    milk = next(one for one in reminders.artifacts if one.title == "Buy milk")
    parts = [
        f"{name} of 10" for name, title in titles.items()
        if found[title].get("parent_key") == milk.key
    ]  # fmt: skip
    assert parts == said["subtask"]
    given = [
        f"{name} to {who['name']}"
        for name, title in titles.items()
        for who in found[title].get("assignees", ())
    ]
    assert given == said["assigned"]
    for name in said["corrupt_date"]:
        assert "created_at" not in found[titles[name]]
    assert reminders.tally.notes == {"The date of a record could not be understood.": 1}


def test_sample_reminders_have_lists_rules_and_accounts(reminders: Collected) -> None:
    found = payloads(reminders)
    accounts = {one["list"]["title"]: one["list"]["account"] for one in found.values()}
    assert accounts == {"Groceries": "iCloud", "Work": "iCloud", "Personal": "On My iPhone"}
    assert found["Buy milk"]["recurrences"][0]["rule"] == "FREQ=MONTHLY"
    assert found["Submit report"]["completed_at"] == "2023-03-12T07:46:40.750000Z"
    assert found["Call plumber"]["due_day"] == "2023-03-12"
