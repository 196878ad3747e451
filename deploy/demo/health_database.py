"""Builds healthdb_secure.sqlite and healthdb.sqlite, and the archive of a Medical ID."""

from __future__ import annotations

import datetime as dt
import plistlib
import random
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.health_schema import Form, samples_schema, sources_schema

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
SLEEP, WORKOUT, ROUTE, RINGS = 63, 79, 102, 76


def cocoa(at: dt.datetime) -> float:
    """Return a moment as Health keeps it."""
    return (at - _COCOA).total_seconds()


@dataclass
class HealthDatabase:
    """Both stores in the making."""

    form: Form = "17"
    seed: int = 1
    db: sqlite3.Connection = field(init=False, repr=False)
    names: sqlite3.Connection = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(samples_schema(self.form))
        if self.form == "15":
            self.names = self.db
        else:
            self.names = sqlite3.connect(":memory:")
            self.names.executescript(sources_schema())
        self._random = random.Random(self.seed)  # noqa: S311 -- the same phone every time
        self._series = 0
        self._keys: dict[str, int] = {}
        self._sources = 0

    def uuid(self) -> bytes:
        """Return the next identity, the same in every run."""
        return uuid.UUID(int=self._random.getrandbits(128), version=4).bytes

    def begin_identities(self, seed: int) -> None:
        """Go on with other identities: those of *seed*, whatever was added before."""
        self._random = random.Random(seed)  # noqa: S311 -- as above

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; return its number."""
        marks = ", ".join("?" for _ in values)
        cursor = self.db.execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        )
        return int(cursor.lastrowid or 0)

    def source(self, name: str, *, product: str, device: str, zone: str = "Europe/Zurich") -> int:
        """Add an app or device; return its provenance in a time zone."""
        self._sources += 1
        number = self._sources
        self.names.execute(
            "insert into sources (ROWID, uuid, bundle_id, name, product_type, deleted) "
            "values (?, ?, ?, ?, ?, 0)",
            (number, self.uuid(), f"com.apple.health.{number:08X}", name, product),
        )
        self.names.execute(
            "insert into source_devices (ROWID, name, manufacturer, model, hardware, software) "
            "values (?, ?, 'Apple Inc.', ?, ?, '10.4')",
            (number, device, device, product),
        )
        return self.provenance(number, product=product, zone=zone)

    def provenance(self, source: int, *, product: str, zone: str) -> int:
        """Return another provenance of a source: the same, elsewhere."""
        return self.insert(
            "data_provenances", sync_provenance=0, origin_product_type=product,
            origin_build="21E219", local_product_type="iPhone14,5", local_build="21E219",
            source_id=source, device_id=source, source_version="17.4", tz_name=zone,
            origin_major_version=17, origin_minor_version=4, origin_patch_version=0,
            derived_flags=0,
        )  # fmt: skip

    def object(self, by: int, at: dt.datetime, *, deleted: bool = False) -> int:
        """Add an object; return its number."""
        return self.insert(
            "objects", uuid=self.uuid(), provenance=by, type=2 if deleted else 1,
            creation_date=cocoa(at),
        )  # fmt: skip

    def sample(
        self, number: int, *, by: int, at: dt.datetime, seconds: float = 0, deleted: bool = False
    ) -> int:
        """Add a sample without a value; return its number."""
        end = at + dt.timedelta(seconds=seconds)
        data_id = self.object(by, end, deleted=deleted)
        self.insert(
            "samples", data_id=data_id, start_date=cocoa(at), end_date=cocoa(end),
            data_type=number,
        )  # fmt: skip
        return data_id

    def quantity(
        self,
        number: int,
        value: float | None,
        *,
        by: int,
        at: dt.datetime,
        seconds: float = 0,
        deleted: bool = False,
        entered: tuple[float, str] | None = None,
    ) -> int:
        """Add a number, with what was typed in where that is another."""
        data_id = self.sample(number, by=by, at=at, seconds=seconds, deleted=deleted)
        unit = None
        if entered is not None:
            self.db.execute(
                "insert or ignore into unit_strings (unit_string) values (?)", (entered[1],)
            )
            ((unit,),) = self.db.execute(
                "select ROWID from unit_strings where unit_string = ?", (entered[1],)
            )
        self.insert(
            "quantity_samples", data_id=data_id, quantity=value,
            original_quantity=None if entered is None else entered[0], original_unit=unit,
        )  # fmt: skip
        return data_id

    def series(
        self,
        number: int,
        values: Sequence[float],
        *,
        by: int,
        at: dt.datetime,
        step: float = 5,
        has_mean: bool = True,
    ) -> int:
        """Add a sample that stands for many; with its mean and extremes or with values alone."""
        mean = sum(values) / len(values) if has_mean else None
        data_id = (
            self.quantity(number, mean, by=by, at=at, seconds=step * len(values))
            if has_mean
            else self.sample(number, by=by, at=at, seconds=step * len(values))
        )
        self._series += 1
        self.insert(
            "quantity_sample_series", data_id=data_id, count=len(values), insertion_era=0,
            hfd_key=self._series,
        )  # fmt: skip
        if has_mean:
            self.insert(
                "quantity_sample_statistics", owner_id=data_id, min=min(values), max=max(values)
            )
        if self.form == "17":
            self.db.executemany(
                "insert into quantity_series_data values (?, ?, ?, ?)",
                [
                    (self._series, cocoa(at) + place * step, value, step)
                    for place, value in enumerate(values)
                ],
            )
        return data_id

    def category(
        self, number: int, value: int, *, by: int, at: dt.datetime, seconds: float = 0
    ) -> int:
        """Add something that happened."""
        data_id = self.sample(number, by=by, at=at, seconds=seconds)
        self.insert("category_samples", data_id=data_id, value=value)
        return data_id

    def rings(self, *, by: int, midnight: dt.datetime, **columns: float) -> int:
        """Add the phone's own sums of a day."""
        data_id = self.sample(RINGS, by=by, at=midnight, seconds=86_400)
        values = {"cache_index": 0, "sequence": data_id} | columns
        self.insert("activity_caches", data_id=data_id, **values)
        return data_id

    def workout(  # noqa: C901 -- two layouts
        self,
        activity: int,
        *,
        by: int,
        at: dt.datetime,
        seconds: float,
        kilometres: float | None = None,
        kcal: float | None = None,
        heart: tuple[float, float, float] | None = None,
        indoor: bool | None = None,
        goal: tuple[int, float] | None = None,
        metadata: Mapping[str, str | float | tuple[float, str]] | None = None,
        parts: Sequence[tuple[int, float, float]] = (),
    ) -> int:
        """Add a workout in the layout of the form; *heart* is mean, least and most per minute.

        *parts* are the activities of a multisport workout: activity, seconds, metres.
        """
        data_id = self.sample(WORKOUT, by=by, at=at, seconds=seconds)
        kind, value = goal or (0, None)
        notes: dict[str, str | float | tuple[float, str]] = dict(metadata or {})
        if indoor is not None:
            notes["HKIndoorWorkout"] = float(indoor)
        if self.form == "15":
            self.insert(
                "workouts", data_id=data_id, duration=seconds, total_energy_burned=kcal,
                total_distance=kilometres, activity_type=activity, goal_type=kind, goal=value,
            )  # fmt: skip
            if heart is not None:
                for name, rate in zip(("Average", "Min", "Max"), heart, strict=True):
                    notes[f"_HKPrivateWorkout{name}HeartRate"] = (rate / 60, "count/s")
        else:
            self.insert(
                "workouts", data_id=data_id, total_distance=kilometres, goal_type=kind, goal=value
            )
            listed = parts or [(activity, seconds, (kilometres or 0) * 1000)]
            begin = at
            if parts:
                # The whole is an activity, too.
                self._activity(
                    data_id, activity, at=at, seconds=seconds, is_primary=True, indoor=indoor
                )
            for what, lasted, metres in listed:
                part = self._activity(
                    data_id, what, at=begin, seconds=lasted, is_primary=not parts, indoor=indoor
                )
                if metres:
                    self._statistic(part, {13: 83, 46: 110}.get(what, 8), metres)
                if kcal is not None and not parts:
                    self._statistic(part, 10, kcal)
                if heart is not None:
                    mean, least, most = heart
                    self._statistic(part, 5, mean / 60, least / 60, most / 60)
                begin += dt.timedelta(seconds=lasted)
        for name, said in notes.items():
            self.note(data_id, name, said)
        return data_id

    def _activity(
        self, owner: int, activity: int, *, at: dt.datetime, seconds: float, is_primary: bool,
        indoor: bool | None,
    ) -> int:  # fmt: skip
        return self.insert(
            "workout_activities", uuid=self.uuid(), owner_id=owner,
            is_primary_activity=int(is_primary), activity_type=activity,
            location_type={True: 2, False: 3, None: 1}[indoor], swimming_location_type=0,
            start_date=cocoa(at), end_date=cocoa(at) + seconds, duration=seconds,
        )  # fmt: skip

    def _statistic(
        self, part: int, number: int, value: float, least: float | None = None,
        most: float | None = None,
    ) -> None:  # fmt: skip
        self.insert(
            "workout_statistics", workout_activity_id=part, data_type=number, quantity=value,
            min=least, max=most,
        )  # fmt: skip

    def note(self, data_id: int, name: str, said: str | float | tuple[float, str]) -> None:
        """Add metadata to an object: a word, a number, or a number with its unit."""
        if name not in self._keys:
            self._keys[name] = self.insert("metadata_keys", key=name)
        word, number, form = None, None, 1
        if isinstance(said, str):
            word, form = said, 0
        elif isinstance(said, tuple):
            number, word, form = said[0], said[1], 3
        else:
            number = said
        self.insert(
            "metadata_values", key_id=self._keys[name], object_id=data_id, value_type=form,
            string_value=word, numerical_value=number,
        )  # fmt: skip

    def event(self, workout: int, kind: int, *, at: dt.datetime, seconds: float = 0) -> None:
        """Add a pause, a lap or the like."""
        self.insert("workout_events", owner_id=workout, date=cocoa(at), type=kind, duration=seconds)

    def award(self, name: str, *, at: dt.datetime, **columns: Any) -> int:
        """Add an award of the Fitness app, by the name of its template."""
        given = {"created_date": cocoa(at), "earned_date": at.date().isoformat()} | columns
        table = "ACHAchievementsPlugin_earned_instances"
        return self.insert(table, template_unique_name=name, **given)

    def route(
        self, workout: int, points: Iterable[tuple[float, float, float]], *, by: int,
        at: dt.datetime, step: float = 1,
    ) -> None:  # fmt: skip
        """Add where a workout led: degrees and metres above the sea, a point every *step*."""
        data_id = self.sample(ROUTE, by=by, at=at)
        self._series += 1
        key = self._series
        self.insert("data_series", data_id=data_id, frozen=1, hfd_key=key)
        self.insert("associations", parent_id=workout, child_id=data_id)
        self.db.executemany(
            "insert into location_series_data values (?, ?, ?, ?, ?, 2.5, 0, 5, 5, 0.5, 1, 1)",
            [
                (key, cocoa(at) + place * step, longitude, latitude, altitude)
                for place, (latitude, longitude, altitude) in enumerate(points)
            ],
        )

    def to_bytes(self) -> tuple[bytes, bytes | None]:
        """Return healthdb_secure.sqlite, and healthdb.sqlite where sources are apart."""
        self.db.commit()
        if self.names is self.db:
            return self.db.serialize(), None
        self.names.commit()
        return self.db.serialize(), self.names.serialize()


def archive(value: object) -> bytes:
    """Return *value* as NSKeyedArchiver writes it; ``$class`` in a dict names its class."""
    objects: list[Any] = ["$null"]

    def add(one: object) -> plistlib.UID:
        place = len(objects)
        objects.append(None)
        if isinstance(one, dict):
            name = str(one.get("$class", "NSDictionary"))
            fields: dict[str, Any] = {
                str(key): add(item) if isinstance(item, dict | list | str | bytes) else item
                for key, item in one.items()
                if key != "$class"
            }
            fields["$class"] = add_class(name)
            objects[place] = fields
        elif isinstance(one, list):
            objects[place] = {
                "NS.objects": [add(item) for item in one], "$class": add_class("NSArray"),
            }  # fmt: skip
        else:
            objects[place] = one
        return plistlib.UID(place)

    def add_class(name: str) -> plistlib.UID:
        objects.append({"$classname": name, "$classes": [name, "NSObject"]})
        return plistlib.UID(len(objects) - 1)

    root = add(value)
    return plistlib.dumps(
        {
            "$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": {"root": root},
            "$objects": objects,
        },
        fmt=plistlib.FMT_BINARY,
    )  # fmt: skip


def many_samples(count: int, *, seed: int = 3) -> HealthDatabase:
    """Return a store with *count* samples over eight years: mostly steps, hearts and energy."""
    database = HealthDatabase(seed=seed)
    phone = database.source("Mira's iPhone", product="iPhone14,5", device="iPhone")
    watch = database.source("Mira's Watch", product="Watch6,2", device="Apple Watch")
    chance = random.Random(seed)  # noqa: S311 -- the same store every time
    start = cocoa(dt.datetime(2016, 9, 1, tzinfo=dt.UTC))
    step = 2_900 * 86_400 / max(count, 1)
    kinds = ((5, 1.2, 0), (10, 0.4, 60), (7, 30, 120), (5, 1.6, 0), (8, 20, 120), (9, 1.1, 60),
             (139, 45, 60), (14, 0.97, 15))  # fmt: skip
    numbers = range(1, count + 1)
    db = database.db
    db.executemany(
        "insert into objects values (?, ?, ?, ?, ?)",
        (
            (
                number, chance.randbytes(16), phone if number % 5 == 0 else watch,
                2 if number % 997 == 0 else 1, start + number * step,
            )
            for number in numbers
        ),
    )  # fmt: skip
    db.executemany(
        "insert into samples values (?, ?, ?, ?)",
        (
            (
                number, start + number * step,
                start + number * step + kinds[number % len(kinds)][2],
                kinds[number % len(kinds)][0],
            )
            for number in numbers
        ),
    )  # fmt: skip
    db.executemany(
        "insert into quantity_samples (data_id, quantity) values (?, ?)",
        ((number, kinds[number % len(kinds)][1] * chance.uniform(0.7, 1.3)) for number in numbers),
    )
    return database
