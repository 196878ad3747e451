"""What other tables say of workouts, read for a batch of them at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.vocabulary import ROUTE
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, note_damage

#: Rows of one table for one batch; a workout of a day has some thousand events.
_MOST_ROWS = 50_000

ACTIVITY = (
    "ROWID", "owner_id", "is_primary_activity", "activity_type", "location_type", "start_date",
    "end_date", "duration",
)  # fmt: skip
STATISTIC = ("workout_activity_id", "data_type", "quantity", "min", "max")
EVENT = ("owner_id", "date", "type", "duration")
_METADATA = (
    "object_id", "key_id", "value_type", "string_value", "numerical_value", "date_value",
)  # fmt: skip
#: Where a workout's other objects are named: up to iOS 15, and since.
_LINKS = (("associations", "parent_id", "child_id"), ("correlations", "correlation", "object"))


class WorkoutTables:
    """The tables of a store that belong to workouts."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Prepare to look workouts up."""
        self._database = database
        self._tally = tally
        for table, column in (
            ("workout_activities", "owner_id"),
            ("workout_statistics", "workout_activity_id"),
            ("workout_events", "owner_id"),
            ("metadata_values", "object_id"),
        ):
            if column in database.columns(table) and not database.is_indexed(table, column):
                database.ensure_index(table, column)
        self._keys = {
            number: name
            for number, name in database.select("metadata_keys", ("rowid", "key"))
            if isinstance(number, int) and isinstance(name, str) and len(name) <= 100
        }

    def activities(self, workouts: Sequence[int]) -> dict[int, list[Record]]:
        """Return the activities of workouts, in their order."""
        return self._by("workout_activities", ACTIVITY, "owner_id", workouts)

    def statistics(self, activities: Sequence[int]) -> dict[int, list[Record]]:
        """Return the statistics of activities."""
        return self._by("workout_statistics", STATISTIC, "workout_activity_id", activities)

    def events(self, workouts: Sequence[int]) -> dict[int, list[Record]]:
        """Return pauses, laps and the like of workouts."""
        return self._by("workout_events", EVENT, "owner_id", workouts)

    def metadata(self, workouts: Sequence[int]) -> dict[int, dict[str, Record]]:
        """Return what was noted of workouts, by the names of the notes."""
        found: dict[int, dict[str, Record]] = {}
        for workout, rows in self._by("metadata_values", _METADATA, "object_id", workouts).items():
            named = found[workout] = {}
            for row in rows:
                name = self._keys.get(row["key_id"])
                if name is not None:
                    named[name] = row
        return found

    def route_keys(self, workouts: Sequence[int]) -> dict[int, list[int]]:
        """Return the keys of the series of points that belong to workouts."""
        found: dict[int, list[int]] = {}
        series = self._database.columns("data_series")
        if not {"data_id", "hfd_key"} <= series:
            return found
        for table, parent, child in _LINKS:
            if not {parent, child} <= self._database.columns(table):
                continue
            marks = ", ".join("?" for _ in workouts)
            statement = (
                f"select l.{parent}, d.hfd_key from {table} l "  # noqa: S608 -- names are ours
                f"join data_series d on d.data_id = l.{child} "
                f"join samples s on s.data_id = d.data_id and s.data_type = {ROUTE} "
                f"where l.{parent} in ({marks}) order by s.start_date, d.hfd_key "
                f"limit {_MOST_ROWS}"
            )
            for workout, key in self._rows(statement, workouts):
                if isinstance(workout, int) and isinstance(key, int):
                    keys = found.setdefault(workout, [])
                    if key not in keys:
                        keys.append(key)
        return found

    def _by(
        self, table: str, columns: Sequence[str], column: str, numbers: Sequence[int]
    ) -> dict[int, list[Record]]:
        there = self._database.columns(table)
        found: dict[int, list[Record]] = {}
        if column not in there or not numbers:
            return found
        lowered = {name.lower() for name in there} | {"rowid"}
        fields = ", ".join(
            name if name.lower() in lowered else f"null as {name}" for name in columns
        )
        marks = ", ".join("?" for _ in numbers)
        statement = (
            f"select {fields} from {table} where {column} in ({marks}) "  # noqa: S608 -- names are ours
            f"order by rowid limit {_MOST_ROWS}"
        )
        for row in self._rows(statement, numbers):
            record = dict(zip(columns, row, strict=True))
            owner = record[column]
            if isinstance(owner, int):
                found.setdefault(owner, []).append(record)
        return found

    def _rows(self, statement: str, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        try:
            return list(self._database.rows(statement, tuple(numbers)))
        except sqlite3.Error:
            note_damage(self._tally)
            return []
