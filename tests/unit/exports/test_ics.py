import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from deploy.demo import calendar_events, reminders
from services.indexer.exports.formats.ics import FORMAT as ICS
from services.indexer.kinds import PARSERS
from services.indexer.kinds.calendar_event.payload import (
    Alarm,
    CalendarEventPayload,
    Guest,
    Link,
    Place,
)
from services.indexer.kinds.recurrence import Recurrence
from services.indexer.kinds.reminder.payload import Alarm as ReminderAlarm
from services.indexer.kinds.reminder.payload import ReminderPayload
from shared.contracts.indexer import Artifact, Attachment
from tests.unit.exports.exporting import artifact, artifacts_of, export, group
from tests.unit.kinds.collected import parse

BERLIN = ZoneInfo("Europe/Berlin")


def event(title: str = "Tea", *, key: str = "UID-1", **said: Any) -> Artifact:
    fields: dict[str, Any] = {"form": "event", "uid": key}
    attachments = said.pop("attachments", [])
    return artifact(
        "calendar_event",
        CalendarEventPayload(**{**fields, **said}),
        key=key,
        title=title,
        attachments=attachments,
    )


def reminder(title: str = "Milk", **said: Any) -> Artifact:
    return artifact("reminder", ReminderPayload(title=title, **said), key="REM-1")


def calendar(*artifacts: Artifact, **more: Any) -> tuple[str, icalendar.Calendar]:
    """Return the file, unfolded, and what a reader makes of it."""
    kind = artifacts[0].kind
    members, left_out = export(ICS, [(group(kind, "Home"), artifacts)], **more)
    assert not left_out
    text = members["Home.ics"].decode()
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    read = icalendar.Calendar.from_ical(text)
    assert isinstance(read, icalendar.Calendar)
    assert not [error for one in read.walk() for error in one.errors]
    return text.replace("\r\n ", ""), read


def starts(read: icalendar.Calendar, first: dt.date, last: dt.date) -> list[Any]:
    """Return the beginnings of all events of a span, as another library tells them."""
    return sorted(one["DTSTART"].dt for one in recurring_ical_events.of(read).between(first, last))


def at(day: int, hour: int = 9, month: int = 3) -> dt.datetime:
    return dt.datetime(2024, month, day, hour, tzinfo=BERLIN)


def test_an_event_is_at_its_time_in_its_zone_with_the_rules_of_that_zone() -> None:
    text, read = calendar(event(starts_at=at(30), ends_at=at(30, 10), time_zone="Europe/Berlin"))
    (found,) = read.events
    assert found["UID"] == "UID-1"
    assert at(30) == found.DTSTART
    assert found.DTSTART.tzinfo is not None
    assert found.end - found.start == dt.timedelta(hours=1)
    (zone,) = read.timezones
    assert zone.tz_name == "Europe/Berlin"
    assert text.index("BEGIN:VTIMEZONE") < text.index("BEGIN:VEVENT")
    # The rules that were written, not those of this machine, know when summer begins.
    rules = zone.to_tz(lookup_tzid=False)
    for day, hours in ((30, 1), (31, 2)):
        noon = dt.datetime(2024, 3, day, 12, tzinfo=rules)
        assert noon.utcoffset() == dt.timedelta(hours=hours)


def test_a_zone_that_nobody_knows_becomes_utc() -> None:
    for zone in ("Mars/Olympus", "../../etc/passwd", "GMT+0530", "x\r\nEVIL:1"):
        text, read = calendar(event(starts_at=at(30), time_zone=zone))
        assert at(30) == read.events[0].DTSTART
        assert "VTIMEZONE" not in text
        assert "EVIL" not in text


def test_whole_days_end_with_the_day_behind_the_last() -> None:
    _, read = calendar(event(is_all_day=True, first_day="2024-02-28", last_day="2024-02-29"))
    assert dt.date(2024, 2, 28) == read.events[0].DTSTART
    assert dt.date(2024, 3, 1) == read.events[0].DTEND


def test_times_that_float_have_no_zone() -> None:
    text, _ = calendar(event(starts_local="2024-02-03T09:00:00", ends_local="2024-02-03T10:00:00"))
    assert "\r\nDTSTART:20240203T090000\r\n" in text


def test_a_series_comes_again_but_for_what_was_deleted_or_moved() -> None:
    weekly = Recurrence(frequency="weekly", days=("SA",), rule="FREQ=WEEKLY;BYDAY=SA")
    series = event(
        key="SERIES", starts_at=at(2), ends_at=at(2, 10), time_zone="Europe/Berlin",
        recurrences=(weekly,), exceptions=(at(9),),
    )  # fmt: skip
    moved = event(
        "Tea, later", key="MOVED", uid="SERIES", series_key="SERIES", replaces=at(16),
        starts_at=at(17, 15), ends_at=at(17, 16), time_zone="Europe/Berlin",
    )  # fmt: skip
    _, read = calendar(series, moved)
    assert starts(read, dt.date(2024, 3, 1), dt.date(2024, 4, 7)) == [
        at(2), at(17, 15), at(23), at(30), at(6, month=4),
    ]  # fmt: skip


def test_a_series_of_whole_days_ends_and_leaves_out_days() -> None:
    daily = Recurrence(
        frequency="daily", interval=2, until=dt.datetime(2024, 3, 9, 23, 59, tzinfo=dt.UTC)
    )
    text, read = calendar(
        event(
            is_all_day=True, first_day="2024-03-01", last_day="2024-03-01", recurrences=(daily,),
            exception_days=("2024-03-05",),
        )
    )  # fmt: skip
    assert "RRULE:FREQ=DAILY;UNTIL=20240309;INTERVAL=2" in text
    assert starts(read, dt.date(2024, 3, 1), dt.date(2024, 4, 1)) == [
        dt.date(2024, 3, day) for day in (1, 3, 7, 9)
    ]


def test_rules_that_no_calendar_allows_are_told_in_words() -> None:
    odd = Recurrence(frequency="weekly", days=("2MO",), month_days=(31,), positions=(1,))
    unknown = Recurrence(raw={"frequency": 9})
    huge = Recurrence(frequency="daily", interval=10**9, rule="FREQ=DAILY;INTERVAL=1000000000")
    text, read = calendar(event(starts_at=at(4), recurrences=(odd, unknown, huge)))
    (found,) = read.events
    assert found["RRULE"] == {"FREQ": ["WEEKLY"], "BYDAY": ["MO"], "BYSETPOS": [1]}
    assert "COMMENT:Repeats on the phone: FREQ=DAILY\\;INTERVAL=1000000000" in text
    assert text.count("COMMENT:Repeats on the phone") == 3
    assert starts(read, dt.date(2024, 3, 1), dt.date(2024, 3, 12)) == [at(4), at(11)]


def test_people_places_alarms_and_files_come_along() -> None:
    me = Guest(name="Anna", email="anna@example.org", is_me=True, answer="accepted")
    bea = Guest(name='Bea "B"; Groß', phone="+49 30 1", answer="declined", role="optional")
    text, read = calendar(
        event(
            starts_at=at(4), organiser=Guest(name="Nobody"), guests=(me, bea),
            place=Place(title="Café", address="Hauptstr. 1", latitude=50.9, longitude=6.9),
            alarms=(
                Alarm(offset_seconds=-900), Alarm(at=at(3)), Alarm(proximity="arrive"),
                Alarm(offset_seconds=-60, is_off=True),
            ),
            links=(Link(n=0, url="https://example.org/a b"),),
            attachments=[
                Attachment(
                    n=0, name="Plan.pdf", media_type="application/pdf", size_bytes=3, present=True
                )
            ],
            status="tentative", availability="free", is_private=True, categories=("A", "B,C"),
            conference_url="https://meet.example.org/x",
        ),
        files={("UID-1", 0): b"%PD"},
    )  # fmt: skip
    (found,) = read.events
    assert found["ORGANIZER"] == "invalid:nomail"
    first, second = found["ATTENDEE"]
    assert first == "mailto:anna@example.org"
    assert first.params["PARTSTAT"] == "ACCEPTED"
    assert second == "tel:+4930" + "1"
    assert second.params["CN"] == 'Bea "B"; Groß'
    assert second.params["ROLE"] == "OPT-PARTICIPANT"
    assert found["LOCATION"] == "Café\nHauptstr. 1"
    assert (found["GEO"].latitude, found["GEO"].longitude) == (50.9, 6.9)
    assert [one["TRIGGER"].dt for one in found.walk("VALARM")] == [
        dt.timedelta(minutes=-15),
        at(3).astimezone(dt.UTC),
    ]
    link, attached = found["ATTACH"]
    assert link == "https://example.org/ab"
    assert attached.params["FMTTYPE"] == "application/pdf"
    assert "ENCODING=BASE64" in text
    assert found["STATUS"] == "TENTATIVE"
    assert found["TRANSP"] == "TRANSPARENT"
    assert found["CLASS"] == "PRIVATE"
    assert found.categories == ["A", "B,C"]


def test_nothing_that_was_written_begins_a_property() -> None:
    evil = "x\r\nEND:VEVENT\nBEGIN:VEVENT\rX-EVIL:1\x00\u2028\x0b\x85"
    text, read = calendar(
        event(
            evil, key=evil, starts_at=at(4), notes=evil, categories=(evil,), url=evil,
            place=Place(title=evil, address=evil, latitude=1.0, longitude=1.0),
            organiser=Guest(name=evil, email=evil), guests=(Guest(name=evil, phone=evil),),
            links=(Link(n=0, url=evil),), conference_url=evil,
        )
    )  # fmt: skip
    assert not [line for line in text.split("\r\n") if line.startswith("X-EVIL")]
    assert len(read.events) == 1
    assert len(text.splitlines()) == len(text.split("\r\n")) - 1


def test_what_is_no_event_is_counted_and_costs_itself() -> None:
    _, left_out = export(
        ICS,
        [
            (
                group("calendar_event"),
                [
                    event(),
                    event(form="invitation", starts_at=at(1)),
                    artifact("calendar_event", {"form": "event", "starts_at": "never"}),
                    artifact("calendar_event", {"form": "event", "first_day": "2024-99-99"}),
                    event(starts_at=at(1)),
                ],
            )
        ],
    )
    assert left_out == [
        "it has no date",
        "an invitation to share a calendar is no event",
        "ValidationError",
        "ValueError",
    ]


def test_a_reminder_is_due_repeats_and_reminds() -> None:
    monthly = Recurrence(frequency="monthly", month_days=(-1,), rule="FREQ=MONTHLY;BYMONTHDAY=-1")
    text, read = calendar(
        reminder(
            notes="2 %", due_at=at(31, 18), time_zone="Europe/Berlin", recurrences=(monthly,),
            priority="high", is_flagged=True, tags=("shop",), parent_key="REM-0",
            alarms=(ReminderAlarm(offset_seconds=-600), ReminderAlarm(at=at(30))),
            urls=("https://example.org/1", "https://example.org/2"),
        )
    )  # fmt: skip
    (found,) = read.todos
    assert found.DUE == found.DTSTART == at(31, 18)
    assert found["RRULE"] == {"FREQ": ["MONTHLY"], "BYMONTHDAY": [-1]}
    assert found["PRIORITY"] == 1
    assert found.categories == ["shop", "Flagged"]
    assert found["RELATED-TO"] == "REM-0"
    assert found["URL"] == "https://example.org/1"
    assert [one["TRIGGER"].dt for one in found.walk("VALARM")] == [
        dt.timedelta(minutes=-10),
        at(30).astimezone(dt.UTC),
    ]
    assert "BEGIN:VTIMEZONE" in text


def test_what_was_done_is_completed() -> None:
    _, read = calendar(reminder(is_completed=True, completed_at=at(2), due_day="2024-03-02"))
    (found,) = read.todos
    assert found["STATUS"] == "COMPLETED"
    assert found["COMPLETED"].dt == at(2)
    assert dt.date(2024, 3, 2) == found.DUE


def test_every_event_and_reminder_of_the_demo_phone_is_read_back(tmp_path: Path) -> None:
    for kind, made in (
        ("calendar_event", calendar_events.demo_files(later=False)),
        ("reminder", reminders.demo_files(later=False)),
    ):
        files = {f"{f.domain}/{f.relative_path}": f.content for f in made}
        needed = {
            name: content
            for name, content in files.items()
            if any(one.is_among([name]) for one in PARSERS[kind].files)
        }
        found = parse(kind, dict(needed), tmp_path, listing=[])
        members, left_out = export(ICS, artifacts_of(kind, found))
        read = [icalendar.Calendar.from_ical(one) for one in members.values()]
        count = sum(len(one.events) + len(one.todos) for one in read)  # type: ignore[union-attr]
        assert count + len(left_out) == len(found.artifacts) > 5
        assert not [error for one in read for part in one.walk() for error in part.errors]
