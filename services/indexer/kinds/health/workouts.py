"""Workouts of both layouts: one row with sums (iOS 8 to 15), or activities with statistics."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.days import MOST_VALUE, tidy
from services.indexer.kinds.health.payload import (
    Measure,
    Route,
    Workout,
    WorkoutEvent,
    WorkoutPart,
)
from services.indexer.kinds.health.routes import Routes
from services.indexer.kinds.health.samples import DELETED, scaled, time_of
from services.indexer.kinds.health.statements import fields
from services.indexer.kinds.health.vocabulary import (
    ACTIVITIES,
    EVENTS,
    GOALS,
    HEART_RATE,
    Type,
    type_of,
)
from services.indexer.kinds.health.workout_tables import WorkoutTables
from services.indexer.kinds.health.zones import moment
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, note_damage
from services.indexer.kinds.values import float_of, int_of, text_of

BATCH = 200
#: Six a day for fifty years.
_MOST_WORKOUTS = 110_000
_MOST_PARTS = 50
_MOST_STATISTICS = 60
_MOST_EVENTS = 200
_MOST_NOTES = 40
_MOST_ROUTES = 8
_LONGEST_NOTE = 200
#: A month; longer is a mistake.
_LONGEST_SECONDS = 2_700_000
#: Faster than any train; a distance in kilometres that needs it is one in metres.
_FASTEST = 100.0
#: A part that lasts so much of a workout is all of it.
_MOST_OF = 0.9

_COLUMNS = (
    ("w", "data_id"), ("w", "duration"), ("w", "total_energy_burned"),
    ("w", "total_basal_energy_burned"), ("w", "total_distance"), ("w", "activity_type"),
    ("w", "goal_type"), ("w", "goal"), ("w", "total_w_steps"), ("w", "total_flights_climbed"),
    ("s", "start_date"), ("s", "end_date"), ("o", "uuid"), ("o", "provenance"), ("o", "type"),
    ("o", "creation_date"),
)  # fmt: skip
_DISTANCES = (8, 83, 110, 113, 138)
_HEART = "_HKPrivateWorkout{}HeartRate"


class FoundWorkout(NamedTuple):
    """A workout with its row: ``uuid``, ``provenance``, ``start_date``, ``creation_date``."""

    row: Record
    start: float | None
    zone_name: str | None
    workout: Workout


def order_of(database: Database, tally: Tally) -> list[tuple[float, int]]:
    """Return start and number of every workout, the earliest first."""
    if "data_id" not in database.columns("workouts"):
        return []
    tables = {"s": "samples"}
    found = []
    try:
        for number, start in database.rows(
            f"select w.data_id, {fields(database, [('s', 'start_date')], tables)} "  # noqa: S608 -- names are ours
            "from workouts w left join samples s on s.data_id = w.data_id "
            f"order by w.data_id limit {_MOST_WORKOUTS}"
        ):
            if isinstance(number, int):
                found.append((time_of(start) or 0.0, number))
    except sqlite3.Error:
        note_damage(tally)
    return sorted(found)


class WorkoutReader:
    """Workouts by their numbers."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Prepare to look workouts up."""
        self._database = database
        self._tally = tally
        self._tables = WorkoutTables(database, tally)
        self._routes = Routes(database)

    def rows(self, numbers: Sequence[int]) -> Iterator[tuple[Record, Beside]]:
        """Yield the rows of workouts in the order of *numbers*, with what other tables say."""
        has_objects = "data_id" in self._database.columns("objects")
        tables = {"w": "workouts", "s": "samples", "o": "objects" if has_objects else ""}
        join = "left join objects o on o.data_id = w.data_id " if has_objects else ""
        marks = ", ".join("?" for _ in numbers)
        statement = (
            f"select {fields(self._database, _COLUMNS, tables)} from workouts w "  # noqa: S608 -- names are ours
            f"left join samples s on s.data_id = w.data_id {join}where w.data_id in ({marks})"
        )
        names = [name for _, name in _COLUMNS]
        rows: dict[int, Record] = {}
        try:
            for row in self._database.rows(statement, tuple(numbers)):
                rows[row[0]] = dict(zip(names, row, strict=True))
        except sqlite3.Error:
            note_damage(self._tally)
        activities = self._tables.activities(numbers)
        numbered = [
            row["ROWID"]
            for of in activities.values()
            for row in of[:_MOST_PARTS]
            if isinstance(row["ROWID"], int)
        ]
        statistics: dict[int, list[Record]] = {}
        for at in range(0, len(numbered), 500):
            statistics |= self._tables.statistics(numbered[at : at + 500])
        events = self._tables.events(numbers)
        metadata = self._tables.metadata(numbers)
        routes = self._tables.route_keys(numbers) if self._routes.are_there else {}
        for number in numbers:
            if number in rows:
                yield (
                    rows[number],
                    Beside(
                        activities.get(number, [])[:_MOST_PARTS],
                        statistics,
                        events.get(number, []),
                        metadata.get(number, {}),
                        routes.get(number, [])[:_MOST_ROUTES],
                    ),
                )

    def make(self, row: Record, beside: Beside) -> FoundWorkout | None:
        """Return a workout; None for one that was deleted."""
        if row["type"] == DELETED:
            return None
        parts = [_part(one, beside.statistics) for one in beside.activities]
        routes = [route for key in beside.routes if (route := self._routes.read(key)) is not None]
        start = time_of(row["start_date"])
        zone = beside.metadata.get("HKTimeZone", {}).get("string_value")
        return FoundWorkout(row, start, text_of(zone), _workout(row, beside, parts, routes))


class Beside(NamedTuple):
    """What other tables say of one workout."""

    activities: list[Record]
    statistics: dict[int, list[Record]]
    events: list[Record]
    metadata: dict[str, Record]
    routes: list[int]


def _workout(
    row: Record,
    beside: Beside,
    parts: list[WorkoutPart],
    routes: list[Route],
) -> Workout:
    start, end = time_of(row["start_date"]), time_of(row["end_date"])
    whole = None if start is None or end is None else _seconds(end - start)
    main = _main(parts, whole)
    statistics = {one.type_raw: one for one in main.statistics}
    duration = _seconds(row["duration"]) or main.duration_seconds or whole
    goal = int_of(row["goal_type"])
    number = int_of(row["activity_type"])
    activity = ACTIVITIES.get(number) if number is not None else main.activity
    heart = statistics.get(HEART_RATE)
    notes = _notes(beside.metadata)
    indoor = main.is_indoor
    if "HKIndoorWorkout" in beside.metadata:
        indoor = float_of(beside.metadata["HKIndoorWorkout"]["numerical_value"]) == 1
    return Workout(
        activity=activity,
        activity_raw=main.activity_raw if number is None else number,
        end_at=None if end is None else moment(end),
        duration_seconds=duration,
        distance_meters=_distance(row["total_distance"], duration, statistics),
        active_energy_kcal=_amount(row["total_energy_burned"]) or _total(statistics, 10),
        basal_energy_kcal=_amount(row["total_basal_energy_burned"]) or _total(statistics, 9),
        steps=_total(statistics, 7) or _amount(row["total_w_steps"]),
        flights=_total(statistics, 12) or _amount(row["total_flights_climbed"]),
        heart_rate_mean=heart.mean if heart else _heart(beside.metadata, "Average"),
        heart_rate_minimum=heart.minimum if heart else _heart(beside.metadata, "Min"),
        heart_rate_maximum=heart.maximum if heart else _heart(beside.metadata, "Max"),
        is_indoor=indoor,
        goal=GOALS.get(goal) if goal is not None else None,
        goal_value=_amount(row["goal"]),
        goal_raw=goal if goal not in GOALS else None,
        statistics=main.statistics,
        parts=tuple(parts) if len(parts) > 1 else (),
        events=tuple(_event(one) for one in beside.events[:_MOST_EVENTS]),
        event_count=len(beside.events),
        metadata=notes or None,
        routes=tuple(routes),
    )


def _main(parts: list[WorkoutPart], whole: float | None) -> WorkoutPart:
    """Return the part that is the whole workout; of several in a row, their sum."""
    if len(parts) < 2:
        return parts[0] if parts else WorkoutPart()
    longest = max(parts, key=lambda part: part.duration_seconds or 0)
    if whole is not None and (longest.duration_seconds or 0) >= _MOST_OF * whole:
        return longest
    sums: dict[int, Measure] = {}
    for part in parts:
        for one in part.statistics:
            if one.total is not None:
                before = sums.get(one.type_raw)
                total = one.total + (before.total or 0 if before else 0)
                sums[one.type_raw] = msgspec.structs.replace(one, total=tidy(total))
    same = {part.activity_raw for part in parts}
    return WorkoutPart(
        activity=parts[0].activity if len(same) == 1 else "multisport",
        activity_raw=parts[0].activity_raw if len(same) == 1 else None,
        is_indoor=parts[0].is_indoor,
        duration_seconds=round(sum(part.duration_seconds or 0 for part in parts), 3) or None,
        statistics=tuple(sums[number] for number in sorted(sums)),
    )


def _part(row: Record, statistics: dict[int, list[Record]]) -> WorkoutPart:
    number, start, end = (
        int_of(row["activity_type"]),
        time_of(row["start_date"]),
        time_of(row["end_date"]),
    )
    measures = []
    for one in statistics.get(row["ROWID"], [])[:_MOST_STATISTICS]:
        measure = _statistic(one)
        if measure is not None:
            measures.append(measure)
    # HKWorkoutSessionLocationType: 2 indoor, 3 outdoor.
    return WorkoutPart(
        activity=ACTIVITIES.get(number) if number is not None else None,
        activity_raw=number,
        start_at=None if start is None else moment(start),
        end_at=None if end is None else moment(end),
        duration_seconds=_seconds(row["duration"]),
        is_indoor={2: True, 3: False}.get(int_of(row["location_type"]) or 0),
        statistics=tuple(sorted(measures, key=lambda one: one.type_raw)),
    )


def _statistic(row: Record) -> Measure | None:
    number = int_of(row["data_type"])
    if number is None:
        return None
    of = type_of(number, is_category=False)
    value, low, high = (_in_unit(row[name], of) for name in ("quantity", "min", "max"))
    if value is None:
        return None
    is_sum = of.how == "sum"
    return Measure(
        name=of.name,
        type_raw=number,
        unit=of.unit,
        total=value if is_sum else None,
        mean=None if is_sum else value,
        minimum=low,
        maximum=high,
    )


def _event(row: Record) -> WorkoutEvent:
    number, at = int_of(row["type"]), time_of(row["date"])
    return WorkoutEvent(
        what=EVENTS.get(number) if number is not None else None,
        at=None if at is None else moment(at),
        duration_seconds=_seconds(row["duration"]),
        raw=number if number not in EVENTS else None,
    )


def _distance(
    value: object, duration: float | None, statistics: dict[int, Measure]
) -> float | None:
    known = [total for number in _DISTANCES if (total := _total(statistics, number))]
    if known:
        return max(known)
    distance = _amount(value)
    if not distance:
        return None
    # Kilometres in the stores that are known; metres by the fact sheet: what nobody can run is.
    if distance * 1000 > _FASTEST * (duration or 3600):
        return tidy(distance)
    return tidy(distance * 1000)


def _total(statistics: dict[int, Measure], number: int) -> float | None:
    one = statistics.get(number)
    return None if one is None else one.total


def _heart(metadata: dict[str, Record], which: str) -> float | None:
    said = metadata.get(_HEART.format(which), {}).get("numerical_value")
    return _in_unit(said, type_of(HEART_RATE, is_category=False))


def _notes(metadata: dict[str, Record]) -> dict[str, str]:
    """Return what apps noted in Apple's public keys; numbers with their unit."""
    found: dict[str, str] = {}
    for name in sorted(metadata):
        if not name.startswith("HK") or name == "HKIndoorWorkout" or len(found) >= _MOST_NOTES:
            continue
        row = metadata[name]
        word, number = text_of(row["string_value"]), _amount(row["numerical_value"])
        at = time_of(row["date_value"])
        if number is not None:
            said = f"{number:g}" if word is None else f"{number:g} {word[:40]}"
        elif word is not None:
            said = word[:_LONGEST_NOTE]
        elif at is not None:
            said = moment(at).isoformat()
        else:
            continue
        found[name] = said
    return found


def _amount(value: object) -> float | None:
    number = float_of(value)
    return tidy(number) if number is not None and abs(number) < MOST_VALUE else None


def _in_unit(value: object, of: Type) -> float | None:
    number = float_of(value)
    return tidy(scaled(number, of)) if number is not None and abs(number) < MOST_VALUE else None


def _seconds(value: object) -> float | None:
    seconds = float_of(value)
    if seconds is None or not 0 < seconds <= _LONGEST_SECONDS:
        return None
    return round(seconds, 3)
