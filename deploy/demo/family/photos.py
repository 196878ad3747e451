"""The photos on the phone: journeys, birthdays and what happens on ordinary days.

Since 2023 the phone keeps the originals of the last weeks and of favourites only; of others it has
small pictures for three years, and iCloud the rest. What is deleted stays for thirty days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from deploy.demo.container import PhoneFile
from deploy.demo.family.life import (
    DAY,
    HOME,
    LENA,
    PEOPLE,
    TOMAS,
    TRIPS,
    Place,
    Revision,
    Trip,
    chance,
    clock,
    key,
    place_on,
    trip_on,
)
from deploy.demo.family.pictures import picture
from deploy.demo.phone import FIRST_RUN, LATER_RUN
from deploy.demo.photos import DOMAIN, LIBRARY, DemoLibrary, demo_library
from deploy.demo.photos_database import cocoa_seconds, looked_up_place
from deploy.demo.photos_schema import Form

_KEPT_DAYS, _ORIGINAL_DAYS, _THUMBNAIL_DAYS = 30, 60, 1100
_THUMBNAIL = {"width": 80, "height": 60}


@dataclass(frozen=True)
class Shot:
    """One picture as it was taken."""

    key: str
    at: dt.datetime
    place: Place
    trip: Trip | None
    is_favourite: bool
    is_screenshot: bool
    caption: str | None
    #: When Mira threw it away, if she did.
    deleted_on: dt.date | None
    #: Who is on it, by name.
    who: str | None


@cache
def shots_on(day: dt.date) -> tuple[Shot, ...]:
    """Return the pictures of *day* in the order of time."""
    return tuple(_shots(day))


def _shots(day: dt.date) -> Iterator[Shot]:
    dice = chance("photos", day)
    trip, place = trip_on(day), place_on(day)
    party = next((one for one in PEOPLE if one.has_birthday(day)), None)
    if trip is not None:
        count = dice.randrange(4, 9)
    elif party is not None:
        count = dice.randrange(3, 6)
    else:
        count = dice.choice((0, 0, 0, 0, 0, 0, 1, 2))
    zone = ZoneInfo(place.zone)
    for number, minutes in enumerate(sorted(dice.uniform(8 * 60, 20.5 * 60) for _ in range(count))):
        draw, another = dice.random(), dice.random()
        caption = None
        if number == 0 and trip is not None and day == trip.first:
            caption = f"{trip.title}: {place.city}"
        elif number == 0 and party is not None:
            caption = f"{party.first}'s cake"
        companion = party or (trip.companion if trip is not None else None) or TOMAS
        yield Shot(
            key=key("photo", day, number),
            at=clock(day, minutes, zone=zone).replace(microsecond=0),
            place=place,
            trip=trip,
            is_favourite=draw < 0.06,
            is_screenshot=trip is None and party is None and draw > 0.9,
            caption=caption,
            deleted_on=day + 10 * DAY if another < 0.09 else None,
            who=companion.name if 0.3 < another < 0.55 else LENA.name if another > 0.85 else None,
        )


@cache
def _address(place: Place) -> bytes:
    return looked_up_place(
        street=place.street, city=place.city, state="", postal_code="", country=place.country,
        code=place.code, areas=[(place.city, 8e7)], is_home=place is HOME,
    )  # fmt: skip


def _form_of(revision: Revision) -> Form:
    forms: tuple[tuple[int, Form], ...] = ((26, "26"), (17, "18"), (15, "16"))
    return next((form for version, form in forms if revision.version >= version), "13")


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the library and the files of its pictures."""
    form = _form_of(revision)
    if revision.at >= FIRST_RUN:
        library = demo_library(later=revision.at >= LATER_RUN, form=form)
    else:
        library = DemoLibrary(form)
    journeys: dict[Trip, list[int]] = {}
    people: dict[str, list[int]] = {}
    taken = 0
    for day in revision.days:
        for shot in shots_on(day):
            if shot.at > revision.at:
                continue
            taken += 1
            number = _add(library, revision, shot, taken)
            if number is None:
                continue
            if shot.trip is not None:
                journeys.setdefault(shot.trip, []).append(number)
            if shot.who is not None:
                people.setdefault(shot.who, []).append(number)
    _sort(library, journeys, people)
    return [PhoneFile(DOMAIN, LIBRARY, library.database.to_bytes()), *library.files]


def _add(library: DemoLibrary, revision: Revision, shot: Shot, taken: int) -> int | None:
    """Add a picture to the library; return its number, or None for one that is gone."""
    today, more = revision.at.date(), {}
    if shot.deleted_on is not None and shot.deleted_on <= today:
        if (today - shot.deleted_on).days >= _KEPT_DAYS:
            return None
        thrown_at = dt.datetime.combine(shot.deleted_on, dt.time(19), tzinfo=dt.UTC)
        more = {"ZTRASHEDSTATE": 1, "ZTRASHEDDATE": cocoa_seconds(thrown_at)}
    path = f"DCIM/{101 + taken // 1000}APPLE/IMG_{taken % 10_000:04d}.JPG"
    age = (today - shot.at.date()).days
    is_here = revision.version < 16 or age <= _ORIGINAL_DAYS or shot.is_favourite
    if is_here:
        library.put(path, picture(shot.key), at=shot.at)
    else:
        more["ZCLOUDLOCALSTATE"] = 1
        if age <= _THUMBNAIL_DAYS:
            small = picture(shot.key, **_THUMBNAIL)
            library.put(f"PhotoData/Thumbnails/V2/{path}/5005.JPG", small, at=shot.at)
    zone = ZoneInfo(shot.place.zone)
    offset = shot.at.astimezone(zone).utcoffset() or dt.timedelta()
    additional: dict[str, object] = {}
    if not shot.is_screenshot:
        additional = {"ZREVERSELOCATIONDATA": _address(shot.place)}
        # Not two pictures of a day are taken at the same spot.
        spot = chance("places", shot.at.date()).uniform(-0.01, 0.01) + taken % 7 * 0.0004
        more |= {"ZLATITUDE": shot.place.latitude + spot, "ZLONGITUDE": shot.place.longitude - spot}
    else:
        more |= {"ZKINDSUBTYPE": 10, "ZWIDTH": 1170, "ZHEIGHT": 2532}
    # Taken with the phone that Mira had then, on whichever it is now.
    is_old = shot.at < dt.datetime(2021, 9, 25, tzinfo=dt.UTC)
    camera = {
        "ZCAMERAMAKE": "Apple", "ZCAMERAMODEL": "iPhone 8" if is_old else "iPhone 13",
        "ZISO": 50, "ZAPERTURE": 1.8 if is_old else 1.6, "ZSHUTTERSPEED": 0.004,
        "ZFOCALLENGTHIN35MM": 28 if is_old else 26,
    }  # fmt: skip
    number = library.database.asset(
        path, taken_at=shot.at, offset=int(offset.total_seconds()), zone=shot.place.zone,
        camera=None if shot.is_screenshot else camera, caption=shot.caption,
        additional=additional, ZUUID=shot.key, ZFAVORITE=int(shot.is_favourite), **more,
    )  # fmt: skip
    if not is_here:
        library.database.resource(number, 0, 1, is_here=False, size=2_000_000 + taken * 97)
    return number


def _sort(
    library: DemoLibrary, journeys: dict[Trip, list[int]], people: dict[str, list[int]]
) -> None:
    db = library.database
    for trip in TRIPS:
        if trip in journeys:
            made = dt.datetime.combine(trip.last + 3 * DAY, dt.time(18), tzinfo=dt.UTC)
            db.album(
                f"{trip.title} {trip.first.year}", journeys[trip],
                ZUUID=key("album", trip.title, trip.first), ZCREATIONDATE=cocoa_seconds(made),
            )  # fmt: skip
    for name, numbers in people.items():
        person = db.person(name, ZPERSONUUID=key("face of", name))
        for number in numbers:
            db.face(number, person, ZUUID=key("face", name, number))
