"""Tables beside the plain ones: what of health and places does not fit into one row per thing.

A day of health has many measures, a night many phases, a workout many points. Each such list is a
table of its own with the key of what it belongs to. Rows are kept compressed until their group is
over: only one member of the zip is open at a time.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zlib
from collections.abc import Callable, Iterator, Sequence

import msgspec

from services.indexer.exports.formats.cleaning import clean, is_formula, one_line
from services.indexer.exports.formats.protocol import Output
from services.indexer.kinds.health.payload import HealthPayload, Measure, Night, Rings, Workout
from services.indexer.kinds.place.payload import PlacePayload
from shared.contracts.indexer import Artifact

Cell = str | float | int | bool | dt.datetime | None
Row = Sequence[Cell]

_WAITING_BYTES = 64 * 1024
_RING_FIELDS = Rings.__struct_fields__
_WORKOUT_FIELDS = (
    "activity", "end_at", "duration_seconds", "distance_meters", "active_energy_kcal",
    "basal_energy_kcal", "steps", "flights", "heart_rate_mean", "heart_rate_minimum",
    "heart_rate_maximum", "is_indoor", "goal", "goal_value",
)  # fmt: skip
_NIGHT_FIELDS = (
    "source", "in_bed_seconds", "asleep_seconds", "awake_seconds", "core_seconds", "deep_seconds",
    "rem_seconds",
)  # fmt: skip
_COLUMNS: dict[str, tuple[str, ...]] = {
    "measures": (
        "key", "date", "of", "name", "unit", "total", "minimum", "mean", "maximum", "count",
        "duration_seconds",
    ),
    "rings": ("key", "date", *_RING_FIELDS),
    "nights": ("key", "date", "start_at", "end_at", *_NIGHT_FIELDS),
    "sleep": ("key", "date", "start_at", "duration_seconds", "phase"),
    "workouts": ("key", "date", "start_at", *_WORKOUT_FIELDS),
    "routes": (
        "key", "route", "point", "at", "latitude", "longitude", "altitude_metres",
    ),
    "measurements": ("key", "date", "at", "name", "value", "unit", "entered_value", "entered_unit"),
    "places": (
        "key", "name", "address", "latitude", "longitude", "origin", "visited_at", "created_at",
        "guides", "note",
    ),
}  # fmt: skip


class SideTables:
    """Gathers rows of the things of one group, and writes them when it is over."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._tables: dict[str, _Table] = {}

    def add(self, artifact: Artifact) -> None:
        """Take what is in lists. Raises before any row is taken for payloads that are no such."""
        read = _READERS.get(artifact.kind)
        for name, row in () if read is None else list(read(artifact)):
            if name not in self._tables:
                self._tables[name] = _Table(_COLUMNS[name])
            self._tables[name].add(row)

    def write(self, folder: str) -> None:
        """Write ``<folder>/<table>.csv`` for each table that has rows, and forget them."""
        for name, table in self._tables.items():
            with self._output.member(self._output.name(f"{folder}/{name}.csv")) as sink:
                for piece in table.pieces():
                    sink.write(piece)
        self._tables.clear()


class _Table:
    """Rows as compressed text: a year of routes is some megabytes."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._kept: list[bytes] = []
        self._compress = zlib.compressobj(1)
        self._waiting = io.StringIO()
        self._writer = csv.writer(self._waiting, lineterminator="\r\n")
        self._writer.writerow(columns)

    def add(self, row: Row) -> None:
        """Append a row."""
        self._writer.writerow([_cell(one) for one in row])
        if self._waiting.tell() >= _WAITING_BYTES:
            self._keep()

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole text, once."""
        self._keep()
        self._kept.append(self._compress.flush())
        expand = zlib.decompressobj()
        for kept in self._kept:
            yield expand.decompress(kept)
        yield expand.flush()

    def _keep(self) -> None:
        text = self._waiting.getvalue()
        self._kept.append(self._compress.compress(text.encode()))
        self._waiting.seek(0)
        self._waiting.truncate()


def _cell(value: Cell) -> str | float | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds")
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if is_formula(text) else text
    return value


def _health(artifact: Artifact) -> Iterator[tuple[str, Row]]:
    payload = msgspec.convert(artifact.payload, HealthPayload)
    head = (artifact.key, payload.date)
    for measure in payload.measures:
        yield "measures", (*head, "day", *_measured(measure))
    if payload.rings is not None:
        yield "rings", (*head, *(getattr(payload.rings, name) for name in _RING_FIELDS))
    if payload.night is not None:
        yield from _night(head, payload, payload.night)
    if payload.workout is not None:
        yield from _workout(head, payload, payload.workout)
    one = payload.measurement
    if one is not None:
        said = (one.name, one.value, one.unit, one.entered_value, one.entered_unit)
        yield "measurements", (*head, payload.start_at or artifact.occurred_at, *said)


def _night(
    head: tuple[str, str | None], payload: HealthPayload, night: Night
) -> Iterator[tuple[str, Row]]:
    for said in (night.summary, *night.others):
        sums = (getattr(said, name) for name in _NIGHT_FIELDS)
        yield "nights", (*head, payload.start_at, night.end_at, *sums)
    for phase in night.phases:
        yield "sleep", (*head, phase.start_at, phase.duration_seconds, phase.phase)


def _workout(
    head: tuple[str, str | None], payload: HealthPayload, workout: Workout
) -> Iterator[tuple[str, Row]]:
    said = (getattr(workout, name) for name in _WORKOUT_FIELDS)
    yield "workouts", (*head, payload.start_at, *said)
    for measure in workout.statistics:
        yield "measures", (*head, "workout", *_measured(measure))
    for number, route in enumerate(workout.routes):
        for n, point in enumerate(route.points):
            at = None
            if route.start_at is not None and point.seconds is not None:
                at = route.start_at + dt.timedelta(seconds=point.seconds)
            where = (point.latitude, point.longitude, point.altitude)
            yield "routes", (head[0], number, n, at, *where)


def _measured(one: Measure) -> Row:
    return (
        one.name, one.unit, one.total, one.minimum, one.mean, one.maximum, one.count,
        one.duration_seconds,
    )  # fmt: skip


def _place(artifact: Artifact) -> Iterator[tuple[str, Row]]:
    place = msgspec.convert(artifact.payload, PlacePayload)
    name = place.name or place.maps_name or artifact.title or place.query
    yield (
        "places",
        (
            artifact.key, one_line(name), place.address, place.latitude, place.longitude,
            place.origin, place.visited_at, place.created_at, ", ".join(place.guides), place.note,
        ),
    )  # fmt: skip


_READERS: dict[str, Callable[[Artifact], Iterator[tuple[str, Row]]]] = {
    "health": _health,
    "place": _place,
}
