"""The phone's own sums of days: what the rings of the Fitness app show."""

from __future__ import annotations

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.days import MOST_VALUE, tidy
from services.indexer.kinds.health.payload import Rings
from services.indexer.kinds.health.samples import DELETED, time_of
from services.indexer.kinds.health.sources import Sources
from services.indexer.kinds.health.statements import numbered_rows
from services.indexer.kinds.health.zones import DAY_SECONDS
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.values import float_of

#: A hundred years.
_MOST_DAYS = 36_600
_COLUMNS = (
    "energy_burned", "energy_burned_goal", "move_minutes", "brisk_minutes", "brisk_minutes_goal",
    "active_hours", "active_hours_goal", "steps", "walk_distance", "flights",
)  # fmt: skip
_HALF_A_DAY = DAY_SECONDS // 2


def read_rings(database: Database, sources: Sources, tally: Tally) -> dict[int, tuple[int, Rings]]:
    """Return zone and sums by day from 2001-01-01 on; of several for a day, the last written."""
    found: dict[int, tuple[int, Rings]] = {}
    if "data_id" not in database.columns("activity_caches"):
        return found
    rows = numbered_rows(
        database,
        (
            ("s", "start_date"), ("o", "provenance"), ("o", "type"),
            *(("a", name) for name in _COLUMNS),
        ),
        table="activity_caches",
        key="data_id",
        joins=(("s", "samples", "data_id"), ("o", "objects", "data_id")),
        tally=tally,
    )  # fmt: skip
    for _, start, provenance, state, *numbers in rows:
        at = time_of(start)
        if at is None or state == DELETED:
            continue
        by = sources.find(provenance)
        # Its day begins at midnight where the phone was; the middle of it is on the same date.
        middle = at + _HALF_A_DAY
        day = int((middle + sources.zones.offset(by.zone, middle)) // DAY_SECONDS)
        values = [_number(value) for value in numbers]
        if (day in found or len(found) < _MOST_DAYS) and any(values):
            rings = Rings(
                move_kcal=values[0],
                move_goal_kcal=values[1],
                move_minutes=values[2],
                exercise_minutes=values[3],
                exercise_goal_minutes=values[4],
                stand_hours=values[5],
                stand_goal_hours=values[6],
                steps=values[7],
                distance_meters=values[8],
                flights=values[9],
            )
            found[day] = by.zone, rings
    return found


def _number(value: object) -> float | None:
    number = float_of(value)
    return tidy(number) if number is not None and abs(number) < MOST_VALUE else None
