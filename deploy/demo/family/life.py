"""Who is in the family, what happened when, and which backups were made of its phones.

Everything is invented. What happens on a day is drawn from that day alone (``chance``), so that a
backup is the same whichever others are made, and a later one holds what an earlier one held.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from deploy.demo.phone import DEMO_UDID

ZONE = ZoneInfo("Europe/Zurich")
#: The day on which Mira got her first phone of these.
FIRST_DAY = dt.date(2018, 1, 6)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Phone:
    """One of Mira's phones."""

    udid: str
    name: str
    product_type: str
    camera: str
    serial: str


@dataclass(frozen=True)
class Revision:
    """The phone at the moment of a backup."""

    phone: Phone
    ios: str
    at: dt.datetime

    @property
    def folder(self) -> str:
        """The folder that holds this copy: a phone's backup is always named after the phone."""
        return f"{self.at:%Y-%m-%d}"

    @property
    def version(self) -> int:
        """The major version of iOS."""
        return int(self.ios.partition(".")[0])

    @property
    def days(self) -> Iterator[dt.date]:
        """All days from the first to that of the backup."""
        return days_between(FIRST_DAY, self.at.date())


OLD_PHONE = Phone(
    "4f1c0de5a9b37e2288d6c0431ab95e7f60d2c813", "iPhone", "iPhone10,4", "iPhone 8", "SAMPLE000008"
)
NEW_PHONE = Phone(DEMO_UDID, "Mira\u2019s iPhone", "iPhone14,5", "iPhone 13", "SAMPLE000013")


def _moment(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, 21, 15, tzinfo=dt.UTC)


#: Two years apart, then on the evening before the new phone and the day it was set up from that
#: backup; the last two are four weeks apart, as are recently deleted things.
REVISIONS = (
    Revision(OLD_PHONE, "12.3.1", _moment(2019, 6, 30)),
    Revision(OLD_PHONE, "14.8", _moment(2021, 9, 24)),
    Revision(NEW_PHONE, "15.0", _moment(2021, 9, 26)),
    Revision(NEW_PHONE, "16.6", _moment(2023, 8, 13)),
    Revision(NEW_PHONE, "17.5.1", _moment(2024, 8, 4)),
    Revision(NEW_PHONE, "26.0.1", _moment(2026, 9, 27)),
    Revision(NEW_PHONE, "26.1", _moment(2026, 10, 25)),
)


@dataclass(frozen=True)
class Person:
    """Somebody Mira knows; ``number`` is how messages and calls know them."""

    name: str
    number: str
    email: str | None = None
    birthday: dt.date | None = None
    #: Since when they are on the phone, and until when.
    since: dt.date = FIRST_DAY
    until: dt.date = dt.date.max

    @property
    def first(self) -> str:
        """What everybody calls them."""
        return self.name.partition(" ")[0]

    def is_known(self, day: dt.date) -> bool:
        """Whether they are on the phone on *day*."""
        return self.since <= day < self.until

    def has_birthday(self, day: dt.date) -> bool:
        """Whether *day* is their birthday, and they are on the phone."""
        born = self.birthday
        return (
            born is not None
            and self.is_known(day)
            and ((born.month, born.day) == (day.month, day.day))
        )


JONAS = Person("Jonas Sandoval", "+15550142001", "jonas@example.com", dt.date(1984, 11, 3))
YUKI = Person("Yuki Tanaka", "+819012345678", None, dt.date(1988, 4, 12))
ZOE = Person("Zoë Größl", "+436601112223", None, None)
TOMAS = Person("Tomas Sandoval", "+15550142002", "tomas@example.com", dt.date(1985, 2, 27))
LENA = Person(
    "Lena Sandoval", "+15550142003", None, dt.date(2012, 6, 9), since=dt.date(2023, 6, 9)
)  # fmt: skip
ROSA = Person("Rosa Sandoval", "+15550142004", "rosa@example.com", dt.date(1955, 9, 21))
AMELIE = Person("Amélie Dubois", "+33612345678", "amelie.dubois@example.org", dt.date(1987, 2, 28))
NADIA = Person("Nadia Petrov", "+15550142005", "nadia@practice.example", dt.date(1990, 7, 30))
BEN = Person("Ben Okafor", "+15550142006", "ben@oldjob.example", None, until=dt.date(2022, 3, 1))
PEOPLE = (JONAS, YUKI, ZOE, TOMAS, LENA, ROSA, AMELIE, NADIA, BEN)


@dataclass(frozen=True)
class Place:
    """Somewhere on Earth."""

    city: str
    latitude: float
    longitude: float
    street: str
    country: str
    code: str
    zone: str = "Europe/Zurich"


HOME = Place("Zürich", 47.3717, 8.5423, "Lindenweg 12", "Switzerland", "CH")
PIER = Place("Horgen", 47.2597, 8.5978, "Seestrasse 201", "Switzerland", "CH")
_LISBON = Place("Lisboa", 38.7139, -9.1334, "Rua da Graça 4", "Portugal", "PT", "Europe/Lisbon")
_TOKYO = Place("Tokyo", 35.6655, 139.7291, "Kitaaoyama 2-8", "Japan", "JP", "Asia/Tokyo")
_LAUSANNE = Place("Lausanne", 46.5298, 6.6201, "Rue de la Forêt 9", "Switzerland", "CH")
_ZERMATT = Place("Zermatt", 46.0207, 7.7491, "Bahnhofstrasse 3", "Switzerland", "CH")
_GRAZ = Place("Graz", 47.0707, 15.4395, "Am Damm 7", "Austria", "AT", "Europe/Vienna")
_PORTLAND = Place("Portland", 45.5202, -122.6742, "Pine Street 88", "USA", "US",
                  "America/Los_Angeles")  # fmt: skip
_ANNECY = Place("Annecy", 45.8992, 6.1294, "Quai du Semnoz 2", "France", "FR", "Europe/Paris")
_SYLT = Place("Westerland", 54.9079, 8.3033, "Strandweg 6", "Germany", "DE", "Europe/Berlin")
_TICINO = Place("Ascona", 46.1541, 8.7724, "Via Borgo 11", "Switzerland", "CH")
_KYOTO = Place("Kyoto", 35.0116, 135.7681, "Higashiyama 15", "Japan", "JP", "Asia/Tokyo")


@dataclass(frozen=True)
class Trip:
    """Some days elsewhere."""

    title: str
    place: Place
    first: dt.date
    nights: int
    companion: Person | None = None

    @property
    def last(self) -> dt.date:
        """The day of the way home."""
        return self.first + self.nights * DAY


TRIPS = (
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2018, 2, 10), 6, TOMAS),
    Trip("Lake weekend", PIER, dt.date(2018, 7, 27), 2, JONAS),
    Trip("Lisbon", _LISBON, dt.date(2018, 10, 6), 7, AMELIE),
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2019, 2, 9), 6, TOMAS),
    Trip("Japan with Yuki", _TOKYO, dt.date(2019, 4, 13), 12, YUKI),
    Trip("Lake weekend", PIER, dt.date(2019, 7, 26), 2, JONAS),
    Trip("Annecy by bicycle", _ANNECY, dt.date(2019, 9, 14), 4, TOMAS),
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2020, 2, 8), 6, TOMAS),
    Trip("Ticino, at last", _TICINO, dt.date(2020, 7, 18), 8, ROSA),
    Trip("Lake weekend", PIER, dt.date(2021, 7, 30), 2, JONAS),
    Trip("The North Sea", _SYLT, dt.date(2021, 8, 7), 9, ROSA),
    Trip("Jonas in Portland", _PORTLAND, dt.date(2022, 4, 16), 11, JONAS),
    Trip("Lake weekend", PIER, dt.date(2022, 7, 29), 2, JONAS),
    Trip("Pixel's operation in Graz", _GRAZ, dt.date(2022, 11, 4), 3, ZOE),
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2023, 2, 11), 6, TOMAS),
    Trip("Lake weekend", PIER, dt.date(2023, 7, 28), 2, JONAS),
    Trip("Lisbon again", _LISBON, dt.date(2023, 10, 7), 6, AMELIE),
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2024, 2, 10), 6, TOMAS),
    Trip("Autumn in Kyoto", _KYOTO, dt.date(2024, 10, 12), 13, YUKI),
    Trip("Moving Jonas to Lausanne", _LAUSANNE, dt.date(2025, 1, 18), 2, JONAS),
    Trip("Annecy by bicycle", _ANNECY, dt.date(2025, 6, 7), 4, TOMAS),
    Trip("Lake weekend", PIER, dt.date(2025, 7, 25), 2, JONAS),
    Trip("Skiing in Zermatt", _ZERMATT, dt.date(2026, 2, 14), 6, TOMAS),
    Trip("The North Sea", _SYLT, dt.date(2026, 7, 18), 10, ROSA),
    Trip("Lake weekend", PIER, dt.date(2026, 10, 9), 2, JONAS),
)
#: When everybody stayed at home.
QUIET = (dt.date(2020, 3, 16), dt.date(2020, 6, 7))

#: What is drawn, each for itself.
Use = Literal[
    "messages", "whatsapp", "photos", "places", "calls", "plans", "tasks", "wishes", "shopping",
    "diary", "health", "workouts", "web", "data",
]  # fmt: skip


def chance(use: Use, day: dt.date) -> random.Random:
    """Return what a day's things are drawn from: the same in every backup."""
    return random.Random(f"{use} {day}")  # noqa: S311 -- the same years every time


def key(*parts: object) -> str:
    """Return the identity of a thing, the same in every backup, as phones write it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts)))).upper()


def days_between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Yield the days from *first* to *last*, both among them."""
    return (first + number * DAY for number in range((last - first).days + 1))


def trip_on(day: dt.date) -> Trip | None:
    """Return the trip that *day* is a part of."""
    return next((trip for trip in TRIPS if trip.first <= day <= trip.last), None)


def place_on(day: dt.date) -> Place:
    """Return where Mira is."""
    trip = trip_on(day)
    return HOME if trip is None else trip.place


def is_quiet(day: dt.date) -> bool:
    """Whether everybody stays at home."""
    return QUIET[0] <= day <= QUIET[1]


def clock(day: dt.date, minutes: float, *, zone: dt.tzinfo = ZONE) -> dt.datetime:
    """Return the moment at so many *minutes* after midnight by the clock of *zone*."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    return midnight.astimezone(dt.UTC) + dt.timedelta(minutes=minutes)
