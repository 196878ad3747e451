"""Artifacts out of days, nights, workouts and measurements."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.health.days import Buckets, measures_of
from services.indexer.kinds.health.payload import (
    Group,
    HealthPayload,
    Measure,
    Measurement,
    Night,
    Origin,
    Rings,
)
from services.indexer.kinds.health.samples import time_of
from services.indexer.kinds.health.singles import Single
from services.indexer.kinds.health.sleep import FoundNight
from services.indexer.kinds.health.sources import Sources
from services.indexer.kinds.health.vocabulary import type_of, words_of
from services.indexer.kinds.health.workouts import FoundWorkout
from services.indexer.kinds.health.zones import date_of, microseconds, moment
from services.indexer.kinds.records import key_of
from services.indexer.kinds.values import float_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact, StagedThread

GROUPS: dict[Group, str] = {
    "activity": "Activity",
    "heart": "Heart",
    "sleep": "Sleep",
    "workouts": "Workouts",
    "body": "Body",
    "other": "Other measurements",
}
#: What the title of a day tells, if it is there.
_TITLED = ("steps", "walking_running_distance", "active_energy", "heart_rate",
           "resting_heart_rate", "oxygen_saturation")  # fmt: skip


def thread_of(group: Group) -> StagedThread:
    """Return the thread of a group of types."""
    return StagedThread(
        key=group, title=GROUPS[group], is_group=False, participants=[], services=[],
        raw_keys=[],
    )  # fmt: skip


def day_artifact(
    day: int,
    group: Group,
    found: list[tuple[int, Buckets]],
    *,
    rings: Rings | None,
    zone: int,
    sources: Sources,
) -> StagedArtifact:
    """Return what a day was in one group of types."""
    measures = measures_of(found, sources.names)
    date = date_of(day)
    lines = [_line(one) for one in measures]
    if rings is not None:
        lines.extend(_ring_lines(rings))
    titled = [line for one, line in zip(measures, lines, strict=False) if one.name in _TITLED]
    names = {one.source for measure in measures for one in measure.by_source if one.source}
    return StagedArtifact(
        key=f"{group}:{date}",
        payload=HealthPayload(
            form="day",
            group=group,
            date=date,
            time_zone=sources.zones.names[zone],
            measures=measures,
            rings=rings,
        ),
        thread_key=group,
        occurred_at_us=sources.zones.noon_us(zone, day),
        title=f"{GROUPS[group]}: {', '.join(titled[:3] or lines[:3])}",
        text="\n".join([*lines, *sorted(names)]),
    )


def _ring_lines(rings: Rings) -> list[str]:
    return [
        f"{name} {value:g}{unit}" + (f" of {goal:g}" if goal else "")
        for name, value, goal, unit in (
            ("Move", rings.move_kcal, rings.move_goal_kcal, " kcal"),
            ("Exercise", rings.exercise_minutes, rings.exercise_goal_minutes, " min"),
            ("Stand", rings.stand_hours, rings.stand_goal_hours, " h"),
        )
        if value is not None
    ]


def _line(one: Measure) -> str:
    name = words_of(one.name)
    if one.total is not None:
        return f"{name} {_amount(one.total, one.unit)}"
    if one.duration_seconds:
        return f"{name} {duration(one.duration_seconds)}"
    if one.mean is not None and one.minimum is not None and one.maximum is not None:
        if one.minimum == one.maximum:
            return f"{name} {_amount(one.mean, one.unit)}"
        least = f"{one.minimum:.0f}" if one.unit == "bpm" else f"{one.minimum:.4g}"
        return f"{name} {least} to {_amount(one.maximum, one.unit)}"
    return f"{name} {one.count}"


def _amount(value: float, unit: str | None) -> str:
    if unit == "m" and value >= 1000:
        return f"{value / 1000:,.2f} km"
    if unit == "bpm":
        return f"{value:.0f} bpm"
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return shown if unit is None else f"{shown} {unit}"


def duration(seconds: float) -> str:
    """Return a length of time as people say it: ``7 h 32 min``."""
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min" if minutes else f"{seconds:.0f} s"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def night_artifact(found: FoundNight, sources: Sources) -> StagedArtifact:
    """Return a night."""
    night = found.night
    date = date_of(found.day)
    summary = night.summary
    slept = summary.asleep_seconds or summary.in_bed_seconds
    lines = [
        f"{name} {duration(seconds)}"
        for name, seconds in (
            ("In bed", max(one.in_bed_seconds for one in (summary, *night.others))),
            ("Asleep", summary.asleep_seconds),
            ("Awake", summary.awake_seconds),
            ("Core sleep", summary.core_seconds),
            ("Deep sleep", summary.deep_seconds),
            ("REM sleep", summary.rem_seconds),
        )
        if seconds
    ]
    return StagedArtifact(
        key=f"sleep:{date}",
        payload=HealthPayload(
            form="sleep",
            group="sleep",
            date=date,
            time_zone=sources.zones.names[found.zone],
            start_at=moment(found.start),
            local_start=sources.zones.local(found.zone, found.start),
            night=night,
        ),
        thread_key="sleep",
        occurred_at_us=microseconds(found.start),
        title=f"Sleep: {duration(slept)}",
        text="\n".join([*lines, *_sleepers(night)]),
    )


def _sleepers(night: Night) -> list[str]:
    names = (night.summary.source, *(one.source for one in night.others))
    return [name for name in dict.fromkeys(names) if name]


def workout_artifact(found: FoundWorkout, sources: Sources) -> StagedArtifact:
    """Return a workout; one without an identity is known by when it was."""
    row, workout = found.row, found.workout
    by = sources.find(row["provenance"])
    zone = sources.zones.number(found.zone_name) or by.zone
    start = found.start
    name = words_of(
        workout.activity
        or ("workout" if workout.activity_raw is None else f"workout_{workout.activity_raw}")
    )
    told = []
    if workout.distance_meters:
        told.append(_amount(workout.distance_meters, "m"))
    if workout.duration_seconds:
        told.append(duration(workout.duration_seconds))
    origin = sources.origin(by)
    lines = [name, *told]
    if workout.active_energy_kcal:
        lines.append(_amount(workout.active_energy_kcal, "kcal"))
    if workout.is_indoor is not None:
        lines.append("indoor" if workout.is_indoor else "outdoor")
    lines.extend(words_of(part.activity) for part in workout.parts if part.activity)
    lines.extend(origin_words(origin))
    lines.extend(
        said
        for key, said in (workout.metadata or {}).items()
        if key != "HKTimeZone" and not said[:1].isdigit()
    )
    return StagedArtifact(
        key=uuid_of(row["uuid"]) or key_of("workout", start, workout.activity_raw),
        payload=HealthPayload(
            form="workout",
            group="workouts",
            origin=origin,
            workout=workout,
            created_at=_created(row["creation_date"]),
            **_when(start, zone, sources),
        ),
        thread_key="workouts",
        occurred_at_us=None if start is None else microseconds(start),
        title=f"{name}: {', '.join(told)}" if told else name,
        text="\n".join(lines),
    )


def measurement_artifact(
    one: Single, said: tuple[object, object, object, object], sources: Sources
) -> StagedArtifact:
    """Return a weighing or the like; *said* is its uuid, what was entered, and when."""
    uuid, entered, entered_unit, created = said
    of = type_of(one.type_raw, is_category=False)
    by = sources.find(one.provenance)
    value = round(one.value, 4)
    unit = text_of(entered_unit)
    origin = sources.origin(by)
    shown = f"{words_of(of.name)} {_amount(value, of.unit)}"
    return StagedArtifact(
        key=uuid_of(uuid) or key_of(of.name, one.at, one.value),
        payload=HealthPayload(
            form="measurement",
            group=of.group,
            origin=origin,
            measurement=Measurement(
                name=of.name,
                type_raw=one.type_raw,
                value=value,
                unit=of.unit,
                entered_value=float_of(entered),
                entered_unit=None if unit is None else unit[:40],
            ),
            created_at=_created(created),
            **_when(one.at, by.zone, sources),
        ),
        thread_key=of.group,
        occurred_at_us=microseconds(one.at),
        title=shown,
        text="\n".join([shown, *origin_words(origin)]),
    )


def origin_words(origin: Origin | None) -> list[str]:
    """Return the names of who recorded something."""
    if origin is None:
        return []
    return [name for name in dict.fromkeys((origin.source, origin.device)) if name]


def _when(start: float | None, zone: int, sources: Sources) -> dict[str, Any]:
    if start is None:
        return {}
    local = sources.zones.local(zone, start)
    return {
        "date": local[:10],
        "time_zone": sources.zones.names[zone],
        "start_at": moment(start),
        "local_start": local,
    }


def _created(value: object) -> Any:
    at = time_of(value)
    return None if at is None else moment(at)
