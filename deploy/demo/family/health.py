"""What the phone and, since 2020, the watch measured, day by day.

Written in bulk: eight years are a hundred thousand samples.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from deploy.demo.container import PhoneFile
from deploy.demo.family.life import DAY, Revision, chance, clock, is_quiet, key, trip_on
from deploy.demo.health import DOMAIN, MEDICAL_ID, SAMPLES, SOURCES, demo_health, medical_id
from deploy.demo.health_database import RINGS, SLEEP, HealthDatabase, cocoa
from deploy.demo.health_schema import Form
from deploy.demo.phone import FIRST_RUN, LATER_RUN

_STEPS, _DISTANCE, _ENERGY, _FLIGHTS, _RESTING, _WEIGHT = 7, 8, 10, 12, 118, 3
_RUNNING, _WALKING, _SKIING, _CYCLING = 37, 24, 61, 13
_WATCH_SINCE = dt.date(2020, 1, 4)
_HOUR = dt.timedelta(hours=1)
#: A night: core, deep, core, REM, in parts of it.
_NIGHT = ((3, 0.3), (4, 0.2), (3, 0.3), (5, 0.2))
_OBJECT = (
    "insert into objects (data_id, uuid, provenance, type, creation_date) values (?, ?, ?, ?, ?)"
)
_SAMPLE = "insert into samples (data_id, start_date, end_date, data_type) values (?, ?, ?, ?)"
_DAY_SUMS = (
    "insert into activity_caches (data_id, cache_index, sequence, energy_burned, "
    "energy_burned_goal, steps) values (?1, 0, ?1, ?2, ?3, ?4)"
)


class _Sample(NamedTuple):
    """One sample; ``value`` is a category's where ``is_category``."""

    kind: int
    by_watch: bool
    at: dt.datetime
    seconds: float
    value: float
    is_category: bool = False


class _Workout(NamedTuple):
    activity: int
    at: dt.datetime
    seconds: float
    kilometres: float | None
    kcal: float


@cache
def _samples_on(day: dt.date) -> tuple[_Sample, ...]:
    return tuple(_samples(day))


def _samples(day: dt.date) -> Iterator[_Sample]:
    dice = chance("health", day)
    has_watch = day >= _WATCH_SINCE
    goes_far = 1.8 if trip_on(day) is not None else 0.45 if is_quiet(day) else 1.0
    noon, steps_of_day = clock(day, 12 * 60), 0.0
    for hour in (8, 13, 18):
        steps = round(dice.randrange(900, 3800) * goes_far)
        steps_of_day += steps
        at = clock(day, hour * 60)
        yield _Sample(_STEPS, has_watch, at, 2400, steps)
        yield _Sample(_DISTANCE, has_watch, at, 2400, round(steps * 0.71, 1))
    yield _Sample(_FLIGHTS, False, noon, 900, dice.randrange(2, 16))
    if has_watch:
        yield _Sample(_ENERGY, True, noon, 3600, round(steps_of_day * 0.045, 1))
        yield _Sample(_RESTING, True, clock(day, 6 * 60), 0, round(dice.uniform(53, 61) / 60, 4))
        at, asleep = clock(day - DAY, 22.8 * 60) + dice.uniform(0, 1.2) * _HOUR, 0.0
        night = dice.uniform(6.1, 8.2) * 3600
        for phase, part in _NIGHT:
            yield _Sample(SLEEP, True, at + dt.timedelta(seconds=asleep), night * part, phase, True)
            asleep += night * part
    if day.weekday() == 6:
        years = (day - dt.date(2018, 1, 1)).days / 365
        yield _Sample(_WEIGHT, False, clock(day, 7 * 60), 0, round(64.5 - years * 0.2
                      + dice.uniform(-0.8, 0.8), 1))  # fmt: skip


def _workout_on(day: dt.date) -> _Workout | None:
    dice, trip = chance("workouts", day), trip_on(day)
    if trip is not None and "Skiing" in trip.title:
        return _Workout(_SKIING, clock(day, 10 * 60), 4 * 3600.0, 18.5, 900.0)
    if trip is not None and "bicycle" in trip.title:
        return _Workout(_CYCLING, clock(day, 9 * 60), 3.5 * 3600, 52.0 + dice.randrange(20), 1300.0)
    if day >= _WATCH_SINCE and day.weekday() in (1, 5) and dice.random() < 0.6:
        kilometres = round(dice.uniform(4, 9), 2)
        return _Workout(
            _RUNNING, clock(day, 6.5 * 60), kilometres * 366, kilometres, kilometres * 61
        )
    return None


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the stores and the Medical ID."""
    form: Form = "17" if revision.version >= 16 else "15"
    later = revision.at >= LATER_RUN
    if revision.at >= FIRST_RUN:
        database = demo_health(later=later, form=form)
    else:
        database = HealthDatabase(form=form, seed=23)
    # Sources keep their identity, whatever was added before.
    database.begin_identities(97)
    phone = database.source(revision.phone.camera, product=revision.phone.product_type,
                            device="iPhone")  # fmt: skip
    watch = database.source("Apple Watch", product="Watch5,4", device="Apple Watch")
    _write(database, revision, phone=phone, watch=watch)
    samples, sources = database.to_bytes()
    files = [
        PhoneFile(DOMAIN, SAMPLES, samples),
        PhoneFile(DOMAIN, MEDICAL_ID, medical_id(later=later)),
    ]
    return files if sources is None else [*files, PhoneFile(DOMAIN, SOURCES, sources)]


def _write(database: HealthDatabase, revision: Revision, *, phone: int, watch: int) -> None:
    db = database.db
    ((number,),) = db.execute("select coalesce(max(data_id), 0) from objects")
    objects: list[tuple[Any, ...]] = []
    samples: list[tuple[Any, ...]] = []
    quantities: list[tuple[int, float]] = []
    categories: list[tuple[int, float]] = []
    rings: list[tuple[Any, ...]] = []
    workouts: list[_Workout] = []
    # What is measured on the story's own days stands in the story.
    told = _told(database)
    for day in revision.days:
        workout = _workout_on(day)
        if workout is not None and workout.at <= revision.at:
            workouts.append(workout)
        if day in told:
            continue
        sums: dict[int, float] = {}
        for place, sample in enumerate(_samples_on(day)):
            if sample.at > revision.at:
                continue
            number += 1
            begin = cocoa(sample.at)
            end = begin + sample.seconds
            identity = uuid.UUID(int=(day.toordinal() << 64) | (place << 8) | 23).bytes
            objects.append((number, identity, watch if sample.by_watch else phone, 1, end))
            samples.append((number, begin, end, sample.kind))
            (categories if sample.is_category else quantities).append((number, sample.value))
            sums[sample.kind] = sums.get(sample.kind, 0) + sample.value
        if day >= _WATCH_SINCE and day < revision.at.date():
            number += 1
            begin = cocoa(clock(day, 0))
            identity = uuid.UUID(int=(day.toordinal() << 64) | (255 << 8) | 23).bytes
            objects.append((number, identity, watch, 1, begin + 86_400))
            samples.append((number, begin, begin + 86_400, RINGS))
            rings.append((number, sums.get(_ENERGY, 0), 450.0, sums.get(_STEPS, 0)))
    db.executemany(_OBJECT, objects)
    db.executemany(_SAMPLE, samples)
    db.executemany("insert into quantity_samples (data_id, quantity) values (?, ?)", quantities)
    db.executemany("insert into category_samples (data_id, value) values (?, ?)", categories)
    db.executemany(_DAY_SUMS, rings)
    for one in workouts:
        added = database.workout(
            one.activity, by=watch, at=one.at, seconds=one.seconds, kilometres=one.kilometres,
            kcal=one.kcal, indoor=False,
        )  # fmt: skip
        identity = uuid.UUID(key("workout", one.at)).bytes
        db.execute("update objects set uuid = ? where data_id = ?", (identity, added))


def _told(database: HealthDatabase) -> set[dt.date]:
    cocoa_day = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    rows = database.db.execute("select distinct cast(start_date / 86400 as integer) from samples")
    return {(cocoa_day + number * DAY).date() for (number,) in rows}
