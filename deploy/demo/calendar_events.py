"""What stands in the calendars of the demo phone. Every sort of event occurs at least once."""

from __future__ import annotations

import datetime as dt

from deploy.demo.calendar_database import (
    ACCEPTED,
    BIRTHDAYS,
    DECLINED,
    EXCHANGE,
    LOCAL,
    MONTHLY,
    SUBSCRIBED,
    TENTATIVE,
    WEEKLY,
    YEARLY,
    CalendarDatabase,
    seconds,
)
from deploy.demo.calendar_schema import Form
from deploy.demo.container import PhoneFile

PATH = "Library/Calendar/Calendar.sqlitedb"
_ZURICH, _TOKYO = "Europe/Zurich", "Asia/Tokyo"


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the calendar's database; with *later* as it is four weeks on."""
    return [PhoneFile("HomeDomain", PATH, demo_calendar(later=later).to_bytes())]


def demo_calendar(*, later: bool = False, form: Form = "26") -> CalendarDatabase:
    """Write all calendars in the form of some version of iOS."""
    db = CalendarDatabase(form=form, seed=31)
    home = db.account("Home account")
    family = db.calendar(
        home, "Family", colour="#FF2968", sharing_status=1, external_id="/1234/calendars/family/"
    )
    if db.columns("Sharee"):
        jonas = db.identity("Jonas Sandoval", "mailto:Jonas@example.com")
        db.insert(
            "Sharee", owner_id=family, UUID=db.uuid(), status=1, access_level=2, identity_id=jonas
        )
    practice = db.account("Tierklinik am See", type_=EXCHANGE)
    pets = db.calendar(
        practice, "Pixel", colour="#63DA38", sharing_status=2, shared_owner_name="Dr. Zoë Größl",
        shared_owner_address="mailto:praxis@tierklinik.example",
        shared_owner_email="praxis@tierklinik.example",
    )  # fmt: skip
    own = db.calendar(db.account("On My iPhone", type_=LOCAL), "Boat", colour="#1BADF8")
    subscribed = db.account("Subscribed Calendars", type_=SUBSCRIBED)
    holidays = db.calendar(
        subscribed, "Swiss holidays", external_id="webcal://holidays.example/holidays/ch_de.ics",
        subcal_url="webcal://holidays.example/holidays/ch_de.ics",
    )  # fmt: skip
    ferry = db.calendar(
        subscribed, "Ferry times", external_id="https://ferry.example.org/times.ics",
        subcal_url="https://ferry.example.org/times.ics",
    )  # fmt: skip
    birthdays = db.calendar(
        db.account("Birthdays", type_=BIRTHDAYS), "Birthdays", colour="#8295AF", type="birthdays"
    )
    _boat(db, own)
    _family(db, family, later=later)
    _pets(db, pets)
    _others(db, holidays=holidays, ferry=ferry, birthdays=birthdays)
    if form == "26":
        db.insert(
            "Notification", entity_type=21, calendar_id=pets, UUID=db.uuid(), status=1,
            summary="Pixel", creation_date=seconds(dt.datetime(2024, 5, 2, 8, tzinfo=dt.UTC)),
            identity_id=db.identity("Dr. Zoë Größl", "mailto:praxis@tierklinik.example"),
        )  # fmt: skip
    if later:
        _four_weeks_later(db, own)
    return db


def _boat(db: CalendarDatabase, own: int) -> None:
    yard = db.event(
        own, "Haul the boat out", start=dt.datetime(2024, 8, 12, 6, 30, tzinfo=dt.UTC),
        end=dt.datetime(2024, 8, 12, 9, 0, tzinfo=dt.UTC), zone=_ZURICH,
        description="Crane is booked. Papers: https://boats.example.org/haul-out\n"
        "Bring the blue rope!",
        url="https://boats.example.org/berth/17", travel_time=1800, availability=3,
    )  # fmt: skip
    db.place(
        "Bootswerft Enge", of=yard, address="Mythenquai 9, 8002 Zürich", latitude=47.3547,
        longitude=8.5312, radius=70.6,
    )  # fmt: skip
    home = db.place("Home", address="12 Lindenweg, 8001 Zürich", latitude=47.37, longitude=8.54)
    db.set(yard, start_location_id=home)
    db.alarm(yard, before=dt.timedelta(minutes=30), default_alarm=1)
    db.alarm(yard, trigger_date=seconds(dt.datetime(2024, 8, 11, 18, 0, tzinfo=dt.UTC)), type=1)
    arrive = db.alarm(yard, proximity=1, trigger_interval=0)
    place = db.place("Boathouse", latitude=47.36, longitude=8.53, radius=100.0)
    db.execute("update Alarm set location_id = ? where ROWID = ?", (place, arrive))
    db.attach(
        yard, "Berth contract.pdf", file_size=48_000, format="application/pdf",
        url="https://cloud.example/att/1",
    )  # fmt: skip
    db.event(own, "Engine service", start=dt.date(2024, 8, 20), end=dt.date(2024, 8, 23))
    # Sunset is by the clock, wherever the boat is.
    db.event(
        own, "Anchor light on", start=dt.datetime(2024, 8, 13, 20, 45),  # noqa: DTZ001 -- floats
        end=dt.datetime(2024, 8, 13, 21, 0), zone="_float",  # noqa: DTZ001
    )  # fmt: skip


def _family(db: CalendarDatabase, family: int, *, later: bool) -> None:
    training = db.event(
        family, "Swimming with Jonas", start=dt.datetime(2024, 7, 1, 16, 0, tzinfo=dt.UTC),
        calendar_scale=None, unique_identifier="SWIM-1",
    )  # fmt: skip
    db.repeat(training, WEEKLY, specifier="D=0MO,0TH", week_start=1,
              end_date=seconds(dt.datetime(2024, 12, 19, 22, 59, 59, tzinfo=dt.UTC)))  # fmt: skip
    db.skip(training, dt.datetime(2024, 7, 15, 16, 0, tzinfo=dt.UTC),
            dt.datetime(2024, 8, 1, 16, 0, tzinfo=dt.UTC))  # fmt: skip
    moved = dt.datetime(2024, 7, 18, 16, 0, tzinfo=dt.UTC)
    db.event(
        family, "Swimming with Jonas (outdoor pool)", start=moved + dt.timedelta(hours=2),
        orig_item_id=training, orig_date=seconds(moved), unique_identifier="SWIM-1",
    )  # fmt: skip
    first = db.event(family, "Rent", start=dt.date(2024, 1, 1), availability=1)
    db.repeat(first, MONTHLY, specifier="M=1,-1", count=24)
    db.skip(first, dt.date(2024, 4, 1))
    brunch = db.event(
        family, "Brunch", start=dt.datetime(2024, 1, 7, 9, 30, tzinfo=dt.UTC), priority=5
    )
    db.repeat(brunch, YEARLY, specifier="D=+1SU,-1FR;O=1,7", interval=2)
    dinner = db.event(
        family, "Lake weekend: dinner", start=dt.datetime(2024, 8, 31, 17, 0, tzinfo=dt.UTC),
        end=dt.datetime(2024, 8, 31, 21, 0, tzinfo=dt.UTC), status=2, availability=2,
        conference_url="https://meet.example.com/lake-weekend",
        description="Yuki dials in from 東京", end_tz=_TOKYO,
    )  # fmt: skip
    db.guest(dinner, "Jonas Sandoval", "mailto:jonas@example.com", status=ACCEPTED,
             is_organiser=True)  # fmt: skip
    db.guest(dinner, "Mira Sandoval", "mailto:mira.sandoval@example.com",
             status=ACCEPTED if later else 0, is_self=1)  # fmt: skip
    db.guest(dinner, "由紀 田中", "tel:+819012345678", status=TENTATIVE, role=2,
             comment="After the children sleep")  # fmt: skip
    db.guest(dinner, "Amélie Dubois", "mailto:amelie.dubois@example.org", status=DECLINED, role=2)
    db.guest(dinner, "Terrace", "mailto:terrace@rooms.example", status=ACCEPTED, type=2)
    if "file_id" in db.columns("Attachment"):  # categories came after iOS 8
        category = db.insert("Category", name="Feste", entity_type=2, hidden=0)
        db.insert("CategoryLink", owner_id=dinner, category_id=category)


def _pets(db: CalendarDatabase, pets: int) -> None:
    visit = db.event(
        pets, "Pixel: vaccination", start=dt.datetime(2024, 8, 1, 8, 30, tzinfo=dt.UTC),
        end=dt.datetime(2024, 8, 1, 8, 50, tzinfo=dt.UTC), privacy_level=2,
        description="Bring the vaccination card. Questions: +43 660 1112223",
    )  # fmt: skip
    db.guest(visit, "Dr. Zoë Größl", "mailto:praxis@tierklinik.example", is_organiser=True)
    db.guest(visit, "Mira Sandoval", "mailto:mira.sandoval@example.com", status=ACCEPTED,
             is_self=1)  # fmt: skip
    db.event(
        pets, "Cancelled: dental check", start=dt.datetime(2024, 8, 8, 8, 0, tzinfo=dt.UTC),
        status=3,
    )  # fmt: skip
    # The series to which Mira was invited for one date only.
    frame = db.event(
        pets, None, start=dt.datetime(2024, 5, 6, 16, 0, tzinfo=dt.UTC), phantom_master=1
    )
    db.event(
        pets, "Puppy school, guest lesson", orig_item_id=frame,
        start=dt.datetime(2024, 5, 13, 16, 0, tzinfo=dt.UTC),
        orig_date=seconds(dt.datetime(2024, 5, 13, 16, 0, tzinfo=dt.UTC)),
    )  # fmt: skip


def _others(db: CalendarDatabase, *, holidays: int, ferry: int, birthdays: int) -> None:
    db.event(holidays, "Bundesfeier", start=dt.date(2024, 8, 1), availability=1)
    db.event(ferry, "Last ferry", start=dt.datetime(2024, 8, 4, 20, 10, tzinfo=dt.UTC), status=0)
    jonas = db.event(
        birthdays, "Jonas Sandoval\u2019s Birthday", start=dt.date(1984, 11, 3), availability=1,
        calendar_scale="gregorian", birthday_id=2, contact_name="Jonas Sandoval",
        contact_identifier="5A0D27C0-0000-4000-8000-000000000002:ABPerson",
    )  # fmt: skip
    db.repeat(jonas, YEARLY)
    amelie = db.event(
        birthdays, "Amélie Dubois\u2019s Birthday", start=dt.date(1604, 2, 29), availability=1,
        calendar_scale="gregorian", birthday_id=7, contact_name="Amélie Dubois",
    )  # fmt: skip
    db.repeat(amelie, YEARLY)


def _four_weeks_later(db: CalendarDatabase, own: int) -> None:
    db.event(own, "Boat back into the water", start=dt.datetime(2024, 9, 14, 7, tzinfo=dt.UTC))
    db.execute(
        "update CalendarItem set summary = 'Engine service and new filter', last_modified = ? "
        "where summary = 'Engine service'",
        (seconds(dt.datetime(2024, 8, 21, 12, tzinfo=dt.UTC)),),
    )
    db.execute("delete from CalendarItem where summary = 'Anchor light on'")
