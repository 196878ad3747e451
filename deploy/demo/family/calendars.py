"""What was planned and what was to be done, year by year.

Until iOS 12 reminders are in the calendar's database.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from deploy.demo.calendar_database import (
    ACCEPTED,
    BIRTHDAYS,
    LOCAL,
    SUBSCRIBED,
    WEEKLY,
    YEARLY,
    CalendarDatabase,
    seconds,
)
from deploy.demo.calendar_events import PATH, demo_calendar
from deploy.demo.calendar_schema import Form
from deploy.demo.container import PhoneFile
from deploy.demo.family.life import (
    DAY,
    PEOPLE,
    TRIPS,
    Revision,
    chance,
    clock,
    days_between,
    key,
    trip_on,
)
from deploy.demo.phone import FIRST_RUN, LATER_RUN
from deploy.demo.reminders import CLOUD, DOMAIN, demo_cloud
from deploy.demo.reminders import demo_files as demo_reminders
from deploy.demo.reminders_database import RemindersDatabase
from deploy.demo.reminders_database import seconds as reminder_seconds
from deploy.demo.reminders_schema import Form as RemindersForm

#: How long before it something is put into the calendar.
_AHEAD = 21 * DAY
_APPOINTMENTS = (
    ("Dentist", "Mira, Dr. Hofer"), ("Hairdresser", None), ("Parents' evening", "Room 12"),
    ("Pixel: check", "Tierklinik am See"), ("Dinner with Amélie", None), ("Choir", "Church hall"),
    ("Practice: inventory", None), ("Lena: swimming badge", "Indoor pool"), ("Boat: engine", None),
    ("Concert", "Tonhalle"), ("Flat: chimney sweep", "Somebody must be at home"),
)  # fmt: skip
_TASKS = (
    "Pay the berth", "Renew the passports", "Winter tyres", "Call the plumber", "Tax return",
    "Order contact lenses", "Book the ferry", "Sew the cover", "Presents for Lena",
    "Vaccination of Pixel", "Cancel the newspaper", "Oil the oars", "Return the library books",
)  # fmt: skip
_HOLIDAYS = ((1, 1, "Neujahr"), (5, 1, "Tag der Arbeit"), (8, 1, "Bundesfeier"),
             (12, 25, "Weihnachten"), (12, 26, "Stephanstag"))  # fmt: skip


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the calendar, and the stores of reminders since iOS 13."""
    has_story, later = revision.at >= FIRST_RUN, revision.at >= LATER_RUN
    form: Form = "26" if revision.version >= 15 else "10"
    db = demo_calendar(later=later) if has_story else CalendarDatabase(form=form, seed=31)
    home = db.account("Family account", persistent_id=key("account", "family"))
    family = db.calendar(home, "At home", colour="#34AADC", UUID=key("calendar", "At home"))
    years = db.calendar(home, "Journeys", colour="#FF9500", UUID=key("calendar", "Journeys"))
    _appointments(db, family, revision)
    _journeys(db, years, revision)
    _every_year(db, family, revision, has_story=has_story)
    if revision.version < 13:
        chores = db.calendar(home, "Chores", colour="#CC73E1", UUID=key("calendar", "Chores"))
        for title, due, done in _tasks(revision):
            db.task(
                chores, title, due_date=seconds(due), due_tz="Europe/Zurich",
                completion_date=None if done is None else seconds(done),
                UUID=key("reminder", title, due), unique_identifier=key("reminder", title, due),
                creation_date=seconds(due - _AHEAD),
            )  # fmt: skip
    files = [PhoneFile("HomeDomain", PATH, db.to_bytes())]
    if revision.version < 13:
        return files
    return files + _reminders(revision, has_story=has_story, later=later)


def _appointments(db: CalendarDatabase, family: int, revision: Revision) -> None:
    # What is planned stands there, too.
    for day in days_between(dt.date(2018, 1, 8), revision.at.date() + _AHEAD):
        dice = chance("plans", day)
        title, notes = dice.choice(_APPOINTMENTS)
        hour, draw = dice.choice((8, 9.5, 14, 16.5, 19)), dice.random()
        if draw > 0.16 or trip_on(day) is not None or day.weekday() == 6:
            continue
        # One in six was cancelled, and is not there any more a week later.
        is_gone = draw < 0.025 and day + 7 * DAY <= revision.at.date()
        if is_gone:
            continue
        at = clock(day, hour * 60)
        made = seconds(at - _AHEAD)
        item = db.event(
            family, title, start=at, description=notes, UUID=key("event", day, title),
            unique_identifier=key("event", day, title), creation_date=made, last_modified=made,
            status=3 if draw < 0.025 else 1,
        )  # fmt: skip
        if draw < 0.06:
            db.guest(item, "Tomas Sandoval", "mailto:tomas@example.com", status=ACCEPTED,
                     UUID=key("guest", day, title))  # fmt: skip
        db.alarm(item, before=dt.timedelta(hours=1), UUID=key("alarm", day, title))


def _journeys(db: CalendarDatabase, calendar: int, revision: Revision) -> None:
    for trip in TRIPS:
        booked = clock(trip.first - 60 * DAY, 20 * 60)
        if booked > revision.at:
            continue
        item = db.event(
            calendar, trip.title, start=trip.first, end=trip.last + DAY,
            UUID=key("trip", trip.first), unique_identifier=key("trip", trip.first),
            creation_date=seconds(booked), last_modified=seconds(booked),
        )  # fmt: skip
        place = trip.place
        db.place(
            f"{place.street}, {place.city}", of=item, address=f"{place.street}, {place.city}, "
            f"{place.country}", latitude=place.latitude, longitude=place.longitude,
        )  # fmt: skip


def _every_year(db: CalendarDatabase, family: int, revision: Revision, *, has_story: bool) -> None:
    choir = db.event(
        family, "Choir practice", start=clock(dt.date(2018, 1, 10), 19.5 * 60),
        UUID=key("series", "choir"), unique_identifier=key("series", "choir"),
        creation_date=seconds(clock(dt.date(2018, 1, 6), 600)),
        last_modified=seconds(clock(dt.date(2018, 1, 6), 600)),
    )  # fmt: skip
    db.repeat(choir, WEEKLY, specifier="D=0WE")
    birthdays = db.calendar(
        db.account("Birthdays of all", type_=BIRTHDAYS, persistent_id=key("account", "birthdays")),
        "Birthdays", type="birthdays", UUID=key("calendar", "Birthdays"),
    )  # fmt: skip
    for person in PEOPLE:
        if person.birthday is None or not person.is_known(revision.at.date()):
            continue
        # The story has Jonas' already.
        if has_story and person.first == "Jonas":
            continue
        item = db.event(
            birthdays, f"{person.name}\u2019s Birthday", start=person.birthday, availability=1,
            calendar_scale="gregorian", birthday_id=1, contact_name=person.name,
            UUID=key("birthday", person.name), unique_identifier=key("birthday", person.name),
        )  # fmt: skip
        db.repeat(item, YEARLY)
    holidays = db.calendar(
        db.account("Subscribed", type_=SUBSCRIBED, persistent_id=key("account", "holidays")),
        "Feiertage Schweiz", external_id="webcal://holidays.example/ch.ics",
        subcal_url="webcal://holidays.example/ch.ics", UUID=key("calendar", "holidays"),
    )  # fmt: skip
    for year in range(revision.at.year - 1, revision.at.year + 2):
        for month, day, title in _HOLIDAYS:
            db.event(
                holidays, title, start=dt.date(year, month, day), availability=1,
                UUID=key("holiday", year, title), unique_identifier=key("holiday", year, title),
            )  # fmt: skip
    own = db.calendar(
        db.account("On the phone", type_=LOCAL, persistent_id=key("account", "local")),
        "Pixel", UUID=key("calendar", "Pixel"),
    )  # fmt: skip
    for year in range(2018, revision.at.year + 1):
        at = clock(dt.date(year, 3, 15), 10 * 60)
        if at - _AHEAD <= revision.at:
            db.event(
                own, f"Pixel: vaccination {year}", start=at, UUID=key("pixel", year),
                unique_identifier=key("pixel", year), creation_date=seconds(at - _AHEAD),
                last_modified=seconds(at - _AHEAD),
            )  # fmt: skip


def _tasks(revision: Revision) -> list[tuple[str, dt.datetime, dt.datetime | None]]:
    """Return what was to be done, when it is due, and when it was done; done ones go in a year."""
    found = []
    for day in days_between(dt.date(2018, 1, 8), revision.at.date() + _AHEAD):
        dice = chance("tasks", day)
        title, draw, late = dice.choice(_TASKS), dice.random(), dice.randrange(-2, 9)
        if draw > 0.07:
            continue
        due = clock(day, 18 * 60)
        done: dt.datetime | None = due + late * DAY
        if done is not None and (done > revision.at or draw < 0.006):
            done = None
        if done is None or done > revision.at - 365 * DAY:
            found.append((title, due, done))
    return found


def _reminders(revision: Revision, *, has_story: bool, later: bool) -> list[PhoneFile]:
    form: RemindersForm = "26" if revision.version >= 15 else "13"
    if has_story:
        files = [one for one in demo_reminders(later=later) if one.relative_path != CLOUD]
        store = demo_cloud(later=later)
    else:
        files = []
        store = RemindersDatabase("Home account", form=form, seed=41)
    todo = store.list("To do", **_identity("list", "To do"))
    for title, due, done in _tasks(revision):
        store.reminder(
            todo, title, ZDUEDATE=reminder_seconds(due), ZTIMEZONE="Europe/Zurich",
            ZCREATIONDATE=reminder_seconds(due - _AHEAD), ZCOMPLETED=int(done is not None),
            ZLASTMODIFIEDDATE=reminder_seconds(done or due - _AHEAD),
            ZCOMPLETIONDATE=None if done is None else reminder_seconds(done),
            **_identity("reminder", title, due),
        )  # fmt: skip
    return [PhoneFile(DOMAIN, CLOUD, store.to_bytes()), *files]


def _identity(*parts: object) -> dict[str, Any]:
    said = key(*parts)
    return {"ZIDENTIFIER": uuid.UUID(said).bytes, "ZCKIDENTIFIER": said}
