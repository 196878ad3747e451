"""The payload of the kind ``health``: which form it is of, and the struct of that form."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Form = Literal["day", "sleep", "workout", "measurement", "award", "medical_id"]
Group = Literal["activity", "heart", "sleep", "workouts", "body", "other"]
Phase = Literal["in_bed", "asleep", "awake", "core", "deep", "rem", "other"]


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The app or device that recorded something; ``hardware`` is Apple's name (``Watch6,2``)."""

    source: str | None = None
    device: str | None = None
    manufacturer: str | None = None
    hardware: str | None = None
    software: str | None = None


class FromSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one source said of a day."""

    source: str | None = None
    count: int = 0
    total: float | None = None


class Measure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One type of samples over a day or a workout.

    A sum has ``total``, a range ``minimum``, ``mean`` and ``maximum``, events a ``count`` and
    ``duration_seconds``. Sources overlap (a phone and a watch count the same steps): of every hour
    the source with most counts, and ``by_source`` has what each of them said.
    """

    name: str
    #: The phone's number of the type.
    type_raw: int
    count: int = 0
    unit: str | None = None
    total: float | None = None
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    duration_seconds: float | None = None
    #: The codes of events and how often each came.
    values_raw: dict[str, int] | None = None
    by_source: tuple[FromSource, ...] = ()


class Rings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The phone's own sums of the day, without what was counted twice, and their goals."""

    move_kcal: float | None = None
    move_goal_kcal: float | None = None
    move_minutes: float | None = None
    exercise_minutes: float | None = None
    exercise_goal_minutes: float | None = None
    stand_hours: float | None = None
    stand_goal_hours: float | None = None
    steps: float | None = None
    distance_meters: float | None = None
    flights: float | None = None


class PhaseOfSleep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of a night."""

    phase: Phase
    start_at: dt.datetime
    duration_seconds: float
    #: The phone's code where it is none that is known.
    raw: int | None = None


class SourceOfSleep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one source said of a night; every second counts once in each of the sums."""

    source: str | None = None
    in_bed_seconds: float = 0.0
    asleep_seconds: float = 0.0
    awake_seconds: float = 0.0
    core_seconds: float = 0.0
    deep_seconds: float = 0.0
    rem_seconds: float = 0.0


class Night(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sleep from six in the evening to six in the evening; ``date`` is the later day.

    The sums and phases are those of the source that knows most of the night.
    """

    end_at: dt.datetime
    summary: SourceOfSleep
    phases: tuple[PhaseOfSleep, ...] = ()
    #: How many there are where not all are listed.
    phase_count: int | None = None
    others: tuple[SourceOfSleep, ...] = ()


class RoutePoint(msgspec.Struct, frozen=True, array_like=True):
    """Degrees, metres above the sea, and seconds since the route began."""

    latitude: float
    longitude: float
    altitude: float | None
    seconds: float | None


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a workout led: a simplified line; ``point_count`` is what the phone recorded."""

    south: float
    west: float
    north: float
    east: float
    point_count: int
    length_meters: float
    start_at: dt.datetime | None = None
    #: No point that was left out is farther from the line.
    tolerance_meters: float = 0.0
    points: tuple[RoutePoint, ...] = ()


class WorkoutEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pause, a lap, a segment."""

    what: str | None = None
    at: dt.datetime | None = None
    duration_seconds: float | None = None
    raw: int | None = None


class WorkoutPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several activities of a workout (a triathlon)."""

    activity: str | None = None
    activity_raw: int | None = None
    start_at: dt.datetime | None = None
    end_at: dt.datetime | None = None
    duration_seconds: float | None = None
    is_indoor: bool | None = None
    statistics: tuple[Measure, ...] = ()


class Workout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workout; heart rates are beats per minute.

    ``multisport`` is one of several activities in a row of which none is the whole.
    """

    activity: str | None = None
    activity_raw: int | None = None
    end_at: dt.datetime | None = None
    duration_seconds: float | None = None
    distance_meters: float | None = None
    active_energy_kcal: float | None = None
    basal_energy_kcal: float | None = None
    steps: float | None = None
    flights: float | None = None
    heart_rate_mean: float | None = None
    heart_rate_minimum: float | None = None
    heart_rate_maximum: float | None = None
    is_indoor: bool | None = None
    goal: str | None = None
    goal_value: float | None = None
    goal_raw: int | None = None
    statistics: tuple[Measure, ...] = ()
    parts: tuple[WorkoutPart, ...] = ()
    events: tuple[WorkoutEvent, ...] = ()
    event_count: int = 0
    #: What apps noted: weather, METs, ascent; numbers with their unit.
    metadata: dict[str, str] | None = None
    routes: tuple[Route, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One weighing or the like, in the phone's unit and as it was entered."""

    name: str
    type_raw: int
    value: float
    unit: str | None = None
    entered_value: float | None = None
    entered_unit: str | None = None


class Award(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the Fitness app gave a medal for, by its own name, and the number that was reached."""

    name: str
    value: float | None = None
    unit: str | None = None


class EmergencyContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody to call."""

    name: str | None = None
    relationship: str | None = None
    phone: str | None = None
    #: The number in the form in which handles are compared.
    handle: str | None = None


class MedicalId(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the lock screen tells helpers; ``fields`` has everything that was filled in."""

    name: str | None = None
    birthday: str | None = None
    blood_type: str | None = None
    is_organ_donor: bool | None = None
    fields: dict[str, str] | None = None
    contacts: tuple[EmergencyContact, ...] = ()
    has_picture: bool = False


class HealthPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``health``."""

    form: Form
    group: Group
    #: The day on the calendar where it was; of a night: the day of waking up; of an award: the day
    #: for which it was given.
    date: str | None = None
    #: The phone's name of the zone, and what the clock showed.
    time_zone: str | None = None
    start_at: dt.datetime | None = None
    local_start: str | None = None
    origin: Origin | None = None
    created_at: dt.datetime | None = None
    #: Of a day.
    measures: tuple[Measure, ...] = ()
    rings: Rings | None = None
    night: Night | None = None
    workout: Workout | None = None
    measurement: Measurement | None = None
    award: Award | None = None
    medical_id: MedicalId | None = None
